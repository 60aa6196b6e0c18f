//! PushSecret, from a Secret of the cluster to the provider and back out of it. Specification: ESO §6.11.

use serde_json::{Value, json};
use testkit::Vault;
use testkit::vault::ROOT;

use crate::external_secret::start;
use crate::stage::Stage;

const V1: &str = "external-secrets.io/v1";
pub const ALPHA: &str = "external-secrets.io/v1alpha1";

/// A process, a Vault, and a store for it.
pub async fn stage(name: &str) -> (Stage, Vault) {
    let mut stage = Stage::new("external-secrets", name).await;
    let vault = beside_vault(&mut stage).await;
    (stage, vault)
}

/// Starts on a stage that stands, beside a Vault with a store.
pub async fn beside_vault(stage: &mut Stage) -> Vault {
    start(stage).await;
    let vault = Vault::start().await;
    stage.apply(secret("vault", &[("token", ROOT)])).await;
    stage.apply(store("vault", &vault)).await;
    vault
}

pub fn secret(name: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(base::encoding::Base64::Standard.encode(value.as_bytes()))))
        .collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": {"role": name}}, "data": data})
}

pub fn store(name: &str, vault: &Vault) -> Value {
    let auth = json!({"tokenSecretRef": {"name": "vault", "key": "token"}});
    json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": name},
        "spec": {"provider": {"vault": {"server": vault.url(), "path": "secret", "version": "v2", "auth": auth}}}})
}

pub fn data(secret_key: &str, remote_key: &str, property: &str) -> Value {
    json!({"match": {"secretKey": secret_key, "remoteRef": {"remoteKey": remote_key, "property": property}}})
}

pub fn push_secret(extra: Value) -> Value {
    let mut object = json!({"apiVersion": ALPHA, "kind": "PushSecret", "metadata": {"name": "out"},
        "spec": {"refreshInterval": "1h", "secretStoreRefs": [{"name": "vault", "kind": "SecretStore"}],
            "selector": {"secret": {"name": "src"}}, "data": [data("pw", "app/db", "password")]}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    object
}

pub async fn ready(stage: &Stage) -> String {
    stage.condition(ALPHA, "PushSecret", "out", "Ready").await
}

pub const SYNCED: &str = "True Synced: PushSecret synced successfully";

#[tokio::test]
async fn a_value_is_stored_told_and_follows_its_source() {
    let (mut stage, vault) = stage("a-value-is-stored-told").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
    let object = stage.object(ALPHA, "PushSecret", "out").await.expect("it is there");
    let synced = &object["status"]["syncedPushSecrets"]["SecretStore/vault"]["app/db/password"];
    assert_eq!(synced["match"]["secretKey"], "pw");
    stage.apply(secret("src", &[("pw", "two")])).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "two"})), "a change is pushed at once");
    let writes = vault.count("PUT", "secret/data/app/db") + vault.count("POST", "secret/data/app/db");
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let before = stage.object(ALPHA, "PushSecret", "out").await.expect("it is there");
    stage.stop().await;
    start(&mut stage).await;
    let after = stage.object(ALPHA, "PushSecret", "out").await.expect("it is there");
    assert_eq!(version(&before), version(&after), "a restart writes nothing");
    assert_eq!(writes, vault.count("PUT", "secret/data/app/db") + vault.count("POST", "secret/data/app/db"));
}

#[tokio::test]
async fn what_was_pushed_goes_with_the_object_only_if_asked_for() {
    let (stage, vault) = stage("what-was-pushed-goes").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({}))).await;
    stage.remove(&push_secret(json!({}))).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})), "deletionPolicy None leaves it");
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    stage.remove(&push_secret(json!({}))).await;
    assert_eq!(vault.value("secret/app/db"), None);
    assert!(stage.object(ALPHA, "PushSecret", "out").await.is_none(), "its finalizer is gone, too");
}

