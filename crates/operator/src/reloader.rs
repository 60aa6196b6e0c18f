//! Reloader: two kinds of rows. A source row (ConfigMaps, Secrets) finds out what changed and whom it concerns; a workload row
//! (one per kind) edits. The causes lie between them, so that here is coalescing, retry and pause: what happened to one
//! resource last wins, and one failing workload stops no other. Specification: RL §5–§17; design §11.2.

pub mod settings;
pub mod source;
pub mod workload;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::reload::ResourceKind;
use base::duration::GoDuration;
use plan::Event;
use plan::backoff::Backoff;
use plan::reload::{Cause, Kind, Workload};

use crate::World;
use crate::cache::Name;
use crate::queue::Enqueue;
use crate::shared::Shared;

pub use settings::Settings;

/// Quick at first, since most failures are conflicts; then slow, without an end (RL §6: the peer gives up after 155 ms).
const BACKOFF: Backoff = Backoff {
    first: GoDuration::from_nanoseconds(50_000_000),
    factor: 3.0,
    cap: GoDuration::from_seconds(120),
    jitter: 0.1,
};

/// What happened to resources that no pass has looked at yet, and why workloads are to be edited. Lost with the process;
/// the marks on the workloads tell a new one what it missed.
#[derive(Default)]
pub struct Memory {
    happened: Mutex<HashMap<(ResourceKind, Name), source::Event>>,
    failed: Mutex<std::collections::HashSet<(ResourceKind, Name)>>,
    following: Mutex<HashMap<Arc<str>, usize>>,
    causes: Mutex<HashMap<(Kind, Name), Vec<Cause>>>,
    rows: Mutex<HashMap<Kind, Enqueue>>,
    told: Mutex<std::collections::HashSet<(String, String)>>,
    half_made: Mutex<HashMap<Name, plan::Write>>,
}

impl Memory {
    /// The memory of a process.
    pub fn of(shared: &Shared) -> Arc<Self> {
        shared.memory()
    }

    /// Notes what happened to a resource; what was noted before counts with it.
    fn note(&self, kind: ResourceKind, name: Name, event: source::Event) {
        let mut failed = lock(&self.failed);
        let mut happened = lock(&self.happened);
        let merged = happened.get(&(kind, name.clone())).map_or(event, |before| before.then(event));
        failed.remove(&(kind, name.clone()));
        happened.insert((kind, name), merged);
    }

    /// Notes a resource whose pass failed and will be tried again; what happened to it meanwhile counts more.
    fn note_failed(&self, kind: ResourceKind, name: Name, event: source::Event) {
        let key = (kind, name);
        let mut failed = lock(&self.failed);
        let mut happened = lock(&self.happened);
        if !happened.contains_key(&key) {
            happened.insert(key.clone(), event);
            failed.insert(key);
        }
    }

    /// Whether something that changed in the namespace is not followed to its workloads yet. Neither what was there at the
    /// start nor what failed is waited for.
    fn is_arriving(&self, namespace: &str) -> bool {
        if lock(&self.following).contains_key(namespace) {
            return true;
        }
        let failed = lock(&self.failed);
        lock(&self.happened)
            .iter()
            .any(|(key, event)| *key.1.0 == *namespace && *event != source::Event::Initial && !failed.contains(key))
    }

    /// A resource is being followed to its workloads, until the answer is dropped.
    fn follow(self: &Arc<Self>, namespace: &Arc<str>) -> Following {
        *lock(&self.following).entry(Arc::clone(namespace)).or_default() += 1;
        Following { memory: Arc::clone(self), namespace: Arc::clone(namespace) }
    }

    /// Wakes the workloads of a namespace that have causes.
    fn wake(&self, namespace: &str) {
        let waiting: Vec<(Kind, Name)> =
            lock(&self.causes).keys().filter(|(_, name)| *name.0 == *namespace).cloned().collect();
        let rows = lock(&self.rows);
        for (kind, name) in waiting {
            if let Some(row) = rows.get(&kind) {
                row.add(name, crate::queue::Lane::Changed);
            }
        }
    }

    fn take(&self, kind: ResourceKind, name: &Name) -> Option<source::Event> {
        lock(&self.happened).remove(&(kind, name.clone()))
    }

    /// Adds a cause and wakes the workload's row; an earlier cause of the same resource is replaced.
    fn hit(&self, kind: Kind, name: Name, cause: Cause) {
        {
            let mut all = lock(&self.causes);
            let causes = all.entry((kind, name.clone())).or_default();
            causes.retain(|old| (old.kind, &old.name) != (cause.kind, &cause.name));
            causes.push(cause);
        }
        if let Some(row) = lock(&self.rows).get(&kind) {
            row.add(name, crate::queue::Lane::Changed);
        }
    }

    fn causes(&self, kind: Kind, name: &Name) -> Vec<Cause> {
        lock(&self.causes).get(&(kind, name.clone())).cloned().unwrap_or_default()
    }

    /// Forgets causes that were carried out; one that was replaced meanwhile stays.
    fn settle(&self, kind: Kind, name: &Name, done: &[Cause]) {
        let mut all = lock(&self.causes);
        if let Some(causes) = all.get_mut(&(kind, name.clone())) {
            causes.retain(|cause| !done.contains(cause));
            if causes.is_empty() {
                all.remove(&(kind, name.clone()));
            }
        }
    }

    /// Whether a sentence about a workload is new; each is told once a process.
    fn is_news(&self, uid: &str, sentence: &str) -> bool {
        lock(&self.told).insert((uid.to_owned(), sentence.to_owned()))
    }
}

/// Stands while a resource is followed to its workloads. With the last one of a namespace, what waited for it goes ahead.
struct Following {
    memory: Arc<Memory>,
    namespace: Arc<str>,
}

impl Drop for Following {
    fn drop(&mut self) {
        {
            let mut following = lock(&self.memory.following);
            if let Some(count) = following.get_mut(&self.namespace) {
                *count -= 1;
                if *count == 0 {
                    following.remove(&self.namespace);
                }
            }
        }
        if !self.memory.is_arriving(&self.namespace) {
            self.memory.wake(&self.namespace);
        }
    }
}

/// Something odd about a workload's annotations, told on it once.
fn warn(w: &World, workload: &Workload, sentence: String) {
    if Memory::of(w.shared()).is_news(&workload.uid, &sentence) {
        let subject = crate::recorder::Subject {
            at: workload.address(),
            uid: workload.uid.clone(),
            resource_version: workload.resource_version.clone(),
        };
        w.tell(ResourceKind::ConfigMap.component(), &subject, Event::warning("InvalidAnnotation", sentence));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
