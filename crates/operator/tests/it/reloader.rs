//! Reloader: a changed ConfigMap or Secret restarts whoever uses it, once. Specification: RL §6–§13.

use operator::controllers;
use operator::feature::FeatureName;
use operator::reloader::Settings;
use serde_json::{Value, json};

use crate::stage::Stage;

async fn stage() -> Stage {
    let mut stage = Stage::new();
    start(&mut stage, Settings::default()).await;
    stage
}

async fn start(stage: &mut Stage, settings: Settings) {
    let remembered = settings.clone();
    stage
        .start(
            FeatureName::Reloader,
            move |process| process.shared().remember(remembered),
            move |driver| controllers::reloader(driver, &settings),
        )
        .await;
}

fn config_map(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "prod"}, "data": {"a": value}})
}

fn deployment(name: &str, annotations: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "prod", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "x",
            "envFrom": [{"configMapRef": {"name": "conf"}}]}]}}}})
}

fn mark(stage: &Stage, name: &str) -> Option<String> {
    let object = stage.object("apps/v1", "Deployment", "prod", name)?;
    let env = object["spec"]["template"]["spec"]["containers"][0]["env"].as_array()?.clone();
    env.iter().find(|entry| entry["name"] == "STAKATER_CONF_CONFIGMAP")?["value"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_change_restarts_its_users_once_and_tells_it() {
    let mut stage = stage().await;
    stage.apply(config_map("1")).await;
    stage.apply(deployment("web", json!({"reloader.stakater.com/auto": "true"}))).await;
    stage.apply(deployment("calm", json!({}))).await;
    assert_eq!(mark(&stage, "web"), None, "nothing rolls at the start");
    stage.sandbox.recorder().clear();
    stage.apply(config_map("2")).await;
    let first = mark(&stage, "web").expect("a mark");
    assert_eq!((first.len(), mark(&stage, "calm")), (40, None));
    let writes = stage.sandbox.recorder().writes();
    assert_eq!(writes.iter().filter(|write| write.verb == "patch").count(), 1, "{writes:?}");
    assert_eq!(
        stage.events(),
        [
            "Normal Reloaded: Changes detected in 'conf' of type 'CONFIGMAP' in namespace 'prod', Updated 'web' of type 'Deployment' in namespace 'prod'"
        ]
    );
    // Labels and annotations alone never reload.
    stage.sandbox.recorder().clear();
    stage.patch(config_map("2"), json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert!(!stage.sandbox.recorder().writes().iter().any(|write| write.resource == "deployments"));
    // A restart rolls nothing, but a change that was missed meanwhile is caught up.
    stage.stop().await;
    start(&mut stage, Settings::default()).await;
    assert_eq!(mark(&stage, "web").as_deref(), Some(first.as_str()));
    stage.stop().await;
    stage.apply(config_map("3")).await;
    start(&mut stage, Settings::default()).await;
    assert_ne!(mark(&stage, "web").as_deref(), Some(first.as_str()));
}

#[tokio::test]
async fn two_hundred_users_are_all_restarted() {
    let stage = stage().await;
    stage.apply(config_map("1")).await;
    for n in 0..200 {
        let object = deployment(&format!("web-{n}"), json!({"reloader.stakater.com/auto": "true"}));
        stage.sandbox.load(&object, "kubectl").expect("the sandbox takes it");
    }
    stage.settle().await;
    stage.sandbox.recorder().clear();
    stage.apply(config_map("2")).await;
    assert!((0..200).all(|n| mark(&stage, &format!("web-{n}")).is_some()));
    assert_eq!(stage.sandbox.recorder().count("get", "configmaps"), 1, "one read for all");
}
