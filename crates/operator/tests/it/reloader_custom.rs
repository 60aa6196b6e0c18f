//! Reloader on kinds that are not Kubernetes' own: Argo Rollouts and OpenShift's DeploymentConfigs, which no strategic merge is sure to
//! reach, and what pods mount through the Secrets Store CSI driver. Specification: RL §10.3, §11.4, §11.5, §12.

use operator::reloader::Settings;
use plan::reload::{Options, Strategy};
use serde_json::{Value, json};
use testkit::scenario::Named;

use crate::reloader::{
    auto, config_map, deployment, env, generations, mark_of, marked, pod_spec, start, start_watching, told, workload,
};
use crate::stage::Stage;

pub const ROLLOUTS: &str = "argoproj.io/v1alpha1";
const DEPLOYMENT_CONFIGS: &str = "apps.openshift.io/v1";
const CSI: &str = "secrets-store.csi.x-k8s.io/v1";
const STATUS: &str = "SecretProviderClassPodStatus";
const MARK: &str = "STAKATER_VAULT_DB_SECRETPROVIDERCLASS";

/// Installs a kind of which the API server checks nothing.
pub async fn install(stage: &Stage, api_version: &str, kinds: &[(&str, &str)]) {
    let (group, version) = api_version.split_once('/').expect("a group and a version");
    let definition = |(kind, plural): &(&str, &str)| {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let versions = json!([{"name": version, "served": true, "storage": true, "schema": schema}]);
        let names =
            json!({"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")});
        let crd = json!({"metadata": {"name": format!("{plural}.{group}")},
            "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions}});
        serde_json::from_value(crd).expect("it is a definition")
    };
    stage.install(&kinds.iter().map(definition).collect::<Vec<_>>()).await;
}

pub fn rollout(name: &str, annotations: Value) -> Value {
    let mut rollout = workload("Deployment", name, annotations);
    rollout["apiVersion"] = json!(ROLLOUTS);
    rollout["kind"] = json!("Rollout");
    // A field that no type of ours knows.
    rollout["spec"]["strategy"] = json!({"canary": {"steps": [{"setWeight": 20}]}});
    rollout
}

/// Installs all foreign kinds.
pub async fn install_all(stage: &Stage) {
    install(stage, ROLLOUTS, &[("Rollout", "rollouts")]).await;
    install(
        stage,
        CSI,
        &[("SecretProviderClass", "secretproviderclasses"), (STATUS, "secretproviderclasspodstatuses")],
    )
    .await;
}

fn value(object: &Value, variable: &str) -> Option<String> {
    let env = env(object);
    let entry = env.as_array()?.iter().find(|entry| entry["name"] == variable)?.clone();
    entry["value"].as_str().map(str::to_owned)
}

fn named(name: &str) -> Named<'_> {
    Named { api_version: ROLLOUTS, kind: "Rollout", name }
}

#[tokio::test]
async fn a_rollout_is_edited_where_no_strategic_merge_reaches() {
    const VARIABLE: &str = "STAKATER_CONF_CONFIGMAP";
    let mut stage = Stage::new("reloader", "a-rollout-is-edited").await;
    install(&stage, ROLLOUTS, &[("Rollout", "rollouts")]).await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    start(&mut stage, Settings { has_rollouts: true, ..Settings::default() }).await;
    stage.apply(rollout("bare", auto())).await;
    let mut own = rollout("own", auto());
    pod_spec(&mut own)["containers"][0]["env"] = json!([{"name": "OWN", "value": "1"}]);
    stage.apply(own).await;
    let mut elsewhere = rollout("elsewhere", json!({"configmap.reloader.stakater.com/reload": "conf"}));
    elsewhere["spec"]["template"] = Value::Null;
    elsewhere["spec"]["workloadRef"] = json!({"kind": "Deployment", "name": "web"});
    stage.apply(elsewhere).await;
    let mut marks = vec![None, None];
    for data in ["2", "3"] {
        stage.apply(config_map(data)).await;
        for (name, mark) in ["bare", "own"].into_iter().zip(&mut marks) {
            let is_new = |object: &Value| value(object, VARIABLE).is_some_and(|found| Some(&found) != mark.as_ref());
            let object = stage.eventually(named(name), is_new).await;
            *mark = value(&object, VARIABLE);
            assert_eq!(object["spec"]["strategy"]["canary"]["steps"][0]["setWeight"], 20, "{name}");
        }
    }
    let own = stage.object(ROLLOUTS, "Rollout", "own").await.expect("it stands");
    assert_eq!(env(&own)[0], json!({"name": "OWN", "value": "1"}));
    assert_eq!(env(&own).as_array().map(Vec::len), Some(2), "the variable is replaced, not added again");
    told(&stage, "Updated 'own' of type 'Rollout'").await;
    let elsewhere = stage.object(ROLLOUTS, "Rollout", "elsewhere").await.expect("it stands");
    assert_eq!(elsewhere["metadata"]["generation"], json!(1), "its template stands elsewhere");
    assert!(stage.events().await.iter().all(|event| !event.contains("ReloadFail")), "{:?}", stage.events().await);
}

