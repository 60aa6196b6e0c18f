//! A second pass of every kind does nothing: an object of each kind that a row of ours works on reaches its goal, then a new process passes
//! over all of them, and then each is touched. Neither leads to a write. Specification: design §11.3.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use operator::feature::FeatureName;
use operator::process::Process;
use operator::sealed_secrets::{self, Keys};
use operator::shared::Shared;
use sandbox::Sandbox;
use serde_json::{Value, json};
use testkit::Vault;
use testkit::vault::{Engine, ROOT, Role, Terms};

use crate::sealed_secret::sealed_secret;
use crate::{explain, external_secret, push_secret, vault_static_secret as vso};

const NAMESPACE: &str = "shop";
const ESO: &str = "external-secrets.io/v1";
const GENERATORS: &str = "generators.external-secrets.io/v1alpha1";

/// Kinds that no row works on by itself: generators are read by whoever names them, states are ours to write, and the rest has no
/// effect here.
const NOT_WORKED_ON: &[&str] = &["ClusterGenerator", "GeneratorState", "CSISecrets", "HCPAuth", "HCPVaultSecretsApp"];

/// Kinds on which an annotation is the users' way to ask for a new value, or has to be told in the status.
const ASKED_ANEW: &[&str] = &["ExternalSecret", "PushSecret", "VaultDynamicSecret", "VaultPKISecret"];

/// A process with every feature, until it is dropped.
struct Running {
    drivers: Vec<Arc<operator::driver::Driver>>,
    shared: Arc<Shared>,
    end: tokio::sync::oneshot::Sender<()>,
    running: tokio::task::JoinHandle<()>,
    keeping: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(sandbox: &Sandbox) -> Self {
        let process: Process = explain::process(sandbox, &operator::reloader::Settings::default());
        let features = [
            FeatureName::ExternalSecrets,
            FeatureName::VaultSecrets,
            FeatureName::SealedSecrets,
            FeatureName::Reloader,
        ];
        let drivers = features.iter().filter_map(|name| process.driver(*name)).collect();
        let shared = Arc::clone(process.shared());
        let settings = sealed_secrets::Settings { key_bits: 2048, ..sealed_secrets::Settings::new(NAMESPACE) };
        let leads = process.leads(FeatureName::SealedSecrets).expect("the process runs it");
        let keeping = tokio::spawn(sealed_secrets::keys::keep(Arc::clone(&shared), settings, leads));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(process.run(async move {
            let _ = ended.await;
        }));
        shared.caches().ready().await;
        let own = Self { drivers, shared, end, running, keeping };
        own.settle(sandbox).await;
        own
    }

    /// Waits until nothing is in flight or was written for a while.
    async fn settle(&self, sandbox: &Sandbox) {
        let (mut quiet, mut seen) = (0, usize::MAX);
        while quiet < 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            for driver in &self.drivers {
                driver.idle().await;
            }
            let now = sandbox.recorder().requests().len();
            quiet = if now == seen && sandbox.is_delivered() { quiet + 1 } else { 0 };
            seen = now;
        }
    }

    async fn stop(self) {
        let _ = self.end.send(());
        self.running.await.expect("the process ends in order");
        self.keeping.abort();
    }
}

fn placed(mut object: Value, namespaced: bool) -> Value {
    if namespaced {
        object["metadata"]["namespace"] = json!(NAMESPACE);
    }
    object
}

fn workload(api_version: &str, kind: &str) -> Value {
    let pod = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never", "containers": [
        {"name": "app", "image": "web", "envFrom": [{"configMapRef": {"name": "conf"}}]}]}});
    let spec = match kind {
        "CronJob" => json!({"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": pod}}}),
        "Job" => json!({"template": pod}),
        _ => json!({"selector": {"matchLabels": {"a": "b"}}, "template": pod}),
    };
    json!({"apiVersion": api_version, "kind": kind, "spec": spec,
        "metadata": {"name": kind.to_lowercase(), "annotations": {"reloader.stakater.com/auto": "true"}}})
}

