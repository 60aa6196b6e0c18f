//! The key of one file: 32 random bytes that encrypt all its values and its MAC, wiped on drop.
//! Not here: how it is wrapped (`group`) and used (`cipher`).
//! Specification: SOPS §2, §4.8.

use base::SecretBytes;
use rand_core::CryptoRng;

/// The key of one file.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(SecretBytes);

impl DataKey {
    /// How many bytes a data key has.
    pub const LENGTH_BYTES: usize = 32;

    /// A fresh key.
    #[must_use]
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = vec![0; Self::LENGTH_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes.into())
    }

    /// The key that a master key gave back. Whether it has 32 bytes shows when a cipher is made of it, as in the peer.
    #[must_use]
    pub fn unwrapped(bytes: SecretBytes) -> Self {
        Self(bytes)
    }

    /// The bytes, for wrapping and for the cipher.
    #[must_use]
    pub fn secret(&self) -> &SecretBytes {
        &self.0
    }
}
