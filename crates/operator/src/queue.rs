//! The work queue of one feature: keys in four lanes, timers, and what client-go's queue promises – a key is never worked on
//! twice at once, and a change during the work brings it back. Lanes exist so that a new object does not wait behind
//! ten thousand that are merely due (weights 8:4:2:1, design §11.4).
//! Not here: how long to wait after a failure (`plan::backoff`), and what the work is (`driver`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cache::{Caches, Changed, Kept, Name};

/// One object of one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The row, by its place in the feature.
    pub row: usize,
    /// The object's namespace, empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// The object's name.
    pub name: Arc<str>,
}

/// Why a key waits; the first is served most often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Something changed.
    Changed,
    /// It failed before.
    Retry,
    /// Its time has come.
    Due,
    /// We have just started.
    Startup,
}

/// How many keys of each lane are served in one round.
const WEIGHTS: [u32; 4] = [8, 4, 2, 1];

/// A key taken out of the queue.
#[derive(Clone, Debug)]
pub struct Work {
    /// The object.
    pub key: Key,
    /// How often in a row it has failed before.
    pub failures: u32,
    /// Why it is worked on.
    pub lane: Lane,
}

/// How the work on a key ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Well; nothing to do until something changes.
    Settled,
    /// Well; come again at that moment.
    At(Instant),
    /// Badly; come again at that moment.
    RetryAt(Instant),
}

#[derive(Default)]
struct Item {
    queued: Option<Lane>,
    running: bool,
    again: Option<Lane>,
    failures: u32,
    timer: Option<(Instant, u64)>,
}

#[derive(Default)]
struct State {
    lanes: [VecDeque<Key>; 4],
    credits: [u32; 4],
    items: HashMap<Key, Item>,
    timers: BTreeMap<(Instant, u64), (Key, Lane)>,
    sequence: u64,
    closed: bool,
    running: usize,
}

enum Look {
    Closed,
    Work(Work),
    Wait(Option<Instant>),
}

