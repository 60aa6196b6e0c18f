//! ExternalSecret, from the object to the Secret and back to its status. Specification: ESO §6.

use operator::controllers;
use operator::external_secrets;
use operator::feature::FeatureName;
use sandbox::Recorded;
use serde_json::{Value, json};

use crate::stage::Stage;

pub const V1: &str = "external-secrets.io/v1";

pub async fn stage(name: &str) -> Stage {
    let mut stage = Stage::new("external-secrets", name).await;
    start(&mut stage).await;
    stage
}

pub async fn start(stage: &mut Stage) {
    stage
        .start(
            FeatureName::ExternalSecrets,
            |_| {},
            |driver| controllers::external_secrets(driver, &external_secrets::Settings::default()),
        )
        .await;
}

fn store(values: Value) -> Value {
    json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"},
        "spec": {"provider": {"fake": {"data": values}}}})
}

fn values(password: &str) -> Value {
    json!([{"key": "db", "value": format!(r#"{{"user":"app","password":"{password}"}}"#)}])
}

pub fn external_secret(extra: Value) -> Value {
    let mut object = json!({"apiVersion": V1, "kind": "ExternalSecret", "metadata": {"name": "db"},
        "spec": {"secretStoreRef": {"name": "fake"}, "refreshInterval": "1h",
            "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"},
            "data": [{"secretKey": "password", "remoteRef": {"key": "db", "property": "password"}}]}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    object
}

pub async fn ready(stage: &Stage) -> String {
    stage.condition(V1, "ExternalSecret", "db", "Ready").await
}

#[tokio::test]
async fn a_secret_is_made_told_and_kept() {
    let stage = stage("a-secret-is-made-told-and-kept").await;
    stage.apply(store(values("one"))).await;
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    assert_eq!(ready(&stage).await, "True SecretSynced: secret synced");
    let told = stage.events().await.into_iter().filter(|event| event.contains("secret ")).collect::<Vec<_>>();
    assert_eq!(told, ["Normal Created: secret created"]);
    let secret = stage.object("v1", "Secret", "db").await.unwrap();
    assert_eq!(secret["metadata"]["labels"]["reconcile.external-secrets.io/managed"], "true");
    let owner = plan::external_secret::hash::created_by(stage.namespace(), "db");
    assert_eq!(secret["metadata"]["labels"]["reconcile.external-secrets.io/created-by"], owner);
    assert_eq!(secret["metadata"]["ownerReferences"][0]["controller"], true);
}

/// What is not built is told on the object, and no Secret without its values is written.
#[tokio::test]
async fn what_is_not_built_is_refused() {
    let stage = stage("what-is-not-built-is-refused").await;
    stage.apply(store(values("one"))).await;
    let manifest = json!({"name": "db", "manifest": {"apiVersion": "v1", "kind": "ConfigMap"}});
    stage.apply(external_secret(json!({"target": manifest}))).await;
    let said = ready(&stage).await;
    assert!(said.contains("False SecretSyncedError: invalid generic target"), "{said}");
    assert_eq!(stage.secret("db").await, None);
}

#[tokio::test]
async fn a_new_object_costs_three_requests_and_a_restart_none() {
    let mut stage = Stage::in_memory("external-secrets", "three-requests").await;
    start(&mut stage).await;
    stage.apply(store(values("one"))).await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let recorder = sandbox.recorder();
    recorder.clear();
    for n in 0..200 {
        let mut object = external_secret(json!({}));
        object["metadata"]["name"] = json!(format!("db-{n}"));
        stage.create(&object).await.expect("the sandbox takes it");
    }
    stage.settle().await;
    assert_eq!(stage.secret("db-199").await.as_deref(), Some("password=one"));
    let requests = recorder.requests().len();
    assert_eq!(requests, 600, "Secret, status, event");
    stage.stop().await;
    recorder.clear();
    start(&mut stage).await;
    assert!(recorder.writes().is_empty(), "{:?}", recorder.writes());
}

#[tokio::test]
async fn a_rotation_reaches_the_secret_and_a_round_without_change_writes_nothing() {
    let stage = stage("a-rotation-reaches-the-secret-and-a-roun").await;
    stage.apply(store(values("one"))).await;
    stage.apply(external_secret(json!({}))).await;
    stage.apply(store(values("two"))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"), "not due yet");
    stage.patch(&external_secret(json!({})), json!({"metadata": {"annotations": {"force-sync": "1"}}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=two"));
}

/// What stands is known from the watch and from the last write; the Secret is read again once somebody else has written it.
#[tokio::test]
async fn a_refresh_without_change_does_not_even_read_the_secret() {
    let mut stage = Stage::in_memory("external-secrets", "no-needless-read").await;
    start(&mut stage).await;
    let object = external_secret(json!({"target": {"template": {"metadata": {"labels": {"team": "a"}}}}}));
    stage.apply(store(values("one"))).await;
    stage.apply(object.clone()).await;
    let recorder = stage.sandbox().expect("it runs in memory").recorder();
    let refreshed = async |mark: &str| {
        recorder.clear();
        stage.patch(&object, json!({"metadata": {"annotations": {"force-sync": mark}}})).await;
        let on_secrets =
            |request: &Recorded| request.user != "admin" && request.resource == "secrets" && request.verb != "watch";
        recorder.requests().into_iter().filter(on_secrets).map(|request| request.verb).collect::<Vec<_>>()
    };
    assert!(refreshed("1").await.is_empty());
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    stage.patch(&secret, json!({"metadata": {"labels": {"team": "b"}}})).await;
    assert_eq!(refreshed("2").await, ["get", "update"]);
    assert!(refreshed("3").await.is_empty());
    stage.apply(store(values("two"))).await;
    assert_eq!(refreshed("4").await, ["get", "update"]);
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=two"));
}

#[tokio::test]
async fn drift_is_repaired_at_once() {
    let stage = stage("drift-is-repaired-at-once").await;
    stage.apply(store(values("one"))).await;
    stage.apply(external_secret(json!({}))).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    stage.patch(&secret, json!({"data": {"password": "ZXZpbA==", "extra": "eA=="}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    stage.remove(&secret).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
}

#[tokio::test]
async fn a_failing_provider_never_empties_a_secret() {
    let stage = stage("a-failing-provider-never-empties-a-secre").await;
    stage.apply(store(values("one"))).await;
    stage.apply(external_secret(json!({}))).await;
    stage.apply(store(json!([]))).await;
    stage.patch(&external_secret(json!({})), json!({"metadata": {"annotations": {"force-sync": "1"}}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    assert!(
        ready(&stage).await.starts_with("False SecretSyncedError: could not get secret data from provider"),
        "{}",
        ready(&stage).await
    );
    stage.apply(store(values("two"))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=two"), "the store's change wakes its users");
    assert_eq!(ready(&stage).await, "True SecretSynced: secret synced");
}

#[tokio::test]
async fn deletion_policies_decide_what_missing_values_mean() {
    let stage = stage("deletion-policies-decide-what-missing-va").await;
    stage.apply(store(values("one"))).await;
    let with =
        |deletion: &str| external_secret(json!({"target": {"creationPolicy": "Owner", "deletionPolicy": deletion}}));
    stage.apply(with("Delete")).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    stage.apply(store(json!([]))).await;
    stage.patch(&with("Delete"), json!({"metadata": {"annotations": {"force-sync": "1"}}})).await;
    assert_eq!(stage.secret("db").await, None);
    assert_eq!(ready(&stage).await, "True SecretDeleted: secret deleted due to DeletionPolicy=Delete");
    assert!(
        stage.events().await.iter().any(|event| event.contains("MissingProviderSecret")),
        "{:?}",
        stage.events().await
    );
}

#[tokio::test]
async fn a_foreign_owner_is_never_overwritten() {
    let stage = stage("a-foreign-owner-is-never-overwritten").await;
    stage.apply(store(values("one"))).await;
    let mut other = external_secret(json!({"target": {"name": "db"}}));
    other["metadata"]["name"] = json!("other");
    other["spec"]["data"][0]["secretKey"] = json!("others");
    stage.apply(other).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("others=one"));
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(ready(&stage).await, "False SecretSyncedError: target is owned by another ExternalSecret");
    assert_eq!(stage.secret("db").await.as_deref(), Some("others=one"));
    let event = "Warning UpdateFailed: secret is owned by another ExternalSecret: other";
    assert!(stage.events().await.contains(&event.to_owned()), "{:?}", stage.events().await);
}

#[tokio::test]
async fn a_merge_keeps_foreign_keys_and_removes_its_own() {
    let stage = stage("a-merge-keeps-foreign-keys-and-removes-i").await;
    stage.apply(store(values("one"))).await;
    stage
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "data": {"foreign": "dg=="}, "metadata": {"name": "db"}}))
        .await;
    let merge = |data: Value| external_secret(json!({"target": {"creationPolicy": "Merge"}, "data": data}));
    stage.apply(merge(json!([{"secretKey": "a", "remoteRef": {"key": "db", "property": "user"}}]))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("a=app foreign=v"));
    stage.apply(merge(json!([{"secretKey": "b", "remoteRef": {"key": "db", "property": "user"}}]))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("b=app foreign=v"));
}

#[tokio::test]
async fn a_renamed_target_leaves_no_orphan() {
    let stage = stage("a-renamed-target-leaves-no-orphan").await;
    stage.apply(store(values("one"))).await;
    stage.apply(external_secret(json!({}))).await;
    stage.apply(external_secret(json!({"target": {"name": "renamed"}}))).await;
    assert_eq!(stage.secret("renamed").await.as_deref(), Some("password=one"));
    assert_eq!(stage.secret("db").await, None);
}

#[tokio::test]
async fn extract_find_and_order() {
    let stage = stage("extract-find-and-order").await;
    stage.apply(store(values("one"))).await;
    stage
        .apply(external_secret(json!({
            "dataFrom": [{"extract": {"key": "db"}}, {"find": {"name": {"regexp": "^d"}}}],
            "data": [{"secretKey": "user", "remoteRef": {"key": "db", "property": "password"}}]})))
        .await;
    let expected = r#"db={"user":"app","password":"one"} password=one user=one"#;
    assert_eq!(stage.secret("db").await.as_deref(), Some(expected));
}
