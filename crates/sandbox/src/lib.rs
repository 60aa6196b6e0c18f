//! A small Kubernetes API in memory, under the real `kube::Client`: it answers exactly the requests that our own
//! controllers make, with the API server's codes and texts, so that `render`, `demo` and every controller scenario run
//! the real operator without a cluster.
//!
//! It is not a cluster and never offered as one: no server-side apply, no schemas (defaults, pruning, CEL), no tables,
//! no OpenAPI, no controllers but the garbage collector. What it and a real kube-apiserver answer differently is its
//! fault. Specification: design §1, §11.3, §15, §19.

mod clock;
mod discovery;
mod garbage;
mod kinds;
mod managed;
mod patch;
mod refusal;
mod request;
mod role;
mod selector;
mod service;
mod store;
mod token;
mod trouble;
mod validate;
mod watch;
mod write;

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

use base::Fault;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value};

pub use clock::Clock;
pub use role::{Recorded, Recorder, Right, Role};
pub use service::Door;
pub use trouble::{Fate, Struck, Trouble};

use kinds::Kind;
use store::{Place, Shelf, Store, Stored};
use trouble::Troubles;
use watch::Listings;
use write::Manner;

/// What all clients of one sandbox share.
#[derive(Debug, Default)]
struct Shared {
    store: Arc<Mutex<Store>>,
    listings: Mutex<Listings>,
    clock: Arc<Clock>,
    recorder: Recorder,
    troubles: Troubles,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("nobody panics while holding the store")
    }
}

/// The sandbox; clones are the same sandbox.
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

impl Sandbox {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A sandbox that stamps by a clock which others read, too.
    #[must_use]
    pub fn with_clock(clock: Arc<Clock>) -> Self {
        Self { shared: Arc::new(Shared { clock, ..Shared::default() }) }
    }

    /// Serves a custom resource, as posting its definition would, but without the definition as an object.
    ///
    /// # Errors
    /// If the definition lacks group, names or versions.
    pub fn register(&self, definition: &CustomResourceDefinition) -> Result<(), Fault> {
        let name = definition.metadata.name.as_deref().unwrap_or_default();
        let wrong = || Fault::wrong(format!("cannot serve the custom resource {name:?}"));
        let Ok(Value::Object(fields)) = serde_json::to_value(definition) else { return Err(wrong()) };
        if self.shared.lock().register_crd(&fields) { Ok(()) } else { Err(wrong()) }
    }

    /// Serves a custom kind whose definition nobody has at hand: one version, no status subresource. A kind that is served
    /// already stays as it is.
    pub fn serve(&self, api_version: &str, kind: &str, plural: &str, namespaced: bool) {
        let mut store = self.shared.lock();
        if store.shelf_of_kind(api_version, kind).is_none() {
            store.register(Kind::custom(api_version, kind, plural, namespaced));
        }
    }

