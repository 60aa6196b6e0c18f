//! `metadata.managedFields` of operation Update: which fields a manager wrote last. ESO reads them to remove its own old
//! labels, annotations and keys. Maps are followed to their leaves; a list is one leaf, since no schema is known here.
//! Operation Apply is not spoken. Specification: ESO §7.4, design §1 (every write is the peer's own write).

use serde_json::{Map, Value, json};

/// Who writes: the entry's key.
#[derive(Clone, Debug)]
pub struct Author<'a> {
    pub manager: &'a str,
    pub api_version: &'a str,
    pub subresource: &'a str,
    pub time: &'a str,
}

type Tree = Map<String, Value>;

/// Metadata that belongs to the server, never to a manager.
const SERVERS_OWN: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
];

/// Writes into `new` who owns which of its fields, given what stood there before (empty for a new object).
pub fn record(new: &mut Map<String, Value>, old: &Map<String, Value>, author: &Author<'_>) {
    let known = |of: &Map<String, Value>| of.get("metadata")?.get("managedFields")?.as_array().cloned();
    let mut entries = known(new).filter(|given| !given.is_empty()).or_else(|| known(old)).unwrap_or_default();
    let (changed, gone) = differences(old, new);
    let mine = entries.iter().position(|entry| is_of(entry, author));
    for (at, entry) in entries.iter_mut().enumerate() {
        let Some(fields) = entry["fieldsV1"].as_object_mut() else { continue };
        subtract(fields, &gone);
        if Some(at) != mine {
            subtract(fields, &changed);
        }
    }
    match mine {
        _ if changed.is_empty() => {}
        Some(at) => {
            if let Some(fields) = entries[at]["fieldsV1"].as_object_mut() {
                add(fields, &changed);
            }
            entries[at]["time"] = Value::from(author.time);
        }
        None => entries.push(entry(author, changed)),
    }
    entries.retain(|entry| entry["fieldsV1"].as_object().is_some_and(|fields| !fields.is_empty()));
    if let Some(meta) = new.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.insert("managedFields".to_owned(), Value::Array(entries));
    }
}

fn entry(author: &Author<'_>, fields: Tree) -> Value {
    let mut entry = json!({
        "manager": author.manager, "operation": "Update", "apiVersion": author.api_version,
        "time": author.time, "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if !author.subresource.is_empty() {
        entry["subresource"] = Value::from(author.subresource);
    }
    entry
}

fn is_of(entry: &Value, author: &Author<'_>) -> bool {
    entry["manager"] == author.manager
        && entry["operation"] == "Update"
        && entry["apiVersion"] == author.api_version
        && entry.get("subresource").and_then(Value::as_str).unwrap_or_default() == author.subresource
}

/// The fields that `new` says differently from `old`, and those that only `old` had.
fn differences(old: &Map<String, Value>, new: &Map<String, Value>) -> (Tree, Tree) {
    let (mut changed, mut gone) = (Tree::new(), Tree::new());
    let nothing = Map::new();
    compare(&without_metadata(old), &without_metadata(new), &mut changed, &mut gone);
    let meta = |of: &Map<String, Value>| {
        let mut meta = of.get("metadata").and_then(Value::as_object).unwrap_or(&nothing).clone();
        meta.retain(|key, _| !SERVERS_OWN.contains(&key.as_str()));
        Map::from_iter([("metadata".to_owned(), Value::Object(meta))])
    };
    compare_inside(&meta(old), &meta(new), &mut changed, &mut gone);
    (changed, gone)
}

fn without_metadata(of: &Map<String, Value>) -> Map<String, Value> {
    of.iter().filter(|(key, _)| *key != "metadata").map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// As `compare`, but the maps themselves belong to nobody (metadata always exists).
fn compare_inside(old: &Map<String, Value>, new: &Map<String, Value>, changed: &mut Tree, gone: &mut Tree) {
    compare(old, new, changed, gone);
    for tree in [changed, gone] {
        if let Some(inner) = tree.get_mut("f:metadata").and_then(Value::as_object_mut) {
            inner.remove(".");
            if inner.is_empty() {
                tree.remove("f:metadata");
            }
        }
    }
}

fn compare(old: &Map<String, Value>, new: &Map<String, Value>, changed: &mut Tree, gone: &mut Tree) {
    for (key, value) in new {
        let before = old.get(key);
        if before == Some(value) {
            continue;
        }
        let (mut inner_changed, mut inner_gone) = (Tree::new(), Tree::new());
        match (before, value) {
            (Some(Value::Object(before)), Value::Object(after)) => {
                compare(before, after, &mut inner_changed, &mut inner_gone);
            }
            (_, Value::Object(after)) => inner_changed = leaves(after),
            _ => {
                changed.insert(format!("f:{key}"), Value::Object(Tree::new()));
                continue;
            }
        }
        note(changed, key, inner_changed);
        note(gone, key, inner_gone);
    }
    for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        let inner = value.as_object().map(leaves).unwrap_or_default();
        gone.insert(format!("f:{key}"), Value::Object(inner));
    }
}

fn note(tree: &mut Tree, key: &str, inner: Tree) {
    if !inner.is_empty() {
        tree.insert(format!("f:{key}"), Value::Object(inner));
    }
}

/// A new map owns itself (`.`) and all its leaves.
fn leaves(map: &Map<String, Value>) -> Tree {
    let mut tree = Tree::new();
    if !map.is_empty() {
        tree.insert(".".to_owned(), Value::Object(Tree::new()));
    }
    for (key, value) in map {
        let inner = value.as_object().map(leaves).unwrap_or_default();
        tree.insert(format!("f:{key}"), Value::Object(inner));
    }
    tree
}

fn add(into: &mut Tree, more: &Tree) {
    for (key, value) in more {
        let Some(Value::Object(present)) = into.get_mut(key) else {
            into.insert(key.clone(), value.clone());
            continue;
        };
        let Value::Object(value) = value else { continue };
        // A bare branch is owned itself; with leaves below it, `.` says so.
        if present.is_empty() != value.is_empty() {
            present.insert(".".to_owned(), Value::Object(Tree::new()));
        }
        add(present, value);
    }
}

/// Takes away every leaf of `less`. A branch that has lost its leaves goes with them, unless it is owned itself: then it
/// stays bare.
fn subtract(from: &mut Tree, less: &Tree) {
    for (key, value) in less {
        let (Some(Value::Object(inner)), Value::Object(value)) = (from.get_mut(key), value) else { continue };
        let whole = value.is_empty() || (inner.is_empty() && value.contains_key("."));
        if inner.is_empty() && !whole {
            continue;
        }
        if whole {
            inner.clear();
        } else {
            subtract(inner, value);
        }
        if inner.is_empty() {
            from.remove(key);
        } else if inner.len() == 1 && inner.contains_key(".") {
            inner.clear();
        }
    }
}
