//! `helm secrets edit`: sops' editor on a file of values, which need not be there yet. Specification: HS §4.2, §8.4.

use std::process::Command;

use base::Fault;

use super::backend::Backend;
use super::encrypt::{folder_of, sops_in};
use super::{Work, told};
use crate::{Exit, Failure};

/// Edits a file.
///
/// # Errors
/// Its folder is missing, or the backend cannot edit.
pub fn run(work: &mut Work<'_>, words: &[String]) -> Result<Exit, Failure> {
    let Some(file) = words.first() else { return work.explain("edit", &[]) };
    work.print(&format!("{file}\n"))?;
    let (folder, name) = folder_of(file)?;
    match work.settings.backend {
        Backend::Sops => sops_in(work, &folder, "", &[&name]),
        Backend::Vals => Err(told(Fault::wrong("vals: Editing files is not supported!"))),
        Backend::Noop => {
            let editor = work.environment.value("EDITOR").unwrap_or("vi");
            let words = shlex::split(editor).filter(|words| !words.is_empty());
            let words = words.ok_or_else(|| told(Fault::wrong("the quotes of $EDITOR do not match")))?;
            let status = Command::new(&words[0]).args(&words[1..]).arg(&name).current_dir(&folder).status();
            let status = status.map_err(|error| told(Fault::wrong("cannot start the editor").because(error)))?;
            Ok(if status.success() { Exit::SUCCESS } else { Exit::FAILURE })
        }
    }
}
