//! What `keywright crds` prints is what a cluster takes: accepted as it is, served in every version, small enough for `kubectl apply`, and
//! the same when it is applied again. Specification: design §9 (sizes, `kubectl explain`), §16 (`keywright crds`).

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{ask_kubectl, keywright, kubectl};

/// Above 262,144 bytes `kubectl apply` without `--server-side` fails; beyond this somebody must think.
const MOST_BYTES: usize = 200_000;

/// A second is usual.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(30);

fn definitions() -> String {
    keywright().run(&["crds"]).outcome().text()
}

fn applied(definitions: &str) -> Vec<Value> {
    let printed = kubectl(&["apply", "--server-side", "--filename=-", "--output=json"], definitions);
    match serde_json::from_str::<Value>(&printed).expect("kubectl prints JSON") {
        Value::Object(mut list) if list["kind"] == "List" => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        single => vec![single],
    }
}

#[test]
fn the_api_server_accepts_and_serves_every_definition() {
    let definitions = definitions();
    let printed = definitions.lines().filter(|line| *line == "kind: CustomResourceDefinition").count();
    let first = applied(&definitions);
    assert!(printed > 0 && first.len() == printed, "{printed} printed, {} applied", first.len());
    for definition in &first {
        let name = definition["metadata"]["name"].as_str().expect("an applied object has a name");
        kubectl(&["wait", "--for=condition=Established", "--timeout=30s", &format!("crd/{name}")], "");
        serves_each_version(name, definition);
    }
    let again = applied(&definitions);
    let versions =
        |all: &[Value]| -> Vec<Value> { all.iter().map(|each| each["metadata"]["generation"].clone()).collect() };
    assert_eq!(versions(&first), versions(&again), "applied again, a definition changed");
}

fn serves_each_version(name: &str, definition: &Value) {
    let group = definition["spec"]["group"].as_str().expect("a definition has a group");
    let plural = definition["spec"]["names"]["plural"].as_str().expect("a definition has names");
    for version in definition["spec"]["versions"].as_array().expect("a definition has versions") {
        if version["served"] == true {
            let path = format!("/apis/{group}/{}/{plural}?limit=1", version["name"].as_str().unwrap_or_default());
            assert!(kubectl(&["get", "--raw", &path], "").contains("\"items\""), "{name}: {path}");
        }
    }
}

#[test]
fn no_definition_is_too_large_for_apply() {
    for definition in definitions().split("\n---\n").filter(|text| !text.trim().is_empty()) {
        let name = definition.lines().find_map(|line| line.strip_prefix("  name: ")).unwrap_or_default();
        assert!(definition.len() <= MOST_BYTES, "{name} has {} bytes", definition.len());
    }
}

#[test]
fn kubectl_explains_a_field() {
    let definitions = definitions();
    for definition in applied(&definitions) {
        let plural = definition["metadata"]["name"].as_str().expect("an applied object has a name");
        kubectl(&["wait", "--for=condition=Established", "--timeout=30s", &format!("crd/{plural}")], "");
        let told = explained(&format!("{plural}.spec"));
        assert!(told.contains("FIELDS:") || is_open(&definition), "{plural}: {told}");
    }
}

/// Whether any settings are taken (resources that are parseable only): then there is nothing to explain.
fn is_open(definition: &Value) -> bool {
    let versions = definition["spec"]["versions"].as_array().expect("a definition has versions");
    versions.iter().all(|version| version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].is_null())
}

/// The server publishes the schema of a new definition a little after it serves it.
fn explained(field: &str) -> String {
    let deadline = Instant::now() + PUBLISHED_WITHIN;
    let ask = || ask_kubectl(&["explain", field, "--recursive"], "");
    let mut outcome = ask();
    while outcome.code != Some(0) && Instant::now() < deadline {
        sleep(Duration::from_millis(200));
        outcome = ask();
    }
    outcome.text()
}
