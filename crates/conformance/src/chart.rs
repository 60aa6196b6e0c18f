//! The chart as Helm renders it is what a cluster takes: each feature a Deployment of its own, nothing of one that is off, and with each
//! value that turns something on the rights for it. Specification: design §7, §16; RL §16; issue "The house" §2.

use std::path::Path;

use serde_json::{Value, json};
use testkit::peers::Outcome;

use crate::{keywright, kubectl, peer};

/// Each key of the values, and the name of its Deployment.
const FEATURES: [(&str, &str); 4] = [
    ("externalSecrets", "keywright-external-secrets"),
    ("reloader", "keywright-reloader"),
    ("sealedSecrets", "keywright-sealed-secrets"),
    ("vaultSecrets", "keywright-vault-secrets"),
];
const HELMS: [&str; 2] = ["helm3", "helm4"];

/// A file of this checkout.
fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    path.to_str().expect("the checkout's path is text").to_owned()
}

fn helm(helm: &str, verb: &[&str], words: &[&str]) -> Outcome {
    let chart = file("../../charts/keywright");
    peer(helm).run(&[verb, &[&*chart, "--namespace", "keywright"], words].concat()).outcome()
}

fn rendered(version: &str, words: &[&str]) -> String {
    helm(version, &["template", "test"], words).text()
}

/// What the API server made of a text of manifests.
fn applied(text: &str) -> Vec<Value> {
    let printed = kubectl(&["apply", "--server-side", "--filename=-", "--output=json"], text);
    let applied: Value = serde_json::from_str(&printed).expect("kubectl prints JSON");
    applied["items"].as_array().expect("kubectl prints a list").clone()
}

fn make_namespaces() {
    for name in ["keywright", "shop", "blog"] {
        kubectl(
            &["apply", "--server-side", "--filename=-"],
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string(),
        );
    }
}

fn find<'a>(items: &'a [Value], kind: &str, namespace: &str, name: &str) -> Option<&'a Value> {
    items.iter().find(|item| {
        let meta = &item["metadata"];
        item["kind"] == kind && meta["name"] == name && meta["namespace"].as_str().unwrap_or_default() == namespace
    })
}

/// The program understands what a Deployment says to it, and stops only where it looks for its cluster.
fn starts(items: &[Value], count: usize) {
    let mut started = 0;
    for container in items.iter().filter_map(|item| item.pointer("/spec/template/spec/containers/0")) {
        let words = |field: &str| container[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        let line: Vec<&str> = words("command").skip(1).chain(words("args")).collect();
        let mut run = keywright().run(&line).variable("KUBECONFIG", "/nonexistent");
        for entry in container["env"].as_array().into_iter().flatten() {
            let value = entry["value"].as_str().unwrap_or("from-a-field");
            run = run.variable(entry["name"].as_str().expect("a variable has a name"), value);
        }
        let outcome = run.outcome();
        let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(outcome.code == Some(1) && told.contains("cannot find a cluster"), "{line:?}: {told}");
        started += 1;
    }
    assert_eq!(started, count);
}

#[test]
fn the_api_server_accepts_what_helm_renders() {
    make_namespaces();
    for version in HELMS {
        let items = applied(&rendered(version, &["--include-crds"]));
        for (_, name) in FEATURES {
            for kind in ["ServiceAccount", "Role", "RoleBinding", "Deployment"] {
                assert!(find(&items, kind, "keywright", name).is_some(), "{version}: no {kind} {name}");
            }
            for kind in ["ClusterRole", "ClusterRoleBinding"] {
                assert!(find(&items, kind, "", name).is_some(), "{version}: no {kind} {name}");
            }
            assert!(find(&items, "Service", "keywright", &format!("{name}-metrics")).is_some(), "{version}: {name}");
        }
        starts(&items, FEATURES.len());
    }
}

#[test]
fn the_api_server_accepts_every_value() {
    make_namespaces();
    let everything = file("src/chart/everything.yaml");
    for version in HELMS {
        let items = applied(&rendered(version, &["--values", &everything]));
        let reloader = find(&items, "Deployment", "keywright", "whole-reloader").expect("it was rendered");
        let pod = &reloader["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsUser"], Value::Null, "{version}");
        let args: Vec<&str> =
            pod["containers"][0]["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for arg in [
            "--namespaces-to-ignore=default,other",
            "--namespace-selector=team in (a,b)",
            "--restart-burst=0",
            "--pause-deployment-time-annotation=my/time",
            "--log-level=debug",
        ] {
            assert!(args.contains(&arg), "{version}: no {arg} in {args:?}");
        }
        starts(&items, FEATURES.len());
        let vault = find(&items, "Deployment", "keywright", "whole-vault-secrets").expect("it was rendered");
        assert_eq!(vault["spec"]["template"]["spec"]["serviceAccountName"], "own", "{version}");
        assert!(find(&items, "ServiceAccount", "keywright", "own").is_none(), "{version}: it is somebody else's");
    }
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    let everything = file("src/chart/everything.yaml");
    for version in HELMS {
        for values in [&[][..], &["--values", &everything]] {
            let told = helm(version, &["lint", "--strict"], values).text();
            assert!(told.contains("1 chart(s) linted, 0 chart(s) failed"), "{version}: {told}");
        }
    }
}

