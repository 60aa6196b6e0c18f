//! `sops edit`: the plain file lies in a folder of its own while an editor has it, and goes with that folder whatever ends
//! us. What was typed is never lost: text that cannot be encrypted goes back to the editor, and where the result cannot be
//! written, the folder stays and is named. Specification: SOPS §8.6.

mod desk;
mod example;

use std::path::Path;

use base::{Fault, Kind};
use document::{Document, Format, block};
use sops::{KeyGroup, MasterKey, Metadata, Wrapping, encrypted};

use super::config::unreadable;
use super::file::{self, Afterwards, Opened};
use super::input::{Formats, no_file, replace};
use super::keys::{self, Services};
use super::session::Session;
use super::{decrypt, encrypt};
use crate::files::{self, Locked};
use crate::{Exit, Failure};
use desk::Desk;

/// Edits a file that is there, or a new one.
///
/// # Errors
/// The editor failed (201), nothing was changed (200), or those of keys and file; it is then as it was.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let Some(name) = session.file() else { return Err(no_file()) };
    let path = session.absolute(&name);
    let formats = Formats::of(session, &path);
    let before = match files::read(Path::new(&path)) {
        Ok(bytes) => Some(bytes),
        Err(fault) if fault.kind() == Kind::NotFound => None,
        Err(fault) => return Err(Failure::new(2, unreadable("Error reading file", &path, fault))),
    };
    let opened = match &before {
        Some(bytes) => {
            let file = file::read(session, bytes, formats.input)?;
            file::open(session, file, Afterwards::EncryptAgain)?
        }
        None => {
            let recipe = keys::recipe(session, &path)?;
            let mut started = encrypt::started(session, recipe, formats.output)?;
            started.document = example::document(formats.output)?;
            started
        }
    };
    let text = shown(session, &opened, formats.output)?;
    let mut desk = Desk::new(session, &path, &text)?;
    let edited = typed(session, &mut desk, formats.output)?;
    let done = finish(session, &path, before.as_deref(), opened, edited, formats.output);
    done.map(|()| Exit::SUCCESS).map_err(|failure| {
        let kept = desk.keep();
        failure.with_hint(format!("what you typed is in `{kept}`, in the clear: delete it when you have it elsewhere"))
    })
}

/// What the editor left, read and found fit to be encrypted.
struct Edited {
    document: Document,
    metadata: Option<Metadata>,
}

/// The text for the editor; with `--show-master-keys` the metadata stands in it.
fn shown(session: &mut Session<'_>, opened: &Opened, format: Format) -> Result<Vec<u8>, Failure> {
    if !session.is_set("show-master-keys") {
        return decrypt::laid_out(session, &opened.document, &document::Path::default(), format);
    }
    let options = session.emit_options(format, true)?;
    let mut tree = opened.document.clone();
    let emitted = block::put(&mut tree, format, encrypted::BLOCK, &opened.metadata.write())
        .and_then(|()| document::emit(&tree, format.encrypted(), &options));
    emitted.map_err(|fault| Failure::new(4, fault.within("Could not marshal tree")))
}

/// Runs the editor until its text can be used.
fn typed(session: &mut Session<'_>, desk: &mut Desk, format: Format) -> Result<Edited, Failure> {
    loop {
        desk.edit()?;
        let Some(text) = desk.changed()? else {
            return Err(Failure::new(200, Fault::wrong("File has not changed, exiting.")));
        };
        let (what, fault) = match read(session, text.expose(), format) {
            Ok(edited) => return Ok(edited),
            Err(complaint) => complaint,
        };
        session.error(&format!("{what} Press enter to return to the editor, or Ctrl+C to exit."));
        session.ui.note(&fault.chain());
        if session.ui.read_line().is_none() {
            let fault = fault.within("nobody can be asked what to do about the text; the file is as it was");
            return Err(fault.into());
        }
    }
}

