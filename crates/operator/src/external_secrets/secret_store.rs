//! SecretStore and ClusterSecretStore: one script for both. The client that validation opens is the one that reads use later.
//! Specification: ESO §6.8.

use std::marker::PhantomData;
use std::sync::Arc;

use api::external_secrets::{SecretStoreStatus, Store, StoreKind, names};
use api::{ClusterSecretStore, SecretStore};
use base::duration::GoDuration;
use base::{Fault, Timestamp};
use plan::Finish;
use plan::secret_store::{Facts, Found, decide};
use providers::registry;
use providers::row::Maintenance;
use serde::Serialize;
use source::Validity;

use super::{BACKOFF, Settings};
use crate::World;
use crate::cache::{Kept, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::Enqueue;
use crate::shared::Shared;
use crate::subject::{Subject, spec_changed};
use crate::world::stores::Providers;

/// A kind of store.
pub trait Kind: kube::Resource<DynamicType = ()> + Kept + Subject + Serialize + Sized {
    /// The row's name.
    const ROW: &'static str;
    /// The component of its events.
    const COMPONENT: &'static str;
    /// Its plural.
    const PLURAL: &'static str;
    /// Its status, as roles name it.
    const STATUS: &'static str;
    /// Which kind it is.
    const KIND: StoreKind;

    /// The store, as whoever uses it sees it.
    fn store(&self) -> Store;
    /// What is known of it.
    fn known(&self) -> Option<&SecretStoreStatus>;
    /// Starts its watch.
    fn start(shared: &Shared);
}

impl Kind for SecretStore {
    const ROW: &'static str = "secretstore";
    const COMPONENT: &'static str = "secret-store";
    const PLURAL: &'static str = "secretstores";
    const STATUS: &'static str = "secretstores/status";
    const KIND: StoreKind = StoreKind::SecretStore;

    fn store(&self) -> Store {
        Store::from(self)
    }

    fn known(&self) -> Option<&SecretStoreStatus> {
        self.status.as_ref()
    }

    fn start(shared: &Shared) {
        shared.caches().watch::<Self>(&Selectors::default());
    }
}

impl Kind for ClusterSecretStore {
    const ROW: &'static str = "clustersecretstore";
    const COMPONENT: &'static str = "cluster-secret-store";
    const PLURAL: &'static str = "clustersecretstores";
    const STATUS: &'static str = "clustersecretstores/status";
    const KIND: StoreKind = StoreKind::ClusterSecretStore;

    fn store(&self) -> Store {
        Store::from(self)
    }

    fn known(&self) -> Option<&SecretStoreStatus> {
        self.status.as_ref()
    }

    fn start(shared: &Shared) {
        shared.caches().watch_cluster::<Self>(&Selectors::default());
    }
}

/// The row of one kind.
pub struct Validate<K>(PhantomData<K>);

impl<K: Kind> Controller for Validate<K> {
    type Object = K;

    const ROW: Row = Row {
        name: K::ROW,
        feature: FeatureName::ExternalSecrets,
        component: K::COMPONENT,
        finalizer: None,
        manager: "external-secrets",
        backoff: BACKOFF,
        rights: &[
            Rights {
                group: names::GROUP,
                resource: K::PLURAL,
                verbs: &["get", "list", "watch", "update", "patch"],
                is_local: false,
            },
            Rights { group: names::GROUP, resource: K::STATUS, verbs: &["get", "update", "patch"], is_local: false },
        ],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        enqueue.own::<K>(shared.caches(), spec_changed);
        K::start(shared);
    }

    async fn reconcile(w: &World, o: &K) -> Result<Finish, Fault> {
        let store = o.store();
        let providers = w.shared().recall::<Providers>()?;
        if store.class().is_some_and(|class| class != providers.class()) {
            return Ok(Finish::settled());
        }
        let found = found(w, &providers, &store).await;
        let row = registry::store(store.provider()).ok().map(|(row, _)| row);
        let is_muted = o.meta().annotations.as_ref().is_some_and(|all| all.contains_key(names::IGNORE_MAINTENANCE));
        let facts = Facts {
            found,
            capabilities: row.map(|row| row.access.capabilities()).unwrap_or_default(),
            maintenance: row.filter(|_| !is_muted).and_then(|row| warning(row.maintenance)),
            interval: w.memory::<Settings>().store_interval,
            now: w.now(),
        };
        decide(&store, o.known(), facts)
    }

    fn failed(o: &K, fault: &Fault, now: Timestamp) -> Finish {
        let found = Found::Invalid(Fault::new(fault.kind(), fault.chain()));
        let interval = GoDuration::ZERO;
        let facts = Facts { found, capabilities: "", maintenance: None, interval, now };
        decide(&o.store(), o.known(), facts).unwrap_or_default().retried()
    }
}

async fn found(w: &World, providers: &Providers, store: &Store) -> Found {
    let client = match w.open(providers, store, "").await {
        Ok((client, _)) => client,
        Err(fault) => return Found::NoClient(fault),
    };
    match client.validate().await {
        Ok(Validity::Ready | Validity::Unknown) => Found::Valid,
        Ok(Validity::Undetermined(fault)) => Found::Unknown(fault),
        Err(fault) => Found::Invalid(fault),
    }
}

fn warning(maintenance: Maintenance) -> Option<(&'static str, &'static str)> {
    match maintenance {
        Maintenance::Maintained => None,
        Maintenance::Unmaintained => {
            Some(("StoreUnmaintained", "store isn't currently maintained. Please plan and prepare accordingly."))
        }
        Maintenance::Deprecated => Some((
            "StoreDeprecated",
            "store is deprecated and will be removed on the next minor release. Please plan and prepare accordingly.",
        )),
    }
}
