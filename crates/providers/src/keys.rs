//! Who wraps and unwraps data keys of encrypted files: the local key service, one file a kind of key.
//! What it may see of the process – variables, files, the terminal – comes in with [`KeyRing::new`].
//! age and PGP answer at once, so a caller needs no runtime for them (`sops::at_once`).
//! Specification: SOPS §5; design §4.2, §6.

use std::sync::Arc;

use base::{Fault, Opening, SecretBytes, SecretText};
use sops::{KeyService, Lock, MasterKey};
use wire::environment::Surroundings;

pub mod age;
pub mod gpg;

/// The local key service: every kind of key that this process can use.
pub struct KeyRing {
    age: age::Age,
    gpg: gpg::Gpg,
}

/// Whom to ask for a passphrase, and whom to tell that a hardware key waits for a touch.
pub trait Ask: Send + Sync {
    /// A passphrase, typed unseen; `None` where nobody can be asked.
    fn passphrase(&self, prompt: &str) -> Option<SecretText>;

    /// An open answer; `None` where nobody can be asked.
    fn text(&self, prompt: &str) -> Option<String>;

    /// A decision; `None` where nobody can be asked.
    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool>;

    /// Something to know or do.
    fn tell(&self, message: &str);
}

/// Nobody sits there: a server, a pipe, a test.
pub struct Nobody;

impl KeyRing {
    /// A key service that sees these surroundings and asks that person.
    #[must_use]
    pub fn new(surroundings: Surroundings, ask: Arc<dyn Ask>) -> Self {
        Self { age: age::Age::new(surroundings.clone(), ask), gpg: gpg::Gpg::new(&surroundings) }
    }
}

impl KeyService for KeyRing {
    fn encrypt<'a>(&'a self, key: &'a MasterKey, plaintext: &'a SecretBytes) -> Opening<'a, String> {
        let answer = match &key.lock {
            Lock::Age { recipient } => self.age.encrypt(recipient, plaintext),
            Lock::Pgp { fingerprint } => self.gpg.encrypt(fingerprint, plaintext),
            _ => Err(unsupported(key)),
        };
        Box::pin(std::future::ready(answer))
    }

    fn decrypt<'a>(&'a self, key: &'a MasterKey) -> Opening<'a, SecretBytes> {
        let answer = match &key.lock {
            Lock::Age { recipient } => self.age.decrypt(recipient, &key.enc),
            Lock::Pgp { .. } => self.gpg.decrypt(&key.enc),
            _ => Err(unsupported(key)),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn unsupported(key: &MasterKey) -> Fault {
    Fault::wrong(format!("keys of type `{}` are not supported by this version of keywright", key.list()))
        .hint("age and pgp keys are; the entry itself is kept as it stands")
}

impl Ask for Nobody {
    fn passphrase(&self, _: &str) -> Option<SecretText> {
        None
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn tell(&self, _: &str) {}
}

#[cfg(test)]
mod tests;
