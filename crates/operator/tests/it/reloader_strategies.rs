//! What is written: both strategies on each kind whose controller rolls its template, exactly as the peer writes it, and nothing where its
//! mark stands already. Specification: RL §10, §11.1, §15.2, §17.

use operator::reloader::Settings;
use plan::reload::{Options, Strategy};
use serde_json::{Value, json};
use testkit::scenario::Named;

use crate::reloader::{
    api_version, auto, config_map, deployment, env, generations, marked, pod_spec, reloaded, secret, standing, start,
    start_watching, told, workload,
};
use crate::stage::Stage;

const LAST: &str = "reloader.stakater.com/last-reloaded-from";

fn by_annotations() -> Settings {
    Settings { options: Options { strategy: Strategy::Annotations, ..Options::default() }, ..Settings::default() }
}

/// Compares what Reloader owns of an object, as the API server noted it from its patch: the patch's exact extent. The sandbox knows
/// no types and sees lists whole.
fn is_owned(stage: &Stage, object: &Value, fields: &Value) {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let own: Vec<&Value> = entries.iter().filter(|entry| entry["manager"] == "Reloader").collect();
    assert_eq!((own.len(), &own[0]["operation"]), (1, &json!("Update")));
    if stage.is_real() {
        assert_eq!(own[0]["fieldsV1"], *fields);
    }
}

fn last(object: &Value) -> Option<Value> {
    let text = object["spec"]["template"]["metadata"]["annotations"][LAST].as_str()?;
    serde_json::from_str(text).ok()
}

#[tokio::test]
async fn a_variable_is_patched_into_one_container_of_each_kind() {
    let mut stage = Stage::new("reloader", "a-variable-in-each-kind").await;
    stage.create(&secret("db-creds", "1")).await.expect("the cluster takes it");
    start(&mut stage, Settings::default()).await;
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    let uses = json!([{"name": "side", "image": "x"}, {"name": "app", "image": "x", "env": [{"name": "OWN", "value": "1"}],
        "envFrom": [{"secretRef": {"name": "db-creds"}}]}]);
    for kind in kinds {
        let mut object = workload(kind, "web", auto());
        pod_spec(&mut object)["containers"] = uses.clone();
        stage.apply(object).await;
    }
    stage
        .replace(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db-creds"},
        "data": {"user": "YWRtaW4=", "password": "aHVudGVyMg=="}}))
        .await
        .expect("the cluster takes it");
    let namespace = stage.namespace().to_owned();
    for kind in kinds {
        let named = Named { api_version: api_version(kind), kind, name: "web" };
        let second = |object: &Value| object["spec"]["template"]["spec"]["containers"][1]["env"].clone();
        let object =
            stage.eventually(named, |object| second(object).as_array().is_some_and(|env| env.len() == 2)).await;
        let mark = json!({"name": "STAKATER_DB_CREDS_SECRET", "value": "40a4a8b97a438eafc2e54768f96e1d4895cf4a0c"});
        let mut both = second(&object).as_array().cloned().unwrap_or_default();
        both.sort_by_key(|entry| entry["name"].to_string());
        assert_eq!(both, [json!({"name": "OWN", "value": "1"}), mark], "{kind}");
        assert_eq!(env(&object), Value::Null, "{kind}: the container that does not use it");
        let entry = json!({".": {}, "f:name": {}, "f:value": {}});
        let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers":
            {"k:{\"name\":\"app\"}": {"f:env": {"k:{\"name\":\"STAKATER_DB_CREDS_SECRET\"}": entry}}}}}}});
        is_owned(&stage, &object, &fields);
        let event = told(&stage, &format!("Updated 'web' of type '{kind}'")).await;
        assert_eq!(
            event,
            format!(
                "Normal Reloaded: Changes detected in 'db-creds' of type 'SECRET' in namespace '{namespace}', Updated 'web' of type '{kind}' in namespace '{namespace}'"
            )
        );
    }
}

