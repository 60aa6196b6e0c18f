//! Values that are made: kept while nothing is due, made anew when it is, told when they cannot be. Specification: ESO §6.3, §11.

use sandbox::{Fate, Trouble};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::vault::{Engine, ROOT, Role, Terms};

use crate::external_secret::{stage, start};
use crate::stage::Stage;

const V1: &str = "external-secrets.io/v1";
const GROUP: &str = "generators.external-secrets.io/v1alpha1";

fn generator(kind: &str, spec: Value) -> Value {
    json!({"apiVersion": GROUP, "kind": kind, "metadata": {"name": "new"}, "spec": spec})
}

fn user(kind: &str, name: &str) -> Value {
    json!({"apiVersion": V1, "kind": "ExternalSecret", "metadata": {"name": "db"}, "spec": {"refreshInterval": "1h",
        "dataFrom": [{"sourceRef": {"generatorRef": {"apiVersion": GROUP, "kind": kind, "name": name}}}],
        "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"}}})
}

fn password() -> Value {
    generator("Password", json!({"length": 20, "digits": 5, "symbols": 0, "noUpper": false, "allowRepeat": true}))
}

async fn force(stage: &Stage, number: u8) {
    let change = json!({"metadata": {"annotations": {"force-sync": number.to_string()}}});
    stage.patch(&user("Password", "new"), change).await;
}

async fn ready(stage: &Stage) -> String {
    stage.condition(V1, "ExternalSecret", "db", "Ready").await
}

async fn vault() -> Vault {
    let vault = Vault::start().await;
    let terms = Terms { ttl_seconds: 600, ..Terms::default() };
    vault.mount("database", Engine::database(&[("app", terms)], &[]));
    vault
}

fn dynamic(vault: &Vault) -> Value {
    let auth = json!({"tokenSecretRef": {"name": "vault", "namespace": "somewhere-else", "key": "token"}});
    generator(
        "VaultDynamicSecret",
        json!({"path": "/database/creds/app", "method": "GET", "provider": {"server": vault.url(), "auth": auth}}),
    )
}

fn token() -> Value {
    let token = base::encoding::Base64::Standard.encode(ROOT.as_bytes());
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault"}, "data": {"token": token}})
}

#[tokio::test]
async fn a_password_is_made_once_and_outlives_a_restart() {
    let mut stage = stage("a-password-is-made-once").await;
    stage.apply(password()).await;
    stage.apply(user("Password", "new")).await;
    let first = stage.secret("db").await.expect("it is written");
    assert_eq!(
        (first.len(), ready(&stage).await),
        ("password=".len() + 20, "True SecretSynced: secret synced".to_owned())
    );
    force(&stage, 1).await;
    let second = stage.secret("db").await.expect("it is still there");
    assert_ne!(second, first, "a refresh makes a new one");
    stage.stop().await;
    start(&mut stage).await;
    assert_eq!(stage.secret("db").await, Some(second), "a restart makes nothing");
}

#[tokio::test]
async fn a_cluster_generator_serves_every_namespace() {
    let stage = stage("a-cluster-generator-serves").await;
    let name = stage.namespace().to_owned();
    let spec = json!({"kind": "Password", "generator": {"passwordSpec": {"length": 8, "digits": 0, "symbols": 0, "noUpper": true,
        "allowRepeat": true, "secretKeys": ["one", "two"]}}});
    stage
        .apply(json!({"apiVersion": GROUP, "kind": "ClusterGenerator", "metadata": {"name": name}, "spec": spec}))
        .await;
    stage.apply(user("ClusterGenerator", &name)).await;
    let secret = stage.object("v1", "Secret", "db").await.expect("it is written");
    let keys: Vec<&String> = secret["data"].as_object().into_iter().flat_map(|data| data.keys()).collect();
    assert_eq!(keys, ["one", "two"]);
}

#[tokio::test]
async fn an_account_of_a_database_is_made_and_its_session_kept() {
    let (stage, vault) = (stage("an-account-of-a-database").await, vault().await);
    stage.apply(token()).await;
    stage.apply(dynamic(&vault)).await;
    stage.apply(user("VaultDynamicSecret", "new")).await;
    let first = stage.secret("db").await.expect("it is written");
    assert!(first.contains("username=") && first.contains("password="), "{}", ready(&stage).await);
    assert_eq!(vault.live_leases().len(), 1);
    force(&stage, 1).await;
    assert_ne!(stage.secret("db").await, Some(first));
    assert_eq!(vault.live_leases().len(), 2, "the old account lives until its lease ends");
}

