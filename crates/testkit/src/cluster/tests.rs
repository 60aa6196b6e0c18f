//! The same questions to the sandbox and, where the lab is there, to a real kube-apiserver: the answers must agree word
//! for word. This keeps the sandbox honest.

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent, WatchParams,
};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::{Cluster, Rights};
use crate::scenario::object;

const WIDGETS: &str = "
metadata: {name: widgets.testkit.example.com}
spec:
  group: testkit.example.com
  scope: Namespaced
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  versions:
    - {name: v1, served: true, storage: true, subresources: {status: {}}, schema: &any {openAPIV3Schema: {type: object, properties: {
        spec: {type: object, x-kubernetes-preserve-unknown-fields: true}, status: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}}
    - {name: v1beta1, served: true, storage: false, subresources: {status: {}}, schema: *any}
";

async fn cluster(case: &str) -> Cluster {
    let cluster = Cluster::new(case).await;
    cluster.install(&[object(WIDGETS)]).await;
    cluster
}

async fn api(cluster: &Cluster, api_version: &str, kind: &str) -> Api<DynamicObject> {
    cluster.api(api_version, kind).await.expect("it is served")
}

fn parsed(value: Value) -> DynamicObject {
    serde_json::from_value(value).expect("an object")
}

/// Code, reason and text, with what differs from run to run written as words.
fn refusal<T>(cluster: &Cluster, outcome: kube::Result<T>) -> String {
    match outcome {
        Ok(_) => "taken".to_owned(),
        Err(kube::Error::Api(status)) => {
            format!("{} {}: {}", status.code, status.reason, status.message).replace(cluster.namespace(), "NS")
        }
        Err(other) => panic!("not the server's refusal: {other}"),
    }
}

#[tokio::test]
async fn secrets_and_config_maps_are_refused_in_the_same_words() {
    let cluster = cluster("refusals").await;
    let big = "x".repeat(1024 * 1024 + 1);
    let wishes = [
        ("Secret", json!({ "metadata": {} })),
        ("Secret", json!({ "metadata": { "name": "Bad_Name" } })),
        ("Secret", json!({ "metadata": { "name": "a", "resourceVersion": "3" } })),
        ("Secret", json!({ "metadata": { "name": "a", "namespace": "other" } })),
        ("Secret", json!({ "metadata": { "name": "a", "labels": { "k": "-" } } })),
        ("Secret", json!({ "metadata": { "name": "a", "labels": { "b/c/d": "v" } } })),
        ("Secret", json!({ "metadata": { "name": "a", "labels": { "/x": "" } } })),
        ("Secret", json!({ "metadata": { "name": "a", "labels": { "y/": "" } } })),
        ("Secret", json!({ "metadata": { "name": "a", "labels": { "Up.x/y": "" } } })),
        ("Secret", json!({ "metadata": { "name": "a", "annotations": { "a b": "" } } })),
        ("Secret", json!({ "metadata": { "name": "a", "finalizers": ["short"] } })),
        (
            "Secret",
            json!({ "metadata": { "name": "a" }, "data": { ".dockerconfigjson": "e30=" }, "type": "kubernetes.io/dockercfg" }),
        ),
        (
            "Secret",
            json!({ "metadata": { "name": "a" }, "data": { ".dockerconfigjson": "eA==" }, "type": "kubernetes.io/dockerconfigjson" }),
        ),
        ("ConfigMap", json!({ "metadata": { "name": "a" }, "binaryData": { "k": "?" } })),
        ("ConfigMap", json!({ "metadata": { "name": "a" }, "data": { "k": 1 } })),
        ("Secret", json!({ "metadata": { "name": "a" }, "data": { "k": 1 } })),
        ("Secret", json!({ "metadata": { "name": "a", "labels": { "k": "x".repeat(64) } } })),
        ("Secret", json!({ "metadata": { "name": "a", "annotations": { "k": "x".repeat(262_145) } } })),
        ("Secret", json!({ "metadata": { "name": "a" }, "stringData": { "a/b": "" } })),
        ("Secret", json!({ "metadata": { "name": "a" }, "stringData": { ".": "" } })),
        ("Secret", json!({ "metadata": { "name": "a" }, "stringData": { "..a": "" } })),
        ("Secret", json!({ "metadata": { "name": "a" }, "stringData": { "k": big } })),
        ("Secret", json!({ "metadata": { "name": "a" }, "data": { "k": "?" } })),
        ("Secret", json!({ "metadata": { "name": "a" }, "type": "kubernetes.io/tls" })),
        ("Secret", json!({ "metadata": { "name": "a" }, "type": "kubernetes.io/ssh-auth" })),
        ("Secret", json!({ "metadata": { "name": "a" }, "type": "kubernetes.io/basic-auth" })),
        ("Secret", json!({ "metadata": { "name": "a" }, "type": "kubernetes.io/dockerconfigjson" })),
        ("Secret", json!({ "metadata": { "name": "a" }, "type": "kubernetes.io/service-account-token" })),
        (
            "Secret",
            json!({ "metadata": { "name": "a", "ownerReferences": [{ "apiVersion": "v1", "kind": "X", "name": "", "uid": "" }] } }),
        ),
        ("ConfigMap", json!({ "metadata": { "name": "a" }, "data": { "k": big } })),
        ("ConfigMap", json!({ "metadata": { "name": "a" }, "data": { "k": "" }, "binaryData": { "k": "" } })),
        ("Event", json!({ "metadata": { "name": "a" }, "involvedObject": { "namespace": "other" } })),
    ];
    let mut said = Vec::new();
    for (kind, mut wish) in wishes {
        (wish["apiVersion"], wish["kind"]) = (json!("v1"), json!(kind));
        let outcome = api(&cluster, "v1", kind).await.create(&PostParams::default(), &parsed(wish)).await;
        said.push(format!("{kind} {}", refusal(&cluster, outcome)));
    }
    insta::assert_snapshot!("refusals_of_create", said.join("\n"));
}

#[tokio::test]
async fn updates_are_refused_in_the_same_words() {
    let cluster = cluster("updates").await;
    let secrets = api(&cluster, "v1", "Secret").await;
    let db = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db" }, "stringData": { "a": "b" } });
    let made = cluster.create(&db).await.expect("a secret");
    let uid = made["metadata"]["uid"].as_str().expect("a uid");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut wish = made.clone();
        change(&mut wish);
        parsed(wish)
    };
    let params = PostParams::default();
    let mut said = vec![format!("absent: {}", refusal(&cluster, secrets.get("none").await))];
    let twice = with(&|wish| wish["metadata"] = json!({ "name": "db" }));
    said.push(format!("twice: {}", refusal(&cluster, secrets.create(&params, &twice).await)));
    type Change<'a> = &'a dyn Fn(&mut Value);
    let wishes: [(&str, &str, Change<'_>); 4] = [
        ("other type", "db", &|wish| wish["type"] = json!("x/y")),
        ("other uid", "db", &|wish| wish["metadata"]["uid"] = json!("u")),
        ("other name", "db", &|wish| wish["metadata"]["name"] = json!("other")),
        ("absent update", "none", &|wish| wish["metadata"] = json!({ "name": "none" })),
    ];
    for (what, name, change) in wishes {
        let text = refusal(&cluster, secrets.replace(name, &params, &with(change)).await).replace(uid, "UID");
        said.push(format!("{what}: {text}"));
    }
    for (uid, version) in [(Some("u"), None), (None, Some("1"))] {
        let wrong = Preconditions { uid: uid.map(str::to_owned), resource_version: version.map(str::to_owned) };
        let text = refusal(&cluster, secrets.delete("db", &DeleteParams::default().preconditions(wrong)).await);
        let own = made["metadata"]["resourceVersion"].as_str().expect("a version");
        said.push(
            format!("precondition: {text}")
                .replace(made["metadata"]["uid"].as_str().expect("a uid"), "UID")
                .replace(own, "VERSION"),
        );
    }
    let frozen = secrets.replace("db", &params, &with(&|wish| wish["immutable"] = json!(true))).await;
    said.push(format!("stale: {}", refusal(&cluster, secrets.replace("db", &params, &with(&|_| {})).await)));
    let mut thawed = frozen.expect("it is taken");
    thawed.data["data"] = json!({ "a": "Yw==" });
    said.push(format!("frozen: {}", refusal(&cluster, secrets.replace("db", &params, &thawed).await)));
    thawed.data["immutable"] = json!(false);
    said.push(format!("thawed: {}", refusal(&cluster, secrets.replace("db", &params, &thawed).await)));
    let selected = secrets.list(&ListParams::default().fields("data=x")).await;
    said.push(format!("field selector: {}", refusal(&cluster, selected)));
    insta::assert_snapshot!("refusals_of_update", said.join("\n"));
}

#[tokio::test]
async fn patches_and_deletes_are_refused_in_the_same_words() {
    let cluster = cluster("patches").await;
    let widgets = api(&cluster, "testkit.example.com/v1", "Widget").await;
    let meta = json!({ "name": "w", "finalizers": ["example.com/one"] });
    let whole =
        |meta: Value| json!({ "apiVersion": "testkit.example.com/v1", "kind": "Widget", "metadata": meta, "spec": {} });
    let made = cluster.create(&whole(meta)).await.expect("a widget");
    let mut said = Vec::new();
    let mut say = |what: &str, text: String| said.push(format!("{what}: {text}"));
    let patch = PatchParams::default();
    say("absent", refusal(&cluster, widgets.get("none").await));
    let unversioned = parsed(whole(json!({ "name": "w" })));
    say("no version", refusal(&cluster, widgets.replace("w", &PostParams::default(), &unversioned).await));
    say("strategic", refusal(&cluster, widgets.patch("w", &patch, &Patch::Strategic(json!({}))).await));
    let operations = json!([{ "op": "test", "path": "/spec/size", "value": 2 }]);
    let test = Patch::<()>::Json(serde_json::from_value(operations).expect("a JSON patch"));
    say("test", refusal(&cluster, widgets.patch("w", &patch, &test).await));
    let wrong = Preconditions { uid: None, resource_version: Some("1".to_owned()) };
    let kept = refusal(&cluster, widgets.delete("w", &DeleteParams::default().preconditions(wrong)).await);
    say("precondition", kept.replace(made["metadata"]["resourceVersion"].as_str().expect("a version"), "VERSION"));
    widgets.delete("w", &DeleteParams::default()).await.expect("it is marked");
    let more = Patch::Merge(json!({ "metadata": { "finalizers": ["example.com/one", "example.com/two"] } }));
    say("finalizer", refusal(&cluster, widgets.patch("w", &patch, &more).await));
    widgets.patch("w", &patch, &Patch::Merge(json!({ "metadata": { "finalizers": null } }))).await.expect("it goes");
    say("gone", refusal(&cluster, widgets.get("w").await));
    insta::assert_snapshot!("refusals_of_patch", said.join("\n"));
}

#[tokio::test]
async fn restarts_generations_and_managed_fields_agree() {
    let cluster = cluster("restarts").await;
    let deployments = api(&cluster, "apps/v1", "Deployment").await;
    let container = |name: &str, env: Value| json!({ "name": name, "image": "i", "env": env });
    cluster
        .create(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": {
                "replicas": 0, "selector": { "matchLabels": { "app": "web" } },
                "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [
                    container("app", json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }])),
                    container("side", json!([])),
                ] } },
            },
        }))
        .await
        .expect("a deployment");
    let pod =
        |env: Value| json!({ "spec": { "template": { "spec": { "containers": [{ "name": "app", "env": env }] } } } });
    let mut said = Vec::new();
    for patch in [
        pod(json!([{ "name": "STAKATER_DB_SECRET", "value": "h" }])),
        pod(json!([{ "name": "STAKATER_DB_SECRET", "value": "i" }])),
        pod(json!([{ "name": "B", "value": "3" }, { "name": "C", "value": "4" }])),
        pod(json!([{ "name": "A", "$patch": "delete" }])),
        json!({ "spec": { "template": { "metadata": { "annotations": { "last": "x" } } } } }),
        json!({ "metadata": { "annotations": { "paused-at": "now" } }, "spec": { "paused": true } }),
        json!({ "metadata": { "annotations": { "paused-at": null } }, "spec": { "paused": false } }),
    ] {
        let params = PatchParams { field_manager: Some("Reloader".to_owned()), ..PatchParams::default() };
        let made = deployments.patch("web", &params, &Patch::Strategic(&patch)).await.expect("it is taken");
        let env: Vec<String> = made.data["spec"]["template"]["spec"]["containers"][0]["env"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| format!("{}={}", one["name"], one["value"]))
            .collect();
        said.push(format!(
            "{patch}\n  generation {:?} env {}",
            made.metadata.generation,
            env.join(" ").replace('"', "")
        ));
    }
    insta::assert_snapshot!("restarts", said.join("\n"));
}

