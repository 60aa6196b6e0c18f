//! What this process has issued and no status tells of yet, and on what it issued what statuses tell of. Values are kept only from
//! the answer until the status is written. Lost with the process; statuses hold all that must not be lost.
//! Specification: VSO §7.4.2 (Field reports), §22 row 6.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api::VaultDynamicSecret;
use plan::vault_dynamic_secret::Issued;
use plan::vault_dynamic_secret::basis::{Basis, Change};

use crate::cache::{Name, name_of};

/// The memory.
#[derive(Default)]
pub struct AllIssued(Mutex<HashMap<Name, Known>>);

#[derive(Default)]
struct Known {
    uid: String,
    basis: Option<Basis>,
    untold: Option<Issued>,
}

impl AllIssued {
    /// What has changed for an object since its credentials were issued.
    #[must_use]
    pub fn change(&self, o: &VaultDynamicSecret, basis: &Basis) -> Change {
        self.with(o, |known| basis.change(known.basis.as_ref()))
    }

    /// Notes on what an object's credentials were issued, if that is not known.
    pub fn note(&self, o: &VaultDynamicSecret, basis: Basis) {
        self.with(o, |known| known.basis.get_or_insert(basis).to_owned());
    }

    /// The answer that no status tells of yet, if there is one.
    #[must_use]
    pub fn untold(&self, o: &VaultDynamicSecret) -> Option<Issued> {
        self.with(o, |known| {
            known.untold.take_if(|issued| issued.is_told(o));
            known.untold.clone()
        })
    }

    /// Keeps an answer until a status tells of it.
    pub fn keep(&self, o: &VaultDynamicSecret, issued: Issued) {
        self.with(o, |known| known.untold = Some(issued));
    }

    /// Forgets the answer that no status tells of.
    pub fn drop_untold(&self, o: &VaultDynamicSecret) {
        self.with(o, |known| known.untold = None);
    }

    /// The credentials are written: on this basis.
    pub fn written(&self, o: &VaultDynamicSecret, basis: Basis) {
        self.with(o, |known| known.basis = Some(basis));
    }

    /// Forgets an object.
    pub fn forget(&self, name: &Name) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn with<T>(&self, o: &VaultDynamicSecret, then: impl FnOnce(&mut Known) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(name_of(&o.metadata)).or_default();
        let uid = o.metadata.uid.as_deref().unwrap_or_default();
        if known.uid != uid {
            *known = Known { uid: uid.to_owned(), ..Known::default() };
        }
        then(known)
    }
}
