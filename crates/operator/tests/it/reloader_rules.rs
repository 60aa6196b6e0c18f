//! Which workloads a change concerns: names and patterns, search and match, exclude and ignore, keys of one's own, references, filters,
//! and what is told about annotations that say nothing. Specification: RL §5, §8, §9, §18.

use std::collections::BTreeSet;

use operator::reloader::Settings;
use plan::reload::{Kind, Options};
use serde_json::{Value, json};
use testkit::scenario::Named;

use crate::reloader::{
    auto, config_map, config_map_named, deployment, env, generations, mark_of, marked, pod_spec, reloaded,
    reloads_beside, secret, start, start_watching, template, told, workload,
};
use crate::stage::{Stage, comes};

#[tokio::test]
async fn names_and_patterns_need_no_reference() {
    let mut stage = Stage::new("reloader", "names-and-patterns").await;
    for name in ["tls", "tls-old", "db"] {
        stage.create(&secret(name, "1")).await.expect("the cluster takes it");
    }
    start(&mut stage, Settings::default()).await;
    let key = "secret.reloader.stakater.com/reload";
    stage.apply(deployment("exact", json!({key: "tls"}))).await;
    stage.apply(deployment("pattern", json!({key: "db, tls-.*"}))).await;
    stage
        .apply(deployment("spared", json!({key: ".*", "secrets.exclude.reloader.stakater.com/reload": "x, tls-old"})))
        .await;
    stage.apply(secret("tls-old", "2")).await;
    marked(&stage, "Deployment", "pattern", "STAKATER_TLS_OLD_SECRET", None).await;
    for name in ["exact", "spared"] {
        assert_eq!(mark_of(&stage, "Deployment", name, "STAKATER_TLS_OLD_SECRET").await, None, "{name}");
    }
    stage.apply(secret("tls", "2")).await;
    let mark = marked(&stage, "Deployment", "exact", "STAKATER_TLS_SECRET", None).await;
    assert_eq!(marked(&stage, "Deployment", "spared", "STAKATER_TLS_SECRET", None).await, mark);
    assert_eq!(mark_of(&stage, "Deployment", "pattern", "STAKATER_TLS_SECRET").await, None, "patterns are anchored");
}

#[tokio::test]
async fn search_wants_a_match_and_ignore_wins() {
    let mut stage = Stage::new("reloader", "search-wants-a-match").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(deployment("search", json!({"reloader.stakater.com/search": "true"}))).await;
    assert!(!reloads_beside(&stage, "2", "search").await);
    let with = |value: &str, annotations: Value| {
        let mut map = config_map(value);
        map["metadata"]["annotations"] = annotations;
        map
    };
    // The mark alone reloads nothing; the next change does (RL §6).
    let before = generations(&stage, "Deployment").await;
    stage.apply(with("2", json!({"reloader.stakater.com/match": "true"}))).await;
    assert_eq!(generations(&stage, "Deployment").await, before);
    stage.apply(with("3", json!({"reloader.stakater.com/match": "true"}))).await;
    reloaded(&stage, "search").await;
    // Another spelling is told, and has no effect.
    let loud = json!({"reloader.stakater.com/ignore": "True", "reloader.stakater.com/match": "True"});
    stage.apply(with("4", loud)).await;
    for mark in ["reloader.stakater.com/ignore", "reloader.stakater.com/match"] {
        assert!(told(&stage, mark).await.contains("only `true` switches it on"));
    }
    let before = generations(&stage, "Deployment").await;
    stage.apply(with("5", json!({"reloader.stakater.com/ignore": "true"}))).await;
    stage.apply(with("6", json!({"reloader.stakater.com/ignore": "true"}))).await;
    assert_eq!(generations(&stage, "Deployment").await, before, "an ignored ConfigMap reloads nothing");
}

#[tokio::test]
async fn typed_auto_and_the_template_count_as_blocks() {
    let mut stage = Stage::new("reloader", "typed-auto-and-template").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(deployment("typed", json!({"configmap.reloader.stakater.com/auto": "true"}))).await;
    stage.apply(deployment("other", json!({"secret.reloader.stakater.com/auto": "true"}))).await;
    let mut by_template = deployment("template", json!({}));
    template(&mut by_template)["metadata"]["annotations"] = auto();
    stage.apply(by_template).await;
    let mut blocked = deployment("blocked", json!({"reloader.stakater.com/auto": "false"}));
    template(&mut blocked)["metadata"]["annotations"] = auto();
    stage.apply(blocked).await;
    assert!(reloads_beside(&stage, "2", "typed").await);
    for (name, reloads) in [("template", true), ("other", false), ("blocked", false)] {
        let mark = mark_of(&stage, "Deployment", name, "STAKATER_CONF_CONFIGMAP").await;
        assert_eq!(mark.is_some(), reloads, "{name}");
    }
}

