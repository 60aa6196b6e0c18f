//! What a controller is: a script over a [`World`], and the row that tells everything about it.
//! The rows of all features stand in `controllers`.
//! Specification: design §11.1.

use std::sync::Arc;

use base::{Fault, Timestamp};
use plan::backoff::Backoff;
use plan::{Event, Finish};

use crate::World;
use crate::feature::FeatureName;
use crate::queue::Enqueue;
use crate::shared::Shared;
use crate::subject::Subject;

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

    /// What is told on the object where its status could not be written.
    fn status_lost(_fault: &Fault) -> Option<Event> {
        None
    }

    /// Whether this object needs the row's finalizer, as far as the caches tell.
    fn wants_finalizer(_w: &World, _o: &Self::Object) -> bool {
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
