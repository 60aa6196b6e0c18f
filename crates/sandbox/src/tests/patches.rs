//! Patches of the three forms, as restarts and finalizers send them.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{api, create, object, refusal, sandbox, widget, widgets};
use crate::patch::{self, Form};

fn check(form: Form, object: Value, patch: &Value, expected: Value) {
    let got = patch::apply(form, patch.to_string().as_bytes(), object).expect("it can be applied");
    assert_eq!(got, expected, "{patch}");
}

/// RL §10.3: the bodies A, B, E and F.
#[test]
fn strategic_merge_follows_the_merge_keys() {
    let pod = |env: Value| {
        json!({ "spec": { "containers": [
        { "name": "app", "image": "i", "env": env }, { "name": "side", "image": "s" } ] } })
    };
    let wish = |env: Value| json!({ "spec": { "containers": [{ "name": "app", "env": env }] } });
    check(
        Form::Strategic,
        pod(json!([{ "name": "A", "value": "1" }])),
        &wish(json!([{ "name": "STAKATER_DB_SECRET", "value": "h" }])),
        pod(json!([{ "name": "STAKATER_DB_SECRET", "value": "h" }, { "name": "A", "value": "1" }])),
    );
    check(
        Form::Strategic,
        pod(json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }])),
        &wish(json!([{ "name": "B", "value": "3" }])),
        pod(json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "3" }])),
    );
    check(
        Form::Strategic,
        pod(json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }])),
        &wish(json!([{ "$patch": "delete", "name": "A" }])),
        pod(json!([{ "name": "B", "value": "2" }])),
    );
    check(
        Form::Strategic,
        json!({ "metadata": { "annotations": { "paused-at": "now", "other": "x" } }, "spec": { "paused": true } }),
        &json!({ "metadata": { "annotations": { "paused-at": null } }, "spec": { "paused": false } }),
        json!({ "metadata": { "annotations": { "other": "x" } }, "spec": { "paused": false } }),
    );
    check(
        Form::Strategic,
        json!({ "metadata": { "finalizers": ["a"] }, "list": [1, 2] }),
        &json!({ "metadata": { "finalizers": ["b", "a"] }, "list": [3] }),
        json!({ "metadata": { "finalizers": ["a", "b"] }, "list": [3] }),
    );
    check(
        Form::Strategic,
        json!({ "spec": { "a": { "b": 1 }, "c": 2 } }),
        &json!({ "spec": { "a": { "$patch": "replace", "d": 3 } } }),
        json!({ "spec": { "a": { "d": 3 }, "c": 2 } }),
    );
}

#[test]
fn merge_and_json_patches_are_the_rfcs() {
    check(
        Form::Merge,
        json!({ "spec": { "a": 1, "list": [1, 2] } }),
        &json!({ "spec": { "a": null, "restartAt": "now", "list": [3] } }),
        json!({ "spec": { "restartAt": "now", "list": [3] } }),
    );
    check(
        Form::Json,
        json!({ "env": [{ "name": "A" }, { "name": "B" }] }),
        &json!([{ "op": "test", "path": "/env/0/name", "value": "A" }, { "op": "remove", "path": "/env/0" }]),
        json!({ "env": [{ "name": "B" }] }),
    );
}

#[tokio::test]
async fn what_cannot_be_applied_is_refused() {
    let sandbox = sandbox();
    let api = widgets(&sandbox.client());
    create(&api, &widget("w", 1)).await;
    let params = PatchParams::default();
    let strategic = refusal(api.patch("w", &params, &Patch::Strategic(json!({ "spec": {} }))).await);
    let accepted = "the body of the request was in an unknown format - accepted media types include: \
                    application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
    assert_eq!((strategic.0, strategic.2.as_str()), (415, accepted));
    let applied = refusal(api.patch("w", &PatchParams::apply("us"), &Patch::Apply(json!({}))).await);
    assert_eq!((applied.0, applied.2.as_str()), (415, "the sandbox speaks no server-side apply"));
    let stale = Patch::Merge(json!({ "metadata": { "resourceVersion": "1" }, "spec": { "size": 2 } }));
    assert_eq!(refusal(api.patch("w", &params, &stale).await).0, 409);
    let absent = refusal(api.patch("other", &params, &Patch::Merge(json!({}))).await);
    assert_eq!(absent.0, 404);
}

#[tokio::test]
async fn a_restart_counts_as_a_new_generation_and_a_second_one_as_nothing() {
    let sandbox = sandbox();
    let api = api(&sandbox.client(), "apps/v1", "Deployment", "deployments");
    let made = create(
        &api,
        &object(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": "i" }] } } },
        })),
    )
    .await;
    assert_eq!(made.metadata.generation, Some(1));
    let restart =
        Patch::Strategic(json!({ "spec": { "template": { "metadata": { "annotations": { "at": "now" } } } } }));
    let params = PatchParams { field_manager: Some("Reloader".to_owned()), ..PatchParams::default() };
    let once = api.patch("web", &params, &restart).await.expect("it is taken");
    assert_eq!(once.metadata.generation, Some(2));
    assert_eq!(once.metadata.managed_fields.as_ref().map(Vec::len), Some(2));
    let twice = api.patch("web", &params, &restart).await.expect("it is taken");
    assert_eq!(twice.metadata.resource_version, once.metadata.resource_version);
}
