//! `helm secrets encrypt`: as YAML whatever the file is called, from the file's own folder, so that its `.sops.yaml` counts.
//! Specification: HS §4.2.

use std::path::{Path, PathBuf};
use std::process::Command;

use base::Fault;
use document::Format;

use super::backend::{Backend, pinned_words, sops_path};
use super::{Work, sops, told};
use crate::{Exit, Failure, files};

/// Encrypts a file.
///
/// # Errors
/// It is missing or encrypted already, or sops refuses.
pub fn run(work: &mut Work<'_>, words: &[String]) -> Result<Exit, Failure> {
    let in_place = words.iter().any(|word| word == "-i");
    let Some(file) = words.iter().find(|word| *word != "-i") else { return work.explain("encrypt", &[]) };
    if !Path::new(file).is_file() {
        return Err(told(Fault::not_found(format!("File does not exist: {file}"))));
    }
    if work.settings.backend != Backend::Sops {
        return Err(told(Fault::wrong("Encrypting files is not supported!")));
    }
    let (folder, name) = folder_of(file)?;
    if Backend::Sops.is_encrypted(&files::read(Path::new(file)).map_err(told)?) {
        return Err(told(Fault::wrong(format!("Already encrypted: {name}"))));
    }
    let more: &[&str] = if in_place { &["--in-place", &name] } else { &[&name] };
    sops_in(work, &folder, "--encrypt", more)
}

/// The folder of a file, from the root, and its name.
pub fn folder_of(file: &str) -> Result<(PathBuf, String), Failure> {
    let path = Path::new(file);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let missing = |_| told(Fault::not_found(format!("Directory does not exist: {}", above.display())));
    Ok((std::fs::canonicalize(above).map_err(missing)?, name))
}

/// Runs sops, ours or a pinned one, as if in that folder.
pub fn sops_in(work: &mut Work<'_>, folder: &Path, mode: &str, more: &[&str]) -> Result<Exit, Failure> {
    if let Some(program) = sops_path(work) {
        let words = pinned_words(work, &program, mode, Format::Yaml, more);
        let status = Command::new(&program[0]).args(words).current_dir(folder).status();
        let status =
            status.map_err(|error| told(Fault::wrong(format!("cannot start `{}`", program[0])).because(error)))?;
        return Ok(if status.success() { Exit::SUCCESS } else { Exit::FAILURE });
    }
    let program = ["sops".to_owned()];
    let words = pinned_words(work, &program, mode, Format::Yaml, more);
    let folder = folder.to_string_lossy().into_owned();
    match sops::run_in(folder, &words, &work.environment, work.ui) {
        Ok(exit) => Ok(exit),
        Err(failure) => {
            failure.tell(work.ui);
            Ok(Exit::FAILURE)
        }
    }
}
