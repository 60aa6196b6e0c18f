//! The same questions to the sandbox and, where the lab is there, to a real kube-apiserver: the answers must agree word
//! for word. This keeps the sandbox honest.

use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
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
