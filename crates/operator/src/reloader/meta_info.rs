//! The ConfigMap in which the process says what it is and how it was started; support scripts read it. It is written at the start,
//! and only where it differs, so that a restart writes nothing. Specification: RL §15.6.

use std::collections::BTreeMap;

use base::{Fault, Kind};
use http::Method;
use plan::Address;
use plan::write::Resource;
use serde_json::{Value, json};

use crate::cluster::{self, Call, Cluster, JSON};

/// Its name.
pub const NAME: &str = "reloader-meta-info";

/// Creates the ConfigMap, or replaces it where it says something else.
///
/// # Errors
/// It can be neither read nor written.
pub async fn publish(cluster: &Cluster, namespace: &str, data: &BTreeMap<&'static str, String>) -> Result<(), Fault> {
    let at = Address::new(Resource::new("", "v1", "ConfigMap", "configmaps"), namespace, NAME);
    let labels = json!({ "reloader.stakater.com/meta-info": "reloader" });
    let standing: Option<Value> = cluster.read_as(&at).await?;
    let same = |object: &Value| object["data"] == json!(data) && object["metadata"]["labels"] == labels;
    let (method, path) = match &standing {
        Some(object) if same(object) => return Ok(()),
        Some(_) => (Method::PUT, cluster::object_path(&at, None)),
        None => (Method::POST, cluster::collection_path(&at.resource, namespace)),
    };
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": { "name": NAME, "namespace": namespace, "labels": labels },
    });
    let path = format!("{path}?fieldManager={}", api::reload::names::MANAGER);
    let body = object.to_string().into_bytes();
    match cluster.call(Call { method, path, media: JSON, body }).await {
        // Another replica was faster and says the same.
        Err(fault) if fault.kind() != Kind::Conflict => Err(fault.about(at.object())),
        _ => Ok(()),
    }
}
