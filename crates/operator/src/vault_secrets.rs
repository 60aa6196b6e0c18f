//! Vault Secrets: its rows, one file each, what its process was told, and what it remembers. Clients are `world/vault`'s.
//! Specification: VSO §6, §7, §13.

pub mod counts;
pub mod issued;
pub mod mac_key;
pub mod restarts;
pub mod secret_transformation;
pub mod stored_clients;
pub mod superseded;
pub mod uninstall;
pub mod vault_auth;
pub mod vault_auth_global;
pub mod vault_connection;
pub mod vault_dynamic_secret;
pub mod vault_pki_secret;
pub mod vault_static_secret;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::hashicorp::{
    SecretTransformation, Syncable, TransformationRef, VaultAuth, VaultAuthGlobal, VaultConnection, names,
};
use api::meta::{Condition, Filled as _, ObjectMeta};
use base::duration::GoDuration;
use base::{Fault, Kind};
use plan::backoff::Backoff;
use plan::secret_transformation::{Response, Rules, Subject as Seen, gather};
use plan::synced::Failure;
use plan::vault_call::{Ask, VaultAnswer};
use plan::{Finish, Write, horizon};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::World;
use crate::cache::{Changed, Kept, Name, Selectors, name_of};
use crate::controller::Rights;
use crate::effects::vault::Asking;
use crate::queue::{Enqueue, Lane};
use crate::seen::SeenSecret;
use crate::shared::Shared;
use crate::vault_secrets::stored_clients::StoredClients;
use crate::world::vault::{Home, VaultClients};

/// What Vault Secrets' process was told by its flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own namespace: defaults and the key of the keyed digest lie there.
    pub namespace: String,
    /// Whether `_raw` is left out everywhere.
    pub excludes_raw: bool,
    /// Whether a VaultAuthGlobal called `default` may be used without being named.
    pub allows_default_globals: bool,
    /// How long to wait after Vault has failed.
    pub backoff: Backoff,
    /// How many clients of Vault are kept at most.
    pub clients: usize,
    /// Whether and how their tokens are stored, so that the next process goes on with them.
    pub persistence: Persistence,
    /// The uid of the operator's pod, as statuses tell it; empty outside of one.
    pub pod_uid: String,
    /// How the process was configured, in the labels and words of `vso_runtime_config`.
    pub told: BTreeMap<&'static str, String>,
}

/// Whether and how tokens of clients are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// They are not; what lies there is purged.
    None,
    /// As the login answered.
    Plain,
    /// Encrypted by Vault's transit engine; what is not encrypted is not taken up.
    Encrypted,
}

/// What `vso_runtime_config` tells where no flag says otherwise.
const TOLD: [(&str, &str); 10] = [
    ("backoffInitialInterval", "5s"),
    ("backoffMaxInterval", "1m0s"),
    ("backoffMaxElapsedTime", "0s"),
    ("backoffRandomizationFactor", "0.5"),
    ("backoffMultiplier", "1.5"),
    ("clientCachePersistenceModel", "none"),
    ("clientCacheSize", "10000"),
    ("globalTransformationOptions", ""),
    ("globalVaultAuthOptions", "allow-default-globals"),
    ("maxConcurrentReconciles", "100"),
];

impl Settings {
    /// The peer's defaults, for an operator in this namespace.
    #[must_use]
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            excludes_raw: false,
            allows_default_globals: true,
            backoff: horizon::backoff(GoDuration::from_seconds(5), GoDuration::from_seconds(60), 1.5, 0.5),
            clients: 10_000,
            persistence: Persistence::None,
            pod_uid: String::new(),
            told: TOLD.map(|(label, word)| (label, word.to_owned())).into(),
        }
    }
}

