//! How an unsealed Secret lies over what stands there, and what is told: scopes, owners, annotations, immutability, status.
//! Specification: SS §5.3, §11.1–§11.8.

use operator::sealed_secrets::Settings;
use sandbox::{Fate, Trouble};
use seal::Scope;
use serde_json::{Value, json};

use crate::sealed_secret::{V1, keys, sealed_for, sealed_secret, settings, start, start_with, synced};
use crate::stage::{Stage, comes};

const ANNOTATION: &str = "sealedsecrets.bitnami.com";

fn secret(annotations: Value, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "labels": {"theirs": "1"},
        "annotations": annotations}, "data": data})
}

fn with_template(mut sealed: Value, template: Value) -> Value {
    sealed["spec"]["template"] = template;
    sealed
}

#[tokio::test]
async fn each_scope_opens_where_it_may() {
    let mut stage = Stage::new("sealed-secrets", "each-scope-opens-where-it-may").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    let namespace = stage.namespace().to_owned();
    let failure = "False : no key could decrypt secret (p)";
    for (scope, mark) in [(Scope::NamespaceWide, "namespace-wide"), (Scope::ClusterWide, "cluster-wide")] {
        let mut sealed = sealed_for(&keys, &scope.label(&namespace, "any"), &[("p", mark)]);
        stage.apply(sealed.clone()).await;
        assert_eq!(synced(&stage).await, failure, "{mark} without its annotation");
        // An annotation alone is reason enough to look again (SS §11.1, better than the peer).
        sealed["metadata"]["annotations"] = json!({format!("{ANNOTATION}/{mark}"): "true"});
        stage.apply(sealed).await;
        assert_eq!(stage.secret("db").await, Some(format!("p={mark}")));
    }
    // A template's annotation decides nothing.
    let sealed = sealed_for(&keys, &Scope::ClusterWide.label("", ""), &[("p", "x")]);
    let marks = json!({"metadata": {"annotations": {format!("{ANNOTATION}/cluster-wide"): "true"}}});
    stage.apply(with_template(sealed, marks)).await;
    assert_eq!(synced(&stage).await, failure);
}

#[tokio::test]
async fn the_template_gives_type_labels_and_owner() {
    let mut stage = Stage::new("sealed-secrets", "the-template-gives").await;
    start(&mut stage).await;
    let sealed = sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")]);
    let template = json!({"type": "example.com/x", "metadata": {"name": "other", "namespace": "elsewhere",
        "labels": {"app": "shop"}, "annotations": {"note": "n"}}});
    stage.apply(with_template(sealed, template)).await;
    let made = stage.object("v1", "Secret", "db").await.expect("it is made under the SealedSecret's own name");
    let owner = stage.object(V1, "SealedSecret", "db").await.unwrap_or_default();
    assert_eq!((&made["type"], &made["metadata"]["labels"]), (&json!("example.com/x"), &json!({"app": "shop"})));
    let reference = json!([{"apiVersion": V1, "kind": "SealedSecret", "name": "db", "uid": owner["metadata"]["uid"],
        "controller": true}]);
    assert_eq!(made["metadata"]["ownerReferences"], reference);
}

