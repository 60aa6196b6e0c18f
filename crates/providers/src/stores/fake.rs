//! The fake store: its values stand in its settings. For trying things out, and for tests; it calls nobody.
//! Specification: ESO §10.11.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Credentials, Fault, Kind, Opening, SecretBytes, SecretMap, SecretValue, Tenant};
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use source::{Find, Locator, Payload, PushEntry, PushSource, Pushed, RemotePlace, SecretsClient, Validity, select};

use crate::json;
use crate::push_metadata;
use crate::reach::Reach;
use crate::row::{Access, Client, Maintenance, Row};
use crate::settings::{self, Checked};

/// The row.
pub const ROW: Row = Row {
    name: "fake",
    keys: &["fake"],
    access: Access {
        read: true,
        write: true,
        find_name: true,
        find_tags: false,
        find_path: false,
        metadata: false,
        not_found: true,
        referent: false,
    },
    maintenance: Maintenance::Unmaintained,
    schema: || schema_for!(Settings),
    check: settings::check::<Settings>,
    open: Some(open),
    references: &[],
};

/// The settings: the values themselves.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The values.
    data: Vec<Entry>,
    /// What validation answers: 0 ready, 1 unknown, anything else an error.
    #[serde(default)]
    validation_result: Option<i64>,
}

/// One value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The key that references name.
    key: String,
    /// The value.
    #[serde(default)]
    value: String,
    /// The version, for several values of one key.
    #[serde(default)]
    version: String,
}

struct FakeClient {
    entries: Vec<Entry>,
    pushed: Mutex<BTreeMap<String, SecretBytes>>,
    validation: i64,
}

impl Checked for Settings {
    const PROVIDER: &'static str = "fake";

    fn check(&self, _: &Tenant) -> Vec<Fault> {
        let nameless = self.data.iter().position(|entry| entry.key.is_empty());
        let told = |place| Fault::wrong(format!("key cannot be empty in item {place} of the fake store"));
        nameless.map(told).into_iter().collect()
    }
}

fn open<'a>(value: &'a Value, _reach: &'a Reach, _credentials: Credentials) -> Opening<'a, Client> {
    Box::pin(async move {
        let Settings { data, validation_result } = settings::read(Settings::PROVIDER, value)?;
        let client =
            FakeClient { entries: data, pushed: Mutex::default(), validation: validation_result.unwrap_or_default() };
        Ok(Arc::new(client) as Client)
    })
}

impl FakeClient {
    fn value(&self, key: &str, version: &str) -> Option<SecretBytes> {
        let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let is = |entry: &&Entry| entry.key == key && entry.version == version;
        pushed.or_else(|| self.entries.iter().find(is).map(|entry| SecretBytes::from(entry.value.as_str())))
    }
}

impl SecretsClient for FakeClient {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move {
            let value = self.value(&at.key, at.version.as_deref().unwrap_or_default());
            value
                .map(Payload::bytes)
                .ok_or_else(|| Fault::not_found(format!("cannot find `{}` in the fake store", at.key)))
        })
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        // A property that is not there counts as a secret that is not there: with the fake, deletion policies can be tried out.
        let missing = |fault: Fault| match (property, fault.kind()) {
            (Some(_), Kind::Wrong) => Fault::not_found(fault.to_string()),
            _ => fault,
        };
        json::select(at, payload, property).map_err(missing)
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        json::entries(at, payload, property)
    }

    fn find<'a>(&'a self, query: &'a Find) -> Opening<'a, SecretMap> {
        Box::pin(async move {
            let Some(name) = &query.name else {
                return Err(Fault::wrong("unexpected find operator").hint("the fake store finds by name only"));
            };
            let pattern = settings::pattern(name)?;
            let mut found: Vec<&Entry> = self.entries.iter().filter(|entry| pattern.is_match(&entry.key)).collect();
            // Of several versions the highest is found: later ones win.
            found.sort_by(|one, other| one.version.cmp(&other.version));
            let mut values: SecretMap =
                found.into_iter().map(|entry| (entry.key.clone(), entry.value.as_str())).collect();
            let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
            values.extend(
                pushed
                    .iter()
                    .filter(|(key, _)| pattern.is_match(key))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            );
            Ok(values)
        })
    }

    fn push<'a>(&'a self, entry: &'a PushEntry) -> Opening<'a, Pushed> {
        Box::pin(async move {
            push_metadata::expect_nothing(entry.metadata.as_ref())?;
            if self.entries.iter().any(|declared| declared.key == entry.at.key) {
                return Err(Fault::conflict(format!("cannot push to `{}`", entry.at.key)).because("key already exists"));
            }
            let value = match &entry.source {
                PushSource::Bytes(bytes) => bytes.clone(),
                PushSource::Secret { data, .. } => select::object_of(data)?,
            };
            let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
            if pushed.get(&entry.at.key) == Some(&value) {
                return Ok(Pushed::Unchanged);
            }
            pushed.insert(entry.at.key.clone(), value);
            Ok(Pushed::Stored)
        })
    }

    fn delete<'a>(&'a self, at: &'a RemotePlace) -> Opening<'a, ()> {
        Box::pin(async move {
            self.pushed.lock().unwrap_or_else(PoisonError::into_inner).remove(&at.key);
            Ok(())
        })
    }

    fn exists<'a>(&'a self, at: &'a RemotePlace) -> Opening<'a, bool> {
        Box::pin(async move { Ok(self.value(&at.key, "").is_some()) })
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move {
            match self.validation {
                0 => Ok(Validity::Ready),
                1 => Ok(Validity::Unknown),
                _ => Err(Fault::wrong("the fake store was told to fail its validation")),
            }
        })
    }
}
