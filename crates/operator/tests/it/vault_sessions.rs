//! External Secrets and Vault Secrets in one process, at one Vault: who proves the same logs in once, and a token ends with the
//! last who uses it. Vault is testkit's: it counts. Specification: VSO §8.8, ESO §10.5; design §5 "One Vault session".

use operator::feature::FeatureName;
use operator::{controllers, external_secrets, vault_secrets};
use serde_json::{Value, json};
use testkit::cluster::Rights;
use testkit::vault::Role;
use testkit::{Vault, peer_role};

use crate::stage::Stage;
use crate::vault_static_secret::{V1, auth, object, secret};

const ESO: &str = "external-secrets.io/v1";

/// A process with the rows of both features, under the rights of both peers and no more.
async fn start(stage: &mut Stage) {
    let [mut both, other] = ["external-secrets", "vault-secrets"].map(|feature| peer_role(feature, stage.namespace()));
    both.everywhere.extend(other.everywhere);
    both.within.extend(other.within);
    stage.rights = Some(("both", Rights { everywhere: both.everywhere, within: both.within }));
    let (stores, settings) =
        (external_secrets::Settings::default(), vault_secrets::Settings::new(stage.namespace().to_owned()));
    let own = stores.clone();
    let prepare = |process: &operator::process::Process| {
        process.shared().remember(own);
        vault_secrets::prepare(process.shared(), settings);
    };
    let rows = |driver| controllers::external_secrets(controllers::vault_secrets(driver), &stores);
    stage.start(FeatureName::VaultSecrets, prepare, rows).await;
}

/// A Vault with a secret and ways to log in, and what both roads need; none of them leads anywhere yet.
async fn on(name: &str) -> (Stage, Vault) {
    let vault = Vault::start().await;
    vault.enable_auth("kubernetes", "kubernetes");
    for role in ["reader", "writer"] {
        vault.role("kubernetes", role, Role::account(&["app", "other"], &["*"]));
    }
    vault.enable_auth("approle", "approle");
    vault.role("approle", "reader", Role::app_role("role-1", "secret-1"));
    vault.put("secret/db", json!({"user": "app", "password": "one"}));
    let mut stage = Stage::new("vault-secrets", name).await;
    start(&mut stage).await;
    for account in ["app", "other"] {
        stage.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})).await;
    }
    let connection = json!({"address": vault.url(), "skipTLSVerify": false});
    stage.apply(object("VaultConnection", "bao", connection)).await;
    (stage, vault)
}

fn store(vault: &Vault, auth: Value) -> Value {
    let provider = json!({"vault": {"server": vault.url(), "path": "secret", "auth": auth}});
    json!({"apiVersion": ESO, "kind": "SecretStore", "metadata": {"name": "store"}, "spec": {"provider": provider}})
}

fn as_account(name: &str) -> Value {
    json!({"kubernetes": {"mountPath": "kubernetes", "role": "reader", "serviceAccountRef": {"name": name}}})
}

fn external() -> Value {
    json!({"apiVersion": ESO, "kind": "ExternalSecret", "metadata": {"name": "user"},
        "spec": {"secretStoreRef": {"name": "store"}, "refreshInterval": "1h",
            "data": [{"secretKey": "v", "remoteRef": {"key": "db", "property": "user"}}]}})
}

async fn read_again(stage: &Stage, mark: &str) {
    let change = json!({"metadata": {"annotations": {"force-sync": mark}}});
    stage.patch(&external(), change.clone()).await;
    stage.patch(&secret(json!({})), change).await;
}

/// Both have read what stands there.
async fn both_work(stage: &Stage) {
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=app"));
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one user=app"));
    let synced = stage.condition(V1, "VaultStaticSecret", "db", "SecretSynced").await;
    assert!(synced.starts_with("True"), "{synced}");
    let ready = stage.condition(ESO, "ExternalSecret", "user", "Ready").await;
    assert!(ready.starts_with("True"), "{ready}");
}

fn revocations(vault: &Vault) -> usize {
    vault.count("PUT", "auth/token/revoke-self")
}

