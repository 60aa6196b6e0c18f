//! A file in its encrypted form, a type of its own: only here a [`Document`] becomes one and one a [`Document`].
//! Reading it needs no key; decrypting checks every value and the MAC over all; encrypting keeps the IVs of a stash.
//! Not here: bytes (`document`), keys (`group`), files (the binary).
//! Specification: SOPS §4.2–4.7, §8.4, §8.5, §10, §13 (SOPS 1.x).

use base::{Fault, SecretBytes, Timestamp};
use document::{Comment, Document, Format, Scalar, block};
use rand_core::CryptoRng;

use crate::cipher::Cipher;
use crate::data_key::DataKey;
use crate::mac::{Mac, Sum};
use crate::metadata::Metadata;
use crate::plaintext::{self, Plaintext, Type};
use crate::select::{Place, Selection, Selector, Visit, left_clear};
use crate::stash::Stash;

/// An encrypted file: values as envelopes, and the metadata taken out of the tree.
pub struct EncryptedDocument {
    tree: Document,
    /// What the file says about itself.
    pub metadata: Metadata,
}

/// A file that was decrypted, with all that is needed to encrypt it again.
pub struct DecryptedDocument {
    /// The plain file.
    pub document: Document,
    /// What the encrypted file said about itself.
    pub metadata: Metadata,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// How many values a file has, and how many of them were encrypted. Empty texts and nulls never are and do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All values.
    pub values: usize,
    /// Those that are encrypted.
    pub encrypted: usize,
}

/// Why a file is not read as an encrypted one.
#[derive(Debug)]
pub enum ReadFault {
    /// It has no metadata: it is a plain file.
    Plain,
    /// Its metadata cannot be used.
    Wrong(Fault),
}

/// What failed while values were encrypted or decrypted; the peer tells them apart by exit code.
#[derive(Debug)]
pub enum CryptFault {
    /// A value.
    Tree(Fault),
    /// The MAC.
    Mac(Fault),
}

/// Whether the MAC is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacCheck {
    /// It must match.
    Verify,
    /// It is not even decrypted: `--ignore-mac`.
    Ignore,
}

impl EncryptedDocument {
    /// Takes a file apart that was read in its encrypted form. The warnings are for the user.
    ///
    /// # Errors
    /// It is a plain file, or its metadata is wrong.
    pub fn read(mut tree: Document, format: Format) -> Result<(Self, Vec<String>), ReadFault> {
        let mut warnings = Vec::new();
        if has_different_copies(&tree) {
            warnings.push("the documents of the file carry different sops metadata; the first one counts".to_owned());
        }
        let block = block::take(&mut tree, format, BLOCK)?.ok_or(ReadFault::Plain)?;
        let metadata = Metadata::read(&block)?;
        warnings.extend(metadata.version_warning());
        Ok((Self { tree, metadata }, warnings))
    }

    /// Encrypts a file. The metadata's MAC and time are new afterwards, everything else in it stays.
    ///
    /// # Errors
    /// A value or key that no SOPS file can hold, a selection that cannot be evaluated, or a data key of a wrong length.
    pub fn encrypt(
        mut document: Document,
        mut metadata: Metadata,
        key: &DataKey,
        stash: &Stash,
        now: Timestamp,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Self, Count), CryptFault> {
        let selector = Selector::new(metadata.selection.as_ref());
        if selector.is_void() {
            return Err(CryptFault::Tree(void(&metadata)));
        }
        let mut encrypting = Encrypting {
            cipher: Cipher::new(key).map_err(CryptFault::Tree)?,
            selector: &selector,
            mac: Mac::new(metadata.mac_only_encrypted, false),
            mac_only_encrypted: metadata.mac_only_encrypted,
            stash,
            rng,
            count: Count::default(),
        };
        selector.walk(&mut document, &mut encrypting).map_err(CryptFault::Tree)?;
        let Encrypting { cipher, mac, rng, count, .. } = encrypting;
        metadata.touch(now);
        let mut iv = [0; 32];
        rng.fill_bytes(&mut iv);
        metadata.mac = cipher.encrypt(Type::Str, mac.finish().digest.as_bytes(), &metadata.last_modified, &iv);
        Ok((Self { tree: document, metadata }, count))
    }

