//! One value in and out of `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, bound to its place by associated data.
//! Not here: which values (`select`) and with which IV (`stash`).
//! Specification: SOPS §4.2–4.4.

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U8, U12, U16, U24, U32, U64};
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use aes_gcm::aes::Aes256;
use base::Fault;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::data_key::DataKey;
use crate::plaintext::Type;

/// The nonce of a value: always 32 bytes where we write, as the peer's re-encryption counts on it.
pub type Iv = [u8; 32];

/// AES-256-GCM under one data key.
pub struct Cipher {
    gcm: AesGcm<Aes256, U32>,
    aes: Aes256,
}

/// A value that came out of its envelope.
pub struct Decrypted {
    /// The type that stood beside it; it is not authenticated.
    pub kind: Type,
    /// The plaintext.
    pub bytes: Vec<u8>,
    /// The nonce, where it has the length that may be used again.
    pub iv: Option<Iv>,
}

impl Cipher {
    /// The cipher of that key.
    ///
    /// # Errors
    /// The key does not have 32 bytes.
    pub fn new(key: &DataKey) -> Result<Self, Fault> {
        let bytes = key.secret().expose();
        let aes = Aes256::new_from_slice(bytes).map_err(|_| {
            Fault::wrong(format!("the data key has an invalid AES key size of {} bytes instead of 32", bytes.len()))
        })?;
        Ok(Self { gcm: AesGcm::from(aes.clone()), aes })
    }

    /// The envelope of a value; `plaintext` is not empty, since empty texts stay as they are.
    #[must_use]
    pub fn encrypt(&self, kind: Type, plaintext: &[u8], place: &str, iv: &Iv) -> String {
        let mut data = plaintext.to_vec();
        let tag = self
            .gcm
            .encrypt_inout_detached(&(*iv).into(), place.as_bytes(), data.as_mut_slice().into())
            .expect("files are smaller than the 64 GiB that GCM can take");
        let mut text = String::with_capacity(data.len().div_ceil(3) * 4 + ENVELOPE_BYTES);
        text.push_str(PREFIX);
        for (label, bytes) in [("", data.as_slice()), (",iv:", iv), (",tag:", &tag)] {
            text.push_str(label);
            BASE64_STANDARD.encode_string(bytes, &mut text);
        }
        text.push_str(",type:");
        text.push_str(kind.name());
        text.push(']');
        text
    }

    /// The value in an envelope.
    ///
    /// # Errors
    /// The text is no envelope, it was altered or moved, or its type is unknown. The text is never told.
    pub fn decrypt(&self, envelope: &[u8], place: &str) -> Result<Decrypted, Fault> {
        let parts = split(envelope).ok_or_else(|| Fault::wrong("input string does not match sops' data format"))?;
        let kind = Type::named(parts.kind).ok_or_else(|| Fault::wrong(format!("Unknown datatype: {}", parts.kind)))?;
        let mut bytes = decode("data", parts.data)?;
        let iv = decode("iv", parts.iv)?;
        let tag = decode("tag", parts.tag)?;
        self.authenticate(&mut bytes, place.as_bytes(), &iv, &tag)?;
        Ok(Decrypted { kind, bytes, iv: iv.try_into().ok() })
    }

    /// Readers take any nonce; these are the lengths that any known tool ever wrote, and some more.
    fn authenticate(&self, bytes: &mut [u8], place: &[u8], iv: &[u8], tag: &[u8]) -> Result<(), Fault> {
        let opened = match iv.len() {
            32 => open(&self.gcm, bytes, place, iv, tag),
            8 => open(&AesGcm::<_, U8>::from(self.aes.clone()), bytes, place, iv, tag),
            12 => open(&AesGcm::<_, U12>::from(self.aes.clone()), bytes, place, iv, tag),
            16 => open(&AesGcm::<_, U16>::from(self.aes.clone()), bytes, place, iv, tag),
            24 => open(&AesGcm::<_, U24>::from(self.aes.clone()), bytes, place, iv, tag),
            64 => open(&AesGcm::<_, U64>::from(self.aes.clone()), bytes, place, iv, tag),
            other => {
                return Err(Fault::wrong(format!("an iv of {other} bytes is not supported"))
                    .hint("SOPS writes 32 bytes; 8, 12, 16, 24 and 64 are read, too"));
            }
        };
        opened.ok_or_else(|| Fault::wrong("cipher: message authentication failed"))
    }
}

const PREFIX: &str = "ENC[AES256_GCM,data:";

/// What an envelope has beside its data: labels, nonce, tag and the longest type.
const ENVELOPE_BYTES: usize = 128;

struct Parts<'a> {
    data: &'a [u8],
    iv: &'a [u8],
    tag: &'a [u8],
    kind: &'a str,
}

/// The peer's pattern `^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]`: greedy, on one line, the rest ignored.
fn split(envelope: &[u8]) -> Option<Parts<'_>> {
    let line = envelope.strip_prefix(PREFIX.as_bytes())?.split(|byte| *byte == b'\n').next()?;
    let inside = &line[..line.iter().rposition(|byte| *byte == b']')?];
    let (rest, kind) = rsplit(inside, b",type:")?;
    let (rest, tag) = rsplit(rest, b",tag:")?;
    let (data, iv) = rsplit(rest, b",iv:")?;
    let kind = std::str::from_utf8(kind).ok()?;
    (!data.is_empty()).then_some(Parts { data, iv, tag, kind })
}

/// Splits at the last `label` that has something behind it.
fn rsplit<'a>(text: &'a [u8], label: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(label.len()).rposition(|window| window == label)?;
    let behind = &text[at + label.len()..];
    (!behind.is_empty()).then(|| (&text[..at], behind))
}

fn decode(part: &str, text: &[u8]) -> Result<Vec<u8>, Fault> {
    BASE64_STANDARD.decode(text).map_err(|_| Fault::wrong(format!("the {part} of the encrypted value is no base64")))
}

fn open<C: AeadInOut>(gcm: &C, bytes: &mut [u8], place: &[u8], iv: &[u8], tag: &[u8]) -> Option<()> {
    let iv = <&Nonce<C>>::try_from(iv).ok()?;
    let tag = <&Tag<C>>::try_from(tag).ok()?;
    gcm.decrypt_inout_detached(iv, place, bytes.into(), tag).ok()
}

#[cfg(test)]
mod tests;