#[tokio::test]
async fn managed_fields_of_updates_agree() {
    let cluster = cluster("managed").await;
    let secrets = api(&cluster, "v1", "Secret").await;
    let eso = |name: &str| PostParams { field_manager: Some(name.to_owned()), ..PostParams::default() };
    let wish = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db", "labels": { "a": "1" } }, "data": { "k": "eA==" } });
    let mut object = secrets.create(&eso("maker"), &parsed(wish)).await.expect("it is made");
    let mut said = vec![managed(&object)];
    object.data["data"] = json!({ "k": "eA==", "l": "eQ==" });
    object.metadata.labels.get_or_insert_default().insert("a".to_owned(), "2".to_owned());
    object.metadata.annotations.get_or_insert_default().insert("n".to_owned(), "m".to_owned());
    object = secrets.replace("db", &eso("other"), &object).await.expect("it is taken");
    said.push(managed(&object));
    object.data["data"] = json!({ "l": "eg==" });
    object.metadata.annotations = None;
    object = secrets.replace("db", &eso("maker"), &object).await.expect("it is taken");
    said.push(managed(&object));
    object.data.as_object_mut().expect("fields").remove("data");
    object = secrets.replace("db", &eso("other"), &object).await.expect("it is taken");
    said.push(managed(&object));
    insta::assert_snapshot!("managed_fields", said.join("\n\n"));
}