    /// A client that may do everything. Must be called within a tokio runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.door(None), "default")
    }

    /// A client that may do everything, is not recorded and meets no trouble: the hands of a test, beside those that it
    /// watches. Must be called within a tokio runtime.
    #[must_use]
    pub fn quiet_client(&self) -> kube::Client {
        kube::Client::new(Door { is_quiet: true, ..self.door(None) }, "default")
    }

    /// A client that runs under a role: what no rule allows is answered 403. Must be called within a tokio runtime.
    #[must_use]
    pub fn client_as(&self, role: Role) -> kube::Client {
        kube::Client::new(self.door(Some(role)), "default")
    }

    /// The service itself, for a client with layers of its own.
    #[must_use]
    pub fn door(&self, role: Option<Role>) -> Door {
        Door { shared: Arc::clone(&self.shared), role: role.map(Arc::new), is_quiet: false }
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<Clock> {
        &self.shared.clock
    }

    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.shared.recorder
    }

    /// Lets matching requests meet a fate.
    pub fn trouble(&self, trouble: Trouble) -> Struck {
        self.shared.troubles.set(trouble)
    }

    /// Puts an object in as it stands in a file: its uid, status, times and managed fields are kept, its owners are not
    /// looked for, and what stands there already is replaced. Nothing is recorded.
    ///
    /// # Errors
    /// If no table knows its kind, or the API server would refuse it.
    pub fn load(&self, object: &Value, manager: &str) -> Result<(), Fault> {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let meta = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
        let attempt = format!("cannot load {kind} {}/{}", meta("namespace"), meta("name"));
        let mut store = self.shared.lock();
        let unknown = || Fault::wrong(&attempt).hint(format!("{api_version} {kind} is served by no table"));
        let shelf = store.shelf_of_kind(api_version, kind).ok_or_else(unknown)?;
        let mut fields = object.as_object().cloned().unwrap_or_default();
        fields.remove("apiVersion");
        fields.remove("kind");
        let (manager, api_version) = (manager.to_owned(), api_version.to_owned());
        let manner = Manner { manager, api_version, now: self.shared.clock.now(), dry_run: false };
        let loaded = write::load(&mut store, shelf, fields, &manner);
        loaded.map(|_| ()).map_err(|refusal| Fault::wrong(&attempt).hint(refusal.message))
    }

    /// All objects of all kinds with their preferred types, by kind, namespace and name.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let store = self.shared.lock();
        store.shelves.iter().flat_map(|shelf| shelf.walk(None).map(|stored| whole(shelf, stored))).collect()
    }

    /// One object by kind (`Secret`), namespace (empty if it has none) and name.
    #[must_use]
    pub fn object(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let store = self.shared.lock();
        let shelf = store.shelf_of_kind(api_version, kind)?;
        let place = Place { shelf, namespace: namespace.into(), name: name.into() };
        store.find(&place).map(|stored| whole(&store.shelves[shelf], stored))
    }

    /// Breaks the connection of every open watch on a resource (`secrets`); `*` stands for all.
    pub fn drop_watches(&self, resource: &str) {
        self.pulse(resource, |shelf| shelf.pulse.send_modify(|pulse| pulse.dropped += 1));
    }

    /// Ends every open watch on a resource with 410, and forgets the past: older resourceVersions and pages of lists
    /// cannot go on either.
    pub fn expire_watches(&self, resource: &str) {
        let version = self.shared.lock().version;
        self.shared.listings.lock().expect("nobody panics while holding the listings").expire();
        self.pulse(resource, |shelf| {
            shelf.compact(version);
            shelf.pulse.send_modify(|pulse| {
                pulse.version = version;
                pulse.expired += 1;
            });
        });
    }

    /// Sends a bookmark to every open watch on a resource that takes them.
    pub fn bookmark(&self, resource: &str) {
        self.pulse(resource, |shelf| shelf.pulse.send_modify(|pulse| pulse.bookmarks += 1));
    }

    fn pulse(&self, resource: &str, act: impl Fn(&mut Shelf)) {
        let mut store = self.shared.lock();
        for shelf in store.shelves.iter_mut().filter(|shelf| resource == "*" || shelf.kind.plural == resource) {
            act(shelf);
        }
    }

    /// Whether every open watch has taken in all that has happened, which is to say: its client has come back for more.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        let store = self.shared.lock();
        store.shelves.iter().all(|shelf| {
            let latest = shelf.latest();
            let readers = shelf.readers.iter().filter_map(std::sync::Weak::upgrade);
            readers.into_iter().all(|position| position.load(Ordering::Acquire) >= latest)
        })
    }
}

fn whole(shelf: &Shelf, stored: &Stored) -> Value {
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), Value::from(shelf.kind.api_version(shelf.kind.preferred())));
    object.insert("kind".to_owned(), Value::from(shelf.kind.kind.as_str()));
    object.extend(stored.fields.clone());
    Value::Object(object)
}