    /// Decrypts a file. A stash remembers the IVs for encrypting it again; whoever only reads leaves it out.
    ///
    /// # Errors
    /// A value was altered, moved or replaced; or something the MAC covers was.
    pub fn decrypt(
        self,
        key: &DataKey,
        check: MacCheck,
        stash: Option<&mut Stash>,
    ) -> Result<DecryptedDocument, CryptFault> {
        let Self { tree: mut document, metadata } = self;
        let mut decrypting = Decrypting {
            cipher: Cipher::new(key).map_err(CryptFault::Tree)?,
            mac: Mac::new(metadata.mac_only_encrypted, metadata.is_python()),
            mac_only_encrypted: metadata.mac_only_encrypted,
            stash,
            clear_comments: 0,
        };
        let selector = Selector::new(metadata.selection.as_ref());
        selector.walk(&mut document, &mut decrypting).map_err(CryptFault::Tree)?;
        let Decrypting { cipher, mac, clear_comments, .. } = decrypting;
        if check == MacCheck::Verify {
            verify(&cipher, &metadata, &mac.finish()).map_err(CryptFault::Mac)?;
        }
        let warnings = (clear_comments > 0).then(|| {
            format!("{clear_comments} comment(s) of the file are not encrypted, as old versions of SOPS left them")
        });
        Ok(DecryptedDocument { document, metadata, warnings: warnings.into_iter().collect() })
    }

    /// The values that this selection would encrypt, and the file's own does not. Comments count as they stand in the file.
    ///
    /// # Errors
    /// A key of the file is no text.
    pub fn left_clear(&mut self, today: &Selection) -> Result<Vec<String>, Fault> {
        left_clear(&mut self.tree, self.metadata.selection.as_ref(), Some(today))
    }

    /// The file as a tree with its metadata, to be written in its encrypted form.
    ///
    /// # Errors
    /// The metadata cannot be flattened, or the tree has an entry in its place.
    pub fn into_tree(mut self, format: Format) -> Result<Document, Fault> {
        block::put(&mut self.tree, format, BLOCK, &self.metadata.write())?;
        Ok(self.tree)
    }
}

/// Whether a plain file has entries where the metadata would go: it is encrypted already, or must not be encrypted.
#[must_use]
pub fn is_reserved(document: &Document, format: Format) -> bool {
    block::is_taken(document, format, BLOCK)
}

impl From<Fault> for ReadFault {
    fn from(fault: Fault) -> Self {
        Self::Wrong(fault)
    }
}

impl From<ReadFault> for Fault {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::Plain => Self::wrong("sops metadata not found").hint("the file is not encrypted"),
            ReadFault::Wrong(fault) => fault,
        }
    }
}

impl From<CryptFault> for Fault {
    fn from(fault: CryptFault) -> Self {
        match fault {
            CryptFault::Tree(fault) | CryptFault::Mac(fault) => fault,
        }
    }
}

/// The name of the metadata's block in every format.
pub const BLOCK: &str = "sops";

fn has_different_copies(tree: &Document) -> bool {
    let mut copies = tree.branches.iter().filter_map(|branch| branch.value(BLOCK));
    let first = copies.next();
    copies.any(|copy| Some(copy) != first)
}

fn void(metadata: &Metadata) -> Fault {
    let (name, text) = metadata.selection.as_ref().map_or(("", ""), |selection| (selection.name(), selection.text()));
    Fault::wrong(format!("cannot encrypt by `{name}: {text}`, which is no regular expression"))
        .hint("nothing would be encrypted")
}

struct Encrypting<'a, R: ?Sized> {
    cipher: Cipher,
    selector: &'a Selector,
    mac: Mac,
    mac_only_encrypted: bool,
    stash: &'a Stash,
    rng: &'a mut R,
    count: Count,
}

impl<R: CryptoRng + ?Sized> Encrypting<'_, R> {
    fn envelope(&mut self, kind: Type, bytes: &[u8], path: &str) -> SecretBytes {
        let iv = self.stash.iv(kind, bytes, path).unwrap_or_else(|| {
            let mut iv = [0; 32];
            self.rng.fill_bytes(&mut iv);
            iv
        });
        self.cipher.encrypt(kind, bytes, path, &iv).into()
    }
}

