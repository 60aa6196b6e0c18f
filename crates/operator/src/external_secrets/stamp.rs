//! ClusterExternalSecret and ClusterPushSecret: one script for both. A child in every namespace that is named or selected, and
//! nowhere else. Owner references say whose they are, so that nothing of anybody else is touched and nothing is left over.
//! Specification: ESO §6.10, §6.12.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use api::external_secrets::names;
use api::external_secrets::stamp::{FailedNamespace, Resource as _, Stamp};
use api::{ClusterExternalSecret, ClusterPushSecret, ExternalSecret, PushSecret};
use base::{Fault, Kind as FaultKind, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use plan::Finish;
use plan::selector::{self, selects};
use plan::stamp::{self, Standing};
use serde::Serialize;
use serde_json::Value;

use super::{BACKOFF, wake};
use crate::World;
use crate::cache::{Caches, Changed, Kept, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::effects::write::remove_finalizer;
use crate::feature::FeatureName;
use crate::queue::{Enqueue, Lane};
use crate::shared::Shared;
use crate::subject::{Subject, spec_changed};

/// A kind that stamps out.
pub trait Kind: Stamp<Child: Kept + Subject> + Kept + Subject + Serialize {
    /// The row's name.
    const ROW: &'static str;
    /// Its plural.
    const PLURAL: &'static str;
    /// Its status, as roles name it.
    const STATUS: &'static str;
    /// The plural of its children.
    const CHILDREN: &'static str;
    /// The finalizer that the peer puts on it.
    const FINALIZER: Option<&'static str>;
    /// What it does with namespaces.
    const ON_NAMESPACES: &'static [&'static str];

    /// Starts the watches of its children.
    fn watch_children(caches: &Caches);
    /// Uid and name of the object of this kind that controls a child.
    fn stamper(child: &Self::Child) -> Option<(&str, &str)> {
        let owners = child.meta().owner_references.iter().flatten();
        let mut ours = owners.filter(|owner| owner.controller == Some(true) && owner.kind == Self::kind(&()));
        ours.next().map(|owner| (owner.uid.as_str(), owner.name.as_str()))
    }
}

impl Kind for ClusterExternalSecret {
    const ROW: &'static str = "clusterexternalsecret";
    const PLURAL: &'static str = "clusterexternalsecrets";
    const STATUS: &'static str = "clusterexternalsecrets/status";
    const CHILDREN: &'static str = "externalsecrets";
    const FINALIZER: Option<&'static str> = Some(names::CLUSTER_EXTERNAL_SECRET_FINALIZER);
    const ON_NAMESPACES: &'static [&'static str] = &["get", "list", "watch", "patch"];

    fn watch_children(caches: &Caches) {
        caches.watch::<ExternalSecret>(&Selectors::default());
    }
}

impl Kind for ClusterPushSecret {
    const ROW: &'static str = "clusterpushsecret";
    const PLURAL: &'static str = "clusterpushsecrets";
    const STATUS: &'static str = "clusterpushsecrets/status";
    const CHILDREN: &'static str = "pushsecrets";
    const FINALIZER: Option<&'static str> = None;
    const ON_NAMESPACES: &'static [&'static str] = &["get", "list", "watch"];

    fn watch_children(caches: &Caches) {
        caches.watch::<PushSecret>(&Selectors::default());
    }
}

/// The row of one kind.
pub struct StampOut<K>(PhantomData<K>);

/// How often a conflict is decided again before the pass fails and the queue retries.
const TRIES: usize = 5;
/// The index of children by the uid of the object that controls them.
const BY_STAMPER: &str = "stamped-by";
/// The index of the objects by the name of their children.
const BY_CHILD: &str = "child";

impl<K: Kind> Controller for StampOut<K> {
    type Object = K;

