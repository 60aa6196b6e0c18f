//! KV version 1 and 2: data, metadata, versions, check-and-set, lists.
//! Specification: VSO §17.3, ESO §10.5.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::envelope;
use crate::http::Answer;

/// What KV 1 says about its values' life.
const KV1_SECONDS: i64 = 2_764_800;

/// One key of KV 2.
#[derive(Debug, Default)]
pub struct Key {
    versions: BTreeMap<u64, Version>,
    custom: Option<Value>,
    cas_required: bool,
    created: Option<Timestamp>,
    updated: Option<Timestamp>,
}

#[derive(Debug)]
struct Version {
    data: Value,
    created: Timestamp,
    deleted: Option<Timestamp>,
    destroyed: bool,
}

impl Version {
    fn metadata(&self, number: u64, custom: Option<&Value>) -> Value {
        json!({
            "created_time": self.created.to_string(), "custom_metadata": custom, "destroyed": self.destroyed,
            "deletion_time": self.deleted.map(|at| at.to_string()).unwrap_or_default(), "version": number,
        })
    }

    fn is_readable(&self) -> bool {
        self.deleted.is_none() && !self.destroyed
    }
}

impl Key {
    fn latest(&self) -> u64 {
        self.versions.keys().next_back().copied().unwrap_or(0)
    }

    /// Its value as it stands.
    pub fn value(&self) -> Option<&Value> {
        self.versions.get(&self.latest()).filter(|version| version.is_readable()).map(|version| &version.data)
    }

    /// Deletes the latest version.
    pub fn delete(&mut self, now: Timestamp) {
        if let Some(mut latest) = self.versions.last_entry() {
            latest.get_mut().deleted = Some(now);
        }
    }

    pub fn write(&mut self, data: Value, now: Timestamp) -> u64 {
        let number = self.latest() + 1;
        self.created.get_or_insert(now);
        self.updated = Some(now);
        self.versions.insert(number, Version { data, created: now, deleted: None, destroyed: false });
        number
    }

    fn metadata(&self, now: Timestamp) -> Value {
        let one = |(number, version): (&u64, &Version)| {
            let mut told = version.metadata(*number, None);
            let fields = told.as_object_mut().expect("metadata is an object");
            fields.remove("custom_metadata");
            fields.remove("version");
            (number.to_string(), told)
        };
        let versions: Map<String, Value> = self.versions.iter().map(one).collect();
        json!({
            "cas_required": self.cas_required, "created_time": self.created.unwrap_or(now).to_string(),
            "current_version": self.latest(), "custom_metadata": self.custom, "delete_version_after": "0s",
            "max_versions": 0, "current_metadata_version": 0, "metadata_cas_required": false, "oldest_version": self.versions.keys().next().copied().unwrap_or(0),
            "updated_time": self.updated.unwrap_or(now).to_string(), "versions": versions,
        })
    }
}

pub fn answer_v1(keys: &mut BTreeMap<String, Value>, ask: &Ask<'_>, path: &str, serial: u64) -> Answer {
    match ask.method() {
        "GET" => keys
            .get(path)
            .map_or_else(envelope::absent, |value| envelope::leased(serial, value.clone(), ("", KV1_SECONDS, false))),
        "LIST" => list(keys.keys(), path, serial),
        "PUT" => {
            keys.insert(path.to_owned(), ask.body.clone());
            Answer::empty(204)
        }
        "DELETE" => {
            keys.remove(path);
            Answer::empty(204)
        }
        _ => envelope::unsupported_operation(),
    }
}

pub fn answer_v2(keys: &mut BTreeMap<String, Key>, ask: &Ask<'_>, path: &str, at: (u64, Timestamp)) -> Answer {
    let (what, key) = path.split_once('/').unwrap_or((path, ""));
    match (what, ask.method()) {
        ("data", "GET") => read(keys.get(key), ask, at.0),
        ("data", "PUT") => write(keys.entry(key.to_owned()).or_default(), ask, at),
        ("data", "PATCH") => patch(keys.get_mut(key), ask, at),
        ("data", "DELETE") => {
            keys.get_mut(key).into_iter().for_each(|key| key.delete(at.1));
            Answer::empty(204)
        }
        ("delete", "PUT") => mark(keys.get_mut(key), &numbers(ask), |version| version.deleted = Some(at.1)),
        ("undelete", "PUT") => mark(keys.get_mut(key), &numbers(ask), |version| version.deleted = None),
        ("destroy", "PUT") => mark(keys.get_mut(key), &numbers(ask), |version| version.destroyed = true),
        ("metadata", "LIST") => list(keys.keys(), key, at.0),
        ("metadata", "GET") => match keys.get(key) {
            Some(key) => envelope::data(at.0, key.metadata(at.1)),
            None => envelope::absent(),
        },
        ("metadata", "PUT") => describe(keys.entry(key.to_owned()).or_default(), ask, at.1),
        ("metadata", "DELETE") => {
            keys.remove(key);
            Answer::empty(204)
        }
        _ => wrong_for_versions(),
    }
}

