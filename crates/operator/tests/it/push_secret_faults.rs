//! PushSecret in trouble: stores that are to go, are away or deny, changes while nobody looked, a process that ends between a push and
//! its record. Specification: ESO §6.8 (finalizer), §6.9, §6.11, §14.

use sandbox::{Fate, Trouble};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::scenario::Named;
use testkit::vault::{Engine, Terms};

use crate::external_secret::start;
use crate::push_secret::{ALPHA, SYNCED, beside_vault, data, push_secret, ready, secret, stage, store};
use crate::stage::{Stage, comes};

const V1: &str = "external-secrets.io/v1";
const FINALIZER: &str = "secretstore.externalsecrets.io/finalizer";

fn refs(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"name": name, "kind": "SecretStore"})).collect()
}

async fn finalizers(stage: &Stage, name: &str) -> Value {
    stage.object(V1, "SecretStore", name).await.expect("it stands")["metadata"]["finalizers"].clone()
}

fn version(object: Option<Value>) -> Value {
    object.expect("it stands")["metadata"]["resourceVersion"].clone()
}

#[tokio::test]
async fn a_store_stays_until_its_values_are_taken_back() {
    let (mut stage, vault) = stage("a-store-stays-until").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({}))).await;
    assert_eq!(finalizers(&stage, "vault").await, Value::Null, "deletionPolicy None keeps no store");
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    assert_eq!(finalizers(&stage, "vault").await, json!([FINALIZER]));
    let before = version(stage.object(V1, "SecretStore", "vault").await);
    stage.stop().await;
    start(&mut stage).await;
    assert_eq!(version(stage.object(V1, "SecretStore", "vault").await), before, "a restart writes nothing");
    stage.delete(V1, "SecretStore", "vault").await.expect("the cluster deletes");
    stage.settle().await;
    let going = stage.object(V1, "SecretStore", "vault").await.expect("it is kept");
    assert!(!going["metadata"]["deletionTimestamp"].is_null());
    let lines = stage.explained("SecretStore", "vault").await.join("\n");
    let told = format!("stays until PushSecret {}/out has taken its values back", stage.namespace());
    assert!(lines.contains(&told), "{lines}");
    stage.remove(&push_secret(json!({}))).await;
    assert_eq!(vault.value("secret/app/db"), None);
    stage.vanishes(Named::new(V1, "SecretStore", "vault")).await;
}

