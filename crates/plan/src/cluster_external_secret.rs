//! ClusterExternalSecret: whether an ExternalSecret in a namespace is ours and as it shall be, how it is written, and how a pass
//! ends. Pure; the script is `operator/external_secrets/cluster_external_secret`. Specification: ESO §6.10.

use api::external_secrets::cluster_external_secret::{ClusterExternalSecretStatus, FailedNamespace};
use api::external_secrets::{ExternalSecretSpec, names};
use api::meta::Condition;
use api::{ClusterExternalSecret, ExternalSecret};
use base::{Fault, Timestamp};
use serde_json::{Map, Value, json};

use crate::finish::StatusForm;
use crate::write::Resource;
use crate::{Address, Finish, Manifest, Next, Status, Write};

/// How the ExternalSecret of a namespace stands.
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

/// The reason of a namespace that has an ExternalSecret of that name already.
pub const TAKEN: &str = "external secret already exists in namespace";
/// The annotation that is handed on, so that one command refreshes all.
const FORCE_SYNC: &str = "external-secrets.io/force-sync";
const MANAGER: &str = "external-secrets";

/// How the ExternalSecret of a namespace stands.
///
/// # Errors
/// The spec that is stamped out is none.
pub fn standing(ces: &ClusterExternalSecret, child: Option<&ExternalSecret>) -> Result<Standing, Fault> {
    let Some(child) = child else { return Ok(Standing::Absent) };
    if !is_ours(ces, child) {
        return Ok(Standing::Foreign);
    }
    let wanted: ExternalSecretSpec = serde_json::from_value(ces.child_spec().clone())
        .map_err(|error| Fault::wrong("cannot read `spec.externalSecretSpec`").because(error))?;
    let carries = |map: Option<&api::meta::Labels>, wanted: &api::meta::Labels| {
        wanted.iter().all(|(key, value)| map.and_then(|map| map.get(key)) == Some(value))
    };
    let (labels, annotations) = (child.metadata.labels.as_ref(), child.metadata.annotations.as_ref());
    let has_metadata = ces
        .child_metadata()
        .is_none_or(|metadata| carries(labels, &metadata.labels) && carries(annotations, &metadata.annotations));
    let is_forced = annotations.and_then(|all| all.get(FORCE_SYNC)) == force_sync(ces);
    Ok(if wanted == child.spec && has_metadata && is_forced { Standing::Same } else { Standing::Differs })
}

/// Whether an ExternalSecret is controlled by this object.
#[must_use]
pub fn is_ours(ces: &ClusterExternalSecret, child: &ExternalSecret) -> bool {
    let owners = child.metadata.owner_references.iter().flatten();
    owners.filter(|owner| owner.controller == Some(true)).any(|owner| Some(&owner.uid) == ces.metadata.uid.as_ref())
}

fn force_sync(ces: &ClusterExternalSecret) -> Option<&String> {
    ces.metadata.annotations.as_ref()?.get(FORCE_SYNC)
}

/// The place of the ExternalSecret in a namespace.
#[must_use]
pub fn place(ces: &ClusterExternalSecret, namespace: &str) -> Address {
    let resource = Resource::new(names::GROUP, "v1", "ExternalSecret", "externalsecrets");
    Address::new(resource, namespace, ces.child_name())
}

/// Makes the ExternalSecret of a namespace.
#[must_use]
pub fn create(ces: &ClusterExternalSecret, namespace: &str) -> Write {
    let at = place(ces, namespace);
    let owner = json!({
        "apiVersion": format!("{}/v1", names::GROUP), "kind": "ClusterExternalSecret", "name": ces.metadata.name,
        "uid": ces.metadata.uid, "controller": true, "blockOwnerDeletion": true,
    });
    let mut object = json!({
        "apiVersion": format!("{}/v1", names::GROUP),
        "kind": "ExternalSecret",
        "metadata": {"name": at.name, "namespace": namespace, "ownerReferences": [owner]},
    });
    stamp(ces, &mut object);
    Write::CreateObject { at, object: Manifest::new(object), manager: MANAGER.to_owned(), dry_run: false }
}

/// Brings the ExternalSecret that stands in a namespace in line; what it has beside our metadata stays.
#[must_use]
pub fn update(ces: &ClusterExternalSecret, namespace: &str, mut standing: Value) -> Write {
    stamp(ces, &mut standing);
    let at = place(ces, namespace);
    Write::ReplaceObject { at, object: Manifest::new(standing), manager: MANAGER.to_owned() }
}

fn stamp(ces: &ClusterExternalSecret, object: &mut Value) {
    object["spec"] = ces.child_spec().clone();
    let metadata = ces.child_metadata().cloned().unwrap_or_default();
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
    put("annotations", FORCE_SYNC, force_sync(ces).map(String::as_str));
}

/// Takes away an ExternalSecret of ours that is no longer wanted.
#[must_use]
pub fn delete(child: &ExternalSecret) -> Write {
    let resource = Resource::new(names::GROUP, "v1", "ExternalSecret", "externalsecrets");
    let meta = &child.metadata;
    Write::Delete {
        at: Address::new(resource, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default()),
        uid: meta.uid.clone(),
        resource_version: None,
        background: false,
        why: "delete: its ClusterExternalSecret does not want it there any more".to_owned(),
    }
}

