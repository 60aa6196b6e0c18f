//! Bad input, with the API server's own texts.

use kube::api::{DeleteParams, PostParams, Preconditions};
use serde_json::{Value, json};

use super::{config_maps, create, object, refusal, sandbox, secret, secrets, widget, widgets};

const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                   'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

#[tokio::test]
async fn new_objects_are_checked() {
    let sandbox = sandbox();
    let client = sandbox.client();
    let big = "x".repeat(1024 * 1024 + 1);
    let named = |more: Value| {
        let mut whole = json!({ "apiVersion": "v1", "metadata": { "name": "a" } });
        whole.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        whole
    };
    let cases: Vec<(&str, Value, u16, String)> = vec![
        ("Secret", json!({ "metadata": {} }), 422,
         "Secret \"\" is invalid: metadata.name: Required value: name or generateName is required".to_owned()),
        ("Secret", named(json!({ "stringData": { "a/b": "" } })), 422,
         format!("Secret \"a\" is invalid: data[a/b]: Invalid value: \"a/b\": {KEY}")),
        ("Secret", named(json!({ "stringData": { "k": big } })), 422,
         "Secret \"a\" is invalid: data: Too long: may not be more than 1048576 bytes".to_owned()),
        ("Secret", named(json!({ "type": "kubernetes.io/tls" })), 422,
         "Secret \"a\" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]".to_owned()),
        ("Secret", named(json!({ "type": "kubernetes.io/basic-auth" })), 422,
         "Secret \"a\" is invalid: [data[username]: Required value, data[password]: Required value]".to_owned()),
        ("Secret", named(json!({ "type": "kubernetes.io/dockerconfigjson" })), 422,
         "Secret \"a\" is invalid: data[.dockerconfigjson]: Required value".to_owned()),
        ("Secret", named(json!({ "data": { "k": "?" } })), 400,
         "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 0".to_owned()),
        ("Secret", json!({ "metadata": { "name": "a", "resourceVersion": "3" } }), 500,
         "resourceVersion should not be set on objects to be created".to_owned()),
        ("Secret", json!({ "metadata": { "name": "a", "namespace": "other" } }), 400,
         "the namespace of the provided object does not match the namespace sent on the request".to_owned()),
        ("ConfigMap", named(json!({ "data": { "k": big } })), 422,
         "ConfigMap \"a\" is invalid: []: Too long: may not be more than 1048576 bytes".to_owned()),
        ("ConfigMap", named(json!({ "data": { "k": "" }, "binaryData": { "k": "" } })), 422,
         "ConfigMap \"a\" is invalid: data[k]: Invalid value: \"k\": duplicate of key present in binaryData".to_owned()),
        ("ConfigMap", json!({ "metadata": { "name": "a", "labels": { "k": "-" } } }), 422,
         "ConfigMap \"a\" is invalid: metadata.labels: Invalid value: \"-\": a valid label must be an empty string or \
          consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character \
          (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
          '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')".to_owned()),
    ];
    for (kind, body, code, text) in cases {
        let api = if kind == "Secret" { secrets(&client) } else { config_maps(&client) };
        let (got, _, message) = refusal(api.create(&PostParams::default(), &object(body.clone())).await);
        assert_eq!((got, message), (code, text), "{kind}");
    }
}

#[tokio::test]
async fn what_exists_or_does_not_is_told() {
    let sandbox = sandbox();
    let client = sandbox.client();
    let api = secrets(&client);
    create(&api, &secret("db", "x")).await;
    let twice = refusal(api.create(&PostParams::default(), &secret("db", "x")).await);
    assert_eq!(twice, (409, "AlreadyExists".to_owned(), "secrets \"db\" already exists".to_owned()));
    let absent = refusal(widgets(&client).get("w").await);
    assert_eq!(absent, (404, "NotFound".to_owned(), "widgets.example.com \"w\" not found".to_owned()));
    let versionless = {
        create(&widgets(&client), &widget("w", 1)).await;
        refusal(widgets(&client).replace("w", &PostParams::default(), &widget("w", 2)).await)
    };
    let text = "widgets.example.com \"w\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an \
                update";
    assert_eq!((versionless.0, versionless.2.as_str()), (422, text));
    let mut bare = secret("db", "y");
    bare.metadata.uid = None;
    api.replace("db", &PostParams::default(), &bare).await.expect("a secret may be replaced without a version");
}

#[tokio::test]
async fn a_type_stays_and_an_immutable_secret_is_frozen() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    let mut made = create(&api, &secret("db", "x")).await;
    made.data["type"] = json!("example.com/other");
    let (code, _, text) = refusal(api.replace("db", &PostParams::default(), &made).await);
    let expected = "Secret \"db\" is invalid: type: Invalid value: \"example.com/other\": field is immutable";
    assert_eq!((code, text.as_str()), (422, expected));
    made.data["type"] = json!("Opaque");
    made.data["immutable"] = json!(true);
    let mut frozen = api.replace("db", &PostParams::default(), &made).await.expect("it is taken");
    frozen.data["data"]["password"] = json!("eQ==");
    let (code, _, text) = refusal(api.replace("db", &PostParams::default(), &frozen).await);
    let expected = "Secret \"db\" is invalid: data: Forbidden: field is immutable when `immutable` is set";
    assert_eq!((code, text.as_str()), (422, expected));
    frozen.data["data"]["password"] = json!("eA==");
    frozen.data["immutable"] = json!(false);
    let (_, _, text) = refusal(api.replace("db", &PostParams::default(), &frozen).await);
    let expected = "Secret \"db\" is invalid: immutable: Forbidden: field is immutable when `immutable` is set";
    assert_eq!(text, expected);
    frozen.data["immutable"] = json!(true);
    frozen.metadata.labels = None;
    api.replace("db", &PostParams::default(), &frozen).await.expect("metadata may change");
}

#[tokio::test]
async fn deletes_insist_on_their_preconditions() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    let made = create(&api, &secret("db", "x")).await;
    let uid = made.metadata.uid.clone().expect("a uid");
    let wrong_uid =
        DeleteParams::default().preconditions(Preconditions { uid: Some("other".to_owned()), resource_version: None });
    let (code, _, text) = refusal(api.delete("db", &wrong_uid).await);
    let expected = format!(
        "Operation cannot be fulfilled on Secret \"db\": the UID in the precondition (other) does not match the UID in \
         record ({uid}). The object might have been deleted and then recreated"
    );
    assert_eq!((code, text), (409, expected));
    let stale =
        DeleteParams::default().preconditions(Preconditions { uid: None, resource_version: Some("1".to_owned()) });
    assert_eq!(refusal(api.delete("db", &stale).await).0, 409);
    let right = Preconditions { uid: Some(uid), resource_version: made.metadata.resource_version.clone() };
    let gone = api.delete("db", &DeleteParams::default().preconditions(right)).await.expect("it goes");
    assert_eq!(gone.right().and_then(|status| status.details).map(|details| details.name), Some("db".to_owned()));
}

#[tokio::test]
async fn an_event_stands_beside_what_it_is_about() {
    let sandbox = sandbox();
    let api = super::api(&sandbox.client(), "v1", "Event", "events");
    let about = |namespace: &str| {
        object(json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e" },
            "involvedObject": { "kind": "Secret", "name": "db", "namespace": namespace },
        }))
    };
    let (code, _, text) = refusal(api.create(&PostParams::default(), &about("other")).await);
    let expected = "Event \"e\" is invalid: involvedObject.namespace: Invalid value: \"other\": does not match \
                    event.namespace";
    assert_eq!((code, text.as_str()), (422, expected));
    create(&api, &about("demo")).await;
}
