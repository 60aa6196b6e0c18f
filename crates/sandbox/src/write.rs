//! Create, update and delete as the API server does them: what it stamps, what it keeps from the client, when it answers
//! 409 or 422, and when nothing happens at all (an update that changes nothing has no new version and no event).
//! It knows no HTTP. Specification: design §11.3, §19.

use std::sync::Arc;

use base::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::stamp;
use crate::garbage::{self, Propagation};
use crate::kinds::Kind;
use crate::managed::{self, Author};
use crate::refusal::{Refusal, STALE};
use crate::store::{Fields, Place, Store, Stored};
use crate::validate;

/// How a write was asked for.
#[derive(Clone, Debug)]
pub struct Manner {
    /// The field manager: the `fieldManager` parameter, else the User-Agent up to its first slash.
    pub manager: String,
    pub api_version: String,
    pub now: Timestamp,
    pub dry_run: bool,
}

impl Manner {
    fn author<'a>(&'a self, subresource: &'a str, time: &'a str) -> Author<'a> {
        Author { manager: &self.manager, api_version: &self.api_version, subresource, time }
    }
}

/// What a delete may insist on, and what shall happen to dependents.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub propagation: Propagation,
}

/// A new object. Its namespace is made if it is not there yet.
pub fn create(
    store: &mut Store,
    shelf: usize,
    namespace: &str,
    mut fields: Fields,
    manner: &Manner,
) -> Result<Arc<Stored>, Refusal> {
    let kind = Arc::clone(&store.shelves[shelf].kind);
    let place = name_it(store, &kind, shelf, namespace, &mut fields)?;
    validate::receive(&kind, &mut fields)?;
    validate::check(&kind, &fields, None)?;
    if store.find(&place).is_some() {
        return Err(Refusal::already_exists(&kind, &place.name));
    }
    if kind.namespaced {
        enter_namespace(store, namespace, &kind, &place.name, manner)?;
    }
    let time = stamp(manner.now);
    stamp_new(&kind, &mut fields, &time, store.next_serial());
    managed::record(&mut fields, &Map::new(), &manner.author("", &time));
    if manner.dry_run {
        // What is not stored has no version.
        if let Some(meta) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.remove("resourceVersion");
        }
        return Ok(Arc::new(Stored::unversioned(fields)));
    }
    let stored = store.put(&place, fields);
    if kind.group == "apiextensions.k8s.io" {
        serve_crd(store, &place, &stored);
    }
    garbage::collect_if_orphan(store, &place, manner.now);
    Ok(stored)
}

/// Makes the namespace that a new object wants, and refuses one that is being deleted.
fn enter_namespace(
    store: &mut Store,
    namespace: &str,
    kind: &Kind,
    name: &str,
    manner: &Manner,
) -> Result<(), Refusal> {
    let place = garbage::namespace_place(store, namespace);
    match store.find(&place) {
        Some(present) if present.is_terminating() => {
            let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
            Err(Refusal::forbidden(&kind.group, &kind.plural, name, &why))
        }
        Some(_) => Ok(()),
        None => {
            let fields = Map::from_iter([("metadata".to_owned(), json!({ "name": namespace }))]);
            let manner = Manner { api_version: "v1".to_owned(), ..manner.clone() };
            create(store, place.shelf, "", fields, &manner).map(|_| ())
        }
    }
}

/// A CustomResourceDefinition is served at once and says so.
fn serve_crd(store: &mut Store, place: &Place, stored: &Stored) {
    if !store.register_crd(&stored.fields) {
        return;
    }
    let definition = &stored.fields;
    let mut fields = stored.fields.clone();
    let since = &stored.meta()["creationTimestamp"];
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({ "type": kind, "status": "True", "reason": reason,
            "message": message, "lastTransitionTime": since })
    };
    fields.insert(
        "status".to_owned(),
        json!({
            "acceptedNames": definition["spec"]["names"],
            "storedVersions": [definition["spec"]["versions"][0]["name"]],
            "conditions": [
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
        }),
    );
    store.put(place, fields);
}

fn name_it(
    store: &mut Store,
    kind: &Kind,
    shelf: usize,
    namespace: &str,
    fields: &mut Fields,
) -> Result<Place, Refusal> {
    let meta = meta_of(fields)?;
    if meta.get("resourceVersion").and_then(Value::as_str).is_some_and(|version| !version.is_empty()) {
        return Err(Refusal::unnamed("resourceVersion should not be set on objects to be created"));
    }
    let given = meta.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if kind.namespaced && !given.is_empty() && given != namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Refusal::bad_request(message));
    }
    if kind.namespaced {
        meta.insert("namespace".to_owned(), Value::from(namespace));
    } else {
        meta.remove("namespace");
    }
    let named = meta.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !named && let Some(prefix) = meta.get("generateName").and_then(Value::as_str).filter(|prefix| !prefix.is_empty())
    {
        let name = format!("{prefix}{}", suffix(store.next_serial()));
        meta.insert("name".to_owned(), Value::from(name));
    }
    let name = meta.get("name").and_then(Value::as_str).unwrap_or_default();
    let namespace = if kind.namespaced { namespace } else { "" };
    Ok(Place { shelf, namespace: namespace.into(), name: name.into() })
}