#[tokio::test]
async fn the_annotation_says_what_was_rolled_last() {
    let mut stage = Stage::new("reloader", "the-annotation-says").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, by_annotations()).await;
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    for kind in kinds {
        stage.apply(workload(kind, "web", auto())).await;
    }
    stage.apply(config_map("2")).await;
    for kind in kinds {
        let named = Named { api_version: api_version(kind), kind, name: "web" };
        let object = stage.eventually(named, |object| last(object).is_some()).await;
        let text = object["spec"]["template"]["metadata"]["annotations"][LAST].as_str().unwrap_or_default().to_owned();
        let marker = last(&object).expect("it was found");
        let observed = marker["observedAt"].as_i64().expect("seconds");
        let namespace = stage.namespace();
        let hash = plan::reload::hash::of_config_map([("a", "2")].into_iter(), std::iter::empty());
        let expected = format!(
            r#"{{"type":"CONFIGMAP","name":"conf","namespace":"{namespace}","hash":"{hash}","containerRefs":["app"],"observedAt":{observed}}}"#
        );
        assert_eq!(text, expected, "{kind}: to the byte, in the peer's order of keys");
        let annotations = json!({"f:annotations": {".": {}, format!("f:{LAST}"): {}}});
        let fields = json!({"f:spec": {"f:template": {"f:metadata": annotations}}});
        is_owned(&stage, &object, &fields);
    }
    stage.settle().await;
    // A restart rolls nothing, whatever is created or listed then.
    let before = generations(&stage, "Deployment").await;
    stage.stop().await;
    start(&mut stage, by_annotations()).await;
    stage.patch(&config_map("2"), json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(generations(&stage, "Deployment").await, before);
}

/// RL §17: what the peer has marked, in either way, is taken as it stands; what it has not marked is no reason to roll.
#[tokio::test]
async fn adoption_from_the_peer_rolls_nothing() {
    let mut stage = Stage::new("reloader", "adoption").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let hash = plan::reload::hash::of_config_map([("a", "1")].into_iter(), std::iter::empty());
    let namespace = stage.namespace().to_owned();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        let mut by_variable = workload(kind, "variable", auto());
        pod_spec(&mut by_variable)["containers"][0]["env"] =
            json!([{"name": "STAKATER_CONF_CONFIGMAP", "value": hash}]);
        let mut by_annotation = workload(kind, "annotation", auto());
        let marker = json!({"type": "CONFIGMAP", "name": "conf", "namespace": namespace, "hash": hash, "containerRefs": ["app"], "observedAt": 1});
        by_annotation["spec"]["template"]["metadata"]["annotations"] = json!({LAST: marker.to_string()});
        for object in [by_variable, by_annotation, workload(kind, "unmarked", auto())] {
            stage.create(&object).await.expect("the cluster takes it");
        }
    }
    stage.create(&workload("CronJob", "tick", auto())).await.expect("the cluster takes it");
    for on_create in [false, true] {
        for strategy in [Strategy::EnvVars, Strategy::Annotations] {
            let options = Options { strategy, on_create, on_delete: on_create, ..Options::default() };
            start(&mut stage, Settings { options, ..Settings::default() }).await;
            stage.stop().await;
        }
    }
    start_watching(&mut stage, Settings::default()).await;
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        for object in stage.list(api_version(kind), kind).await.expect("the cluster answers") {
            assert_eq!(object["metadata"]["generation"], json!(1), "{kind} {}", object["metadata"]["name"]);
        }
    }
    assert!(stage.list("batch/v1", "Job").await.expect("the cluster answers").is_empty());
    assert_eq!(stage.events().await, Vec::<String>::new());
    if let Some(sandbox) = stage.sandbox() {
        assert!(sandbox.recorder().writes().is_empty(), "{:?}", sandbox.recorder().writes());
    }
}