/// The finalizer that the peer puts on the namespaces of this object. We need none, because the owner references say all; one
/// that stands is taken off, so that no namespace hangs (ESO §6.10, BUG).
#[must_use]
pub fn namespace_finalizer(ces: &ClusterExternalSecret) -> String {
    format!("{}{}", names::NAMESPACE_FINALIZER_PREFIX, ces.metadata.name.as_deref().unwrap_or_default())
}

/// The end of a pass: which namespaces have it, and which could not get it.
///
/// # Errors
/// `spec.refreshTime` cannot be read.
pub fn finish(
    ces: &ClusterExternalSecret,
    mut provisioned: Vec<String>,
    mut failed: Vec<FailedNamespace>,
    now: Timestamp,
) -> Result<Finish, Fault> {
    provisioned.sort();
    failed.sort();
    let has_failed = !failed.is_empty();
    let message = has_failed.then(|| "one or more namespaces failed".to_owned());
    let ready = Condition {
        type_: "Ready".to_owned(),
        status: if has_failed { "False" } else { "True" }.to_owned(),
        message,
        ..Condition::default()
    };
    let status = ClusterExternalSecretStatus {
        external_secret_name: Some(ces.child_name().to_owned()),
        failed_namespaces: failed,
        provisioned_namespaces: provisioned,
        conditions: vec![ready],
    };
    let value = serde_json::to_value(status).unwrap_or_default();
    let interval = ces.refresh_time()?.filter(|interval| interval.is_positive());
    let next =
        interval.and_then(|interval| now.saturating_add(interval.to_signed()).ok()).map_or(Next::Settled, Next::At);
    Ok(Finish {
        status: Some(Status { value, form: StatusForm::Put }),
        events: Vec::new(),
        next: if has_failed { Next::Retry } else { next },
        failed: has_failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(extra: Value) -> ClusterExternalSecret {
        let mut spec = json!({"externalSecretSpec": {"refreshInterval": "1h", "secretStoreRef": {"name": "s"}},
            "externalSecretMetadata": {"labels": {"a": "b"}}});
        for (key, value) in extra.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        let meta = json!({"name": "all", "uid": "u", "annotations": {FORCE_SYNC: "1"}});
        serde_json::from_value(json!({"metadata": meta, "spec": spec})).expect("a test's own object")
    }

    fn written(write: Write) -> Value {
        match write {
            Write::CreateObject { object, .. } | Write::ReplaceObject { object, .. } => object.into_exposed(),
            _ => Value::Null,
        }
    }

    fn judged(ces: &ClusterExternalSecret, child: &Value) -> Standing {
        let child: ExternalSecret = serde_json::from_value(child.clone()).expect("a test's own object");
        standing(ces, Some(&child)).expect("the spec can be read")
    }

    #[test]
    fn what_was_stamped_is_as_it_shall_be() {
        let ces = object(json!({}));
        assert_eq!(standing(&ces, None).expect("the spec can be read"), Standing::Absent);
        let made = written(create(&ces, "n"));
        assert_eq!((&made["metadata"]["name"], judged(&ces, &made)), (&json!("all"), Standing::Same));
        let edits = [
            ("/spec/refreshInterval", json!("2h")),
            ("/metadata/labels/a", json!("c")),
            ("/metadata/annotations/external-secrets.io~1force-sync", json!("0")),
        ];
        for (place, value) in edits {
            let mut edited = made.clone();
            *edited.pointer_mut(place).expect("it was stamped") = value;
            edited["metadata"]["labels"]["own"] = json!("kept");
            assert_eq!(judged(&ces, &edited), Standing::Differs, "{place}");
            let mended = written(update(&ces, "n", edited));
            assert_eq!((judged(&ces, &mended), &mended["metadata"]["labels"]["own"]), (Standing::Same, &json!("kept")));
        }
        let mut foreign = made;
        foreign["metadata"]["ownerReferences"][0]["uid"] = json!("other");
        assert_eq!(judged(&ces, &foreign), Standing::Foreign);
    }

    #[test]
    fn a_pass_tells_where_it_is_and_where_not() {
        let ces = object(json!({"externalSecretName": "db", "refreshTime": "1m"}));
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a test's own timestamp");
        let well = finish(&ces, vec!["b".to_owned(), "a".to_owned()], Vec::new(), now).expect("it can be told");
        let status = well.status.expect("it is told").value;
        let expected = json!({"externalSecretName": "db", "provisionedNamespaces": ["a", "b"],
            "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!((status, well.next), (expected, Next::At("2026-01-01T00:01:00Z".parse().expect("a moment"))));
        let taken = FailedNamespace { namespace: "c".to_owned(), reason: Some(TAKEN.to_owned()) };
        let ill = finish(&ces, Vec::new(), vec![taken], now).expect("it can be told");
        let status = ill.status.expect("it is told").value;
        assert_eq!(status["conditions"][0]["message"], "one or more namespaces failed");
        assert_eq!((&status["failedNamespaces"][0]["reason"], ill.next), (&json!(TAKEN), Next::Retry));
    }
}
