//! Pauses: changes gather, and the Deployment is resumed whoever restarts meanwhile. Specification: RL §13.

use operator::reloader::Settings;
use serde_json::{Value, json};
use testkit::scenario::Named;

use crate::reloader::{config_map, deployment, env, reloaded, standing, start, start_watching};
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
