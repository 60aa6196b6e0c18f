//! Reloader in trouble: refused, overtaken, vanished and lost writes end in one restart for a change; pauses are taken over by whoever
//! leads next. Specification: RL §6, §13, §14, §17, §20.6.

use operator::reloader::{Settings, workload};
use plan::reload::{Options, Strategy};
use sandbox::{Fate, Trouble};
use serde_json::json;
use testkit::scenario::Named;
use tokio::sync::watch;

use crate::reloader::{auto, config_map, deployment, reloaded, standing, start, start_watching};
use crate::stage::{Stage, comes};

/// RL §6: whatever a write meets, it is tried until it is done, and done once.
#[tokio::test]
async fn a_write_that_fails_is_tried_again_and_restarts_once() {
    // How often it strikes: a lost answer hides that the work was done.
    let fates = [
        ("forbidden", Fate::Forbidden, 2),
        ("conflict", Fate::Conflict, 2),
        ("busy", Fate::Busy { retry_after_seconds: 1 }, 2),
        ("broken", Fate::Broken, 2),
        ("timeout", Fate::Timeout, 2),
        ("disconnect", Fate::Disconnect, 2),
        ("answer-lost", Fate::LoseAnswer, 1),
    ];
    for (name, fate, hits) in fates {
        for strategy in [Strategy::EnvVars, Strategy::Annotations] {
            survives(name, fate, hits, strategy).await;
        }
    }
}

async fn survives(name: &str, fate: Fate, hits: u32, strategy: Strategy) {
    let mut stage = Stage::in_memory("reloader", &format!("a-write-that-meets-{name}-{strategy:?}")).await;
    stage.create(&config_map("1")).await.expect("the sandbox takes it");
    let options = Options { strategy, ..Options::default() };
    start(&mut stage, Settings { options, ..Settings::default() }).await;
    stage.apply(deployment("web", auto())).await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let struck = sandbox.trouble(Trouble::on("patch", "deployments", fate).times(2));
    stage.replace(&config_map("2")).await.expect("the sandbox takes it");
    let is_marked = |object: &serde_json::Value| object["metadata"]["generation"] == json!(2);
    stage.eventually(Named::deployment("web"), is_marked).await;
    comes("the end of the trouble", async || struck.hits() == hits).await;
    stage.settle().await;
    assert_eq!(standing(&stage, "Deployment", "web").await["metadata"]["generation"], json!(2), "{name}");
}

/// RL §20.6: nobody is left to reload, and nobody else waits.
#[tokio::test]
async fn a_workload_that_vanishes_midway_stops_no_other() {
    let mut stage = Stage::in_memory("reloader", "a-workload-vanishes").await;
    stage.create(&config_map("1")).await.expect("the sandbox takes it");
    start(&mut stage, Settings::default()).await;
    for name in ["a-gone", "web"] {
        stage.apply(deployment(name, auto())).await;
    }
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    sandbox.trouble(Trouble::on("list", "deployments", Fate::Late(std::time::Duration::from_millis(300))).times(1));
    stage.replace(&config_map("2")).await.expect("the sandbox takes it");
    stage.delete("apps/v1", "Deployment", "a-gone").await.expect("the sandbox deletes");
    reloaded(&stage, "web").await;
    assert!(stage.events().await.iter().all(|event| !event.contains("ReloadFail")), "{:?}", stage.events().await);
}

/// RL §13: a leader takes over the pauses of the one before it, also where its role shows it no change of a Deployment.
#[tokio::test]
async fn a_new_leader_ends_the_pauses_of_the_old_one() {
    let mut stage = Stage::new("reloader", "a-new-leader-ends-pauses").await;
    start(&mut stage, Settings::default()).await;
    // Longer than a watch is on trial: from now on nothing is seen of Deployments.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let mut web = deployment("web", auto());
    web["metadata"]["annotations"]["deployment.reloader.stakater.com/pause-period"] = json!("1s");
    web["metadata"]["annotations"]["deployment.reloader.stakater.com/paused-at"] = json!("2025-08-11T08:13:20Z");
    web["spec"]["paused"] = json!(true);
    stage.apply(web).await;
    let leads = watch::Sender::new(false);
    workload::take_over_pauses(stage.shared.as_ref().expect("a process runs"), leads.subscribe());
    stage.settle().await;
    assert_eq!(standing(&stage, "Deployment", "web").await["spec"]["paused"], json!(true), "nobody leads");
    leads.send_replace(true);
    stage.eventually(Named::deployment("web"), |web| web["spec"]["paused"] != true).await;
}

/// RL §14: whoever was killed among the workloads of a change goes on with those it had not come to.
#[tokio::test]
async fn who_was_killed_between_two_patches_goes_on() {
    let mut stage = Stage::new("reloader", "killed-between-two-patches").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    for name in ["first", "second", "third"] {
        stage.create(&deployment(name, auto())).await.expect("the cluster takes it");
    }
    // The times of creations and writes are whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    // As if the process had died after its first patch.
    stage.replace(&config_map("2")).await.expect("the cluster takes it");
    let hash = plan::reload::hash::of_config_map([("a", "2")].into_iter(), std::iter::empty());
    let variable = json!({"name": "STAKATER_CONF_CONFIGMAP", "value": hash});
    let containers =
        json!([{"name": "app", "image": "x", "envFrom": [{"configMapRef": {"name": "conf"}}], "env": [variable]}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    stage.merge_as("Reloader", &deployment("first", json!({})), &patch).await.expect("the cluster takes it");
    stage.create(&deployment("young", auto())).await.expect("the cluster takes it");
    start_watching(&mut stage, Settings::default()).await;
    for name in ["second", "third"] {
        assert_eq!(reloaded(&stage, name).await, hash, "{name}");
    }
    for (name, generation) in [("first", 2), ("young", 1)] {
        let object = standing(&stage, "Deployment", name).await;
        assert_eq!(object["metadata"]["generation"], json!(generation), "{name}");
    }
}