fn wrong_for_versions() -> Answer {
    let warning = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to \
                   use. If using the OpenBao CLI, use 'bao kv get' for this operation.";
    let mut whole = envelope::whole(0, Value::Null, Value::Null);
    whole["warnings"] = json!([warning]);
    Answer::json(404, &whole)
}

fn read(key: Option<&Key>, ask: &Ask<'_>, serial: u64) -> Answer {
    let Some(key) = key else { return envelope::absent() };
    let asked = ask.asked.query.get("version").and_then(|text| text.parse::<u64>().ok()).filter(|number| *number > 0);
    let number = asked.unwrap_or_else(|| key.latest());
    let Some(version) = key.versions.get(&number) else { return envelope::absent() };
    let metadata = version.metadata(number, key.custom.as_ref());
    let data = if version.is_readable() { version.data.clone() } else { Value::Null };
    let code = if version.is_readable() { 200 } else { 404 };
    let told = json!({ "data": data, "metadata": metadata });
    Answer::json(code, &envelope::whole(serial, told, Value::Null))
}

fn write(key: &mut Key, ask: &Ask<'_>, (serial, now): (u64, Timestamp)) -> Answer {
    let Some(data) = ask.body.get("data").filter(|data| data.is_object()) else {
        return envelope::error(400, "no data provided");
    };
    match ask.body["options"]["cas"].as_u64() {
        None if key.cas_required => return envelope::error(400, "check-and-set parameter required for this call"),
        Some(cas) if cas != key.latest() => {
            return envelope::error(400, "check-and-set parameter did not match the current version");
        }
        _ => {}
    }
    let number = key.write(data.clone(), now);
    let told = key.versions.get(&number).map(|version| version.metadata(number, key.custom.as_ref()));
    envelope::data(serial, told.unwrap_or_default())
}

fn patch(key: Option<&mut Key>, ask: &Ask<'_>, (serial, now): (u64, Timestamp)) -> Answer {
    if ask.asked.header("content-type").is_empty() {
        return envelope::error(400, "mime: no media type");
    }
    if ask.asked.header("content-type") != "application/merge-patch+json" {
        return Answer::json(415, &json!({ "errors": ["PATCH requires application/merge-patch+json"] }));
    }
    let Some(key) = key else { return envelope::absent() };
    let Some(data) = key.value() else { return envelope::absent() };
    let mut data = data.clone();
    merge(&mut data, &ask.body["data"]);
    let number = key.write(data, now);
    let told = key.versions.get(&number).map(|version| version.metadata(number, key.custom.as_ref()));
    envelope::data(serial, told.unwrap_or_default())
}

fn merge(into: &mut Value, patch: &Value) {
    for (name, value) in patch.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(into.as_object_mut().and_then(|map| map.remove(name))),
            Value::Object(_) if into[name].is_object() => merge(&mut into[name], value),
            value => into[name] = value.clone(),
        }
    }
}

fn describe(key: &mut Key, ask: &Ask<'_>, now: Timestamp) -> Answer {
    key.created.get_or_insert(now);
    key.updated = Some(now);
    if let Some(custom) = ask.body.get("custom_metadata") {
        key.custom = Some(custom.clone());
    }
    if let Some(required) = ask.body["cas_required"].as_bool() {
        key.cas_required = required;
    }
    Answer::empty(204)
}

fn mark(key: Option<&mut Key>, numbers: &[u64], change: impl Fn(&mut Version)) -> Answer {
    let versions = key.map(|key| key.versions.iter_mut().filter(|(number, _)| numbers.contains(number)));
    for (_, version) in versions.into_iter().flatten() {
        change(version);
    }
    Answer::empty(204)
}

fn numbers(ask: &Ask<'_>) -> Vec<u64> {
    ask.body["versions"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// Names directly below a folder; deeper ones as the folder that holds them.
fn list<'a>(keys: impl Iterator<Item = &'a String>, folder: &str, serial: u64) -> Answer {
    let folder = folder.trim_end_matches('/');
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let below = keys.filter_map(|key| key.strip_prefix(&prefix));
    let names: BTreeSet<String> =
        below.map(|rest| rest.split_once('/').map_or(rest.to_owned(), |(first, _)| format!("{first}/"))).collect();
    if names.is_empty() { envelope::absent() } else { envelope::data(serial, json!({ "keys": names })) }
}
