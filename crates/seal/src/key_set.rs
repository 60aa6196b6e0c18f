//! The sealing keys of a cluster: one of them seals, all of them may open.
//! A value does not say which key sealed it, and a wrong guess costs a whole RSA operation. So the set tries first the
//! key that the caller remembers for the object, then the keys in the order in which they last opened anything, then
//! newest first: with 60 keys and 500 values of the oldest, 559 operations instead of 30,000.
//! Specification: SS §5.4, §10.4.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Fault, SecretBytes, Timestamp};

use crate::{Certificate, KeyFingerprint, Label, PrivateKey, Sealed};

/// One key of the set.
#[derive(Clone)]
pub struct SealingKey {
    /// Where it is kept: the name of its Secret, or of its file.
    pub name: String,
    /// The half that opens.
    pub private: PrivateKey,
    /// The certificate, where there is one; without it the key only opens.
    pub certificate: Option<Certificate>,
    /// What decides which key is the newest: the certificate's first day, or when its Secret was made.
    pub ordered_at: Timestamp,
}

/// The keys of a cluster. Clones share what they learn about which key opens, and nothing else.
#[derive(Clone, Default)]
pub struct KeySet {
    entries: Vec<Entry>,
    // The number of the last success; entries carry the number of theirs. It only orders tries, never decides a result.
    successes: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Entry {
    key: Arc<SealingKey>,
    opened: Arc<AtomicU64>,
}

/// An opened value and the key that did it.
pub struct Opened {
    /// The value.
    pub value: SecretBytes,
    /// The key that opened it: what to remember for the next time.
    pub key: KeyFingerprint,
}

impl KeySet {
    /// A set without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; an earlier one of that name is replaced.
    pub fn register(&mut self, key: SealingKey) {
        let entry = Entry { key: Arc::new(key), opened: Arc::new(AtomicU64::new(0)) };
        match self.entries.iter_mut().find(|known| known.key.name == entry.key.name) {
            Some(known) if known.key.private.fingerprint() == entry.key.private.fingerprint() => known.key = entry.key,
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }

    /// Takes the key of that name out of the set; says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.key.name != name);
        before != self.entries.len()
    }

    /// The key that seals: the newest one with a certificate; among equals the one registered first.
    #[must_use]
    pub fn newest(&self) -> Option<&SealingKey> {
        let sealing = self.keys().filter(|key| key.certificate.is_some());
        sealing.reduce(|newest, key| if key.ordered_at > newest.ordered_at { key } else { newest })
    }

    /// All keys in the order in which they were registered.
    pub fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        self.entries.iter().map(|entry| &*entry.key)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Opens a value with whatever key fits. `remembered` is the key that opened it, or its neighbours, last time.
    ///
    /// # Errors
    /// `no key could decrypt secret`: no key, the wrong label or damaged bytes, which nobody can tell apart.
    pub fn open(&self, label: &Label, sealed: &Sealed, remembered: Option<&KeyFingerprint>) -> Result<Opened, Fault> {
        let mut untried: Vec<&Entry> = self.entries.iter().collect();
        while let Some(next) = first_to_try(&untried, remembered) {
            let entry = untried.swap_remove(next);
            let key = entry.key.private.fingerprint();
            if let Some(value) = entry.key.private.open(label, sealed) {
                let number = self.successes.fetch_add(1, Ordering::Relaxed) + 1;
                entry.opened.store(number, Ordering::Relaxed);
                return Ok(Opened { value, key: key.clone() });
            }
            // The same key under two names is tried once.
            untried.retain(|other| other.key.private.fingerprint() != key);
        }
        Err(Fault::wrong("no key could decrypt secret"))
    }
}

/// Where in the list the key stands that most probably opens. Asked anew for every try, so that a walk over many keys
/// profits at once from what another thread has just found out.
fn first_to_try(untried: &[&Entry], remembered: Option<&KeyFingerprint>) -> Option<usize> {
    let promise = |entry: &Entry| {
        let is_remembered = remembered == Some(entry.key.private.fingerprint());
        (is_remembered, entry.opened.load(Ordering::Relaxed), entry.key.ordered_at)
    };
    (0..untried.len()).max_by_key(|place| promise(untried[*place]))
}

#[cfg(test)]
mod tests;
