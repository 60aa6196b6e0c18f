//! Create, get, list, update, status, delete: what the server stamps, keeps and counts.

use kube::ResourceExt as _;
use kube::api::{ListParams, PostParams};
use serde_json::json;

use super::{api, config_maps, create, object, refusal, sandbox, secret, secrets, widget, widgets};

#[tokio::test]
async fn a_new_object_is_stamped_and_its_namespace_made() {
    let sandbox = sandbox();
    let made = create(&secrets(&sandbox.client()), &secret("db", "x")).await;
    assert_eq!(made.namespace().as_deref(), Some("demo"));
    assert_eq!(made.uid().map(|uid| uid.len()), Some(36));
    assert_eq!(made.creation_timestamp().expect("it is stamped").0.to_string(), "2026-01-02T03:04:05Z");
    assert_eq!(made.data["data"], json!({ "password": "eA==" }));
    assert_eq!(made.data["type"], "Opaque");
    assert!(made.data.get("stringData").is_none());
    assert!(made.metadata.generation.is_none(), "secrets have no generation");
    let namespace = sandbox.object("v1", "Namespace", "", "demo").expect("the namespace");
    assert_eq!(namespace["metadata"]["labels"]["kubernetes.io/metadata.name"], "demo");
    assert_eq!(namespace["status"]["phase"], "Active");
}

#[tokio::test]
async fn names_are_generated_and_differ() {
    let sandbox = sandbox();
    let api = config_maps(&sandbox.client());
    let nameless = object(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "generateName": "run-" } }));
    let (one, two) = (create(&api, &nameless).await.name_any(), create(&api, &nameless).await.name_any());
    assert!(one.starts_with("run-") && one.len() == 9 && one != two, "{one} {two}");
}

#[tokio::test]
async fn an_update_that_changes_nothing_has_no_new_version() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    let made = create(&api, &secret("db", "x")).await;
    sandbox.clock().advance(jiff::SignedDuration::from_secs(60));
    let params = PostParams { field_manager: Some("maker".to_owned()), ..PostParams::default() };
    let same = api.replace("db", &params, &made).await.expect("it is taken");
    assert_eq!(same.resource_version(), made.resource_version());
    assert_eq!(same.metadata.managed_fields, made.metadata.managed_fields);
    let mut other = made.clone();
    other.data["data"]["password"] = json!("eQ==");
    let changed = api.replace("db", &params, &other).await.expect("it is taken");
    assert_ne!(changed.resource_version(), made.resource_version());
    assert_eq!(changed.uid(), made.uid());
    let stale = refusal(api.replace("db", &params, &other).await);
    let text = "Operation cannot be fulfilled on secrets \"db\": the object has been modified; please apply your changes to \
                the latest version and try again";
    assert_eq!(stale, (409, "Conflict".to_owned(), text.to_owned()));
}

#[tokio::test]
async fn status_and_the_rest_are_written_apart_and_generation_counts_the_spec() {
    let sandbox = sandbox();
    let api = widgets(&sandbox.client());
    let mut first = widget("w", 1);
    first.data["status"] = json!({ "ready": true });
    let made = create(&api, &first).await;
    assert!(made.data.get("status").is_none(), "create drops the status");
    let mut wish = made.clone();
    wish.data["status"] = json!({ "ready": true });
    wish.data["spec"]["size"] = json!(2);
    let told = api.replace_status("w", &PostParams::default(), &wish).await.expect("it is taken");
    assert_eq!((&told.data["status"]["ready"], &told.data["spec"]["size"]), (&json!(true), &json!(1)));
    assert_eq!(told.metadata.generation, Some(1));
    let mut wish = told.clone();
    wish.data["status"] = json!({ "ready": false });
    wish.data["spec"]["size"] = json!(3);
    let changed = api.replace("w", &PostParams::default(), &wish).await.expect("it is taken");
    assert_eq!((&changed.data["status"]["ready"], &changed.data["spec"]["size"]), (&json!(true), &json!(3)));
    assert_eq!(changed.metadata.generation, Some(2));
    let mut labelled = changed.clone();
    labelled.labels_mut().insert("a".to_owned(), "b".to_owned());
    let labelled = api.replace("w", &PostParams::default(), &labelled).await.expect("it is taken");
    assert_eq!(labelled.metadata.generation, Some(2), "metadata moves no generation");
}

