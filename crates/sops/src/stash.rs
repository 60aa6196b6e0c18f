//! The IVs of a file that was decrypted, so that values which did not change are written with the same bytes again.
//! It holds digests, never plaintext. Specification: SOPS §4.7, §12 "IV reuse rule".

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::cipher::Iv;
use crate::plaintext::Type;

/// (typed plaintext, place) → IV.
#[derive(Default)]
pub struct Stash(HashMap<[u8; 32], Iv>);

impl Stash {
    /// Remembers an IV; of equal values in one place the last one counts.
    pub(crate) fn keep(&mut self, kind: Type, plaintext: &[u8], place: &str, iv: Iv) {
        self.0.insert(digest(kind, plaintext, place), iv);
    }

    /// The IV that this value had in this place.
    pub(crate) fn iv(&self, kind: Type, plaintext: &[u8], place: &str) -> Option<Iv> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&digest(kind, plaintext, place)).copied()
    }
}

fn digest(kind: Type, plaintext: &[u8], place: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(kind.name());
    digest.update((place.len() as u64).to_le_bytes());
    digest.update(place);
    digest.update(plaintext);
    digest.finalize().into()
}
