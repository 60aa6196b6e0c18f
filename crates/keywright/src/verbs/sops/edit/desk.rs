//! Where a plain file lies while an editor has it: a folder for us alone, with the file under its own name, since editors
//! go by that. It goes when we end, by whatever end but `kill -9`. Specification: SOPS §8.6.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use base::{Fault, SecretBytes};
use tempfile::TempDir;

use super::Session;
use crate::child::{Ending, Signals};
use crate::{Environment, Failure, files};

/// The folder, the file in it, and the editor.
pub struct Desk {
    folder: TempDir,
    file: PathBuf,
    before: SecretBytes,
    editor: Vec<String>,
    signals: Signals,
}

impl Desk {
    /// Lays the text out under the name of the file that it belongs to.
    ///
    /// # Errors
    /// There is no editor (201), or no room for the text.
    pub fn new(session: &Session<'_>, path: &str, text: &[u8]) -> Result<Self, Failure> {
        let editor = editor(session.environment)?;
        let attempt = |error| Fault::unreachable("cannot make a folder for the editor").because(error);
        let above = session.environment.value("TMPDIR").unwrap_or("/tmp");
        let mut builder = tempfile::Builder::new();
        let folder = builder.permissions(Permissions::from_mode(0o700)).tempdir_in(above).map_err(attempt)?;
        let leaving = folder.path().to_owned();
        // Before the text is there: from now on no signal leaves it behind.
        let signals = Signals::take(move || {
            // What cannot be removed or told now nobody can remove or tell.
            let _ = std::fs::remove_dir_all(&leaving);
            let _ = writeln!(std::io::stderr(), "{CANCELED}");
        })?;
        let name = Path::new(path).file_name().unwrap_or_default();
        let file = folder.path().join(name);
        let opened = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&file);
        opened.and_then(|mut file| file.write_all(text)).map_err(attempt)?;
        Ok(Self { folder, file, before: text.to_vec().into(), editor, signals })
    }

    /// Runs the editor to its end.
    ///
    /// # Errors
    /// It cannot be started, or failed.
    pub fn edit(&self) -> Result<(), Failure> {
        let failed = |reason: String| Failure::new(201, Fault::wrong(format!("Could not run editor: {reason}")));
        let (program, words) = self.editor.split_first().ok_or_else(|| failed("no editor available".to_owned()))?;
        let ending = self.signals.run(Command::new(program).args(words).arg(&self.file));
        match ending.map_err(|error| failed(format!("exec: {program:?}: {error}")))? {
            ending if ending.is_success() => Ok(()),
            Ending::Signal(libc::SIGINT | libc::SIGTERM | libc::SIGHUP | libc::SIGQUIT) => {
                Err(Fault::wrong(CANCELED).into())
            }
            ending => Err(failed(ending.to_string())),
        }
    }

    /// The text, if the editor changed it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn changed(&self) -> Result<Option<SecretBytes>, Failure> {
        let text = SecretBytes::from(files::read(&self.file)?);
        Ok((text.expose() != self.before.expose()).then_some(text))
    }

    /// Leaves the file where it is, and says where.
    pub fn keep(&mut self) -> String {
        self.folder.disable_cleanup(true);
        self.file.display().to_string()
    }
}

const CANCELED: &str = "User canceled operation";

/// The editor and its words.
fn editor(environment: &Environment) -> Result<Vec<String>, Failure> {
    if let Some(text) = environment.first(&["SOPS_EDITOR", "EDITOR"]) {
        let words = shlex::split(text).filter(|words| !words.is_empty());
        return words.ok_or_else(|| {
            let fault = Fault::wrong("invalid $EDITOR").because("its quotes do not match");
            Failure::new(201, fault.within("Could not run editor"))
        });
    }
    let path = environment.value("PATH").unwrap_or_default();
    let is_there = |name: &&&str| path.split(':').any(|folder| Path::new(folder).join(name).is_file());
    match EDITORS.iter().find(is_there) {
        Some(name) => Ok(vec![(*name).to_owned()]),
        None => {
            let fault = Fault::wrong(
                "Could not run editor: no editor available: sops attempts to use the editor defined in \
                the SOPS_EDITOR or EDITOR environment variables, and if that's not set defaults to any of vim, nano, vi, but \
                none of them could be found",
            );
            Err(Failure::new(201, fault))
        }
    }
}

const EDITORS: [&str; 3] = ["vim", "nano", "vi"];
