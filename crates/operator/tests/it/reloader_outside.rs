//! What Reloader tells others: alerts, the web hook in the place of reloads, metrics, the meta-info ConfigMap. Specification: RL §15.

use std::time::Duration;

use operator::reloader::alerts::Alerts;
use operator::reloader::webhook::Webhook;
use operator::reloader::{Settings, meta_info};
use plan::reload::Options;
use plan::reload::alert::Sink;
use serde_json::{Value, json};
use testkit::http::{Answer, Misbehaviour, Server};
use tokio::time::Instant;

use crate::reloader::{auto, config_map, deployment, generations, reloaded, reloads_beside, secret, start, start_with};
use crate::stage::Stage;

fn client() -> wire::Client {
    wire::Client::new(wire::client::Settings::default())
}

/// Waits until the server was asked so often.
async fn asked(server: &Server, times: usize) {
    let until = Instant::now() + Duration::from_secs(30);
    while server.requests().len() < times {
        assert!(Instant::now() < until, "asked {} times, not {times}", server.requests().len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_reload_is_an_alert_and_a_sink_that_hangs_holds_nothing_up() {
    let server = Server::start(|_| Answer::empty(200)).await;
    let mut stage = Stage::new("reloader", "alerts").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let alerts = Alerts::start(client(), Sink::Slack, Some(server.url().into()), "eu-1".into());
    start_with(&mut stage, Settings::default(), |process| process.shared().remember(alerts)).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(config_map("2")).await;
    reloaded(&stage, "web").await;
    asked(&server, 1).await;
    let namespace = stage.namespace();
    let text = format!(
        "eu-1 : Reloader detected changes in *conf* of type *CONFIGMAP* in namespace *{namespace}*. Hence reloaded *web* of type *Deployment* in namespace *{namespace}*"
    );
    let attachment = json!({"author_name": "Reloader", "color": "good", "text": text});
    assert_eq!(server.requests()[0].json(), json!({"attachments": [attachment]}));
    server.misbehave("*", "/", 1, Misbehaviour::Hang);
    stage.apply(deployment("calm", json!({}))).await;
    assert!(!reloads_beside(&stage, "3", "calm").await, "reloads go on");
}

#[tokio::test]
async fn a_web_hook_is_called_in_the_place_of_reloads() {
    let server = Server::start(|_| Answer::empty(500)).await;
    let mut stage = Stage::new("reloader", "a-web-hook").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let options = Options { on_delete: true, ..Options::default() };
    let webhook = Webhook::new(client(), format!("{}/changed", server.url()).into());
    let settings = Settings { options, ..Settings::default() };
    start_with(&mut stage, settings, |process| process.shared().remember(webhook)).await;
    stage.apply(deployment("web", auto())).await;
    let before = generations(&stage, "Deployment").await;
    // Who hangs up is asked again; a status is an answer, whatever it says.
    server.misbehave("POST", "/", 1, Misbehaviour::HangUp);
    stage.apply(config_map("2")).await;
    asked(&server, 2).await;
    stage.remove(&config_map("2")).await;
    asked(&server, 3).await;
    stage.apply(secret("new", "1")).await;
    let said: Vec<Value> = server.requests().iter().map(testkit::http::Asked::json).collect();
    for (body, action) in said[1..].iter().zip(["updated", "deleted"]) {
        let mut expected = json!({"webhook": "update successful", "kind": "configmap", "namespace": stage.namespace(),
            "resourceName": "conf", "resourceType": "CONFIGMAP", "action": action});
        expected["timestamp"] = body["timestamp"].clone();
        assert_eq!(*body, expected);
    }
    assert_eq!(said.len(), 3, "creations were not asked for");
    assert_eq!(generations(&stage, "Deployment").await, before, "no workload is touched");
    assert!(stage.events().await.is_empty());
}

#[tokio::test]
async fn metrics_count_what_was_done() {
    let mut stage = Stage::new("reloader", "metrics").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let settings = Settings { counts_by_namespace: true, ..Settings::default() };
    start(&mut stage, settings).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(deployment("calm", json!({}))).await;
    assert!(!reloads_beside(&stage, "2", "calm").await);
    stage.patch(&config_map("2"), json!({"metadata": {"labels": {"x": "y"}}})).await;
    let text = stage.metrics();
    let namespace = stage.namespace();
    for line in [
        r#"reloader_reload_executed_total{success="true"} 1"#.to_owned(),
        format!(r#"reloader_reload_executed_total_by_namespace{{namespace="{namespace}",success="true"}} 1"#),
        r#"reloader_reload_executed_total{success="false"} 0"#.to_owned(),
        r#"reloader_reconcile_total{result="success"} 1"#.to_owned(),
        r#"reloader_action_total{result="success",workload_kind="Deployment"} 1"#.to_owned(),
        r#"reloader_skipped_total{reason="no_data_change"} 1"#.to_owned(),
        r#"reloader_events_received_total{event_type="update",resource_type="configmaps"} 2"#.to_owned(),
        r#"reloader_workloads_scanned_total{kind="Deployment"} 2"#.to_owned(),
        r#"reloader_workloads_matched_total{kind="Deployment"} 1"#.to_owned(),
    ] {
        assert!(text.contains(&line), "{line} in {text}");
    }
}

/// RL §15.6: written at the start, and not again where it says the same.
#[tokio::test]
async fn the_meta_info_is_written_once() {
    let mut stage = Stage::new("reloader", "meta-info").await;
    start(&mut stage, Settings::default()).await;
    let namespace = stage.namespace().to_owned();
    let shared = stage.shared.clone().expect("a process runs");
    let data = [("buildInfo", "{}".to_owned())].into();
    let mut versions = Vec::new();
    for _ in 0..2 {
        meta_info::publish(shared.cluster(), &namespace, &data).await.expect("the role allows it");
        let map = stage.object("v1", "ConfigMap", meta_info::NAME).await.expect("it was written");
        assert_eq!(map["metadata"]["labels"], json!({"reloader.stakater.com/meta-info": "reloader"}));
        assert_eq!(map["data"], json!({"buildInfo": "{}"}));
        versions.push(map["metadata"]["resourceVersion"].clone());
    }
    assert_eq!(versions[0], versions[1], "the second time it says the same");
    let data = [("buildInfo", "{\"edition\":\"oss\"}".to_owned())].into();
    meta_info::publish(shared.cluster(), &namespace, &data).await.expect("the role allows it");
    let map = stage.object("v1", "ConfigMap", meta_info::NAME).await.expect("it was written");
    assert_eq!(map["data"]["buildInfo"], "{\"edition\":\"oss\"}");
}
