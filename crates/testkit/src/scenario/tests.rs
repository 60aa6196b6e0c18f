//! Scenarios about scenarios: what they create, wait for, and compare.

use std::time::Duration;

use serde_json::json;

use super::{Named, Scenario, documents, holds, object};

#[tokio::test]
async fn objects_go_in_change_and_come_out() {
    let scenario = Scenario::begin("testkit", "objects in and out").await;
    scenario
        .given(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: db, labels: {in: $NS}}\nstringData: {a: b}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {k: v}\n",
        )
        .await;
    let expected =
        format!("metadata: {{namespace: {0}, labels: {{in: {0}}}}}\ndata: {{a: Yg==, z: null}}", scenario.namespace());
    scenario.becomes(Named::secret("db"), &expected).await;
    scenario.changed("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {k: w}\n").await;
    scenario.becomes(Named::config_map("settings"), "data: {k: w}").await;
    scenario.stays_quiet("v1", "Secret", Duration::from_millis(50)).await;
    scenario.delete("v1", "Secret", "db").await.expect("it goes");
    scenario.vanishes(Named::secret("db")).await;
    assert!(scenario.find("v1", "Secret", "db").await.expect("the cluster answers").is_none());
    scenario.end().await;
}

#[tokio::test]
#[should_panic(expected = "did not come to fit")]
async fn what_never_fits_fails() {
    tokio::time::pause();
    let scenario = Scenario::in_memory("testkit", "never", sandbox::Sandbox::new()).await;
    scenario.becomes(Named::secret("none"), "data: {}").await;
}

#[test]
fn a_part_is_held_by_the_whole() {
    let whole = json!({ "a": { "b": 1, "c": null }, "list": [{ "x": 1, "y": 2 }] });
    for (part, expected) in [
        (json!({}), true),
        (json!({ "a": { "b": 1 } }), true),
        (json!({ "a": { "c": null, "d": null } }), true),
        (json!({ "a": { "b": null } }), false),
        (json!({ "a": { "b": 2 } }), false),
        (json!({ "list": [{ "x": 1 }] }), true),
        (json!({ "list": [] }), false),
    ] {
        assert_eq!(holds(&whole, &part), expected, "{part}");
    }
    assert_eq!(documents("---\na: 1\n---\n---\nb: 2\n"), [json!({ "a": 1 }), json!({ "b": 2 })]);
    let secret: k8s_openapi::api::core::v1::Secret = object("metadata: {name: x}");
    assert_eq!(secret.metadata.name.as_deref(), Some("x"));
}
