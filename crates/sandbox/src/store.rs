//! Objects of every kind, by kind, namespace and name, and what happened to them in order. One resourceVersion counts for
//! all kinds. Objects are shared (`Arc`) between the shelf, its log, listings and watches, and are written as text once.
//! What may be written is decided in `write`; this file only keeps. Specification: design §19 (store).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::kinds::{self, Kind};

/// An object's fields as JSON, without `apiVersion` and `kind`, which depend on who asks.
pub type Fields = Map<String, Value>;

/// Changes that one kind's log keeps; a watch that falls further behind is told 410, as by a server that compacts.
const LOG_CHANGES: usize = 50_000;

/// One version of one object.
#[derive(Debug)]
pub struct Stored {
    pub fields: Fields,
    pub version: u64,
    text: OnceLock<Bytes>,
}

impl Stored {
    /// An object that is shown and not kept (dry runs).
    pub fn unversioned(fields: Fields) -> Self {
        Self { fields, version: 0, text: OnceLock::new() }
    }

    pub fn meta(&self) -> &Value {
        &self.fields["metadata"]
    }

    pub fn uid(&self) -> &str {
        self.meta()["uid"].as_str().unwrap_or_default()
    }

    pub fn is_terminating(&self) -> bool {
        self.meta().get("deletionTimestamp").is_some()
    }

    /// The fields as text without the opening brace, so that a type can be put before them.
    pub fn text(&self) -> &Bytes {
        self.text.get_or_init(|| {
            let whole = serde_json::to_vec(&self.fields).expect("JSON values can be written");
            Bytes::from(whole).slice(1..)
        })
    }
}

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub shelf: usize,
    /// Empty for what lives in no namespace.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

/// One entry of a log: the object before (`None`: it is new) and after (`None`: it is gone; then `last` is its last form).
#[derive(Clone, Debug)]
pub struct Change {
    pub version: u64,
    pub before: Option<Arc<Stored>>,
    pub after: Option<Arc<Stored>>,
    /// The last form of a deleted object, with the version of its deletion.
    pub last: Option<Arc<Stored>>,
}

/// What open watches wait on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulse {
    pub version: u64,
    /// Counts how often all open watches of the kind were cut off, and how often they were told 410.
    pub dropped: u64,
    pub expired: u64,
    /// Counts bookmarks asked for by a test.
    pub bookmarks: u64,
}

/// All objects of one kind.
#[derive(Debug)]
pub struct Shelf {
    pub kind: Arc<Kind>,
    pub objects: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arc<Stored>>>,
    log: VecDeque<Change>,
    /// Changes up to this version are no longer in the log.
    pub compacted: u64,
    pub pulse: watch::Sender<Pulse>,
    /// How far each open watch has read.
    pub readers: Vec<Weak<AtomicU64>>,
}

impl Shelf {
    fn new(kind: Kind, compacted: u64) -> Self {
        Self {
            kind: Arc::new(kind),
            objects: BTreeMap::new(),
            log: VecDeque::new(),
            compacted,
            pulse: watch::Sender::default(),
            readers: Vec::new(),
        }
    }

    pub fn find(&self, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.objects.get(namespace)?.get(name)
    }

    /// Objects in order of namespace and name; of one namespace, or of all.
    pub fn walk<'a>(&'a self, namespace: Option<&str>) -> Box<dyn Iterator<Item = &'a Arc<Stored>> + Send + 'a> {
        match namespace {
            Some(namespace) => Box::new(self.objects.get(namespace).into_iter().flat_map(BTreeMap::values)),
            None => Box::new(self.objects.values().flat_map(BTreeMap::values)),
        }
    }

    /// What happened after this version; found by halving, so that a watch pays for news only.
    pub fn after(&self, version: u64) -> impl Iterator<Item = &Change> {
        let from = self.log.partition_point(|change| change.version <= version);
        self.log.range(from..)
    }

    /// The version of the youngest change.
    pub fn latest(&self) -> u64 {
        self.log.back().map_or(self.compacted, |change| change.version)
    }

    /// Forgets the log up to now: older watches cannot go on.
    pub fn compact(&mut self, now: u64) {
        self.log.clear();
        self.compacted = now;
    }

    fn note(&mut self, change: Change) {
        if self.log.len() == LOG_CHANGES
            && let Some(oldest) = self.log.pop_front()
        {
            self.compacted = oldest.version;
        }
        let version = change.version;
        self.log.push_back(change);
        self.pulse.send_modify(|pulse| pulse.version = version);
    }
}

/// All shelves, and who owns whom.
#[derive(Debug)]
pub struct Store {
    pub shelves: Vec<Shelf>,
    by_plural: HashMap<(String, String), usize>,
    by_kind: HashMap<(String, String), usize>,
    /// The resourceVersion of the youngest write.
    pub version: u64,
    serial: u64,
    uids: HashMap<Arc<str>, Place>,
    dependents: HashMap<Arc<str>, BTreeSet<Place>>,
}

