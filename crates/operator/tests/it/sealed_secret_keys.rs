//! The sealing keys' life: made, renewed, brought along, relabelled, damaged, forgotten. Specification: SS §10.3, §10.4.

use std::time::Duration;

use base::duration::GoDuration;
use operator::sealed_secrets::{Keys, Settings};
use sandbox::{Fate, Trouble};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sealed_secret::{keys, sealed_secret, settings, start, start_with, synced};
use crate::stage::Stage;

const LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

async fn key_secrets(stage: &Stage) -> Vec<Value> {
    let all = stage.list("v1", "Secret").await.expect("the cluster answers");
    all.into_iter().filter(|secret| !secret["metadata"]["labels"][LABEL].is_null()).collect()
}

fn relabelled(secret: &Value, value: Value) -> (Value, Value) {
    let mut named = secret.clone();
    (named["apiVersion"], named["kind"]) = (json!("v1"), json!("Secret"));
    (named, json!({"metadata": {"labels": {LABEL: value}}}))
}

/// Waits until the process holds so many keys.
async fn holds(stage: &Stage, count: usize) {
    let until = Instant::now() + Duration::from_secs(30);
    while keys(stage).await.len() != count {
        assert!(Instant::now() < until, "{} keys instead of {count}", keys(stage).await.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.settle().await;
}

/// Waits until the condition says so: keys are read beside the queue.
async fn becomes(stage: &Stage, wanted: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while synced(stage).await != wanted {
        assert!(Instant::now() < until, "{} instead of {wanted}", synced(stage).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stage.settle().await;
}

#[tokio::test]
async fn a_new_key_lies_as_the_peers() {
    let mut stage = Stage::new("sealed-secrets", "a-new-key-lies-as-the-peers").await;
    let settings = Settings {
        key_labels: [("team".to_owned(), "a".to_owned()), (LABEL.to_owned(), "no".to_owned())].into(),
        key_annotations: [("note".to_owned(), "b".to_owned())].into(),
        ..settings(&stage)
    };
    start_with(&mut stage, settings).await;
    keys(&stage).await;
    let made = key_secrets(&stage).await;
    assert_eq!(made.len(), 1);
    let meta = &made[0]["metadata"];
    assert_eq!((&meta["labels"][LABEL], &meta["labels"]["team"]), (&json!("active"), &json!("a")));
    assert_eq!((&meta["annotations"]["note"], &made[0]["type"]), (&json!("b"), &json!("kubernetes.io/tls")));
    let name = meta["name"].as_str().unwrap_or_default();
    assert!(name.starts_with("sealed-secrets-key") && name.len() == "sealed-secrets-key".len() + 5, "{name}");
    let names: Vec<&str> =
        made[0]["data"].as_object().into_iter().flat_map(|data| data.keys().map(String::as_str)).collect();
    assert_eq!(names, ["tls.crt", "tls.key"]);
}

#[tokio::test]
async fn a_key_asked_for_seals_from_now_on_and_the_old_one_still_opens() {
    let mut stage = Stage::new("sealed-secrets", "a-key-asked-for").await;
    let settings = Settings { renew_period: GoDuration::ZERO, ..settings(&stage) };
    start_with(&mut stage, settings).await;
    let old = keys(&stage).await;
    let sealed = sealed_secret(&old, stage.namespace(), &[("p", "old")]);
    stage.shared.as_ref().expect("a process runs").memory::<Keys>().want_new();
    holds(&stage, 2).await;
    stage.apply(sealed).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=old"));
    stage.apply(sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "new")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=new"));
    assert_eq!(key_secrets(&stage).await.len(), 2);
}

#[tokio::test]
async fn an_old_key_is_followed_by_a_new_one_at_the_start() {
    let mut stage = Stage::new("sealed-secrets", "an-old-key-is-followed").await;
    start(&mut stage).await;
    keys(&stage).await;
    stage.stop().await;
    let cutoff = base::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).expect("a moment");
    let settings = Settings { cutoff: Some(cutoff), ..settings(&stage) };
    start_with(&mut stage, settings).await;
    holds(&stage, 2).await;
    // A cutoff that lies ahead of the clock asks for one key, not for one at every look.
    let third = key_secrets(&stage).await.pop().expect("a key lies in the cluster");
    let (named, change) = relabelled(&third, json!("compromised"));
    stage.patch(&named, change).await;
    holds(&stage, 1).await;
    assert_eq!(key_secrets(&stage).await.len(), 2);
}

#[tokio::test]
async fn what_waits_for_a_key_is_opened_when_it_appears() {
    let mut stage = Stage::new("sealed-secrets", "what-waits-for-a-key").await;
    start(&mut stage).await;
    keys(&stage).await;
    stage.shared.as_ref().expect("a process runs").memory::<Keys>().want_new();
    holds(&stage, 2).await;
    // One of the two is taken out of use: the one that the value needs.
    let both = keys(&stage).await;
    let sealed = sealed_secret(&both, stage.namespace(), &[("p", "x")]);
    let needed = both.newest().map(|key| key.name.clone()).unwrap_or_default();
    let second = key_secrets(&stage).await.into_iter().find(|key| key["metadata"]["name"] == *needed);
    let second = second.expect("the key lies in the cluster");
    let (named, change) = relabelled(&second, json!("compromised"));
    stage.patch(&named, change).await;
    holds(&stage, 1).await;
    stage.apply(sealed).await;
    assert_eq!(synced(&stage).await, "False : no key could decrypt secret (p)");
    assert_eq!(stage.secret("db").await, None);
    let (named, change) = relabelled(&second, json!("active"));
    stage.patch(&named, change).await;
    becomes(&stage, "True : ").await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_waited_for_and_none_is_made() {
    let mut stage = Stage::in_memory("sealed-secrets", "keys-that-cannot-be-read").await;
    start(&mut stage).await;
    stage.apply(sealed_secret(&*keys(&stage).await, stage.namespace(), &[("p", "x")])).await;
    stage.stop().await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    sandbox.recorder().clear();
    // The caches list all Secrets, the keys' life those with the label: some of either fails.
    sandbox.trouble(Trouble::on("list", "secrets", Fate::Broken).times(1));
    sandbox.trouble(Trouble::on("get", "secrets", Fate::Broken).times(2));
    start(&mut stage).await;
    assert_eq!(keys(&stage).await.len(), 1);
    stage.settle().await;
    assert_eq!(synced(&stage).await, "True : ");
    assert!(sandbox.recorder().writes().is_empty(), "{:?}", sandbox.recorder().writes());
}

#[tokio::test]
async fn a_wish_for_a_key_outlives_a_failure() {
    let mut stage = Stage::in_memory("sealed-secrets", "a-wish-for-a-key").await;
    start(&mut stage).await;
    keys(&stage).await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    sandbox.trouble(Trouble::on("create", "secrets", Fate::Away).times(1));
    stage.shared.as_ref().expect("a process runs").memory::<Keys>().want_new();
    holds(&stage, 2).await;
}

#[tokio::test]
async fn a_deleted_key_opens_nothing_any_more() {
    let mut stage = Stage::new("sealed-secrets", "a-deleted-key").await;
    start(&mut stage).await;
    let old = keys(&stage).await;
    let first = key_secrets(&stage).await.remove(0);
    stage.shared.as_ref().expect("a process runs").memory::<Keys>().want_new();
    holds(&stage, 2).await;
    stage.remove(&relabelled(&first, Value::Null).0).await;
    holds(&stage, 1).await;
    stage.apply(sealed_secret(&old, stage.namespace(), &[("p", "x")])).await;
    assert_eq!(synced(&stage).await, "False : no key could decrypt secret (p)");
}

#[tokio::test]
async fn a_damaged_key_stops_nobody() {
    let mut stage = Stage::new("sealed-secrets", "a-damaged-key").await;
    let damaged = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "damaged", "labels": {LABEL: "active"}}, "data": {"tls.key": "eA==", "tls.crt": "eA=="}});
    stage.apply(damaged).await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    assert_eq!(keys.len(), 1, "one is made beside it");
    assert!(stage.metrics().contains("\nsealed_secrets_controller_unreadable_keys 1\n"), "{}", stage.metrics());
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "x")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x"));
}