/// An object as it stands in a file or a fixture: its uid, status, times and managed fields are kept, and no owner is
/// looked for. What stands there already is replaced.
pub fn load(store: &mut Store, shelf: usize, mut fields: Fields, manner: &Manner) -> Result<Arc<Stored>, Refusal> {
    let kind = Arc::clone(&store.shelves[shelf].kind);
    let meta = meta_of(&mut fields)?;
    meta.remove("resourceVersion");
    let given = meta.get("namespace").and_then(Value::as_str).unwrap_or_default();
    let namespace = if given.is_empty() { "default".to_owned() } else { given.to_owned() };
    let place = name_it(store, &kind, shelf, &namespace, &mut fields)?;
    validate::receive(&kind, &mut fields)?;
    validate::check(&kind, &fields, None)?;
    if kind.namespaced {
        enter_namespace(store, &namespace, &kind, &place.name, manner)?;
    }
    let mut stamped = fields.clone();
    stamp_new(&kind, &mut stamped, &stamp(manner.now), store.next_serial());
    for (key, value) in stamped["metadata"].as_object().into_iter().flatten() {
        let meta = meta_of(&mut fields)?;
        meta.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let stored = store.put(&place, fields);
    if kind.group == "apiextensions.k8s.io" {
        serve_crd(store, &place, &stored);
    }
    Ok(stored)
}

/// What the server sets on a new object, whatever the client said.
fn stamp_new(kind: &Kind, fields: &mut Fields, time: &str, serial: u64) {
    if kind.status {
        fields.remove("status");
    }
    if kind.group.is_empty() && kind.kind == "Namespace" {
        let name = fields["metadata"]["name"].clone();
        fields["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        fields.insert("spec".to_owned(), json!({ "finalizers": ["kubernetes"] }));
        fields.insert("status".to_owned(), json!({ "phase": "Active" }));
    }
    let meta = fields["metadata"].as_object_mut().expect("metadata was looked at before");
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] {
        meta.remove(key);
    }
    meta.insert("uid".to_owned(), Value::from(uid(serial)));
    meta.insert("creationTimestamp".to_owned(), Value::from(time));
    meta.insert("resourceVersion".to_owned(), Value::Null);
    if kind.generation {
        meta.insert("generation".to_owned(), Value::from(1));
    }
    drop_empty(meta);
}

/// Empty metadata is not written, as Go's omitempty has it.
fn drop_empty(meta: &mut Map<String, Value>) {
    let is_empty = |value: &Value| match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Null => true,
        _ => false,
    };
    meta.retain(|key, value| key == "resourceVersion" || !is_empty(value));
}

/// The object as the client wants it (`subresource` is empty or `status`).
pub fn update(
    store: &mut Store,
    place: &Place,
    subresource: &str,
    mut new: Fields,
    manner: &Manner,
) -> Result<Arc<Stored>, Refusal> {
    let kind = store.kind(place);
    let old = Arc::clone(store.find(place).ok_or_else(|| Refusal::not_found(&kind, &place.name))?);
    check_identity(&kind, place, &mut new, &old)?;
    if subresource == "status" {
        new = with_status_of(&old, new);
    } else {
        keep_server_fields(&kind, &mut new, &old);
    }
    validate::receive(&kind, &mut new)?;
    validate::check(&kind, &new, Some(&old.fields))?;
    let time = stamp(manner.now);
    managed::record(&mut new, &old.fields, &manner.author(subresource, &time));
    if is_same(&old.fields, &new) {
        return Ok(old);
    }
    if manner.dry_run {
        return Ok(Arc::new(Stored::unversioned(new)));
    }
    if old.is_terminating() && !garbage::is_held(store, place, &new) {
        return Ok(garbage::finish(store, place, new, manner.now));
    }
    let stored = store.put(place, new);
    if kind.group == "apiextensions.k8s.io" && subresource.is_empty() {
        store.register_crd(&stored.fields);
    }
    garbage::collect_if_orphan(store, place, manner.now);
    Ok(stored)
}

fn check_identity(kind: &Kind, place: &Place, new: &mut Fields, old: &Stored) -> Result<(), Refusal> {
    let meta = meta_of(new)?;
    let text = |meta: &Map<String, Value>, key: &str| {
        meta.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let name = text(meta, "name").unwrap_or_default();
    if *name != *place.name {
        let message = format!("the name of the object ({name}) does not match the name on the URL ({})", place.name);
        return Err(Refusal::bad_request(message));
    }
    if text(meta, "namespace").is_some_and(|namespace| *namespace != *place.namespace) {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Refusal::bad_request(message));
    }
    if let Some(uid) = text(meta, "uid").filter(|uid| uid != old.uid()) {
        let key = registry_key(kind, place);
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
             failed: UID in precondition: {uid}, UID in object meta: {}",
            old.uid()
        );
        return Err(Refusal::conflict(kind, &name, &why));
    }
    match text(meta, "resourceVersion") {
        None if kind.unconditional_update => Ok(()),
        None => Err(Refusal::unversioned(kind, &name)),
        Some(version) if version == old.version.to_string() => Ok(()),
        Some(_) => Err(Refusal::conflict(kind, &name, STALE)),
    }
}