/// Puts the settings where scripts and clients look for them, before the rows are added.
pub fn prepare(shared: &Shared, settings: Settings) {
    let (namespace, allows_default_globals) = (settings.namespace.clone(), settings.allows_default_globals);
    shared.remember(Home { namespace, allows_default_globals });
    let clients = shared.memory::<VaultClients>();
    clients.limit(settings.clients);
    clients.store_with(Arc::new(StoredClients::new(settings.clone())));
    shared.remember(settings);
}

/// The waits of the queue itself: after a panic, or a status that could not be written. Passes say their own.
const BACKOFF: Backoff =
    Backoff { first: GoDuration::from_seconds(5), factor: 1.5, cap: GoDuration::from_seconds(60), jitter: 0.2 };

/// The rights that every row has on its own kind.
macro_rules! rights {
    ($plural:literal, $($more:expr),*) => {
        &[
            Rights { group: names::GROUP, resource: $plural, verbs: &["get", "list", "watch", "update", "patch"], is_local: false },
            Rights { group: names::GROUP, resource: concat!($plural, "/status"), verbs: &["get", "update", "patch"], is_local: false },
            Rights { group: names::GROUP, resource: concat!($plural, "/finalizers"), verbs: &["update"], is_local: false },
            $($more),*
        ]
    };
}
use rights;

/// What syncable kinds do besides.
const SECRETS: Rights = Rights {
    group: "",
    resource: "secrets",
    verbs: &["get", "list", "watch", "create", "update", "patch", "delete"],
    is_local: false,
};
const WORKLOADS: [Rights; 4] = [
    workload("apps", "deployments"),
    workload("apps", "daemonsets"),
    workload("apps", "statefulsets"),
    workload("argoproj.io", "rollouts"),
];

const fn workload(group: &'static str, resource: &'static str) -> Rights {
    Rights { group, resource, verbs: &["get", "patch"], is_local: false }
}

/// How often in a row objects have failed, by kind and name. Lost with the process.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<(&'static str, Name), u32>>);

