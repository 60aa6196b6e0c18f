//! Tokens that outlive the process: stored as the peer stores them, taken up by the next process, and never trusted blindly.
//! Specification: VSO §8.9, §20.

use operator::controllers;
use operator::feature::FeatureName;
use operator::vault_secrets::{self, Settings};
use serde_json::{Value, json};
use testkit::Vault;

use crate::stage::Stage;
use crate::vault_static_secret::{V1, auth, secret, set};

async fn start(stage: &mut Stage, stores_clients: bool) {
    let settings = Settings { stores_clients, ..Settings::new(stage.namespace()) };
    let prepare = |process: &operator::process::Process| vault_secrets::prepare(process.shared(), settings);
    stage.start(FeatureName::VaultSecrets, prepare, controllers::vault_secrets).await;
}

/// A process that stores the token with which one secret was read.
async fn on(name: &str) -> (Stage, Vault) {
    let (mut stage, vault) = set(Stage::new("vault-secrets", name).await).await;
    stage.stop().await;
    start(&mut stage, true).await;
    stage.apply(secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one user=app"));
    (stage, vault)
}

async fn stored(stage: &Stage) -> Vec<Value> {
    let mut all = stage.list("v1", "Secret").await.expect("the cluster answers");
    all.retain(|secret| secret["metadata"]["labels"]["app.kubernetes.io/component"] == "client-cache-storage");
    all
}

/// Ends the process and starts another, which reads the secret as well.
async fn restart(stage: &mut Stage, stores_clients: bool) {
    stage.stop().await;
    start(stage, stores_clients).await;
    let synced = stage.condition(V1, "VaultStaticSecret", "db", "SecretSynced").await;
    assert!(synced.starts_with("True"), "{synced}");
}

#[tokio::test]
async fn the_next_process_goes_on_with_the_token() {
    let (mut stage, vault) = on("go-on").await;
    let all = stored(&stage).await;
    let status = stage.object(V1, "VaultStaticSecret", "db").await.expect("it stands")["status"].clone();
    let key = status["vaultClientMeta"]["cacheKey"].as_str().unwrap_or_default();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["metadata"]["name"], format!("vso-cc-{key}"));
    assert_eq!((all[0]["immutable"].as_bool(), vault.logins()), (Some(true), 1));
    restart(&mut stage, true).await;
    assert_eq!((vault.logins(), vault.count("PUT", "auth/token/renew-self")), (1, 1));
    assert_eq!(
        stored(&stage).await[0]["metadata"]["uid"],
        all[0]["metadata"]["uid"],
        "the same token is not stored again"
    );
    // Its server has forgotten it: the next process logs in and stores another.
    stage.stop().await;
    vault.revoke_tokens();
    start(&mut stage, true).await;
    let again = stored(&stage).await;
    assert_eq!((vault.logins(), again.len()), (2, 1));
    assert_ne!(again[0]["metadata"]["uid"], all[0]["metadata"]["uid"]);
}

#[tokio::test]
async fn what_somebody_has_changed_is_not_taken_up() {
    let (mut stage, vault) = on("changed").await;
    stage.stop().await;
    let mut changed = stored(&stage).await.remove(0);
    let name = changed["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    stage.delete("v1", "Secret", &name).await.expect("the cluster deletes");
    let login = base::encoding::Base64::Standard.encode(br#"{"auth":{"client_token":"root","renewable":true}}"#);
    changed["data"]["secret"] = json!(login);
    (changed["apiVersion"], changed["kind"]) = (json!("v1"), json!("Secret"));
    changed["metadata"] = json!({"name": name, "labels": changed["metadata"]["labels"]});
    stage.create(&changed).await.expect("the cluster takes it");
    restart(&mut stage, true).await;
    assert_eq!(vault.logins(), 2);
    let asked = vault.server().requests();
    assert!(asked.iter().all(|one| one.header("x-vault-token") != "root"), "the planted token is never sent");
    assert_ne!(stored(&stage).await[0]["data"]["secret"], json!(login));
}

#[tokio::test]
async fn stored_clients_go_with_their_auth_and_where_none_shall_be() {
    let (mut stage, _vault) = on("pruned").await;
    let first = stored(&stage).await;
    stage.apply(auth(json!({"allowedNamespaces": ["elsewhere"]}))).await;
    let second = stored(&stage).await;
    assert_eq!(second.len(), 1, "that of the older generation goes");
    assert_ne!(first[0]["metadata"]["name"], second[0]["metadata"]["name"]);
    restart(&mut stage, false).await;
    assert_eq!(stored(&stage).await.len(), 0, "what an earlier process has left is purged");
    stage.stop().await;
    start(&mut stage, true).await;
    assert_eq!(stored(&stage).await.len(), 1);
    stage.remove(&auth(json!({}))).await;
    assert_eq!(stored(&stage).await.len(), 0);
}
