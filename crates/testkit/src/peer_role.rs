//! The peers' roles, as their charts grant them: a feature must run with exactly these rights and no right more, so its
//! scenarios run under them, in memory and on a real API server. Data, one function a feature.
//! Specification: design §8; ESO §14 (RBAC), VSO §16 (RBAC used), SS §14, RL §16.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::cluster::Rights;

const READ: &[&str] = &["get", "list", "watch"];
const ALL: &[&str] = &["get", "list", "watch", "create", "update", "delete", "patch"];
const EVENTS: &[&str] = &["create", "patch"];

/// The role of the peer behind a feature, whose own objects lie in this namespace.
///
/// # Panics
/// If there is no such feature.
#[must_use]
pub fn peer_role(feature: &str, namespace: &str) -> Rights {
    match feature {
        "external-secrets" => external_secrets(namespace),
        "vault-secrets" => vault_secrets(namespace),
        "sealed-secrets" => sealed_secrets(namespace),
        "reloader" => reloader(namespace),
        other => panic!("there is no feature `{other}`"),
    }
}

fn external_secrets(namespace: &str) -> Rights {
    const GROUP: &[&str] = &["external-secrets.io"];
    let kinds = [
        "secretstores",
        "clustersecretstores",
        "externalsecrets",
        "clusterexternalsecrets",
        "pushsecrets",
        "clusterpushsecrets",
    ];
    let parts: Vec<String> =
        kinds.iter().flat_map(|kind| ["", "/status", "/finalizers"].map(|part| format!("{kind}{part}"))).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let everywhere = vec![
        rule(GROUP, &kinds, READ),
        rule(GROUP, &parts, &["get", "update", "patch"]),
        rule(&["generators.external-secrets.io"], &["*"], READ),
        rule(&["generators.external-secrets.io"], &["generatorstates"], &[ALL, &["deletecollection"]].concat()),
        rule(&[""], &["serviceaccounts", "namespaces", "configmaps"], READ),
        rule(&[""], &["secrets"], ALL),
        rule(&[""], &["serviceaccounts/token"], &["create"]),
        rule(&[""], &["events"], EVENTS),
        rule(GROUP, &["externalsecrets", "pushsecrets"], &["create", "update", "delete"]),
        rule(&[""], &["namespaces"], &["update", "patch"]),
    ];
    Rights {
        everywhere,
        within: vec![(namespace.to_owned(), leases(&["get", "list", "watch", "create", "update", "patch"]))],
    }
}

/// ESO's certificate controller, whose Secret and Service lie in this namespace: it may change what the chart named only, and
/// make no Secret (ESO §6.14, §12.4). The webhook itself has no rights at all.
#[must_use]
pub fn certificate_controller(namespace: &str, crds: &[&str]) -> Rights {
    let named = |rule: PolicyRule, names: &[&str]| PolicyRule {
        resource_names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..rule
    };
    const CHANGE: &[&str] = &["update", "patch"];
    let (definitions, hooks) = (&["customresourcedefinitions"], &["validatingwebhookconfigurations"]);
    let configurations = ["secretstore-validate", "externalsecret-validate"];
    let everywhere = vec![
        rule(&["apiextensions.k8s.io"], definitions, READ),
        rule(&["admissionregistration.k8s.io"], hooks, READ),
        rule(&[""], &["events"], EVENTS),
        named(rule(&["apiextensions.k8s.io"], definitions, CHANGE), crds),
        named(rule(&["admissionregistration.k8s.io"], hooks, CHANGE), &configurations),
    ];
    let mut own = leases(&["get", "create", "update", "patch"]);
    own.push(rule(&["discovery.k8s.io"], &["endpointslices"], READ));
    own.push(rule(&[""], &["secrets"], READ));
    own.push(named(rule(&[""], &["secrets"], CHANGE), &["external-secrets-webhook"]));
    Rights { everywhere, within: vec![(namespace.to_owned(), own)] }
}

