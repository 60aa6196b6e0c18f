//! What a process has of providers: above all opened clients, of stores, of generators, and of VaultAuths (`world/vault`). One is
//! kept while its holder and everything that it was opened with are unchanged – the caches tell, without a request. Whoever comes
//! first opens; the others wait for it instead of logging in as well. That clients share a login is `wire/vault/sessions`' doing.
//! Specification: ESO §6.9, VSO §8.8; design §5.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::fingerprint::Fingerprint;
use base::{Credentials, Fault, ObjectRef, Opening, Tenant};
use plan::Address;
use providers::join::Joined;
use providers::reach::Reach;
use providers::row::Client;
use source::{Generator, SecretsClient};
use tokio::time::Instant;

use crate::credentials::{ClusterCredentials, Dependency};
use crate::seen::{SeenConfigMap, SeenSecret};
use crate::shared::Shared;

/// What a process has of providers: what they may use, their clients, and the reads of this tick.
pub struct Providers {
    reach: Reach,
    class: String,
    /// The reads of this tick.
    pub(crate) joined: Joined,
    /// The stores that are open.
    pub(crate) clients: Clients<Client>,
    /// The generators that are open.
    pub(crate) generators: Clients<Arc<dyn Generator>>,
}

impl Providers {
    /// Providers that may use this, for the stores of a controller class.
    #[must_use]
    pub fn new(reach: Reach, class: impl Into<String>) -> Self {
        Self {
            reach,
            class: class.into(),
            joined: Joined::default(),
            clients: Clients::default(),
            generators: Clients::default(),
        }
    }

    /// The controller class.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// What providers may use.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }
}

/// How long an object that no cache of ours sees is taken for the same without asking.
const UNSEEN: Duration = Duration::from_secs(120);

/// The clients of one kind of holder. The one that was used longest ago goes where there are more than the limit.
pub(crate) struct Clients<C> {
    places: Mutex<HashMap<Slot, Place<C>>>,
    uses: AtomicU64,
    limit: AtomicUsize,
}

/// Whoever comes first opens; the others wait for it instead of logging in as well.
struct Place<C> {
    opened: Arc<tokio::sync::Mutex<Option<Opened<C>>>>,
    /// The how manieth use of all was the last of this one.
    used: u64,
}

/// For whom a client was opened: its holder, and the namespace that may lend it credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    holder: ObjectRef,
    lender: String,
}

struct Opened<C> {
    uid: String,
    generation: i64,
    basis: String,
    client: C,
    credentials: Fingerprint,
    dependencies: Vec<Dependency>,
    /// When the objects that no cache of ours sees were last looked at.
    looked: Instant,
}

/// What is opened and kept.
pub(crate) trait Pooled: Clone + Send {
    /// What becomes of one that another replaces, or whose holder is gone.
    fn retire(self) -> impl Future<Output = ()> + Send;
}

impl Pooled for Arc<dyn SecretsClient + '_> {
    /// Its token may be the last of a login; failing to give it back harms nobody.
    async fn retire(self) {
        let _ = self.close().await;
    }
}

impl Pooled for Arc<dyn Generator + '_> {
    /// What its session made would end with it.
    async fn retire(self) {}
}

/// The object that holds the settings.
pub(crate) struct Holder<'a> {
    /// Its uid.
    pub uid: &'a str,
    /// Its generation.
    pub generation: i64,
    /// What else it is opened with, and in which versions, beside the credentials.
    pub basis: String,
    /// The namespace that may lend it credentials; empty where only its own does.
    pub lender: &'a str,
    /// For whom it is opened.
    pub tenant: Tenant,
}

/// A client that was asked for.
pub(crate) struct Given<C> {
    /// It.
    pub client: C,
    /// A digest of its credentials.
    pub credentials: Fingerprint,
    /// Whether it was open already.
    pub was_open: bool,
}

impl<C> Default for Clients<C> {
    fn default() -> Self {
        Self { places: Mutex::default(), uses: AtomicU64::new(0), limit: AtomicUsize::new(usize::MAX) }
    }
}