    const ROW: Row = Row {
        name: K::ROW,
        feature: FeatureName::ExternalSecrets,
        component: "external-secrets",
        finalizer: K::FINALIZER,
        manager: "external-secrets",
        backoff: BACKOFF,
        rights: &[
            super::on_own(K::PLURAL),
            super::on_status(K::STATUS),
            Rights {
                group: names::GROUP,
                resource: K::CHILDREN,
                verbs: &["get", "list", "watch", "create", "update", "delete"],
                is_local: false,
            },
            Rights { group: "", resource: "namespaces", verbs: K::ON_NAMESPACES, is_local: false },
        ],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let caches = shared.caches();
        let own = caches.store::<K>();
        enqueue.own::<K>(caches, spec_changed);
        let children = caches.store::<K::Child>();
        children.index(BY_STAMPER, |child| K::stamper(child).map(|(uid, _)| uid.to_owned()).into_iter().collect());
        own.index(BY_CHILD, |o| vec![o.child_name().to_owned()]);
        let (row, stampers) = (enqueue.clone(), Arc::clone(&own));
        children.listen(move |changed: &Changed<K::Child>| {
            let child = changed.after.as_ref().or(changed.before.as_ref()).filter(|_| matters(changed));
            match child.and_then(|child| K::stamper(child)) {
                Some((_, name)) => row.add(("".into(), name.into()), Lane::Changed),
                // Somebody else's went: its place is free.
                None if changed.after.is_none() => wake(&row, &stampers.by(BY_CHILD, &changed.name.1)),
                None => {}
            }
        });
        caches.store::<Namespace>().listen(move |changed: &Changed<Namespace>| {
            if matters(changed) {
                wake(&enqueue, &own.all());
            }
            // Whose finalizer stands there looks, or is found to be gone.
            for name in changed.after.iter().flat_map(|namespace| stampers_on::<K>(namespace)) {
                enqueue.add(("".into(), name.into()), Lane::Startup);
            }
        });
        caches.watch_cluster::<Namespace>(&Selectors::default());
        K::watch_children(caches);
        caches.watch_cluster::<K>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &K) -> Result<Finish, Fault> {
        free_namespaces::<K>(w, o.meta().name.as_deref().unwrap_or_default()).await?;
        let wanted = wanted(w, o)?;
        for child in w.cache::<K::Child>().by(BY_STAMPER, o.uid()) {
            let meta = child.meta();
            let stays = wanted.contains(meta.namespace.as_deref().unwrap_or_default());
            if !stays || meta.name.as_deref() != Some(o.child_name()) {
                w.act(stamp::delete::<K>(&child)).await?;
            }
        }
        let (mut provisioned, mut failed) = (Vec::new(), Vec::new());
        for namespace in wanted {
            match stamp_out(w, o, &namespace).await {
                Ok(true) => provisioned.push(namespace),
                Ok(false) => failed.push(FailedNamespace { namespace, reason: Some(K::TAKEN.to_owned()) }),
                Err(fault) => failed.push(FailedNamespace { namespace, reason: Some(fault.chain()) }),
            }
        }
        stamp::finish(o, provisioned, failed, w.now())
    }

    fn failed(o: &K, fault: &Fault, _: Timestamp) -> Finish {
        stamp::failed(o, fault)
    }

    /// The children go by their owner references.
    async fn cleanup(w: &World, o: &K) -> Result<Finish, Fault> {
        free_namespaces::<K>(w, o.meta().name.as_deref().unwrap_or_default()).await.map(|()| Finish::settled())
    }

    /// What the peer left on namespaces for an object that is no more.
    async fn gone(w: &World, _: &str, name: &str) -> Result<(), Fault> {
        if w.cache::<K>().is_ready() { free_namespaces::<K>(w, name).await } else { Ok(()) }
    }
}

/// Whether a change of a child or of a namespace matters to whoever stamps out.
fn matters<T: kube::Resource>(changed: &Changed<T>) -> bool {
    match (&changed.before, &changed.after) {
        (Some(before), Some(after)) => spec_changed(&**before, &**after),
        _ => !changed.is_initial,
    }
}

