use serde_json::{Value, json};

use super::*;

fn auth(spec: Value) -> VaultAuth {
    let object = json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultAuth",
        "metadata": {"name": "app", "namespace": "t1", "generation": 1}, "spec": spec});
    serde_json::from_value(object).expect("a test's own object")
}

fn global(spec: Value) -> VaultAuthGlobal {
    let object = json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultAuthGlobal",
        "metadata": {"name": "default", "namespace": "vso", "generation": 7, "uid": "u"}, "spec": spec});
    serde_json::from_value(object).expect("a test's own object")
}

/// The worked example of the specification (§26).
#[test]
fn a_global_fills_what_is_left_out() {
    let global = global(json!({
        "allowedNamespaces": ["t1", "t2"], "defaultAuthMethod": "kubernetes", "defaultVaultNamespace": "team1",
        "headers": {"X-A": "global"},
        "kubernetes": {"mount": "k8s-prod", "role": "reader", "serviceAccount": "default",
            "headers": {"X-A": "method", "X-B": "method"}}}));
    let own = auth(json!({"vaultConnectionRef": "bao",
        "vaultAuthGlobalRef": {"allowDefault": true, "mergeStrategy": {"headers": "union"}}, "headers": {"X-B": "mine"}}));
    let checked = check(&own, Some(&global), "vso").expect("it can log in");
    assert_eq!((checked.mount.as_str(), checked.namespace.as_str()), ("k8s-prod", "team1"));
    let headers: Vec<String> = checked.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(headers, ["X-A=method", "X-B=mine"]);
    let (role, account) = ("reader".to_owned(), "default".to_owned());
    assert_eq!(checked.login, Login::Account { role, account, audiences: Vec::new(), seconds: 600 });
    assert_eq!(
        checked.merged.as_deref(),
        Some("VaultAuthGlobal successfully merged, key=vso/default, uid=u, generation=7")
    );
}

