//! `sops updatekeys`: the data key of a file wrapped for the keys that its creation rule names today. Values, MAC and the
//! time of the last change stay as they are. Not here: what would change (`sops::update_keys`). Specification: SOPS §8.10.

use std::path::Path;

use base::{Fault, SecretBytes};
use sops::{EncryptedDocument, Recipe, update_keys::Difference};

use super::config::unreadable;
use super::file::{self, lay_out, tell_left_clear};
use super::input::{Formats, no_file, replace};
use super::keys::Services;
use super::session::Session;
use crate::files::{self, Locked};
use crate::{Exit, Failure};

/// Brings files in line with the configuration file.
///
/// # Errors
/// No file is named (100), there is no configuration file, or what kept a file from it; of several files all are tried.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let names = std::mem::take(&mut session.words);
    if names.is_empty() {
        return Err(no_file());
    }
    if session.config()?.is_none() {
        return Err(Fault::not_found("config file not found")
            .hint("write a `.sops.yaml` with `creation_rules`")
            .into());
    }
    if let [name] = &names[..] {
        return one(session, name).map(|()| Exit::SUCCESS);
    }
    let mut failed = 0;
    for name in &names {
        if let Err(failure) = one(session, name) {
            session.error(&failure.fault().chain());
            failed += 1;
        }
    }
    match failed {
        0 => Ok(Exit::SUCCESS),
        count => Err(Fault::wrong(format!("failed updating {count} key(s)")).into()),
    }
}

fn one(session: &mut Session<'_>, name: &str) -> Result<(), Failure> {
    let path = session.absolute(name);
    let target = Path::new(&path);
    if target.is_dir() {
        return Err(Fault::wrong("can't operate on a directory").hint("name its files").into());
    }
    if !target.exists() {
        return Err(Fault::not_found(format!("stat {path}: no such file or directory")).into());
    }
    session.log(&format!("Syncing keys for file {path}"));
    let recipe = recipe(session, &path)?;
    let format = Formats::of(session, &path).input;
    let bytes = files::read(target).map_err(|fault| Failure::new(2, unreadable("Error reading file", &path, fault)))?;
    let mut file = file::read(session, &bytes, format)?;
    tell_left_clear(session, &path, |today| file.left_clear(today))?;
    let difference = Difference::between(&file.metadata, &recipe.groups, recipe.shamir_threshold);
    if difference.is_empty() {
        session.log(&format!("File {path} already up to date"));
        return Ok(());
    }
    session.ui.data(difference.text().as_bytes())?;
    if session.is_set("check") {
        return Err(Fault::wrong(format!("the keys of `{path}` are not those of its creation rule")).into());
    }
    if !session.is_set("yes") && !is_approved(session)? {
        session.log(&format!("File {path} left unchanged"));
        return Ok(());
    }
    let bytes = SecretBytes::from(bytes);
    let updated = updated(session, file, &difference, recipe, format)?;
    let locked = Locked::open(target).map_err(|fault| Failure::new(3, fault))?;
    if locked.before != bytes.expose() {
        return Err(Fault::conflict(format!("`{path}` was changed by somebody else meanwhile")).into());
    }
    replace(locked, &updated)?;
    session.log(&format!("File {path} synced with new keys"));
    Ok(())
}

fn recipe(session: &mut Session<'_>, path: &str) -> Result<Recipe, Failure> {
    let now = session.now;
    let Some(config) = session.config()? else { return Err(Fault::not_found("config file not found").into()) };
    config.recipe(path, now)?.ok_or_else(|| {
        Fault::wrong(format!("The config file {} does not contain any creation rule", config.shown)).into()
    })
}

/// The question before a change.
fn is_approved(session: &mut Session<'_>) -> Result<bool, Failure> {
    loop {
        match session.ui.ask("Is this okay? (y/n):").as_deref().map(str::trim) {
            Some("y" | "Y") => return Ok(true),
            Some("n" | "N") => return Ok(false),
            Some(_) => {}
            None => {
                let fault = Fault::wrong("EOF where an answer was expected; the file is as it was");
                return Err(fault.hint("`--yes` approves all changes").into());
            }
        }
    }
}

fn updated(
    session: &mut Session<'_>,
    mut file: EncryptedDocument,
    difference: &Difference,
    recipe: Recipe,
    format: document::Format,
) -> Result<Vec<u8>, Failure> {
    let services = Services::of(session);
    let key = services.unlock(session, &file.metadata)?;
    let which = difference.apply(&mut file.metadata, recipe.groups);
    services.wrap(&mut file.metadata, which, &key, "error updating one or more master keys")?;
    lay_out(session, file, format)
}