fn vault_secrets(namespace: &str) -> Rights {
    const GROUP: &[&str] = &["secrets.hashicorp.com"];
    let kinds = [
        "vaultconnections",
        "vaultauths",
        "vaultauthglobals",
        "vaultstaticsecrets",
        "vaultdynamicsecrets",
        "vaultpkisecrets",
        "secrettransformations",
        "csisecrets",
        "hcpauths",
        "hcpvaultsecretsapps",
    ];
    let parts = |part: &str| kinds.map(|kind| format!("{kind}{part}"));
    let (status, finalizers) = (parts("/status"), parts("/finalizers"));
    let everywhere = vec![
        rule(&[""], &["configmaps", "serviceaccounts"], READ),
        rule(&[""], &["events"], EVENTS),
        rule(&[""], &["secrets"], &[ALL, &["deletecollection"]].concat()),
        rule(&[""], &["serviceaccounts/token"], &["create", "get", "list", "watch"]),
        rule(&["apps"], &["deployments", "daemonsets", "statefulsets"], &["get", "list", "patch", "watch"]),
        rule(&["argoproj.io"], &["rollouts"], &["get", "list", "patch", "watch"]),
        rule(GROUP, &kinds, ALL),
        rule(GROUP, &finalizers.each_ref().map(String::as_str), &["update"]),
        rule(GROUP, &status.each_ref().map(String::as_str), &["get", "patch", "update"]),
    ];
    let mut own = leases(ALL);
    own.push(rule(&[""], &["configmaps"], ALL));
    own.push(rule(&[""], &["events"], EVENTS));
    Rights { everywhere, within: vec![(namespace.to_owned(), own)] }
}

/// No `patch` of Secrets, statuses by `update` alone, no leases (SS §14).
fn sealed_secrets(namespace: &str) -> Rights {
    let mut single = rule(&[""], &["secrets"], &["get"]);
    single.resource_names = Some(vec!["sealed-secrets-key".to_owned()]);
    let everywhere = vec![
        rule(&["bitnami.com"], &["sealedsecrets"], READ),
        rule(&["bitnami.com"], &["sealedsecrets/status"], &["update"]),
        rule(&[""], &["secrets"], &["get", "list", "create", "update", "delete", "watch"]),
        rule(&[""], &["events"], EVENTS),
        rule(&[""], &["namespaces"], &["get"]),
    ];
    Rights {
        everywhere,
        within: vec![(namespace.to_owned(), vec![rule(&[""], &["secrets"], &["create", "list"]), single])],
    }
}

/// No `watch` on workloads: the peer lists them at every event.
fn reloader(namespace: &str) -> Rights {
    let workloads = &["deployments", "daemonsets", "statefulsets"];
    let everywhere = vec![
        rule(&[""], &["secrets", "configmaps"], READ),
        rule(&[""], &["namespaces"], READ),
        rule(&["apps"], workloads, &["get", "list", "update", "patch"]),
        rule(&["batch"], &["cronjobs"], &["get", "list"]),
        rule(&["batch"], &["jobs"], &["get", "list", "create", "delete"]),
        rule(&["argoproj.io"], &["rollouts"], &["get", "list", "update", "patch"]),
        rule(&["apps.openshift.io"], &["deploymentconfigs"], &["get", "list", "update", "patch"]),
        rule(&["secrets-store.csi.x-k8s.io"], &["secretproviderclasspodstatuses", "secretproviderclasses"], READ),
        rule(&[""], &["events"], EVENTS),
    ];
    let mut own = leases(&["create", "get", "update"]);
    own.push(rule(&[""], &["configmaps"], &["get", "list", "watch", "create", "update"]));
    Rights { everywhere, within: vec![(namespace.to_owned(), own)] }
}

/// The role with `watch` wherever it may `list`: what our own chart gives Reloader.
#[must_use]
pub fn watching(mut rights: Rights) -> Rights {
    for rule in &mut rights.everywhere {
        let has = |verb: &str| rule.verbs.iter().any(|own| own == verb);
        if has("list") && !has("watch") {
            rule.verbs.push("watch".to_owned());
        }
    }
    rights
}

fn leases(verbs: &[&str]) -> Vec<PolicyRule> {
    vec![rule(&["coordination.k8s.io"], &["leases"], verbs)]
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(groups)),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}
