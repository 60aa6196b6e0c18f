//! What the driver must know of an object, whatever its kind: where it stands, who it is, whether it is on its way out.
//! Custom resources know it from their metadata; reduced kinds (`seen`, `world/workloads`) say it themselves.

use std::collections::BTreeMap;

use plan::Address;
use serde::Serialize;
use serde_json::Value;

use crate::cache::Kept;

/// What the driver must know of an object.
pub trait Subject: Kept {
    /// Its place in the API.
    fn address(&self) -> Address;
    /// Its uid.
    fn uid(&self) -> &str;
    /// Whether it is being deleted. A reduced kind never is: a Secret that waits for its
    /// finalizers may still change, and the causes of a Job that we delete to make it again must outlive it.
    fn is_deleting(&self) -> bool {
        false
    }
    /// Its finalizers, where its row has one.
    fn finalizers(&self) -> &[String] {
        &[]
    }
    /// Its labels, where metrics copy some of them.
    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        None
    }
    /// Its status as it stands, `null` where it has none.
    fn status(&self) -> Value {
        Value::Null
    }
}

impl<K> Subject for K
where
    K: kube::Resource<DynamicType = ()> + Kept + Serialize,
{
    fn address(&self) -> Address {
        let resource = plan::write::Resource::new(&K::group(&()), &K::version(&()), &K::kind(&()), &K::plural(&()));
        let meta = self.meta();
        Address::new(resource, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
    }

    fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    fn is_deleting(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }

    fn finalizers(&self) -> &[String] {
        self.meta().finalizers.as_deref().unwrap_or_default()
    }

    fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.meta().labels.as_ref()
    }

    fn status(&self) -> Value {
        let mut object = serde_json::to_value(self).unwrap_or_default();
        object.get_mut("status").map(Value::take).unwrap_or_default()
    }
}

/// Whether a change matters to whoever reads the spec: generation, labels, annotations, deletion, finalizers (ESO §6.7).
pub fn spec_changed<K: kube::Resource>(before: &K, after: &K) -> bool {
    settings_changed(before, after) || before.meta().finalizers != after.meta().finalizers
}

/// The same for objects whose finalizers come and go with their users.
pub fn settings_changed<K: kube::Resource>(before: &K, after: &K) -> bool {
    let (before, after) = (before.meta(), after.meta());
    before.uid != after.uid
        || before.generation != after.generation
        || before.labels != after.labels
        || before.annotations != after.annotations
        || before.deletion_timestamp != after.deletion_timestamp
}