#[tokio::test]
async fn a_foreign_value_is_neither_replaced_nor_deleted() {
    let (stage, vault) = stage("a-foreign-value-is-neither").await;
    vault.put("secret/app/db", json!({"password": "theirs"}));
    stage.apply(secret("src", &[("pw", "ours")])).await;
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    let told = ready(&stage).await;
    let start = "False Errored: set secret failed: could not write remote ref app/db to target secretstore vault: ";
    assert!(told.starts_with(start) && told.contains("not managed by external-secrets"), "{told}");
    stage.apply(push_secret(json!({"updatePolicy": "IfNotExists", "deletionPolicy": "Delete"}))).await;
    assert_eq!(ready(&stage).await, format!("{SYNCED}. Existing secrets in providers unchanged."));
    stage.remove(&push_secret(json!({}))).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "theirs"})));
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_taken_back_and_a_renamed_store_loses_nothing() {
    let (stage, vault) = stage("no-longer-wanted-is-taken-back").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    let moved = json!({"deletionPolicy": "Delete", "data": [data("pw", "app/new", "password")]});
    stage.apply(push_secret(moved.clone())).await;
    assert_eq!((vault.value("secret/app/db"), vault.value("secret/app/new").is_some()), (None, true));
    stage.apply(store("renamed", &vault)).await;
    let mut renamed = moved;
    renamed["secretStoreRefs"] = json!([{"name": "renamed", "kind": "SecretStore"}]);
    stage.apply(push_secret(renamed)).await;
    assert_eq!(ready(&stage).await, SYNCED);
    assert_eq!(vault.value("secret/app/new"), Some(json!({"password": "one"})));
    let object = stage.object(ALPHA, "PushSecret", "out").await.expect("it is there");
    let synced = object["status"]["syncedPushSecrets"].as_object().expect("it is told");
    assert_eq!(synced.keys().collect::<Vec<_>>(), ["SecretStore/renamed"]);
}

#[tokio::test]
async fn a_source_that_goes_takes_its_values_along_where_that_is_wanted() {
    let (stage, vault) = stage("a-source-that-goes").await;
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    assert_eq!(ready(&stage).await, "False Errored: could not get source secret: it does not exist");
    stage.apply(secret("src", &[("pw", "one")])).await;
    assert_eq!(ready(&stage).await, SYNCED, "it is pushed as soon as its source is there");
    stage.remove(&secret("src", &[])).await;
    assert_eq!(ready(&stage).await, "False SourceDeleted: source secret deleted; provider secrets cleaned up");
    assert_eq!(vault.value("secret/app/db"), None);
    stage.apply(secret("src", &[("pw", "back")])).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "back"})));
}

#[tokio::test]
async fn a_store_in_trouble_loses_nothing_and_what_was_pushed_is_told() {
    let (stage, vault) = stage("a-store-in-trouble").await;
    stage.apply(secret("src", &[("pw", "one"), ("user", "app")])).await;
    stage.apply(push_secret(json!({}))).await;
    vault.deny("secret/data/app/second");
    let two = json!({"data": [data("pw", "app/db", "password"), data("user", "app/second", "user")]});
    stage.apply(push_secret(two)).await;
    assert!(ready(&stage).await.starts_with("False Errored: set secret failed: could not write remote ref app/second"));
    let object = stage.object(ALPHA, "PushSecret", "out").await.expect("it is there");
    let synced = &object["status"]["syncedPushSecrets"]["SecretStore/vault"];
    assert!(synced["app/db/password"].is_object() && synced["app/second/user"].is_null(), "{synced}");
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
}

#[tokio::test]
async fn secrets_are_chosen_by_label_and_shaped_by_a_template() {
    let (stage, vault) = stage("secrets-are-chosen-by-label").await;
    stage.apply(secret("src", &[("user", "app"), ("pw", "x")])).await;
    let spec = json!({
        "selector": {"secret": {"selector": {"matchLabels": {"role": "src"}}}},
        "template": {"data": {"url": "{{ .user }}:{{ .pw }}"}},
        "data": [data("url", "app/url", "v")]});
    stage.apply(push_secret(spec)).await;
    assert_eq!(ready(&stage).await, SYNCED);
    assert_eq!(vault.value("secret/app/url"), Some(json!({"v": "app:x"})));
}

#[tokio::test]
async fn a_generated_value_is_pushed() {
    let (stage, vault) = stage("a-generated-value-is-pushed").await;
    stage.apply(json!({"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "metadata": {"name": "new"},
        "spec": {"length": 12, "digits": 0, "symbols": 0, "noUpper": true, "allowRepeat": true}})).await;
    let selector = json!({"generatorRef": {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "new"}});
    stage.apply(push_secret(json!({"selector": selector, "data": [data("password", "app/made", "p")]}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    let value = vault.value("secret/app/made").expect("it is stored");
    assert_eq!(value["p"].as_str().map(str::len), Some(12));
}