#[tokio::test]
async fn a_store_that_is_no_longer_needed_is_let_go() {
    let (stage, vault) = stage("a-store-no-longer-needed").await;
    let other = Vault::start().await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    let mut labelled = store("second", &other);
    labelled["metadata"]["labels"] = json!({"pushed": "to"});
    stage.apply(labelled).await;
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    let chosen = json!([{"kind": "SecretStore", "labelSelector": {"matchLabels": {"pushed": "to"}}}]);
    stage.apply(push_secret(json!({"deletionPolicy": "Delete", "secretStoreRefs": chosen}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    assert_eq!(
        (vault.value("secret/app/db"), other.value("secret/app/db").is_some()),
        (None, true),
        "emptied, and moved"
    );
    assert_eq!(finalizers(&stage, "vault").await, Value::Null, "it holds nothing any more");
    assert_eq!(finalizers(&stage, "second").await, json!([FINALIZER]), "chosen by label");
    stage.apply(push_secret(json!({"secretStoreRefs": chosen}))).await;
    assert_eq!(finalizers(&stage, "second").await, Value::Null);
}

#[tokio::test]
async fn a_store_that_comes_into_the_choice_gets_its_values_at_once() {
    let (stage, vault) = stage("a-store-comes-into-the-choice").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    let chosen = json!([{"kind": "SecretStore", "labelSelector": {"matchLabels": {"pushed": "to"}}}]);
    let mut first = store("first", &vault);
    first["metadata"]["labels"] = json!({"pushed": "to"});
    stage.apply(first).await;
    stage.apply(push_secret(json!({"secretStoreRefs": chosen}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    let other = Vault::start().await;
    let mut second = store("second", &other);
    second["metadata"]["labels"] = json!({"pushed": "to"});
    stage.apply(second).await;
    assert_eq!(other.value("secret/app/db"), Some(json!({"password": "one"})));
}

#[tokio::test]
async fn one_store_in_trouble_keeps_nobody_else_from_their_values() {
    let (stage, away) = stage("one-store-in-trouble").await;
    let well = Vault::start().await;
    stage.apply(store("well", &well)).await;
    stage.apply(secret("src", &[("pw", "one"), ("user", "app")])).await;
    away.deny("secret/data/app/db");
    let both = |extra: Value| {
        let mut object = push_secret(json!({"secretStoreRefs": refs(&["vault", "well"]), "deletionPolicy": "Delete",
            "data": [data("pw", "app/db", "password"), data("user", "app/user", "name")]}));
        for (key, value) in extra.as_object().into_iter().flatten() {
            object["spec"][key] = value.clone();
        }
        object
    };
    stage.apply(both(json!({}))).await;
    let told = ready(&stage).await;
    let start = "False Errored: set secret failed: could not write remote ref app/db to target secretstore vault: ";
    assert!(told.starts_with(start), "{told}");
    assert_eq!(well.value("secret/app/db"), Some(json!({"password": "one"})));
    assert_eq!(away.value("secret/app/user"), Some(json!({"name": "app"})), "one place denied, the others not");
    let synced =
        stage.object(ALPHA, "PushSecret", "out").await.expect("it stands")["status"]["syncedPushSecrets"].clone();
    let keys =
        |store: &str| synced[store].as_object().map(|entries| entries.keys().cloned().collect::<Vec<_>>().join(" "));
    assert_eq!(keys("SecretStore/vault").as_deref(), Some("app/user/name"));
    assert_eq!(keys("SecretStore/well").as_deref(), Some("app/db/password app/user/name"));
    // What cannot be taken back is not forgotten, and keeps nobody from new values.
    away.deny("secret/data/app/user");
    stage.apply(both(json!({"secretStoreRefs": refs(&["well"]), "data": [data("pw", "app/new", "password")]}))).await;
    assert!(
        ready(&stage)
            .await
            .starts_with("False Errored: could not delete remote ref app/user of target secretstore vault")
    );
    assert_eq!((well.value("secret/app/db"), well.value("secret/app/new").is_some()), (None, true));
    away.allow_all();
    stage.patch(&push_secret(json!({})), json!({"metadata": {"annotations": {"again": "1"}}})).await;
    assert_eq!((ready(&stage).await.as_str(), away.value("secret/app/user")), (SYNCED, None));
}

#[tokio::test]
async fn the_flood_gate_is_not_for_pushes() {
    let (stage, vault) = stage("the-flood-gate-is-not-for").await;
    vault.deny("auth/token/lookup-self");
    stage.patch(&store("vault", &vault), json!({"metadata": {"annotations": {"look": "again"}}})).await;
    assert!(stage.condition(V1, "SecretStore", "vault", "Ready").await.starts_with("False InvalidProviderConfig"));
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
}

#[tokio::test]
async fn what_changed_while_no_process_looked_is_pushed_at_the_start() {
    let (mut stage, vault) = stage("changed-while-no-process").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({"deletionPolicy": "Delete", "refreshInterval": "0"}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    stage.stop().await;
    stage.replace(&secret("src", &[("pw", "two")])).await.expect("the cluster takes it");
    start(&mut stage).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "two"})));
    stage.stop().await;
    stage.delete("v1", "Secret", "src").await.expect("the cluster deletes");
    start(&mut stage).await;
    assert_eq!(ready(&stage).await, "False SourceDeleted: source secret deleted; provider secrets cleaned up");
    assert_eq!(vault.value("secret/app/db"), None);
}

#[tokio::test]
async fn a_process_that_ends_between_a_push_and_its_record_goes_on() {
    let mut stage = Stage::in_memory("external-secrets", "ends-between-a-push").await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let vault = beside_vault(&mut stage).await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    let lost = sandbox.trouble(Trouble::on("update", "pushsecrets/status", Fate::Away));
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
    assert_eq!(ready(&stage).await, " : ", "nothing is on record");
    stage.stop().await;
    lost.end();
    let writes = vault.count("PUT", "secret/data/app/db") + vault.count("POST", "secret/data/app/db");
    start(&mut stage).await;
    assert_eq!(ready(&stage).await, SYNCED);
    let now = vault.count("PUT", "secret/data/app/db") + vault.count("POST", "secret/data/app/db");
    assert_eq!(now, writes, "the provider holds it already");
    stage.remove(&push_secret(json!({}))).await;
    assert_eq!(vault.value("secret/app/db"), None);
}

fn generated(kind: &str) -> Value {
    let selector =
        json!({"generatorRef": {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind, "name": "new"}});
    push_secret(json!({"selector": selector, "data": [data("password", "app/made", "p")], "deletionPolicy": "Delete"}))
}

fn generator(kind: &str, spec: Value) -> Value {
    json!({"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind, "metadata": {"name": "new"}, "spec": spec})
}

#[tokio::test]
async fn what_was_made_for_a_push_that_failed_is_pushed_later() {
    let (stage, vault) = stage("made-for-a-push-that-failed").await;
    vault.mount("database", Engine::database(&[("app", Terms { ttl_seconds: 600, ..Terms::default() })], &[]));
    let auth = json!({"tokenSecretRef": {"name": "vault", "key": "token"}});
    let spec =
        json!({"path": "/database/creds/app", "method": "GET", "provider": {"server": vault.url(), "auth": auth}});
    stage.apply(generator("VaultDynamicSecret", spec)).await;
    vault.deny("secret/");
    stage.apply(generated("VaultDynamicSecret")).await;
    assert!(ready(&stage).await.starts_with("False Errored: set secret failed"), "{}", ready(&stage).await);
    stage.patch(&generated("VaultDynamicSecret"), json!({"metadata": {"annotations": {"again": "1"}}})).await;
    assert_eq!(vault.live_leases().len(), 1, "no account is made in vain");
    vault.allow_all();
    stage.patch(&generated("VaultDynamicSecret"), json!({"metadata": {"annotations": {"again": "2"}}})).await;
    assert_eq!((ready(&stage).await.as_str(), vault.live_leases().len()), (SYNCED, 1));
    let first = vault.value("secret/app/made").expect("it is stored");
    stage.patch(&generated("VaultDynamicSecret"), json!({"metadata": {"annotations": {"again": "3"}}})).await;
    assert_ne!(vault.value("secret/app/made"), Some(first), "each push makes a new one");
    assert_eq!(vault.live_leases().len(), 2);
}

#[tokio::test]
async fn a_generator_of_another_class_pushes_and_takes_back_nothing() {
    let (stage, vault) = stage("pushes-another-class").await;
    stage.apply(generator("Fake", json!({"data": {"password": "one"}}))).await;
    stage.apply(generated("Fake")).await;
    assert_eq!(vault.value("secret/app/made"), Some(json!({"p": "one"})));
    stage.apply(generator("Fake", json!({"controller": "other", "data": {"password": "two"}}))).await;
    stage.patch(&generated("Fake"), json!({"metadata": {"annotations": {"again": "1"}}})).await;
    assert_eq!(vault.value("secret/app/made"), Some(json!({"p": "one"})));
}

/// Conflicts are no failures: nobody is told of them, and nothing is lost.
#[tokio::test]
async fn two_writers_at_once_lose_nothing() {
    let mut stage = Stage::in_memory("external-secrets", "push-two-writers").await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let _vault = beside_vault(&mut stage).await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    let of_object = sandbox.trouble(Trouble::on("patch", "pushsecrets", Fate::Conflict).times(1));
    let of_store = sandbox.trouble(Trouble::on("patch", "secretstores", Fate::Conflict).times(1));
    let of_status = sandbox.trouble(Trouble::on("update", "pushsecrets/status", Fate::Conflict).times(2));
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    comes("a push", async || ready(&stage).await == SYNCED).await;
    comes("a finalizer", async || finalizers(&stage, "vault").await == json!([FINALIZER])).await;
    assert_eq!((of_object.hits(), of_store.hits(), of_status.hits()), (1, 1, 2));
    let told = stage.events().await;
    assert!(!told.iter().any(|event| event.starts_with("Warning")), "{told:?}");
    assert!(stage.condition(V1, "SecretStore", "vault", "Ready").await.starts_with("True"));
}

#[tokio::test]
async fn a_provider_that_goes_away_and_comes_back_loses_nothing() {
    let (stage, vault) = stage("a-provider-goes-away").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    vault.seal(true);
    stage.apply(secret("src", &[("pw", "two")])).await;
    assert!(ready(&stage).await.starts_with("False Errored: set secret failed: could not write remote ref app/db"));
    let object = stage.object(ALPHA, "PushSecret", "out").await.expect("it stands");
    assert!(
        object["status"]["syncedPushSecrets"]["SecretStore/vault"]["app/db/password"].is_object(),
        "it is on record"
    );
    stage.delete(ALPHA, "PushSecret", "out").await.expect("the cluster deletes");
    stage.settle().await;
    assert!(
        ready(&stage)
            .await
            .starts_with("False Errored: could not delete remote ref app/db of target secretstore vault")
    );
    vault.seal(false);
    stage.vanishes(Named::new(ALPHA, "PushSecret", "out")).await;
    assert_eq!(vault.value("secret/app/db"), None);
}

#[tokio::test]
async fn a_selector_that_nobody_can_read_takes_nothing_back() {
    let (stage, vault) = stage("a-selector-nobody-can-read").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    let chosen = |operator: &str| {
        let selector = json!({"matchExpressions": [{"key": "role", "operator": operator, "values": ["src"]}]});
        push_secret(json!({"deletionPolicy": "Delete", "selector": {"secret": {"selector": selector}}}))
    };
    stage.apply(chosen("In")).await;
    assert_eq!(ready(&stage).await, SYNCED);
    stage.apply(chosen("Is")).await;
    let told = "False Errored: could not get source secret: cannot read the label selector's expression on `role`: \
        \"Is\" is not a valid label selector operator";
    assert_eq!(ready(&stage).await, told);
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
}

/// As when a namespace is deleted: nobody says in which order its objects go.
#[tokio::test]
async fn values_are_taken_back_though_the_credentials_went_first() {
    let (stage, vault) = stage("the-credentials-went-first").await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    stage.apply(push_secret(json!({"deletionPolicy": "Delete"}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    stage.delete(V1, "SecretStore", "vault").await.expect("the cluster deletes");
    stage.remove(&secret("vault", &[])).await;
    stage.remove(&push_secret(json!({}))).await;
    stage.vanishes(Named::new(ALPHA, "PushSecret", "out")).await;
    assert_eq!(vault.value("secret/app/db"), None);
    stage.vanishes(Named::new(V1, "SecretStore", "vault")).await;
}

#[tokio::test]
async fn a_store_of_the_cluster_stays_for_any_namespace_that_needs_it() {
    let (stage, vault) = stage("a-store-of-the-cluster-stays").await;
    let name = stage.namespace().to_owned();
    let mut everybodys = store(&name, &vault);
    everybodys["kind"] = json!("ClusterSecretStore");
    everybodys["spec"]["provider"]["vault"]["auth"]["tokenSecretRef"]["namespace"] = json!(name);
    stage.apply(everybodys).await;
    stage.apply(secret("src", &[("pw", "one")])).await;
    let refs = json!([{"name": name, "kind": "ClusterSecretStore"}]);
    stage.apply(push_secret(json!({"deletionPolicy": "Delete", "secretStoreRefs": refs}))).await;
    assert_eq!(ready(&stage).await, SYNCED);
    let standing = async || stage.object(V1, "ClusterSecretStore", &name).await;
    assert_eq!(standing().await.expect("it stands")["metadata"]["finalizers"], json!([FINALIZER]));
    stage.delete(V1, "ClusterSecretStore", &name).await.expect("the cluster deletes");
    stage.settle().await;
    assert!(standing().await.is_some(), "it is kept");
    // What it holds stays on record and in its place while it is on its way out.
    stage.apply(secret("src", &[("pw", "two")])).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
    stage.patch(&push_secret(json!({})), json!({"spec": {"deletionPolicy": "None"}})).await;
    stage.vanishes(Named::new(V1, "ClusterSecretStore", &name)).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})), "nobody asks for it to be taken back");
}
