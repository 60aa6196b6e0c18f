//! Sealing and opening one value: a fresh AES-256 session key encrypts it (GCM, zero nonce: the key is used once), and
//! RSA-OAEP wraps the session key under the label that binds the value to its place.
//! This file draws its own randomness, because the RSA library does (OAEP's seed).
//! Specification: SS §5.1–§5.5.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use base::encoding::Base64;
use base::{Fault, SecretBytes, SecretText};
use rsa::pkcs1::der::asn1::OctetStringRef;
use rsa::pkcs1::der::{Decode, Encode};
use rsa::pkcs1::{ALGORITHM_ID, ALGORITHM_OID, UintRef};
use rsa::pkcs8::{PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use sha2::{Digest, Sha256};

use crate::block;
use crate::{Label, Sealed};

/// Bytes of a session key that we draw. Keys of 16 and 24 bytes are opened, too, as the peer does (SS §5.4).
const SESSION_KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// The half of a sealing key that seals; everybody may have it.
#[derive(Clone)]
pub struct PublicKey {
    key: Arc<OaepPublicEncryptingKey>,
    fingerprint: KeyFingerprint,
}

/// The half of a sealing key that opens. Read once, then shared: the clones are the same key.
#[derive(Clone)]
pub struct PrivateKey {
    key: Arc<OaepPrivateDecryptingKey>,
    public: PublicKey,
    der: Arc<SecretBytes>,
}

/// What tells one key pair from another: OpenSSH's SHA-256 fingerprint of the public half (SS §5.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyFingerprint(Arc<str>);

impl PublicKey {
    /// Reads the SubjectPublicKeyInfo of a certificate.
    ///
    /// # Errors
    /// A fault where it is no RSA key of 2048 to 8192 bits.
    pub fn from_der(info: &[u8]) -> Result<Self, Fault> {
        let key = PublicEncryptingKey::from_der(info).map_err(|_| unsupported("public"))?;
        let fingerprint = KeyFingerprint::of(info).ok_or_else(|| unsupported("public"))?;
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| unsupported("public"))?;
        Ok(Self { key: Arc::new(key), fingerprint })
    }

    /// Seals a value under a label, with a fresh session key.
    ///
    /// # Errors
    /// A fault only where the library fails, for want of randomness or memory.
    pub fn seal(&self, label: &Label, value: &SecretBytes) -> Result<Sealed, Fault> {
        let failed = |_| Fault::bug("cannot seal a value");
        let mut session = vec![0; SESSION_KEY_BYTES];
        aws_lc_rs::rand::fill(&mut session).map_err(failed)?;
        let session = SecretBytes::new(session);

        let mut wrapped = vec![0; self.key.ciphertext_size()];
        let wrapped = self
            .key
            .encrypt(&OAEP_SHA256_MGF1SHA256, session.expose(), &mut wrapped, Some(label.as_bytes()))
            .map_err(failed)?;

        let mut body = Vec::with_capacity(value.len() + TAG_BYTES);
        body.extend_from_slice(value.expose());
        let cipher = cipher(session.expose()).ok_or_else(|| Fault::bug("cannot seal a value"))?;
        cipher.seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut body).map_err(failed)?;
        Ok(Sealed::join(wrapped, &body))
    }

    /// What tells this key pair from another.
    #[must_use]
    pub fn fingerprint(&self) -> &KeyFingerprint {
        &self.fingerprint
    }

    /// The size of the key in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.key.key_size_bits()
    }
}

