//! What Reloader's rows know of each other: what happened to resources that no pass has looked at yet, and why workloads are
//! to be edited. Lost with the process; the marks on the workloads tell a new one what it missed. Specification: RL §6, §14, §17.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use api::reload::ResourceKind;
use base::Timestamp;
use plan::reload::rate::{Limit, Used};
use plan::reload::{Cause, Kind};
use prometheus::Registry;
use tokio::sync::watch;
use tokio::time::Instant;

use super::counts::Counts;
use crate::cache::Name;
use crate::queue::{Enqueue, Lane};
use crate::shared::Shared;

/// What happened to a resource, as the cache saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It was there when we started.
    Initial,
    /// It was there when we started, and that counts as new.
    Replayed,
    /// It is new.
    Created,
    /// Its data changed.
    Updated,
    /// It is gone, and this is what it said of itself.
    Deleted {
        /// That it never reloads anything.
        is_ignored: bool,
        /// That it is eligible for search mode.
        is_match: bool,
    },
}

impl Event {
    /// Two events that no pass has looked at in between, as one.
    fn then(self, later: Self) -> Self {
        match (self, later) {
            (Self::Created, Self::Updated) => Self::Created,
            (_, later) => later,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Initial | Self::Replayed | Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted { .. } => "deleted",
        }
    }
}

/// The memory of a process.
#[derive(Default)]
pub struct Memory {
    arrivals: Mutex<Arrivals>,
    causes: Mutex<HashMap<(Kind, Name), Vec<Cause>>>,
    rows: Mutex<HashMap<Kind, Enqueue>>,
    told: Mutex<HashSet<(String, String)>>,
    half_made: Mutex<HashMap<Name, plan::Write>>,
    rolled: Mutex<HashMap<(Kind, Name), Vec<Cause>>>,
    restarts: Mutex<HashMap<(Kind, Name), Restarts>>,
    unlisted: Mutex<HashSet<Kind>>,
    leads: OnceLock<watch::Receiver<bool>>,
    counts: OnceLock<Counts>,
}

/// How often a workload restarted lately.
#[derive(Clone, Copy, Debug)]
struct Restarts {
    used: Used,
    /// Whether it was told that it is held back.
    is_told: bool,
}

/// From so many workloads on, those that have calmed down are forgotten now and then.
const SWEEP_FROM: usize = 1024;

/// What happened to a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    pub event: Event,
    /// When it was first seen.
    pub at: Instant,
    /// Whether this process was the one to act on it.
    pub was_leading: bool,
    has_failed: bool,
}

impl Noted {
    /// Whether workloads wait for it to be followed: neither what was there at the start nor what failed is waited for.
    fn is_awaited(&self) -> bool {
        self.event != Event::Initial && !self.has_failed
    }
}

#[derive(Default)]
struct Arrivals {
    noted: HashMap<(ResourceKind, Name), Noted>,
    /// How many of a namespace are awaited: noted and not taken, or taken and not followed to their workloads yet.
    awaited: HashMap<Arc<str>, usize>,
}

impl Arrivals {
    fn put(&mut self, key: (ResourceKind, Name), noted: Noted) {
        let namespace = Arc::clone(&key.1.0);
        let before = self.noted.insert(key, noted);
        if noted.is_awaited() {
            self.expect(&namespace);
        }
        if before.is_some_and(|before| before.is_awaited()) {
            self.arrive(&namespace);
        }
    }

    fn take(&mut self, key: &(ResourceKind, Name)) -> Option<Noted> {
        let noted = self.noted.remove(key)?;
        if noted.is_awaited() {
            self.arrive(&key.1.0);
        }
        Some(noted)
    }

    fn expect(&mut self, namespace: &Arc<str>) {
        *self.awaited.entry(Arc::clone(namespace)).or_default() += 1;
    }

    fn arrive(&mut self, namespace: &Arc<str>) {
        if let Some(count) = self.awaited.get_mut(namespace) {
            *count -= 1;
            if *count == 0 {
                self.awaited.remove(namespace);
            }
        }
    }
}

impl Memory {
    /// The memory of a process.
    pub fn of(shared: &Shared) -> Arc<Self> {
        shared.memory()
    }

