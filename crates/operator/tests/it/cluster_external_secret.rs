//! ClusterExternalSecret: stamped out where it is wanted, taken away where it is not, and nobody else's is touched.
//! Specification: ESO §6.10.

use serde_json::{Value, json};

use crate::external_secret::start;
use crate::stage::Stage;

const V1: &str = "external-secrets.io/v1";

async fn stage(name: &str) -> Stage {
    let mut stage = Stage::new("external-secrets", name).await;
    start(&mut stage).await;
    let values = json!([{"key": "db", "value": "one"}]);
    stage
        .apply(json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"},
        "spec": {"provider": {"fake": {"data": values}}}}))
        .await;
    stage
}

/// Cluster-scoped names are shared by all scenarios, so the object is called as the namespace is.
pub fn everywhere(stage: &Stage, extra: Value) -> Value {
    let name = stage.namespace();
    let mut object = json!({"apiVersion": V1, "kind": "ClusterExternalSecret", "metadata": {"name": name}, "spec": {
        "externalSecretName": "db", "namespaceSelectors": [{"matchLabels": {"kubernetes.io/metadata.name": name}}],
        "externalSecretMetadata": {"labels": {"stamped": "yes"}},
        "externalSecretSpec": {"secretStoreRef": {"name": "fake", "kind": "SecretStore"}, "refreshInterval": "1h",
            "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"},
            "data": [{"secretKey": "v", "remoteRef": {"key": "db", "conversionStrategy": "Default",
                "decodingStrategy": "None", "metadataPolicy": "None", "nullBytePolicy": "Ignore"}}]}}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    object
}

async fn told(stage: &Stage) -> Value {
    let object = stage.object(V1, "ClusterExternalSecret", stage.namespace()).await.expect("it stands");
    object["status"].clone()
}

/// The sandbox makes no label of the name; the API server does.
pub fn by_name(stage: &Stage) -> Value {
    json!({"namespaces": [stage.namespace()], "namespaceSelectors": []})
}

#[tokio::test]
async fn it_is_stamped_out_kept_and_taken_away() {
    let mut stage = stage("it-is-stamped-out").await;
    stage.apply(everywhere(&stage, by_name(&stage))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("v=one"));
    let child = stage.object(V1, "ExternalSecret", "db").await.expect("it is stamped out");
    assert_eq!(child["metadata"]["labels"]["stamped"], "yes");
    let status = told(&stage).await;
    assert_eq!(
        (&status["provisionedNamespaces"], &status["conditions"][0]["status"]),
        (&json!([stage.namespace()]), &json!("True"))
    );
    stage.patch(&child, json!({"spec": {"refreshInterval": "5h"}})).await;
    let child = stage.object(V1, "ExternalSecret", "db").await.expect("it stands");
    assert_eq!(child["spec"]["refreshInterval"], "1h", "an edit is put right");
    let version = child["metadata"]["resourceVersion"].clone();
    stage.stop().await;
    start(&mut stage).await;
    let child = stage.object(V1, "ExternalSecret", "db").await.expect("it stands");
    assert_eq!(child["metadata"]["resourceVersion"], version, "a restart writes nothing");
    let mut nowhere = by_name(&stage);
    nowhere["namespaces"] = json!([]);
    stage.apply(everywhere(&stage, nowhere)).await;
    assert!(stage.object(V1, "ExternalSecret", "db").await.is_none());
    assert_eq!(told(&stage).await["provisionedNamespaces"], Value::Null);
    stage.remove(&everywhere(&stage, json!({}))).await;
}

#[tokio::test]
async fn somebody_elses_is_not_touched() {
    let stage = stage("somebody-elses-is-not-touched").await;
    let theirs = json!({"apiVersion": V1, "kind": "ExternalSecret", "metadata": {"name": "db"}, "spec": {
        "secretStoreRef": {"name": "fake", "kind": "SecretStore"}, "refreshInterval": "9h", "target": {"name": "theirs"},
        "data": [{"secretKey": "v", "remoteRef": {"key": "db"}}]}});
    stage.apply(theirs).await;
    stage.apply(everywhere(&stage, by_name(&stage))).await;
    let status = told(&stage).await;
    assert_eq!(status["failedNamespaces"][0]["reason"], "external secret already exists in namespace");
    assert_eq!(status["conditions"][0]["message"], "one or more namespaces failed");
    let child = stage.object(V1, "ExternalSecret", "db").await.expect("it stands");
    assert_eq!(child["spec"]["refreshInterval"], "9h");
    stage.remove(&everywhere(&stage, json!({}))).await;
    assert!(stage.object(V1, "ExternalSecret", "db").await.is_some());
}

#[tokio::test]
async fn a_new_name_moves_it_and_a_refresh_is_handed_on() {
    let stage = stage("a-new-name-moves-it").await;
    stage.apply(everywhere(&stage, by_name(&stage))).await;
    let change = json!({"metadata": {"annotations": {"external-secrets.io/force-sync": "7"}}});
    stage.patch(&everywhere(&stage, json!({})), change).await;
    let child = stage.object(V1, "ExternalSecret", "db").await.expect("it stands");
    assert_eq!(child["metadata"]["annotations"]["external-secrets.io/force-sync"], "7");
    let mut renamed = by_name(&stage);
    renamed["externalSecretName"] = json!("other");
    stage.apply(everywhere(&stage, renamed)).await;
    assert!(stage.object(V1, "ExternalSecret", "db").await.is_none());
    assert!(stage.object(V1, "ExternalSecret", "other").await.is_some());
    stage.remove(&everywhere(&stage, json!({}))).await;
}

#[tokio::test]
async fn what_the_peer_left_on_namespaces_goes() {
    let mut stage = stage("what-the-peer-left").await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace()}});
    let finalizers = async |stage: &Stage| {
        stage.settle().await;
        let object = stage.object("v1", "Namespace", stage.namespace()).await.expect("it stands");
        let all = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|one| one.as_str().is_some_and(|text| text.contains("/ces-"))).count()
    };
    let left =
        |name: &str| json!({"metadata": {"finalizers": [format!("externalsecrets.external-secrets.io/ces-{name}")]}});
    stage.patch(&namespace, left("nobody-of-that-name")).await;
    assert_eq!(finalizers(&stage).await, 0, "its object is no more");
    stage.stop().await;
    stage.patch(&namespace, left("nobody-of-that-name")).await;
    start(&mut stage).await;
    assert_eq!(finalizers(&stage).await, 0, "at the start, too");
    let name = stage.namespace().to_owned();
    stage.apply(everywhere(&stage, by_name(&stage))).await;
    stage.patch(&namespace, left(&name)).await;
    assert_eq!(finalizers(&stage).await, 0, "its object needs none");
    stage.remove(&everywhere(&stage, json!({}))).await;
}
