//! `sops unset`: one value of an encrypted file, removed in place; all others keep their bytes. Specification: SOPS §8.9.

use base::{Fault, Kind};
use document::{Path, edit};

use super::file;
use super::session::Session;
use crate::{Exit, Failure};

/// Removes a value.
///
/// # Errors
/// The index is wrong (7), there is no such value, or those of the file; it is then as it was.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let [name, index] = &session.words[..] else {
        return Err(Failure::new(100, Fault::wrong("no file specified, or index is missing")).prefixed("Error: "));
    };
    let path = Path::parse(index).and_then(|path| match path.is_empty() {
        true => Err(Fault::wrong("the index is empty").hint("write it as [\"key\"][0]")),
        false => Ok(path),
    });
    let path = path.map_err(|fault| Failure::new(7, fault.within("Invalid unset index format")))?;
    let file = session.absolute(name);
    let is_idempotent = session.is_set("idempotent");
    file::change(session, &file, |document| {
        let branch = document.branches.first_mut().ok_or_else(|| Fault::wrong("the file has no document"))?;
        match edit::unset(branch, &path) {
            Err(fault) if fault.kind() == Kind::NotFound && is_idempotent => Ok(false),
            Err(fault) => Err(fault.into()),
            Ok(()) => Ok(true),
        }
    })
}