#[tokio::test]
async fn two_roads_with_one_identity_log_in_once() {
    let (stage, vault) = on("one-login").await;
    stage.apply(store(&vault, as_account("app"))).await;
    stage.apply(external()).await;
    stage.apply(auth(json!({}))).await;
    stage.apply(secret(json!({}))).await;
    both_work(&stage).await;
    assert_eq!((vault.logins(), vault.live_tokens()), (1, 1));
    // An edit that leaves the identity alone is no reason to log in, on either road.
    stage.apply(auth(json!({"allowedNamespaces": ["elsewhere"]}))).await;
    let mut edited = store(&vault, as_account("app"));
    edited["spec"]["refreshInterval"] = json!(600);
    stage.apply(edited).await;
    read_again(&stage, "1").await;
    both_work(&stage).await;
    assert_eq!((vault.logins(), revocations(&vault)), (1, 0));
    // A token that died is replaced once for both.
    vault.revoke_tokens();
    read_again(&stage, "2").await;
    both_work(&stage).await;
    assert_eq!(vault.logins(), 2);
}

#[tokio::test]
async fn a_token_ends_with_the_last_who_uses_it() {
    let (stage, vault) = on("last-user").await;
    stage.apply(auth(json!({}))).await;
    stage.apply(secret(json!({}))).await;
    stage.apply(store(&vault, as_account("app"))).await;
    stage.apply(external()).await;
    both_work(&stage).await;
    // Road 6 goes to another role; the store stays with the token.
    let other = json!({"role": "writer", "serviceAccount": "app", "tokenExpirationSeconds": 600});
    stage.apply(auth(json!({"kubernetes": other}))).await;
    read_again(&stage, "1").await;
    both_work(&stage).await;
    assert_eq!((vault.logins(), vault.live_tokens(), revocations(&vault)), (2, 2, 0));
    // It goes, and the token with it; the other road's stays.
    stage.remove(&store(&vault, Value::Null)).await;
    assert_eq!((vault.live_tokens(), revocations(&vault)), (1, 1));
    stage.patch(&secret(json!({})), json!({"metadata": {"annotations": {"read": "2"}}})).await;
    let synced = stage.condition(V1, "VaultStaticSecret", "db", "SecretSynced").await;
    assert!(synced.starts_with("True"), "{synced}");
    assert_eq!(vault.logins(), 2);
}

#[tokio::test]
async fn a_store_that_goes_leaves_the_token_to_the_other_road() {
    let (stage, vault) = on("store-goes").await;
    stage.apply(store(&vault, as_account("app"))).await;
    stage.apply(external()).await;
    stage.apply(auth(json!({}))).await;
    stage.apply(secret(json!({}))).await;
    stage.remove(&store(&vault, Value::Null)).await;
    assert_eq!((vault.live_tokens(), revocations(&vault)), (1, 0));
    stage.patch(&secret(json!({})), json!({"metadata": {"annotations": {"read": "1"}}})).await;
    both_work(&stage).await;
    assert_eq!(vault.logins(), 1);
}

#[tokio::test]
async fn who_proves_something_else_logs_in_alone() {
    let (stage, vault) = on("two-logins").await;
    stage.apply(store(&vault, as_account("other"))).await;
    stage.apply(external()).await;
    stage.apply(auth(json!({}))).await;
    stage.apply(secret(json!({}))).await;
    both_work(&stage).await;
    assert_eq!((vault.logins(), vault.live_tokens()), (2, 2));
}

#[tokio::test]
async fn a_new_secret_id_is_one_login_for_both_roads() {
    let (stage, vault) = on("secret-id").await;
    let proof = |value: &str| {
        let encoded = |text: &str| base::encoding::Base64::Standard.encode(text.as_bytes());
        let data = json!({"id": encoded(value), "same": encoded(value)});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "proof"}, "data": data})
    };
    stage.apply(proof("secret-1")).await;
    let by_role =
        json!({"appRole": {"path": "approle", "roleId": "role-1", "secretRef": {"name": "proof", "key": "same"}}});
    stage.apply(store(&vault, by_role)).await;
    stage.apply(external()).await;
    let method =
        json!({"method": "appRole", "mount": "approle", "appRole": {"roleId": "role-1", "secretRef": "proof"}});
    stage.apply(auth(method)).await;
    stage.apply(secret(json!({}))).await;
    both_work(&stage).await;
    assert_eq!(vault.logins(), 1);
    vault.role("approle", "reader", Role::app_role("role-1", "secret-2"));
    stage.apply(proof("secret-2")).await;
    read_again(&stage, "1").await;
    both_work(&stage).await;
    assert_eq!(vault.logins(), 2);
}
