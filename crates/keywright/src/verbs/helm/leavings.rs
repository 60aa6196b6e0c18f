//! What of a run must not stay on the disk: copies, key rings, folders for both. It goes whatever ends us but `kill -9`: from the first
//! piece on the signals that would end us are ours, and Helm runs here, since while it runs they are its own.
//! Specification: HS §4.2 (exit codes), §7, §16 (S7, S9).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use base::Fault;

use crate::child::{Ending, Signals};

/// The leavings of a run.
#[derive(Default)]
pub struct Leavings {
    paths: Arc<Mutex<Vec<PathBuf>>>,
    signals: Option<Signals>,
}

impl Leavings {
    /// Takes the signals over. A process can do that once; a second call does nothing.
    ///
    /// # Errors
    /// The operating system refuses.
    fn watch(&mut self) -> Result<&Signals, Fault> {
        if self.signals.is_none() {
            let paths = self.paths.clone();
            self.signals = Some(Signals::take(move || {
                let paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
                // Folders were told before what lies in them. What cannot be removed now nobody can remove.
                for path in paths.iter().rev() {
                    let _ = std::fs::remove_file(path).or_else(|_| std::fs::remove_dir_all(path));
                }
            })?);
        }
        Ok(self.signals.as_ref().expect("they were taken just now"))
    }

    /// A file or folder that goes with us.
    ///
    /// # Errors
    /// The operating system does not give us the signals.
    pub fn add(&mut self, path: &Path) -> Result<(), Fault> {
        self.watch()?;
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        Ok(())
    }

    /// Runs a program that sees what we made.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&mut self, command: &mut Command) -> std::io::Result<Ending> {
        self.watch().map_err(|fault| std::io::Error::other(fault.chain()))?.run(command)
    }
}
