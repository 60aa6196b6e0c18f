//! Files are read with a limit and replaced whole or not at all: a temporary file in the same folder, flushed to disk,
//! with the old file's mode and owner, renamed over the resolved target. A file with several hard links, or in a folder
//! we may not write to, is written in place instead, as the peers do. Specification: SOPS §9; design §4.2.

use std::fs::{self, File, Metadata};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base::{Fault, limit};
use rustix::fs::{FlockOperation, flock};

/// Reads a file, up to the limit of one.
///
/// # Errors
/// It cannot be opened or read, or holds more than a file may.
pub fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let attempt = || format!("cannot read `{}`", path.display());
    let file = File::open(path).map_err(|error| fault(attempt(), error))?;
    let mut bytes = Vec::new();
    let read = file.take(limit::FILE_BYTES + 1).read_to_end(&mut bytes);
    if read.map_err(|error| fault(attempt(), error))? as u64 > limit::FILE_BYTES {
        return Err(Fault::wrong(format!("`{}` holds more than {} bytes", path.display(), limit::FILE_BYTES)));
    }
    Ok(bytes)
}

/// A file that is being changed: locked against other processes of ours from reading to replacing.
pub struct Locked {
    path: PathBuf,
    lock: File,
    /// The bytes as they were read under the lock.
    pub before: Vec<u8>,
}

impl Locked {
    /// Locks a file and reads it; waits while another process of ours changes it.
    ///
    /// # Errors
    /// The file cannot be opened, locked or read.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let attempt = || format!("cannot lock `{}`", path.display());
        let path = fs::canonicalize(path).map_err(|error| fault(attempt(), error))?;
        loop {
            let lock = File::open(&path).map_err(|error| fault(attempt(), error))?;
            flock(&lock, FlockOperation::LockExclusive).map_err(|error| fault(attempt(), error.into()))?;
            // While we waited, the one before us may have renamed a new file over the path: then we hold an old inode.
            let (held, now) = (lock.metadata(), fs::metadata(&path));
            if let (Ok(held), Ok(now)) = (held, now)
                && (held.dev(), held.ino()) == (now.dev(), now.ino())
            {
                let before = read(&path)?;
                return Ok(Self { path, lock, before });
            }
        }
    }

    /// Replaces the file, unless somebody who does not lock changed it meanwhile.
    ///
    /// # Errors
    /// It was changed meanwhile, or cannot be written; it is then as it was.
    pub fn replace(self, after: &[u8]) -> Result<(), Fault> {
        if read(&self.path)? != self.before {
            return Err(Fault::conflict(format!("`{}` was changed by somebody else meanwhile", self.path.display()))
                .hint("look at the change and run the command again"));
        }
        let done = replace(&self.path, after);
        drop(self.lock);
        done
    }
}

/// Replaces a file whole or not at all; a file that is not there is made with the mode that the umask allows.
///
/// # Errors
/// It cannot be written; it is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    // tempfile applies the umask to this mode.
    replace_or_make(path, bytes, 0o666)
}

/// As [`replace`], but a file that is not there is made for its owner alone: it may hold values.
///
/// # Errors
/// It cannot be written; it is then as it was.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    replace_or_make(path, bytes, 0o600)
}

fn replace_or_make(path: &Path, bytes: &[u8], new_mode: u32) -> Result<(), Fault> {
    let attempt = || format!("cannot write `{}`", path.display());
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&target).ok();
    if let Some(old) = &old {
        if !old.is_file() {
            // A pipe, a terminal or /dev/stdout: there is nothing to replace.
            return fs::write(&target, bytes).map_err(|error| fault(attempt(), error));
        }
        // Whoever may not write to the file must not replace it through a writable folder.
        File::options().write(true).open(&target).map_err(|error| fault(attempt(), error))?;
    }
    let renamed = match &old {
        Some(old) if old.nlink() > 1 => None,
        _ => through_rename(&target, old.as_ref(), bytes, new_mode),
    };
    match renamed {
        Some(done) => done.map_err(|error| fault(attempt(), error)),
        None => in_place(&target, bytes).map_err(|error| fault(attempt(), error)),
    }
}

/// `None` where the folder refuses a temporary file, or the file's owner could not be kept.
fn through_rename(target: &Path, old: Option<&Metadata>, bytes: &[u8], new_mode: u32) -> Option<std::io::Result<()>> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".keywright-");
    if old.is_none() {
        builder.permissions(fs::Permissions::from_mode(new_mode));
    }
    let mut temporary = builder.tempfile_in(folder).ok()?;
    if let Some(old) = old {
        let made = temporary.as_file().metadata().ok()?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::chown(temporary.path(), Some(old.uid()), Some(old.gid())).ok()?;
        }
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(old.mode() & 0o7777)).ok()?;
    }
    let written = temporary.write_all(bytes).and_then(|()| temporary.as_file().sync_all());
    Some(written.and_then(|()| temporary.persist(target).map(drop).map_err(|refused| refused.error)))
}

fn in_place(target: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).open(target)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn fault(attempt: String, error: std::io::Error) -> Fault {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => base::Kind::NotFound,
        std::io::ErrorKind::PermissionDenied => base::Kind::Denied,
        _ => base::Kind::Unreachable,
    };
    Fault::new(kind, attempt).because(error)
}

#[cfg(test)]
mod tests;
