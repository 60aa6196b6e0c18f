//! Patches: JSON patch and merge patch (by the json-patch crate), and strategic merge as far as restarts and metadata
//! need it: maps merged, lists of named things merged by their key, `$patch: delete|replace`, new items where the API
//! server puts them. Server-side apply is not spoken. Specification: design §11.3, RL §10.3, VSO §11.

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The media types of the patches that we can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Json,
    Merge,
    Strategic,
}

impl Form {
    /// The form that a Content-Type names; custom resources know no strategic merge.
    pub fn parse(content_type: &str, builtin: bool) -> Result<Self, Refusal> {
        let accepted = if builtin {
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, \
             application/apply-patch+yaml"
        } else {
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        };
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if builtin => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Err(Refusal::no_apply()),
            _ => Err(Refusal::unsupported_media_type(accepted)),
        }
    }
}

/// The object as it shall be after the patch.
pub fn apply(form: Form, body: &[u8], mut object: Value) -> Result<Value, Refusal> {
    let parsed = |error: serde_json::Error| Refusal::bad_request(format!("error decoding patch: {error}"));
    match form {
        Form::Json => {
            let patch: json_patch::Patch = serde_json::from_slice(body).map_err(parsed)?;
            json_patch::patch(&mut object, &patch).map_err(|error| Refusal::unprocessable(&error.to_string()))?;
        }
        Form::Merge => {
            let patch: Value = serde_json::from_slice(body).map_err(parsed)?;
            if !patch.is_object() {
                return Err(Refusal::bad_request("error decoding patch: a merge patch must be a JSON object"));
            }
            json_patch::merge(&mut object, &patch);
        }
        Form::Strategic => {
            let patch: Map<String, Value> = serde_json::from_slice(body).map_err(parsed)?;
            merge_map(object.as_object_mut().expect("stored objects are JSON objects"), patch)?;
        }
    }
    Ok(object)
}

fn merge_map(into: &mut Map<String, Value>, mut patch: Map<String, Value>) -> Result<(), Refusal> {
    match patch.remove("$patch").as_ref().and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => {
            *into = patch;
            return Ok(());
        }
        Some("delete") => {
            into.clear();
            return Ok(());
        }
        Some(other) => return Err(Refusal::bad_request(format!("Unknown patch type found: {other}"))),
    }
    for (key, value) in patch {
        if key.starts_with('$') {
            return Err(Refusal::bad_request(format!("the sandbox does not know the patch directive {key:?}")));
        }
        merge_field(into, key, value)?;
    }
    Ok(())
}

fn merge_field(into: &mut Map<String, Value>, key: String, value: Value) -> Result<(), Refusal> {
    match (value, into.get_mut(&key)) {
        (Value::Null, _) => {
            into.remove(&key);
        }
        (Value::Object(patch), Some(Value::Object(present))) => merge_map(present, patch)?,
        (Value::Object(patch), _) => {
            let mut fresh = Map::new();
            merge_map(&mut fresh, patch)?;
            into.insert(key, Value::Object(fresh));
        }
        (Value::Array(patch), present) => {
            let present = present.and_then(|value| value.as_array_mut().map(std::mem::take)).unwrap_or_default();
            let merged = merge_list(&key, present, patch)?;
            into.insert(key, Value::Array(merged));
        }
        (value, _) => {
            into.insert(key, value);
        }
    }
    Ok(())
}

/// How the API types say that a list is merged.
enum Merging {
    By(&'static str),
    Set,
    Replace,
}

fn merging(list: &str) -> Merging {
    match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => Merging::By("name"),
        "volumeMounts" => Merging::By("mountPath"),
        "volumeDevices" => Merging::By("devicePath"),
        "ports" => Merging::By("containerPort"),
        "hostAliases" => Merging::By("ip"),
        "topologySpreadConstraints" => Merging::By("topologyKey"),
        "conditions" => Merging::By("type"),
        "ownerReferences" => Merging::By("uid"),
        "finalizers" => Merging::Set,
        _ => Merging::Replace,
    }
}

fn merge_list(list: &str, present: Vec<Value>, patch: Vec<Value>) -> Result<Vec<Value>, Refusal> {
    match merging(list) {
        Merging::Replace => Ok(patch),
        Merging::Set => {
            let mut merged = present;
            for value in patch {
                if !merged.contains(&value) {
                    merged.push(value);
                }
            }
            Ok(merged)
        }
        Merging::By(key) => merge_by_key(key, list, present, patch),
    }
}

/// Items of the patch keep the patch's order, the others the present order; a new item comes before those that the patch
/// does not name (so a new environment variable comes first).
fn merge_by_key(key: &str, list: &str, mut present: Vec<Value>, patch: Vec<Value>) -> Result<Vec<Value>, Refusal> {
    if patch.iter().any(|item| item["$patch"] == "replace") {
        return Ok(patch.into_iter().filter(|item| item.get("$patch").is_none()).collect());
    }
    let order: Vec<Value> = present.iter().map(|item| item[key].clone()).collect();
    let rank = |item: &Value| order.iter().position(|known| *known == item[key]);
    let mut named = Vec::new();
    for item in patch {
        if item.get(key).is_none() {
            let message = format!("map: {list} item does not contain declared merge key: {key}");
            return Err(Refusal::bad_request(message));
        }
        let at = present.iter().position(|one| one[key] == item[key]);
        let old = at.map_or_else(|| Value::Object(Map::new()), |at| present.remove(at));
        if item["$patch"] == "delete" {
            continue;
        }
        let (Value::Object(mut merged), Value::Object(item)) = (old, item) else {
            return Err(Refusal::bad_request(format!("items of {list} must be JSON objects")));
        };
        merge_map(&mut merged, item)?;
        named.push(Value::Object(merged));
    }
    Ok(interleave(present, named, rank))
}

/// Merges two sorted lists: an item that the server already had before the other's goes first, otherwise the patch's does.
fn interleave(others: Vec<Value>, named: Vec<Value>, rank: impl Fn(&Value) -> Option<usize>) -> Vec<Value> {
    let mut merged = Vec::with_capacity(others.len() + named.len());
    let (mut others, mut named) = (others.into_iter().peekable(), named.into_iter().peekable());
    while let (Some(other), Some(name)) = (others.peek(), named.peek()) {
        let first = matches!((rank(other), rank(name)), (Some(left), Some(right)) if left < right);
        merged.extend(if first { others.next() } else { named.next() });
    }
    merged.extend(others);
    merged.extend(named);
    merged
}
