//! The sandbox through the real `kube::Client`: what a controller sees. Texts are those of a real kube-apiserver.

mod garbage;
mod objects;
mod patches;
mod refusals;
mod roles;
mod speed;
mod watches;

use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::Sandbox;

/// A sandbox whose clock stands still, with one custom resource in two versions.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.clock().set("2026-01-02T03:04:05Z".parse().expect("a timestamp"));
    let definition = serde_json::from_value(json!({
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets" },
            "versions": [
                { "name": "v1beta1", "served": true, "storage": false, "subresources": { "status": {} } },
                { "name": "v1", "served": true, "storage": true, "subresources": { "status": {} } },
            ],
        },
    }));
    sandbox.register(&definition.expect("a definition")).expect("it is whole");
    sandbox
}

fn api(client: &Client, api_version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    Api::namespaced_with(client.clone(), "demo", &resource)
}

fn secrets(client: &Client) -> Api<DynamicObject> {
    api(client, "v1", "Secret", "secrets")
}

fn config_maps(client: &Client) -> Api<DynamicObject> {
    api(client, "v1", "ConfigMap", "configmaps")
}

fn widgets(client: &Client) -> Api<DynamicObject> {
    api(client, "example.com/v1", "Widget", "widgets")
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).expect("an object")
}

fn secret(name: &str, value: &str) -> DynamicObject {
    object(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "labels": { "app": name } },
        "stringData": { "password": value },
    }))
}

fn widget(name: &str, size: u64) -> DynamicObject {
    object(json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": name }, "spec": { "size": size },
    }))
}

async fn create(api: &Api<DynamicObject>, object: &DynamicObject) -> DynamicObject {
    let params = PostParams { field_manager: Some("maker".to_owned()), ..PostParams::default() };
    api.create(&params, object).await.expect("it can be created")
}

/// The refusal's code, reason and text.
fn refusal<T>(outcome: Result<T, kube::Error>) -> (u16, String, String) {
    match outcome {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone(), status.message.clone()),
        Err(other) => panic!("not the server's refusal: {other}"),
        Ok(_) => panic!("it was accepted"),
    }
}
