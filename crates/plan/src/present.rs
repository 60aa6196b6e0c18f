//! A Secret as it stands on the cluster: what ownership, drift and merging are judged by.
//! It is made from the API's answer in `operator/kube_secret` and from the cache where that suffices.

use std::collections::{BTreeMap, BTreeSet};

use base::{ObjectRef, SecretMap};
use serde::{Deserialize, Serialize};

/// A Secret as it stands.
#[derive(Clone, Default)]
pub struct Present {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The version a write must name.
    pub resource_version: String,
    /// Its type, `Opaque` where the API server filled it in.
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
    /// Whether it refuses every change of its data.
    pub immutable: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Which manager owns which keys, from `managedFields` of operation Update.
    pub managed: Vec<Managed>,
}

/// An owner reference, as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerRef {
    /// The owner's group and version.
    pub api_version: String,
    /// The owner's kind.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// The owner's uid.
    pub uid: String,
    /// Whether the owner controls the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Whether the owner's foreground deletion waits for the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

/// The fields of one manager, as far as anyone asks: keys of data, labels and annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// The manager's name.
    pub manager: String,
    /// `Update` or `Apply`.
    pub operation: String,
    /// Keys under `f:data`.
    pub data: BTreeSet<String>,
    /// Keys under `f:metadata.f:labels`.
    pub labels: BTreeSet<String>,
    /// Keys under `f:metadata.f:annotations`.
    pub annotations: BTreeSet<String>,
}

impl Present {
    /// The Secret's name for messages.
    #[must_use]
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new("Secret", self.namespace.clone(), self.name.clone())
    }

    /// The owner that controls it, where there is one.
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerRef> {
        controller(&self.owners)
    }
}

/// The owner that controls an object with these owners.
#[must_use]
pub fn controller(owners: &[OwnerRef]) -> Option<&OwnerRef> {
    owners.iter().find(|owner| owner.controller == Some(true))
}