#[tokio::test]
async fn keys_of_ones_own_replace_the_peers() {
    let mut stage = Stage::new("reloader", "keys-of-ones-own").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let mut settings = Settings::default();
    settings.options.keys.auto = "acme.com/restart".into();
    settings.options.keys.ignore = "acme.com/leave".into();
    start(&mut stage, settings).await;
    stage.apply(deployment("web", json!({"acme.com/restart": "true"}))).await;
    stage.apply(deployment("old", auto())).await;
    assert!(!reloads_beside(&stage, "2", "old").await, "the default key is inert");
    let mut ignored = config_map("3");
    ignored["metadata"]["annotations"] = json!({"acme.com/leave": "true"});
    let before = generations(&stage, "Deployment").await;
    stage.apply(ignored).await;
    assert_eq!(generations(&stage, "Deployment").await, before);
}

/// RL §9: whoever mounts it first is marked; what only an init container uses marks the first container.
#[tokio::test]
async fn references_are_found_wherever_they_stand() {
    let mut stage = Stage::new("reloader", "references").await;
    stage.create(&secret("tls", "1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    let container = |name: &str| json!({"name": name, "image": "x"});
    let mounting = |name: &str| json!({"name": name, "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]});
    let projected = json!([{"name": "v", "projected": {"sources": [{"secret": {"name": "tls"}}]}}]);
    let key = |name: &str| json!({"name": name, "image": "x", "env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "tls", "key": "a"}}}]});
    let specs = [
        ("volume", json!({"containers": [container("app"), mounting("side")], "volumes": projected})),
        ("init", json!({"containers": [container("app"), container("side")], "initContainers": [key("init")]})),
        ("value", json!({"containers": [container("app"), key("side")]})),
        (
            "idle",
            json!({"containers": [container("app")], "volumes": [{"name": "v", "secret": {"secretName": "tls"}}]}),
        ),
    ];
    for (name, spec) in specs {
        let mut object = deployment(name, auto());
        *pod_spec(&mut object) = spec;
        stage.apply(object).await;
    }
    stage.apply(secret("tls", "2")).await;
    for (name, place) in [("volume", 1), ("init", 0), ("value", 1)] {
        let path = format!("/spec/template/spec/containers/{place}/env");
        let has = |object: &Value| {
            let env = object.pointer(&path).and_then(Value::as_array);
            env.is_some_and(|env| env.iter().any(|entry| entry["name"] == "STAKATER_TLS_SECRET"))
        };
        stage.eventually(Named::deployment(name), has).await;
    }
    stage.settle().await;
    assert_eq!(mark_of(&stage, "Deployment", "idle", "STAKATER_TLS_SECRET").await, None, "mounted nowhere");
}

#[tokio::test]
async fn all_reload_unless_they_say_no() {
    let mut stage = Stage::new("reloader", "auto-reload-all").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let ignored = BTreeSet::from([Kind::CronJob]);
    let options = Options { auto_reload_all: true, ignored, ..Options::default() };
    start_watching(&mut stage, Settings { options, ..Settings::default() }).await;
    stage.apply(deployment("web", json!({}))).await;
    stage.apply(deployment("no", json!({"reloader.stakater.com/auto": "false"}))).await;
    stage.apply(deployment("odd", json!({"reloader.stakater.com/auto": "yes"}))).await;
    stage.apply(workload("CronJob", "tick", json!({}))).await;
    assert!(!reloads_beside(&stage, "2", "no").await);
    assert_eq!(mark_of(&stage, "Deployment", "odd", "STAKATER_CONF_CONFIGMAP").await, None);
    assert!(told(&stage, "neither true nor false").await.starts_with("Warning InvalidAnnotation"));
    assert!(stage.list("batch/v1", "Job").await.expect("the cluster answers").is_empty(), "an ignored kind");
}

/// RL §18: each odd annotation is told once on its workload, and stops nothing.
#[tokio::test]
async fn odd_annotations_are_told_once() {
    let mut stage = Stage::new("reloader", "odd-annotations").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(deployment("web", auto())).await;
    let key = "configmap.reloader.stakater.com/reload";
    for (name, annotations) in [
        ("star", json!({key: "*, conf"})),
        ("switch", json!({key: "true"})),
        ("bar", json!({key: "conf|x"})),
        ("loud", json!({"reloader.stakater.com/search": "True"})),
        ("pause", json!({"reloader.stakater.com/auto": "true", "deployment.reloader.stakater.com/pause-period": "5d"})),
        (
            "strategy",
            json!({"reloader.stakater.com/auto": "true", "reloader.stakater.com/rollout-strategy": "restart"}),
        ),
    ] {
        stage.apply(deployment(name, annotations)).await;
    }
    let mut set = workload("StatefulSet", "set", auto());
    set["metadata"]["annotations"]["deployment.reloader.stakater.com/pause-period"] = json!("5m");
    stage.apply(set).await;
    assert!(!reloads_beside(&stage, "2", "switch").await);
    for name in ["star", "bar", "pause", "strategy"] {
        reloaded(&stage, name).await;
    }
    marked(&stage, "StatefulSet", "set", "STAKATER_CONF_CONFIGMAP", None).await;
    assert!(reloads_beside(&stage, "3", "pause").await, "it is not paused");
    for part in [
        "use `.*` for everything",
        "use the `auto` annotation",
        "put the whole in brackets",
        "search` holds `True`, which has no effect",
        "pause-period` is ignored",
        "works on Rollouts only",
        "works on Deployments only",
    ] {
        told(&stage, part).await;
        let events = stage.events().await;
        let so_often = events.iter().filter(|event| event.contains(part)).count();
        assert_eq!(so_often, 1, "{part}: {events:?}");
    }
}

#[tokio::test]
async fn namespaces_and_labels_narrow_what_is_seen() {
    let mut stage = Stage::new("reloader", "namespaces-and-labels").await;
    let labelled = |name: &str, value: &str| {
        let mut map = config_map_named(name, value);
        map["metadata"]["labels"] = json!({"tier": "front"});
        map
    };
    stage.create(&labelled("conf", "1")).await.expect("the cluster takes it");
    stage.create(&config_map_named("plain", "1")).await.expect("the cluster takes it");
    let settings = Settings {
        resource_selector: Some("tier=front".into()),
        namespace_selector: Some("team=shop".into()),
        ..Settings::default()
    };
    start(&mut stage, settings.clone()).await;
    let key = "configmap.reloader.stakater.com/reload";
    stage.apply(deployment("web", json!({key: "conf,plain"}))).await;
    // The namespace does not carry its label yet.
    stage.apply(labelled("conf", "2")).await;
    assert_eq!(mark_of(&stage, "Deployment", "web", "STAKATER_CONF_CONFIGMAP").await, None);
    let namespace = stage.namespace().to_owned();
    stage
        .merge("v1", "Namespace", &namespace, &json!({"metadata": {"labels": {"team": "shop"}}}))
        .await
        .expect("a label");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    stage.replace(&config_map_named("plain", "2")).await.expect("the cluster takes it");
    stage.apply(labelled("conf", "3")).await;
    reloaded(&stage, "web").await;
    assert_eq!(mark_of(&stage, "Deployment", "web", "STAKATER_PLAIN_CONFIGMAP").await, None, "it lacks the label");
    stage.stop().await;
    let ignored_namespaces = BTreeSet::from([namespace]);
    start(&mut stage, Settings { ignored_namespaces, ..Settings::default() }).await;
    let before = generations(&stage, "Deployment").await;
    stage.apply(labelled("conf", "4")).await;
    assert_eq!(generations(&stage, "Deployment").await, before, "an ignored namespace");
}

/// RL §18: a namespace that is named and not there is an empty one, until somebody makes it.
#[tokio::test]
async fn a_namespace_may_come_later() {
    let mut stage = Stage::new("reloader", "a-namespace-may-come-later").await;
    let later = format!("{}-later", stage.namespace());
    stage.beside.push(later.clone());
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(config_map("2")).await;
    reloaded(&stage, "web").await;
    stage.make_namespace(&later).await;
    let there = |mut object: Value| {
        object["metadata"]["namespace"] = json!(later);
        object
    };
    for object in [deployment("web", auto()), config_map("1")] {
        stage.create(&there(object)).await.expect("the cluster takes it");
    }
    stage.settle().await;
    stage.replace(&there(config_map("2"))).await.expect("the cluster takes it");
    let api = stage.api_in("apps/v1", "Deployment", &later).await.expect("it is served");
    comes("the mark", async || {
        let web = api.get("web").await.expect("the cluster answers");
        let web = serde_json::to_value(web).expect("an object");
        env(&web)[0]["name"] == "STAKATER_CONF_CONFIGMAP"
    })
    .await;
}
