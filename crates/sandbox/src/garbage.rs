//! What goes when something else goes: dependents by owner reference (background, foreground, orphan), and what stands in
//! a namespace that is deleted. A real cluster's controllers do this a little later; here it is done before the answer.
//! Specification: design §19 (garbage), SS §11.6, VSO §10.1.

use std::sync::Arc;

use base::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::stamp;
use crate::kinds::Kind;
use crate::store::{Fields, Place, Store, Stored};

/// What happens to the dependents of what is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    #[default]
    Background,
    /// Dependents go first. Those that finalizers hold do not hold their owner here, as a real server has it.
    Foreground,
    Orphan,
}

/// Deletes one object, or marks it if finalizers hold it. The flag says whether it is gone.
pub fn delete(store: &mut Store, place: &Place, propagation: Propagation, now: Timestamp) -> (Arc<Stored>, bool) {
    let Some(old) = store.find(place).cloned() else { return (Arc::new(Stored::unversioned(Map::new())), true) };
    match propagation {
        Propagation::Background => {}
        Propagation::Orphan => orphan(store, old.uid()),
        Propagation::Foreground => {
            for dependent in store.dependents_of(old.uid()) {
                leave(store, &dependent, old.uid(), now);
            }
        }
    }
    if is_namespace(&store.kind(place)) {
        empty_namespace(store, &place.name, now);
    }
    if store.find(place).is_none() {
        return (old, true);
    }
    if is_held(store, place, &old.fields) {
        return (mark(store, place, &old, now), false);
    }
    (finish(store, place, old.fields.clone(), now), true)
}

/// Whether finalizers, or a namespace's content, keep a deleted object in its place.
pub fn is_held(store: &Store, place: &Place, fields: &Fields) -> bool {
    let finalizers = fields["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
    finalizers || (is_namespace(&store.kind(place)) && has_content(store, &place.name))
}

fn mark(store: &mut Store, place: &Place, old: &Stored, now: Timestamp) -> Arc<Stored> {
    if old.is_terminating() {
        return store.find(place).cloned().expect("the object was found a moment ago");
    }
    let mut fields = old.fields.clone();
    let meta = fields["metadata"].as_object_mut().expect("stored objects have metadata");
    meta.insert("deletionTimestamp".to_owned(), Value::from(stamp(now)));
    meta.insert("deletionGracePeriodSeconds".to_owned(), Value::from(0));
    if let Some(generation) = meta.get("generation").and_then(Value::as_i64) {
        meta.insert("generation".to_owned(), Value::from(generation + 1));
    }
    if is_namespace(&store.kind(place)) {
        fields.insert("status".to_owned(), json!({ "phase": "Terminating" }));
    }
    store.put(place, fields)
}

/// Takes the object out for good, and then whatever only it owned or whatever waited for it.
pub fn finish(store: &mut Store, place: &Place, fields: Fields, now: Timestamp) -> Arc<Stored> {
    let gone = store.remove(place, fields);
    for dependent in store.dependents_of(gone.uid()) {
        leave(store, &dependent, gone.uid(), now);
    }
    if !place.namespace.is_empty() {
        close_namespace(store, &place.namespace, now);
    }
    gone
}

/// A dependent loses one owner: it goes with the last one, and else only forgets it.
fn leave(store: &mut Store, place: &Place, owner: &str, now: Timestamp) {
    let Some(object) = store.find(place).cloned() else { return };
    let references = object.meta()["ownerReferences"].as_array().cloned().unwrap_or_default();
    let others: Vec<Value> = references.into_iter().filter(|reference| reference["uid"] != owner).collect();
    if others.iter().any(|reference| is_alive(store, reference)) {
        let mut fields = object.fields.clone();
        fields["metadata"]["ownerReferences"] = Value::Array(others);
        store.put(place, fields);
    } else if !object.is_terminating() {
        delete(store, place, Propagation::Background, now);
    }
}

fn orphan(store: &mut Store, owner: &str) {
    for place in store.dependents_of(owner) {
        let Some(object) = store.find(&place) else { continue };
        let mut fields = object.fields.clone();
        if let Some(references) = fields["metadata"]["ownerReferences"].as_array_mut() {
            references.retain(|reference| reference["uid"] != owner);
        }
        store.put(&place, fields);
    }
}

/// An object whose owners are all of served kinds and none of them exists is collected, as a real cluster does: a wrong
/// uid, or an owner in another namespace, does not live long.
pub fn collect_if_orphan(store: &mut Store, place: &Place, now: Timestamp) {
    let Some(object) = store.find(place).cloned() else { return };
    let references = object.meta()["ownerReferences"].as_array().cloned().unwrap_or_default();
    if references.is_empty() || object.is_terminating() {
        return;
    }
    let absent = |reference: &Value| is_served(store, reference) && !is_alive(store, reference);
    let here = |reference: &Value| is_within_reach(store, reference, &place.namespace);
    if references.iter().all(|reference| absent(reference) || !here(reference)) {
        delete(store, place, Propagation::Background, now);
    }
}

fn is_served(store: &Store, reference: &Value) -> bool {
    let text = |key: &str| reference[key].as_str().unwrap_or_default();
    store.shelf_of_kind(text("apiVersion"), text("kind")).is_some()
}

fn is_alive(store: &Store, reference: &Value) -> bool {
    reference["uid"].as_str().is_some_and(|uid| store.place_of_uid(uid).is_some())
}

/// An owner stands in the same namespace, or in none.
fn is_within_reach(store: &Store, reference: &Value, namespace: &str) -> bool {
    let owner = reference["uid"].as_str().and_then(|uid| store.place_of_uid(uid));
    owner.is_none_or(|owner| owner.namespace.is_empty() || *owner.namespace == *namespace)
}

fn is_namespace(kind: &Kind) -> bool {
    kind.group.is_empty() && kind.kind == "Namespace"
}

/// Where the Namespace object of this name stands.
pub fn namespace_place(store: &Store, namespace: &str) -> Place {
    let shelf = store.shelf_of_plural("", "namespaces").expect("namespaces are built in");
    Place { shelf, namespace: "".into(), name: namespace.into() }
}

fn places_in(store: &Store, namespace: &str) -> Vec<Place> {
    let shelves = store.shelves.iter().enumerate().filter(|(_, shelf)| shelf.kind.namespaced);
    let rooms = shelves.filter_map(|(at, shelf)| Some((at, shelf.objects.get_key_value(namespace)?)));
    rooms
        .flat_map(|(shelf, (namespace, rooms))| {
            rooms.keys().map(move |name| Place { shelf, namespace: Arc::clone(namespace), name: Arc::clone(name) })
        })
        .collect()
}

fn has_content(store: &Store, namespace: &str) -> bool {
    store.shelves.iter().any(|shelf| shelf.kind.namespaced && shelf.objects.contains_key(namespace))
}

fn empty_namespace(store: &mut Store, namespace: &str, now: Timestamp) {
    for place in places_in(store, namespace) {
        if store.find(&place).is_some() {
            delete(store, &place, Propagation::Background, now);
        }
    }
}

/// A namespace that is being deleted goes when its last object has gone and no finalizer holds it.
fn close_namespace(store: &mut Store, namespace: &str, now: Timestamp) {
    let place = namespace_place(store, namespace);
    let Some(present) = store.find(&place).cloned() else { return };
    if present.is_terminating() && !is_held(store, &place, &present.fields) {
        finish(store, &place, present.fields.clone(), now);
    }
}
