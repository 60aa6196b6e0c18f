//! VaultStaticSecret with its VaultAuth, VaultConnection, VaultAuthGlobal and SecretTransformation, from Vault to the Secret and
//! back to the status. Vault is testkit's: it counts and misbehaves. Specification: VSO §4–§11.

use operator::controllers;
use operator::feature::FeatureName;
use operator::vault_secrets::{self, Settings};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::http::Misbehaviour;
use testkit::vault::Role;

use crate::reloader::workload;
use crate::reloader_custom::{ROLLOUTS, install};
use crate::stage::Stage;

pub const V1: &str = "secrets.hashicorp.com/v1beta1";

pub async fn start(stage: &mut Stage) {
    let settings = Settings::new(stage.namespace());
    let prepare = |process: &operator::process::Process| vault_secrets::prepare(process.shared(), settings);
    stage.start(FeatureName::VaultSecrets, prepare, controllers::vault_secrets).await;
}

/// A Vault with one secret and a role for ServiceAccount `app`, and the objects that lead to it.
pub async fn set(mut stage: Stage) -> (Stage, Vault) {
    let vault = Vault::start().await;
    vault.enable_auth("kubernetes", "kubernetes");
    vault.role("kubernetes", "reader", Role::account(&["app"], &["*"]));
    vault.put("secret/db", json!({"user": "app", "password": "one"}));
    start(&mut stage).await;
    stage.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}})).await;
    stage.apply(connection(&vault.url())).await;
    stage.apply(auth(json!({}))).await;
    (stage, vault)
}

pub async fn on(name: &str) -> (Stage, Vault) {
    set(Stage::new("vault-secrets", name).await).await
}

pub fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": V1, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn connection(address: &str) -> Value {
    object("VaultConnection", "bao", json!({"address": address, "skipTLSVerify": false}))
}

pub fn with(mut spec: Value, extra: Value) -> Value {
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    spec
}

pub fn auth(extra: Value) -> Value {
    let spec = json!({"vaultConnectionRef": "bao", "method": "kubernetes", "mount": "kubernetes",
        "kubernetes": {"role": "reader", "serviceAccount": "app", "tokenExpirationSeconds": 600}});
    object("VaultAuth", "app", with(spec, extra))
}

pub fn secret(extra: Value) -> Value {
    let spec = json!({"vaultAuthRef": "app", "mount": "secret", "path": "db", "type": "kv-v2", "refreshAfter": "1h",
        "hmacSecretData": true,
        "destination": {"name": "db", "create": true, "overwrite": false, "transformation": {"excludeRaw": true}}});
    object("VaultStaticSecret", "db", with(spec, extra))
}

/// Touches an annotation: the users' way to have it read again.
async fn read_again(stage: &Stage, mark: &str) {
    stage.patch(&secret(json!({})), json!({"metadata": {"annotations": {"read": mark}}})).await;
}

async fn synced(stage: &Stage) -> String {
    stage.condition(V1, "VaultStaticSecret", "db", "SecretSynced").await
}

pub fn deployment(paused: bool) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"paused": paused, "replicas": 0, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}})
}

pub async fn restarted_at(stage: &Stage) -> Option<String> {
    let object = stage.object("apps/v1", "Deployment", "web").await?;
    let mark = &object["spec"]["template"]["metadata"]["annotations"]["vso.secrets.hashicorp.com/restartedAt"];
    mark.as_str().map(str::to_owned)
}

const STANDING: &str = "password=one user=app";