fn managed(object: &DynamicObject) -> String {
    let entries = serde_json::to_value(&object.metadata.managed_fields).expect("JSON");
    let line = |entry: &Value| format!("{} {} {}", entry["manager"], entry["operation"], sorted(&entry["fieldsV1"]));
    let mut lines: Vec<String> = entries.as_array().into_iter().flatten().map(line).collect();
    lines.sort();
    lines.join("\n")
}

/// The same JSON with its keys in order, whatever order the map keeps.
fn sorted(value: &Value) -> String {
    let Value::Object(map) = value else { return value.to_string() };
    let mut fields: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", sorted(value))).collect();
    fields.sort();
    format!("{{{}}}", fields.join(","))
}

#[tokio::test]
async fn a_restricted_client_is_refused_in_the_same_words() {
    let cluster = cluster("rights").await;
    let rule = |group: &str, resource: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let rights = Rights {
        everywhere: vec![rule("testkit.example.com", "widgets", &["list"])],
        within: vec![(cluster.namespace().to_owned(), vec![rule("", "secrets", &["get", "create"])])],
    };
    let client: Client = cluster.client_as("limited", &rights).await;
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(client.clone(), cluster.namespace());
    let everywhere: Api<k8s_openapi::api::core::v1::Secret> = Api::all(client.clone());
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(client, cluster.namespace());
    let token = accounts.create_token_request("default", &PostParams::default(), &Default::default()).await;
    let said = [
        refusal(&cluster, secrets.get("none").await),
        refusal(&cluster, secrets.list(&ListParams::default()).await),
        refusal(&cluster, secrets.delete("db", &DeleteParams::default()).await),
        refusal(&cluster, everywhere.list(&ListParams::default()).await),
        refusal(&cluster, token),
    ];
    insta::assert_snapshot!("rights", said.join("\n"));
}

