//! ClusterExternalSecret: an ExternalSecret in every namespace that is named or selected, and nowhere else. Owner references
//! say whose they are, so that nothing of anybody else is touched and nothing is left over. Specification: ESO §6.10.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::external_secrets::cluster_external_secret::FailedNamespace;
use api::external_secrets::names;
use api::{ClusterExternalSecret, ExternalSecret};
use base::{Fault, Kind, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use plan::cluster_external_secret::{self as ces, Standing};
use plan::write::{Media, Resource};
use plan::{Address, Finish, Write};
use serde_json::{Value, json};

use super::BACKOFF;
use crate::World;
use crate::cache::{Changed, Selectors, name_of};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::{Enqueue, Lane};
use crate::shared::Shared;
use crate::subject::{Subject, spec_changed};
use crate::world::stores::selects;

/// The row.
pub struct Stamp;

/// How often a conflict is decided again before the pass fails and the queue retries.
const TRIES: usize = 5;
/// The index of ExternalSecrets by the uid of the ClusterExternalSecret that controls them.
const BY_OWNER: &str = "stamped-by";

impl Controller for Stamp {
    type Object = ClusterExternalSecret;

    const ROW: Row = Row {
        name: "clusterexternalsecret",
        feature: FeatureName::ExternalSecrets,
        component: "external-secrets",
        finalizer: Some(names::CLUSTER_EXTERNAL_SECRET_FINALIZER),
        manager: "external-secrets",
        backoff: BACKOFF,
        rights: &[
            Rights {
                group: names::GROUP,
                resource: "clusterexternalsecrets",
                verbs: &["get", "list", "watch", "update", "patch"],
                is_local: false,
            },
            Rights {
                group: names::GROUP,
                resource: "clusterexternalsecrets/status",
                verbs: &["get", "update", "patch"],
                is_local: false,
            },
            Rights {
                group: names::GROUP,
                resource: "externalsecrets",
                verbs: &["get", "list", "watch", "create", "update", "delete"],
                is_local: false,
            },
            Rights { group: "", resource: "namespaces", verbs: &["get", "list", "watch", "patch"], is_local: false },
        ],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let caches = shared.caches();
        let own = caches.store::<ClusterExternalSecret>();
        enqueue.own::<ClusterExternalSecret>(caches, spec_changed);
        let children = caches.store::<ExternalSecret>();
        children.index(BY_OWNER, |child| owner(child).map(|(uid, _)| uid.to_owned()).into_iter().collect());
        let row = enqueue.clone();
        children.listen(move |changed: &Changed<ExternalSecret>| {
            let matters = match (&changed.before, &changed.after) {
                (Some(before), Some(after)) => spec_changed(&**before, &**after),
                _ => !changed.is_initial,
            };
            let child = changed.after.as_ref().or(changed.before.as_ref()).filter(|_| matters);
            if let Some((_, name)) = child.and_then(|child| owner(child)) {
                row.add(("".into(), name.into()), Lane::Changed);
            }
        });
        caches.store::<Namespace>().listen(move |changed: &Changed<Namespace>| {
            let matters = match (&changed.before, &changed.after) {
                (Some(before), Some(after)) => spec_changed(&**before, &**after),
                _ => !changed.is_initial,
            };
            if matters {
                own.all().iter().for_each(|user| enqueue.add(name_of(&user.metadata), Lane::Changed));
            }
        });
        caches.watch_cluster::<Namespace>(&Selectors::default());
        caches.watch::<ExternalSecret>(&Selectors::default());
        caches.watch_cluster::<ClusterExternalSecret>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &ClusterExternalSecret) -> Result<Finish, Fault> {
        let wanted = wanted(w, o);
        free_namespaces(w, o).await?;
        for child in w.cache::<ExternalSecret>().by(BY_OWNER, o.uid()) {
            let namespace = child.metadata.namespace.as_deref().unwrap_or_default();
            if !wanted.contains(namespace) || child.metadata.name.as_deref() != Some(o.child_name()) {
                w.act(ces::delete(&child)).await?;
            }
        }
        let (mut provisioned, mut failed) = (Vec::new(), Vec::new());
        for namespace in wanted {
            match stamp(w, o, &namespace).await {
                Ok(true) => provisioned.push(namespace),
                Ok(false) => failed.push(FailedNamespace { namespace, reason: Some(ces::TAKEN.to_owned()) }),
                Err(fault) => failed.push(FailedNamespace { namespace, reason: Some(fault.chain()) }),
            }
        }
        ces::finish(o, provisioned, failed, w.now())
    }

    fn failed(o: &ClusterExternalSecret, fault: &Fault, now: Timestamp) -> Finish {
        let everywhere = FailedNamespace { namespace: "unknown".to_owned(), reason: Some(fault.chain()) };
        let provisioned = o.provisioned_namespaces().to_vec();
        ces::finish(o, provisioned, vec![everywhere], now).unwrap_or_default().retried()
    }

    /// The children go by their owner references.
    async fn cleanup(w: &World, o: &ClusterExternalSecret) -> Result<Finish, Fault> {
        free_namespaces(w, o).await.map(|()| Finish::settled())
    }
}

/// The namespaces that are named or selected and are not on their way out.
fn wanted(w: &World, o: &ClusterExternalSecret) -> BTreeSet<String> {
    let mut all = w.cache::<Namespace>().all();
    all.retain(|namespace| {
        let meta = &namespace.metadata;
        let labels = meta.labels.clone().unwrap_or_default();
        let is_named = o.namespaces().iter().any(|name| Some(name) == meta.name.as_ref());
        meta.deletion_timestamp.is_none() && (is_named || o.namespace_selectors().any(|one| selects(one, &labels)))
    });
    all.iter().filter_map(|namespace| namespace.metadata.name.clone()).collect()
}

/// Sees to it that a namespace has its ExternalSecret; answers whether it is ours.
async fn stamp(w: &World, o: &ClusterExternalSecret, namespace: &str) -> Result<bool, Fault> {
    let known = w.cache::<ExternalSecret>().find(namespace, o.child_name());
    match ces::standing(o, known.as_deref())? {
        Standing::Same => Ok(true),
        Standing::Foreign => Ok(false),
        Standing::Differs => restamp(w, o, namespace).await,
        Standing::Absent => match w.act(ces::create(o, namespace)).await {
            // It stands, and no cache of ours has seen it.
            Err(fault) if fault.kind() == Kind::Conflict => restamp(w, o, namespace).await,
            written => written.map(|_| true),
        },
    }
}

/// Its own status is written as we look: what changed meanwhile is read and decided again.
async fn restamp(w: &World, o: &ClusterExternalSecret, namespace: &str) -> Result<bool, Fault> {
    for _ in 1..TRIES {
        match restamp_once(w, o, namespace).await {
            Err(fault) if fault.kind() == Kind::Conflict => {}
            done => return done,
        }
    }
    restamp_once(w, o, namespace).await
}

async fn restamp_once(w: &World, o: &ClusterExternalSecret, namespace: &str) -> Result<bool, Fault> {
    let at = ces::place(o, namespace);
    let standing: Option<Value> = w.cluster().read_as(&at).await?;
    let standing = standing.ok_or_else(|| Fault::conflict(format!("{} is gone", at.object())))?;
    let child = serde_json::from_value::<ExternalSecret>(standing.clone());
    let child = child.map_err(|error| Fault::wrong(format!("cannot read {}", at.object())).because(error))?;
    match ces::standing(o, Some(&child))? {
        Standing::Foreign => Ok(false),
        Standing::Same | Standing::Absent => Ok(true),
        Standing::Differs => w.act(ces::update(o, namespace, standing)).await.map(|_| true),
    }
}

/// Takes off what the peer put on namespaces.
async fn free_namespaces(w: &World, o: &ClusterExternalSecret) -> Result<(), Fault> {
    let finalizer = ces::namespace_finalizer(o);
    for namespace in w.cache::<Namespace>().all() {
        let meta = &namespace.metadata;
        let mut kept = meta.finalizers.clone().unwrap_or_default();
        if !kept.contains(&finalizer) {
            continue;
        }
        kept.retain(|one| *one != finalizer);
        let body = json!({"metadata": {"finalizers": kept, "resourceVersion": meta.resource_version}}).to_string();
        let at =
            Address::new(Resource::new("", "v1", "Namespace", "namespaces"), "", meta.name.clone().unwrap_or_default());
        let (media, manager) = (Media::Merge, "external-secrets".to_owned());
        let why = format!("take off the finalizer {finalizer}");
        w.act(Write::Patch { at, subresource: None, media, body, manager, why }).await?;
    }
    Ok(())
}

/// Uid and name of the ClusterExternalSecret that controls an ExternalSecret.
fn owner(child: &ExternalSecret) -> Option<(&str, &str)> {
    let owners = child.metadata.owner_references.iter().flatten();
    let mut ours = owners.filter(|owner| owner.controller == Some(true) && owner.kind == "ClusterExternalSecret");
    ours.next().map(|owner| (owner.uid.as_str(), owner.name.as_str()))
}