fn workloads() -> Vec<Value> {
    let kinds =
        [("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("batch/v1", "CronJob")];
    kinds.iter().map(|(version, kind)| workload(version, kind)).collect()
}

fn of_external_secrets(vault: &Vault) -> Vec<Value> {
    let fake = json!({"provider": {"fake": {"data": [{"key": "db", "value": r#"{"password":"one"}"#}]}}});
    let mut stamp = json!({"apiVersion": ESO, "kind": "ClusterExternalSecret", "metadata": {"name": "stamped"}, "spec": {
        "externalSecretName": "stamped", "namespaces": [NAMESPACE]}});
    stamp["spec"]["externalSecretSpec"] = external_secret::external_secret(json!({}))["spec"].clone();
    let chosen = json!([{"matchLabels": {"pushes": "yes"}}]);
    let mut pushes = json!({"apiVersion": push_secret::ALPHA, "kind": "ClusterPushSecret", "metadata": {"name": "pushes"},
        "spec": {"pushSecretName": "stamped", "namespaceSelectors": chosen}});
    let mut pushed = push_secret::push_secret(json!({}))["spec"].clone();
    pushed["data"] = json!([push_secret::data("pw", "app/stamped", "password")]);
    pushes["spec"]["pushSecretSpec"] = pushed;
    let length = json!({"length": 20, "digits": 5, "symbols": 0, "noUpper": false, "allowRepeat": true});
    let from = json!([{"sourceRef": {"generatorRef": {"apiVersion": GENERATORS, "kind": "Password", "name": "new"}}}]);
    let mut made = external_secret::external_secret(json!({"data": [], "dataFrom": from}));
    made["metadata"]["name"] = json!("made");
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"pushes": "yes"}}}),
        placed(push_secret::secret("vault", &[("token", ROOT)]), true),
        placed(push_secret::secret("src", &[("pw", "one")]), true),
        placed(push_secret::store("vault", vault), true),
        placed(json!({"apiVersion": ESO, "kind": "SecretStore", "metadata": {"name": "fake"}, "spec": fake}), true),
        json!({"apiVersion": ESO, "kind": "ClusterSecretStore", "metadata": {"name": "fake"}, "spec": fake}),
        placed(external_secret::external_secret(json!({})), true),
        placed(
            json!({"apiVersion": GENERATORS, "kind": "Password", "metadata": {"name": "new"}, "spec": length}),
            true,
        ),
        placed(made, true),
        placed(push_secret::push_secret(json!({})), true),
        stamp,
        pushes,
    ]
}

fn of_vault_secrets(vault: &Vault) -> Vec<Value> {
    let to = |name: &str| json!({"name": name, "create": true, "transformation": {"excludeRaw": true}});
    let named = |object: Value| placed(object, true);
    let connection = json!({"address": vault.url()});
    let login = json!({"roleId": "role-1", "secretRef": "proof"});
    let global = json!({"defaultAuthMethod": "appRole", "appRole": {"roleId": "role-1", "mount": "approle", "secretRef": "proof"}});
    let auth = json!({"vaultConnectionRef": "bao", "method": "appRole", "mount": "approle", "appRole": login});
    let text = json!({"templates": {"url": {"text": "pg://{{ .Secrets.password }}"}}});
    vec![
        named(push_secret::secret("proof", &[("id", "secret-1")])),
        named(vso::object("VaultConnection", "bao", connection)),
        named(vso::object("VaultAuth", "app", auth)),
        named(vso::object("VaultAuthGlobal", "global", global)),
        named(vso::object("SecretTransformation", "text", text)),
        named(vso::object(
            "VaultStaticSecret",
            "static",
            json!({"vaultAuthRef": "app", "mount": "secret", "path": "db", "type": "kv-v2", "refreshAfter": "1h",
                "destination": to("static")}),
        )),
        named(vso::object(
            "VaultDynamicSecret",
            "dynamic",
            json!({"vaultAuthRef": "app", "mount": "database", "path": "creds/app", "destination": to("dynamic")}),
        )),
        named(vso::object(
            "VaultPKISecret",
            "tls",
            json!({"vaultAuthRef": "app", "mount": "pki", "role": "web", "commonName": "web.example.com",
                "destination": to("tls")}),
        )),
    ]
}

async fn vault() -> Vault {
    let vault = Vault::start().await;
    vault.enable_auth("approle", "approle");
    vault.role("approle", "app", Role::app_role("role-1", "secret-1"));
    vault.put("secret/db", json!({"password": "one"}));
    vault.mount("database", Engine::database(&[("app", Terms::seconds(3600, 36_000))], &[]));
    vault.mount("pki", Engine::pki(&[("web", "example.com", 36_000)]));
    vault
}

/// What must have come of it, or nothing was shown.
fn assert_goals(sandbox: &Sandbox, vault: &Vault) {
    let made: BTreeSet<String> = sandbox
        .objects()
        .iter()
        .filter(|object| object["kind"] == "Secret")
        .filter_map(|object| Some(object["metadata"]["name"].as_str()?.to_owned()))
        .collect();
    for name in ["db", "made", "stamped", "static", "dynamic", "tls", "sealed"] {
        assert!(made.contains(name), "the Secret {name} is missing among {made:?}");
    }
    for path in ["secret/app/db", "secret/app/stamped"] {
        assert_eq!(vault.value(path), Some(json!({"password": "one"})), "{path} is pushed");
    }
    let restarted = |kind: &str| {
        let object = sandbox.objects().into_iter().find(|object| object["kind"] == kind);
        object.unwrap_or_default().to_string().contains("STAKATER_CONF_CONFIGMAP")
    };
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        assert!(restarted(kind), "the {kind} is restarted");
    }
}

#[tokio::test]
async fn a_second_pass_of_every_kind_writes_nothing() {
    let vault = vault().await;
    let objects = [
        of_external_secrets(&vault),
        of_vault_secrets(&vault),
        workloads().into_iter().map(|one| placed(one, true)).collect(),
    ];
    let config = |value: &str| {
        placed(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"a": value}}),
            true,
        )
    };
    let (sandbox, _) = explain::stage(&objects.concat()).await;
    let put = |object: &Value| sandbox.load(object, "kubectl").expect("an object");
    put(&config("1"));
    let first = Running::start(&sandbox).await;
    let keys = first.shared.memory::<Keys>().loaded().await;
    let mut sealed = placed(sealed_secret(&keys, NAMESPACE, &[]), true);
    let label = seal::Scope::Strict.label(NAMESPACE, "sealed");
    sealed["spec"] = crate::sealed_secret::sealed_for(&keys, &label, &[("p", "x")])["spec"].clone();
    sealed["metadata"]["name"] = json!("sealed");
    put(&sealed);
    put(&config("2"));
    first.settle(&sandbox).await;
    assert_goals(&sandbox, &vault);
    let standing: BTreeSet<String> =
        sandbox.objects().iter().filter_map(|object| Some(object["kind"].as_str()?.to_owned())).collect();
    let kinds =
        api::kinds::crds(&api::kinds::Unions::default()).into_iter().map(|crd| (crd.spec.group, crd.spec.names.kind));
    let forgotten = kinds.filter(|(group, kind)| {
        group != "generators.external-secrets.io" && !NOT_WORKED_ON.contains(&kind.as_str()) && !standing.contains(kind)
    });
    assert_eq!(forgotten.collect::<Vec<_>>(), [], "no object of these kinds took part");
    first.stop().await;

    let writes = || {
        let all = sandbox.recorder().writes();
        all.iter().map(|write| format!("{write:?}")).collect::<Vec<_>>()
    };
    sandbox.recorder().clear();
    let second = Running::start(&sandbox).await;
    assert_eq!(writes(), Vec::<String>::new(), "a restart writes");
    // Everything else is touched, so that each row has a reason to look.
    for mut object in sandbox.objects() {
        if !object["kind"].as_str().is_some_and(|kind| ASKED_ANEW.contains(&kind)) {
            object["metadata"]["annotations"]["touched"] = json!("1");
            put(&object);
        }
    }
    second.settle(&sandbox).await;
    assert_eq!(writes(), Vec::<String>::new(), "a second pass writes");
    second.stop().await;
}
