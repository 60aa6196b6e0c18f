//! `sops exec-file`: a command with the plain text of an encrypted file in a FIFO or a file, whose path stands for `{}` in the
//! command. The text lies in a folder for us alone, which goes when we end, by whatever end but `kill -9`.
//! Specification: SOPS §8.12.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use base::{Fault, SecretBytes};
use document::Path as Place;
use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::decrypt;
use super::exec::{Order, become_user, shell, tell_deprecated, to_its_end};
use super::session::Session;
use crate::child::Signals;
use crate::{Exit, Failure};

/// Runs a command.
///
/// # Errors
/// Those of the file; there is no room for its text; or the command did not end well.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    if session.is_set("background") {
        tell_deprecated(session, "exec-file");
        session.warn("the command is waited for nevertheless: its file would else be gone before it is read");
    }
    let given = session.value("filename").map(str::to_owned);
    if given.as_deref().is_some_and(|name| !is_local(name)) {
        return Err(Fault::wrong("The provided filename is not a local path.").into());
    }
    let order = Order::read(session)?;
    let text = decrypt::laid_out(session, &order.document, &Place::default(), order.formats.output)?;
    let text = SecretBytes::from(text);
    let of_user = become_user(session)?;
    let folder = folder(session)?;
    let leaving = folder.path().to_owned();
    // Before the text is there: from now on no signal leaves it behind. What cannot be removed then nobody can remove.
    let signals = Signals::take(move || drop(std::fs::remove_dir_all(&leaving)))?;
    let path = match session.is_set("no-fifo") {
        true => written(&folder, given.as_deref(), &text)?,
        false => fifo(&folder, given.as_deref().unwrap_or(NAME), text)?,
    };
    let mut command = shell(&order.command.replace("{}", &path.to_string_lossy()));
    command.envs(of_user);
    to_its_end(command, &signals)
}

/// The file's name where none is given.
const NAME: &str = "tmp-file";

/// As Go has it: a path that stays below where it starts.
fn is_local(name: &str) -> bool {
    let mut depth = 0_usize;
    for part in Path::new(name).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

fn attempt(error: impl Into<std::io::Error>) -> Fault {
    Fault::unreachable("cannot make a file for the command").because(error.into())
}

fn folder(session: &Session<'_>) -> Result<TempDir, Fault> {
    let above = session.environment.value("TMPDIR").unwrap_or("/tmp");
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sops").permissions(Permissions::from_mode(0o700)).tempdir_in(above).map_err(attempt)
}

/// A regular file with the text.
fn written(folder: &TempDir, name: Option<&str>, text: &SecretBytes) -> Result<PathBuf, Fault> {
    let (mut file, path) = match name {
        Some(name) => {
            let path = folder.path().join(name);
            let file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(attempt)?;
            (file, path)
        }
        None => {
            let file = tempfile::Builder::new().prefix(NAME).tempfile_in(folder.path()).map_err(attempt)?;
            // The folder goes with it.
            file.keep().map_err(|kept| attempt(kept.error))?
        }
    };
    file.write_all(text.expose()).map_err(attempt)?;
    Ok(path)
}

/// A FIFO whose first reader gets the text. Where nobody reads, the writer waits until we end.
fn fifo(folder: &TempDir, name: &str, text: SecretBytes) -> Result<PathBuf, Fault> {
    let path = folder.path().join(name);
    nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(attempt)?;
    let target = path.clone();
    std::thread::spawn(move || {
        // A reader that leaves early has what it wanted.
        let _ = File::options().write(true).open(target).and_then(|mut fifo| fifo.write_all(text.expose()));
    });
    Ok(path)
}