#[test]
fn maps_are_merged_by_three_strategies_over_three_levels() {
    let merged = |strategy: Value, levels: [bool; 3]| {
        let map = |on: bool, level: &str| if on { json!({"X": level, level: "1"}) } else { json!({}) };
        let global =
            global(json!({"allowedNamespaces": ["*"], "defaultMount": "m", "headers": map(levels[0], "global"),
            "kubernetes": {"headers": map(levels[1], "method")}}));
        let own = auth(json!({"method": "kubernetes", "kubernetes": {"role": "r", "serviceAccount": "s"},
            "vaultAuthGlobalRef": {"name": "default", "mergeStrategy": {"headers": strategy}}, "headers": map(levels[2], "own")}));
        let checked = check(&own, Some(&global), "vso").expect("it can log in");
        checked.headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    for (strategy, levels, expected) in [
        ("none", [true, true, true], "X=own own=1"),
        ("none", [true, true, false], ""),
        ("replace", [true, true, true], "X=own own=1"),
        ("replace", [true, true, false], "X=method method=1"),
        ("replace", [true, false, false], "X=global global=1"),
        ("union", [true, true, true], "X=own global=1 method=1 own=1"),
        ("union", [true, true, false], "X=method global=1 method=1"),
        ("union", [true, false, true], "X=own global=1 own=1"),
        ("union", [false, false, false], ""),
    ] {
        assert_eq!(merged(json!(strategy), levels), expected, "{strategy} {levels:?}");
    }
}

/// The first that is filled: the VaultAuth, the method's block of the global, the global (§5.3).
#[test]
fn mount_and_namespace_come_from_the_nearest_level() {
    for (own, method, whole, expected) in [
        (Some("own"), Some("method"), Some("global"), "own"),
        (None, Some("method"), Some("global"), "method"),
        (Some(""), None, Some("global"), "global"),
        (None, Some(""), Some("global"), "global"),
        (Some("own"), None, None, "own"),
    ] {
        let global = global(json!({"allowedNamespaces": ["*"], "defaultMount": whole, "defaultVaultNamespace": whole,
            "vaultConnectionRef": "far", "jwt": {"mount": method, "namespace": method, "role": "wide",
                "serviceAccount": "wide", "audiences": ["wide"]}}));
        let own = auth(json!({"method": "jwt", "mount": own, "namespace": own, "vaultConnectionRef": "",
            "vaultAuthGlobalRef": {"name": "default"}, "jwt": {"role": "", "serviceAccount": "near"}}));
        let checked = check(&own, Some(&global), "vso").expect("it can log in");
        assert_eq!((checked.mount.as_str(), checked.namespace.as_str()), (expected, expected));
        assert_eq!(checked.connection.as_deref(), Some("far"));
        let (role, account) = ("wide".to_owned(), "near".to_owned());
        let login = Login::Account { role, account, audiences: vec!["wide".to_owned()], seconds: 600 };
        assert_eq!(checked.login, login, "field by field");
    }
}

#[test]
fn namespaces_are_allowed_in_a_fixed_order() {
    let ask = |object: (&str, &str), list: &[&str], from: &str| {
        let list: Vec<String> = list.iter().map(|one| (*one).to_owned()).collect();
        allow("VaultAuth", object, &list, from, "vso").map_err(|fault| fault.to_string())
    };
    let denied = |list: &str| {
        Err(format!(
            "target namespace \"t1\" is not allowed by kind=VaultAuth obj=infra/app, allowedNamespaces=[{list}]"
        ))
    };
    assert_eq!(ask(("t1", "app"), &[], "t1"), Ok(()));
    assert_eq!(ask(("vso", "default"), &[], "t1"), Ok(()));
    assert_eq!(ask(("infra", "default"), &["t1"], "t1"), Ok(()));
    assert_eq!(ask(("infra", "app"), &[], "t1"), denied(""));
    assert_eq!(ask(("infra", "app"), &["*"], "t1"), Ok(()));
    assert_eq!(ask(("infra", "app"), &["t2", "t1"], "t1"), Ok(()));
    assert_eq!(ask(("infra", "app"), &["t2"], "t1"), denied("t2"));
    assert_eq!(ask(("infra", "app"), &["*", "t2"], "t1"), denied("* t2"));
}

#[test]
fn what_cannot_log_in_says_why() {
    let refused =
        |spec: Value| check(&auth(spec), None, "vso").map_err(|fault| fault.chain()).err().unwrap_or_default();
    for (spec, text) in [
        (json!({"mount": "k"}), "auth method is empty"),
        (json!({"method": "kubernetes", "mount": "k"}), "empty role, empty serviceAccount"),
        (json!({"method": "jwt", "mount": "k", "jwt": {"role": "r"}}), "empty serviceAccount and secretRef"),
        (json!({"method": "appRole", "mount": "k", "appRole": {"roleId": "r"}}), "empty secretRef"),
        (json!({"method": "gcp", "mount": "k"}), "logging in to Vault with `gcp` is not built yet"),
        (json!({"method": "appRole", "appRole": {"roleId": "r", "secretRef": "s"}}), "empty mount"),
    ] {
        assert_eq!(refused(spec), text);
    }
    let global = global(json!({"allowedNamespaces": ["t1"]}));
    let own = auth(json!({"method": "jwt", "vaultAuthGlobalRef": {"name": "default"}}));
    let fault = check(&own, Some(&global), "vso").map_err(|fault| fault.chain());
    assert_eq!(fault.err().as_deref(), Some("invalid merge: mount is empty"));
}

#[test]
fn a_default_global_is_looked_for_where_it_may_be() {
    let ask = |reference: Value, allows: bool| {
        let found = global_candidates(&auth(json!({"vaultAuthGlobalRef": reference})), "vso", allows);
        match found {
            Ok(all) => all
                .unwrap_or_default()
                .iter()
                .map(|(namespace, name)| format!("{namespace}/{name}"))
                .collect::<Vec<_>>()
                .join(" "),
            Err(fault) => fault.to_string(),
        }
    };
    assert_eq!(ask(json!({"name": "g"}), false), "t1/g");
    assert_eq!(ask(json!({"name": "g", "namespace": "n"}), true), "n/g");
    assert_eq!(ask(json!({"allowDefault": true}), true), "t1/default vso/default");
    assert_eq!(ask(json!({"allowDefault": true, "namespace": "n"}), true), "n/default");
    let denied = "default vault auth is not allowed by kind=VaultAuth obj=t1/app";
    assert_eq!(ask(json!({"allowDefault": true}), false), denied);
    assert_eq!(ask(json!({}), true), denied);
}

#[test]
fn a_hash_of_another_version_stays_until_the_spec_changes() {
    let spec = json!({"method": "jwt", "mount": "m", "jwt": {"role": "r", "secretRef": "s"}});
    let mut o = auth(spec);
    o.metadata.generation = Some(3);
    let told = |o: &VaultAuth| {
        let finish = told(o, check(o, None, "vso"), "2026-01-01T00:00:00Z".parse().expect("a moment"));
        (finish.status.expect("a status").value, finish.events.len())
    };
    let ours = told(&o).0["specHash"].clone();
    let condition = |kind: &str, reason: &str, text: &str| {
        json!({"type": kind, "status": "True", "reason": reason, "message": text, "observedGeneration": 3,
            "lastTransitionTime": "2025-01-01T00:00:00Z"})
    };
    let conditions =
        json!([condition("Healthy", "Healthy", "VaultAuthHealthy"), condition("Ready", "Ready", "VaultAuthReady")]);
    let peers = json!({"valid": true, "error": "", "specHash": "of-the-peer", "conditions": conditions});
    o.status = serde_json::from_value(peers.clone()).expect("a status");
    assert_eq!(told(&o), (peers, 0), "a swap writes nothing and tells nothing");
    o.metadata.generation = Some(4);
    let (edited, events) = told(&o);
    assert_eq!((&edited["specHash"], events), (&ours, 1));
}