#[tokio::test]
async fn both_versions_show_the_same_object() {
    let sandbox = sandbox();
    let client = sandbox.client();
    let made = create(&widgets(&client), &widget("w", 1)).await;
    let old = api(&client, "example.com/v1beta1", "Widget", "widgets").get("w").await.expect("it is there");
    assert_eq!(old.types.expect("a type").api_version, "example.com/v1beta1");
    assert_eq!((old.metadata.uid, &old.data), (made.metadata.uid, &made.data));
}

#[tokio::test]
async fn lists_select_and_come_in_pages_of_one_snapshot() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    for number in 0..7 {
        let mut one = secret(&format!("s{number}"), "x");
        one.labels_mut().insert("odd".to_owned(), (number % 2 == 1).to_string());
        create(&api, &one).await;
    }
    for (labels, fields, expected) in [
        ("odd=true", "", 3),
        ("odd!=true", "", 4),
        ("odd in (true, false),app", "", 7),
        ("app notin (s1,s2)", "", 5),
        ("!app", "", 0),
        ("", "metadata.name=s3", 1),
        ("", "metadata.name!=s3,type=Opaque", 6),
    ] {
        let found = api.list(&ListParams::default().labels(labels).fields(fields)).await.expect("a list");
        assert_eq!(found.items.len(), expected, "{labels} {fields}");
    }
    let first = api.list(&ListParams::default().limit(3)).await.expect("a page");
    assert_eq!((first.items.len(), first.metadata.remaining_item_count), (3, Some(4)));
    let token = first.metadata.continue_.clone().expect("more");
    create(&api, &secret("s9", "later")).await;
    let second = api.list(&ListParams::default().limit(10).continue_token(&token)).await.expect("the rest");
    assert_eq!(second.items.len(), 4, "what came later is not in the snapshot");
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);
    let again = refusal(api.list(&ListParams::default().continue_token(&token)).await);
    assert_eq!((again.0, again.1.as_str()), (410, "Expired"));
    let path = "/api/v1/namespaces/demo/secrets?limit=3&resourceVersion=0";
    let asked = http::Request::get(path).body(Vec::new()).expect("a request");
    let everything: serde_json::Value = sandbox.client().request(asked).await.expect("a list");
    let items = everything["items"].as_array().expect("items");
    assert_eq!(items.len(), 8, "at version 0 the page size is ignored");
    assert!(items[0].get("kind").is_none(), "items of built-in kinds carry no type");
}

#[tokio::test]
async fn managed_fields_tell_who_wrote_what_last() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    let mut made = create(&api, &secret("db", "x")).await;
    made.data["data"]["token"] = json!("eQ==");
    made.labels_mut().insert("app".to_owned(), "other".to_owned());
    let eso = PostParams { field_manager: Some("externalsecrets.external-secrets.io/db".to_owned()), dry_run: false };
    let written = api.replace("db", &eso, &made).await.expect("it is taken");
    let entries = serde_json::to_value(&written.metadata.managed_fields).expect("JSON");
    assert_eq!(
        entries,
        json!([
            {
                "manager": "maker", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T03:04:05Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": {
                    "f:data": { ".": {}, "f:password": {} }, "f:metadata": { "f:labels": {} }, "f:type": {},
                },
            },
            {
                "manager": "externalsecrets.external-secrets.io/db", "operation": "Update", "apiVersion": "v1",
                "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1",
                "fieldsV1": { "f:data": { "f:token": {} }, "f:metadata": { "f:labels": { "f:app": {} } } },
            },
        ])
    );
    let mut less = written.clone();
    less.data["data"].as_object_mut().expect("data").remove("token");
    let less = api.replace("db", &eso, &less).await.expect("it is taken");
    let entries = serde_json::to_value(&less.metadata.managed_fields).expect("JSON");
    assert_eq!(entries[1]["fieldsV1"], json!({ "f:metadata": { "f:labels": { "f:app": {} } } }));
}

