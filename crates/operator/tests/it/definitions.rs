//! Our definitions on a cluster: the specifications' manifests are taken, and on a real kube-apiserver bad ones are refused in
//! the words that users search for. Specification: ESO §5, §15; VSO §18, §26; SS §3.

use api::kinds::{Unions, crds};
use serde_json::{Value, json};
use testkit::scenario::{Scenario, documents};

const FIXTURES: [&str; 3] = [
    include_str!("../../../api/src/fixtures/external_secrets.yaml"),
    include_str!("../../../api/src/fixtures/hashicorp.yaml"),
    include_str!("../../../api/src/fixtures/sealed_secrets.yaml"),
];

async fn cluster(name: &str) -> Scenario {
    let scenario = Scenario::begin("definitions", name).await;
    scenario.install(&crds(&Unions::default())).await;
    scenario
}

/// The fixture in the scenario's namespace, under a name of its own where it lives in none.
fn placed(mut object: Value, namespace: &str) -> Value {
    let name = format!("{}-{namespace}", object["metadata"]["name"].as_str().unwrap_or_default());
    match object["kind"].as_str() {
        Some(kind) if kind.starts_with("Cluster") => object["metadata"]["name"] = name.into(),
        _ => object["metadata"]["namespace"] = namespace.into(),
    }
    object
}

#[tokio::test]
async fn manifests_of_the_specifications_are_taken() {
    let scenario = cluster("taken").await;
    for object in FIXTURES.into_iter().flat_map(documents) {
        let object = placed(object, scenario.namespace());
        let taken = scenario.create(&object).await;
        let taken = taken.unwrap_or_else(|error| panic!("{} {}: {error}", object["kind"], object["metadata"]["name"]));
        assert!(testkit::scenario::holds(&taken["spec"], &object["spec"]), "{object:#}\nbecame\n{taken:#}");
    }
    scenario.end().await;
}

#[tokio::test]
async fn v1beta1_is_stored_as_v1_with_the_defaults_of_old() {
    let scenario = cluster("versions").await;
    let spec = json!({ "data": [{ "secretKey": "a", "remoteRef": { "key": "a" } }] });
    let meta = json!({ "name": "old", "namespace": scenario.namespace() });
    let old = json!({ "apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret", "metadata": meta, "spec": spec });
    scenario.create(&old).await.expect("v1beta1 is served");
    let found = scenario.find("external-secrets.io/v1", "ExternalSecret", "old").await.expect("v1 is served");
    let found = found.expect("it is the same object");
    if scenario.is_real() {
        let expected = json!({ "key": "a", "conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None" });
        assert_eq!(found["spec"]["data"][0]["remoteRef"], expected);
        assert_eq!(found["spec"]["target"], json!({ "creationPolicy": "Owner", "deletionPolicy": "Retain" }));
        assert_eq!(found["spec"]["refreshInterval"], "1h0m0s");
    }
    scenario.end().await;
}