impl PrivateKey {
    /// Reads the first RSA key of a PEM text, PKCS#1 (`RSA PRIVATE KEY`) or PKCS#8 (`PRIVATE KEY`); other blocks are
    /// skipped.
    ///
    /// # Errors
    /// A fault where there is no private key, where the first one is no RSA key (`unexpected private key type …`), or
    /// where its size is not supported.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        for block in block::blocks(text) {
            match block.tag() {
                "RSA PRIVATE KEY" => return Self::from_pkcs1(block.contents()),
                "PRIVATE KEY" => return Self::from_pkcs8(block.contents()),
                "EC PRIVATE KEY" => return Err(unexpected("*ecdsa.PrivateKey")),
                _ => {}
            }
        }
        Err(Fault::wrong("data does not contain a valid RSA private key"))
    }

    /// Reads PKCS#8 bytes.
    ///
    /// # Errors
    /// A fault where they are no RSA key of 2048 to 8192 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Fault> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Fault::wrong("cannot read the PKCS#8 private key"))?;
        match info.algorithm.oid.to_string().as_str() {
            _ if info.algorithm.oid == ALGORITHM_OID => {}
            "1.2.840.10045.2.1" => return Err(unexpected("*ecdsa.PrivateKey")),
            "1.3.101.112" => return Err(unexpected("ed25519.PrivateKey")),
            other => return Err(unexpected(&format!("with the algorithm {other}"))),
        }
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| unsupported("private"))?;
        Self::new(key, SecretBytes::from(info.private_key.as_bytes()))
    }

    /// Reads PKCS#1 bytes: the same key without the frame that names its algorithm.
    fn from_pkcs1(der: &[u8]) -> Result<Self, Fault> {
        let framed = OctetStringRef::new(der)
            .and_then(|key| PrivateKeyInfoRef::new(ALGORITHM_ID, key).to_der())
            .map_err(|_| Fault::wrong("cannot read the PKCS#1 private key"))?;
        Self::from_pkcs8(SecretBytes::new(framed).expose())
    }

    fn new(key: PrivateDecryptingKey, pkcs1: SecretBytes) -> Result<Self, Fault> {
        let info = key.public_key().as_der().map_err(|_| unsupported("private"))?;
        let public = PublicKey::from_der(info.as_ref())?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| unsupported("private"))?;
        Ok(Self { key: Arc::new(key), public, der: Arc::new(pkcs1) })
    }

    /// Opens a value, or says `None` where this key, the label or the bytes do not fit: which of them is not told, and
    /// the library takes the same time for all.
    #[must_use]
    pub fn open(&self, label: &Label, sealed: &Sealed) -> Option<SecretBytes> {
        let (wrapped, body) = sealed.parts()?;
        // Rejected at the price of a comparison: a key of another size, and a body without its tag.
        if wrapped.len() != self.key.key_size_bytes() || body.len() < TAG_BYTES {
            return None;
        }
        let mut buffer = vec![0; self.key.min_output_size()];
        let length = self
            .key
            .decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut buffer, Some(label.as_bytes()))
            .map(|session| session.len());
        let session = SecretBytes::new(buffer);
        let cipher = cipher(&session.expose()[..length.ok()?])?;

        let mut value = body.to_vec();
        let length = cipher.open_in_place(zero_nonce(), Aad::empty(), &mut value).map(|plain| plain.len());
        let opened = length.map(|length| value.truncate(length));
        let value = SecretBytes::new(value);
        opened.is_ok().then_some(value)
    }

    /// The half that seals.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What tells this key pair from another.
    #[must_use]
    pub fn fingerprint(&self) -> &KeyFingerprint {
        &self.public.fingerprint
    }

    /// The key as PEM, PKCS#1 as the peer stores it.
    #[must_use]
    pub fn to_pem(&self) -> SecretText {
        SecretText::new(block::write("RSA PRIVATE KEY", self.der.expose()))
    }

    /// The key as PKCS#8 bytes, for signing its certificate.
    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let key = OctetStringRef::new(self.der.expose()).expect("the key is shorter than DER's longest string");
        let framed = PrivateKeyInfoRef::new(ALGORITHM_ID, key).to_der();
        SecretBytes::new(framed.expect("a key that was read can be written"))
    }
}

impl KeyFingerprint {
    /// The fingerprint of a SubjectPublicKeyInfo, or `None` where that holds no RSA key.
    fn of(info: &[u8]) -> Option<Self> {
        let info = SubjectPublicKeyInfoRef::from_der(info).ok()?;
        let key = rsa::pkcs1::RsaPublicKey::<UintRef<'_>>::from_der(info.subject_public_key.as_bytes()?).ok()?;
        let mut wire = Sha256::new();
        for part in [b"ssh-rsa".to_vec(), positive(&key.public_exponent), positive(&key.modulus)] {
            wire.update(u32::try_from(part.len()).ok()?.to_be_bytes());
            wire.update(&part);
        }
        Some(Self(format!("SHA256:{}", Base64::RawStandard.encode(&wire.finalize())).into()))
    }

    /// The text of it: `SHA256:…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A positive number as SSH writes it: a zero byte in front where the first bit would read as a sign.
fn positive(number: &UintRef<'_>) -> Vec<u8> {
    let bytes = number.as_bytes();
    let sign = usize::from(bytes.first().is_some_and(|first| *first >= 0x80));
    [&[0][..sign], bytes].concat()
}

/// The cipher of a session key; the peer opens with keys of any AES length.
fn cipher(session: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match session.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        SESSION_KEY_BYTES => &AES_256_GCM,
        _ => return None,
    };
    UnboundKey::new(algorithm, session).ok().map(LessSafeKey::new)
}

/// Twelve zero bytes: safe only because no session key is used twice.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn unexpected(kind: &str) -> Fault {
    Fault::wrong(format!("unexpected private key type {kind}"))
}

fn unsupported(half: &str) -> Fault {
    Fault::wrong(format!("cannot use the RSA {half} key")).hint("sealing keys have 2048 to 8192 bits")
}

#[cfg(test)]
mod tests;
