//! Pauses: changes gather, and the Deployment is resumed whoever restarts meanwhile. Limits: what flaps restarts less and less often.
//! Specification: RL §13, §17.

use base::duration::GoDuration;
use operator::reloader::Settings;
use plan::reload::rate::Limit;
use serde_json::{Value, json};
use testkit::scenario::Named;

use crate::reloader::{
    auto, config_map, deployment, env, mark, reloaded, reloads_beside, standing, start, start_watching, told,
};
use crate::stage::Stage;

const PAUSED_AT: &str = "deployment.reloader.stakater.com/paused-at";

fn paused(period: &str) -> Value {
    json!({"reloader.stakater.com/auto": "true", "deployment.reloader.stakater.com/pause-period": period})
}

fn is_paused_by_us(object: &Value) -> bool {
    object["spec"]["paused"] == true && object["metadata"]["annotations"][PAUSED_AT].is_string()
}

fn is_running(object: &Value) -> bool {
    object["spec"]["paused"] != true && object["metadata"]["annotations"][PAUSED_AT].is_null()
}

#[tokio::test]
async fn a_pause_gathers_changes_and_ends() {
    let mut stage = Stage::new("reloader", "a-pause-ends").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(deployment("web", paused("4s"))).await;
    stage.apply(config_map("2")).await;
    let web = stage.eventually(Named::deployment("web"), is_paused_by_us).await;
    let since = web["metadata"]["annotations"][PAUSED_AT].clone();
    let mark = reloaded(&stage, "web").await;
    stage.apply(config_map("3")).await;
    let later = stage.eventually(Named::deployment("web"), |web| env(web)[0]["value"] != json!(mark)).await;
    if is_paused_by_us(&later) {
        assert_eq!(later["metadata"]["annotations"][PAUSED_AT], since, "a second change does not prolong it");
    }
    stage.eventually(Named::deployment("web"), is_running).await;
}

#[tokio::test]
async fn a_pause_ends_after_a_restart_and_a_users_own_does_not() {
    let mut stage = Stage::new("reloader", "a-pause-ends-after-a-restart").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let mut own = deployment("own", paused("1s"));
    own["spec"]["paused"] = json!(true);
    stage.create(&own).await.expect("the cluster takes it");
    stage.create(&deployment("web", paused("3s"))).await.expect("the cluster takes it");
    start_watching(&mut stage, Settings::default()).await;
    stage.apply(config_map("2")).await;
    stage.eventually(Named::deployment("web"), is_paused_by_us).await;
    reloaded(&stage, "own").await;
    stage.stop().await;
    let web = standing(&stage, "Deployment", "web").await;
    assert!(is_paused_by_us(&web), "it was stopped in the middle");
    stage.rights = None;
    start(&mut stage, Settings::default()).await;
    stage.eventually(Named::deployment("web"), is_running).await;
    assert_eq!(standing(&stage, "Deployment", "own").await["spec"]["paused"], json!(true), "the user's own pause");
}

/// RL §17: a workload whose resource flaps is held back and told so once; it comes to the last state, and nobody else waits.
#[tokio::test]
async fn what_flaps_is_held_back_and_comes_to_the_last_state() {
    let mut stage = Stage::new("reloader", "what-flaps").await;
    stage.create(&config_map("0")).await.expect("the cluster takes it");
    let limit = |seconds: i64| Limit { burst: 2, interval: GoDuration::from_seconds(seconds) };
    start(&mut stage, Settings { limit: limit(3600), ..Settings::default() }).await;
    stage.apply(deployment("flaps", auto())).await;
    for data in ["1", "2", "3", "4"] {
        stage.apply(config_map(data)).await;
    }
    let flaps = standing(&stage, "Deployment", "flaps").await;
    assert_eq!(flaps["metadata"]["generation"], json!(3), "two restarts");
    let held: Vec<String> =
        stage.events().await.into_iter().filter(|event| event.contains("RestartsHeldBack")).collect();
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0].contains("there were 2 without a break, so there is one in 1h0m0s"), "{held:?}");
    stage.apply(deployment("web", auto())).await;
    assert!(!reloads_beside(&stage, "5", "flaps").await, "another one is not held back");
    // The next process holds nothing back, and knows by the marks what was missed.
    stage.stop().await;
    start(&mut stage, Settings { limit: limit(1), ..Settings::default() }).await;
    let web = mark(&stage, "web").await;
    let has_last = |object: &Value| env(object)[0]["value"].as_str() == web.as_deref();
    stage.eventually(Named::deployment("flaps"), has_last).await;
    let before = mark(&stage, "flaps").await;
    for data in ["6", "7", "8", "9"] {
        stage.apply(config_map(data)).await;
    }
    stage.apply(deployment("calm", auto())).await;
    stage.apply(config_map("last")).await;
    let last = reloaded(&stage, "calm").await;
    assert_ne!(before.as_deref(), Some(last.as_str()));
    stage.eventually(Named::deployment("flaps"), |object| env(object)[0]["value"] == json!(last)).await;
    told(&stage, "Updated 'flaps'").await;
}
