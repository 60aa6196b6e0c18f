//! The secrets engines that can be mounted.
//! Specification: VSO §17.3.

use std::collections::BTreeMap;

use base::Timestamp;
use serde_json::{Value, json};

use super::database::Roles;
use super::kv::Key;
use super::pki::Authority;
use super::terms::Terms;
use super::transit::Keys;

/// A mounted engine with all it holds.
pub enum Engine {
    Kv1(BTreeMap<String, Value>),
    Kv2(BTreeMap<String, Key>),
    Database(Roles),
    Pki(Box<Authority>),
    Transit(Keys),
}

impl Engine {
    #[must_use]
    pub fn kv1() -> Self {
        Self::Kv1(BTreeMap::new())
    }

    #[must_use]
    pub fn kv2() -> Self {
        Self::Kv2(BTreeMap::new())
    }

    /// A database with leased roles (`creds/NAME`) and static ones (`static-creds/NAME`).
    #[must_use]
    pub fn database(leased: &[(&str, Terms)], fixed: &[(&str, i64)]) -> Self {
        Self::Database(Roles::new(leased, fixed))
    }

    /// A root CA and its roles: name, allowed domain (with all below it), longest life in seconds.
    #[must_use]
    pub fn pki(roles: &[(&str, &str, i64)]) -> Self {
        Self::Pki(Box::new(Authority::new(roles)))
    }

    #[must_use]
    pub fn transit(keys: &[&str]) -> Self {
        Self::Transit(Keys::new(keys))
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Kv1(_) | Self::Kv2(_) => "kv",
            Self::Database(_) => "database",
            Self::Pki(_) => "pki",
            Self::Transit(_) => "transit",
        }
    }

    pub(super) fn options(&self) -> Value {
        match self {
            Self::Kv1(_) => json!({ "version": "1" }),
            Self::Kv2(_) => json!({ "version": "2" }),
            _ => Value::Null,
        }
    }

    pub(super) fn put(&mut self, key: String, value: Value, now: Timestamp) {
        match self {
            Self::Kv1(keys) => drop(keys.insert(key, value)),
            Self::Kv2(keys) => drop(keys.entry(key).or_default().write(value, now)),
            _ => panic!("{key} is not in a KV engine"),
        }
    }

    pub(super) fn remove(&mut self, key: &str, now: Timestamp) {
        match self {
            Self::Kv1(keys) => drop(keys.remove(key)),
            Self::Kv2(keys) => keys.get_mut(key).into_iter().for_each(|key| key.delete(now)),
            _ => panic!("{key} is not in a KV engine"),
        }
    }

    pub(super) fn value(&self, key: &str) -> Option<Value> {
        match self {
            Self::Kv1(keys) => keys.get(key).cloned(),
            Self::Kv2(keys) => keys.get(key)?.value().cloned(),
            _ => panic!("{key} is not in a KV engine"),
        }
    }
}
