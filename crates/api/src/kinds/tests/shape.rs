//! Prints a schema in the notation of the specifications: one line a leaf, with `*` for required, `<a|b>` for an enum and
//! `(=x)` for a default, so that a reader can hold both side by side.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// The lines below spec and status.
pub fn lines(root: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for part in ["spec", "status"] {
        let schema = &root["properties"][part];
        if schema.is_object() {
            walk(schema, part, &mut lines);
        }
    }
    lines
}

fn walk(schema: &Value, path: &str, lines: &mut Vec<String>) {
    let facts = facts(schema);
    let properties = schema["properties"].as_object();
    let is_list = schema["items"]["properties"].is_object();
    let is_map = is_map(schema);
    if !facts.is_empty() || (properties.is_none() && !is_list && !is_map) {
        lines.push(format!("{path}{facts}"));
    }
    if is_selector(schema) || is_condition(schema) {
        return;
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, inner) in properties.into_iter().flatten() {
        let mark = if required.contains(&name.as_str()) { "*" } else { "" };
        walk(inner, &format!("{path}.{name}{mark}"), lines);
    }
    if is_list {
        walk(&schema["items"], &format!("{path}[]"), lines);
    }
    if is_map {
        walk(&schema["additionalProperties"], &format!("{path}{{}}"), lines);
    }
}

/// A map of objects or of maps.
fn is_map(schema: &Value) -> bool {
    schema["additionalProperties"]["type"] == "object"
}

/// metav1.Condition, which demands a reason.
fn is_condition(schema: &Value) -> bool {
    schema["required"] == serde_json::json!(["lastTransitionTime", "message", "reason", "status", "type"])
}

fn is_selector(schema: &Value) -> bool {
    schema["properties"]["matchExpressions"].is_object()
}

/// Type, enum, default and bounds, each with a space before it.
fn facts(schema: &Value) -> String {
    let mut facts = type_of(schema);
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        facts.push_str(&format!(" <{}>", values.join("|")));
    }
    for (word, key) in [
        ("minItems", "minItems"),
        ("minProps", "minProperties"),
        ("maxProps", "maxProperties"),
        ("min", "minimum"),
        ("max", "maximum"),
    ] {
        if !schema[key].is_null() {
            facts.push_str(&format!(" {word}={}", schema[key]));
        }
    }
    if schema["nullable"] == true {
        facts.push_str(" nullable");
    }
    if schema["type"] == "object" && schema["x-kubernetes-preserve-unknown-fields"] == true {
        facts.push_str(" open");
    }
    if !schema["default"].is_null() {
        facts.push_str(&format!(" (={})", schema["default"]));
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        facts.push_str(&format!(" CEL{{{} :: {}}}", rule["rule"].as_str().unwrap_or_default(), rule["message"]));
    }
    facts
}

/// Nothing for a plain text or an object with fields.
fn type_of(schema: &Value) -> String {
    if is_selector(schema) {
        return " LabelSelector".to_owned();
    }
    if is_condition(schema) {
        return " metav1.Condition".to_owned();
    }
    let format = schema["format"].as_str();
    match (schema["type"].as_str(), format) {
        _ if schema["x-kubernetes-int-or-string"] == true => " int-or-string".to_owned(),
        (None, _) => " any".to_owned(),
        (Some("boolean"), _) => " bool".to_owned(),
        (Some("integer"), Some("int64")) => " i64".to_owned(),
        (Some("integer"), Some("int32")) => " i32".to_owned(),
        (Some("integer"), None) => " int".to_owned(),
        (Some("string"), Some(format)) => format!(" {format}"),
        (Some("string"), None) => text(schema),
        (Some("array"), _) if schema["items"]["properties"].is_object() => String::new(),
        (Some("array"), _) => format!(" []{}", type_of(&schema["items"]).trim_start()),
        (Some("object"), _) if is_map(schema) => " map".to_owned(),
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            format!(" map[{}]", facts(&schema["additionalProperties"]).trim_start())
        }
        (Some("object"), _) => String::new(),
        (Some(other), format) => format!(" {other}/{format:?}"),
    }
}

/// The specifications' short names of patterns.
fn text(schema: &Value) -> String {
    let bounds = (schema["minLength"].as_u64(), schema["maxLength"].as_u64());
    match (schema["pattern"].as_str(), bounds) {
        (None, (None, None)) => String::new(),
        (None, (Some(min), None)) => format!(" minLength={min}"),
        (Some("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), (Some(1), Some(63))) => " dns63".to_owned(),
        (Some(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"), (Some(1), Some(253))) => {
            " dns253".to_owned()
        }
        (Some("^[-._a-zA-Z0-9]+$"), (Some(1), Some(253))) => " seckey".to_owned(),
        (Some(r"^([0-9]+(\.[0-9]+)?(s|m|h))$"), (None, None)) => " duration".to_owned(),
        (Some(pattern), (None, None)) => format!(" /{pattern}/"),
        (pattern, bounds) => format!(" /{}/ {bounds:?}", pattern.unwrap_or_default()),
    }
}

/// One line on a definition's names, versions and columns.
pub fn heading(crd: &CustomResourceDefinition) -> String {
    let names = &crd.spec.names;
    let list = |items: &Option<Vec<String>>| items.as_deref().unwrap_or_default().join(",");
    let versions: Vec<String> = crd
        .spec
        .versions
        .iter()
        .map(|version| {
            let mut text = version.name.clone();
            text.push_str(if version.storage { " stored" } else { " served" });
            text.push_str(if version.deprecated == Some(true) { " deprecated" } else { "" });
            text.push_str(if version.subresources.is_some() { " status" } else { "" });
            text
        })
        .collect();
    let columns = crd.spec.versions[0].additional_printer_columns.iter().flatten();
    let columns: Vec<String> =
        columns.map(|column| format!("{} {} {}", column.name, column.type_, column.json_path)).collect();
    format!(
        "{} {} {} [{}] [{}] {} ({}) {}",
        crd.spec.group,
        names.kind,
        names.plural,
        list(&names.short_names),
        list(&names.categories),
        crd.spec.scope,
        versions.join(", "),
        columns.join("; ")
    )
    .trim_end()
    .to_owned()
}
