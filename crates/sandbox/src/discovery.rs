//! What the server says about itself: version, groups, resources. The aggregated form is not served; a client that
//! prefers it gets the classic one, as from an older server. Specification: design §19 (discovery).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::store::Store;

/// The release whose habits and texts the sandbox has.
pub fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0-sandbox", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2025-04-23T00:00:00Z", "goVersion": "", "compiler": "", "platform": "",
    })
}

pub fn core_versions() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

pub fn groups(store: &Store) -> Value {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in store.shelves.iter().map(|shelf| &shelf.kind).filter(|kind| !kind.group.is_empty()) {
        let versions = all.entry(&kind.group).or_default();
        for version in kind.versions.iter().filter(|version| !versions.contains(&version.as_str())).collect::<Vec<_>>()
        {
            versions.push(version);
        }
    }
    let groups: Vec<Value> = all.iter().map(|(group, versions)| group_of(group, versions)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

pub fn group(store: &Store, group: &str) -> Result<Value, Refusal> {
    let all = groups(store);
    let found = all["groups"].as_array().into_iter().flatten().find(|one| one["name"] == group);
    let mut found = found.cloned().ok_or_else(Refusal::unknown_path)?;
    found["kind"] = json!("APIGroup");
    found["apiVersion"] = json!("v1");
    Ok(found)
}

fn group_of(group: &str, versions: &[&str]) -> Value {
    let of = |version: &&str| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    let listed: Vec<Value> = versions.iter().map(of).collect();
    json!({ "name": group, "versions": listed, "preferredVersion": listed[0] })
}

pub fn resources(store: &Store, group: &str, version: &str) -> Result<Value, Refusal> {
    let serves = |kind: &&Kind| kind.group == group && kind.versions.iter().any(|served| served == version);
    let kinds: Vec<&Kind> = store.shelves.iter().map(|shelf| &*shelf.kind).filter(serves).collect();
    let api_version = kinds.first().ok_or_else(Refusal::unknown_path)?.api_version(version);
    let listed: Vec<Value> = kinds.iter().flat_map(|kind| resources_of(kind)).collect();
    Ok(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": listed }))
}

fn resources_of(kind: &Kind) -> Vec<Value> {
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let mut listed = vec![json!({
        "name": kind.plural, "singularName": kind.singular(), "namespaced": kind.namespaced, "kind": kind.kind,
        "shortNames": kind.short_names, "verbs": verbs,
    })];
    if kind.status {
        listed.push(json!({
            "name": format!("{}/status", kind.plural), "singularName": "", "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": ["get", "patch", "update"],
        }));
    }
    if kind.plural == "serviceaccounts" {
        listed.push(json!({
            "name": "serviceaccounts/token", "singularName": "", "namespaced": true, "kind": "TokenRequest",
            "group": "authentication.k8s.io", "version": "v1", "verbs": ["create"],
        }));
    }
    listed
}
