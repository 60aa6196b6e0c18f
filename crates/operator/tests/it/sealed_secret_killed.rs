//! A controller that is killed between two of its writes, or just before or behind one: the next start does what is left, and
//! nothing else. Specification: SS §11.9, §19.10.

use serde_json::{Value, json};

use crate::sealed_secret::{keys, sealed_secret, start, synced};
use crate::stage::{Death, Mortal, Stage};

const SECRET: &str = "POST secrets";
const CHANGE: &str = "PUT secrets";
const STATUS: &str = "PUT sealedsecrets/status";
const EVENT: &str = "POST events";

/// The write at which it is killed, whether that is done all the same, and what the next start writes.
type Row = (&'static str, bool, &'static [&'static str]);

/// A life that ends there, and the next one; answers what that wrote.
async fn two_lives(stage: &mut Stage, at: &'static str, is_done: bool) -> Vec<String> {
    stage.mortal = Some(Mortal::new(Some(Death { at, is_done })));
    start(stage).await;
    stage.kill().await;
    next_life(stage).await
}

async fn next_life(stage: &mut Stage) -> Vec<String> {
    let life = Mortal::new(None);
    stage.mortal = Some(life.clone());
    start(stage).await;
    keys(stage).await;
    stage.settle().await;
    life.writes()
}

/// A stage on which a process made its key, unsealed what was there before, and ended; then came what is there after it.
async fn prepared(name: &str, before: &[(&str, &str)], after: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new("sealed-secrets", name).await;
    start(&mut stage).await;
    let keys = keys(&stage).await;
    if !before.is_empty() {
        stage.apply(sealed_secret(&keys, stage.namespace(), before)).await;
    }
    stage.stop().await;
    if !after.is_empty() {
        stage.apply(sealed_secret(&keys, stage.namespace(), after)).await;
    }
    stage
}

async fn is_whole(stage: &Stage, data: &str) {
    assert_eq!(stage.secret("db").await.as_deref(), Some(data));
    assert_eq!(synced(stage).await, "True : ");
    let object = stage.object(crate::sealed_secret::V1, "SealedSecret", "db").await.unwrap_or_default();
    assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"]);
}

#[tokio::test]
async fn what_was_left_of_a_new_object_is_done_by_the_next_start() {
    let rows: [Row; 5] = [
        (SECRET, false, &[EVENT, SECRET, STATUS]),
        (SECRET, true, &[STATUS]),
        (STATUS, false, &[STATUS]),
        (STATUS, true, &[]),
        (EVENT, false, &[]),
    ];
    for (at, is_done, expected) in rows {
        let mut stage = prepared("a-new-object-is-finished", &[], &[("p", "x")]).await;
        assert_eq!(two_lives(&mut stage, at, is_done).await, expected, "killed at {at}, done: {is_done}");
        is_whole(&stage, "p=x").await;
        stage.stop().await;
        assert_eq!(next_life(&mut stage).await, Vec::<String>::new(), "killed at {at}, done: {is_done}");
    }
}

#[tokio::test]
async fn what_was_left_of_a_change_is_done_by_the_next_start() {
    let rows: [Row; 2] = [(CHANGE, false, &[EVENT, STATUS, CHANGE]), (CHANGE, true, &[STATUS])];
    for (at, is_done, expected) in rows {
        let mut stage = prepared("a-change-is-finished", &[("p", "one")], &[("p", "two")]).await;
        assert_eq!(two_lives(&mut stage, at, is_done).await, expected, "killed at {at}, done: {is_done}");
        is_whole(&stage, "p=two").await;
    }
}

/// The other way round: the status tells of a Secret that is not there, or is not any more what it was.
#[tokio::test]
async fn a_status_without_its_secret_gets_the_secret_and_stays() {
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    for (is_gone, expected) in [(true, [EVENT, SECRET]), (false, [EVENT, CHANGE])] {
        let mut stage = prepared("a-status-without-its-secret", &[("p", "x")], &[]).await;
        let before = stage.object(crate::sealed_secret::V1, "SealedSecret", "db").await.unwrap_or_default();
        if is_gone {
            stage.remove(&object).await;
        } else {
            stage.patch(&object, json!({"data": {"p": "eQ==", "more": "eQ=="}})).await;
        }
        assert_eq!(next_life(&mut stage).await, expected, "gone: {is_gone}");
        is_whole(&stage, "p=x").await;
        let after = stage.object(crate::sealed_secret::V1, "SealedSecret", "db").await.unwrap_or_default();
        assert_eq!(before["status"], after["status"]);
    }
}

#[tokio::test]
async fn a_key_is_made_once_however_its_maker_ends() {
    let rows: [Row; 2] = [(SECRET, false, &[SECRET]), (SECRET, true, &[])];
    for (at, is_done, expected) in rows {
        let mut stage = Stage::new("sealed-secrets", "a-key-is-made-once-however").await;
        assert_eq!(two_lives(&mut stage, at, is_done).await, expected, "done: {is_done}");
        let keys = keys(&stage).await;
        assert_eq!(keys.len(), 1, "done: {is_done}");
        // It lies there with its label from the first: there is no moment in which it is a key to nobody.
        let all = stage.list("v1", "Secret").await.expect("the cluster answers");
        let label = "sealedsecrets.bitnami.com/sealed-secrets-key";
        let labelled: Vec<&Value> =
            all.iter().filter(|secret| secret["metadata"]["labels"][label] == "active").collect();
        assert_eq!(labelled.len(), 1, "done: {is_done}");
        stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "x")])).await;
        is_whole(&stage, "p=x").await;
    }
}
