//! What a controller is: a script over a [`World`], the row that tells everything about it, and what an effect is.
//! Specification: design §11.1.

use std::sync::Arc;

use base::{Fault, Timestamp};
use plan::backoff::Backoff;
use plan::{Address, Describe, Finish};
use serde::Serialize;
use serde_json::Value;

use crate::World;
use crate::cache::Kept;
use crate::driver::Enqueue;
use crate::feature::FeatureName;
use crate::world::Shared;

/// A script: one pass over one object. It reads through the world, asks `plan` what to do, and acts through the world.
pub trait Controller: Send + Sync + 'static {
    /// A custom resource, or something reduced (`Seen`, `Workload`).
    type Object: Subject;

    /// Everything that is read off this controller: metrics, roles, events, backoff.
    const ROW: Row;

    /// Registers what leads to a pass: watches, indexes, listeners that enqueue keys.
    fn watch(shared: &Arc<Shared>, enqueue: Enqueue);

    /// One pass.
    fn reconcile(w: &World, o: &Self::Object) -> impl Future<Output = Result<Finish, Fault>> + Send;

    /// How a failed pass ends: conditions and the event of a failure. Pure.
    fn failed(o: &Self::Object, fault: &Fault, now: Timestamp) -> Finish;

    /// What is to be done before an object that carries our finalizer may go.
    fn cleanup(_w: &World, _o: &Self::Object) -> impl Future<Output = Result<Finish, Fault>> + Send {
        async { Ok(Finish::settled()) }
    }

    /// What is done once an object is gone: metric series and memories are forgotten, deletions told on.
    fn gone(_w: &World, _namespace: &str, _name: &str) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// Whether this object needs the row's finalizer.
    fn wants_finalizer(_o: &Self::Object) -> bool {
        false
    }
}

/// What is read off a controller.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The controller's name in metrics, logs and health: the peer's.
    pub name: &'static str,
    /// The peer's operator that it belongs to.
    pub feature: FeatureName,
    /// The component that its events come from.
    pub component: &'static str,
    /// The finalizer, where it has one.
    pub finalizer: Option<&'static str>,
    /// The field manager of its status and finalizer writes.
    pub manager: &'static str,
    /// How long to wait after failures.
    pub backoff: Backoff,
    /// The rights it needs, for the generated role.
    pub rights: &'static [Rights],
}

/// One line of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rights {
    /// The API group.
    pub group: &'static str,
    /// The plural, with a subresource behind a slash.
    pub resource: &'static str,
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// Whether the right is needed in the own namespace only.
    pub is_local: bool,
}

/// What the driver must know of an object.
pub trait Subject: Kept {
    /// Its place in the API.
    fn address(&self) -> Address;
    /// Its uid.
    fn uid(&self) -> &str;
    /// Whether it is being deleted.
    fn is_deleting(&self) -> bool;
    /// Its finalizers.
    fn finalizers(&self) -> &[String];
    /// Its status as it stands, `null` where it has none.
    fn status(&self) -> Value;
}

impl<K> Subject for K
where
    K: kube::Resource<DynamicType = ()> + Kept + Serialize,
{
    fn address(&self) -> Address {
        let resource = plan::write::Resource::new(&K::group(&()), &K::version(&()), &K::kind(&()), &K::plural(&()));
        let meta = self.meta();
        Address::new(resource, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
    }

    fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    fn is_deleting(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }

    fn finalizers(&self) -> &[String] {
        self.meta().finalizers.as_deref().unwrap_or_default()
    }

    fn status(&self) -> Value {
        let mut object = serde_json::to_value(self).unwrap_or_default();
        object.get_mut("status").map(Value::take).unwrap_or_default()
    }
}

/// Whether a change matters to whoever reads the spec: generation, labels, annotations, deletion, finalizers (ESO §6.7).
pub fn spec_changed<K: kube::Resource>(before: &K, after: &K) -> bool {
    let (before, after) = (before.meta(), after.meta());
    before.uid != after.uid
        || before.generation != after.generation
        || before.labels != after.labels
        || before.annotations != after.annotations
        || before.deletion_timestamp != after.deletion_timestamp
        || before.finalizers != after.finalizers
}

/// A change of the outside that can be done, or told.
pub trait Effect: Describe + Send {
    /// What doing it answers.
    type Answer: Send;

    /// Does it.
    fn perform(self, world: &World) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;

    /// What a dry world answers instead; none where only doing it can tell.
    fn assumed(&self) -> Option<Self::Answer> {
        None
    }
}
