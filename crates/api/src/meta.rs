//! What kinds of all groups share: conditions, references between objects, and the reading of optional texts.
//! Kubernetes' own types (`LabelSelector`, `ObjectMeta`, `Time`) are k8s-openapi's.

use std::collections::BTreeMap;

use base::{Fault, ObjectRef};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta, Time};
use kube_core::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

/// Labels or annotations.
pub type Labels = BTreeMap<String, String>;

/// One condition of any of our kinds. Which fields a kind's schema knows differs: VSO's demand reason, message and
/// time; those of cluster-wide ESO kinds have neither reason nor time; only SealedSecret has `lastUpdateTime`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub last_update_time: Option<Time>,
    pub last_transition_time: Option<Time>,
    pub observed_generation: Option<i64>,
}

impl Condition {
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }
}

/// The condition of that type, if there is one.
pub fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// The peers' Go types cannot tell an empty text from none, so nor must we.
pub trait Filled {
    /// The text, unless it is absent or empty.
    fn filled(&self) -> Option<&str>;
}

impl Filled for Option<String> {
    fn filled(&self) -> Option<&str> {
        self.as_deref().filter(|text| !text.is_empty())
    }
}

/// How messages speak of an object.
pub fn object_ref<K: Resource<DynamicType = ()>>(object: &K) -> ObjectRef {
    ObjectRef::new(K::kind(&()), object.namespace().unwrap_or_default(), object.name_any())
}

/// A field of an object that cannot be read: "cannot read `spec.refreshInterval` of ExternalSecret demo/db".
pub(crate) fn unreadable<K: Resource<DynamicType = ()>>(
    object: &K,
    field: &str,
    cause: impl Into<base::fault::Cause>,
) -> Fault {
    Fault::wrong(format!("cannot read `{field}` of {}", object_ref(object))).because(cause)
}
