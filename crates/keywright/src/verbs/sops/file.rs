//! An encrypted file on its way through memory: read, unlocked, decrypted, changed, encrypted again with the IVs it had,
//! and laid out. Every command that touches such a file walks these rooms. Specification: SOPS §4.7, §8.4–8.9; design §4.2.

use std::path::Path;

use base::Fault;
use document::{Document, Format};
use sops::{CryptFault, DataKey, EncryptedDocument, MacCheck, Metadata, Selection, Stash, encrypted, select};

use super::config::unreadable;
use super::input::{Formats, replace};
use super::keys::{Services, rule_of_today};
use super::session::Session;
use crate::files::Locked;
use crate::{Exit, Failure};

/// A file that was decrypted, with all it takes to encrypt it again.
pub struct Opened {
    /// The plain file.
    pub document: Document,
    /// What the encrypted one said about itself.
    pub metadata: Metadata,
    /// Its key.
    pub key: DataKey,
    /// The IVs of its values.
    pub stash: Stash,
}

/// Whether the IVs of a decrypted file are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It is only read.
    Forget,
    /// It is encrypted again.
    EncryptAgain,
}

/// Takes an encrypted file apart.
///
/// # Errors
/// It is not of that format, not encrypted, or its metadata is wrong.
pub fn read(session: &mut Session<'_>, bytes: &[u8], format: Format) -> Result<EncryptedDocument, Failure> {
    // The configuration lays files out, so a broken one is told before anything is done (SOPS §7).
    session.config()?;
    let tree = document::read(bytes, format.encrypted(), &session.read_options())
        .map_err(|fault| fault.within("Could not unmarshal input data"))?;
    let (file, warnings) = EncryptedDocument::read(tree, format).map_err(Fault::from)?;
    warnings.iter().for_each(|warning| session.warn(warning));
    Ok(file)
}

/// Decrypts a file with whichever key can.
///
/// # Errors
/// No key can (128), a value was altered (25), or the file as a whole was (51).
pub fn open(session: &mut Session<'_>, file: EncryptedDocument, afterwards: Afterwards) -> Result<Opened, Failure> {
    let key = Services::of(session).unlock(session, &file.metadata)?;
    let check = if session.is_set("ignore-mac") { MacCheck::Ignore } else { MacCheck::Verify };
    let mut stash = Stash::default();
    let kept = (afterwards == Afterwards::EncryptAgain).then_some(&mut stash);
    let decrypted = file.decrypt(&key, check, kept).map_err(|fault| match fault {
        CryptFault::Tree(fault) => Failure::new(25, fault.within("Error decrypting tree")),
        CryptFault::Mac(fault) => Failure::new(51, fault),
    })?;
    decrypted.warnings.iter().for_each(|warning| session.warn(warning));
    Ok(Opened { document: decrypted.document, metadata: decrypted.metadata, key, stash })
}

/// Encrypts a file and lays it out. Whether anything in it was encrypted at all is for the caller to judge.
///
/// # Errors
/// A value cannot be encrypted (23), the format cannot hold it (4), or it has entries where the metadata goes (203).
pub fn seal(session: &mut Session<'_>, opened: Opened, format: Format) -> Result<(Vec<u8>, sops::Count), Failure> {
    let Opened { document, metadata, key, stash } = opened;
    if encrypted::is_reserved(&document, format) {
        return Err(reserved());
    }
    let sealed = EncryptedDocument::encrypt(document, metadata, &key, &stash, session.now, &mut rand::rng());
    let (file, count) = sealed.map_err(|fault| match fault {
        CryptFault::Tree(fault) => Failure::new(23, fault.within("Error encrypting tree")),
        CryptFault::Mac(fault) => Failure::new(21, fault),
    })?;
    Ok((lay_out(session, file, format)?, count))
}

/// The bytes of an encrypted file.
///
/// # Errors
/// The format cannot hold it (4).
pub fn lay_out(session: &mut Session<'_>, file: EncryptedDocument, format: Format) -> Result<Vec<u8>, Failure> {
    let options = session.emit_options(format, true)?;
    let bytes = file.into_tree(format).and_then(|tree| document::emit(&tree, format.encrypted(), &options));
    bytes.map_err(|fault| Failure::new(4, fault.within("Could not marshal tree")))
}

/// Changes the values of an encrypted file in place, under a lock. `change` answers whether anything is different.
///
/// # Errors
/// The file cannot be read (2), opened or encrypted, `change` fails, or it cannot be written; it is then as it was.
pub fn change(
    session: &mut Session<'_>,
    path: &str,
    change: impl FnOnce(&mut Document) -> Result<bool, Failure>,
) -> Result<Exit, Failure> {
    let formats = Formats::of(session, path);
    let locked = Locked::open(Path::new(path))
        .map_err(|fault| Failure::new(2, unreadable("Error reading file", path, fault)))?;
    let file = read(session, &locked.before, formats.input)?;
    let mut opened = open(session, file, Afterwards::EncryptAgain)?;
    let is_changed = change(&mut opened.document)?;
    if !is_changed && session.is_set("idempotent") {
        return Ok(Exit::SUCCESS);
    }
    tell_left_clear(session, path, |today| opened.left_clear(today))?;
    let (bytes, _) = seal(session, opened, formats.output)?;
    replace(locked, &bytes)?;
    Ok(Exit::SUCCESS)
}

impl Opened {
    /// The values that this selection would encrypt, and the file's own does not.
    ///
    /// # Errors
    /// A key of the file is no text.
    pub fn left_clear(&mut self, today: &Selection) -> Result<Vec<String>, Fault> {
        select::left_clear(&mut self.document, self.metadata.selection.as_ref(), Some(today))
    }
}

/// Tells the values that stay clear by the file's own selection, although today's rule would encrypt them: those that
/// `left_clear` answers for the rule's selection.
///
/// # Errors
/// There are such values, and the run is strict.
pub fn tell_left_clear(
    session: &mut Session<'_>,
    path: &str,
    left_clear: impl FnOnce(&Selection) -> Result<Vec<String>, Fault>,
) -> Result<(), Failure> {
    let Some(rule) = rule_of_today(session, path)? else { return Ok(()) };
    if Format::of_file(path) == Format::Binary {
        return Ok(());
    }
    let today = rule.selection.unwrap_or_default();
    let places = left_clear(&today)?;
    if places.is_empty() {
        return Ok(());
    }
    for place in &places {
        session.warn(&format!("`{place}` stays clear, although `{}` of today's rule would encrypt it", said(&today)));
    }
    let migrate =
        format!("`sops decrypt -i {path}` and then `sops encrypt -i {path}` encrypt the file by today's rule");
    if session.is_set("strict") {
        let fault = Fault::wrong(format!("{} value(s) of `{path}` would stay clear", places.len()));
        return Err(fault.hint(migrate).into());
    }
    session.ui.hint(&migrate);
    Ok(())
}

/// A selection as files and rules write it.
pub fn said(selection: &Selection) -> String {
    format!("{}: {}", selection.name(), selection.text())
}

/// A plain file has entries where the metadata would go.
pub fn reserved() -> Failure {
    let fault = Fault::wrong(
        "The file you have provided contains a top-level entry called 'sops', or for flat file formats top-level entries \
         starting with 'sops_', where the metadata of encrypted files stands: it is encrypted already, or cannot be",
    );
    Failure::new(
        203,
        fault.hint("use `sops edit my_file.yaml` to edit an encrypted file; rename the entry of a plain one"),
    )
}
