//! The Secret as it shall be, and how that lies over what stands there. The wish stays a wish until the hands know the
//! present: on a conflict they read again and ask [`Target::over`] again, so that a conflict never fetches or issues twice.
//! Each road has its own [`Rule`]; all are pure. Specification: design §11.3; ESO §6.5, VSO §10.2, SS §11.4.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Present;
use crate::present::OwnerRef;
use base::fingerprint::{Fingerprint, FingerprintKey};
use base::{Fault, ObjectRef, SecretMap};

/// The Secret as it shall be.
#[derive(Clone)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its type; empty where the peer leaves it to the API server.
    pub kind: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Its owners.
    pub owners: Vec<OwnerRef>,
    /// Its values.
    pub data: SecretMap,
    /// Whether it shall refuse changes; none leaves it as it is.
    pub immutable: Option<bool>,
}

/// How a target lies over what stands there: what is kept, what is replaced, what is refused. Implemented by each road.
pub trait Rule: Send + Sync {
    /// The object that results.
    ///
    /// # Errors
    /// What stands there is not ours to change; the fault says whose it is.
    fn over(&self, target: &Target, present: &Present) -> Result<Laid, Fault>;

    /// Whether a Secret that is not there, or not any more, is made.
    fn creates(&self) -> bool {
        true
    }
}

/// What a write comes to, once the present is known.
pub enum Laid {
    /// Nothing would change: nothing is sent.
    Same,
    /// The object as it is to be written with PUT.
    Update(Target),
    /// Deleted and made again: its type or its immutable data cannot be changed otherwise.
    Again(Target),
}

impl Target {
    /// A target without labels, owners or values.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            kind: String::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            finalizers: Vec::new(),
            owners: Vec::new(),
            data: SecretMap::new(),
            immutable: None,
        }
    }

    /// The Secret's name for messages.
    #[must_use]
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new("Secret", self.namespace.clone(), self.name.clone())
    }

    /// How this target lies over what stands there, by the road's rule.
    ///
    /// # Errors
    /// As [`Rule::over`].
    pub fn over(&self, rule: &Arc<dyn Rule>, present: &Present) -> Result<Laid, Fault> {
        rule.over(self, present)
    }

    /// A digest of the whole wish: equal wishes, equal fingerprint.
    #[must_use]
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        let Self { namespace, name, kind, labels, annotations, finalizers, owners, data, immutable } = self;
        let mut digest = key.digest();
        for text in [namespace, name, kind] {
            digest.part(text.as_bytes());
        }
        for map in [labels, annotations] {
            digest.part(&map.len().to_le_bytes());
            map.iter().for_each(|(key, value)| [key, value].iter().for_each(|text| digest.part(text.as_bytes())));
        }
        digest.part(&finalizers.len().to_le_bytes());
        finalizers.iter().for_each(|finalizer| digest.part(finalizer.as_bytes()));
        digest.part(&owners.len().to_le_bytes());
        for OwnerRef { api_version, kind, name, uid, controller, block_owner_deletion } in owners {
            [api_version, kind, name, uid].iter().for_each(|text| digest.part(text.as_bytes()));
            [controller, block_owner_deletion].iter().for_each(|flag| digest.part(&[flag.map_or(2, u8::from)]));
        }
        for (key, value) in data.iter() {
            digest.part(key.as_bytes());
            digest.part(value.expose());
        }
        digest.with(&[immutable.map_or(2, u8::from)]).finish()
    }

    /// Whether a PUT of this target would leave the Secret as it stands.
    #[must_use]
    pub fn is_like(&self, present: &Present) -> bool {
        let kind = if self.kind.is_empty() { "Opaque" } else { &self.kind };
        kind == present.kind
            && self.labels == present.labels
            && self.annotations == present.annotations
            && self.finalizers == present.finalizers
            && self.owners == present.owners
            && self.immutable.unwrap_or(present.immutable) == present.immutable
            && self.data == present.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of one field of a wish.
    type Change = fn(&mut Target);

    #[test]
    fn every_field_of_a_wish_counts_for_its_fingerprint() {
        let key = FingerprintKey::new([7; 32]);
        let changes: [Change; 11] = [
            |_| {},
            |wish| wish.namespace.push('x'),
            |wish| wish.name.push('x'),
            |wish| wish.kind.push('x'),
            |wish| drop(wish.labels.insert("a".to_owned(), "b".to_owned())),
            |wish| drop(wish.annotations.insert("a".to_owned(), "b".to_owned())),
            |wish| wish.finalizers.push("a".to_owned()),
            |wish| wish.owners.push(OwnerRef::default()),
            |wish| wish.owners.push(OwnerRef { controller: Some(true), ..OwnerRef::default() }),
            |wish| wish.data = [("a", "b")].into_iter().collect(),
            |wish| wish.immutable = Some(false),
        ];
        let of = |change: &Change| {
            let mut wish = Target::new("n", "db");
            change(&mut wish);
            wish.fingerprint(&key)
        };
        let all: std::collections::BTreeSet<Fingerprint> = changes.iter().map(of).collect();
        assert_eq!(all.len(), changes.len());
        assert_eq!(of(&changes[0]), of(&changes[0]));
    }
}
