//! What an operator finds that begins where another one ended: a swap for the peer writes nothing, one that was killed between two
//! steps is continued, and what earlier releases left behind can be read. Specification: VSO §7.4.2, §16, §20, §26.

use sandbox::{Fate, Recorded, Sandbox, Trouble};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::scenario::documents;
use testkit::vault::{Engine, Role, Terms};

use crate::stage::{Stage, comes};
use crate::vault_static_secret::{V1, deployment, object, restarted_at, secret, set, start};

async fn in_memory(name: &str) -> (Stage, Vault, Sandbox) {
    let (stage, vault) = set(Stage::in_memory("vault-secrets", name).await).await;
    vault.mount("database", Engine::database(&[("app", Terms::seconds(3600, 36_000))], &[("fixed", 3600)]));
    vault.mount("pki", Engine::pki(&[("web", "example.com", 3600)]));
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    (stage, vault, sandbox)
}

fn destination(name: &str) -> Value {
    json!({"name": name, "create": true, "overwrite": false})
}

fn dynamic(extra: &Value) -> Value {
    let mut spec = json!({"vaultAuthRef": "app", "mount": "database", "path": "creds/app", "renewalPercent": 67,
        "rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}], "destination": destination("creds")});
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    object("VaultDynamicSecret", "creds", spec)
}

fn certificate() -> Value {
    object(
        "VaultPKISecret",
        "tls",
        json!({"vaultAuthRef": "app", "mount": "pki", "role": "web", "commonName": "web.example.com",
            "rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}], "destination": destination("tls")}),
    )
}

/// The writes to the cluster, but for the token that a login brings: it is asked for by POST, which writes nothing.
fn writes(sandbox: &Sandbox) -> Vec<Recorded> {
    sandbox.recorder().writes().into_iter().filter(|one| one.subresource != "token").collect()
}

/// A status as the peer leaves it: other hashes and tokens, no digest of leased credentials, times of its own.
fn as_the_peers(kind: &str, status: &mut Value) {
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
        if condition["type"] == "SecretSynced" && kind != "VaultDynamicSecret" {
            condition["message"] = json!("Secret synced, horizon=24.123456789s");
        }
    }
    match kind {
        "VaultAuth" => {
            status["specHash"] = json!("0123456789abcdef");
            status["error"] = json!("");
        }
        "VaultDynamicSecret" => {
            status["lastRuntimePodUID"] = json!("another-pod");
            if status["secretLease"]["id"] != "" {
                status.as_object_mut().expect("an object").remove("secretMAC");
            }
        }
        _ => {}
    }
    if status["vaultClientMeta"].is_object() {
        status["vaultClientMeta"]["id"] = json!("bfde56ee92a3707f36aec20d71061a8bb7f5f9e41b5c8211656cd4a2cd7e0a3c");
    }
}

const KINDS: [&str; 7] = [
    "VaultConnection",
    "VaultAuthGlobal",
    "VaultAuth",
    "SecretTransformation",
    "VaultStaticSecret",
    "VaultDynamicSecret",
    "VaultPKISecret",
];

#[tokio::test]
async fn a_swap_for_the_peer_writes_nothing() {
    let (mut stage, vault, sandbox) = in_memory("swap").await;
    let global = json!({"defaultAuthMethod": "kubernetes", "defaultMount": "kubernetes",
        "kubernetes": {"role": "reader", "serviceAccount": "app"}});
    stage.apply(object("VaultAuthGlobal", "default", global)).await;
    let merged = json!({"vaultConnectionRef": "bao", "vaultAuthGlobalRef": {"allowDefault": true}});
    stage.apply(object("VaultAuth", "merged", merged)).await;
    let template = json!({"templates": {"hash": {"text": "{{ htpasswd \"app\" .Secrets.password }}"}}});
    stage.apply(object("SecretTransformation", "hash", template)).await;
    stage.apply(deployment(false)).await;
    stage.apply(secret(json!({"rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}]}))).await;
    stage.apply(dynamic(&json!({}))).await;
    let mut fixed =
        dynamic(&json!({"path": "static-creds/fixed", "allowStaticCreds": true, "destination": destination("fixed")}));
    fixed["metadata"]["name"] = json!("fixed");
    stage.apply(fixed).await;
    stage.apply(certificate()).await;
    stage.stop().await;
    for kind in KINDS {
        for mut object in stage.list(V1, kind).await.expect("the cluster answers") {
            as_the_peers(kind, &mut object["status"]);
            sandbox.load(&object, "vault-secrets-operator").expect("the sandbox takes it");
        }
    }
    let leases = vault.live_leases();
    sandbox.recorder().clear();
    vault.server().forget();
    start(&mut stage).await;
    assert_eq!(writes(&sandbox), []);
    let asked = |method: &str, path: &str| vault.count(method, path);
    assert_eq!(
        (asked("*", "database/creds/app"), asked("PUT", "pki/issue/web"), asked("PUT", "sys/leases/renew")),
        (0, 0, 0)
    );
    assert_eq!((vault.live_leases(), restarted_at(&stage).await), (leases, None));
}

async fn status(stage: &Stage, kind: &str, name: &str) -> Value {
    stage.object(V1, kind, name).await.unwrap_or_default()["status"].clone()
}

/// Touches an annotation, which asks for something new.
async fn touch(stage: &Stage, object: &Value) {
    stage.patch(object, json!({"metadata": {"annotations": {"again": "1"}}})).await;
}

#[tokio::test]
async fn one_killed_between_secret_and_status_leaves_no_secret_of_another_lease() {
    let (mut stage, vault, sandbox) = in_memory("killed-before-status").await;
    stage.apply(deployment(false)).await;
    stage.apply(dynamic(&json!({}))).await;
    stage.apply(certificate()).await;
    let first = status(&stage, "VaultDynamicSecret", "creds").await["secretLease"]["id"].clone();
    let lost = ["vaultdynamicsecrets/status", "vaultpkisecrets/status"]
        .map(|resource| sandbox.trouble(Trouble::on("update", resource, Fate::Broken)));
    let standing = stage.secret("creds").await;
    touch(&stage, &dynamic(&json!({}))).await;
    touch(&stage, &certificate()).await;
    comes("the loss", async || lost.iter().all(|one| one.hits() > 0)).await;
    assert_ne!(stage.secret("creds").await, standing, "the Secret holds what no status tells of");
    assert_eq!(status(&stage, "VaultDynamicSecret", "creds").await["secretLease"]["id"], first);
    stage.stop().await;
    lost.iter().for_each(sandbox::Struck::end);
    start(&mut stage).await;
    stage.settle().await;
    let lease = status(&stage, "VaultDynamicSecret", "creds").await["secretLease"]["id"].clone();
    let user = stage.secret("creds").await.unwrap_or_default();
    let issued = vault.live_leases();
    assert_eq!((Some(lease.as_str().unwrap_or_default()), issued.len()), (issued.last().map(String::as_str), 3));
    let events = stage.events().await;
    assert!(events.iter().any(|event| event.ends_with("sync_reason=\"SecretDataDrift\"")), "{events:?}");
    let serial = status(&stage, "VaultPKISecret", "tls").await["serialNumber"].clone();
    let held = stage.secret("tls").await.unwrap_or_default();
    assert!(held.contains(serial.as_str().expect("a serial")), "certificate and status belong together");
    // From here on the process remembers what it wrote: the peer leaves a Secret alone that somebody edits.
    let named = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds"}});
    stage.patch(&named, json!({"data": {"more": "dg=="}})).await;
    touch(&stage, &json!({"apiVersion": V1, "kind": "VaultAuth", "metadata": {"name": "app"}})).await;
    assert_eq!((vault.count("*", "database/creds/app"), user.is_empty()), (3, false));
}

#[tokio::test]
async fn a_lease_is_revoked_only_once_the_status_tells_of_another() {
    let (stage, vault, sandbox) = in_memory("revoked-after-status").await;
    stage.apply(deployment(false)).await;
    stage.apply(dynamic(&json!({"revoke": true}))).await;
    let first = vault.live_leases();
    let lost = sandbox.trouble(Trouble::on("update", "vaultdynamicsecrets/status", Fate::Broken));
    touch(&stage, &dynamic(&json!({}))).await;
    comes("retries", async || lost.hits() > 1).await;
    assert_eq!((vault.live_leases().len(), vault.count("PUT", "sys/leases/revoke")), (2, 0));
    assert!(vault.live_leases().contains(&first[0]), "the status still tells of it");
    lost.end();
    comes("the revocation", async || vault.live_leases().len() == 1).await;
    stage.settle().await;
    let lease = status(&stage, "VaultDynamicSecret", "creds").await["secretLease"]["id"].clone();
    assert_eq!((json!(vault.live_leases()), vault.count("*", "database/creds/app")), (json!([lease]), 2));
}

#[tokio::test]
async fn a_failure_that_is_over_is_told_no_more() {
    let (mut stage, vault, _) = in_memory("recovered").await;
    stage.apply(deployment(false)).await;
    stage.apply(dynamic(&json!({}))).await;
    let told = async || {
        let synced = stage.condition(V1, "VaultDynamicSecret", "creds", "SecretSynced").await;
        let ready = stage.condition(V1, "VaultDynamicSecret", "creds", "Ready").await;
        format!("{}, {}", &synced[..synced.len().min(5)], &ready[..ready.len().min(5)])
    };
    assert_eq!(told().await, "True , True ");
    let auth = stage.object(V1, "VaultAuth", "app").await.expect("it stands");
    stage.patch(&auth, json!({"spec": {"kubernetes": {"role": "nobody"}}})).await;
    assert_eq!(told().await, "False, False");
    stage.patch(&auth, json!({"spec": {"kubernetes": {"role": "reader"}}})).await;
    comes("recovery", async || told().await == "True , True ").await;
    stage.stop().await;
    vault.server().forget();
    start(&mut stage).await;
    assert_eq!(vault.count("*", "database/creds/app"), 0);
}

#[tokio::test]
async fn what_old_releases_left_gets_a_status_before_anything_else() {
    let (mut stage, _vault, sandbox) = in_memory("old").await;
    stage.stop().await;
    let finalizer = "vaultstaticsecret.secrets.hashicorp.com/finalizer";
    let mut old = secret(json!({}));
    old["metadata"]["namespace"] = json!(stage.namespace());
    old["metadata"]["uid"] = json!("11111111-1111-4111-8111-111111111111");
    old["metadata"]["finalizers"] = json!([finalizer]);
    old["status"] = json!({"secretMAC": ""});
    sandbox.load(&old, "vault-secrets-operator").expect("the sandbox takes it");
    sandbox.recorder().clear();
    start(&mut stage).await;
    let own: Vec<_> = writes(&sandbox).into_iter().filter(|one| one.resource == "vaultstaticsecrets").collect();
    assert!(own.iter().all(|one| one.subresource == "status") && own.len() == 1, "{own:?}");
    let object = stage.object(V1, "VaultStaticSecret", "db").await.expect("it stands");
    assert_eq!(
        (&object["status"]["lastGeneration"], &object["metadata"]["finalizers"][0]),
        (&object["metadata"]["generation"], &json!(finalizer))
    );
}

#[tokio::test]
async fn a_template_with_salt_is_written_once() {
    let (mut stage, vault, _) = in_memory("salt").await;
    stage.apply(deployment(false)).await;
    let templates = json!({"hash": {"text": "{{ htpasswd \"app\" .Secrets.password }} {{ randInt 1 1000000 }}"}});
    let salted = secret(json!({"refreshAfter": "1s", "rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}],
        "destination": {"name": "db", "create": true, "transformation": {"excludeRaw": true, "templates": templates}}}));
    stage.apply(salted).await;
    let first = stage.secret("db").await.unwrap_or_default();
    assert!(first.contains("hash=app:$2"), "{first}");
    comes("other reads", async || vault.count("GET", "secret/data/db") > 2).await;
    stage.stop().await;
    start(&mut stage).await;
    assert_eq!((stage.secret("db").await, restarted_at(&stage).await), (Some(first.clone()), None));
    vault.put("secret/db", json!({"user": "app", "password": "two"}));
    comes("the new hash", async || stage.secret("db").await.is_some_and(|data| !data.contains(&first))).await;
    comes("the restart", async || restarted_at(&stage).await.is_some()).await;
}

#[tokio::test]
async fn the_manifests_of_the_specification_are_worked_on() {
    let mut stage = Stage::new("vault-secrets", "manifests").await;
    let vault = Vault::start().await;
    vault.namespace("team1");
    vault.enable_auth("team1/k8s-prod", "kubernetes");
    vault.role("team1/k8s-prod", "reader", Role::account(&["default"], &["*"]));
    vault.mount("team1/kv2", Engine::kv2());
    vault.mount("team1/database", Engine::database(&[("app", Terms::seconds(3600, 36_000))], &[]));
    vault.mount("team1/pki", Engine::pki(&[("web", "example.com", 3600)]));
    let values = json!({"username": "u", "password": "p", "host": "h", "port": 5432, "internal_x": 1});
    vault.put("team1/kv2/db/app", values);
    start(&mut stage).await;
    if stage.object("v1", "ServiceAccount", "default").await.is_none() {
        stage.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})).await;
    }
    for mut object in documents(include_str!("../../../api/src/fixtures/hashicorp.yaml")) {
        if object["kind"] == "VaultConnection" {
            object["spec"]["address"] = json!(vault.url());
        }
        object["metadata"]["namespace"] = json!(stage.namespace());
        stage.apply(object).await;
    }
    comes("the Secret", async || stage.secret("app").await.is_some()).await;
    assert_eq!(stage.secret("app").await.as_deref(), Some("password=p tier=WEB url=postgres://u@h:5432 username=u"));
    let requests = vault.server().requests();
    let login = requests.iter().find(|asked| asked.path == "/v1/auth/k8s-prod/login").expect("it logged in");
    let headers = ["x-vault-namespace", "x-a", "x-b", "x-team"].map(|name| login.header(name).trim_end_matches('/'));
    assert_eq!((login.method.as_str(), headers), ("PUT", ["team1", "method", "mine", "blue"]));
    let issued = requests.iter().find(|asked| asked.path == "/v1/pki/issue/web").expect("a certificate was asked for");
    let body = json!({"common_name": "web.example.com", "alt_names": "www.example.com,api.example.com", "ttl": "1h",
        "exclude_cn_from_sans": false, "remove_roots_from_chain": true});
    assert_eq!((issued.json(), issued.header("x-a"), issued.header("x-team")), (body, "", "blue"));
    for (kind, name) in [
        ("VaultStaticSecret", "app"),
        ("VaultDynamicSecret", "db"),
        ("VaultPKISecret", "tls"),
        ("VaultAuth", "app"),
        ("VaultConnection", "bao"),
        ("SecretTransformation", "urls"),
    ] {
        let ready = stage.condition(V1, kind, name, "Ready").await;
        assert!(ready.starts_with("True Ready: "), "{kind} {name}: {ready}");
    }
    assert_eq!(status(&stage, "VaultAuthGlobal", "default").await["valid"], true);
    stage.stop().await;
}

#[tokio::test]
async fn whoever_uninstalls_leaves_no_finalizer_in_any_namespace() {
    let (mut stage, vault, sandbox) = in_memory("uninstalled").await;
    stage.apply(secret(json!({}))).await;
    stage.apply(dynamic(&json!({}))).await;
    stage.apply(certificate()).await;
    stage.stop().await;
    let app = json!({"apiVersion": V1, "kind": "HCPVaultSecretsApp", "spec": {"appName": "web", "destination": destination("web")},
        "metadata": {"name": "left", "namespace": "another", "uid": "11111111-1111-4111-8111-111111111111",
            "finalizers": ["somebody.example.com/else", "hcpvaultsecretsapp.secrets.hashicorp.com/finalizer"]}});
    sandbox.load(&app, "peer").expect("the sandbox takes it");
    let leases = vault.live_leases();
    let cluster = operator::cluster::Cluster::new(
        stage.client_as("uninstall", &testkit::peer_role("vault-secrets", stage.namespace())).await,
    );
    sandbox.trouble(Trouble::on("patch", "vaultauths", Fate::Conflict).times(1));
    let freed = operator::vault_secrets::uninstall::uninstall(&cluster).await.map_err(|fault| fault.chain());
    assert_eq!(freed, Ok(6), "VaultConnection, VaultAuth, three secrets and what HCP left");
    let carried: Vec<_> = sandbox
        .objects()
        .into_iter()
        .filter(|one| one["apiVersion"] == V1)
        .map(|one| one["metadata"]["finalizers"].clone())
        .filter(|all| !all.is_null())
        .collect();
    assert_eq!(carried, [json!(["somebody.example.com/else"])]);
    assert_eq!(vault.live_leases(), leases, "nothing is revoked");
}

#[tokio::test]
async fn whoever_comes_too_late_with_credentials_gives_them_back() {
    let (stage, vault, sandbox) = in_memory("too-late").await;
    stage.apply(deployment(false)).await;
    stage.apply(dynamic(&json!({}))).await;
    let first = vault.live_leases();
    // Another operator's status, written while ours issues: our own is refused, and decided again.
    let lost = sandbox.trouble(Trouble::on("update", "vaultdynamicsecrets/status", Fate::Broken));
    touch(&stage, &dynamic(&json!({}))).await;
    comes("the loss", async || lost.hits() > 0).await;
    let ours: Vec<_> = vault.live_leases().into_iter().filter(|lease| !first.contains(lease)).collect();
    let mut theirs = stage.object(V1, "VaultDynamicSecret", "creds").await.expect("it stands");
    theirs["status"]["secretLease"] =
        json!({"id": "database/creds/app/theirs", "duration": 3600, "renewable": true, "requestID": "r"});
    sandbox.load(&theirs, "vault-secrets-operator").expect("the sandbox takes it");
    lost.end();
    comes("its end", async || !vault.live_leases().contains(&ours[0])).await;
    comes("what belongs together", async || {
        let lease = status(&stage, "VaultDynamicSecret", "creds").await["secretLease"]["id"].clone();
        vault.live_leases().iter().any(|live| lease == json!(live))
    })
    .await;
    let events = stage.events().await;
    assert!(
        events
            .iter()
            .any(|event| event.contains("sync_reason=\"SecretDataDrift\"") || event.contains("VaultTokenRotated")),
        "{events:?}"
    );
}