#[tokio::test]
async fn a_rollout_is_annotated_or_restarted() {
    let mut stage = Stage::new("reloader", "a-rollout-is-annotated").await;
    install(&stage, ROLLOUTS, &[("Rollout", "rollouts")]).await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let options = Options { strategy: Strategy::Annotations, ..Options::default() };
    start_watching(&mut stage, Settings { options, has_rollouts: true, ..Settings::default() }).await;
    stage.apply(rollout("marked", auto())).await;
    let mut restarted = rollout("restarted", auto());
    restarted["metadata"]["annotations"]["reloader.stakater.com/rollout-strategy"] = json!("restart");
    stage.apply(restarted).await;
    stage.apply(config_map("2")).await;
    let restarted = stage.eventually(named("restarted"), |object| object["spec"]["restartAt"].is_string()).await;
    assert_eq!(restarted["spec"]["template"]["metadata"]["annotations"], Value::Null);
    let last = "reloader.stakater.com/last-reloaded-from";
    let is_marked = |object: &Value| object["spec"]["template"]["metadata"]["annotations"][last].is_string();
    stage.eventually(named("marked"), is_marked).await;
}

/// RL §11.5: as the peer did up to 1.4.2, where the flag asks for it.
#[tokio::test]
async fn a_deployment_config_is_edited_where_that_is_asked_for() {
    let mut stage = Stage::new("reloader", "a-deployment-config").await;
    install(&stage, DEPLOYMENT_CONFIGS, &[("DeploymentConfig", "deploymentconfigs")]).await;
    stage.create(&config_map("1")).await.expect("the cluster takes it");
    let mut config = workload("Deployment", "old", auto());
    config["apiVersion"] = json!(DEPLOYMENT_CONFIGS);
    config["kind"] = json!("DeploymentConfig");
    config["spec"]["triggers"] = json!([{"type": "ConfigChange"}]);
    stage.create(&config).await.expect("the cluster takes it");
    stage.create(&deployment("web", auto())).await.expect("the cluster takes it");
    let named = || Named { api_version: DEPLOYMENT_CONFIGS, kind: "DeploymentConfig", name: "old" };
    start(&mut stage, Settings::default()).await;
    stage.apply(config_map("2")).await;
    let web = marked(&stage, "Deployment", "web", "STAKATER_CONF_CONFIGMAP", None).await;
    let old = stage.object(DEPLOYMENT_CONFIGS, "DeploymentConfig", "old").await.expect("it stands");
    assert_eq!(old["metadata"]["generation"], json!(1), "nobody asked");
    stage.stop().await;
    start(&mut stage, Settings { has_deployment_configs: true, ..Settings::default() }).await;
    for data in ["3", "4"] {
        stage.apply(config_map(data)).await;
    }
    let last = marked(&stage, "Deployment", "web", "STAKATER_CONF_CONFIGMAP", Some(&web)).await;
    let old =
        stage.eventually(named(), |object| value(object, "STAKATER_CONF_CONFIGMAP").as_deref() == Some(&*last)).await;
    assert_eq!(old["spec"]["triggers"][0]["type"], "ConfigChange");
    assert_eq!(env(&old).as_array().map(Vec::len), Some(1));
    told(&stage, "Updated 'old' of type 'DeploymentConfig'").await;
}

pub fn class(name: &str, annotations: Value) -> Value {
    json!({"apiVersion": CSI, "kind": "SecretProviderClass", "metadata": {"name": name, "annotations": annotations},
        "spec": {"provider": "vault"}})
}

/// What the driver says of one pod; no objects where there is no version.
pub fn status(pod: &str, class: &str, version: Option<&str>) -> Value {
    let mut status =
        json!({"podName": pod, "mounted": true, "secretProviderClassName": class, "targetPath": "/var/lib/x"});
    if let Some(version) = version {
        status["objects"] = json!([{"id": "db-password", "version": version}]);
    }
    json!({"apiVersion": CSI, "kind": STATUS, "metadata": {"name": format!("{pod}-of-{class}x")}, "status": status})
}

/// A workload that mounts classes.
pub fn mounting(kind: &str, name: &str, annotations: Value, classes: &[&str]) -> Value {
    let mut object = workload(kind, name, annotations);
    let (mut mounts, mut volumes) = (Vec::new(), Vec::new());
    for class in classes {
        mounts.push(json!({"name": class, "mountPath": format!("/{class}")}));
        volumes.push(json!({"name": class, "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": true,
            "volumeAttributes": {"secretProviderClass": class}}}));
    }
    *pod_spec(&mut object) =
        json!({"containers": [{"name": "app", "image": "x", "volumeMounts": mounts}], "volumes": volumes});
    object
}

