//! A keyed digest that answers "has it changed?" without keeping the value: HMAC-SHA-256 under a key that lives as long
//! as the process, shortened to 16 bytes. It is not comparable between processes, which is the point.
//! Used by `operator/seen` (Secrets reduced) and `providers/join` (credentials in a join key).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key of one process; whoever starts the process draws it.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Starts a digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length"))
    }
}

/// A digest in the making. Every part is written with its length, so that `ab`+`c` differs from `a`+`bc`.
pub struct Digest(Hmac<Sha256>);

impl Digest {
    /// Adds one part.
    pub fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The digest with one more part, for chains.
    #[must_use]
    pub fn with(mut self, bytes: &[u8]) -> Self {
        self.part(bytes);
        self
    }

    /// Ends the digest.
    #[must_use]
    pub fn finish(self) -> Fingerprint {
        let full = self.0.finalize().into_bytes();
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        Fingerprint(short)
    }
}

/// The digest: equal content, equal fingerprint, and nothing to be learned from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The digest's bytes, as a part of another digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", hex::encode(&self.0[..4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_framed_and_keys_matter() {
        let key = FingerprintKey::new([7; 32]);
        let of = |key: &FingerprintKey, parts: &[&str]| {
            let mut digest = key.digest();
            parts.iter().for_each(|part| digest.part(part.as_bytes()));
            digest.finish()
        };
        assert_eq!(of(&key, &["a", "b"]), of(&key, &["a", "b"]));
        assert_ne!(of(&key, &["ab", "c"]), of(&key, &["a", "bc"]));
        assert_ne!(of(&key, &["a"]), of(&FingerprintKey::new([8; 32]), &["a"]));
    }
}