/// What a generator was opened with goes with its last user, as a store's client goes with the store.
#[tokio::test]
async fn a_session_is_forgotten_with_its_last_user() {
    let (stage, vault) = (stage("a-session-is-forgotten").await, vault().await);
    vault.enable_auth("approle", "approle");
    vault.role("approle", "maker", Role::app_role("role-1", "secret-1"));
    let id = base::encoding::Base64::Standard.encode(b"secret-1");
    stage.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault"}, "data": {"id": id}})).await;
    let mut maker = dynamic(&vault);
    maker["spec"]["provider"]["auth"] =
        json!({"appRole": {"path": "approle", "roleId": "role-1", "secretRef": {"name": "vault", "key": "id"}}});
    stage.apply(maker).await;
    let named = |name: &str| {
        let mut user = user("VaultDynamicSecret", "new");
        user["metadata"]["name"] = json!(name);
        user
    };
    let (first, second) = (named("first"), named("second"));
    stage.apply(first.clone()).await;
    assert!(stage.secret("first").await.is_some(), "{}", stage.condition(V1, "ExternalSecret", "first", "Ready").await);
    stage.apply(second.clone()).await;
    stage.remove(&first).await;
    stage.apply(first.clone()).await;
    assert_eq!(vault.logins(), 1, "another still uses it");
    stage.remove(&first).await;
    stage.remove(&second).await;
    stage.apply(second.clone()).await;
    assert_eq!(vault.logins(), 2, "nobody used it any more");
    // A user that turns to another generator leaves the first one, too.
    stage.apply(password()).await;
    stage.patch(&second, json!({"spec": user("Password", "new")["spec"]})).await;
    stage.patch(&second, json!({"spec": user("VaultDynamicSecret", "new")["spec"]})).await;
    assert_eq!(vault.logins(), 3);
}

#[tokio::test]
async fn what_cannot_be_made_changes_no_secret() {
    let (stage, vault) = (stage("what-cannot-be-made").await, vault().await);
    stage.apply(token()).await;
    stage.apply(dynamic(&vault)).await;
    stage.apply(user("VaultDynamicSecret", "new")).await;
    let first = stage.secret("db").await.expect("it is written");
    vault.deny("database/");
    force(&stage, 1).await;
    let told = ready(&stage).await;
    let start = "False SecretSyncedError: could not get secret data from provider: error processing \
        spec.dataFrom[0].sourceRef.generatorRef, err: error using generator: ";
    assert!(told.starts_with(start), "{told}");
    assert_eq!(stage.secret("db").await, Some(first));
}

#[tokio::test]
async fn nothing_is_made_for_a_refresh_that_fails_anyway() {
    let (stage, vault) = (stage("nothing-is-made-for").await, vault().await);
    stage.apply(token()).await;
    stage.apply(dynamic(&vault)).await;
    stage
        .apply(json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"},
        "spec": {"provider": {"fake": {"data": []}}}}))
        .await;
    let mut user = user("VaultDynamicSecret", "new");
    user["spec"]["secretStoreRef"] = json!({"name": "fake"});
    user["spec"]["data"] = json!([{"secretKey": "v", "remoteRef": {"key": "missing"}}]);
    stage.apply(user).await;
    assert!(ready(&stage).await.starts_with("False SecretSyncedError"));
    assert_eq!((stage.secret("db").await, vault.live_leases().len()), (None, 0));
}

#[tokio::test]
async fn what_is_not_there_or_not_built_is_told() {
    let stage = stage("what-is-not-there-or-not-built").await;
    stage.apply(generator("MFA", json!({"secret": {"name": "mfa", "key": "seed"}}))).await;
    for (kind, name, told) in [
        ("Password", "nobody", "error using generator: cannot find Password"),
        ("MFA", "new", "error using generator: generators of kind MFA are not built yet"),
        ("ClusterGenerator", "nobody-at-all", "error using generator: cannot find ClusterGenerator"),
    ] {
        stage.apply(user(kind, name)).await;
        let said = ready(&stage).await;
        assert!(said.contains(told), "{said}");
        assert_eq!(stage.secret("db").await, None);
    }
}

#[tokio::test]
async fn a_generator_of_another_class_is_left_to_its_controller() {
    let stage = stage("a-generator-of-another-class").await;
    stage.apply(generator("Fake", json!({"controller": "other", "data": {"a": "b"}}))).await;
    stage.apply(user("Fake", "new")).await;
    assert_eq!((stage.secret("db").await, ready(&stage).await), (None, " : ".to_owned()));
}

#[tokio::test]
async fn what_was_made_for_a_write_that_failed_is_written_later() {
    let mut stage = Stage::in_memory("external-secrets", "made-for-a-write-that-failed").await;
    start(&mut stage).await;
    let vault = vault().await;
    stage.apply(token()).await;
    stage.apply(dynamic(&vault)).await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let refused = sandbox.trouble(Trouble::on("create", "secrets", Fate::Away));
    stage.apply(user("VaultDynamicSecret", "new")).await;
    force(&stage, 1).await;
    assert!(
        ready(&stage).await.starts_with("False SecretSyncedError: could not update secret"),
        "{}",
        ready(&stage).await
    );
    assert!(refused.hits() > 1);
    assert_eq!(vault.live_leases().len(), 1, "no account is made in vain");
    refused.end();
    force(&stage, 2).await;
    assert!(stage.secret("db").await.is_some_and(|data| data.contains("username=")), "{}", ready(&stage).await);
    assert_eq!(vault.live_leases().len(), 1);
    force(&stage, 3).await;
    assert_eq!(vault.live_leases().len(), 2, "each refresh makes a new one");
}
