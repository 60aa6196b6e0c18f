//! Tokens that outlive the process: stored as the peer stores them, taken up by the next process, and never trusted blindly.
//! Specification: VSO §8.9, §20.

use operator::controllers;
use operator::feature::FeatureName;
use operator::vault_secrets::{self, Persistence, Settings, stored_clients};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::vault::Engine;

use crate::stage::Stage;
use crate::vault_static_secret::{V1, auth, secret, set};

async fn start(stage: &mut Stage, persistence: Persistence) {
    let settings = Settings { persistence, ..Settings::new(stage.namespace()) };
    let prepare = |process: &operator::process::Process| vault_secrets::prepare(process.shared(), settings);
    stage.start(FeatureName::VaultSecrets, prepare, controllers::vault_secrets).await;
}

/// A process that stores the token with which one secret was read.
async fn on(name: &str) -> (Stage, Vault) {
    let (mut stage, vault) = set(Stage::new("vault-secrets", name).await).await;
    stage.stop().await;
    start(&mut stage, Persistence::Plain).await;
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
async fn restart(stage: &mut Stage, persistence: Persistence) {
    stage.stop().await;
    start(stage, persistence).await;
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
    restart(&mut stage, Persistence::Plain).await;
    assert_eq!((vault.logins(), vault.count("PUT", "auth/token/renew-self")), (1, 1));
    assert_eq!(
        stored(&stage).await[0]["metadata"]["uid"],
        all[0]["metadata"]["uid"],
        "the same token is not stored again"
    );
    // Its server has forgotten it: the next process logs in and stores another.
    stage.stop().await;
    vault.revoke_tokens();
    start(&mut stage, Persistence::Plain).await;
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
    restart(&mut stage, Persistence::Plain).await;
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
    restart(&mut stage, Persistence::None).await;
    assert_eq!(stored(&stage).await.len(), 0, "what an earlier process has left is purged");
    stage.stop().await;
    start(&mut stage, Persistence::Plain).await;
    assert_eq!(stored(&stage).await.len(), 1);
    stage.remove(&auth(json!({}))).await;
    assert_eq!(stored(&stage).await.len(), 0);
}

/// A process that stores tokens encrypted, with the VaultAuth that holds the key.
async fn encrypted_on(name: &str) -> (Stage, Vault) {
    let (mut stage, vault) = set(Stage::new("vault-secrets", name).await).await;
    vault.mount("transit", Engine::transit(&["vso"]));
    stage.stop().await;
    start(&mut stage, Persistence::Encrypted).await;
    stage.apply(key_holder("keys", "true")).await;
    stage.apply(secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one user=app"));
    (stage, vault)
}

fn key_holder(name: &str, label: &str) -> Value {
    let mut holder = auth(json!({"storageEncryption": {"mount": "transit", "keyName": "vso"}}));
    holder["metadata"] = json!({"name": name, "labels": {"cacheStorageEncryption": label}});
    holder
}

#[tokio::test]
async fn an_encrypted_token_is_taken_up_and_never_lies_plain() {
    let (mut stage, vault) = encrypted_on("encrypted").await;
    let all = stored(&stage).await;
    assert_eq!(all.len(), 1, "the client of the key is stored nowhere");
    let labels = &all[0]["metadata"]["labels"];
    assert_eq!((labels["encrypted"].as_str(), labels["vaultTransitRef"].as_str()), (Some("true"), Some("keys")));
    let held =
        base::encoding::Base64::Standard.decode(all[0]["data"]["secret"].as_str().unwrap_or_default().as_bytes());
    let held: Value = serde_json::from_slice(held.expect("it is base64").expose()).expect("it is JSON");
    assert!(held["ciphertext"].as_str().is_some_and(|text| text.starts_with("vault:v1:")), "{held}");
    assert_eq!(held.as_object().map(serde_json::Map::len), Some(2));
    let renewals = vault.count("PUT", "auth/token/renew-self");
    restart(&mut stage, Persistence::Encrypted).await;
    let asked: Vec<_> = vault.server().requests().iter().map(|one| format!("{} {}", one.method, one.path)).collect();
    assert_eq!(vault.count("PUT", "transit/decrypt/vso"), 1, "{asked:?}");
    assert_eq!(vault.count("PUT", "auth/token/renew-self"), renewals + 1);
    assert_eq!(stored(&stage).await[0]["metadata"]["uid"], all[0]["metadata"]["uid"]);
    let scrape = stage.metrics();
    for line in [
        "vso_client_cache_storage_length 1",
        r#"vso_client_cache_storage_config{enforce_encryption="true"} 1"#,
        r#"vso_client_cache_storage_requests_total{operation="restore"} 1"#,
        r#"vso_client_cache_storage_operations_total{operation="restore"} 1"#,
        r#"controller_runtime_max_concurrent_reconciles{controller="vaultauth"}"#,
    ] {
        assert!(scrape.contains(line), "{line} in {scrape}");
    }
}

#[tokio::test]
async fn without_the_key_clients_log_in_and_nothing_is_stored_plain() {
    let (mut stage, vault) = encrypted_on("no-key").await;
    // What lies there plain is not taken up where encryption is enforced.
    restart(&mut stage, Persistence::Plain).await;
    let logins = vault.logins();
    stage.apply(auth(json!({"allowedNamespaces": ["elsewhere"]}))).await;
    assert_eq!(stored(&stage).await[0]["metadata"]["labels"]["encrypted"], Value::Null);
    restart(&mut stage, Persistence::Encrypted).await;
    assert!(vault.logins() > logins, "a plain token is not taken up");
    assert_eq!(stored(&stage).await[0]["metadata"]["labels"]["encrypted"], "true");
    // The engine refuses: syncs go on with a login.
    vault.deny("transit/");
    restart(&mut stage, Persistence::Encrypted).await;
    assert_eq!(stored(&stage).await.len(), 0);
    // Two VaultAuths with the label are none.
    vault.allow_all();
    stage.apply(key_holder("more-keys", "true")).await;
    restart(&mut stage, Persistence::Encrypted).await;
    assert_eq!(stored(&stage).await.len(), 0);
}

#[tokio::test]
async fn the_key_is_waited_for_and_then_missed() {
    let (mut stage, _vault) = set(Stage::new("vault-secrets", "await-key").await).await;
    let settings = Settings { persistence: Persistence::Encrypted, ..Settings::new(stage.namespace()) };
    let cluster = stage.driver().expect("a process runs").shared().cluster().clone();
    let told = async |limit: u64| {
        let limit = std::time::Duration::from_secs(limit);
        stored_clients::await_key(&cluster, &settings, limit).await.err().map(|fault| fault.chain())
    };
    let found = |found: u8| {
        format!(
            "cannot set up the encryption of stored clients: invalid VaultAuth for storage encryption, \
             found={found}, required=1"
        )
    };
    assert_eq!(told(0).await, Some(found(0)));
    let (late, ()) = tokio::join!(told(60), stage.apply(key_holder("keys", "true")));
    assert_eq!(late, None);
    stage.apply(key_holder("more-keys", "true")).await;
    assert_eq!(told(0).await, Some(found(2)));
    stage.stop().await;
}