/// Kind, spec, and what the refusal says.
#[expect(clippy::too_many_lines, reason = "a table")]
fn bad() -> Vec<(&'static str, Value, &'static str)> {
    let es = |field: &str, value: Value| ("ExternalSecret", json!({ field: value }));
    let data = |data: Value| es("data", json!([data]));
    let push = |to: Value| {
        let (refs, selector) = (json!([{ "name": "a" }]), json!({ "secret": { "name": "a" } }));
        ("PushSecret", json!({ "secretStoreRefs": refs, "selector": selector, "dataTo": [to] }))
    };
    let vault = |kind: &'static str, field: &str, value: Value| {
        let mut spec =
            json!({ "mount": "m", "path": "p", "role": "r", "type": "kv-v2", "destination": { "name": "d" } });
        spec[field] = value;
        (kind, spec)
    };
    let with = |(kind, spec): (&'static str, Value), words: &'static str| (kind, spec, words);
    vec![
        with(data(json!({ "secretKey": "a/b", "remoteRef": { "key": "a" } })), "should match '^[-._a-zA-Z0-9]+$'"),
        with(data(json!({ "secretKey": "a", "remoteRef": {} })), "spec.data[0].remoteRef.key: Required value"),
        with(
            es("target", json!({ "template": { "engineVersion": "v1" } })),
            "Unsupported value: \"v1\": supported values: \"v2\"",
        ),
        with(es("target", json!({ "creationPolicy": "Mine" })), "Unsupported value: \"Mine\""),
        with(
            es("syncWindows", json!({ "kind": "allow", "windows": [{ "schedule": "often", "duration": "1h" }] })),
            "spec.syncWindows.windows[0].schedule in body should match",
        ),
        with(es("syncWindows", json!({ "kind": "allow", "windows": [] })), "should have at least 1 items"),
        with(es("dataFrom", json!([{ "sourceRef": {} }])), "should have at least 1 properties"),
        with(
            es("dataFrom", json!([{ "sourceRef": { "generatorRef": { "kind": "Dice", "name": "a" } } }])),
            "Unsupported value: \"Dice\"",
        ),
        with(
            es(
                "dataFrom",
                json!([{ "rewrite": [{ "regexp": { "source": "a", "target": "b" }, "transform": { "template": "" } }] }]),
            ),
            "Too many: 2: must have at most 1 item",
        ),
        ("SecretStore", json!({ "provider": { "aws": {}, "vault": {} } }), "Too many: 2: must have at most 1 item"),
        ("SecretStore", json!({ "provider": {} }), "should have at least 1 properties"),
        ("SecretStore", json!({}), "spec.provider: Required value"),
        with(push(json!({ "storeRef": {} })), "storeRef must specify either name or labelSelector"),
        with(
            push(
                json!({ "storeRef": { "name": "a" }, "remoteKey": "k", "rewrite": [{ "regexp": { "source": "a", "target": "b" } }] }),
            ),
            "remoteKey and rewrite are mutually exclusive",
        ),
        with(
            push(json!({ "storeRef": { "name": "a" }, "rewrite": [{}] })),
            "exactly one of regexp or transform must be set",
        ),
        ("SealedSecret", json!({}), "spec.encryptedData: Required value"),
        with(vault("VaultStaticSecret", "refreshAfter", json!("5x")), "spec.refreshAfter in body should match"),
        with(vault("VaultStaticSecret", "refreshAfter", json!("1h30m")), "spec.refreshAfter in body should match"),
        with(vault("VaultStaticSecret", "refreshAfter", json!("-5s")), "spec.refreshAfter in body should match"),
        with(vault("VaultStaticSecret", "type", json!("kv")), "Unsupported value: \"kv\""),
        with(vault("VaultStaticSecret", "version", json!(-1)), "should be greater than or equal to 0"),
        with(
            vault("VaultStaticSecret", "rolloutRestartTargets", json!([{ "kind": "CronJob", "name": "a" }])),
            "Unsupported value: \"CronJob\"",
        ),
        with(vault("VaultDynamicSecret", "renewalPercent", json!(91)), "should be less than or equal to 90"),
        with(vault("VaultDynamicSecret", "renewalPercent", json!(-1)), "should be greater than or equal to 0"),
        with(vault("VaultPKISecret", "ttl", json!("1w")), "spec.ttl in body should match"),
        (
            "VaultAuth",
            json!({ "kubernetes": { "tokenExpirationSeconds": 60 } }),
            "should be greater than or equal to 600",
        ),
        ("VaultAuth", json!({ "method": "ldap" }), "Unsupported value: \"ldap\""),
        ("VaultConnection", json!({ "skipTLSVerify": true }), "spec.address: Required value"),
    ]
}

/// The sandbox checks no schema: what is refused, only kube-apiserver can tell.
#[tokio::test]
async fn bad_manifests_are_refused_in_known_words() {
    let scenario = cluster("refused").await;
    if !scenario.is_real() {
        return scenario.end().await;
    }
    let mut wrong = Vec::new();
    for (kind, spec, words) in bad() {
        let api_version = match kind {
            "ExternalSecret" | "SecretStore" => "external-secrets.io/v1",
            "PushSecret" => "external-secrets.io/v1alpha1",
            "SealedSecret" => "bitnami.com/v1alpha1",
            _ => "secrets.hashicorp.com/v1beta1",
        };
        let meta = json!({ "name": "bad", "namespace": scenario.namespace() });
        let object = json!({ "apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec });
        match scenario.create(&object).await {
            Ok(taken) => wrong.push(format!("{kind} {spec} was taken: {}", taken["spec"])),
            Err(kube::Error::Api(status)) if status.message.contains(words) => {}
            Err(error) => wrong.push(format!("{kind} {spec}: {error}, not {words}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scenario.end().await;
}