impl Failures {
    /// One more; how many it is now.
    fn count(&self, row: &'static str, name: Name) -> u32 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry((row, name)).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// None any more.
    fn forget(&self, row: &'static str, name: Name) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(row, name));
    }
}

/// The end of a pass: failures in a row are counted, so that the waits grow. What only doing it could tell stays a fault.
fn counted<O: Syncable + kube::Resource>(
    w: &World,
    row: &'static str,
    o: &O,
    done: Result<Finish, Failure>,
    failed: impl FnOnce(&Failure, u32) -> Finish,
) -> Result<Finish, Fault> {
    let (failures, name) = (w.memory::<Failures>(), name_of(o.meta()));
    match done {
        Ok(finish) => {
            failures.forget(row, name);
            Ok(finish)
        }
        Err(Failure { fault, .. }) if fault.kind() == Kind::Dry => Err(fault),
        Err(failure) => Ok(failed(&failure, failures.count(row, name))),
    }
}

/// The index of syncable objects by the VaultAuth that they name; empty for the default.
const BY_AUTH: &str = "auth";
/// The index of Secrets by the uid of their owner.
const BY_OWNER: &str = "vso-owner";

/// Whether a change matters: spec, labels, annotations, deletion – not our own finalizer or status.
pub(crate) use crate::subject::settings_changed as matters;

/// Registers what leads to passes of a syncable kind: itself, what it refers to, and the loss of its Secret.
pub(crate) fn watch<O>(shared: &Arc<Shared>, enqueue: &Enqueue)
where
    O: Syncable + Kept + Clone + Send + Sync + 'static,
    O::Wire: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
{
    let caches = shared.caches();
    let own = caches.store::<O>();
    own.index(BY_AUTH, |o| {
        let key = match o.auth_ref() {
            Ok(api::hashicorp::Reference::Named { namespace, name }) => format!("{namespace}/{name}"),
            _ => String::new(),
        };
        vec![key]
    });
    enqueue.own::<O>(caches, matters);
    let secrets = caches.store::<SeenSecret>();
    secrets.index(BY_OWNER, |seen| seen.labels.get(names::OWNER_UID).cloned().into_iter().collect());
    let (row, kind) = (enqueue.clone(), O::kind(&()).into_owned());
    secrets.listen(move |changed: &Changed<SeenSecret>| {
        let (Some(gone), None) = (&changed.before, &changed.after) else { return };
        let owned = gone.owners.iter().filter(|owner| owner.kind == kind && gone.labels.contains_key(names::OWNER_UID));
        owned.for_each(|owner| row.add((Arc::clone(&changed.name.0), owner.name.as_str().into()), Lane::Changed));
    });
    let home = shared.recall::<Settings>().map(|settings| settings.namespace.clone()).unwrap_or_default();
    let (row, users) = (enqueue.clone(), Arc::clone(&own));
    on_change::<VaultAuth>(shared, move |auth| {
        let (namespace, name) = name_of(&auth.metadata);
        wake(&row, users.by(BY_AUTH, &format!("{namespace}/{name}")));
        if *namespace == *home && &*name == names::DEFAULT {
            wake(&row, users.by(BY_AUTH, ""));
        }
    });
    // These change rarely, and whom they concern is known only once VaultAuths are merged: everybody looks.
    let (row, users) = (enqueue.clone(), Arc::clone(&own));
    on_change::<VaultConnection>(shared, move |_| wake(&row, users.all()));
    let (row, users) = (enqueue.clone(), Arc::clone(&own));
    on_change::<VaultAuthGlobal>(shared, move |_| wake(&row, users.all()));
    let (row, users) = (enqueue.clone(), own);
    on_change::<SecretTransformation>(shared, move |changed| {
        let name = changed.metadata.name.clone().unwrap_or_default();
        let uses = |user: &Arc<O>| {
            let rules = user.destination().transformation.as_ref();
            rules.is_some_and(|rules| rules.transformation_refs.iter().any(|reference| reference.name == name))
        };
        wake(&row, users.all().into_iter().filter(uses).collect());
    });
    caches.watch::<VaultConnection>(&Selectors::default());
    caches.watch::<VaultAuthGlobal>(&Selectors::default());
    caches.watch::<VaultAuth>(&Selectors::default());
    caches.watch::<SecretTransformation>(&Selectors::default());
    caches.watch::<SeenSecret>(&Selectors::default());
    caches.watch::<O>(&Selectors::default());
}

fn on_change<T: Kept + kube::Resource>(shared: &Arc<Shared>, then: impl Fn(&T) + Send + Sync + 'static) {
    shared.caches().store::<T>().listen(move |changed: &Changed<T>| {
        let matters = match (&changed.before, &changed.after) {
            (Some(before), Some(after)) => matters(&**before, &**after),
            _ => !changed.is_initial,
        };
        if let Some(object) = changed.after.as_ref().filter(|_| matters) {
            then(object);
        }
    });
}

/// Calls when an object is gone.
fn on_end<T: Kept>(shared: &Arc<Shared>, then: impl Fn() + Send + Sync + 'static) {
    shared.caches().store::<T>().listen(move |changed: &Changed<T>| {
        if changed.after.is_none() {
            then();
        }
    });
}

fn wake<O: Syncable>(row: &Enqueue, users: Vec<Arc<O>>) {
    for user in users {
        row.add(name_of(user.meta()), Lane::Changed);
    }
}

/// The object as its templates see it.
pub(crate) fn subject<O: Syncable>(o: &O) -> Seen<'_> {
    let meta = o.meta();
    Seen {
        namespace: meta.namespace.as_deref().unwrap_or_default(),
        name: meta.name.as_deref().unwrap_or_default(),
        labels: meta.labels.as_ref(),
        annotations: meta.annotations.as_ref(),
    }
}

