//! SecretStore and ClusterSecretStore: one script for both. The client that validation opens is the one that reads use later.
//! Specification: ESO §6.8.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use api::external_secrets::{SecretStoreStatus, Store, StoreKind, names};
use api::meta::Labels;
use api::{ClusterSecretStore, PushSecret, SecretStore};
use base::duration::GoDuration;
use base::{Fault, ObjectRef, Timestamp};
use plan::push_secret as ps;
use plan::secret_store::{Facts, Found, decide};
use plan::write::Resource;
use plan::{Finish, Line, Next};
use providers::registry;
use providers::row::Maintenance;
use serde::Serialize;
use source::Validity;

use super::{BACKOFF, Settings};
use crate::World;
use crate::cache::{Changed, Kept, Selectors, name_of};
use crate::controller::{Controller, Row};
use crate::feature::FeatureName;
use crate::queue::{Enqueue, Lane};
use crate::shared::Shared;
use crate::subject::{Subject, settings_changed};
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
        finalizer: Some(names::STORE_FINALIZER),
        manager: "external-secrets",
        backoff: BACKOFF,
        rights: &[super::on_own(K::PLURAL), super::on_status(K::STATUS)],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        enqueue.own::<K>(shared.caches(), settings_changed);
        if shared.memory::<Settings>().pushes {
            wake_guarded::<K>(shared, enqueue);
        }
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

    /// While a PushSecret needs it, a store that is to go goes on as before.
    async fn cleanup(w: &World, o: &K) -> Result<Finish, Fault> {
        let guards = guards(w, o);
        if guards.as_ref().is_some_and(Vec::is_empty) && !is_guarded_elsewhere(w, o).await {
            return Ok(Finish::settled());
        }
        for pusher in guards.into_iter().flatten() {
            let why = format!("stays until {} has taken its values back", pusher.address().object());
            w.note(|| Line::on(o.address().object(), why));
        }
        let interval = w.memory::<Settings>().store_interval;
        let finish = Self::reconcile(w, o).await?;
        // A pass that had nothing to say must not be taken for leave to go.
        let next = Next::At(interval.after(w.now()));
        Ok(if finish.next == Next::Settled { Finish { next, ..finish } } else { finish })
    }

    fn wants_finalizer(w: &World, o: &K) -> bool {
        let carried = || o.finalizers().iter().any(|name| name == names::STORE_FINALIZER);
        match guards(w, o) {
            Some(guards) if !guards.is_empty() => true,
            Some(_) if sees_all_users(w, o) => false,
            _ => carried(),
        }
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        let store = ObjectRef::new(K::KIND.as_str(), namespace, name);
        w.shared().recall::<Providers>()?.clients.forget(&store).await;
        Ok(())
    }

    fn failed(o: &K, fault: &Fault, now: Timestamp) -> Finish {
        let found = Found::Invalid(Fault::new(fault.kind(), fault.chain()));
        let interval = GoDuration::ZERO;
        let facts = Facts { found, capabilities: "", maintenance: None, interval, now };
        decide(&o.store(), o.known(), facts).unwrap_or_default().retried()
    }
}

/// The index of PushSecrets by the stores that they need for taking values back.
const BY_GUARDED: &str = "guarded";

/// A store whose PushSecrets come or go looks whether it must stay.
fn wake_guarded<K: Kind>(shared: &Shared, enqueue: Enqueue) {
    let (stores, pushers) = (shared.caches().store::<K>(), shared.caches().store::<PushSecret>());
    pushers.index(BY_GUARDED, ps::guarded);
    pushers.listen(move |changed: &Changed<PushSecret>| {
        let of = |o: &Option<Arc<PushSecret>>| -> BTreeSet<String> {
            o.as_deref().map(ps::guarded).into_iter().flatten().collect()
        };
        if changed.is_initial {
            return;
        }
        for key in of(&changed.before).symmetric_difference(&of(&changed.after)) {
            let parts = key.split_once('/').and_then(|(home, rest)| Some((home, rest.split_once('/')?)));
            match parts {
                Some((home, (kind, "*"))) if kind == K::KIND.as_str() => {
                    stores.within(home).iter().for_each(|store| enqueue.add(name_of(store.meta()), Lane::Changed));
                }
                Some((home, (kind, name))) if kind == K::KIND.as_str() => {
                    enqueue.add((home.into(), name.into()), Lane::Changed);
                }
                _ => {}
            }
        }
    });
}

/// The PushSecrets that will have to take values back from this store; none where that is not for us to know: another class
/// serves it, PushSecrets are not ours, or nobody lets us see them.
fn guards<K: Kind>(w: &World, o: &K) -> Option<Vec<Arc<PushSecret>>> {
    let pushers = w.cache::<PushSecret>();
    let is_ours =
        w.shared().recall::<Providers>().is_ok_and(|own| o.store().class().is_none_or(|it| it == own.class()));
    if !is_ours || !w.memory::<Settings>().pushes || !pushers.is_ready() {
        return None;
    }
    let meta = o.meta();
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let mut all = pushers.by(BY_GUARDED, &ps::guard_key(K::KIND, namespace, name));
    let choosing = pushers.by(BY_GUARDED, &ps::guard_key(K::KIND, namespace, "*"));
    all.extend(choosing.into_iter().filter(|pusher| ps::chooses(pusher, K::KIND, labels_of(o))));
    Some(all)
}

/// Whether every PushSecret that may use a store is in the cache: not where a process that looks at one namespace serves a store
/// of the cluster.
fn sees_all_users<K: Kind>(w: &World, o: &K) -> bool {
    w.shared().caches().sees_all_namespaces() || o.meta().namespace.is_some()
}

/// Whether a PushSecret that no cache of ours sees needs a store that is to go; if nobody may say, it stays.
async fn is_guarded_elsewhere<K: Kind>(w: &World, o: &K) -> bool {
    if sees_all_users(w, o) {
        return false;
    }
    let resource =
        Resource::new(names::GROUP, &<PushSecret as kube::Resource>::version(&()), "PushSecret", "pushsecrets");
    let everywhere: Result<Vec<PushSecret>, Fault> = w.cluster().list_as(&resource, "").await;
    let name = o.meta().name.as_deref().unwrap_or_default();
    everywhere.map_or(true, |all| all.iter().any(|pusher| ps::guards(pusher, K::KIND, name, labels_of(o))))
}

fn labels_of<K: Kind>(o: &K) -> &Labels {
    static NONE: Labels = Labels::new();
    o.meta().labels.as_ref().unwrap_or(&NONE)
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