#[tokio::test]
async fn generations_status_and_ends_agree() {
    let cluster = cluster("lives").await;
    let widgets = api(&cluster, "testkit.example.com/v1", "Widget").await;
    let params = PostParams::default();
    let mut said = Vec::new();
    let mut say = |what: &str, object: &DynamicObject| {
        let meta = &object.metadata;
        let (generation, is_marked) = (meta.generation, meta.deletion_timestamp.is_some());
        said.push(format!("{what}: generation {generation:?} marked {is_marked} {}", sorted(&object.data)));
    };
    let mut wish = parsed(json!({
        "apiVersion": "testkit.example.com/v1", "kind": "Widget", "spec": { "size": 1 }, "status": { "ready": true },
        "metadata": { "name": "w", "finalizers": ["example.com/one"], "generation": 7 },
    }));
    wish = widgets.create(&params, &wish).await.expect("it is made");
    say("made", &wish);
    let version = wish.metadata.resource_version.clone();
    wish = widgets.replace("w", &params, &wish).await.expect("it is taken");
    assert_eq!(wish.metadata.resource_version, version, "nothing changed");
    (wish.data["spec"]["size"], wish.data["status"]) = (json!(2), json!({ "ready": true }));
    wish.metadata.labels.get_or_insert_default().insert("a".to_owned(), "b".to_owned());
    wish = widgets.replace_status("w", &params, &wish).await.expect("it is taken");
    say("status", &wish);
    assert!(wish.metadata.labels.is_none(), "a status write changes no labels");
    (wish.data["spec"]["size"], wish.data["status"]) = (json!(3), json!({ "ready": false }));
    wish = widgets.replace("w", &params, &wish).await.expect("it is taken");
    say("spec", &wish);
    let patch = Patch::Merge(json!({ "status": { "ready": null, "more": 1 } }));
    wish = widgets.patch_status("w", &PatchParams::default(), &patch).await.expect("it is taken");
    say("status patch", &wish);
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { "a": "b" } } }));
    say("annotation", &widgets.patch("w", &PatchParams::default(), &patch).await.expect("it is taken"));
    let deleted = widgets.delete("w", &DeleteParams::default()).await.expect("it is marked");
    say("deleted", &deleted.left().expect("it stands"));
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    say("freed", &widgets.patch("w", &PatchParams::default(), &patch).await.expect("it goes"));
    let old = api(&cluster, "testkit.example.com/v1beta1", "Widget").await;
    let fresh = json!({ "apiVersion": "testkit.example.com/v1beta1", "kind": "Widget", "metadata": { "name": "x" } });
    old.create(&params, &parsed(fresh)).await.expect("it is made");
    let gone = widgets.delete("x", &DeleteParams::default()).await.expect("it goes").right().expect("a status");
    said.push(format!("gone: {:?}", gone.details.map(|details| (details.name, details.group, details.kind))));
    insta::assert_snapshot!("lives", said.join("\n"));
}

