//! Stamping out: whether the object in a namespace is ours and as it shall be, how it is written, and how a pass ends. One
//! decision for ClusterExternalSecret and ClusterPushSecret. Pure; the script is `operator/external_secrets/stamp`.
//! Specification: ESO §6.10, §6.12.

use api::external_secrets::names;
use api::external_secrets::stamp::{FailedNamespace, HasSpec as _, Resource as _, Stamp};
use api::meta::{Condition, Labels, ObjectMeta};
use base::{Fault, Timestamp};
use serde_json::{Map, Value, json};

use crate::finish::StatusForm;
use crate::write::Resource;
use crate::{Address, Finish, Manifest, Next, Status, Write};

/// How the child of a namespace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It is ours, and as it shall be.
    Same,
    /// It is ours, and differs.
    Differs,
    /// Somebody else's.
    Foreign,
}

const MANAGER: &str = "external-secrets";

/// How the child of a namespace stands.
///
/// # Errors
/// The spec that is stamped out is none.
pub fn standing<K: Stamp>(o: &K, child: Option<&K::Child>) -> Result<Standing, Fault> {
    let Some(child) = child else { return Ok(Standing::Absent) };
    if !is_ours::<K>(o, child) {
        return Ok(Standing::Foreign);
    }
    let wanted: K::ChildSpec = serde_json::from_value(o.child_spec().clone())
        .map_err(|error| Fault::wrong(format!("cannot read `{}`", K::SPEC)).because(error))?;
    let carries = |map: Option<&Labels>, wanted: &Labels| {
        wanted.iter().all(|(key, value)| map.and_then(|map| map.get(key)) == Some(value))
    };
    let ObjectMeta { labels, annotations, .. } = child.meta();
    let has_metadata = o.child_metadata().is_none_or(|metadata| {
        carries(labels.as_ref(), &metadata.labels) && carries(annotations.as_ref(), &metadata.annotations)
    });
    let is_forced = annotations.as_ref().and_then(|all| all.get(names::FORCE_SYNC)) == force_sync(o);
    Ok(if wanted == *child.spec() && has_metadata && is_forced { Standing::Same } else { Standing::Differs })
}

/// Whether an object is controlled by this one.
#[must_use]
pub fn is_ours<K: Stamp>(o: &K, child: &K::Child) -> bool {
    let owners = child.meta().owner_references.iter().flatten();
    owners.filter(|owner| owner.controller == Some(true)).any(|owner| Some(&owner.uid) == o.meta().uid.as_ref())
}

/// The annotation that is handed on, so that one command refreshes all. One among the labels and annotations of the children
/// has the last word.
fn force_sync<K: Stamp>(o: &K) -> Option<&String> {
    let said = o.child_metadata().and_then(|metadata| metadata.annotations.get(names::FORCE_SYNC));
    said.or_else(|| o.meta().annotations.as_ref()?.get(names::FORCE_SYNC))
}

/// The kind of the children.
fn resource<K: Stamp>() -> Resource {
    let plural = K::Child::plural(&());
    Resource::new(&K::Child::group(&()), &K::Child::version(&()), &K::Child::kind(&()), &plural)
}

/// The place of the child in a namespace.
#[must_use]
pub fn place<K: Stamp>(o: &K, namespace: &str) -> Address {
    Address::new(resource::<K>(), namespace, o.child_name())
}

/// Makes the child of a namespace.
#[must_use]
pub fn create<K: Stamp>(o: &K, namespace: &str) -> Write {
    let (at, meta) = (place(o, namespace), o.meta());
    let owner = json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()), "name": meta.name, "uid": meta.uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    let mut object = json!({
        "apiVersion": at.resource.api_version(),
        "kind": at.resource.kind,
        "metadata": {"name": at.name, "namespace": namespace, "ownerReferences": [owner]},
    });
    stamp(o, &mut object);
    Write::CreateObject { at, object: Manifest::new(object), manager: MANAGER.to_owned(), dry_run: false }
}

/// Brings the child that stands in a namespace in line; what it has beside our metadata stays.
#[must_use]
pub fn update<K: Stamp>(o: &K, namespace: &str, mut standing: Value) -> Write {
    stamp(o, &mut standing);
    let at = place(o, namespace);
    Write::ReplaceObject { at, object: Manifest::new(standing), manager: MANAGER.to_owned() }
}

fn stamp<K: Stamp>(o: &K, object: &mut Value) {
    object["spec"] = o.child_spec().clone();
    let metadata = o.child_metadata().cloned().unwrap_or_default();
    let mut put = |field: &str, key: &str, value: Option<&str>| {
        let map = &mut object["metadata"][field];
        if map.is_null() {
            *map = Value::Object(Map::new());
        }
        match value {
            Some(value) => map[key] = json!(value),
            None => drop(map.as_object_mut().map(|map| map.remove(key))),
        }
    };
    metadata.labels.iter().for_each(|(key, value)| put("labels", key, Some(value)));
    metadata.annotations.iter().for_each(|(key, value)| put("annotations", key, Some(value)));
    put("annotations", names::FORCE_SYNC, force_sync(o).map(String::as_str));
}

/// Takes away a child of ours that is no longer wanted.
#[must_use]
pub fn delete<K: Stamp>(child: &K::Child) -> Write {
    let meta = child.meta();
    let at = Address::new(
        resource::<K>(),
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    );
    let why = format!("delete: its {} does not want it there any more", K::kind(&()));
    Write::Delete { at, uid: meta.uid.clone(), resource_version: None, background: false, why }
}

/// The end of a pass: which namespaces have it, and which could not get it.
///
/// # Errors
/// `spec.refreshTime` cannot be read.
pub fn finish<K: Stamp>(
    o: &K,
    provisioned: Vec<String>,
    failed: Vec<FailedNamespace>,
    now: Timestamp,
) -> Result<Finish, Fault> {
    let interval = o.refresh_time()?.filter(|interval| interval.is_positive());
    let next = interval.map_or(Next::Settled, |interval| Next::At(interval.after(now)));
    let finish = told(o, provisioned, failed);
    Ok(if finish.failed { finish } else { Finish { next, ..finish } })
}

/// The end of a pass that could not begin: which namespaces would get it is not known.
#[must_use]
pub fn failed<K: Stamp>(o: &K, fault: &Fault) -> Finish {
    let everywhere = FailedNamespace { namespace: "unknown".to_owned(), reason: Some(fault.chain()) };
    told(o, o.provisioned_namespaces().to_vec(), vec![everywhere])
}

fn told<K: Stamp>(o: &K, mut provisioned: Vec<String>, mut failed: Vec<FailedNamespace>) -> Finish {
    provisioned.sort();
    failed.sort();
    let has_failed = !failed.is_empty();
    let ready = Condition {
        type_: "Ready".to_owned(),
        status: if has_failed { "False" } else { "True" }.to_owned(),
        message: has_failed.then(|| "one or more namespaces failed".to_owned()),
        ..Condition::default()
    };
    Finish {
        status: Some(Status { value: o.told(provisioned, failed, ready), form: StatusForm::Put }),
        events: Vec::new(),
        next: if has_failed { Next::Retry } else { Next::Settled },
        failed: has_failed,
    }
}

#[cfg(test)]
mod tests;
