//! ExternalSecret when something goes wrong: nonsense, vanished credentials, lost answers, other writers, damaged objects, and a
//! process confined to a namespace. Specification: ESO §6.3, §12.4, §14; issue "Bad input and faults".

use operator::controllers;
use operator::external_secrets::Settings;
use operator::feature::FeatureName;
use operator::store_rules::{ClusterStores, StoreRules};
use sandbox::{Fate, Trouble};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::http::{Answer, Misbehaviour};
use testkit::vault::ROOT;

use crate::external_secret::{V1, external_secret, ready, stage, start};
use crate::stage::Stage;

fn encoded(name: &str, key: &str, value: &str) -> Value {
    let value = base::encoding::Base64::Standard.encode(value.as_bytes());
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {key: value}})
}

fn store(provider: Value) -> Value {
    json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"}, "spec": {"provider": provider}})
}

/// The values of the fake store.
fn fake(password: &str) -> Value {
    store(json!({"fake": {"data": [{"key": "db", "value": json!({"password": password}).to_string()}]}}))
}

/// Whose Secret goes with its value.
fn fragile() -> Value {
    external_secret(json!({"target": {"creationPolicy": "Owner", "deletionPolicy": "Delete"}}))
}

async fn refresh(stage: &Stage, mark: &str) {
    stage.patch(&fragile(), json!({"metadata": {"annotations": {"force-sync": mark}}})).await;
}

/// A process that was told so.
async fn started(name: &str, settings: Settings, rules: StoreRules) -> Stage {
    let mut stage = Stage::in_memory("external-secrets", name).await;
    let told = settings.clone();
    let prepare = |process: &operator::process::Process| {
        process.shared().remember(told);
        process.shared().remember(rules);
    };
    stage.start(FeatureName::ExternalSecrets, prepare, |d| controllers::external_secrets(d, &settings)).await;
    stage
}