#[tokio::test]
async fn watches_agree() {
    let cluster = cluster("watches").await;
    let secrets = api(&cluster, "v1", "Secret").await;
    let params = PostParams::default();
    let labelled = |name: &str, label: &str| {
        parsed(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "labels": { "l": label } } }))
    };
    let first = secrets.create(&params, &labelled("a", "no")).await.expect("it is made");
    let from = first.metadata.resource_version.clone().expect("a version");
    let wanted = WatchParams::default().labels("l=yes");
    let watch = secrets.watch(&wanted, &from).await.expect("a watch");
    secrets.create(&params, &labelled("b", "yes")).await.expect("it is made");
    for label in ["yes", "no"] {
        secrets.replace("a", &params, &labelled("a", label)).await.expect("it is taken");
    }
    secrets.delete("b", &DeleteParams::default()).await.expect("it goes");
    secrets.create(&params, &labelled("c", "yes")).await.expect("it is made");
    let told: Vec<String> = watch.take(5).map_ok(|event| told(&event)).try_collect().await.expect("no error");
    let streamed = secrets.watch(&wanted.initial_events(), "0").await.expect("a watch");
    let first: Vec<String> = streamed.take(2).map_ok(|event| self::told(&event)).try_collect().await.expect("no error");
    insta::assert_snapshot!("watches", format!("{}\n\n{}", told.join("\n"), first.join("\n")));
}

fn told(event: &WatchEvent<DynamicObject>) -> String {
    let of = |object: &DynamicObject| {
        let types = object.types.clone().unwrap_or_default();
        format!("{} {} {} {:?}", types.api_version, types.kind, object.name_any(), object.labels())
    };
    match event {
        WatchEvent::Added(object) => format!("added {}", of(object)),
        WatchEvent::Modified(object) => format!("modified {}", of(object)),
        WatchEvent::Deleted(object) => format!("deleted {}", of(object)),
        WatchEvent::Bookmark(mark) => format!("bookmark {:?}", mark.metadata.annotations),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

#[tokio::test]
async fn tokens_namespaces_and_owners_agree() {
    let cluster = cluster("tokens").await;
    cluster
        .create(&json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "app" } }))
        .await
        .expect("an account");
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(cluster.hands(), cluster.namespace());
    let request = |seconds| {
        serde_json::from_value::<TokenRequest>(json!({ "metadata": { "generateName": "vso-" }, "spec": { "audiences": ["vault"], "expirationSeconds": seconds } }))
            .expect("a request")
    };
    let short = accounts.create_token_request("app", &PostParams::default(), &request(5)).await;
    let absent = accounts.create_token_request("none", &PostParams::default(), &request(600)).await;
    let mut said = vec![refusal(&cluster, short), refusal(&cluster, absent)];
    let token = cluster.token("app", &["vault"]).await;
    assert_eq!(token.split('.').count(), 3);
    let held = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "held", "finalizers": ["example.com/one"] } });
    cluster.create(&held).await.expect("a secret");
    let ghost = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "lost", "ownerReferences": [{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "22222222-2222-4222-8222-222222222222" }] },
    });
    cluster.create(&ghost).await.expect("a secret");
    vanishes(&cluster, "lost").await;
    cluster.delete("v1", "Namespace", cluster.namespace()).await.expect("it is marked");
    let late = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "late" } });
    said.push(refusal(&cluster, cluster.create(&late).await));
    cluster.merge("v1", "Secret", "held", &json!({ "metadata": { "finalizers": null } })).await.expect("it is freed");
    insta::assert_snapshot!("tokens", said.join("\n"));
}

/// The real garbage collector takes a moment.
async fn vanishes(cluster: &Cluster, secret: &str) {
    for _ in 0..1000 {
        if cluster.find("v1", "Secret", secret).await.expect("the cluster answers").is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{secret} is not collected");
}
