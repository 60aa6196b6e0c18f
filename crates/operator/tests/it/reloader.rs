//! Reloader: a changed ConfigMap or Secret restarts whoever uses it, once. Scenarios run under exactly the peer's role, which gives no
//! `watch` on workloads; those that say so under our own chart's, which does. Specification: RL §6–§13, §16, §17.

use operator::controllers;
use operator::feature::FeatureName;
use operator::process::Process;
use operator::reloader::Settings;
use operator::reloader::readiness::readiness;
use sandbox::{Fate, Trouble};
use serde_json::{Value, json};
use testkit::peer_role::{peer_role, watching};
use testkit::scenario::Named;

use crate::stage::Stage;

/// Starts Reloader under its peer's role.
pub async fn start(stage: &mut Stage, settings: Settings) {
    start_with(stage, settings, |_| ()).await;
}

/// The same; the process is prepared first.
pub async fn start_with(stage: &mut Stage, settings: Settings, prepare: impl FnOnce(&Process)) {
    let remembered = settings.clone();
    stage
        .start(
            FeatureName::Reloader,
            move |process| {
                process.shared().remember(remembered);
                prepare(process);
            },
            move |driver| controllers::reloader(driver, &settings),
        )
        .await;
}

/// Starts Reloader under the role that our own chart gives it.
pub async fn start_watching(stage: &mut Stage, settings: Settings) {
    let rights = watching(peer_role("reloader", stage.namespace()));
    stage.rights = Some(("reloader-watching", rights));
    start(stage, settings).await;
}

pub fn config_map(value: &str) -> Value {
    config_map_named("conf", value)
}

pub fn config_map_named(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": value}})
}

pub fn secret(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"a": value}})
}

/// A workload of any kind whose container `app` takes its environment from the ConfigMap `conf`.
pub fn workload(kind: &str, name: &str, annotations: Value) -> Value {
    let template = json!({"metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": "x", "envFrom": [{"configMapRef": {"name": "conf"}}]}]}});
    let mut object =
        json!({"apiVersion": api_version(kind), "kind": kind, "metadata": {"name": name, "annotations": annotations}});
    object["spec"] = match kind {
        "CronJob" => {
            json!({"schedule": "0 0 1 1 *", "jobTemplate": {"metadata": {"labels": {"made": "by-cron"}}, "spec": {"template": template}}})
        }
        "Job" => json!({"template": template}),
        "StatefulSet" => {
            json!({"serviceName": name, "selector": {"matchLabels": {"app": name}}, "template": template})
        }
        _ => json!({"selector": {"matchLabels": {"app": name}}, "template": template}),
    };
    if matches!(kind, "CronJob" | "Job") {
        pod_spec(&mut object)["restartPolicy"] = json!("Never");
    }
    object
}

pub fn deployment(name: &str, annotations: Value) -> Value {
    workload("Deployment", name, annotations)
}

/// The pod template of a workload.
pub fn template(object: &mut Value) -> &mut Value {
    let path = if object["kind"] == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
    object.pointer_mut(path).expect("a workload has a template")
}

pub fn pod_spec(object: &mut Value) -> &mut Value {
    &mut template(object)["spec"]
}

pub fn api_version(kind: &str) -> &'static str {
    if matches!(kind, "CronJob" | "Job") { "batch/v1" } else { "apps/v1" }
}

/// The environment of the first container, as it stands in the template.
pub fn env(object: &Value) -> Value {
    object["spec"]["template"]["spec"]["containers"][0]["env"].clone()
}

pub async fn standing(stage: &Stage, kind: &str, name: &str) -> Value {
    stage.object(api_version(kind), kind, name).await.unwrap_or_default()
}

/// The value of the marker variable in the first container.
pub async fn mark_of(stage: &Stage, kind: &str, name: &str, variable: &str) -> Option<String> {
    let env = env(&standing(stage, kind, name).await);
    let entry = env.as_array()?.iter().find(|entry| entry["name"] == variable)?.clone();
    entry["value"].as_str().map(str::to_owned)
}

pub async fn mark(stage: &Stage, name: &str) -> Option<String> {
    mark_of(stage, "Deployment", name, "STAKATER_CONF_CONFIGMAP").await
}

/// Waits until the first container carries this variable with another value than `before`.
pub async fn marked(stage: &Stage, kind: &str, name: &str, variable: &str, before: Option<&str>) -> String {
    let found = |object: &Value| {
        let env = env(object);
        let entry = env.as_array()?.iter().find(|entry| entry["name"] == variable)?.clone();
        entry["value"].as_str().map(str::to_owned)
    };
    let named = Named { api_version: api_version(kind), kind, name };
    let object = stage.eventually(named, |object| found(object).is_some_and(|mark| Some(&*mark) != before)).await;
    stage.settle().await;
    found(&object).expect("it was found")
}