#[tokio::test]
async fn a_secret_is_read_written_and_told() {
    let (stage, vault) = on("read-written-told").await;
    stage.apply(secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
    assert!(synced(&stage).await.starts_with("True Synced: Secret synced, horizon="), "{}", synced(&stage).await);
    for (condition, text) in
        [("Healthy", "True Healthy: VaultStaticSecretHealthy"), ("Ready", "True Ready: VaultStaticSecretReady")]
    {
        assert_eq!(stage.condition(V1, "VaultStaticSecret", "db", condition).await, text);
    }
    let written = stage.object("v1", "Secret", "db").await.expect("it is written");
    let owner = stage.object(V1, "VaultStaticSecret", "db").await.expect("it stands");
    assert_eq!(written["metadata"]["labels"]["app.kubernetes.io/managed-by"], "hashicorp-vso");
    assert_eq!(written["metadata"]["labels"]["secrets.hashicorp.com/vso-ownerRefUID"], owner["metadata"]["uid"]);
    let references =
        json!([{"apiVersion": V1, "kind": "VaultStaticSecret", "name": "db", "uid": owner["metadata"]["uid"]}]);
    assert_eq!(written["metadata"]["ownerReferences"], references);
    assert_eq!(owner["metadata"]["finalizers"], json!(["vaultstaticsecret.secrets.hashicorp.com/finalizer"]));
    assert_eq!(owner["status"]["lastGeneration"], 1);
    let key = owner["status"]["vaultClientMeta"]["cacheKey"].as_str().unwrap_or_default();
    assert!(key.starts_with("kubernetes-") && key.len() == 33, "{key}");
    assert_eq!(owner["status"]["vaultClientMeta"]["id"].as_str().map(str::len), Some(64));
    assert!(stage.events().await.contains(&"Normal SecretSynced: Secret synced".to_owned()));
    assert_eq!((vault.logins(), vault.count("GET", "secret/data/db")), (1, 1));
    assert_eq!(stage.object(V1, "VaultAuth", "app").await.expect("it stands")["status"]["valid"], true);
    stage.remove(&secret(json!({}))).await;
    assert!(stage.object(V1, "VaultStaticSecret", "db").await.is_none(), "the finalizer goes");
}

#[tokio::test]
async fn a_rotation_reaches_the_secret_and_restarts_its_targets_once() {
    let (stage, vault) = on("rotation-restarts").await;
    stage.apply(deployment(false)).await;
    let targets = json!({"rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}, {"kind": "Deployment", "name": "gone"}]});
    stage.apply(secret(targets)).await;
    assert_eq!(restarted_at(&stage).await, None, "the first sync restarts nothing");
    vault.put("secret/db", json!({"user": "app", "password": "two"}));
    read_again(&stage, "1").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=two user=app"));
    let mark = restarted_at(&stage).await;
    assert!(mark.as_deref().is_some_and(|mark| mark.ends_with('Z')), "{mark:?}");
    let told = stage.events().await;
    assert!(
        told.contains(&"Normal RolloutRestartTriggered: Rollout restart triggered for {Deployment web}".to_owned()),
        "{told:?}"
    );
    let failed =
        "Warning RolloutRestartFailed: Rollout restart failed for target {Deployment gone}: err=failed to Get object";
    assert!(told.iter().any(|event| event.starts_with(failed)), "{told:?}");
    let condition = stage.condition(V1, "VaultStaticSecret", "db", "RolloutRestart").await;
    assert!(
        condition.starts_with("False RolloutRestartTriggeredFailed: Rollout restart trigger failed, err="),
        "{condition}"
    );
    read_again(&stage, "2").await;
    assert_eq!(restarted_at(&stage).await, mark, "nothing changed, nothing restarts");
    assert!(synced(&stage).await.starts_with("True"), "a failed restart does not fail the sync");
}

#[tokio::test]
async fn every_kind_of_target_is_restarted() {
    let (stage, vault) = on("targets").await;
    install(&stage, ROLLOUTS, &[("Rollout", "rollouts")]).await;
    let kinds =
        [("apps/v1", "Deployment"), ("apps/v1", "DaemonSet"), ("apps/v1", "StatefulSet"), (ROLLOUTS, "Rollout")];
    for (api_version, kind) in kinds {
        let mut object = workload(kind, "web", json!({}));
        object["apiVersion"] = json!(api_version);
        stage.apply(object).await;
    }
    let target = |kind: &str| json!({"kind": kind, "name": "web"});
    let targets: Vec<_> = ["Deployment", "DaemonSet", "StatefulSet", "argo.Rollout"].into_iter().map(target).collect();
    stage.apply(secret(json!({ "rolloutRestartTargets": targets }))).await;
    vault.put("secret/db", json!({"user": "app", "password": "two"}));
    read_again(&stage, "1").await;
    for (api_version, kind) in kinds {
        let spec = stage.object(api_version, kind, "web").await.expect("it stands")["spec"].clone();
        let mark = match kind {
            "Rollout" => &spec["restartAt"],
            _ => &spec["template"]["metadata"]["annotations"]["vso.secrets.hashicorp.com/restartedAt"],
        };
        assert!(mark.as_str().is_some_and(|mark| mark.ends_with('Z')), "{kind}: {spec}");
    }
    let told = stage.events().await;
    let restarts = told.iter().filter(|event| event.starts_with("Normal RolloutRestartTriggered")).count();
    assert_eq!(restarts, 4, "{told:?}");
    let condition = stage.condition(V1, "VaultStaticSecret", "db", "RolloutRestart").await;
    assert_eq!(condition, "True RolloutRestartTriggered: Rollout restart triggered");
}

#[tokio::test]
async fn a_paused_deployment_is_told_and_left() {
    let (stage, vault) = on("paused").await;
    stage.apply(deployment(true)).await;
    stage.apply(secret(json!({"rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}]}))).await;
    vault.put("secret/db", json!({"user": "app", "password": "two"}));
    read_again(&stage, "1").await;
    assert_eq!(restarted_at(&stage).await, None);
    let condition = stage.condition(V1, "VaultStaticSecret", "db", "RolloutRestart").await;
    assert!(condition.ends_with("/web is paused, cannot restart it"), "{condition}");
}

#[tokio::test]
async fn a_round_without_change_and_a_restart_write_nothing() {
    let (mut stage, vault) = set(Stage::in_memory("vault-secrets", "no-writes").await).await;
    for n in 0..20 {
        let mut one = secret(json!({"destination": {"name": format!("db-{n}"), "create": true}}));
        one["metadata"]["name"] = json!(format!("db-{n}"));
        stage.create(&one).await.expect("the sandbox takes it");
    }
    stage.settle().await;
    assert!(stage.secret("db-19").await.is_some_and(|data| data.contains("_raw=")));
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    stage.stop().await;
    sandbox.recorder().clear();
    vault.server().forget();
    start(&mut stage).await;
    // The token that the login brings is asked for by POST, which writes nothing.
    let writes: Vec<_> = sandbox.recorder().writes().into_iter().filter(|one| one.subresource != "token").collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert_eq!((vault.logins(), vault.count("GET", "secret/data/db")), (1, 20), "one login for all");
}

#[tokio::test]
async fn a_vault_in_trouble_never_empties_a_secret() {
    let (stage, vault) = on("trouble").await;
    stage.apply(secret(json!({}))).await;
    let failed = async |mark: &str, text: &str| {
        read_again(&stage, mark).await;
        assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING), "{mark}");
        let told = synced(&stage).await;
        assert!(
            told.starts_with("False Synced: Failed to sync the secret, horizon=") && told.contains(text),
            "{mark}: {told}"
        );
        assert_eq!(
            stage.condition(V1, "VaultStaticSecret", "db", "Ready").await,
            "False Ready: VaultStaticSecretReady"
        );
    };
    vault.deny("secret/data/db");
    failed("denied", "Code: 403").await;
    vault.allow_all();
    vault.server().misbehave("GET", "/v1/secret", 100, Misbehaviour::Nonsense);
    failed("nonsense", "err=").await;
    vault.server().behave();
    vault.remove("secret/db");
    failed("deleted", "the secret version is deleted or destroyed, path=\"secret/data/db\"").await;
    vault.put("secret/db", json!({"user": "app", "password": "one"}));
    read_again(&stage, "healed").await;
    assert!(synced(&stage).await.starts_with("True Synced: Secret synced"), "{}", synced(&stage).await);
    let told = stage.events().await;
    assert!(
        told.iter().any(|event| event.starts_with("Warning VaultClientError: Failed to read Vault secret:")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_dead_token_is_replaced_without_a_word() {
    let (stage, vault) = on("dead-token").await;
    stage.apply(secret(json!({}))).await;
    vault.revoke_tokens();
    vault.put("secret/db", json!({"user": "app", "password": "two"}));
    read_again(&stage, "1").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=two user=app"));
    assert!(synced(&stage).await.starts_with("True"), "{}", synced(&stage).await);
    assert_eq!(vault.logins(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let (stage, _vault) = on("missing").await;
    stage.apply(secret(json!({"path": "nothing"}))).await;
    assert!(synced(&stage).await.contains("err=empty response from Vault, path=\"secret/data/nothing\""));
    stage.apply(secret(json!({"vaultAuthRef": "a/b/c"}))).await;
    assert!(synced(&stage).await.contains("err=invalid name: a/b/c"), "{}", synced(&stage).await);
    stage.apply(secret(json!({"vaultAuthRef": "nobody"}))).await;
    assert!(synced(&stage).await.contains("\"nobody\" not found"), "{}", synced(&stage).await);
    assert_eq!(stage.secret("db").await, None);
    let told = stage.events().await;
    let failed = "Warning VaultClientConfigError: Failed to get Vault auth login: invalid name: a/b/c";
    assert!(told.contains(&failed.to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_foreign_secret_is_not_touched_unless_it_may_be_taken() {
    let (stage, _vault) = on("foreign").await;
    let foreign = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"k": "dg=="}});
    stage.apply(foreign).await;
    stage.apply(secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("k=v"));
    let place = format!("not the owner of the destination Secret {}/db", stage.namespace());
    assert!(synced(&stage).await.contains(&place), "{}", synced(&stage).await);
    let transformation = json!({"excludeRaw": true});
    let taking = json!({"name": "db", "create": true, "overwrite": true, "transformation": transformation});
    stage.apply(secret(json!({"destination": taking}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
}

#[tokio::test]
async fn without_create_only_the_data_is_replaced() {
    let (stage, _vault) = on("no-create").await;
    let destination = json!({"name": "db", "create": false, "transformation": {"excludeRaw": true}});
    stage.apply(secret(json!({"destination": destination}))).await;
    assert!(synced(&stage).await.contains("does not exist, and create=false"), "{}", synced(&stage).await);
    let labels = json!({"team": "blue"});
    let standing = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "labels": labels}, "data": {"k": "dg=="}});
    stage.apply(standing.clone()).await;
    read_again(&stage, "1").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
    let written = stage.object("v1", "Secret", "db").await.expect("it stands");
    assert_eq!(written["metadata"]["labels"], labels);
    assert!(written["metadata"]["ownerReferences"].is_null());
    // Nothing has changed: the destination is compared as it stands, so nothing is written (the peer writes every time).
    let version = written["metadata"]["resourceVersion"].clone();
    read_again(&stage, "2").await;
    let again = stage.object("v1", "Secret", "db").await.expect("it stands");
    assert_eq!(again["metadata"]["resourceVersion"], version);
}

#[tokio::test]
async fn a_deleted_secret_is_made_again_and_an_edited_one_repaired() {
    let (stage, _vault) = on("drift").await;
    stage.apply(secret(json!({}))).await;
    let named = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    stage.remove(&named).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
    stage.patch(&named, json!({"data": {"password": "ZXZpbA==", "extra": "eA=="}})).await;
    read_again(&stage, "1").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
}

#[tokio::test]
async fn a_renamed_destination_leaves_no_orphan() {
    let (stage, _vault) = on("renamed").await;
    stage.apply(secret(json!({}))).await;
    let destination = json!({"name": "other", "create": true, "transformation": {"excludeRaw": true}});
    stage.apply(secret(json!({"destination": destination}))).await;
    assert_eq!(stage.secret("other").await.as_deref(), Some(STANDING));
    assert_eq!(stage.secret("db").await, None);
}

#[tokio::test]
async fn app_roles_log_in_with_a_secret_of_the_namespace() {
    let (stage, vault) = on("app-role").await;
    vault.enable_auth("approle", "approle");
    vault.role("approle", "reader", Role::app_role("role-1", "secret-1"));
    let method =
        json!({"method": "appRole", "mount": "approle", "appRole": {"roleId": "role-1", "secretRef": "proof"}});
    stage.apply(auth(method)).await;
    let proof = |key: &str, value: &str| {
        let value = base::encoding::Base64::Standard.encode(value.as_bytes());
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "proof"}, "data": {key: value}})
    };
    stage.apply(secret(json!({}))).await;
    assert!(synced(&stage).await.contains("secrets \"proof\" not found"), "{}", synced(&stage).await);
    stage.apply(proof("wrong", "secret-1")).await;
    read_again(&stage, "1").await;
    assert!(synced(&stage).await.contains("no key \"id\" found in secret"), "{}", synced(&stage).await);
    stage.apply(proof("id", "secret-1")).await;
    read_again(&stage, "2").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
}

#[tokio::test]
async fn a_jwt_of_a_service_account_logs_in() {
    let (stage, vault) = on("jwt").await;
    vault.enable_auth("jwt", "jwt");
    vault.role("jwt", "reader", Role::account(&["app"], &["*"]).for_audience("bao"));
    let jwt = json!({"role": "reader", "serviceAccount": "app", "audiences": ["bao"], "tokenExpirationSeconds": 600});
    stage.apply(auth(json!({"method": "jwt", "mount": "jwt", "jwt": jwt}))).await;
    stage.apply(secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
}

#[tokio::test]
async fn a_global_fills_an_auth_and_its_change_reaches_the_users() {
    let (stage, vault) = on("global").await;
    vault.enable_auth("k8s-prod", "kubernetes");
    vault.role("k8s-prod", "reader", Role::account(&["app"], &["*"]));
    let global = |headers: Value| {
        let block = json!({"mount": "k8s-prod", "role": "reader", "serviceAccount": "app", "headers": headers, "tokenExpirationSeconds": 600});
        object("VaultAuthGlobal", "default", json!({"defaultAuthMethod": "kubernetes", "kubernetes": block}))
    };
    stage.apply(global(json!({"X-A": "one"}))).await;
    let merge = json!({"allowDefault": true, "mergeStrategy": {"headers": "union"}});
    stage.apply(object("VaultAuth", "app", json!({"vaultConnectionRef": "bao", "vaultAuthGlobalRef": merge}))).await;
    stage.apply(secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(STANDING));
    let logged_in = || {
        let asked = vault.server().requests();
        asked
            .iter()
            .filter(|one| one.path == "/v1/auth/k8s-prod/login")
            .map(|one| one.header("x-a").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(logged_in(), ["one"]);
    let available = stage.condition(V1, "VaultAuth", "app", "Available").await;
    assert!(available.starts_with("True VaultAuthGlobalRef: VaultAuthGlobal successfully merged, key="), "{available}");
    stage.apply(global(json!({"X-A": "two"}))).await;
    assert_eq!(logged_in(), ["one", "two"]);
}

#[tokio::test]
async fn transformations_shape_the_data() {
    let (stage, vault) = on("transformations").await;
    vault.put("secret/db", json!({"username": "u", "password": "p", "host": "h", "port": 5432, "internal_x": 1}));
    let shared = |text: &str| {
        object(
            "SecretTransformation",
            "urls",
            json!({
            "sourceTemplates": [{"name": "host", "text": "{{- get .Secrets \"host\" -}}:{{- get .Secrets \"port\" -}}"}],
            "templates": {"DB_URL": {"name": "dburl", "text": text}}, "excludes": ["^internal_"]}),
        )
    };
    stage.apply(shared("postgres://{{ get .Secrets \"username\" }}@{{ template \"host\" . }}")).await;
    let transformation = json!({"excludeRaw": true, "includes": ["^(username|password)$"],
        "transformationRefs": [{"name": "urls", "templateRefs": [{"name": "DB_URL", "keyOverride": "url"}]}]});
    stage.apply(secret(json!({"destination": {"name": "db", "create": true, "transformation": transformation}}))).await;
    let expected = "password=p url=postgres://u@h:5432 username=u";
    assert_eq!(stage.secret("db").await.as_deref(), Some(expected));
    stage.apply(shared("{{ nonsense }}")).await;
    read_again(&stage, "1").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(expected), "a broken template changes nothing");
    assert!(synced(&stage).await.contains("/urls is in an invalid state"), "{}", synced(&stage).await);
    let status = stage.object(V1, "SecretTransformation", "urls").await.expect("it stands")["status"].clone();
    assert!(
        status["valid"] == false
            && status["error"].as_str().is_some_and(|text| text.contains("\"nonsense\" not defined")),
        "{status}"
    );
}

#[tokio::test]
async fn a_connection_is_told_by_what_the_server_says() {
    let (stage, vault) = on("connection").await;
    let told = async |condition: &str| stage.condition(V1, "VaultConnection", "bao", condition).await;
    assert_eq!(told("VaultPing").await, format!("True Accepted: Vault ping, address={}", vault.url()));
    vault.seal(true);
    stage.patch(&connection(""), json!({"metadata": {"annotations": {"ping": "1"}}})).await;
    assert!(told("VaultPing").await.starts_with("True"), "a sealed server answers");
    stage.apply(connection("http://127.0.0.1:1")).await;
    assert!(
        told("VaultPing")
            .await
            .starts_with("False InvalidConfiguration: Vault ping failed, address=http://127.0.0.1:1, errs=")
    );
    assert_eq!(told("Healthy").await, "False Unhealthy: VaultConnectionUnhealthy");
    stage.apply(connection("ftp://x")).await;
    assert!(
        told("VaultClient")
            .await
            .starts_with("False VaultClientConfigError: Failed to setup Vault client, address=ftp://x")
    );
    let object = stage.object(V1, "VaultConnection", "bao").await.expect("it stands");
    assert_eq!(object["status"]["valid"], false);
    assert_eq!(object["metadata"]["finalizers"], json!(["vaultconnection.secrets.hashicorp.com/finalizer"]));
}
