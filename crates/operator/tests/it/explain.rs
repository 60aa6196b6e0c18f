//! `explain`: what each kind's pass would do is told, and nothing is written. Specification: design §4.3, §11.3.

use operator::cache::Scope;
use operator::controllers;
use operator::feature::FeatureName;
use operator::process::Process;
use operator::shared::Clock;
use operator::world::stores::Providers;
use operator::{external_secrets, reloader, sealed_secrets, vault_secrets};
use providers::keys::{KeyRing, Nobody};
use providers::reach::{OwnCluster, Programs, Reach};
use sandbox::Sandbox;
use serde_json::{Value, json};
use testkit::Vault;
use testkit::vault::Role;

use std::sync::Arc;

/// A cluster with an object of every kind, and a process that has not begun.
pub async fn stage(objects: &[Value]) -> (Sandbox, Process) {
    stage_with(objects, &reloader::Settings::default()).await
}

/// The same, with Reloader's settings.
pub async fn stage_with(objects: &[Value], reloading: &reloader::Settings) -> (Sandbox, Process) {
    let sandbox = Sandbox::new();
    for crd in api::kinds::crds(&api::kinds::Unions::default()) {
        sandbox.register(&crd).expect("a definition");
    }
    for object in objects {
        sandbox.load(object, "kubectl").expect("an object");
    }
    let process = process(&sandbox, reloading);
    (sandbox, process)
}

/// A process with every feature on a cluster that stands; it has not begun.
pub fn process(sandbox: &Sandbox, reloading: &reloader::Settings) -> Process {
    let client = sandbox.client();
    let mut process = Process::new(client.clone(), vec![Scope::Cluster], Clock::System, [7; 32]);
    let reach = Reach {
        http: wire::Client::new(wire::client::Settings::default()),
        vault: Arc::default(),
        surroundings: wire::Surroundings::none(),
        cluster: Some(OwnCluster::in_memory(client)),
        programs: Programs::Closed,
        keys: Arc::new(KeyRing::new(wire::Surroundings::none(), Arc::new(Nobody))),
        calls: Arc::default(),
        retrying: None,
    };
    let shared = Arc::clone(process.shared());
    shared.remember(Providers::new(reach, "default"));
    let eso = external_secrets::Settings::default();
    shared.remember(eso.clone());
    shared.remember(reloading.clone());
    shared.remember(sealed_secrets::Settings::new("shop"));
    vault_secrets::prepare(&shared, vault_secrets::Settings::new("shop"));
    process.add(FeatureName::ExternalSecrets, 1, None, |driver| controllers::external_secrets(driver, &eso));
    process.add(FeatureName::Reloader, 1, None, |driver| controllers::reloader(driver, reloading));
    process.add(FeatureName::SealedSecrets, 1, None, controllers::sealed_secrets);
    process.add(FeatureName::VaultSecrets, 1, None, controllers::vault_secrets);
    process
}

fn object(api_version: &str, kind: &str, name: &str, fields: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}});
    for (field, value) in fields.as_object().into_iter().flatten() {
        object[field] = value.clone();
    }
    object
}

fn objects(vault: &str) -> Vec<Value> {
    const ESO: &str = "external-secrets.io/v1";
    const VSO: &str = "secrets.hashicorp.com/v1beta1";
    let fake = json!({"spec": {"provider": {"fake": {"data": [{"key": "db", "value": "hunter2"}]}}}});
    let external = json!({"spec": {"secretStoreRef": {"name": "manager"}, "data": [{"secretKey": "password", "remoteRef": {"key": "db"}}]}});
    let auth = json!({"spec": {"vaultConnectionRef": "bao", "method": "appRole", "mount": "approle",
        "appRole": {"roleId": "role-1", "secretRef": "proof"}}});
    let fixed = json!({"spec": {"vaultAuthRef": "app", "mount": "secret", "path": "db", "type": "kv-v2",
        "destination": {"name": "from-vault", "create": true}}});
    let mut web = object(
        "apps/v1",
        "Deployment",
        "web",
        json!({"spec": {"template": {"spec": {"containers": [
        {"name": "app", "image": "web", "envFrom": [{"configMapRef": {"name": "conf"}}, {"secretRef": {"name": "proof"}}]}]}}}}),
    );
    web["metadata"]["annotations"] = json!({"reloader.stakater.com/auto": "true"});
    vec![
        object(ESO, "SecretStore", "manager", fake),
        object(ESO, "ExternalSecret", "db", external),
        object(VSO, "VaultConnection", "bao", json!({"spec": {"address": vault}})),
        object(VSO, "VaultAuth", "app", auth),
        object(VSO, "VaultStaticSecret", "db", fixed),
        object(
            "bitnami.com/v1alpha1",
            "SealedSecret",
            "smtp",
            json!({"spec": {"encryptedData": {"password": "AgBy"}}}),
        ),
        object("bitnami.com/v1alpha1", "SealedSecret", "proof", json!({"spec": {"encryptedData": {"id": "AgBy"}}})),
        object("v1", "Secret", "proof", json!({"data": {"id": "c2VjcmV0LTE="}})),
        object("v1", "ConfigMap", "conf", json!({"data": {"a": "1"}})),
        object("v1", "ConfigMap", "unused", json!({"data": {"a": "1"}})),
        web,
    ]
}

#[tokio::test]
async fn every_kind_is_told_and_nothing_is_written() {
    let vault = Vault::start().await;
    vault.enable_auth("approle", "approle");
    vault.role("approle", "app", Role::app_role("role-1", "secret-1"));
    vault.put("secret/db", json!({"password": "hunter2"}));
    let (sandbox, process) = stage(&objects(&vault.url())).await;
    let before = sandbox.objects();
    for (kind, name, told) in [
        (
            "externalsecret",
            "db",
            &["Secret shop/db: create", "ExternalSecret shop/db: write the status", "look again at"][..],
        ),
        ("vaultstaticsecret", "db", &["Secret shop/from-vault: create", "VaultStaticSecret shop/db: write the status"]),
        (
            "sealedsecret",
            "smtp",
            &[
                "SealedSecret shop/smtp: open password, sealed strict",
                "Secret shop/smtp: create",
                "whether the values open, only the controller knows, which holds the keys",
            ],
        ),
        (
            "sealedsecret",
            "proof",
            &["SealedSecret shop/proof: fails: Resource \"proof\" already exists and is not managed by SealedSecret"],
        ),
        (
            "deployment",
            "web",
            &[
                "Deployment shop/web: restarts when the data of ConfigMap shop/conf changes",
                "Deployment shop/web: restarts when the data of Secret shop/proof changes",
                "then nothing until something changes",
            ],
        ),
        ("configmap", "conf", &["Deployment shop/web: restarts when the data of ConfigMap shop/conf changes"]),
        ("secret", "proof", &["Deployment shop/web: restarts when the data of Secret shop/proof changes"]),
        ("configmap", "unused", &["ConfigMap shop/unused: then nothing until something changes"]),
    ] {
        let lines = process.explain(kind, "shop", name).await.unwrap_or_else(|| panic!("{kind}/{name} is there"));
        let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        for told in told {
            assert!(text.contains(told), "{kind}/{name}: {told} is missing in\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        if name == "unused" {
            assert!(!text.contains("restarts"), "{text}");
        }
    }
    assert!(process.explain("externalsecret", "shop", "none").await.is_none());
    let writes = sandbox.recorder().writes();
    assert!(writes.is_empty(), "{writes:?}");
    assert_eq!(sandbox.objects(), before);
}
