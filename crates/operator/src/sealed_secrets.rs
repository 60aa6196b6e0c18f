//! Sealed Secrets: the keys of the cluster (`keys`), the row that unseals (`sealed_secret`), and the HTTP that kubeseal asks
//! (`http`). Specification: SS §10–§12.

pub mod counts;
pub mod http;
pub mod keys;
pub mod limit;
pub mod sealed_secret;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use base::Timestamp;
use base::duration::GoDuration;
use seal::KeySet;
use tokio::sync::{Notify, watch};

use crate::cache::Name;
use crate::queue::{Enqueue, Lane};

/// What the controller's process was told by its flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace in which the keys live.
    pub namespace: String,
    /// What the names of keys' Secrets start with.
    pub key_prefix: String,
    /// The size of new keys, in bits.
    pub key_bits: u32,
    /// How long certificates of new keys are valid.
    pub key_valid_for: GoDuration,
    /// The common name of certificates.
    pub common_name: String,
    /// How long after the newest key the next is made; zero renews nothing.
    pub renew_period: GoDuration,
    /// A newest key older than this is followed by a new one at the start.
    pub cutoff: Option<Timestamp>,
    /// Whether a key's age is the certificate's, or its Secret's.
    pub orders_by_certificate: bool,
    /// Whether statuses are written.
    pub writes_status: bool,
    /// Whether deleted Secrets are made again.
    pub recreates: bool,
    /// Whether objects of clients before 0.7 are opened, too.
    pub accepts_legacy: bool,
    /// Whether the Secret of a deleted SealedSecret is deleted by us, beside Kubernetes' own collection.
    pub collects: bool,
    /// Labels of new keys' Secrets, beside the one that makes them keys.
    pub key_labels: BTreeMap<String, String>,
    /// Annotations of new keys' Secrets.
    pub key_annotations: BTreeMap<String, String>,
    /// Which SealedSecrets are looked at; none means all.
    pub selector: Option<String>,
    /// How many requests a second one client may send to `/v1/verify` and `/v1/rotate`.
    pub rate_limit: u32,
    /// How many more than one it may send at once.
    pub rate_limit_burst: u32,
    /// Whether metrics have a series for each SealedSecret.
    pub tells_objects: bool,
}

impl Settings {
    /// The peer's defaults, for keys in this namespace.
    #[must_use]
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            key_prefix: api::sealed_secret::names::KEY_PREFIX.to_owned(),
            key_bits: 4096,
            key_valid_for: GoDuration::from_seconds(10 * 365 * 86_400),
            common_name: String::new(),
            renew_period: GoDuration::from_seconds(30 * 86_400),
            cutoff: None,
            orders_by_certificate: true,
            writes_status: true,
            recreates: true,
            accepts_legacy: true,
            collects: false,
            key_labels: BTreeMap::new(),
            key_annotations: BTreeMap::new(),
            selector: None,
            rate_limit: 2,
            rate_limit_burst: 2,
            tells_objects: true,
        }
    }
}

/// The keys that this process holds, and whether they were read yet.
pub struct Keys {
    set: RwLock<Arc<KeySet>>,
    loaded: watch::Sender<bool>,
    wanted: Notify,
}

impl Default for Keys {
    fn default() -> Self {
        Self { set: RwLock::default(), loaded: watch::Sender::new(false), wanted: Notify::new() }
    }
}

impl Keys {
    /// The keys, once they were read: nothing is judged by half a set.
    pub async fn loaded(&self) -> Arc<KeySet> {
        let mut loaded = self.loaded.subscribe();
        // The sender lives as long as the keys.
        let _ = loaded.wait_for(|loaded| *loaded).await;
        self.current()
    }

    /// The keys as they are now.
    #[must_use]
    pub fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the keys were read.
    #[must_use]
    pub fn are_loaded(&self) -> bool {
        *self.loaded.borrow()
    }

    /// Asks for a new key now, whatever the age of the newest (SIGUSR1).
    pub fn want_new(&self) {
        self.wanted.notify_one();
    }

    /// Holds these keys from now on: what was read in the cluster, or what files gave (`render`).
    pub fn set(&self, set: KeySet) {
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        self.loaded.send_replace(true);
    }
}

/// The objects that no key opens. Trying again with the same keys would only burn the processor, so they wait for a new one.
#[derive(Default)]
pub struct Unopened {
    names: Mutex<BTreeSet<Name>>,
    enqueue: OnceLock<Enqueue>,
}

impl Unopened {
    /// Where the objects are put once a key appears.
    fn wake_by(&self, enqueue: Enqueue) {
        // One row a process; a second start of it would bring the same queue.
        let _ = self.enqueue.set(enqueue);
    }

    fn add(&self, name: Name) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    fn remove(&self, name: &Name) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn wake(&self) {
        let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(enqueue) = self.enqueue.get() {
            names.into_iter().for_each(|name| enqueue.add(name, Lane::Retry));
        }
    }
}
