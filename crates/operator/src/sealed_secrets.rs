//! Sealed Secrets: the keys of the cluster (`keys`), the row that unseals (`sealed_secret`), and the HTTP that kubeseal asks
//! (`http`). Specification: SS §10–§12.

pub mod http;
pub mod keys;
pub mod sealed_secret;

use std::sync::{Arc, PoisonError, RwLock};

use base::Timestamp;
use base::duration::GoDuration;
use seal::KeySet;
use tokio::sync::watch;

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
        }
    }
}

/// The keys that this process holds, and whether they were read yet.
pub struct Keys {
    set: RwLock<Arc<KeySet>>,
    loaded: watch::Sender<bool>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { set: RwLock::default(), loaded: watch::Sender::new(false) }
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

    fn set(&self, set: KeySet) {
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        self.loaded.send_replace(true);
    }
}
