//! Leases and certificates that were superseded and are still to be ended: by the pass after the one that told of their successor,
//! so that an operator killed in between leaves a status that is true. Lost with the process; they end by themselves.
//! Specification: VSO §7.4.6, §7.5, §22 row 8.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use base::{Fault, Kind, Timestamp};
use plan::issued::{Issues, revokes_again};
use plan::{Event, Finish, Next};

use super::Failures;
use crate::World;
use crate::cache::{Name, name_of};

/// The memory, of one kind.
pub struct Superseded<O> {
    all: Mutex<HashMap<Name, Vec<String>>>,
    kind: PhantomData<fn(O)>,
}

impl<O> Default for Superseded<O> {
    fn default() -> Self {
        Self { all: Mutex::default(), kind: PhantomData }
    }
}

impl<O: Issues> Superseded<O> {
    /// Notes what an object no longer uses.
    pub fn add(&self, o: &O, id: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = all.entry(name_of(o.meta())).or_default();
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }

    /// What an object no longer uses; the caller ends it, or adds it again.
    pub fn take(&self, o: &O) -> Vec<String> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&name_of(o.meta())).unwrap_or_default()
    }

    /// Forgets an object.
    pub fn forget(&self, name: &Name) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// Has Vault end something of an object's.
pub(crate) async fn revoke<O: Issues>(w: &World, o: &O, id: &str) -> Result<(), Fault> {
    match super::ask_in_time(w, o, o.revocation(id)).await {
        Err(fault) if fault.kind() == Kind::Dry => Err(fault),
        answer => O::revoked(id, answer),
    }
}

/// What became of what was superseded.
#[derive(Default)]
pub(crate) struct Endings {
    told: Vec<Event>,
    again: Option<Timestamp>,
}

impl Endings {
    /// Lays it over the end of the pass.
    pub(crate) fn over(self, mut finish: Finish) -> Finish {
        finish.events.splice(0..0, self.told);
        finish.next = match (self.again, finish.next) {
            (Some(again), Next::At(next)) => Next::At(again.min(next)),
            (Some(again), Next::Settled) => Next::At(again),
            (_, next) => next,
        };
        finish
    }
}

/// Ends what was superseded, where the status tells of something else by now. What fails is told, and tried again a few times,
/// counted under `row`.
pub(crate) async fn end_superseded<O: Issues + 'static>(w: &World, o: &O, row: &'static str) -> Endings {
    if w.is_dry() {
        return Endings::default();
    }
    let superseded = w.memory::<Superseded<O>>();
    let (standing, ended): (Vec<_>, Vec<_>) =
        superseded.take(o).into_iter().partition(|id| o.issued_id() == Some(id.as_str()));
    standing.iter().for_each(|id| superseded.add(o, id));
    if ended.is_empty() {
        return Endings::default();
    }
    let (mut endings, mut failed) = (Endings::default(), Vec::new());
    for id in ended {
        if let Err(fault) = revoke(w, o, &id).await {
            endings.told.push(O::not_revoked(&fault));
            failed.push(id);
        }
    }
    let (failures, name) = (w.memory::<Failures>(), name_of(o.meta()));
    endings.again = match failed.is_empty() {
        true => None,
        false => revokes_again(failures.count(row, name.clone()), w.now()),
    };
    match endings.again {
        Some(_) => failed.iter().for_each(|id| superseded.add(o, id)),
        None => failures.forget(row, name),
    }
    endings
}