    /// The counters. A process that never set any counts where nobody looks.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        self.counts.get_or_init(|| Counts::new(&Registry::new(), false))
    }

    /// Counts here from now on.
    pub fn count_with(&self, counts: Counts) {
        let _ = self.counts.set(counts);
    }

    /// From now on it is known who acts; without this, we do.
    pub fn lead_by(&self, leads: watch::Receiver<bool>) {
        let _ = self.leads.set(leads);
    }

    /// Notes what happened to a resource; what was noted before counts with it.
    pub(super) fn note(&self, kind: ResourceKind, name: Name, event: Event) {
        let was_leading = self.leads.get().is_none_or(|leads| *leads.borrow());
        let mut arrivals = lock(&self.arrivals);
        let key = (kind, name);
        let before = arrivals.noted.get(&key).copied();
        let event = before.map_or(event, |before| before.event.then(event));
        let at = before.map_or_else(Instant::now, |before| before.at);
        let noted = Noted { event, at, was_leading, has_failed: false };
        arrivals.put(key, noted);
        if noted.is_awaited() {
            self.counts().queued(arrivals.noted.len());
        }
    }

    /// Notes a resource whose pass failed and will be tried again; what happened to it meanwhile counts more.
    pub(super) fn note_failed(&self, kind: ResourceKind, name: Name, noted: Noted) {
        let mut arrivals = lock(&self.arrivals);
        let key = (kind, name);
        if !arrivals.noted.contains_key(&key) {
            arrivals.put(key, Noted { has_failed: true, ..noted });
        }
    }

    /// Takes what happened to a resource, to follow it to its workloads until the answer is dropped.
    pub(super) fn take(self: &Arc<Self>, kind: ResourceKind, name: &Name) -> Option<(Noted, Following)> {
        let mut arrivals = lock(&self.arrivals);
        // Expected before it is taken: there is no moment at which nobody waits for it.
        arrivals.expect(&name.0);
        let following = Following { memory: Arc::clone(self), namespace: Arc::clone(&name.0), hits: Mutex::default() };
        let noted = arrivals.take(&(kind, name.clone()));
        let depth = arrivals.noted.len();
        drop(arrivals);
        let noted = noted?;
        if noted.is_awaited() {
            self.counts().begun(depth, noted.at.elapsed());
        }
        Some((noted, following))
    }

    /// Whether something that changed in the namespace is not followed to its workloads yet.
    pub(super) fn is_arriving(&self, namespace: &str) -> bool {
        lock(&self.arrivals).awaited.contains_key(namespace)
    }

    /// Wakes the workloads of a namespace that have causes.
    fn wake(&self, namespace: &str) {
        let waiting: Vec<(Kind, Name)> =
            lock(&self.causes).keys().filter(|(_, name)| *name.0 == *namespace).cloned().collect();
        self.queue(waiting);
    }

    fn queue(&self, workloads: Vec<(Kind, Name)>) {
        let rows = lock(&self.rows);
        for (kind, name) in workloads {
            if let Some(row) = rows.get(&kind) {
                row.add(name, Lane::Changed);
            }
        }
    }

    /// Looks at a workload though nothing has changed.
    pub(super) fn look_at(&self, kind: Kind, name: Name) {
        self.queue(vec![(kind, name)]);
    }

    /// Where workloads of this kind are queued.
    pub(super) fn add_row(&self, kind: Kind, row: Enqueue) {
        lock(&self.rows).insert(kind, row);
    }

    pub(super) fn causes(&self, kind: Kind, name: &Name) -> Vec<Cause> {
        lock(&self.causes).get(&(kind, name.clone())).cloned().unwrap_or_default()
    }

    /// Forgets causes that were carried out; one that was replaced meanwhile stays.
    pub(super) fn settle(&self, kind: Kind, name: &Name, done: &[Cause]) {
        let mut all = lock(&self.causes);
        if let Some(causes) = all.get_mut(&(kind, name.clone())) {
            causes.retain(|cause| !done.contains(cause));
            if causes.is_empty() {
                all.remove(&(kind, name.clone()));
            }
        }
    }

    /// A workload was rolled for these. Only SecretProviderClasses are remembered: each of a workload's pods tells of the same
    /// change, and the annotation that says so may be another resource's by then (RL §12).
    pub(super) fn remember_rolled(&self, kind: Kind, name: &Name, done: &[Cause]) {
        for cause in done.iter().filter(|cause| cause.kind == ResourceKind::SecretProviderClass) {
            let mut all = lock(&self.rolled);
            let rolled = all.entry((kind, name.clone())).or_default();
            rolled.retain(|old| old.name != cause.name);
            rolled.push(cause.clone());
        }
    }

    /// Whether a workload was rolled for this state of a SecretProviderClass last.
    pub(super) fn was_rolled(&self, kind: Kind, name: &Name, cause: &Cause) -> bool {
        let all = lock(&self.rolled);
        let rolled = all.get(&(kind, name.clone())).into_iter().flatten();
        rolled.into_iter().any(|old| old.name == cause.name && old.happened == cause.happened)
    }

    /// A workload restarted at `now`.
    pub(super) fn use_restart(&self, kind: Kind, name: &Name, limit: &Limit, now: Timestamp) {
        let mut all = lock(&self.restarts);
        let before = all.get(&(kind, name.clone())).copied();
        let is_told = before.is_some_and(|before| before.is_told && !limit.is_over(before.used, now));
        let used = limit.use_one(before.map(|before| before.used), now);
        if all.len() >= SWEEP_FROM && all.len().is_power_of_two() {
            all.retain(|_, restarts| !limit.is_over(restarts.used, now));
        }
        all.insert((kind, name.clone()), Restarts { used, is_told });
    }

    /// Until when a workload may not restart, and whether that is news.
    pub(super) fn wait(&self, kind: Kind, name: &Name, limit: &Limit, now: Timestamp) -> Option<(Timestamp, bool)> {
        let mut all = lock(&self.restarts);
        let restarts = all.get_mut(&(kind, name.clone()))?;
        let until = limit.wait(Some(restarts.used), now)?;
        Some((until, !std::mem::replace(&mut restarts.is_told, true)))
    }

    /// A workload is gone. A Job's restarts are remembered: to be gone and made again is what they consist of.
    pub(super) fn forget_workload(&self, kind: Kind, name: &Name) {
        lock(&self.rolled).remove(&(kind, name.clone()));
        if kind != Kind::Job {
            lock(&self.restarts).remove(&(kind, name.clone()));
        }
    }

    /// A Job was deleted and is to be made by this write.
    pub(super) fn begin_job(&self, name: Name, create: plan::Write) {
        lock(&self.half_made).insert(name, create);
    }

    pub(super) fn half_made_job(&self, name: &Name) -> Option<plan::Write> {
        lock(&self.half_made).get(name).cloned()
    }

    pub(super) fn end_job(&self, name: &Name) {
        lock(&self.half_made).remove(name);
    }

    /// Notes whether a kind of workload can be listed; answers whether that is news.
    pub(super) fn note_listed(&self, kind: Kind, can_be: bool) -> bool {
        let mut unlisted = lock(&self.unlisted);
        if can_be { unlisted.remove(&kind) } else { unlisted.insert(kind) }
    }

    /// Whether a kind of workload could not be listed when it was last needed.
    pub(super) fn is_unlisted(&self, kind: Kind) -> bool {
        lock(&self.unlisted).contains(&kind)
    }

    /// Whether a sentence about an object is new; each is told once a process.
    pub(super) fn is_news(&self, uid: &str, sentence: &str) -> bool {
        lock(&self.told).insert((uid.to_owned(), sentence.to_owned()))
    }
}