/// The rules of an object's transformation.
pub(crate) fn rules<O: Syncable>(w: &World, o: &O, settings: &Settings) -> Result<Rules, Fault> {
    let shared = w.cache::<SecretTransformation>();
    let transformation = o.destination().transformation.as_ref();
    gather(&subject(o), transformation, settings.excludes_raw, |namespace, name| shared.find(namespace, name))
}

/// The randomness of an object's templates (`bcrypt`, `htpasswd`, `randInt`, `shuffle`), drawn from what they are made of under the
/// cluster's own key: the same values read again make the same text, write nothing and restart nobody (VSO §9.4).
pub(crate) async fn chance<O: Syncable>(
    w: &World,
    o: &O,
    settings: &Settings,
    rules: &Rules,
    response: &Response,
) -> Result<ChaCha20Rng, Fault> {
    if !rules.has_templates() {
        return Ok(w.rng());
    }
    let key = mac_key::mac_key(w, settings).await?;
    Ok(ChaCha20Rng::from_seed(response.seed(key.expose(), &subject(o))?))
}

/// Whether an object is to be guarded: a status was written first (VSO §6.6), or somebody put the finalizer on already.
pub(crate) fn is_guarded(conditions: &[Condition], meta: &ObjectMeta, finalizer: &str) -> bool {
    !conditions.is_empty() || meta.finalizers.iter().flatten().any(|name| name == finalizer)
}

/// The generations of the SecretTransformations that an object refers to.
pub(crate) fn transformations<O: Syncable>(w: &World, o: &O) -> BTreeMap<String, i64> {
    let all = w.cache::<SecretTransformation>();
    let own = o.meta().namespace.as_deref().unwrap_or_default();
    let references = o.destination().transformation.iter().flat_map(|own| &own.transformation_refs);
    let generation = |reference: &TransformationRef| {
        let namespace = reference.namespace.filled().unwrap_or(own);
        let found = all.find(namespace, &reference.name);
        let generation = found.and_then(|found| found.metadata.generation).unwrap_or_default();
        (format!("{namespace}/{}", reference.name), generation)
    };
    references.map(generation).collect()
}

/// How long ending a lease or a certificate may take: a deletion waits for three tries at most.
const REVOCATION_TIME: Duration = Duration::from_secs(6);

/// Asks Vault to end something on an object's behalf, and does not wait for ever.
pub(crate) async fn ask_in_time<O: Syncable>(w: &World, o: &O, ask: Ask) -> Result<VaultAnswer, Fault> {
    let asked = async {
        let client = w.vault_client(o).await?;
        w.act(Asking { client: &client, ask }).await
    };
    let late = |_| Fault::unreachable("Vault did not answer in time");
    tokio::time::timeout(REVOCATION_TIME, asked).await.map_err(late).and_then(|result| result)
}

/// Deletes Secrets that were this object's destination once: it has been renamed. Failures are only logged.
pub(crate) async fn prune_orphans<O: Syncable>(w: &World, o: &O) {
    let Some(uid) = o.meta().uid.as_deref() else { return };
    let (namespace, kept) = (o.meta().namespace.as_deref().unwrap_or_default(), &*o.destination().name);
    let all = w.cache::<SeenSecret>().by(BY_OWNER, uid);
    let is_orphan = |seen: &Arc<SeenSecret>| {
        *seen.namespace == *namespace && *seen.name != *kept && seen.owners.iter().any(|owner| owner.uid == uid)
    };
    let deletions = all.into_iter().filter(is_orphan).map(|seen| Write::Delete {
        at: plan::Address::secret(&*seen.namespace, &*seen.name),
        uid: Some(seen.uid.clone()),
        resource_version: Some(seen.resource_version.clone()),
        background: false,
        why: "delete, since the destination has another name now".to_owned(),
    });
    for fault in w.each(deletions).await.into_iter().filter_map(Result::err) {
        tracing::warn!(error = fault.chain(), "a former destination could not be deleted");
    }
}