#[tokio::test]
async fn a_managed_secret_is_taken_over() {
    let mut stage = Stage::new("sealed-secrets", "a-managed-secret").await;
    start(&mut stage).await;
    stage.apply(secret(json!({format!("{ANNOTATION}/managed"): "true"}), json!({"k": "dg=="}))).await;
    stage.apply(sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
    let made = stage.object("v1", "Secret", "db").await.unwrap_or_default();
    assert_eq!(made["metadata"]["ownerReferences"][0]["kind"], "SealedSecret");
    for field in ["annotations", "labels"] {
        assert!(made["metadata"][field].as_object().is_none_or(serde_json::Map::is_empty), "{field}");
    }
}

#[tokio::test]
async fn a_secret_in_the_way_is_taken_over_as_soon_as_its_owner_says_so() {
    let mut stage = Stage::in_memory("sealed-secrets", "a-secret-in-the-way").await;
    start(&mut stage).await;
    stage.apply(secret(json!({}), json!({"k": "dg=="}))).await;
    stage.apply(sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")])).await;
    assert!(synced(&stage).await.starts_with("False : failed update"));
    stage.apply(secret(json!({format!("{ANNOTATION}/patch"): "true"}), json!({"k": "dg=="}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("k=v p=x"));
    assert_eq!(synced(&stage).await, "True : ");
}

#[tokio::test]
async fn a_patched_secret_keeps_what_is_its_own() {
    let mut stage = Stage::new("sealed-secrets", "a-patched-secret").await;
    start(&mut stage).await;
    stage.apply(secret(json!({format!("{ANNOTATION}/patch"): "true"}), json!({"k": "dg==", "p": "dg=="}))).await;
    let sealed = sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")]);
    stage.apply(sealed.clone()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("k=v p=x"));
    let made = stage.object("v1", "Secret", "db").await.unwrap_or_default();
    assert!(made["metadata"]["ownerReferences"].is_null());
    assert_eq!(made["metadata"]["labels"]["theirs"], "1");
    stage.remove(&sealed).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("k=v p=x"), "it outlives the SealedSecret");
}

#[tokio::test]
async fn a_secret_without_owner_is_kept_up_to_date() {
    let mut stage = Stage::new("sealed-secrets", "a-secret-without-owner").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    let annotations = json!({format!("{ANNOTATION}/skip-set-owner-references"): "true"});
    let template = json!({"metadata": {"annotations": annotations}});
    for value in ["one", "two"] {
        let sealed = sealed_secret(&keys, stage.namespace(), &[("p", value)]);
        stage.apply(with_template(sealed, template.clone())).await;
        assert_eq!(stage.secret("db").await, Some(format!("p={value}")));
    }
    let made = stage.object("v1", "Secret", "db").await.unwrap_or_default();
    assert!(made["metadata"]["ownerReferences"].is_null());
    assert_eq!(synced(&stage).await, "True : ");
    // Owners that the template lists are set, and stay as they are at the next change.
    stage.apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}})).await;
    let owner = stage.object("v1", "ConfigMap", "c").await.unwrap_or_default();
    let theirs = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": owner["metadata"]["uid"]}]);
    let template = json!({"metadata": {"annotations": annotations, "ownerReferences": theirs}});
    for value in ["three", "four"] {
        let sealed = sealed_secret(&keys, stage.namespace(), &[("p", value)]);
        stage.apply(with_template(sealed, template.clone())).await;
        assert_eq!(stage.secret("db").await, Some(format!("p={value}")));
        let made = stage.object("v1", "Secret", "db").await.unwrap_or_default();
        assert_eq!(made["metadata"]["ownerReferences"], theirs);
    }
}

#[tokio::test]
async fn an_immutable_secret_is_told_in_the_peers_words() {
    let mut stage = Stage::new("sealed-secrets", "an-immutable-secret").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    let template = json!({"immutable": true});
    let sealed = sealed_secret(&keys, stage.namespace(), &[("p", "one")]);
    stage.apply(with_template(sealed, template.clone())).await;
    assert_eq!(stage.object("v1", "Secret", "db").await.unwrap_or_default()["immutable"], true);
    let sealed = sealed_secret(&keys, stage.namespace(), &[("p", "two")]);
    stage.apply(with_template(sealed, template)).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=one"));
    let told = synced(&stage).await;
    assert!(told.starts_with("False") && told.contains("field is immutable when `immutable` is set"), "{told}");
    let events = stage.events().await;
    let words =
        format!("Warning ErrUpdateFailed: Error updating {}/db: the target Secret is immutable.", stage.namespace());
    assert!(events.iter().any(|event| event.starts_with(&words)), "{events:?}");
}

#[tokio::test]
async fn the_status_follows_generation_and_outcome() {
    let mut stage = Stage::new("sealed-secrets", "the-status-follows").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    let status = async || stage.object(V1, "SealedSecret", "db").await.unwrap_or_default();
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "one")])).await;
    let first = status().await;
    let condition = first["status"]["conditions"][0].clone();
    assert_eq!((&condition["type"], &condition["status"]), (&json!("Synced"), &json!("True")));
    assert_eq!(condition["lastUpdateTime"], condition["lastTransitionTime"]);
    assert!(condition["reason"].is_null() && condition["message"].is_null());
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "two")])).await;
    let second = status().await;
    assert_eq!(second["status"]["observedGeneration"], second["metadata"]["generation"]);
    assert_ne!(second["metadata"]["generation"], first["metadata"]["generation"]);
    let again = &second["status"]["conditions"][0];
    assert_eq!(again["lastTransitionTime"], condition["lastTransitionTime"]);
    let mut broken = sealed_secret(&keys, stage.namespace(), &[("p", "two")]);
    broken["spec"]["encryptedData"]["bad"] = json!("!");
    stage.apply(broken).await;
    assert_eq!(synced(&stage).await, "False : illegal base64 data at input byte 0 (bad)");
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=two"), "no partial Secret");
    let told = stage.events().await;
    let words = "Warning ErrUnsealFailed: Failed to unseal: illegal base64 data at input byte 0 (bad)";
    assert!(told.contains(&words.to_owned()), "{told:?}");
}

