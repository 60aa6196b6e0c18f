//! `sops rotate`: a new data key for an encrypted file, and with it keys added to and removed from it. Values that do not
//! change keep their IVs, which is safe under a new key. Specification: SOPS §8.7.

use std::path::Path;

use base::Fault;
use sops::{DataKey, KeyType, MasterKey, Wrapping, rotate::change_keys};

use super::file::{self, Afterwards};
use super::input::{Input, Stdin, missing, no_file};
use super::keys::{self, Services};
use super::session::{Form, Session};
use crate::{Exit, Failure};

/// Rotates the data key of a file.
///
/// # Errors
/// Those of the command line, the keys and the file; nothing is written then.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let Some(name) = session.file() else { return Err(no_file()) };
    let path = session.absolute(&name);
    if !Path::new(&path).exists() {
        if KeyType::ALL.iter().any(|key_type| has_changes(session, *key_type)) {
            return Err(not_there(session, &path));
        }
        if session.form == Form::Legacy {
            return Err(missing(&path));
        }
    }
    let input = Input::open(session, Stdin::Never)?;
    let formats = input.formats;
    let file = file::read(session, input.bytes(), formats.input)?;
    let mut opened = file::open(session, file, Afterwards::EncryptAgain)?;
    let (added, removed) = (keys_of(session, "add")?, keys_of(session, "rm")?);
    let removed: Vec<String> = removed.iter().map(MasterKey::identity).collect();
    opened.metadata.groups = change_keys(std::mem::take(&mut opened.metadata.groups), added, &removed);
    opened.key = DataKey::random(&mut rand::rng());
    Services::of(session).wrap(&mut opened.metadata, Wrapping::All, &opened.key, "Could not generate data key")?;
    let (bytes, _) = file::seal(session, opened, formats.output)?;
    input.output.write(session, &bytes)?;
    Ok(Exit::SUCCESS)
}

fn has_changes(session: &Session<'_>, key_type: KeyType) -> bool {
    ["add", "rm"].iter().any(|what| session.value(&format!("{what}-{}", keys::flag(key_type))).is_some())
}

/// The keys that `--add-…` or `--rm-…` name.
fn keys_of(session: &Session<'_>, what: &str) -> Result<Vec<MasterKey>, Failure> {
    let options = keys::kms_options(session)?;
    let mut all = Vec::new();
    for key_type in KeyType::OF_FLAGS {
        if let Some(text) = session.value(&format!("{what}-{}", keys::flag(key_type))) {
            all.extend(MasterKey::parse_list(key_type, text, &options, session.now)?);
        }
    }
    Ok(all)
}

fn not_there(session: &Session<'_>, path: &str) -> Failure {
    let instead = match session.form {
        Form::Verb => "the `edit` subcommand",
        Form::Legacy => "`--kms` and `--pgp`",
    };
    let text = format!("cannot add or remove keys on non-existent file {path:?}, use {instead} instead.");
    Failure::new(49, Fault::not_found(text)).prefixed("Error: ")
}
