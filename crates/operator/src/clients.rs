//! What a process has of providers: above all opened clients of stores and generators. One is kept while its holder and everything that it was opened with are unchanged –
//! the caches tell, without a request. Whoever comes first opens; the others wait for it instead of logging in as well.
//! Specification: ESO §6.9; design §5.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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

/// How long a client is kept whose credentials lie in objects that no cache of ours sees.
const UNSEEN: Duration = Duration::from_secs(120);

/// The clients of one kind of holder.
pub(crate) struct Clients<C>(Mutex<HashMap<Slot, Place<C>>>);

type Place<C> = Arc<tokio::sync::Mutex<Option<Opened<C>>>>;

/// For whom a client was opened: its holder, and the namespace that may lend it credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    holder: ObjectRef,
    lender: String,
}

struct Opened<C> {
    uid: String,
    generation: i64,
    client: C,
    credentials: Fingerprint,
    dependencies: Vec<Dependency>,
    since: Instant,
}

/// What is opened and kept.
pub(crate) trait Pooled: Clone + Send {
    /// What becomes of one that another replaces.
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
    /// The namespace that may lend it credentials; empty where only its own does.
    pub lender: &'a str,
    /// For whom it is opened.
    pub tenant: Tenant,
}

impl<C> Default for Clients<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Pooled> Clients<C> {
    /// The client that is open, if nothing it was opened with has changed, or a new one; and a digest of its credentials.
    ///
    /// # Errors
    /// Those of opening.
    pub async fn client<'a>(
        &self,
        shared: &Shared,
        holder: &Holder<'_>,
        open: impl FnOnce(Credentials) -> Opening<'a, C>,
    ) -> Result<(C, Fingerprint), Fault> {
        let slot = Slot { holder: holder.tenant.holder.clone(), lender: holder.lender.to_owned() };
        let place = {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(places.entry(slot).or_default())
        };
        let mut place = place.lock().await;
        if let Some(opened) = place.as_ref().filter(|opened| opened.is_current(shared, holder)) {
            return Ok((opened.client.clone(), opened.credentials));
        }
        if let Some(old) = place.take() {
            old.client.retire().await;
        }
        let source = ClusterCredentials::new(shared.cluster().clone());
        let client = open(Credentials::new(holder.tenant.clone(), source.clone())).await?;
        let (dependencies, credentials) = source.record();
        *place = Some(Opened {
            uid: holder.uid.to_owned(),
            generation: holder.generation,
            client: client.clone(),
            credentials,
            dependencies,
            since: Instant::now(),
        });
        Ok((client, credentials))
    }
}

impl<C> Opened<C> {
    fn is_current(&self, shared: &Shared, holder: &Holder<'_>) -> bool {
        self.uid == holder.uid
            && self.generation == holder.generation
            && self.dependencies.iter().all(|dependency| match seen_version(shared, &dependency.at) {
                Some(version) => version == dependency.resource_version,
                None => self.since.elapsed() < UNSEEN,
            })
    }
}

/// The version of a Secret or ConfigMap as a cache has it; empty for one that is gone, none where no cache looks.
fn seen_version(shared: &Shared, at: &Address) -> Option<String> {
    let (namespace, name) = (&at.namespace, &at.name);
    match at.resource.kind.as_str() {
        "Secret" => {
            let cache = shared.caches().store::<SeenSecret>();
            let seen = cache.find(namespace, name).map(|seen| seen.resource_version.clone());
            cache.is_ready().then(|| seen.unwrap_or_default())
        }
        _ => {
            let cache = shared.caches().store::<SeenConfigMap>();
            let seen = cache.find(namespace, name).map(|seen| seen.resource_version.clone());
            cache.is_ready().then(|| seen.unwrap_or_default())
        }
    }
}
