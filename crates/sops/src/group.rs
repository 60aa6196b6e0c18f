//! Key groups: alternatives that wrap the same bytes, and the order in which their types are asked.
//! Not here: wrapping and unwrapping (`wrapping`). Specification: SOPS §4.8, §8.2.

use base::Fault;

use crate::master_key::{KeyType, MasterKey};

/// Alternatives: any one key unwraps the group's bytes.
#[derive(Clone, Default, PartialEq)]
pub struct KeyGroup {
    /// The keys, in the order in which they wrap.
    pub keys: Vec<MasterKey>,
}

/// Which types of keys are asked first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecryptionOrder(Vec<String>);

impl DecryptionOrder {
    /// Reads a comma-separated list of type names; unknown ones are harmless.
    ///
    /// # Errors
    /// A name stands there twice.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            Some((_, name)) => Err(Fault::wrong(format!("Duplicate decryption key type: {name}"))),
            None => Ok(Self(names)),
        }
    }

    /// The order in which the keys stand in the file.
    #[must_use]
    pub fn of_file() -> Self {
        Self(Vec::new())
    }

    /// The keys in the order in which they are asked.
    pub(crate) fn sorted<'a>(&self, keys: &'a [MasterKey]) -> Vec<&'a MasterKey> {
        let mut keys: Vec<&MasterKey> = keys.iter().collect();
        keys.sort_by_key(|key| self.0.iter().position(|name| name == key.list()).unwrap_or(usize::MAX));
        keys
    }
}

impl Default for DecryptionOrder {
    fn default() -> Self {
        Self([KeyType::Age, KeyType::Pgp].map(|key| key.name().to_owned()).to_vec())
    }
}

/// A threshold that was never said means all groups.
pub(crate) fn effective_threshold(threshold: usize, groups: usize) -> usize {
    if threshold == 0 { groups } else { threshold }
}