impl Default for Store {
    fn default() -> Self {
        let mut store = Self {
            shelves: Vec::new(),
            by_plural: HashMap::new(),
            by_kind: HashMap::new(),
            version: 1,
            serial: 0,
            uids: HashMap::new(),
            dependents: HashMap::new(),
        };
        for kind in kinds::builtin() {
            store.register(kind);
        }
        store
    }
}

impl Store {
    /// Serves a kind from now on. A kind that is known already keeps its objects and gets the new row.
    pub fn register(&mut self, kind: Kind) {
        let (plural, name) = ((kind.group.clone(), kind.plural.clone()), (kind.group.clone(), kind.kind.clone()));
        if let Some(&shelf) = self.by_plural.get(&plural) {
            self.shelves[shelf].kind = Arc::new(kind);
            return;
        }
        self.by_plural.insert(plural, self.shelves.len());
        self.by_kind.insert(name, self.shelves.len());
        self.shelves.push(Shelf::new(kind, self.version));
    }

    /// Serves what a CustomResourceDefinition describes; one that lacks what every one has changes nothing.
    pub fn register_crd(&mut self, definition: &Fields) -> bool {
        let kind = Kind::from_crd(definition);
        let known = kind.is_some();
        if let Some(kind) = kind {
            self.register(kind);
        }
        known
    }

    pub fn shelf_of_plural(&self, group: &str, plural: &str) -> Option<usize> {
        self.by_plural.get(&(group.to_owned(), plural.to_owned())).copied()
    }

    /// The shelf of an object's own `apiVersion` and `kind`.
    pub fn shelf_of_kind(&self, api_version: &str, kind: &str) -> Option<usize> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.by_kind.get(&(group.to_owned(), kind.to_owned())).copied()
    }

    pub fn kind(&self, place: &Place) -> Arc<Kind> {
        Arc::clone(&self.shelves[place.shelf].kind)
    }

    pub fn find(&self, place: &Place) -> Option<&Arc<Stored>> {
        self.shelves[place.shelf].find(&place.namespace, &place.name)
    }

    pub fn place_of_uid(&self, uid: &str) -> Option<&Place> {
        self.uids.get(uid)
    }

    /// Who names this uid as an owner.
    pub fn dependents_of(&self, uid: &str) -> Vec<Place> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// A number that no object had before: uids and generated names are made of it, so that two runs agree.
    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Puts an object in its place under the next version.
    pub fn put(&mut self, place: &Place, fields: Fields) -> Arc<Stored> {
        let stored = self.versioned(fields);
        let shelf = &mut self.shelves[place.shelf];
        let rooms = shelf.objects.entry(Arc::clone(&place.namespace)).or_default();
        let before = rooms.insert(Arc::clone(&place.name), Arc::clone(&stored));
        let (version, after) = (stored.version, Some(Arc::clone(&stored)));
        shelf.note(Change { version, before: before.clone(), after, last: None });
        if let Some(before) = before.as_deref().filter(|before| before.uid() != stored.uid()) {
            self.uids.remove(before.uid());
        }
        self.uids.insert(stored.uid().into(), place.clone());
        self.unlink(place, before.as_deref());
        for owner in owners(&stored) {
            self.dependents.entry(owner.into()).or_default().insert(place.clone());
        }
        stored
    }

    /// Takes an object out; `fields` is its last form.
    pub fn remove(&mut self, place: &Place, fields: Fields) -> Arc<Stored> {
        let last = self.versioned(fields);
        let shelf = &mut self.shelves[place.shelf];
        let mut before = None;
        if let Some(rooms) = shelf.objects.get_mut(&place.namespace) {
            before = rooms.remove(&place.name);
            if rooms.is_empty() {
                shelf.objects.remove(&place.namespace);
            }
        }
        let version = last.version;
        shelf.note(Change { version, before: before.clone(), after: None, last: Some(Arc::clone(&last)) });
        self.uids.remove(last.uid());
        self.unlink(place, before.as_deref());
        last
    }

    fn versioned(&mut self, mut fields: Fields) -> Arc<Stored> {
        self.version += 1;
        fields["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        Arc::new(Stored { fields, version: self.version, text: OnceLock::new() })
    }

    fn unlink(&mut self, place: &Place, before: Option<&Stored>) {
        for owner in before.into_iter().flat_map(owners) {
            if let Some(places) = self.dependents.get_mut(owner) {
                places.remove(place);
                if places.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
    }
}

/// The uids of an object's owners.
pub fn owners(stored: &Stored) -> impl Iterator<Item = &str> {
    let references = stored.meta()["ownerReferences"].as_array().into_iter().flatten();
    references.filter_map(|reference| reference["uid"].as_str())
}
