//! Decrypted copies for Helm: for our user alone, in a folder of memory unless the user chose names, removed whatever ends
//! us. Helm runs here, since the signals that would end us are its own while it runs. Specification: HS §7, §16 (S7, S9), §19.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use base::Fault;
use tempfile::TempDir;

use super::{Work, told};
use crate::Failure;
use crate::child::{Ending, Signals};

/// The copies of a run.
pub struct Copies {
    folder: TempDir,
    /// Path, and the name by which scripts know it.
    made: Arc<Mutex<Vec<(PathBuf, String)>>>,
    signals: Signals,
}

impl Copies {
    /// None yet.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn new(work: &Work<'_>) -> Result<Self, Failure> {
        let attempt = |error| told(Fault::unreachable("cannot make a folder for decrypted values").because(error));
        let above = match work.environment.first(&["HELM_SECRETS_DEC_TMP_DIR", "TMPDIR"]) {
            Some(chosen) => PathBuf::from(chosen),
            None if Path::new(MEMORY).is_dir() => PathBuf::from(MEMORY),
            None => PathBuf::from("/tmp"),
        };
        std::fs::create_dir_all(&above).map_err(attempt)?;
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("helm-secrets-").permissions(Permissions::from_mode(0o700)).tempdir_in(above);
        let folder = folder.map_err(attempt)?;
        let made: Arc<Mutex<Vec<(PathBuf, String)>>> = Arc::default();
        let (leaving, shared) = (folder.path().to_owned(), made.clone());
        let signals = Signals::take(move || {
            // What cannot be removed now nobody can remove.
            let made = shared.lock().unwrap_or_else(PoisonError::into_inner);
            made.iter().for_each(|(path, _)| drop(std::fs::remove_file(path)));
            let _ = std::fs::remove_dir_all(&leaving);
        });
        Ok(Self { folder, made, signals: signals.map_err(told)? })
    }

    /// Makes a copy; `name` is where the peer would put it, and where it lies if the user chose names.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn make(&mut self, work: &Work<'_>, name: &str, bytes: &[u8]) -> Result<String, Failure> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let last = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = match work.settings.has_own_names && !work.settings.in_tmp_dir {
            true => PathBuf::from(name),
            false => self.folder.path().join(format!("{}-{last}", made.len())),
        };
        let attempt = |error| told(Fault::unreachable(format!("cannot write `{}`", path.display())).because(error));
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(attempt)?;
        made.push((path.clone(), name.to_owned()));
        file.write_all(bytes).map_err(attempt)?;
        Ok(path.display().to_string())
    }

    /// Runs a program that sees the copies.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, command: &mut Command) -> std::io::Result<Ending> {
        self.signals.run(command)
    }

    /// Removes them all, and tells which.
    pub fn remove(self, work: &mut Work<'_>) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for (path, name) in made {
            match std::fs::remove_file(&path) {
                Ok(()) => work.note(&format!("Removed: {name}")),
                Err(error) => work.complain(&format!("cannot remove `{}`: {error}", path.display())),
            }
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // Where the run failed on its way; the folder goes by itself.
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.iter().for_each(|(path, _)| drop(std::fs::remove_file(path)));
    }
}

/// Where files never reach a disk.
const MEMORY: &str = "/dev/shm";