impl<R: CryptoRng + ?Sized> Visit for Encrypting<'_, R> {
    fn leaf(&mut self, place: Place<'_>, scalar: &mut Scalar) -> Result<bool, Fault> {
        let Some(Plaintext { kind, bytes }) = plaintext::of(scalar).map_err(|fault| place.fault("encrypt", fault))?
        else {
            return Ok(false);
        };
        if place.is_encrypted || !self.mac_only_encrypted {
            self.mac.feed(scalar, &bytes);
        }
        if bytes.is_empty() {
            return Ok(false);
        }
        self.count.values += 1;
        if place.is_encrypted {
            self.count.encrypted += 1;
            *scalar = Scalar::Text(self.envelope(kind, &bytes, place.path));
        }
        Ok(false)
    }

    /// An empty comment stays one: encrypted by the peer, in a list it becomes an empty value.
    fn comment(&mut self, place: Place<'_>, comment: &mut Comment) -> Result<bool, Fault> {
        if !place.is_encrypted || comment.text.is_empty() {
            return Ok(false);
        }
        let text = self.envelope(Type::Comment, comment.text.expose(), place.path);
        if self.selector.keeps_comment_clear(text.expose()) {
            let fault = Fault::wrong("the encrypted comment matches UnencryptedCommentRegex")
                .hint("choose an `unencrypted_comment_regex` that no `ENC[…]` matches");
            return Err(place.fault("encrypt a comment below", fault));
        }
        comment.text = text;
        Ok(true)
    }
}

struct Decrypting<'a> {
    cipher: Cipher,
    mac: Mac,
    mac_only_encrypted: bool,
    stash: Option<&'a mut Stash>,
    clear_comments: usize,
}

impl Decrypting<'_> {
    fn open(&mut self, place: Place<'_>, scalar: &Scalar) -> Result<(Type, Scalar), Fault> {
        let Scalar::Text(envelope) = scalar else {
            let fault = format!("Expected encrypted value as string, but got {}", scalar.type_name());
            return Err(Fault::wrong(fault));
        };
        if envelope.is_empty() {
            return Ok((Type::Str, Scalar::Text(SecretBytes::default())));
        }
        let value = self.cipher.decrypt(envelope.expose(), place.path)?;
        if let (Some(stash), Some(iv)) = (self.stash.as_deref_mut(), value.iv) {
            stash.keep(value.kind, &value.bytes, place.path, iv);
        }
        Ok((value.kind, plaintext::read(value.kind, value.bytes)?))
    }

    fn feed(&mut self, scalar: &Scalar) -> Result<(), Fault> {
        if let Some(plain) = plaintext::of(scalar)? {
            self.mac.feed(scalar, &plain.bytes);
        }
        Ok(())
    }
}

impl Visit for Decrypting<'_> {
    fn leaf(&mut self, place: Place<'_>, scalar: &mut Scalar) -> Result<bool, Fault> {
        let attempt = |fault| place.fault("decrypt", fault);
        if !place.is_encrypted {
            if !self.mac_only_encrypted {
                self.feed(scalar).map_err(attempt)?;
            }
            return Ok(false);
        }
        if matches!(scalar, Scalar::Null) {
            return Ok(false);
        }
        let (kind, value) = self.open(place, scalar).map_err(attempt)?;
        *scalar = value;
        if kind == Type::Comment {
            return Ok(true);
        }
        self.feed(scalar).map_err(attempt)?;
        Ok(false)
    }

    /// Lenient: what does not decrypt was clear when the file was written.
    fn comment(&mut self, place: Place<'_>, comment: &mut Comment) -> Result<bool, Fault> {
        if !place.is_encrypted || comment.text.is_empty() {
            return Ok(false);
        }
        match self.open(place, &Scalar::Text(comment.text.clone())) {
            Ok((_, Scalar::Text(text))) => comment.text = text,
            Ok(_) | Err(_) => self.clear_comments += 1,
        }
        Ok(false)
    }
}

fn verify(cipher: &Cipher, metadata: &Metadata, sum: &Sum) -> Result<(), Fault> {
    let stored = match metadata.mac.as_str() {
        "" => None,
        mac => Some(
            cipher
                .decrypt(mac.as_bytes(), &metadata.last_modified)
                .map_err(|fault| fault.within("Cannot decrypt MAC"))?
                .bytes,
        ),
    };
    let is_equal = |digest: &str| stored.as_deref() == Some(digest.as_bytes());
    if is_equal(&sum.digest) || sum.python.as_deref().is_some_and(is_equal) {
        return Ok(());
    }
    let stored = stored.map_or("no MAC".into(), |stored| String::from_utf8_lossy(&stored).into_owned());
    let fault = Fault::wrong(format!("MAC mismatch. File has {stored}, computed {}", sum.digest));
    Err(if metadata.mac_only_encrypted {
        fault.hint("an encrypted value was added, removed or moved since the file was encrypted")
    } else {
        fault.hint("a value was changed without sops; clear values count, too, unless `mac_only_encrypted` is set")
    })
}

#[cfg(test)]
mod tests;
