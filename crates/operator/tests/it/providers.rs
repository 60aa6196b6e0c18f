//! One value through every provider: store judged, Secret written, changed and kept. Servers are the testkit's, on 127.0.0.1;
//! the API server of the `kubernetes` store is the scenario's own. Specification: ESO §6.8, §10.1–10.9, §3.1 (v1beta1).

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};
use testkit::vault::{Engine, ROOT, Role};
use testkit::{Aws, Vault};

use crate::external_secret::{stage, start};
use crate::stage::Stage;

const V1: &str = "external-secrets.io/v1";
const FEATURE: &str = "external-secrets";

fn secret(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
}

/// A Secret as both clusters take it: the sandbox knows no stringData.
fn encoded(mut secret: Value) -> Value {
    let texts = secret["stringData"].take();
    let entry = |(key, text): (&String, &Value)| {
        let text = text.as_str().unwrap_or_default();
        (key.clone(), json!(base::encoding::Base64::Standard.encode(text.as_bytes())))
    };
    secret["data"] = texts.as_object().into_iter().flatten().map(entry).collect();
    if let Some(members) = secret.as_object_mut() {
        members.remove("stringData");
    }
    secret
}

fn store(provider: Value) -> Value {
    json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "store"}, "spec": {"provider": provider}})
}

fn user(data: Value) -> Value {
    json!({"apiVersion": V1, "kind": "ExternalSecret", "metadata": {"name": "user"},
        "spec": {"secretStoreRef": {"name": "store"}, "refreshInterval": "1h", "data": data,
            "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"}}})
}

fn one(key: &str, property: &str) -> Value {
    user(json!([{"secretKey": "v", "remoteRef": {"key": key, "property": property}}]))
}

fn all(entry: Value) -> Value {
    let mut object = user(json!([]));
    object["spec"]["dataFrom"] = json!([entry]);
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("data");
    }
    object
}

async fn refresh(stage: &Stage, mark: &str) {
    stage.patch(&user(json!([])), json!({"metadata": {"annotations": {"force-sync": mark}}})).await;
}

async fn judged(stage: &Stage) -> String {
    let ready = stage.condition(V1, "SecretStore", "store", "Ready").await;
    let standing = stage.object(V1, "SecretStore", "store").await.unwrap_or_default();
    format!("{ready} [{}]", standing["status"]["capabilities"].as_str().unwrap_or_default())
}

