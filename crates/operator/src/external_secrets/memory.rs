//! What a row knows of its objects and may lose with the process. An object that is made again under its name begins anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cache::{Name, name_of};

/// What is known, by object; it goes when the object goes.
pub(super) struct Memory<T>(Mutex<HashMap<Name, Known<T>>>);

struct Known<T> {
    uid: String,
    of: T,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Memory<T> {
    /// What is known of an object; nothing where that was another of its name.
    pub fn of<K: kube::Resource, A>(&self, o: &K, look: impl FnOnce(&T) -> A) -> Option<A> {
        let all = self.lock();
        all.get(&name_of(o.meta())).filter(|known| known.uid == uid(o)).map(|known| look(&known.of))
    }

    /// Learns something of an object.
    pub fn note<K: kube::Resource>(&self, o: &K, learn: impl FnOnce(&mut T)) {
        let mut all = self.lock();
        let known = all.entry(name_of(o.meta())).or_insert_with(|| Known { uid: uid(o).to_owned(), of: T::default() });
        if known.uid != uid(o) {
            *known = Known { uid: uid(o).to_owned(), of: T::default() };
        }
        learn(&mut known.of);
    }

    /// Forgets an object that is gone; what was known of it.
    pub fn forget(&self, namespace: &str, name: &str) -> Option<T> {
        self.lock().remove(&(namespace.into(), name.into())).map(|known| known.of)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Known<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn uid<K: kube::Resource>(o: &K) -> &str {
    o.meta().uid.as_deref().unwrap_or_default()
}