/// RL §14, §17: what changed while nobody watched is caught up where a mark tells, and only there.
#[tokio::test]
async fn what_was_missed_is_caught_up_by_the_marks() {
    let mut stage = Stage::new("reloader", "what-was-missed").await;
    stage.create(&config_map("2")).await.expect("the cluster takes it");
    let old = plan::reload::hash::of_config_map([("a", "1")].into_iter(), std::iter::empty());
    let new = plan::reload::hash::of_config_map([("a", "2")].into_iter(), std::iter::empty());
    let marked_with = |name: &str, variable: Option<&str>, annotation: Option<&str>| {
        let mut object = workload("StatefulSet", name, auto());
        if let Some(hash) = variable {
            pod_spec(&mut object)["containers"][0]["env"] = json!([{"name": "STAKATER_CONF_CONFIGMAP", "value": hash}]);
        }
        if let Some(hash) = annotation {
            // The shape of the peer's next version is read, too.
            let marker =
                json!({"kind": "configmap", "name": "conf", "namespace": "any", "hash": hash, "containers": ["app"]});
            object["spec"]["template"]["metadata"]["annotations"] = json!({LAST: marker.to_string()});
        }
        object
    };
    for object in [
        marked_with("missed", Some(&old), None),
        marked_with("missed-too", None, Some(&old)),
        marked_with("switched", Some(&old), Some(&new)),
        marked_with("unmarked", None, None),
    ] {
        stage.create(&object).await.expect("the cluster takes it");
    }
    start(&mut stage, Settings::default()).await;
    for name in ["missed", "missed-too"] {
        let before = Some(&*old);
        assert_eq!(marked(&stage, "StatefulSet", name, "STAKATER_CONF_CONFIGMAP", before).await, new, "{name}");
    }
    for name in ["switched", "unmarked"] {
        let object = standing(&stage, "StatefulSet", name).await;
        assert_eq!(object["metadata"]["generation"], json!(1), "{name}");
    }
}

#[tokio::test]
async fn created_and_deleted_resources_reload_where_that_is_asked_for() {
    let mut stage = Stage::new("reloader", "created-and-deleted").await;
    let options = Options { on_create: true, on_delete: true, ..Options::default() };
    let settings = Settings { options, ..Settings::default() };
    start(&mut stage, settings.clone()).await;
    stage.apply(deployment("web", auto())).await;
    stage.apply(config_map("1")).await;
    reloaded(&stage, "web").await;
    stage.remove(&config_map("1")).await;
    let bare = |object: &Value| env(object).as_array().is_none_or(Vec::is_empty);
    stage.eventually(Named::deployment("web"), bare).await;
    stage.settle().await;
    // One that says so is left alone, be it deleted.
    stage.apply(config_map("2")).await;
    reloaded(&stage, "web").await;
    let mut ignored = config_map("2");
    ignored["metadata"]["annotations"] = json!({"reloader.stakater.com/ignore": "true"});
    stage.apply(ignored).await;
    let before = generations(&stage, "Deployment").await;
    stage.remove(&config_map("2")).await;
    assert_eq!(generations(&stage, "Deployment").await, before);
}

#[tokio::test]
async fn a_deletion_leaves_its_marker_in_the_annotation() {
    let mut stage = Stage::new("reloader", "a-deletion-leaves-its-marker").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let mut settings = by_annotations();
    settings.options.on_delete = true;
    start(&mut stage, settings).await;
    stage.apply(workload("StatefulSet", "db", auto())).await;
    stage.remove(&config_map("1")).await;
    let named = Named { api_version: "apps/v1", kind: "StatefulSet", name: "db" };
    let object = stage.eventually(named, |object| last(object).is_some()).await;
    assert_eq!(last(&object).expect("it was found")["hash"], "aae45badef99284e4dae01d6046154ea9d99532f");
}

/// RL §17: with a window, what changes within it is one edit, on a real server, too.
#[tokio::test]
async fn a_window_makes_many_changes_one_restart() {
    let mut stage = Stage::new("reloader", "a-window").await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    stage.create(&secret("db", "1")).await.expect("the cluster takes it");
    let coalesce_window = std::time::Duration::from_secs(3);
    start(&mut stage, Settings { coalesce_window, ..Settings::default() }).await;
    let mut web = deployment("web", auto());
    pod_spec(&mut web)["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "conf"}}, {"secretRef": {"name": "db"}}]);
    stage.apply(web).await;
    for value in ["2", "3", "4"] {
        stage.apply(config_map(value)).await;
    }
    stage.apply(secret("db", "2")).await;
    marked(&stage, "Deployment", "web", "STAKATER_DB_SECRET", None).await;
    let web = standing(&stage, "Deployment", "web").await;
    assert_eq!(web["metadata"]["generation"], json!(2), "one edit");
    let expected = plan::reload::hash::of_config_map([("a", "4")].into_iter(), std::iter::empty());
    assert!(
        env(&web)
            .as_array()
            .is_some_and(|env| env.contains(&json!({"name": "STAKATER_CONF_CONFIGMAP", "value": expected})))
    );
}