/// Where the server would keep the object; it says so in one of its texts.
fn registry_key(kind: &Kind, place: &Place) -> String {
    let group = if kind.builtin { String::new() } else { format!("{}/", kind.group) };
    format!("/registry/{group}{}/{}/{}", kind.plural, place.namespace, place.name)
}

/// A write of the status subresource takes the status and nothing else.
fn with_status_of(old: &Stored, mut new: Fields) -> Fields {
    let mut fields = old.fields.clone();
    match new.remove("status") {
        Some(status) => fields.insert("status".to_owned(), status),
        None => fields.remove("status"),
    };
    fields
}

/// What a client cannot change: identity, times, generation, and the status of kinds that have the subresource.
fn keep_server_fields(kind: &Kind, new: &mut Fields, old: &Stored) {
    if kind.status {
        match old.fields.get("status") {
            Some(status) => new.insert("status".to_owned(), status.clone()),
            None => new.remove("status"),
        };
    }
    let changed = kind.generation && moves_generation(kind, new, old);
    let before = old.meta();
    let meta = new["metadata"].as_object_mut().expect("metadata was looked at before");
    for key in
        ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "namespace"]
    {
        match before.get(key) {
            Some(value) => meta.insert(key.to_owned(), value.clone()),
            None => meta.remove(key),
        };
    }
    meta.insert("resourceVersion".to_owned(), before["resourceVersion"].clone());
    if changed {
        meta.insert("generation".to_owned(), Value::from(before["generation"].as_i64().unwrap_or(0) + 1));
    }
    drop_empty(meta);
}

/// Custom resources: anything but metadata and status; built-in kinds: the spec (of a Deployment also annotations).
fn moves_generation(kind: &Kind, new: &Fields, old: &Stored) -> bool {
    if kind.builtin {
        let annotations = |fields: &Fields| fields["metadata"]["annotations"].clone();
        return new.get("spec") != old.fields.get("spec")
            || (kind.kind == "Deployment" && annotations(new) != annotations(&old.fields));
    }
    let counts = |key: &String| key != "metadata" && !(kind.status && key == "status");
    let fits = |from: &Fields, to: &Fields| {
        from.iter().filter(|(key, _)| counts(key)).all(|(key, value)| to.get(key) == Some(value))
    };
    !(fits(new, &old.fields) && fits(&old.fields, new))
}

/// Whether only the times of managed fields differ.
fn is_same(old: &Fields, new: &Fields) -> bool {
    let rest = |fields: &Fields, other: &Fields| {
        fields.iter().filter(|(key, _)| *key != "metadata").all(|(key, value)| other.get(key) == Some(value))
    };
    let timeless = |meta: &Value| {
        let mut meta = meta.clone();
        for entry in meta["managedFields"].as_array_mut().into_iter().flatten() {
            entry["time"] = Value::Null;
        }
        meta
    };
    old.len() == new.len() && rest(old, new) && timeless(&old["metadata"]) == timeless(&new["metadata"])
}

const RECREATED: &str = "The object might have been deleted and then recreated";
const MODIFIED: &str = "The object might have been modified";

/// Deletes, or marks what finalizers still hold. The flag says whether it is gone.
pub fn delete(
    store: &mut Store,
    place: &Place,
    deletion: &Deletion,
    manner: &Manner,
) -> Result<(Arc<Stored>, bool), Refusal> {
    let kind = store.kind(place);
    let old = Arc::clone(store.find(place).ok_or_else(|| Refusal::not_found(&kind, &place.name))?);
    if let Some(uid) = deletion.uid.as_deref().filter(|uid| *uid != old.uid()) {
        return Err(Refusal::precondition(&kind, &place.name, "UID", (uid, old.uid()), RECREATED));
    }
    let version = old.version.to_string();
    if let Some(wanted) = deletion.resource_version.as_deref().filter(|wanted| *wanted != version) {
        return Err(Refusal::precondition(&kind, &place.name, "ResourceVersion", (wanted, &version), MODIFIED));
    }
    if manner.dry_run {
        return Ok((old, true));
    }
    Ok(garbage::delete(store, place, deletion.propagation, manner.now))
}

fn meta_of(fields: &mut Fields) -> Result<&mut Map<String, Value>, Refusal> {
    let meta = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    meta.as_object_mut().ok_or_else(|| Refusal::bad_request("metadata must be an object"))
}

/// A uid of the usual form, told from a number so that two runs agree.
fn uid(serial: u64) -> String {
    let mixed = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let high = mixed >> 32;
    format!("{high:08x}-{:04x}-4{:03x}-8{:03x}-{serial:012x}", mixed & 0xffff, (mixed >> 16) & 0xfff, mixed & 0xfff)
}

/// Five letters of the alphabet that generated names use.
fn suffix(serial: u64) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let mut text = String::new();
    for _ in 0..5 {
        text.push(char::from(LETTERS[usize::try_from(rest % 27).unwrap_or_default()]));
        rest /= 27;
    }
    text
}