#[tokio::test]
async fn without_status_updates_the_status_stays_empty() {
    let mut stage = Stage::new("sealed-secrets", "without-status-updates").await;
    let settings = Settings { writes_status: false, ..settings(&stage) };
    start_with(&mut stage, settings).await;
    let keys = keys(&stage).await;
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "x")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
    stage.apply(sealed_secret(&keys, "another", &[("p", "y")])).await;
    let object = stage.object(V1, "SealedSecret", "db").await.unwrap_or_default();
    assert!(object["status"].is_null(), "{}", object["status"]);
    assert_eq!(stage.events().await.len(), 2, "events are told all the same");
}

#[tokio::test]
async fn without_recreation_a_deleted_secret_stays_away() {
    let mut stage = Stage::new("sealed-secrets", "without-recreation").await;
    let settings = Settings { recreates: false, ..settings(&stage) };
    start_with(&mut stage, settings).await;
    stage.apply(sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")])).await;
    stage.remove(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}})).await;
    assert_eq!(stage.secret("db").await, None);
}

#[tokio::test]
async fn a_deleted_object_takes_its_secret_along_but_no_foreign_one() {
    let mut stage = Stage::new("sealed-secrets", "a-deleted-object-takes-its-secret").await;
    let settings = Settings { collects: true, ..settings(&stage) };
    start_with(&mut stage, settings).await;
    let keys = keys(&stage).await;
    let sealed = sealed_secret(&keys, stage.namespace(), &[("p", "x")]);
    stage.apply(sealed.clone()).await;
    stage.remove(&sealed).await;
    stage.vanishes(testkit::scenario::Named::secret("db")).await;
    stage.apply(secret(json!({}), json!({"k": "dg=="}))).await;
    stage.apply(sealed.clone()).await;
    stage.remove(&sealed).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("k=v"));
}

/// The API server refuses such an object by its schema; one that was stored before the schema is still there.
#[tokio::test]
async fn a_damaged_object_is_told_on_itself_and_stops_nobody() {
    let mut stage = Stage::in_memory("sealed-secrets", "a-damaged-object").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    let mut damaged = sealed_secret(&keys, stage.namespace(), &[("p", "x")]);
    damaged["metadata"]["name"] = json!("damaged");
    damaged["spec"]["encryptedData"] = json!({"n": "AgA=", "o": "", "p": 5, "q": {"a": "b"}, "r": [true]});
    stage.apply(damaged).await;
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "x")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
    let told = stage.condition(V1, "SealedSecret", "damaged", "Synced").await;
    assert_eq!(told, "False : no key could decrypt secret (n, o, p, q, r)");
}

/// The schema keeps whatever stands in a template's metadata, so that the API server takes what no program can read.
#[tokio::test]
async fn an_object_that_cannot_be_read_is_told_on_itself_and_stops_nobody() {
    let mut stage = Stage::new("sealed-secrets", "an-object-that-cannot-be-read").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    let mut damaged = sealed_secret(&keys, stage.namespace(), &[("p", "x")]);
    damaged["metadata"]["name"] = json!("damaged");
    let damaged = with_template(damaged, json!({"metadata": {"ownerReferences": "s3cr3t"}}));
    stage.create(&damaged).await.expect("the schema lets it through");
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "x")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
    comes("the event", async || stage.events().await.iter().any(|event| event.starts_with("Warning Unreadable"))).await;
    let told = stage.events().await;
    let words = "Warning Unreadable: cannot read the object: invalid type string, expected ";
    assert!(told.iter().any(|event| event.starts_with(words)), "{told:?}");
}

#[tokio::test]
async fn two_writers_lose_nothing() {
    let mut stage = Stage::in_memory("sealed-secrets", "two-writers-lose-nothing").await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "one")])).await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    sandbox.trouble(Trouble::on("update", "secrets", Fate::Conflict).times(2));
    sandbox.trouble(Trouble::on("update", "sealedsecrets/status", Fate::Conflict).times(2));
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "two")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=two"));
    assert_eq!(synced(&stage).await, "True : ");
}
