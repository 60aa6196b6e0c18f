//! The chart as Helm renders it is what a cluster takes: each feature a Deployment of its own, and nothing of one that is off.
//! Specification: design §7, §16; issue "The house" §2.

use std::path::Path;

use serde_json::Value;

use crate::{kubectl, peer};

/// Each key of the values, and the name of its Deployment.
const FEATURES: [(&str, &str); 4] = [
    ("externalSecrets", "keywright-external-secrets"),
    ("reloader", "keywright-reloader"),
    ("sealedSecrets", "keywright-sealed-secrets"),
    ("vaultSecrets", "keywright-vault-secrets"),
];

fn rendered(helm: &str, words: &[&str]) -> String {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/keywright");
    let chart = chart.to_str().expect("the checkout's path is text");
    peer(helm).run(&[&["template", "test", chart, "--namespace", "keywright"], words].concat()).outcome().text()
}

#[test]
fn the_api_server_accepts_what_helm_renders() {
    kubectl(
        &["apply", "--server-side", "--filename=-"],
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keywright"}}"#,
    );
    for helm in ["helm3", "helm4"] {
        let printed =
            kubectl(&["apply", "--server-side", "--filename=-", "--output=json"], &rendered(helm, &["--include-crds"]));
        let applied: Value = serde_json::from_str(&printed).expect("kubectl prints JSON");
        let items = applied["items"].as_array().expect("kubectl prints a list");
        for (_, name) in FEATURES {
            let is_there =
                |kind: &str| items.iter().any(|item| item["kind"] == kind && item["metadata"]["name"] == name);
            for kind in ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Deployment"] {
                assert!(is_there(kind), "{helm}: no {kind} {name}");
            }
        }
    }
}

#[test]
fn a_feature_that_is_off_leaves_nothing() {
    for (key, name) in FEATURES {
        let text = rendered("helm4", &["--set", &format!("{key}.enabled=false")]);
        assert!(!text.contains(name), "{name} is still there");
    }
}
