//! Reloader: two kinds of rows. A source row (ConfigMaps, Secrets, what CSI mounts) finds out what changed and whom it concerns; a workload row
//! (one per kind) edits. What lies between them is `memory`, so that here is coalescing, retry and pause: what happened to one
//! resource last wins, and one failing workload stops no other. Specification: RL §5–§17; design §11.2.

pub mod alerts;
pub mod counts;
pub mod csi;
mod memory;
pub mod meta_info;
pub mod readiness;
pub mod settings;
pub mod source;
pub mod webhook;
pub mod workload;

use base::duration::GoDuration;
use plan::Event;
use plan::backoff::Backoff;
use plan::reload::Workload;

use crate::World;
use crate::recorder::Subject;

pub use memory::Memory;
pub use settings::Settings;

/// Quick at first, since most failures are conflicts; then slow, without an end (RL §6: the peer gives up after 155 ms). An API
/// server that was away is found again within half a minute.
const BACKOFF: Backoff = Backoff {
    first: GoDuration::from_nanoseconds(50_000_000),
    factor: 2.0,
    cap: GoDuration::from_seconds(30),
    jitter: 0.1,
};

/// A workload as events are told on it.
fn subject(workload: &Workload) -> Subject {
    Subject { at: workload.address(), uid: workload.uid.clone(), resource_version: workload.resource_version.clone() }
}

/// Something odd about an object's annotations, told on it once a process.
fn warn(w: &World, component: &'static str, subject: &Subject, sentence: String) {
    if Memory::of(w.shared()).is_news(&subject.uid, &sentence) {
        tracing::warn!(object = %subject.at.object(), "{sentence}");
        w.tell_alone(component, subject, Event::warning("InvalidAnnotation", sentence));
    }
}