#[tokio::test]
async fn nonsense_and_lost_credentials_never_delete_a_secret() {
    let vault = Vault::start().await;
    vault.put("secret/db", json!({"password": "one"}));
    let stage = stage("nonsense-and-lost-credentials-never").await;
    stage.apply(encoded("token", "token", ROOT)).await;
    let auth = json!({"tokenSecretRef": {"name": "token", "key": "token"}});
    let provider = json!({"vault": {"server": vault.url(), "path": "secret", "auth": auth}});
    let retries = json!({"maxRetries": 0});
    let mut object = store(provider);
    object["spec"]["retrySettings"] = retries;
    stage.apply(object.clone()).await;
    stage.apply(fragile()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    for (mark, answer) in [
        ("a", Answer::new(200, "text/html", "<html></html>")),
        ("b", Answer::new(404, "text/html", "<html></html>")),
        ("c", Answer::new(200, "application/json", "")),
        ("d", Answer::new(200, "application/json", "{}")),
        ("e", Answer::new(200, "application/json", r#"{"data":{"data":"#)),
        ("f", Answer::new(404, "application/json", r#"{"errors":["no handler for route"]}"#)),
        ("g", Answer::new(503, "application/json", "{}")),
    ] {
        vault.server().misbehave("*", "/v1/secret", 1000, Misbehaviour::Say(answer));
        refresh(&stage, mark).await;
        assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"), "{mark}");
        let told = ready(&stage).await;
        assert!(
            told.starts_with("False SecretSyncedError: could not get secret data from provider: "),
            "{mark} {told}"
        );
        vault.server().behave();
    }
    // The store's own credentials are gone, and then the store.
    stage.remove(&encoded("token", "token", "")).await;
    refresh(&stage, "h").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    let told = ready(&stage).await;
    assert!(told.contains(": cannot get Kubernetes secret \"token\" from namespace \""), "{told}");
    stage.apply(encoded("token", "other", ROOT)).await;
    refresh(&stage, "i").await;
    let told = ready(&stage).await;
    assert!(told.contains(": cannot find secret data for key: \"token\": "), "{told}");
    stage.remove(&object).await;
    refresh(&stage, "j").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    // The server's own word for it does.
    stage.apply(encoded("token", "token", ROOT)).await;
    stage.apply(object).await;
    vault.remove("secret/db");
    refresh(&stage, "k").await;
    assert_eq!(stage.secret("db").await, None);
    assert_eq!(ready(&stage).await, "True SecretDeleted: secret deleted due to DeletionPolicy=Delete");
}

/// Killed between Secret and status, a process writes the status alone when it is back.
#[tokio::test]
async fn a_lost_status_is_all_that_a_restart_writes() {
    let mut stage = Stage::in_memory("external-secrets", "a-lost-status").await;
    start(&mut stage).await;
    stage.apply(fake("one")).await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let struck = sandbox.trouble(Trouble::on("update", "externalsecrets/status", Fate::Broken));
    stage.create(&external_secret(json!({}))).await.expect("the sandbox takes it");
    stage.settle().await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    assert!(struck.hits() > 0, "the status was lost");
    stage.stop().await;
    struck.end();
    sandbox.recorder().clear();
    start(&mut stage).await;
    let writes: Vec<String> = sandbox.recorder().writes().iter().map(|write| format!("{write:?}")).collect();
    assert!(writes.iter().all(|write| !write.contains("secrets/db") || write.contains("status")), "{writes:?}");
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(ready(&stage).await, "True SecretSynced: secret synced");
}

#[tokio::test]
async fn two_writers_lose_nothing() {
    let stage = Stage::in_memory("external-secrets", "two-writers-lose-nothing").await;
    let mut stage = stage;
    start(&mut stage).await;
    stage.apply(fake("one")).await;
    stage
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"foreign": "dg=="}}))
        .await;
    let merge = |key: &str| {
        external_secret(json!({"target": {"creationPolicy": "Merge"},
            "data": [{"secretKey": key, "remoteRef": {"key": "db", "property": "password"}}]}))
    };
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let struck = sandbox.trouble(Trouble::on("update", "secrets", Fate::Conflict).times(2));
    sandbox.trouble(Trouble::on("update", "externalsecrets/status", Fate::Conflict).times(1));
    stage.apply(merge("a")).await;
    assert_eq!(struck.hits(), 2);
    assert_eq!(stage.secret("db").await.as_deref(), Some("a=one foreign=v"));
    assert_eq!(ready(&stage).await, "True SecretSynced: secret synced");
}

#[tokio::test]
async fn a_damaged_object_stops_nobody_else() {
    let stage = stage("a-damaged-object-stops-nobody-else").await;
    stage.apply(fake("one")).await;
    for (name, spec) in [
        ("no-unit", json!({"refreshInterval": "10"})),
        ("days", json!({"refreshInterval": "1d"})),
        ("pattern", json!({"dataFrom": [{"find": {"name": {"regexp": "("}}}]})),
        ("template", json!({"target": {"template": {"data": {"x": "{{ .password"}}}})),
        ("endless", json!({"target": {"template": {"data": {"x": "{{ range 1000000000 }}{{ end }}"}}}})),
        ("huge", json!({"target": {"template": {"data": {"x": "{{ repeat 2000000000 .password }}"}}}})),
        (
            "deep",
            json!({"target": {"template": {"data": {
            "x": "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}"}}}}),
        ),
    ] {
        let mut object = external_secret(spec);
        object["metadata"]["name"] = json!(name);
        stage.apply(object).await;
        let told = stage.condition(V1, "ExternalSecret", name, "Ready").await;
        assert!(told.starts_with("False SecretSyncedError: could not "), "{name}: {told}");
        assert_eq!(stage.secret(name).await, None, "{name}");
    }
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
}

/// Confined to a namespace with the cluster's kinds off, a process asks for nothing of the cluster, and says so to whoever needs it.
#[tokio::test]
async fn a_confined_process_asks_for_nothing_of_the_cluster() {
    let confined =
        Settings { stamps: false, stamps_pushes: false, validates_cluster_stores: false, ..Settings::default() };
    let rules = StoreRules { cluster_stores: ClusterStores::Refused, ..StoreRules::default() };
    let stage = started("a-confined-process", confined, rules).await;
    stage.apply(fake("one")).await;
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    let mut other = external_secret(json!({"secretStoreRef": {"name": "central", "kind": "ClusterSecretStore"}}));
    other["metadata"]["name"] = json!("other");
    stage.apply(other).await;
    let told = stage.condition(V1, "ExternalSecret", "other", "Ready").await;
    assert!(told.contains("could not get ClusterSecretStore \"central\": this process is confined"), "{told}");
    let generator = json!({"generatorRef": {"kind": "ClusterGenerator", "name": "central"}});
    let mut other = external_secret(json!({"dataFrom": [{"sourceRef": generator}]}));
    other["metadata"]["name"] = json!("made");
    stage.apply(other).await;
    let told = stage.condition(V1, "ExternalSecret", "made", "Ready").await;
    assert!(told.contains("could not get ClusterGenerator \"central\": this process is confined"), "{told}");
    let asked = stage.sandbox().expect("it runs in memory").recorder().requests();
    let paths: Vec<String> = asked.iter().map(|request| format!("{request:?}")).collect();
    for cluster in ["clustersecretstores", "clustergenerators", "clusterexternalsecrets", "namespaces\""] {
        assert!(!paths.iter().any(|path| path.contains(cluster)), "{cluster}: {paths:#?}");
    }
}

#[tokio::test]
async fn cluster_stores_are_left_to_others_and_the_flood_gate_opens() {
    let left = Settings { validates_cluster_stores: false, ..Settings::default() };
    let rules = StoreRules { cluster_stores: ClusterStores::Left, has_flood_gate: false };
    let stage = started("cluster-stores-are-left", left, rules).await;
    let central = json!({"secretStoreRef": {"name": "central", "kind": "ClusterSecretStore"}});
    stage.apply(external_secret(central)).await;
    assert_eq!(ready(&stage).await, " : ", "not a word");
    let mut failing = fake("one");
    failing["spec"]["provider"]["fake"]["validationResult"] = json!(2);
    stage.apply(failing).await;
    let told = stage.condition(V1, "SecretStore", "fake", "Ready").await;
    assert_eq!(
        told,
        "False InvalidProviderConfig: unable to validate store: the fake store was told to fail its validation"
    );
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"), "a store that is not ready is asked");
    let stage = started("the-flood-gate-is-closed", Settings::default(), StoreRules::default()).await;
    let mut failing = fake("one");
    failing["spec"]["provider"]["fake"]["validationResult"] = json!(2);
    stage.apply(failing).await;
    stage.apply(external_secret(json!({}))).await;
    let told = ready(&stage).await;
    assert!(told.ends_with("SecretStore \"fake\" is not ready"), "{told}");
}

/// What is left out says so where its user looks.
#[tokio::test]
async fn what_is_not_built_is_told_in_the_stores_condition() {
    let stage = stage("what-is-not-built-is-told-in-the-stor").await;
    let vault = |auth: Value| json!({"vault": {"server": "http://127.0.0.1:1", "auth": auth}});
    let start = "False InvalidProviderConfig: unable to create client: ";
    for (provider, cause) in [
        (vault(json!({"iam": {"vaultRole": "r"}})), "logging in to Vault with `iam` is not built yet"),
        (vault(json!({"gcp": {"role": "r"}})), "logging in to Vault with `gcp` is not built yet"),
        (
            json!({"aws": {"service": "CertificateManager", "region": "eu-central-1"}}),
            "the store of AWS Certificate Manager is not built yet",
        ),
    ] {
        stage.apply(store(provider)).await;
        assert_eq!(stage.condition(V1, "SecretStore", "fake", "Ready").await, format!("{start}{cause}"));
    }
}

/// A `kubernetes` store without an address means the process's own cluster.
#[tokio::test]
async fn secrets_of_the_own_cluster_are_read() {
    let mut stage = Stage::in_memory("external-secrets", "secrets-of-the-own-cluster").await;
    start(&mut stage).await;
    stage.apply(encoded("source", "password", "near")).await;
    let auth = json!({"serviceAccount": {"name": "reader"}});
    let server = json!({"caProvider": {"type": "ConfigMap", "name": "kube-root-ca.crt", "key": "ca.crt"}});
    let provider = json!({"kubernetes": {"server": server, "auth": auth, "remoteNamespace": stage.namespace()}});
    stage.apply(store(provider)).await;
    let data = json!([{"secretKey": "v", "remoteRef": {"key": "source", "property": "password"}}]);
    stage.apply(external_secret(json!({"data": data}))).await;
    assert_eq!(ready(&stage).await, "True SecretSynced: secret synced");
    assert_eq!(stage.secret("db").await.as_deref(), Some("v=near"));
}
