//! The shape of every definition, line by line against tables that were written down from the specifications; and what
//! kube-apiserver demands of definitions.

mod shape;

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

fn all(unions: &Unions) -> BTreeMap<String, Value> {
    let crds = crds(unions).into_iter();
    crds.map(|crd| (crd.metadata.name.clone().unwrap_or_default(), serde_json::to_value(crd).expect("it is JSON")))
        .collect()
}

fn of_kind(kind: &str) -> Value {
    let found = crds(&Unions::default()).into_iter().find(|crd| crd.spec.names.kind == kind);
    serde_json::to_value(found.expect("the kind is in the table")).expect("it is JSON")
}

/// Sections of `shapes.txt`: a heading `# Kind`, then the lines of its stored version.
#[test]
fn shapes_are_those_of_the_specifications() {
    let mut unchecked: Vec<String> = table().iter().map(|definition| definition.kind().to_owned()).collect();
    for section in include_str!("tests/shapes.txt").split("# ").skip(1) {
        let (kind, expected) = section.split_once('\n').expect("a heading and lines");
        let expected: Vec<String> = expected.lines().filter(|line| !line.is_empty()).flat_map(expand).collect();
        let printed = shape::lines(&of_kind(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
        let missing: Vec<&String> = expected.iter().filter(|line| !printed.contains(line)).collect();
        let more: Vec<&String> = printed.iter().filter(|line| !expected.contains(line)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{kind}\nmissing: {missing:#?}\nmore: {more:#?}");
        unchecked.retain(|known| known != kind);
    }
    assert_eq!(unchecked, [""; 0], "every kind of the table has its section");
}

/// `place = Kind path` stands for all lines of that kind below that path.
fn expand(line: &str) -> Vec<String> {
    let Some((place, other)) = line.split_once(" = ") else { return vec![line.to_owned()] };
    let (kind, path) = other.split_once(' ').expect("a kind and a path");
    let lines = shape::lines(&of_kind(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    let below = lines.iter().filter_map(|line| line.strip_prefix(path).filter(|rest| rest.starts_with('.')));
    below.map(|rest| format!("{place}{rest}")).collect()
}

/// Group, versions, scope, names and columns, as ESO §3, VSO §4 and SS §3 have them.
#[test]
fn names_are_those_of_the_specifications() {
    let printed: Vec<String> = crds(&Unions::default()).iter().map(shape::heading).collect();
    let expected: Vec<&str> = include_str!("tests/names.txt").lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(printed, expected, "{}", printed.join("\n"));
}

/// What v1beta1 defaults and v1 does not, below the spec of an ExternalSecret (ESO §3.1).
const V1BETA1_DEFAULTS: [&str; 8] = [
    ".data[].remoteRef*.conversionStrategy <Default|Unicode> (=\"Default\")",
    ".data[].remoteRef*.decodingStrategy <Auto|Base64|Base64URL|None> (=\"None\")",
    ".data[].remoteRef*.metadataPolicy <None|Fetch> (=\"None\")",
    ".dataFrom[].extract.conversionStrategy <Default|Unicode> (=\"Default\")",
    ".dataFrom[].extract.decodingStrategy <Auto|Base64|Base64URL|None> (=\"None\")",
    ".dataFrom[].extract.metadataPolicy <None|Fetch> (=\"None\")",
    ".dataFrom[].find.conversionStrategy <Default|Unicode> (=\"Default\")",
    ".dataFrom[].find.decodingStrategy <Auto|Base64|Base64URL|None> (=\"None\")",
];

#[test]
fn v1beta1_differs_by_its_defaults_only() {
    for (kind, place) in [("ExternalSecret", "spec"), ("ClusterExternalSecret", "spec.externalSecretSpec*")] {
        let crd = of_kind(kind);
        let [v1, v1beta1] =
            [0, 1].map(|version| shape::lines(&crd["spec"]["versions"][version]["schema"]["openAPIV3Schema"]));
        let more: Vec<&String> = v1beta1.iter().filter(|line| !v1.contains(line)).collect();
        assert_eq!(more, V1BETA1_DEFAULTS.map(|line| format!("{place}{line}")).iter().collect::<Vec<_>>(), "{kind}");
        assert_eq!(v1.len(), v1beta1.len(), "{kind}");
    }
}

#[test]
fn each_peers_definitions_carry_its_marks() {
    for (name, crd) in all(&Unions::default()) {
        let is_of = |groups: &[&str]| groups.contains(&crd["spec"]["group"].as_str().unwrap_or_default());
        let component = &crd["metadata"]["labels"][COMPONENT_LABEL];
        assert_eq!(component == "controller", is_of(&[GROUP, GENERATORS_GROUP]), "{name}");
        let generated = &crd["metadata"]["annotations"]["controller-gen.kubebuilder.io/version"];
        assert_eq!(generated == "v0.19.0", is_of(&["secrets.hashicorp.com"]), "{name}");
    }
}

/// What `kube-apiserver` refuses: a place without a type, references, several types, a default beside no property.
#[test]
fn every_schema_is_structural() {
    for (name, crd) in all(&unions()) {
        for version in crd["spec"]["versions"].as_array().expect("versions") {
            check_structural(&version["schema"]["openAPIV3Schema"], &format!("{name} {}", version["name"]));
        }
    }
}

fn check_structural(schema: &Value, place: &str) {
    let fields = schema.as_object().unwrap_or_else(|| panic!("{place} is no object: {schema}"));
    let is_free =
        schema["x-kubernetes-preserve-unknown-fields"] == true || schema["x-kubernetes-int-or-string"] == true;
    assert!(schema["type"].is_string() || is_free, "{place} has no type: {schema}");
    for word in ["$ref", "$defs", "oneOf", "not", "const", "title"] {
        assert!(!fields.contains_key(word), "{place} has {word}");
    }
    assert!(!fields.contains_key("anyOf") || schema["x-kubernetes-int-or-string"] == true, "{place} has anyOf");
    assert!(!(fields.contains_key("properties") && fields.contains_key("additionalProperties")), "{place} has both");
    let properties = schema["properties"].as_object();
    for required in schema["required"].as_array().into_iter().flatten() {
        let name = required.as_str().unwrap_or_default();
        assert!(properties.is_some_and(|all| all.contains_key(name)), "{place} requires {name}, which it lacks");
    }
    for (name, inner) in properties.into_iter().flatten() {
        check_structural(inner, &format!("{place}.{name}"));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get(key) {
            check_structural(inner, &format!("{place}[]"));
        }
    }
}

/// `kubectl apply` without `--server-side` keeps the whole object in an annotation of at most 262,144 bytes.
#[test]
fn every_definition_is_small_enough_for_kubectl() {
    for (name, crd) in all(&unions()) {
        let size = crd.to_string().len();
        assert!(size < 200_000, "{name} has {size} bytes");
    }
}

/// Settings as a row of `providers` has them: nested types, options, and the refusal of unknown fields.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is read")]
struct Settings {
    /// The address.
    server: String,
    auth: Option<Auth>,
    other: Vec<Auth>,
    parameters: Option<Value>,
    #[serde(default)]
    retries: u8,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is read")]
struct Auth {
    /// The way.
    way: Option<Way>,
}

#[derive(Deserialize, JsonSchema)]
enum Way {
    /// On foot.
    Foot,
    /// By train.
    Train,
}

fn unions() -> Unions {
    Unions {
        providers: PROVIDERS.iter().map(|key| ((*key).to_owned(), schema_for!(Settings))).collect(),
        generators: GENERATORS.iter().map(|row| (row.kind.to_owned(), schema_for!(Settings))).collect(),
    }
}

#[test]
fn a_provider_with_a_row_is_closed_and_others_stay_open() {
    let only_vault = Unions {
        providers: [("vault".to_owned(), schema_for!(Settings)), ("ours".to_owned(), schema_for!(Settings))].into(),
        ..Unions::default()
    };
    for plural in ["secretstores", "clustersecretstores"] {
        let crd = &all(&only_vault)[&format!("{plural}.{GROUP}")];
        for version in [0, 1] {
            let root = &crd["spec"]["versions"][version]["schema"]["openAPIV3Schema"];
            let union = &root["properties"]["spec"]["properties"]["provider"];
            assert_eq!((&union["minProperties"], &union["maxProperties"]), (&json!(1), &json!(1)));
            let auth =
                json!({ "type": "object", "properties": { "way": { "type": "string", "enum": ["Foot", "Train"] } } });
            let closed = json!({
                "type": "object",
                "required": ["server", "other"],
                "properties": {
                    "server": { "type": "string" },
                    "auth": auth,
                    "other": { "type": "array", "items": auth },
                    "parameters": { "x-kubernetes-preserve-unknown-fields": true },
                    "retries": { "type": "integer", "minimum": 0.0, "maximum": 255.0, "default": 0 },
                },
            });
            assert_eq!(union["properties"]["vault"], closed);
            assert_eq!(union["properties"]["ours"], closed);
            let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            assert_eq!(union["properties"]["device42"], open);
        }
    }
}

#[test]
fn a_generator_is_its_own_kind_and_a_field_of_the_cluster_generator() {
    let password = Unions { generators: [("Password".to_owned(), schema_for!(Settings))].into(), ..Unions::default() };
    let all = all(&password);
    let root = &all["passwords.generators.external-secrets.io"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    assert_eq!(root["properties"]["spec"]["properties"]["server"]["description"], "The address.");
    let root =
        &all["clustergenerators.generators.external-secrets.io"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let union = &root["properties"]["spec"]["properties"]["generator"]["properties"];
    assert_eq!(union["passwordSpec"]["properties"]["server"], json!({ "type": "string" }));
    assert_eq!(union["uuidSpec"]["x-kubernetes-preserve-unknown-fields"], true);
}
