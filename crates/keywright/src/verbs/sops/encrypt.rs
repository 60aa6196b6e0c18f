//! `sops encrypt`: a plain file becomes an encrypted one, with a new data key for the keys of flags or rule.
//! Specification: SOPS §8.4.

use base::Fault;
use document::Format;
use sops::{Count, DataKey, Recipe, Selection, Stash, Wrapping, encrypted};

use super::file::{self, Opened, said};
use super::input::{Input, Stdin};
use super::keys::{self, Services};
use super::session::Session;
use crate::{Exit, Failure};

/// Encrypts a file or stdin.
///
/// # Errors
/// Those of the command line, the keys, the file and its values; nothing is written then.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let input = Input::open(session, Stdin::ReadWithName)?;
    let recipe = keys::recipe(session, &input.name)?;
    let formats = input.formats;
    let document = document::read(input.bytes(), formats.input, &session.read_options())
        .map_err(|fault| Failure::new(2, fault.within("Error unmarshalling file")))?;
    if document.branches.is_empty() {
        let fault = Fault::wrong("File cannot be completely empty, it must contain at least one document");
        return Err(Failure::new(92, fault));
    }
    if formats.input != Format::Binary
        && (encrypted::is_reserved(&document, formats.input) || encrypted::is_reserved(&document, formats.output))
    {
        return Err(file::reserved());
    }
    let told = recipe.clone();
    let mut opened = started(session, recipe, formats.input)?;
    opened.document = document;
    let (bytes, count) = file::seal(session, opened, formats.output)?;
    tell_if_nothing_is_encrypted(session, told.selection.as_ref(), told.rule.as_deref(), count, formats.input)?;
    input.output.write(session, &bytes)?;
    Ok(Exit::SUCCESS)
}

/// A new file without values yet: its keys have wrapped a new data key.
///
/// # Errors
/// A key cannot wrap.
pub fn started(session: &mut Session<'_>, recipe: Recipe, format: Format) -> Result<Opened, Failure> {
    let is_binary = format == Format::Binary;
    if is_binary && let Some(selection) = &recipe.selection {
        session.warn(&without_sense(selection));
    }
    let mut metadata = recipe.metadata(is_binary);
    let key = DataKey::random(&mut rand::rng());
    Services::of(session).wrap(&mut metadata, Wrapping::All, &key, "Could not generate data key")?;
    Ok(Opened { document: document::Document::default(), metadata, key, stash: Stash::default() })
}

/// A selection that leaves everything clear is most often a mistake.
///
/// # Errors
/// Nothing was encrypted, and the run is strict.
pub fn tell_if_nothing_is_encrypted(
    session: &mut Session<'_>,
    selection: Option<&Selection>,
    rule: Option<&str>,
    count: Count,
    format: Format,
) -> Result<(), Failure> {
    if count.encrypted > 0 || count.values == 0 || format == Format::Binary {
        return Ok(());
    }
    let selection = said(&selection.cloned().unwrap_or_default());
    let rule = match rule {
        None => String::new(),
        Some("") => " (of a creation rule without `path_regex`)".to_owned(),
        Some(regex) => format!(" (of the creation rule with `path_regex: {regex}`)"),
    };
    let text = format!("0 of {} values were encrypted, by `{selection}`{rule}", count.values);
    if session.is_set("strict") {
        return Err(Fault::wrong(text).into());
    }
    session.warn(&text);
    Ok(())
}

fn without_sense(selection: &Selection) -> String {
    let reason = match selection {
        Selection::EncryptedCommentRegex(_) | Selection::UnencryptedCommentRegex(_) => {
            "the binary store never produces comments"
        }
        _ => "the binary store produces one key that should always be encrypted",
    };
    let name = selection.name().replace('_', " ");
    format!("Using an {name} does not make sense with the input store ({reason}) and will be ignored.")
}