#[test]
fn a_feature_that_is_off_leaves_nothing() {
    for version in HELMS {
        for (key, name) in FEATURES {
            let text = rendered(version, &["--set", &format!("{key}.enabled=false")]);
            assert!(!text.contains(name), "{version}: {name} is still there");
        }
    }
}

/// A value or an argument that turns something on, the flag, and what of it stands in the role.
#[test]
fn what_is_turned_on_brings_its_rights() {
    let plain = rendered("helm4", &[]);
    for (value, flag, resource) in [
        ("isArgoRollouts=true", "--is-Argo-Rollouts=true", "\"rollouts\"]\n    verbs: [\"get\", \"list\""),
        ("isOpenshift=true", "--is-openshift=true", "\"deploymentconfigs\""),
        ("enableCSIIntegration=true", "--enable-csi-integration=true", "\"secretproviderclasspodstatuses\""),
        (
            "namespaceSelector=a",
            "--namespace-selector=a",
            "[\"namespaces\"]\n    verbs: [\"get\", \"list\", \"watch\"]",
        ),
    ] {
        let part = |text: &str| {
            let begin = text.find("Source: keywright/templates/reloader.yaml").expect("it is rendered");
            text[begin..].split("kind: ClusterRoleBinding").next().unwrap_or_default().to_owned()
        };
        assert!(!plain.contains(flag) && !part(&plain).contains(resource), "{value}: nobody asked");
        for set in [format!("reloader.{value}"), format!("reloader.args={{{flag}}}")] {
            let text = rendered("helm4", &["--set", &set]);
            assert!(text.contains(flag) && part(&text).contains(resource), "{set}");
        }
    }
    for (value, resource) in
        [("ignoreJobs=true,reloader.ignoreCronJobs", "\"batch\""), ("ignoreSecrets", "[\"secrets\"]")]
    {
        let only = ["--set", "externalSecrets.enabled=false,sealedSecrets.enabled=false,vaultSecrets.enabled=false"];
        assert!(rendered("helm4", &only).contains(resource));
        let text = rendered("helm4", &[&only[..], &["--set", &format!("reloader.{value}=true")]].concat());
        assert!(!text.contains(resource), "{value}: the right is still there");
    }
}

/// With a Role in each namespace, and none for the cluster.
#[test]
fn features_are_confined_to_namespaces() {
    make_namespaces();
    let set = "vaultSecrets.enabled=false,aggregateRoles=false,fullnameOverride=confined,externalSecrets.scopedNamespace=shop,\
               sealedSecrets.additionalNamespaces={shop},reloader.namespaces={shop,blog,shop},sealedSecrets.service.name=confined";
    let items = applied(&rendered("helm4", &["--set", set]));
    assert!(items.iter().all(|item| item["kind"] != "ClusterRole" && item["kind"] != "ClusterRoleBinding"));
    starts(&items, 3);
    for (name, namespaces) in [
        ("confined-external-secrets", &["shop"][..]),
        ("confined-reloader", &["blog", "keywright", "shop"]),
        ("confined-sealed-secrets", &["keywright", "shop"]),
    ] {
        for namespace in namespaces {
            for kind in ["Role", "RoleBinding"] {
                assert!(
                    find(&items, kind, namespace, &format!("{name}-watched")).is_some(),
                    "{kind} {name} in {namespace}"
                );
            }
        }
    }
    let text = rendered("helm4", &["--set", set]);
    for arg in ["--namespace=shop", "--namespaces=blog,keywright,shop", "--additional-namespaces=keywright,shop"] {
        assert!(text.contains(arg), "no {arg}");
    }
}

#[test]
fn values_that_cannot_work_are_refused() {
    for version in HELMS {
        for (set, told) in [
            ("reloader.isArgoRollout=true", "isArgoRollout"),
            ("reloader.replicas=many", "replicas"),
            ("reloaders.enabled=false", "reloaders"),
            ("reloader.ignoreSecrets=true,reloader.ignoreConfigMaps=true", "nothing is left to watch"),
            ("sealedSecrets.replicas=2", "takes no lease"),
        ] {
            let outcome = helm(version, &["template", "test"], &["--set", set]);
            let stderr = String::from_utf8_lossy(&outcome.stderr);
            assert!(outcome.code != Some(0) && stderr.contains(told), "{version} {set}: {stderr}");
        }
        assert!(
            rendered(version, &["--set", "global.imageRegistry=x,sealedSecrets.replicas=0"]).contains("replicas: 0")
        );
    }
}

#[test]
fn metrics_are_found_by_prometheus() {
    for (key, name) in FEATURES {
        let text = rendered(
            "helm4",
            &["--set", &format!("{key}.serviceMonitor.enabled=true,{key}.serviceMonitor.interval=30s")],
        );
        let monitor = text.split("---").find(|part| part.contains("kind: ServiceMonitor")).expect("there is one");
        assert!(monitor.contains(&format!("name: {name}\n")) && monitor.contains("interval: 30s"), "{monitor}");
        assert_eq!(text.matches("serves: metrics").count(), 5, "four Services and the selector");
    }
}