/// Reads what was typed; else says in the peer's words what is wrong, and why.
fn read(session: &Session<'_>, text: &[u8], format: Format) -> Result<Edited, (&'static str, Fault)> {
    let has_metadata = session.is_set("show-master-keys");
    let written = if has_metadata { format.encrypted() } else { format };
    let mut document = document::read(text, written, &session.read_options())
        .map_err(|fault| ("Could not load tree, probably due to invalid syntax.", fault))?;
    let metadata = match has_metadata {
        true => Some(metadata_of(&mut document, format)?),
        false => None,
    };
    if document.branches.is_empty() {
        return Err(("Tree not valid for encryption.", Fault::wrong("the file is empty")));
    }
    if encrypted::is_reserved(&document, format) {
        let fault = Fault::wrong("it has entries where the metadata of encrypted files stands");
        return Err(("Tree not valid for encryption.", fault));
    }
    Ok(Edited { document, metadata })
}

fn metadata_of(document: &mut Document, format: Format) -> Result<Metadata, (&'static str, Fault)> {
    let metadata = block::take(document, format, encrypted::BLOCK)
        .and_then(|taken| taken.ok_or_else(|| Fault::wrong("the text has no sops metadata any more")))
        .and_then(|taken| Metadata::read(&taken))
        .map_err(|fault| ("SOPS metadata is invalid.", fault))?;
    if metadata.groups.iter().all(|group| group.keys.is_empty()) {
        let fault = Fault::wrong("every file needs a key");
        return Err(("No master keys were provided, so sops can't encrypt the file.", fault));
    }
    Ok(metadata)
}

/// Encrypts what was typed and writes it.
fn finish(
    session: &mut Session<'_>,
    path: &str,
    before: Option<&[u8]>,
    mut opened: Opened,
    edited: Edited,
    format: Format,
) -> Result<(), Failure> {
    opened.document = edited.document;
    if let Some(metadata) = edited.metadata {
        take_over(session, &mut opened, metadata)?;
    }
    opened.metadata.raise_version().map_err(|fault| Failure::new(202, fault))?;
    if before.is_some() {
        file::tell_left_clear(session, path, |today| opened.left_clear(today))?;
    }
    let selection = opened.metadata.selection.clone();
    let (bytes, count) = file::seal(session, opened, format)?;
    if before.is_none() {
        encrypt::tell_if_nothing_is_encrypted(session, selection.as_ref(), None, count, format)?;
    }
    let target = Path::new(path);
    let Some(before) = before else {
        if target.exists() {
            return Err(changed_meanwhile(path));
        }
        return files::replace(target, &bytes)
            .map_err(|fault| Failure::new(3, fault.within("Could not write encrypted file")));
    };
    let locked = Locked::open(target).map_err(|fault| Failure::new(3, fault))?;
    if locked.before != before {
        return Err(changed_meanwhile(path));
    }
    replace(locked, &bytes)
}

fn changed_meanwhile(path: &str) -> Failure {
    Fault::conflict(format!("`{path}` was changed by somebody else while the editor was open")).into()
}

/// Metadata as it was edited. A key that is new, or whose entry was changed, wraps the data key again; where the key is split
/// into shares, any change of the groups means new shares for all.
fn take_over(session: &mut Session<'_>, opened: &mut Opened, mut edited: Metadata) -> Result<(), Failure> {
    let old = &opened.metadata;
    let is_known = |key: &MasterKey| {
        let all = old.groups.iter().flat_map(|group| &group.keys);
        all.into_iter().any(|known| known.lock == key.lock && known.enc == key.enc)
    };
    let is_same = identities(&old.groups) == identities(&edited.groups)
        && old.shamir_threshold == edited.shamir_threshold
        && edited.groups.iter().flat_map(|group| &group.keys).all(is_known);
    for key in edited.groups.iter_mut().flat_map(|group| &mut group.keys) {
        if !is_known(key) {
            *key = MasterKey::new(key.lock.clone(), session.now);
        }
    }
    if !is_same {
        let is_split = old.groups.len() > 1 || edited.groups.len() > 1;
        let which = if is_split { Wrapping::All } else { Wrapping::New };
        Services::of(session).wrap(&mut edited, which, &opened.key, "Could not update master keys")?;
    }
    opened.metadata = edited;
    Ok(())
}

fn identities(groups: &[KeyGroup]) -> Vec<Vec<String>> {
    groups.iter().map(|group| group.keys.iter().map(MasterKey::identity).collect()).collect()
}
