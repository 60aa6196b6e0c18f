//! ExternalSecret's templates on a cluster: data, metadata, type, sources in ConfigMaps and Secrets, rewriting of keys, faults.
//! Specification: ESO §8.

use operator::controllers;
use operator::external_secrets;
use operator::feature::FeatureName;
use serde_json::{Value, json};

use crate::stage::Stage;

const V1: &str = "external-secrets.io/v1";

async fn stage(name: &str) -> Stage {
    let mut stage = Stage::new("external-secrets", name).await;
    let rows = |driver| controllers::external_secrets(driver, &external_secrets::Settings::default());
    stage.start(FeatureName::ExternalSecrets, |_| {}, rows).await;
    let data = json!([{"key": "db", "value": r#"{"user":"app","password":"one"}"#}]);
    stage
        .apply(json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"},
            "spec": {"provider": {"fake": {"data": data}}}}))
        .await;
    stage
}

fn external_secret(target: Value) -> Value {
    json!({"apiVersion": V1, "kind": "ExternalSecret", "metadata": {"name": "db"},
        "spec": {"secretStoreRef": {"name": "fake"}, "refreshInterval": "1h", "target": target,
            "dataFrom": [{"extract": {"key": "db"}}]}})
}

async fn ready(stage: &Stage) -> String {
    stage.condition(V1, "ExternalSecret", "db", "Ready").await
}

#[tokio::test]
async fn a_template_decides_data_metadata_and_type() {
    let stage = stage("a-template-decides").await;
    let template = json!({"type": "kubernetes.io/basic-auth",
        "metadata": {"labels": {"user": "{{ .user }}"}, "annotations": {"length": "{{ len .password }}"}},
        "data": {"username": "{{ .user }}", "password": "{{ .password }}", "url": "pg://{{ .user }}:{{ .password }}@db"}});
    stage.apply(external_secret(json!({"template": template}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one url=pg://app:one@db username=app"));
    assert_eq!(ready(&stage).await, "True SecretSynced: secret synced");
    let secret = stage.object("v1", "Secret", "db").await.expect("it was made");
    assert_eq!(secret["type"], "kubernetes.io/basic-auth");
    assert_eq!(secret["metadata"]["labels"]["user"], "app");
    assert_eq!(secret["metadata"]["annotations"]["length"], "3");
    // A template that loses a key and a label takes them from the Secret, too.
    let template = json!({"type": "kubernetes.io/basic-auth", "mergePolicy": "Merge", "data": {"username": "{{ .user | upper }}"}});
    stage.apply(external_secret(json!({"template": template}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one user=app username=APP"));
    let secret = stage.object("v1", "Secret", "db").await.expect("it stays");
    assert_eq!(secret["metadata"]["labels"].get("user"), None);
}

#[tokio::test]
async fn templates_come_from_config_maps_secrets_and_literals() {
    let stage = stage("templates-come-from-config-maps").await;
    stage
        .apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "templates"},
            "data": {"app.conf": "user={{ .user }}", "many": "a: '{{ .user }}'\nb: '{{ .password }}'\n"}}))
        .await;
    let from = json!([
        {"configMap": {"name": "templates", "items": [{"key": "app.conf"}, {"key": "many", "templateAs": "KeysAndValues"}]}},
        {"secret": {"name": "texts", "items": [{"key": "motd"}]}},
        {"target": "Labels", "literal": "team: '{{ .user }}'"}]);
    let object = external_secret(json!({"template": {"templateFrom": from}}));
    stage.apply(object.clone()).await;
    let missing = ready(&stage).await;
    assert!(missing.starts_with("False SecretSyncedError: could not update secret: could not apply template: error fetching templateFrom data: secrets \"texts\" not found"), "{missing}");
    assert_eq!(stage.secret("db").await, None, "nothing is made of half a template");
    stage
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "texts"},
            "stringData": {"motd": "hello {{ .user }}"}}))
        .await;
    stage.patch(&object, json!({"metadata": {"annotations": {"force-sync": "1"}}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("a=app app.conf=user=app b=one motd=hello app"));
    let secret = stage.object("v1", "Secret", "db").await.expect("it was made");
    assert_eq!(secret["metadata"]["labels"]["team"], "app");
}

#[tokio::test]
async fn a_template_that_fails_leaves_the_secret_as_it_is() {
    let stage = stage("a-template-that-fails").await;
    stage.apply(external_secret(json!({"template": {"data": {"p": "{{ .password }}"}}}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=one"));
    stage.apply(external_secret(json!({"template": {"data": {"p": "{{ .gone }}"}}}))).await;
    let told = ready(&stage).await;
    assert_eq!(
        told,
        "False SecretSyncedError: could not update secret: could not apply template: could not execute template: unable to execute template at key p: template: p:1:3: executing \"p\" at <.gone>: map has no entry for key \"gone\""
    );
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=one"));
}

#[tokio::test]
async fn keys_are_rewritten_by_templates() {
    let stage = stage("keys-are-rewritten-by-templates").await;
    let mut object = external_secret(json!({}));
    object["spec"]["dataFrom"][0]["rewrite"] = json!([{"transform": {"template": "DB_{{ .value | upper }}"}}]);
    stage.apply(object).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("DB_PASSWORD=one DB_USER=app"));
}
