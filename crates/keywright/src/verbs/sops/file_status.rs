//! `sops filestatus`: whether a file is encrypted, without any key. Specification: SOPS §8.14.

use std::path::Path;

use base::Fault;
use sops::{EncryptedDocument, ReadFault};

use super::config::unreadable;
use super::input::{Formats, no_file};
use super::session::{Session, fatal};
use crate::{Exit, Failure, files};

/// Tells the status of a file as JSON.
///
/// # Errors
/// No file is named (100), or it is none of its format (1).
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    if session.words.is_empty() {
        return Err(no_file());
    }
    session.config()?;
    let name = session.words[0].clone();
    let is_encrypted = is_encrypted(session, &name).map_err(|fault| {
        let fault = fault.within("cannot check file status: cannot load encrypted file");
        fatal(session.now, &fault)
    })?;
    session.ui.data(format!("{{\"encrypted\":{is_encrypted}}}\n").as_bytes())?;
    Ok(Exit::SUCCESS)
}

fn is_encrypted(session: &Session<'_>, name: &str) -> Result<bool, Fault> {
    let path = session.absolute(name);
    let format = Formats::of(session, &path).input;
    let bytes = files::read(Path::new(&path)).map_err(|fault| unreadable("Error reading file", name, fault))?;
    let tree = document::read(&bytes, format.encrypted(), &session.read_options())
        .map_err(|fault| fault.within("Could not unmarshal input data"))?;
    match EncryptedDocument::read(tree, format) {
        Ok((file, _)) => Ok(!file.metadata.mac.is_empty() && !file.metadata.version.is_empty()),
        Err(ReadFault::Plain) => Ok(false),
        Err(ReadFault::Wrong(fault)) => Err(fault),
    }
}
