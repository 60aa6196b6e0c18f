//! Post-quantum age keys, `age1pq1…` and `AGE-SECRET-KEY-PQ-1…`: the file key under HPKE with the hybrid KEM X-Wing.
//! The age crate has this recipient for tagged hardware keys only, so it joins in through that crate's traits.
//! Not here: the KEM itself (`post_quantum/x_wing`). Specification: SOPS §5.1 "Post-quantum recipients".

use std::collections::HashSet;

use ::age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{bech32_decode, hpke_open, hpke_seal};
use age_core::secrecy::ExposeSecret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hpke::{Deserializable, Serializable};
use zeroize::Zeroize;

mod x_wing;

use x_wing::{Encapsulated, Entropy, PrivateKey, PublicKey, XWing};

/// Whom a file is for.
pub(super) struct Recipient(PublicKey);

/// The key that opens it.
pub(super) struct Identity(PrivateKey);

impl Recipient {
    /// Reads `age1pq1…`.
    ///
    /// # Errors
    /// The text is none.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        decode(text, "age1pq").map(Self)
    }
}

impl Identity {
    /// Reads `AGE-SECRET-KEY-PQ-1…`.
    ///
    /// # Errors
    /// The text is none.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        decode(text, "age-secret-key-pq-").map(Self)
    }
}

impl ::age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let (encapsulated, body) = hpke_seal::<XWing, _>(&self.0, INFO, file_key.expose_secret(), &mut Entropy);
        let argument = BASE64_STANDARD_NO_PAD.encode(encapsulated.to_bytes());
        let stanza = Stanza { tag: TAG.to_owned(), args: vec![argument], body };
        Ok((vec![stanza], HashSet::from(["postquantum".to_owned()])))
    }
}

impl ::age::Identity for Identity {
    /// `None` for stanzas of other kinds and of other keys: this kind does not say whose it is.
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let [argument] = &stanza.args[..] else {
            return None;
        };
        if stanza.tag != TAG || stanza.body.len() != FILE_KEY_BYTES + TAG_BYTES {
            return None;
        }
        let encapsulated = BASE64_STANDARD_NO_PAD.decode(argument).ok()?;
        let encapsulated = Encapsulated::from_bytes(&encapsulated).ok()?;
        let mut opened = hpke_open::<XWing>(&encapsulated, &self.0, INFO, &stanza.body).ok()?;
        let file_key = FileKey::init_with_mut(|key| key.copy_from_slice(&opened));
        opened.zeroize();
        Some(Ok(file_key))
    }
}

const TAG: &str = "mlkem768x25519";

const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";

/// Poly1305's.
const TAG_BYTES: usize = 16;

fn decode<K: Deserializable>(text: &str, prefix: &str) -> Result<K, &'static str> {
    bech32_decode(
        text,
        |_| "invalid Bech32 encoding",
        |found| if found.to_lowercase() == prefix { Ok(()) } else { Err("another kind of key") },
        |_, bytes| {
            let mut bytes: Vec<u8> = bytes.collect();
            let key = K::from_bytes(&bytes).map_err(|_| "a key of the wrong length");
            bytes.zeroize();
            key
        },
    )
}

#[cfg(test)]
mod tests;