/// The names in the peer's finalizers on a namespace.
fn stampers_on<K: Kind>(namespace: &Namespace) -> impl Iterator<Item = &str> {
    let all = namespace.metadata.finalizers.iter().flatten();
    all.filter_map(|finalizer| finalizer.strip_prefix(K::NAMESPACE_FINALIZER_PREFIX?))
}

/// The namespaces that are named or selected and are not on their way out.
fn wanted<K: Kind>(w: &World, o: &K) -> Result<BTreeSet<String>, Fault> {
    o.namespace_selectors().try_for_each(selector::check)?;
    let none = BTreeMap::new();
    let mut all = w.cache::<Namespace>().all();
    all.retain(|namespace| {
        let meta = &namespace.metadata;
        let labels = meta.labels.as_ref().unwrap_or(&none);
        let is_named = o.namespaces().iter().any(|name| Some(name) == meta.name.as_ref());
        meta.deletion_timestamp.is_none() && (is_named || o.namespace_selectors().any(|one| selects(one, labels)))
    });
    Ok(all.iter().filter_map(|namespace| namespace.metadata.name.clone()).collect())
}

/// Sees to it that a namespace has its child; answers whether it is ours.
async fn stamp_out<K: Kind>(w: &World, o: &K, namespace: &str) -> Result<bool, Fault> {
    let known = w.cache::<K::Child>().find(namespace, o.child_name());
    match stamp::standing(o, known.as_deref())? {
        Standing::Same => Ok(true),
        Standing::Foreign => Ok(false),
        Standing::Differs => restamp(w, o, namespace).await,
        Standing::Absent => match w.act(stamp::create(o, namespace)).await {
            // It stands, and no cache of ours has seen it.
            Err(fault) if fault.kind() == FaultKind::Conflict => restamp(w, o, namespace).await,
            written => written.map(|_| true),
        },
    }
}

/// Its own status is written as we look: what changed meanwhile is read and decided again.
async fn restamp<K: Kind>(w: &World, o: &K, namespace: &str) -> Result<bool, Fault> {
    for _ in 1..TRIES {
        match restamp_once(w, o, namespace).await {
            Err(fault) if fault.kind() == FaultKind::Conflict => {}
            done => return done,
        }
    }
    restamp_once(w, o, namespace).await
}

async fn restamp_once<K: Kind>(w: &World, o: &K, namespace: &str) -> Result<bool, Fault> {
    let at = stamp::place(o, namespace);
    let standing: Option<Value> = w.cluster().read_as(&at).await?;
    // It went meanwhile.
    let Some(standing) = standing else { return w.act(stamp::create(o, namespace)).await.map(|_| true) };
    let child = serde_json::from_value::<K::Child>(standing.clone());
    let child = child.map_err(|error| Fault::wrong(format!("cannot read {}", at.object())).because(error))?;
    match stamp::standing(o, Some(&child))? {
        Standing::Foreign => Ok(false),
        Standing::Same | Standing::Absent => Ok(true),
        Standing::Differs => w.act(stamp::update(o, namespace, standing)).await.map(|_| true),
    }
}

/// Takes off what the peer put on namespaces. We need none, because the owner references say all; one that stands would
/// let its namespace hang (ESO §6.10, BUG).
async fn free_namespaces<K: Kind>(w: &World, name: &str) -> Result<(), Fault> {
    let Some(prefix) = K::NAMESPACE_FINALIZER_PREFIX else { return Ok(()) };
    let finalizer = format!("{prefix}{name}");
    for namespace in w.cache::<Namespace>().all() {
        if namespace.finalizers().contains(&finalizer) {
            w.act(remove_finalizer(&*namespace, &finalizer, "external-secrets")).await?;
        }
    }
    Ok(())
}