/// Waits until the Deployment of this name is marked for `conf`.
pub async fn reloaded(stage: &Stage, name: &str) -> String {
    marked(stage, "Deployment", name, "STAKATER_CONF_CONFIGMAP", None).await
}

/// Changes `conf`, waits until the Deployment `web` has been reloaded for it, and answers whether this other one has.
pub async fn reloads_beside(stage: &Stage, value: &str, other: &str) -> bool {
    let before = mark(stage, "web").await;
    stage.apply(config_map(value)).await;
    let now = marked(stage, "Deployment", "web", "STAKATER_CONF_CONFIGMAP", before.as_deref()).await;
    stage.settle().await;
    mark(stage, other).await == Some(now)
}

/// The versions of all objects of a kind: equal where nothing was written.
pub async fn generations(stage: &Stage, kind: &str) -> Vec<Value> {
    let all = stage.list(api_version(kind), kind).await.expect("the cluster answers");
    all.iter().map(|object| json!([object["metadata"]["uid"], object["metadata"]["generation"]])).collect()
}

pub fn auto() -> Value {
    json!({"reloader.stakater.com/auto": "true"})
}

/// Waits until an event of ours says this.
pub async fn told(stage: &Stage, part: &str) -> String {
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let events = stage.events().await;
        if let Some(event) = events.iter().find(|event| event.contains(part)) {
            return event.clone();
        }
        assert!(tokio::time::Instant::now() < until, "no event says {part:?}: {events:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
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
    let first = reloaded(&stage, "web").await;
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
    marked(&stage, "Deployment", "web", "STAKATER_CONF_CONFIGMAP", Some(&first)).await;
}

#[tokio::test]
async fn two_hundred_users_are_all_restarted_by_two_requests_each() {
    let mut stage = Stage::in_memory("reloader", "two-hundred-users").await;
    start_watching(&mut stage, Settings::default()).await;
    stage.apply(config_map("1")).await;
    for n in 0..200 {
        stage.create(&deployment(&format!("web-{n}"), auto())).await.expect("the sandbox takes it");
    }
    stage.settle().await;
    // Until then a watch is on trial.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let recorder = sandbox.recorder();
    recorder.clear();
    stage.apply(config_map("2")).await;
    for n in 0..200 {
        assert!(mark(&stage, &format!("web-{n}")).await.is_some(), "web-{n}");
    }
    // The hash was made while the change streamed by, and the workloads are watched: patch and event, and nothing else.
    let asked = |verb: &str| recorder.count(verb, "*");
    assert_eq!((asked("get"), asked("list"), asked("patch"), asked("create")), (0, 0, 200, 200));
}

/// RL §17: many things that change at once roll once, also without a window and also where they live in several containers.
#[tokio::test]
async fn many_changes_at_once_roll_once() {
    let mut stage = Stage::in_memory("reloader", "many-changes-at-once").await;
    start_watching(&mut stage, Settings::default()).await;
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

/// RL §16: without `watch` the workloads are listed when they are needed, once for what changes at once.
#[tokio::test]
async fn without_a_watch_workloads_are_listed_when_they_are_needed() {
    let mut stage = Stage::in_memory("reloader", "without-a-watch").await;
    for n in 0..20 {
        stage.create(&config_map_named(&format!("conf-{n}"), "1")).await.expect("the sandbox takes it");
    }
    stage.create(&config_map("1")).await.expect("the sandbox takes it");
    start(&mut stage, Settings::default()).await;
    let recorder = stage.sandbox().expect("it runs in memory").recorder();
    // Longer than a watch is on trial: nothing that was listed at the start may be taken for the present.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    stage.apply(deployment("web", auto())).await;
    recorder.clear();
    stage.apply(config_map("2")).await;
    let first = reloaded(&stage, "web").await;
    assert_eq!((recorder.count("list", "deployments"), recorder.count("get", "deployments")), (1, 1));
    // What is gone is forgotten, and what is new is seen.
    stage.remove(&deployment("web", auto())).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(config_map("3")).await;
    assert_ne!(reloaded(&stage, "web").await, first);
    recorder.clear();
    let changed: Vec<Value> = (0..20).map(|n| config_map_named(&format!("conf-{n}"), "2")).collect();
    for answer in futures::future::join_all(changed.iter().map(|map| stage.replace(map))).await {
        answer.expect("the sandbox takes it");
    }
    stage.settle().await;
    let lists = recorder.count("list", "deployments");
    assert!((1..=20).contains(&lists), "{lists}");
    assert!(recorder.writes().iter().all(|write| write.resource == "configmaps"), "{:?}", recorder.writes());
}

/// The same roads under our own chart's role, which lets workloads be watched.
#[tokio::test]
async fn a_watched_workload_is_reloaded_as_it_stands() {
    let mut stage = Stage::new("reloader", "a-watched-workload").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start_watching(&mut stage, Settings::default()).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(deployment("calm", json!({}))).await;
    assert!(!reloads_beside(&stage, "2", "calm").await);
    stage.patch(&deployment("calm", json!({})), json!({"metadata": {"annotations": auto()}})).await;
    assert!(reloads_beside(&stage, "3", "calm").await);
}

/// RL §18: a kind that the role does not give is left out, and the others are reloaded.
#[tokio::test]
async fn a_kind_that_the_role_does_not_give_stops_no_other() {
    let mut stage = Stage::new("reloader", "a-kind-that-is-not-given").await;
    let mut rights = peer_role("reloader", stage.namespace());
    rights.everywhere.retain(|rule| rule.resources.iter().flatten().all(|kind| kind != "cronjobs" && kind != "jobs"));
    stage.rights = Some(("reloader-no-jobs", rights));
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(workload("StatefulSet", "db", auto())).await;
    stage.apply(config_map("2")).await;
    let first = reloaded(&stage, "web").await;
    assert_eq!(marked(&stage, "StatefulSet", "db", "STAKATER_CONF_CONFIGMAP", None).await, first);
    stage.apply(config_map("3")).await;
    marked(&stage, "Deployment", "web", "STAKATER_CONF_CONFIGMAP", Some(&first)).await;
    // Once a kind, and not once a change.
    assert!(stage.metrics().contains("\nreloader_errors_total{type=\"handler_error\"} 2\n"), "{}", stage.metrics());
    let told = "cannot be listed, so none of them is reloaded";
    let expected = (true, format!("cronjobs: {told}\njobs: {told}\n"));
    assert_eq!(readiness(stage.shared.as_ref().expect("a process runs")), expected);
}

/// RL §18: without a watch of its resources it is not ready, and what it sees is followed all the same.
#[tokio::test]
async fn a_resource_that_the_role_does_not_give_is_told_by_readiness() {
    let mut stage = Stage::new("reloader", "a-resource-that-is-not-given").await;
    let mut rights = peer_role("reloader", stage.namespace());
    for resources in rights.everywhere.iter_mut().filter_map(|rule| rule.resources.as_mut()) {
        resources.retain(|kind| kind != "secrets");
    }
    stage.rights = Some(("reloader-no-secrets", rights));
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(config_map("2")).await;
    reloaded(&stage, "web").await;
    let expected = (false, "secrets: the watch is denied\n".to_owned());
    assert_eq!(readiness(stage.shared.as_ref().expect("a process runs")), expected);
}

/// RL §6: one workload that cannot be written stops no other, and is tried until it can.
#[tokio::test]
async fn one_bad_workload_starves_nobody() {
    let mut stage = Stage::in_memory("reloader", "one-bad-workload").await;
    stage.create(&config_map("1")).await.expect("the sandbox takes it");
    start(&mut stage, Settings::default()).await;
    for name in ["a-bad", "web"] {
        stage.apply(deployment(name, auto())).await;
    }
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    let struck = sandbox.trouble(Trouble::on("patch", "deployments", Fate::Broken).named("a-bad"));
    stage.apply(config_map("2")).await;
    let first = reloaded(&stage, "web").await;
    let event = told(&stage, "ReloadFail").await;
    assert!(event.starts_with("Warning ReloadFail: Update for 'a-bad' of type 'Deployment' in namespace"), "{event}");
    struck.end();
    assert_eq!(reloaded(&stage, "a-bad").await, first);
}

/// RL §6: with `--reload-on-create` and `--sync-after-restart` what is there at the start counts as created; a mark that stands is
/// not written again.
#[tokio::test]
async fn what_is_there_at_the_start_may_count_as_created() {
    let mut stage = Stage::new("reloader", "what-is-there-at-the-start").await;
    stage.apply(config_map("1")).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(deployment("calm", json!({}))).await;
    stage.apply(workload("CronJob", "tick", auto())).await;
    start(&mut stage, Settings { replays_start: true, ..Settings::default() }).await;
    assert_eq!(mark(&stage, "web").await, None, "only together with reload-on-create");
    stage.stop().await;
    let mut settings = Settings { replays_start: true, ..Settings::default() };
    settings.options.on_create = true;
    start(&mut stage, settings.clone()).await;
    assert_eq!((reloaded(&stage, "web").await.len(), mark(&stage, "calm").await), (40, None));
    let version = async |stage: &Stage| {
        let web = stage.object("apps/v1", "Deployment", "web").await.expect("it stands");
        web["metadata"]["generation"].clone()
    };
    let before = version(&stage).await;
    stage.stop().await;
    start(&mut stage, settings).await;
    assert_eq!(version(&stage).await, before);
    // A CronJob carries no mark: each restart would make a Job.
    assert!(stage.list("batch/v1", "Job").await.expect("the cluster answers").is_empty());
}