async fn with_classes(name: &str) -> Stage {
    let stage = Stage::new("reloader", name).await;
    install_all(&stage).await;
    stage
}

#[tokio::test]
async fn a_rotation_by_the_csi_driver_restarts_whoever_mounts_it_once() {
    let mut stage = with_classes("a-rotation-by-csi").await;
    for class in [class("vault-db", json!({})), class("spared", json!({"reloader.stakater.com/ignore": "true"}))] {
        stage.create(&class).await.expect("the cluster takes it");
    }
    for object in [status("a", "vault-db", Some("v1")), status("b", "vault-db", Some("v1"))] {
        stage.create(&object).await.expect("the cluster takes it");
    }
    // A selector for ConfigMaps and Secrets is none for what the driver makes.
    let settings =
        Settings { has_provider_classes: true, resource_selector: Some("a=b".into()), ..Settings::default() };
    start(&mut stage, settings).await;
    let typed = json!({"secretproviderclass.reloader.stakater.com/auto": "true"});
    stage.apply(mounting("Deployment", "web", auto(), &["vault-db", "spared"])).await;
    stage.apply(mounting("StatefulSet", "db", typed, &["vault-db"])).await;
    stage.apply(deployment("named", json!({"secretproviderclass.reloader.stakater.com/reload": "vault-.*"}))).await;
    stage.apply(deployment("calm", auto())).await;
    // Pods that come and go are no change.
    stage.apply(status("c", "vault-db", Some("v9"))).await;
    stage.remove(&status("c", "vault-db", Some("v9"))).await;
    stage.apply(status("d", "spared", Some("v1"))).await;
    stage.apply(status("d", "spared", Some("v2"))).await;
    assert_eq!(stage.events().await, Vec::<String>::new());
    for pod in ["a", "b"] {
        stage.apply(status(pod, "vault-db", Some("v2"))).await;
    }
    let hash = "dc5f3f526f72cfa8db81bc16bf2600ae70f0210d";
    for (kind, name) in [("Deployment", "web"), ("StatefulSet", "db"), ("Deployment", "named")] {
        assert_eq!(marked(&stage, kind, name, MARK, None).await, hash, "{kind} {name}");
        let object = stage.object("apps/v1", kind, name).await.expect("it stands");
        assert_eq!(object["metadata"]["generation"], json!(2), "{kind} {name}: once");
    }
    assert_eq!(mark_of(&stage, "Deployment", "calm", MARK).await, None);
    let event = told(&stage, "Updated 'web'").await;
    assert!(
        event.starts_with("Normal Reloaded: Changes detected in 'vault-db' of type 'SECRETPROVIDERCLASS'"),
        "{event}"
    );
    // A restart rolls nothing.
    let before = generations(&stage, "Deployment").await;
    stage.stop().await;
    stage.apply(status("a", "vault-db", Some("v3"))).await;
    start(&mut stage, Settings { has_provider_classes: true, ..Settings::default() }).await;
    assert_eq!(generations(&stage, "Deployment").await, before);
    // The first list of objects of a status is a change; a status without a class is none.
    stage.apply(status("e", "vault-db", None)).await;
    stage.apply(status("f", "", Some("v1"))).await;
    stage.apply(status("f", "", Some("v2"))).await;
    assert_eq!(generations(&stage, "Deployment").await, before);
    stage.apply(status("e", "vault-db", Some("v4"))).await;
    marked(&stage, "Deployment", "web", MARK, Some(hash)).await;
}

/// RL §12: the annotation holds one source, so the pods of two classes that rotate together must not take turns.
#[tokio::test]
async fn two_classes_that_rotate_together_restart_once_each() {
    let mut stage = with_classes("two-classes").await;
    for name in ["one", "two"] {
        stage.create(&class(name, json!({}))).await.expect("the cluster takes it");
        for pod in ["a", "b", "c"] {
            stage.create(&status(pod, name, Some("v1"))).await.expect("the cluster takes it");
        }
    }
    let options = Options { strategy: Strategy::Annotations, ..Options::default() };
    start(&mut stage, Settings { options, has_provider_classes: true, ..Settings::default() }).await;
    stage.apply(mounting("StatefulSet", "db", auto(), &["one", "two"])).await;
    for pod in ["a", "b", "c"] {
        for name in ["one", "two"] {
            stage.apply(status(pod, name, Some("v2"))).await;
        }
    }
    let object = stage.object("apps/v1", "StatefulSet", "db").await.expect("it stands");
    assert_eq!(object["metadata"]["generation"], json!(3));
}