/// Stands while a resource is followed to its workloads. With its end they are queued; with the end of the last one of a
/// namespace, all that waited for it.
pub(super) struct Following {
    memory: Arc<Memory>,
    namespace: Arc<str>,
    hits: Mutex<Vec<(Kind, Name)>>,
}

impl Following {
    /// A workload has a cause; an earlier cause of the same resource is replaced.
    pub(super) fn hit(&self, kind: Kind, name: Name, cause: Cause) {
        let mut all = lock(&self.memory.causes);
        let causes = all.entry((kind, name.clone())).or_default();
        causes.retain(|old| (old.kind, &old.name) != (cause.kind, &cause.name));
        causes.push(cause);
        lock(&self.hits).push((kind, name));
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        lock(&self.memory.arrivals).arrive(&self.namespace);
        if self.memory.is_arriving(&self.namespace) {
            self.memory.queue(std::mem::take(&mut *lock(&self.hits)));
        } else {
            self.memory.wake(&self.namespace);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_is_awaited_until_it_is_followed() {
        let memory = Arc::new(Memory::default());
        let name = |text: &str| -> Name { ("demo".into(), text.into()) };
        let kind = ResourceKind::Secret;
        memory.note(kind, name("old"), Event::Initial);
        assert!(!memory.is_arriving("demo"), "what was there at the start is not waited for");
        memory.note(kind, name("a"), Event::Updated);
        memory.note(kind, name("a"), Event::Updated);
        memory.note(kind, name("b"), Event::Updated);
        let (noted, first) = memory.take(kind, &name("a")).expect("it was noted");
        let (_, second) = memory.take(kind, &name("b")).expect("it was noted");
        assert!(memory.take(kind, &name("a")).is_none() && memory.is_arriving("demo"));
        drop(first);
        assert!(memory.is_arriving("demo"), "the other is not followed yet");
        drop(second);
        assert!(!memory.is_arriving("demo"));
        memory.note_failed(kind, name("a"), noted);
        assert!(!memory.is_arriving("demo"), "a failed one holds nobody up");
        memory.note(kind, name("a"), Event::Updated);
        assert!(memory.is_arriving("demo"));
    }

    #[test]
    fn what_a_standby_saw_is_known_as_such() {
        let memory = Arc::new(Memory::default());
        let leads = watch::Sender::new(false);
        memory.lead_by(leads.subscribe());
        let name: Name = ("demo".into(), "a".into());
        memory.note(ResourceKind::Secret, name.clone(), Event::Updated);
        leads.send_replace(true);
        assert!(memory.take(ResourceKind::Secret, &name).is_some_and(|(noted, _)| !noted.was_leading));
        memory.note(ResourceKind::Secret, name.clone(), Event::Updated);
        assert!(memory.take(ResourceKind::Secret, &name).is_some_and(|(noted, _)| noted.was_leading));
    }
}
