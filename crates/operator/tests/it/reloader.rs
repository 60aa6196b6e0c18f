//! Reloader: a changed ConfigMap or Secret restarts whoever uses it, once. Specification: RL §6–§13.

use operator::controllers;
use operator::feature::FeatureName;
use operator::reloader::Settings;
use serde_json::{Value, json};

use crate::stage::Stage;

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
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"a": value}})
}

fn deployment(name: &str, annotations: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "annotations": annotations},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": "x", "envFrom": [{"configMapRef": {"name": "conf"}}]}]}}}})
}

async fn mark(stage: &Stage, name: &str) -> Option<String> {
    let object = stage.object("apps/v1", "Deployment", name).await?;
    let env = object["spec"]["template"]["spec"]["containers"][0]["env"].as_array()?.clone();
    env.iter().find(|entry| entry["name"] == "STAKATER_CONF_CONFIGMAP")?["value"].as_str().map(str::to_owned)
}

fn auto() -> Value {
    json!({"reloader.stakater.com/auto": "true"})
}

#[tokio::test]
async fn a_change_restarts_its_users_once_and_tells_it() {
    let mut stage = Stage::new("reloader", "a-change-restarts-its-users-once").await;
    start(&mut stage, Settings::default()).await;
    stage.apply(config_map("1")).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(deployment("calm", json!({}))).await;
    assert_eq!(mark(&stage, "web").await, None, "nothing rolls at the start");
    stage.apply(config_map("2")).await;
    let first = mark(&stage, "web").await.expect("a mark");
    assert_eq!((first.len(), mark(&stage, "calm").await), (40, None));
    let namespace = stage.namespace();
    let message = format!(
        "Normal Reloaded: Changes detected in 'conf' of type 'CONFIGMAP' in namespace '{namespace}', Updated 'web' of type 'Deployment' in namespace '{namespace}'"
    );
    assert_eq!(stage.events().await, [message]);
    // Labels and annotations alone never reload.
    stage.patch(&config_map("2"), json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(mark(&stage, "web").await.as_deref(), Some(first.as_str()));
    assert_eq!(stage.events().await.len(), 1);
    // A restart rolls nothing, but a change that was missed meanwhile is caught up.
    stage.stop().await;
    start(&mut stage, Settings::default()).await;
    assert_eq!(mark(&stage, "web").await.as_deref(), Some(first.as_str()));
    stage.stop().await;
    stage.apply(config_map("3")).await;
    start(&mut stage, Settings::default()).await;
    assert_ne!(mark(&stage, "web").await.as_deref(), Some(first.as_str()));
}

#[tokio::test]
async fn two_hundred_users_are_all_restarted_after_one_read() {
    let mut stage = Stage::in_memory("reloader", "two-hundred-users").await;
    start(&mut stage, Settings::default()).await;
    stage.apply(config_map("1")).await;
    for n in 0..200 {
        stage.create(&deployment(&format!("web-{n}"), auto())).await.expect("the sandbox takes it");
    }
    stage.settle().await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let recorder = sandbox.recorder();
    recorder.clear();
    stage.apply(config_map("2")).await;
    for n in 0..200 {
        assert!(mark(&stage, &format!("web-{n}")).await.is_some(), "web-{n}");
    }
    assert_eq!(recorder.count("get", "configmaps"), 1, "one read for all");
    assert_eq!(recorder.count("patch", "deployments"), 200);
}

/// RL §17: many things that change at once roll once, also without a window and also where they live in several containers.
#[tokio::test]
async fn many_changes_at_once_roll_once() {
    let mut stage = Stage::in_memory("reloader", "many-changes-at-once").await;
    start(&mut stage, Settings::default()).await;
    let map = |n: usize, value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("conf-{n}")}, "data": {"a": value}});
    let uses = |n: usize| json!({"name": format!("app-{n}"), "image": "x", "envFrom": [{"configMapRef": {"name": format!("conf-{n}")}}]});
    for n in 0..6 {
        stage.apply(map(n, "1")).await;
    }
    let containers: Vec<Value> = (0..6).map(uses).collect();
    let mut web = deployment("web", auto());
    web["spec"]["template"]["spec"]["containers"] = json!(containers);
    stage.apply(web).await;
    let recorder = stage.sandbox().expect("it runs in memory").recorder();
    recorder.clear();
    let changed: Vec<Value> = (0..6).map(|n| map(n, "2")).collect();
    for answer in futures::future::join_all(changed.iter().map(|map| stage.replace(map))).await {
        answer.expect("the sandbox takes it");
    }
    stage.settle().await;
    let web = stage.object("apps/v1", "Deployment", "web").await.expect("it stands");
    for (n, container) in web["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten().enumerate() {
        assert_eq!(container["env"][0]["name"], format!("STAKATER_CONF_{n}_CONFIGMAP"));
    }
    assert_eq!(recorder.count("patch", "deployments"), 1, "one restart for all");
    assert_eq!(stage.events().await.len(), 6, "each change is told");
}

/// RL §6: with `--reload-on-create` and `--sync-after-restart` what is there at the start counts as created; a mark that stands is
/// not written again.
#[tokio::test]
async fn what_is_there_at_the_start_may_count_as_created() {
    let mut stage = Stage::new("reloader", "what-is-there-at-the-start").await;
    stage.apply(config_map("1")).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(deployment("calm", json!({}))).await;
    start(&mut stage, Settings { replays_start: true, ..Settings::default() }).await;
    assert_eq!(mark(&stage, "web").await, None, "only together with reload-on-create");
    stage.stop().await;
    let mut settings = Settings { replays_start: true, ..Settings::default() };
    settings.options.on_create = true;
    start(&mut stage, settings.clone()).await;
    assert_eq!((mark(&stage, "web").await.map(|mark| mark.len()), mark(&stage, "calm").await), (Some(40), None));
    let version = async |stage: &Stage| {
        let web = stage.object("apps/v1", "Deployment", "web").await.expect("it stands");
        web["metadata"]["generation"].clone()
    };
    let before = version(&stage).await;
    stage.stop().await;
    start(&mut stage, settings).await;
    assert_eq!(version(&stage).await, before);
}