/// The queue.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    wake: Notify,
    idle: Notify,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key now. One that is being worked on comes back afterwards; one that waits moves to the better lane.
    pub fn add(&self, key: Key, lane: Lane) {
        let mut state = self.state();
        state.enqueue(key, lane);
        drop(state);
        self.wake.notify_one();
    }

    /// The next key to work on; `None` once the queue is closed.
    pub async fn next(&self) -> Option<Work> {
        loop {
            let until = match self.look() {
                Look::Closed => return None,
                Look::Work(work) => return Some(work),
                Look::Wait(until) => until,
            };
            match until {
                Some(moment) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep_until(moment) => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    /// What there is to do at this moment.
    fn look(&self) -> Look {
        let mut state = self.state();
        if state.closed {
            return Look::Closed;
        }
        state.ripen(Instant::now());
        let Some(work) = state.take() else {
            return Look::Wait(state.timers.keys().next().map(|(moment, _)| *moment));
        };
        if state.lanes.iter().any(|lane| !lane.is_empty()) {
            // There is more: another worker may be asleep.
            self.wake.notify_one();
        }
        Look::Work(work)
    }

    /// Ends the work on a key.
    pub fn done(&self, key: &Key, outcome: Outcome) {
        let mut state = self.state();
        state.running = state.running.saturating_sub(1);
        let Some(item) = state.items.get_mut(key) else { return };
        item.running = false;
        let again = item.again.take();
        match outcome {
            Outcome::Settled | Outcome::At(_) => item.failures = 0,
            Outcome::RetryAt(_) => item.failures = item.failures.saturating_add(1),
        }
        match outcome {
            Outcome::Settled => state.clear_timer(key),
            Outcome::At(moment) => state.set_timer(key.clone(), moment, Lane::Due),
            Outcome::RetryAt(moment) => state.set_timer(key.clone(), moment, Lane::Retry),
        }
        if let Some(lane) = again {
            state.enqueue(key.clone(), lane);
        }
        state.forget_if_idle(key);
        drop(state);
        self.wake.notify_one();
        self.idle.notify_waiters();
    }

    /// Closes the queue: `next` answers `None` from now on.
    pub fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
        self.idle.notify_waiters();
    }

    /// How many keys wait to be worked on now, timers not counted.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.state().lanes.iter().map(VecDeque::len).sum()
    }

    /// How many keys are worked on now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.state().running
    }

    /// Waits until no key waits and none is worked on; timers are ignored (`render`, tests).
    pub async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            {
                let state = self.state();
                if state.running == 0 && state.lanes.iter().all(VecDeque::is_empty) {
                    return;
                }
            }
            notified.await;
        }
    }

    /// Waits until none is worked on: after `close`, nothing new begins.
    pub async fn drained(&self) {
        loop {
            let notified = self.idle.notified();
            if self.state().running == 0 {
                return;
            }
            notified.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock panics; a poisoned lock would still hold a sound state.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Puts keys of one row into the feature's queue; listeners of caches hold one.
#[derive(Clone)]
pub struct Enqueue {
    queue: Arc<Queue>,
    row: usize,
}

impl Enqueue {
    /// The way into a queue for the row at this place of its feature.
    #[must_use]
    pub fn new(queue: Arc<Queue>, row: usize) -> Self {
        Self { queue, row }
    }

    /// An object of the row has work.
    pub fn add(&self, (namespace, name): Name, lane: Lane) {
        self.queue.add(Key { row: self.row, namespace, name }, lane);
    }

    /// Listens to the row's own kind: new and deleted objects always have work, changed ones if `triggers` says so.
    pub fn own<T: Kept>(&self, caches: &Caches, triggers: fn(&T, &T) -> bool) {
        let enqueue = self.clone();
        caches.store::<T>().listen(move |changed: &Changed<T>| {
            let lane = if changed.is_initial { Lane::Startup } else { Lane::Changed };
            let matters = match (&changed.before, &changed.after) {
                (Some(before), Some(after)) => triggers(before, after),
                _ => true,
            };
            if matters {
                enqueue.add(changed.name.clone(), lane);
            }
        });
    }
}

impl State {
    fn enqueue(&mut self, key: Key, lane: Lane) {
        let item = self.items.entry(key.clone()).or_default();
        if item.running {
            item.again = Some(item.again.map_or(lane, |old| old.min(lane)));
            return;
        }
        match item.queued {
            Some(old) if old <= lane => {}
            Some(old) => {
                item.queued = Some(lane);
                // Rare (a waiting startup or due key changes), and the lane it leaves is rarely long.
                self.lanes[old as usize].retain(|waiting| *waiting != key);
                self.lanes[lane as usize].push_back(key);
            }
            None => {
                item.queued = Some(lane);
                self.lanes[lane as usize].push_back(key);
            }
        }
    }

    fn set_timer(&mut self, key: Key, moment: Instant, lane: Lane) {
        self.sequence += 1;
        let stamp = (moment, self.sequence);
        let item = self.items.entry(key.clone()).or_default();
        if let Some(old) = item.timer {
            self.timers.remove(&old);
        }
        item.timer = Some(stamp);
        self.timers.insert(stamp, (key, lane));
    }

    fn clear_timer(&mut self, key: &Key) {
        if let Some(stamp) = self.items.get_mut(key).and_then(|item| item.timer.take()) {
            self.timers.remove(&stamp);
        }
    }

    /// Moves keys whose moment has come into their lanes.
    fn ripen(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (key, lane) = entry.remove();
            if let Some(item) = self.items.get_mut(&key) {
                item.timer = None;
            }
            self.enqueue(key, lane);
        }
    }

    /// The next key by weighted rounds: a lane gives as many keys a round as it has credits.
    fn take(&mut self) -> Option<Work> {
        for round in 0..2 {
            for lane in 0..self.lanes.len() {
                if self.credits[lane] == 0 || self.lanes[lane].is_empty() {
                    continue;
                }
                self.credits[lane] -= 1;
                return self.lanes[lane].pop_front().map(|key| self.start(key));
            }
            if round == 0 {
                self.credits = WEIGHTS;
            }
        }
        None
    }

    fn start(&mut self, key: Key) -> Work {
        self.running += 1;
        self.clear_timer(&key);
        let item = self.items.entry(key.clone()).or_default();
        item.running = true;
        let lane = item.queued.take().unwrap_or(Lane::Changed);
        Work { key, failures: item.failures, lane }
    }

    /// Keys that nobody waits for cost no memory.
    fn forget_if_idle(&mut self, key: &Key) {
        let idle = |item: &Item| item.queued.is_none() && !item.running && item.timer.is_none() && item.failures == 0;
        if self.items.get(key).is_some_and(idle) {
            self.items.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
