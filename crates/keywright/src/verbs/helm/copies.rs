//! Decrypted copies for Helm: for our user alone, in a folder of memory unless the user chose names, removed at the end.
//! Their names hold nothing that Helm's command line would read as more than a name. Specification: HS §7, §16 (S7, S9), §19.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use base::Fault;
use tempfile::TempDir;

use super::pure::dec_name::Naming;
use super::{Work, told};
use crate::Failure;

/// The copies of a run.
#[derive(Default)]
pub struct Copies {
    folder: Option<TempDir>,
    /// The folder above, if it is ours, too.
    above: Option<PathBuf>,
    made: Vec<Made>,
}

struct Made {
    path: PathBuf,
    /// The name by which scripts know it; nothing for a file that holds no secret of ours.
    shown: Option<String>,
}

/// What becomes of a file that Helm gets in the place of another.
pub enum Copy<'a> {
    /// The plain text of a file, told by the name that the peer would give it.
    Plain(&'a str),
    /// What was fetched or is missing.
    Other,
}

impl Copies {
    /// Makes a copy; answers its path.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn make(&mut self, work: &mut Work<'_>, typed: &str, copy: Copy<'_>, bytes: &[u8]) -> Result<String, Failure> {
        let settings = &work.settings;
        let (in_tmp_dir, has_own_names) = (settings.in_tmp_dir, settings.has_own_names);
        let (path, shown) = match copy {
            Copy::Plain(name) if has_own_names && !in_tmp_dir => (PathBuf::from(name), Some(name.to_owned())),
            Copy::Plain(_) if in_tmp_dir => {
                let path = self.in_folder(work, typed)?;
                let shown = path.display().to_string();
                (path, Some(shown))
            }
            Copy::Plain(name) => (self.in_folder(work, typed)?, Some(name.to_owned())),
            Copy::Other => (self.in_folder(work, typed)?, None),
        };
        let attempt = |error| told(Fault::unreachable(format!("cannot write `{}`", path.display())).because(error));
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(attempt)?;
        work.leavings.add(&path).map_err(told)?;
        self.made.push(Made { path: path.clone(), shown });
        file.write_all(bytes).map_err(attempt)?;
        Ok(path.display().to_string())
    }

    /// A free name in the folder of this run.
    fn in_folder(&mut self, work: &mut Work<'_>, typed: &str) -> Result<PathBuf, Failure> {
        let folder = match &self.folder {
            Some(folder) => folder.path().to_owned(),
            None => self.begin(work)?,
        };
        let naming = Naming { folder: ".".to_owned(), ..work.settings.naming.clone() };
        let name: String = naming.of(typed).chars().skip("./".len()).map(harmless).collect();
        // Long names of folders become part of the file's name, which must not grow over what a file system takes.
        let begin = name.char_indices().rev().nth(LONGEST).map_or(0, |(at, _)| at);
        let path = folder.join(&name[begin..]);
        if !path.exists() {
            return Ok(path);
        }
        let number = self.made.len().to_string();
        let room = folder.join(number);
        std::fs::create_dir(&room)
            .map_err(|error| told(Fault::unreachable("cannot make a folder for decrypted values").because(error)))?;
        Ok(room.join(&name[begin..]))
    }

    fn begin(&mut self, work: &mut Work<'_>) -> Result<PathBuf, Failure> {
        let attempt = |error| told(Fault::unreachable("cannot make a folder for decrypted values").because(error));
        let chosen = work.environment.first(&["HELM_SECRETS_DEC_TMP_DIR", "TMPDIR"]).map(PathBuf::from);
        if let Some(chosen) = chosen.as_ref().filter(|chosen| !chosen.exists()) {
            std::fs::create_dir_all(chosen).map_err(attempt)?;
            self.above = Some(chosen.clone());
        }
        let places = chosen.map_or_else(|| vec![PathBuf::from(MEMORY), PathBuf::from("/tmp")], |chosen| vec![chosen]);
        let mut made = Err(std::io::ErrorKind::NotFound.into());
        for place in places {
            let mut builder = tempfile::Builder::new();
            made = builder.prefix("helm-secrets-").permissions(Permissions::from_mode(0o700)).tempdir_in(place);
            if made.is_ok() {
                break;
            }
        }
        let folder = made.map_err(attempt)?;
        let path = folder.path().to_owned();
        work.leavings.add(&path).map_err(told)?;
        self.folder = Some(folder);
        Ok(path)
    }

    /// Removes them all, and tells which.
    pub fn remove(mut self, work: &mut Work<'_>) {
        for Made { path, shown } in std::mem::take(&mut self.made) {
            match (std::fs::remove_file(&path), shown) {
                (Ok(()), Some(shown)) => work.note(&format!("Removed: {shown}")),
                (Ok(()), None) => {}
                (Err(error), _) => work.complain(&format!("cannot remove `{}`: {error}", path.display())),
            }
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.made.iter().for_each(|made| drop(std::fs::remove_file(&made.path)));
        drop(self.folder.take());
        if let Some(above) = &self.above {
            // Others may have put something there; then it stays.
            let _ = std::fs::remove_dir(above);
        }
    }
}

/// Helm reads values files as a line of CSV and each as a URL, and `--set-file` in its own grammar.
fn harmless(letter: char) -> char {
    match letter {
        ',' | '"' | '\\' | '{' | '}' | '[' | ']' | '=' | '%' => '_',
        letter if letter.is_control() || letter.is_whitespace() => '_',
        letter => letter,
    }
}

/// How many letters of a name are kept: four bytes each are still a name.
const LONGEST: usize = 60;

/// Where files never reach a disk.
const MEMORY: &str = "/dev/shm";