impl<C: Pooled> Clients<C> {
    /// The client that is open, if nothing it was opened with has changed, or a new one.
    ///
    /// # Errors
    /// Those of opening.
    pub async fn client<'a>(
        &self,
        shared: &Shared,
        holder: &Holder<'_>,
        open: impl FnOnce(Credentials) -> Opening<'a, C>,
    ) -> Result<Given<C>, Fault> {
        let slot = Slot { holder: holder.tenant.holder.clone(), lender: holder.lender.to_owned() };
        let place = self.place(slot);
        let mut place = place.lock().await;
        if let Some(opened) = place.as_mut()
            && opened.is_current(shared, holder).await
        {
            let (client, credentials) = (opened.client.clone(), opened.credentials);
            return Ok(Given { client, credentials, was_open: true });
        }
        let former = place.take();
        let source = ClusterCredentials::new(shared.cluster().clone());
        let client = open(Credentials::new(holder.tenant.clone(), source.clone())).await;
        // Only now, so that the new one goes on with a session that both have in common.
        if let Some(former) = former {
            former.client.retire().await;
        }
        let client = client?;
        let (dependencies, credentials) = source.record();
        *place = Some(Opened {
            uid: holder.uid.to_owned(),
            generation: holder.generation,
            basis: holder.basis.clone(),
            client: client.clone(),
            credentials,
            dependencies,
            looked: Instant::now(),
        });
        Ok(Given { client, credentials, was_open: false })
    }

    /// Forgets the clients of a holder that is gone; how many they were.
    pub async fn forget(&self, holder: &ObjectRef) -> usize {
        let gone: Vec<_> = self.lock().extract_if(|slot, _| slot.holder == *holder).map(|(_, place)| place).collect();
        let mut forgotten = 0;
        for place in gone {
            if let Some(opened) = place.opened.lock().await.take() {
                opened.client.retire().await;
                forgotten += 1;
            }
        }
        forgotten
    }

    /// Forgets the client of a holder that one lender's credentials opened.
    pub async fn release(&self, holder: ObjectRef, lender: &str) {
        let place = self.lock().remove(&Slot { holder, lender: lender.to_owned() });
        if let Some(place) = place
            && let Some(opened) = place.opened.lock().await.take()
        {
            opened.client.retire().await;
        }
    }

    /// Keeps no more than this.
    pub fn limit(&self, limit: usize) {
        self.limit.store(limit.max(1), Ordering::Relaxed);
    }

    /// Forgets those that were used longest ago, where there are too many; how many they were.
    pub async fn evict(&self) -> usize {
        let mut evicted = 0;
        while let Some(place) = self.superfluous() {
            // Whoever opens it right now has it for this once.
            let opened = place.try_lock().ok().and_then(|mut place| place.take());
            if let Some(opened) = opened {
                opened.client.retire().await;
            }
            evicted += 1;
        }
        evicted
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn superfluous(&self) -> Option<Arc<tokio::sync::Mutex<Option<Opened<C>>>>> {
        let mut places = self.lock();
        if places.len() <= self.limit.load(Ordering::Relaxed) {
            return None;
        }
        let oldest = places.iter().min_by_key(|(_, place)| place.used).map(|(slot, _)| slot.clone())?;
        places.remove(&oldest).map(|place| place.opened)
    }

    fn place(&self, slot: Slot) -> Arc<tokio::sync::Mutex<Option<Opened<C>>>> {
        let used = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut places = self.lock();
        let place = places.entry(slot).or_insert_with(|| Place { opened: Arc::default(), used });
        place.used = used;
        Arc::clone(&place.opened)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, Place<C>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Opened<C> {
    /// Whether nothing it was opened with has changed. The caches tell; what they do not see is looked at now and then.
    async fn is_current(&mut self, shared: &Shared, holder: &Holder<'_>) -> bool {
        let is_same = self.uid == holder.uid && self.generation == holder.generation && self.basis == holder.basis;
        let is_due = self.looked.elapsed() >= UNSEEN;
        if !is_same {
            return false;
        }
        for dependency in &self.dependencies {
            let current = match seen_version(shared, &dependency.at) {
                Some(version) => version,
                None if is_due => match dependency.current(shared.cluster()).await {
                    Ok(version) => version,
                    // Whether it has changed cannot be told: the API server is away.
                    Err(_) => continue,
                },
                None => continue,
            };
            if current != dependency.version {
                return false;
            }
        }
        if is_due {
            self.looked = Instant::now();
        }
        true
    }
}

/// The version of an object as a cache has it; empty for one that is gone, none where no cache looks.
fn seen_version(shared: &Shared, at: &Address) -> Option<String> {
    let (namespace, name) = (&at.namespace, &at.name);
    match at.resource.kind.as_str() {
        "Secret" => {
            let cache = shared.caches().store::<SeenSecret>();
            let seen = cache.find(namespace, name).map(|seen| seen.resource_version.clone());
            cache.is_ready().then(|| seen.unwrap_or_default())
        }
        "ConfigMap" => {
            let cache = shared.caches().store::<SeenConfigMap>();
            let seen = cache.find(namespace, name).map(|seen| seen.resource_version.clone());
            cache.is_ready().then(|| seen.unwrap_or_default())
        }
        _ => None,
    }
}
