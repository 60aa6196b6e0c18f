//! ClusterPushSecret: stamped out where it is wanted, with what it pushes taken back where it is not. Specification: ESO §6.12.

use serde_json::{Value, json};
use testkit::scenario::Named;

use crate::external_secret::start;
use crate::push_secret::{ALPHA, SYNCED, push_secret, ready, secret, stage};
use crate::stage::Stage;

/// Cluster-scoped names are shared by all scenarios, so the object is called as the namespace is, and chooses it by a label.
pub fn everywhere(stage: &Stage, extra: Value) -> Value {
    let name = stage.namespace();
    let mut object = json!({"apiVersion": ALPHA, "kind": "ClusterPushSecret", "metadata": {"name": name}, "spec": {
        "pushSecretName": "out", "namespaceSelectors": [{"matchLabels": {"pushes": name}}],
        "pushSecretMetadata": {"labels": {"stamped": "yes"}},
        "pushSecretSpec": push_secret(json!({"deletionPolicy": "Delete"}))["spec"]}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    object
}

/// Chooses the namespace, or not.
pub async fn choose(stage: &Stage, is_chosen: bool) {
    let value = if is_chosen { json!(stage.namespace()) } else { Value::Null };
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace()}});
    stage.patch(&namespace, json!({"metadata": {"labels": {"pushes": value}}})).await;
}

async fn told(stage: &Stage) -> Value {
    let object = stage.object(ALPHA, "ClusterPushSecret", stage.namespace()).await.expect("it stands");
    object["status"].clone()
}

fn child(stage: &Stage) -> impl Future<Output = Option<Value>> {
    stage.object(ALPHA, "PushSecret", "out")
}

const CHILD: Named<'static> = Named { api_version: ALPHA, kind: "PushSecret", name: "out" };

#[tokio::test]
async fn it_is_stamped_out_kept_and_taken_away() {
    let (mut stage, vault) = stage("cluster-push-is-stamped-out").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(everywhere(&stage, json!({}))).await;
    assert!(child(&stage).await.is_none(), "nobody is chosen");
    assert_eq!(told(&stage).await["conditions"][0]["status"], "True");
    choose(&stage, true).await;
    assert_eq!(ready(&stage).await, SYNCED);
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
    let standing = child(&stage).await.expect("it is stamped out");
    assert_eq!(standing["metadata"]["labels"]["stamped"], "yes");
    let owner = &standing["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["controller"]), (&json!("ClusterPushSecret"), &json!(true)));
    let status = told(&stage).await;
    let expected = json!({"pushSecretName": "out", "provisionedNamespaces": [stage.namespace()],
        "conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(status, expected);
    let name = stage.namespace().to_owned();
    let series = format!(
        r#"clusterpushsecret_status_condition{{condition="Ready",name="{name}",namespace="",status="True"}} 1"#
    );
    assert!(stage.metrics().contains(&series), "{series} is missing");
    stage.patch(&standing, json!({"spec": {"refreshInterval": "5h"}})).await;
    let standing = child(&stage).await.expect("it stands");
    assert_eq!(standing["spec"]["refreshInterval"], "1h", "an edit is put right");
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let everywhere_version = version(&stage.object(ALPHA, "ClusterPushSecret", &name).await.expect("it stands"));
    stage.stop().await;
    start(&mut stage).await;
    assert_eq!(version(&child(&stage).await.expect("it stands")), version(&standing), "a restart writes nothing");
    let own = stage.object(ALPHA, "ClusterPushSecret", &name).await.expect("it stands");
    assert_eq!((version(&own), own["metadata"]["finalizers"].clone()), (everywhere_version, Value::Null));
    choose(&stage, false).await;
    stage.vanishes(CHILD).await;
    assert_eq!(vault.value("secret/app/db"), None, "what was pushed goes along");
    stage.settle().await;
    assert_eq!(told(&stage).await["provisionedNamespaces"], Value::Null);
    stage.remove(&everywhere(&stage, json!({}))).await;
}

#[tokio::test]
async fn somebody_elses_is_not_touched_and_told() {
    let (stage, vault) = stage("cluster-push-somebody-elses").await;
    choose(&stage, true).await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({"refreshInterval": "9h"}))).await;
    stage.apply(everywhere(&stage, json!({}))).await;
    let status = told(&stage).await;
    assert_eq!(status["failedNamespaces"][0]["reason"], "push secret already exists in namespace");
    assert_eq!(status["conditions"][0]["message"], "one or more namespaces failed");
    assert_eq!(child(&stage).await.expect("it stands")["spec"]["refreshInterval"], "9h");
    stage.remove(&push_secret(json!({}))).await;
    let standing = child(&stage).await.expect("its place is free now");
    assert_eq!(standing["spec"]["refreshInterval"], "1h");
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
    stage.remove(&everywhere(&stage, json!({}))).await;
    stage.vanishes(CHILD).await;
    assert_eq!(vault.value("secret/app/db"), None, "its children go with it, and what they pushed");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_touches_nothing() {
    let (stage, _vault) = stage("cluster-push-cannot-be-read").await;
    choose(&stage, true).await;
    stage.apply(everywhere(&stage, json!({}))).await;
    assert!(child(&stage).await.is_some());
    let unread = json!([{"matchExpressions": [{"key": "pushes", "operator": "Has", "values": ["x"]}]}]);
    stage.apply(everywhere(&stage, json!({"namespaceSelectors": unread}))).await;
    let status = told(&stage).await;
    let expected = json!([{"namespace": "unknown",
        "reason": "cannot read the label selector's expression on `pushes`: \"Has\" is not a valid label selector operator"}]);
    assert_eq!(status["failedNamespaces"], expected);
    assert!(child(&stage).await.is_some(), "what it chose yesterday stays");
    stage.apply(everywhere(&stage, json!({"refreshTime": "1d"}))).await;
    let status = told(&stage).await;
    let failed = &status["failedNamespaces"][0];
    assert_eq!((&failed["namespace"], &status["conditions"][0]["status"]), (&json!("unknown"), &json!("False")));
    assert!(failed["reason"].as_str().is_some_and(|text| text.contains("`spec.refreshTime`")), "{failed}");
    assert!(child(&stage).await.is_some());
    let lines = stage.explained_in("ClusterPushSecret", "", stage.namespace()).await.join("\n");
    assert!(lines.contains("fails: cannot read `spec.refreshTime`"), "{lines}");
    stage.remove(&everywhere(&stage, json!({}))).await;
}
