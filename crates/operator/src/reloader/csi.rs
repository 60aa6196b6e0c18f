//! What pods mount through the Secrets Store CSI driver: a status a pod, which says the versions of what it mounts, and the
//! SecretProviderClass behind it, whose annotations count. A changed status concerns whoever mounts the class, once for all its
//! pods. Created and deleted statuses are pods that come and go. Nothing is caught up at the start: new pods mount new versions
//! without a change that anybody saw, so a mark that differs tells nothing. Specification: RL §5.2, §6, §7, §12.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use api::reload::ResourceKind;
use base::{Fault, Timestamp};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use plan::reload::{Cause, Change, Happened, hash, rules};
use plan::write::Resource;
use plan::{Address, Finish};
use serde::Deserialize;
use tokio::time::Instant;

use super::counts::Skip;
use super::memory::{Event, Following, Noted};
use super::{BACKOFF, Memory, Settings, source, warn};
use crate::World;
use crate::cache::{Kept, Name, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::{Enqueue, Lane};
use crate::recorder;
use crate::shared::Shared;
use crate::subject::Subject;
use crate::world::workloads::Age;

const KIND: ResourceKind = ResourceKind::SecretProviderClass;
const GROUP: &str = "secrets-store.csi.x-k8s.io";
const VERSION: &str = "v1";
/// The statuses' word in paths, roles and metrics.
const STATUSES: &str = "secretproviderclasspodstatuses";
const CLASSES: &str = "secretproviderclasses";

/// What one pod mounts of one class.
#[derive(Clone, Debug)]
pub struct PodStatus {
    namespace: Arc<str>,
    name: Arc<str>,
    uid: String,
    resource_version: String,
    class: Arc<str>,
    hash: String,
    has_objects: bool,
}

/// A SecretProviderClass: what it says of itself.
#[derive(Clone, Debug)]
pub struct Class {
    subject: recorder::Subject,
    annotations: BTreeMap<String, String>,
}

/// Defines how one of the driver's two kinds comes over the wire.
macro_rules! wire {
    ($name:ident, $kind:literal, $plural:expr, { $($field:ident: $type:ty),* }) => {
        #[derive(Clone, Debug, Deserialize)]
        pub struct $name {
            metadata: ObjectMeta,
            $(#[serde(default)] $field: $type,)*
        }

        impl kube::Resource for $name {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> Cow<'_, str> {
                GROUP.into()
            }

            fn version((): &()) -> Cow<'_, str> {
                VERSION.into()
            }

            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

wire!(StatusWire, "SecretProviderClassPodStatus", STATUSES, { status: Mounted });
wire!(ClassWire, "SecretProviderClass", CLASSES, {});

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mounted {
    secret_provider_class_name: String,
    objects: Option<Vec<Object>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    id: String,
    version: String,
}

impl Kept for PodStatus {
    type Wire = StatusWire;

    fn keep(wire: StatusWire) -> Result<Self, String> {
        let Mounted { secret_provider_class_name: class, objects } = wire.status;
        let versions = objects.iter().flatten().map(|object| (object.id.as_str(), object.version.as_str()));
        Ok(Self {
            hash: hash::of_provider_class(&class, versions),
            class: class.into(),
            has_objects: objects.is_some(),
            namespace: wire.metadata.namespace.unwrap_or_default().into(),
            name: wire.metadata.name.unwrap_or_default().into(),
            uid: wire.metadata.uid.unwrap_or_default(),
            resource_version: wire.metadata.resource_version.unwrap_or_default(),
        })
    }

    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

impl Subject for PodStatus {
    fn address(&self) -> Address {
        let resource = Resource::new(GROUP, VERSION, "SecretProviderClassPodStatus", STATUSES);
        Address::new(resource, &*self.namespace, &*self.name)
    }

    fn uid(&self) -> &str {
        &self.uid
    }
}

impl Kept for Class {
    type Wire = ClassWire;

    fn keep(wire: ClassWire) -> Result<Self, String> {
        let meta = wire.metadata;
        let (namespace, name) = (meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default());
        let at = Address::new(Resource::new(GROUP, VERSION, "SecretProviderClass", CLASSES), namespace, name);
        let (uid, resource_version) = (meta.uid.unwrap_or_default(), meta.resource_version.unwrap_or_default());
        let subject = recorder::Subject { at, uid, resource_version };
        Ok(Self { subject, annotations: meta.annotations.unwrap_or_default() })
    }

    fn resource_version(&self) -> &str {
        &self.subject.resource_version
    }
}

/// The row.
pub struct ReloadClass;

impl Controller for ReloadClass {
    type Object = PodStatus;

    const ROW: Row = Row {
        name: "reload-secretproviderclasses",
        feature: FeatureName::Reloader,
        component: KIND.component(),
        finalizer: None,
        manager: api::reload::names::MANAGER,
        backoff: BACKOFF,
        rights: &[
            Rights { group: GROUP, resource: STATUSES, verbs: &["get", "list", "watch"], is_local: false },
            Rights { group: GROUP, resource: CLASSES, verbs: &["get", "list", "watch"], is_local: false },
        ],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let memory = Memory::of(shared);
        let ignored = shared.memory::<Settings>().ignored_namespaces.clone();
        shared.caches().store::<PodStatus>().listen(move |changed| {
            memory.counts().received(source::word(changed), STATUSES);
            let (Some(before), Some(after)) = (&changed.before, &changed.after) else { return };
            // A status whose list was missing has changed whatever it says now.
            if before.has_objects && before.hash == after.hash {
                memory.counts().skipped(Skip::NoDataChange);
            } else if after.class.is_empty() || ignored.contains(&*changed.name.0) {
                memory.counts().skipped(Skip::IgnoredOrNotSelected);
            } else {
                memory.note(KIND, changed.name.clone(), Event::Updated);
                enqueue.add(changed.name.clone(), Lane::Changed);
            }
        });
        // Without the selector for resources: the driver puts no labels of users on what it makes.
        shared.caches().watch::<Class>(&Selectors::default());
        shared.caches().watch::<PodStatus>(&Selectors::default());
    }

    async fn reconcile(w: &World, status: &PodStatus) -> Result<Finish, Fault> {
        let memory = Memory::of(w.shared());
        let name: Name = (Arc::clone(&status.namespace), Arc::clone(&status.name));
        let Some((noted, following)) = memory.take(KIND, &name) else { return Ok(Finish::settled()) };
        let begun = Instant::now();
        let class: Name = (Arc::clone(&status.namespace), Arc::clone(&status.class));
        let done = match source::elsewhere(w, KIND, &class, noted).await {
            Some(done) => done,
            None if source::is_ours(noted) => follow(w, status, noted, &following).await,
            None => Ok(false),
        };
        source::conclude(&memory, (KIND, STATUSES), name, noted, done, begun).map(|()| Finish::settled())
    }

    fn failed(_o: &PodStatus, fault: &Fault, _now: Timestamp) -> Finish {
        tracing::error!("Error syncing events: {}", fault.chain());
        Finish::settled().retried()
    }

    /// The pod is gone: whoever replaces it mounts what there is now.
    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        drop(Memory::of(w.shared()).take(KIND, &(namespace.into(), name.into())));
        Ok(())
    }
}

/// Follows a change to whoever mounts the class; answers whether there was anybody.
async fn follow(w: &World, status: &PodStatus, noted: Noted, following: &Following) -> Result<bool, Fault> {
    let (settings, memory) = (w.memory::<Settings>(), Memory::of(w.shared()));
    let change = change(w, status, &settings);
    let mut concerned = source::hits(w, &change, Age::New).await?;
    if !noted.was_leading {
        concerned.retain(|(workload, _)| source::is_marked_for_good(workload, &settings.options));
    }
    let did = !concerned.is_empty();
    for (workload, hit) in concerned {
        let cause = Cause::new(&change, &hit, w.now());
        let name: Name = (workload.namespace.as_str().into(), workload.name.as_str().into());
        if !memory.was_rolled(workload.kind, &name, &cause) {
            following.hit(workload.kind, name, cause);
        }
    }
    Ok(did)
}

/// The change of the class that a status tells of.
fn change(w: &World, status: &PodStatus, settings: &Settings) -> Change {
    let class = w.cache::<Class>().find(&status.namespace, &status.class);
    let keys = &settings.options.keys;
    let says = |key: &String| {
        let Some(class) = &class else { return false };
        let (is_marked, notice) = rules::is_marked(&class.annotations, key);
        if let Some(notice) = notice {
            warn(w, KIND.component(), &class.subject, notice.sentence);
        }
        is_marked
    };
    if class.is_none() {
        tracing::warn!(
            "SecretProviderClass '{}' in namespace '{}' is not there, so it counts as one without annotations",
            status.class,
            status.namespace
        );
    }
    Change {
        kind: KIND,
        namespace: status.namespace.to_string(),
        name: status.class.to_string(),
        is_ignored: says(&keys.ignore),
        is_match: says(&keys.matches),
        happened: Happened::Data(status.hash.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(status: &str) -> PodStatus {
        let text = format!(r#"{{"metadata":{{"name":"p-default-vault-db","namespace":"demo"}},"status":{status}}}"#);
        let wire = serde_json::from_str(&text).expect("a test's own status");
        PodStatus::keep(wire).expect("it can be kept")
    }

    #[test]
    fn a_status_is_hashed_as_the_peer_hashes_it() {
        let status = kept(
            r#"{"podName":"p","mounted":true,"secretProviderClassName":"vault-db",
            "objects":[{"id":"db-password","version":"v2"}]}"#,
        );
        assert_eq!((&*status.class, status.has_objects), ("vault-db", true));
        assert_eq!(status.hash, "dc5f3f526f72cfa8db81bc16bf2600ae70f0210d");
        for none in ["{}", r#"{"secretProviderClassName":"","objects":null}"#] {
            assert!(!kept(none).has_objects && kept(none).class.is_empty(), "{none}");
        }
    }
}