fn by_token(vault: &Vault) -> Value {
    json!({"vault": {"server": vault.url(), "path": "secret",
        "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}}})
}

#[tokio::test]
async fn a_value_of_vault_comes_and_follows_its_token() {
    let vault = Vault::start().await;
    vault.put("secret/app", json!({"user": "one"}));
    let stage = stage("a-value-of-vault-comes-and-follows-its").await;
    stage.apply(encoded(secret("token", json!({"token": ROOT})))).await;
    stage.apply(store(by_token(&vault))).await;
    assert_eq!(judged(&stage).await, "True Valid: store validated [ReadWrite]");
    stage.apply(one("app", "user")).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=one"));
    // A policy that refuses never empties a Secret.
    vault.deny("secret/");
    refresh(&stage, "1").await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=one"));
    let ready = stage.condition(V1, "ExternalSecret", "user", "Ready").await;
    assert!(ready.starts_with("False SecretSyncedError: could not get secret data from provider"), "{ready}");
    vault.allow_all();
    vault.put("secret/app", json!({"user": "two"}));
    refresh(&stage, "2").await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=two"));
    // The token in the Secret counts from its next use on.
    stage.apply(encoded(secret("token", json!({"token": "s.nobody"})))).await;
    refresh(&stage, "3").await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=two"));
    let ready = stage.condition(V1, "ExternalSecret", "user", "Ready").await;
    assert!(ready.starts_with("False SecretSyncedError"), "{ready}");
}

#[tokio::test]
async fn vault_takes_the_token_of_a_service_account() {
    let vault = Vault::start().await;
    vault.put("secret/app", json!({"user": "one"}));
    vault.put("secret/more", json!({"a": "1"}));
    let mut stage = Stage::new(FEATURE, "vault-takes-the-token-of-a-service-acc").await;
    vault.enable_auth("kubernetes", "kubernetes");
    vault.role("kubernetes", "app", Role::account(&["reader"], &[stage.namespace()]).for_audience("vault"));
    stage.account("reader", &[]).await;
    start(&mut stage).await;
    let account = json!({"name": "reader", "audiences": ["vault"]});
    stage
        .apply(store(json!({"vault": {"server": vault.url(), "path": "secret",
            "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "app", "serviceAccountRef": account}}}})))
        .await;
    assert_eq!(judged(&stage).await, "True Valid: store validated [ReadWrite]");
    stage.apply(all(json!({"find": {"name": {"regexp": "."}}}))).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some(r#"app={"user":"one"} more={"a":"1"}"#));
    assert_eq!(vault.logins(), 1, "validation and reads share a login");
}

#[tokio::test]
async fn openbao_has_a_key_of_its_own() {
    let vault = Vault::start().await;
    vault.mount("kv", Engine::kv2());
    vault.put("kv/app", json!({"user": "one"}));
    let stage = stage("openbao-has-a-key-of-its-own").await;
    stage.apply(encoded(secret("token", json!({"token": ROOT})))).await;
    let auth = json!({"tokenSecretRef": {"name": "token", "key": "token"}});
    stage.apply(store(json!({"openBao": {"server": vault.url(), "auth": auth}}))).await;
    assert_eq!(judged(&stage).await, "True Valid: store validated [ReadOnly]");
    stage.apply(all(json!({"extract": {"key": "app"}}))).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("user=one"));
}

async fn at_aws(name: &str, aws: &Aws) -> Stage {
    let mut stage = Stage::new(FEATURE, name).await;
    let url = aws.url();
    let variables = [("AWS_ENDPOINT_URL", url.as_str()), ("AWS_EC2_METADATA_DISABLED", "true")];
    stage.surroundings.environment = variables.into_iter().collect();
    start(&mut stage).await;
    let keys = json!({"id": testkit::aws::ACCESS_KEY, "secret": testkit::aws::SECRET_KEY});
    stage.apply(encoded(secret("aws", keys))).await;
    stage
}

fn aws_store(service: &str) -> Value {
    let key = |key: &str| json!({"name": "aws", "key": key});
    store(json!({"aws": {"service": service, "region": "eu-central-1", "auth": {"secretRef": {
        "accessKeyIDSecretRef": key("id"), "secretAccessKeySecretRef": key("secret")}}}}))
}

#[tokio::test]
async fn values_of_secrets_manager_come_and_go_by_policy() {
    let aws = Aws::start().await;
    aws.put_secret("app/db", r#"{"user":"one"}"#);
    let stage = at_aws("values-of-secrets-manager-come-and-go", &aws).await;
    stage.apply(aws_store("SecretsManager")).await;
    assert_eq!(judged(&stage).await, "True Valid: store validated [ReadWrite]");
    stage.apply(one("app/db", "user")).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=one"));
    aws.put_secret("app/db", r#"{"user":"two"}"#);
    refresh(&stage, "1").await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=two"));
    stage.apply(one("app/gone", "user")).await;
    let ready = stage.condition(V1, "ExternalSecret", "user", "Ready").await;
    assert!(ready.starts_with("False SecretSyncedError: could not get secret data from provider"), "{ready}");
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=two"), "what is missing empties nothing");
}

#[tokio::test]
async fn parameters_are_found_below_a_path() {
    let aws = Aws::start().await;
    aws.put_parameter("/app/a", "1");
    aws.put_parameter("/app/deep/b", "2");
    aws.put_parameter("/other", "3");
    let stage = at_aws("parameters-are-found-below-a-path", &aws).await;
    stage.apply(aws_store("ParameterStore")).await;
    stage.apply(all(json!({"find": {"path": "/app", "name": {"regexp": "."}}}))).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("_app_a=1 _app_deep_b=2"));
}

#[tokio::test]
async fn a_service_account_is_a_role_at_aws() {
    let aws = Aws::start().await;
    aws.put_secret("app", "one");
    let stage = at_aws("a-service-account-is-a-role-at-aws", &aws).await;
    let role = "arn:aws:iam::123456789012:role/app";
    let meta = json!({"name": "app", "annotations": {"eks.amazonaws.com/role-arn": role}});
    stage.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})).await;
    let auth = json!({"jwt": {"serviceAccountRef": {"name": "app"}}});
    let provider = json!({"aws": {"service": "SecretsManager", "region": "eu-central-1", "auth": auth}});
    stage.apply(store(provider)).await;
    assert_eq!(judged(&stage).await, "True Valid: store validated [ReadWrite]");
    stage.apply(user(json!([{"secretKey": "v", "remoteRef": {"key": "app"}}]))).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=one"));
    assert_eq!(aws.count("AssumeRoleWithWebIdentity"), 1, "validation and reads share the role's keys");
}

#[tokio::test]
async fn secrets_of_an_api_server_come_by_the_rights_of_an_account() {
    let mut stage = Stage::new(FEATURE, "secrets-of-an-api-server-come-by-the-ri").await;
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let reads = PolicyRule {
        verbs: texts(&["get", "list"]),
        api_groups: Some(texts(&[""])),
        resources: Some(texts(&["secrets"])),
        ..PolicyRule::default()
    };
    stage.account("reader", &[reads]).await;
    stage.account("blind", &[]).await;
    let address = stage.address().await;
    start(&mut stage).await;
    stage.apply(encoded(secret("source", json!({"user": "one", "conf": r#"{"a":{"b":"deep"}}"#})))).await;
    let by = |account: &str| {
        store(json!({"kubernetes": {"server": {"url": address.url, "caBundle": address.ca_bundle},
            "remoteNamespace": stage.namespace(), "auth": {"serviceAccount": {"name": account}}}}))
    };
    stage.apply(by("blind")).await;
    let rules = "False InvalidProviderConfig: unable to validate store: client is not allowed to get secrets []";
    assert_eq!(judged(&stage).await, rules);
    let told = "Warning InvalidProviderConfig: client is not allowed to get secrets".to_owned();
    assert!(stage.events().await.contains(&told), "{:?}", stage.events().await);
    stage.apply(by("reader")).await;
    assert_eq!(judged(&stage).await, "True Valid: store validated [ReadWrite]");
    stage.apply(one("source", "conf.a.b")).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=deep"));
}

#[tokio::test]
async fn stores_are_judged_in_the_peers_words() {
    let vault = Vault::start().await;
    let stage = stage("stores-are-judged-in-the-peers-words").await;
    stage.apply(store(by_token(&vault))).await;
    let missing = judged(&stage).await;
    let start =
        "False InvalidProviderConfig: unable to create client: cannot get Kubernetes secret \"token\" from namespace ";
    assert!(missing.starts_with(start) && missing.ends_with(": secrets \"token\" not found []"), "{missing}");
    stage.apply(encoded(secret("token", json!({"token": "s.nobody"})))).await;
    stage
        .apply(store(json!({"vault": {"server": vault.url(), "path": "secret", "version": "v1",
        "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}}})))
        .await;
    let told = judged(&stage).await;
    assert!(
        told.starts_with("False InvalidProviderConfig: unable to validate store: invalid vault credentials: "),
        "{told}"
    );
    for (provider, expected) in [
        (json!({"alibaba": {}}), "False InvalidProviderConfig: unable to create client"),
        (json!({"fake": {"data": [], "validationResult": 1}}), "True Valid: store validated"),
        (json!({"fake": {"data": [], "validationResult": 2}}), "False InvalidProviderConfig: unable to validate store"),
    ] {
        stage.apply(store(provider.clone())).await;
        let told = judged(&stage).await;
        assert!(told.starts_with(expected), "{provider}: {told}");
    }
}

#[tokio::test]
async fn a_cluster_store_takes_its_users_credentials() {
    let vault = Vault::start().await;
    vault.put("secret/app", json!({"user": "one"}));
    let stage = stage("a-cluster-store-takes-its-users-creden").await;
    let name = format!("store-{}", stage.namespace());
    let cluster_store = |namespaces: &[&str]| {
        json!({"apiVersion": V1, "kind": "ClusterSecretStore", "metadata": {"name": name},
            "spec": {"provider": by_token(&vault), "conditions": [{"namespaces": namespaces}]}})
    };
    stage.apply(cluster_store(&["elsewhere"])).await;
    let ready = stage.condition(V1, "ClusterSecretStore", &name, "Ready").await;
    assert_eq!(ready, "True Valid: store validated", "nobody can judge a token that is its users'");
    stage.apply(encoded(secret("token", json!({"token": ROOT})))).await;
    let mut object = one("app", "user");
    object["spec"]["secretStoreRef"] = json!({"name": name, "kind": "ClusterSecretStore"});
    stage.apply(object).await;
    let denied = format!(
        "using cluster store \"{name}\" is not allowed from namespace \"{}\": denied by spec.condition",
        stage.namespace()
    );
    let told = stage.events().await;
    assert!(told.iter().any(|event| event.ends_with(&denied)), "{told:?}");
    assert_eq!(stage.secret("user").await, None);
    stage.apply(cluster_store(&[stage.namespace()])).await;
    refresh(&stage, "1").await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("v=one"));
}

#[tokio::test]
async fn a_v1beta1_object_is_one_of_v1() {
    let vault = Vault::start().await;
    vault.put("secret/app", json!({"a/b": "b25l"}));
    let stage = stage("a-v1beta1-object-is-one-of-v1").await;
    stage.apply(encoded(secret("token", json!({"token": ROOT})))).await;
    let mut old = store(by_token(&vault));
    old["apiVersion"] = json!("external-secrets.io/v1beta1");
    old["spec"]["refreshInterval"] = json!(300);
    stage.apply(old).await;
    assert_eq!(judged(&stage).await, "True Valid: store validated [ReadWrite]");
    let mut old = all(json!({"extract": {"key": "app", "decodingStrategy": "Base64"}}));
    old["apiVersion"] = json!("external-secrets.io/v1beta1");
    stage.apply(old).await;
    assert_eq!(stage.secret("user").await.as_deref(), Some("a_b=one"));
    let standing = stage.object(V1, "ExternalSecret", "user").await.unwrap_or_default();
    if stage.is_real() {
        // What v1beta1 fills in by itself, v1 shows: the same thing as saying nothing.
        let extract = &standing["spec"]["dataFrom"][0]["extract"];
        assert_eq!((&extract["conversionStrategy"], &extract["metadataPolicy"]), (&json!("Default"), &json!("None")));
    }
    refresh(&stage, "1").await;
    let ready = stage.condition(V1, "ExternalSecret", "user", "Ready").await;
    assert_eq!(ready, "True SecretSynced: secret synced");
}
