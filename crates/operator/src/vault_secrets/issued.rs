//! What this process has issued and no status tells of yet, and on what it issued what statuses tell of. Values are kept only from
//! the answer until the status is written. Lost with the process; statuses hold all that must not be lost.
//! Specification: VSO §7.4.2 (Field reports), §22 row 6.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use plan::basis::{Basis, Change};
use plan::issued::{Issued, Issues};

use crate::cache::{Name, name_of};

/// The memory, of one kind.
pub struct AllIssued<O> {
    all: Mutex<HashMap<Name, Known>>,
    kind: PhantomData<fn(O)>,
}

impl<O> Default for AllIssued<O> {
    fn default() -> Self {
        Self { all: Mutex::default(), kind: PhantomData }
    }
}

#[derive(Default)]
struct Known {
    uid: String,
    basis: Option<Basis>,
    untold: Option<Issued>,
}

impl<O: Issues> AllIssued<O> {
    /// What has changed for an object since its credentials were issued.
    #[must_use]
    pub fn change(&self, o: &O, basis: &Basis) -> Change {
        self.with(o, |known| basis.change(known.basis.as_ref()))
    }

    /// Notes on what an object's credentials were issued, if that is not known.
    pub fn note(&self, o: &O, basis: Basis) {
        self.with(o, |known| known.basis.get_or_insert(basis).to_owned());
    }

    /// The answer that no status tells of yet, if there is one.
    #[must_use]
    pub fn untold(&self, o: &O) -> Option<Issued> {
        self.with(o, |known| {
            known.untold.take_if(|issued| issued.is_told(o));
            known.untold.clone()
        })
    }

    /// The answer that came too late: the status tells of another operator's. On what that was issued is not known.
    #[must_use]
    pub fn lost(&self, o: &O) -> Option<Issued> {
        self.with(o, |known| {
            let lost = known.untold.take_if(|issued| issued.has_lost(o));
            if lost.is_some() {
                known.basis = None;
            }
            lost
        })
    }

    /// Keeps an answer until a status tells of it.
    pub fn keep(&self, o: &O, issued: Issued) {
        self.with(o, |known| known.untold = Some(issued));
    }

    /// Forgets the answer that no status tells of.
    pub fn drop_untold(&self, o: &O) {
        self.with(o, |known| known.untold = None);
    }

    /// The credentials are written: on this basis.
    pub fn written(&self, o: &O, basis: Basis) {
        self.with(o, |known| known.basis = Some(basis));
    }

    /// Forgets an object.
    pub fn forget(&self, name: &Name) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn with<T>(&self, o: &O, then: impl FnOnce(&mut Known) -> T) -> T {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(name_of(o.meta())).or_default();
        let uid = o.meta().uid.as_deref().unwrap_or_default();
        if known.uid != uid {
            *known = Known { uid: uid.to_owned(), ..Known::default() };
        }
        then(known)
    }
}