#[tokio::test]
async fn a_dry_run_answers_and_keeps_nothing() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    assert_eq!(api.create(&dry, &secret("db", "x")).await.expect("it would be taken").data["type"], "Opaque");
    assert_eq!(refusal(api.get("db").await).0, 404);
}

#[tokio::test]
async fn a_definition_that_is_posted_is_served_at_once() {
    let sandbox = crate::Sandbox::new();
    let client = sandbox.client();
    let definition = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "gadgets.example.com" },
        "spec": { "group": "example.com", "scope": "Namespaced", "names": { "kind": "Gadget", "plural": "gadgets" },
                  "versions": [{ "name": "v1", "served": true, "storage": true }] },
    }));
    let gadgets = api(&client, "example.com/v1", "Gadget", "gadgets");
    assert_eq!(refusal(gadgets.get("g").await).0, 404);
    let crds: kube::Api<kube::api::DynamicObject> = kube::Api::all_with(
        client.clone(),
        &kube::api::ApiResource {
            group: "apiextensions.k8s.io".to_owned(),
            version: "v1".to_owned(),
            api_version: "apiextensions.k8s.io/v1".to_owned(),
            kind: "CustomResourceDefinition".to_owned(),
            plural: "customresourcedefinitions".to_owned(),
        },
    );
    create(&crds, &definition).await;
    let served = crds.get("gadgets.example.com").await.expect("it is there");
    assert_eq!(served.data["status"]["conditions"][1]["type"], "Established");
    let gadget = object(json!({ "apiVersion": "example.com/v1", "kind": "Gadget", "metadata": { "name": "g" } }));
    create(&gadgets, &gadget).await;
    assert_eq!(refusal(gadgets.get("other").await).2, "gadgets.example.com \"other\" not found");
}

#[tokio::test]
async fn the_client_discovers_what_is_served() {
    let sandbox = sandbox();
    let client = sandbox.client();
    assert_eq!(client.apiserver_version().await.expect("a version").major, "1");
    let found = kube::discovery::Discovery::new(client).run().await.expect("discovery");
    let (resource, capabilities) = found
        .resolve_gvk(&kube::core::GroupVersionKind::gvk("example.com", "v1beta1", "Widget"))
        .expect("the custom resource");
    assert_eq!((resource.plural.as_str(), capabilities.subresources.len()), ("widgets", 1));
    let group = found.get("example.com").expect("the group");
    assert_eq!(group.preferred_version_or_latest(), "v1");
}

#[test]
fn what_is_loaded_stays_as_it_is() {
    let sandbox = sandbox();
    let given = json!({
        "apiVersion": "example.com/v1beta1", "kind": "Widget",
        "metadata": { "name": "w", "namespace": "demo", "uid": "11111111-1111-4111-8111-111111111111",
                      "ownerReferences": [{ "apiVersion": "v1", "kind": "Secret", "name": "x", "uid": "gone" }] },
        "spec": { "size": 1 }, "status": { "ready": true },
    });
    sandbox.load(&given, "files").expect("it can be loaded");
    let kept = sandbox.object("example.com/v1", "Widget", "demo", "w").expect("it is there");
    assert_eq!(kept["metadata"]["uid"], given["metadata"]["uid"]);
    assert_eq!((&kept["status"], &kept["apiVersion"]), (&given["status"], &json!("example.com/v1")));
    let fault =
        sandbox.load(&json!({ "apiVersion": "no/v1", "kind": "Such" }), "files").expect_err("no table knows it");
    assert_eq!(fault.to_string(), "cannot load Such /");
    assert_eq!(sandbox.objects().iter().filter(|object| object["kind"] == "Widget").count(), 1);
    sandbox.serve("no/v1", "Such", "suches", true);
    sandbox
        .load(&json!({ "apiVersion": "no/v1", "kind": "Such", "metadata": { "name": "s" } }), "files")
        .expect("it is served");
    assert!(sandbox.object("no/v1", "Such", "default", "s").is_some());
}
