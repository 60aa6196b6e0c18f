//! SealedSecret, from the sealed value to the Secret. Specification: SS §7, §10, §11.

use std::sync::Arc;

use operator::controllers;
use operator::feature::FeatureName;
use operator::sealed_secrets::{Keys, Settings};
use seal::{KeySet, Scope};
use serde_json::{Value, json};

use crate::stage::Stage;

pub const V1: &str = "bitnami.com/v1alpha1";

/// Small keys, so that a test need not wait for a large one.
pub fn settings(stage: &Stage) -> Settings {
    Settings { key_bits: 2048, ..Settings::new(stage.namespace()) }
}

pub async fn start(stage: &mut Stage) {
    let settings = settings(stage);
    start_with(stage, settings).await;
}

pub async fn start_with(stage: &mut Stage, settings: Settings) {
    let prepare = |process: &operator::process::Process| process.shared().remember(settings);
    stage.start(FeatureName::SealedSecrets, prepare, controllers::sealed_secrets).await;
}

pub async fn keys(stage: &Stage) -> Arc<KeySet> {
    stage.shared.as_ref().expect("a process runs").memory::<Keys>().loaded().await
}

/// `db`, sealed strictly for this namespace with the newest key.
pub fn sealed_secret(keys: &KeySet, namespace: &str, pairs: &[(&str, &str)]) -> Value {
    sealed_for(keys, &Scope::Strict.label(namespace, "db"), pairs)
}

pub fn sealed_for(keys: &KeySet, label: &seal::Label, pairs: &[(&str, &str)]) -> Value {
    let certificate = keys.newest().and_then(|key| key.certificate.as_ref()).expect("a key with a certificate");
    let mut items = json!({});
    for (key, value) in pairs {
        let sealed = certificate.public_key().seal(label, &base::SecretBytes::from(*value)).expect("it seals");
        items[*key] = json!(sealed.to_text());
    }
    json!({"apiVersion": V1, "kind": "SealedSecret", "metadata": {"name": "db"}, "spec": {"encryptedData": items}})
}

pub async fn synced(stage: &Stage) -> String {
    stage.condition(V1, "SealedSecret", "db", "Synced").await
}

#[tokio::test]
async fn a_key_is_made_once_and_opens_what_was_sealed_with_it() {
    let mut stage = Stage::new("sealed-secrets", "a-key-is-made-once").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    assert_eq!(keys.len(), 1);
    let sealed = sealed_secret(&keys, stage.namespace(), &[("password", "s3cr3t"), ("user", "app")]);
    stage.apply(sealed.clone()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=s3cr3t user=app"));
    assert_eq!(synced(&stage).await, "True : ");
    let secret = stage.object("v1", "Secret", "db").await.unwrap();
    assert_eq!(secret["metadata"]["ownerReferences"][0]["kind"], "SealedSecret");
    let told = stage.events().await;
    assert_eq!(told, ["Normal Unsealed: SealedSecret unsealed successfully"]);
    // A deleted Secret is made again; an edited one stays as it is until something happens (SS §11.1).
    stage.remove(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=s3cr3t user=app"));
    // After a restart the same key is used.
    stage.stop().await;
    start(&mut stage).await;
    assert_eq!(self::keys(&stage).await.len(), 1);
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=s3cr3t user=app"));
}

#[tokio::test]
async fn a_foreign_secret_is_not_touched_and_its_deletion_heals() {
    let mut stage = Stage::new("sealed-secrets", "a-foreign-secret-is-not-touched").await;
    start(&mut stage).await;
    let foreign = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"k": "dg=="}});
    stage.apply(foreign.clone()).await;
    stage.apply(sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("k=v"));
    let text = "Resource \"db\" already exists and is not managed by SealedSecret";
    assert_eq!(synced(&stage).await, format!("False : failed update: {text}"));
    stage.remove(&foreign).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
    assert_eq!(synced(&stage).await, "True : ");
}

#[tokio::test]
async fn what_no_key_opens_says_so_and_keeps_what_was_there() {
    let mut stage = Stage::new("sealed-secrets", "what-no-key-opens").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "x")])).await;
    stage.apply(sealed_secret(&keys, "another", &[("p", "y")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
    assert_eq!(synced(&stage).await, "False : no key could decrypt secret (p)");
}

#[tokio::test]
async fn a_restart_writes_nothing() {
    let mut stage = Stage::in_memory("sealed-secrets", "a-restart-writes-nothing").await;
    start(&mut stage).await;
    stage.apply(sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")])).await;
    stage.stop().await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    sandbox.recorder().clear();
    start(&mut stage).await;
    keys(&stage).await;
    stage.settle().await;
    assert!(sandbox.recorder().writes().is_empty(), "{:?}", sandbox.recorder().writes());
}

#[tokio::test]
async fn templates_make_values_of_opened_ones_and_say_what_is_wrong() {
    let mut stage = Stage::new("sealed-secrets", "templates-make-values").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    let mut sealed = sealed_secret(&keys, stage.namespace(), &[("password", "s3cr3t"), ("user", "app")]);
    sealed["spec"]["template"] = json!({"type": "Opaque", "metadata": {"labels": {"team": "a"}},
        "data": {"url": "pg://{{ .user }}:{{ .password }}@{{ .host }}", "host": "db", "user": null}});
    stage.apply(sealed.clone()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("host=db password=s3cr3t url=pg://app:s3cr3t@db"));
    sealed["spec"]["template"]["data"]["url"] = json!("{{ fail \"boom\" }}");
    stage.apply(sealed).await;
    assert_eq!(
        synced(&stage).await,
        "False : template: url:1:3: executing \"url\" at <fail \"boom\">: error calling fail: boom (url)"
    );
    assert!(
        stage.secret("db").await.is_some_and(|data| data.contains("url=pg://app:s3cr3t@db")),
        "what was there stays"
    );
}
