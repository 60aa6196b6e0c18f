//! Schemas as libraries write them, and as kube-apiserver takes them.

use serde_json::{Value, json};

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn schemas_become_structural() {
    let free = json!({ "x-kubernetes-preserve-unknown-fields": true });
    let cases: [(&str, Value, Value); 12] = [
        ("free JSON", json!(true), free.clone()),
        (
            "no type",
            json!({ "description": "x" }),
            json!({ "description": "x", "x-kubernetes-preserve-unknown-fields": true }),
        ),
        ("an option", json!({ "type": ["string", "null"], "default": null }), json!({ "type": "string" })),
        (
            "nullable on purpose",
            json!({ "type": ["string", "null"], "nullable": true }),
            json!({ "type": "string", "nullable": true }),
        ),
        (
            "an optional reference with words of its own",
            json!({
                "description": "ours", "anyOf": [{ "$ref": "#/$defs/A" }, { "type": "null" }],
                "$defs": { "A": { "type": "string", "enum": ["a"], "description": "theirs", "title": "A" } },
            }),
            json!({ "type": "string", "enum": ["a"], "description": "ours" }),
        ),
        (
            "references in references",
            json!({
                "type": "object", "properties": { "a": { "$ref": "#/$defs/A", "description": "ours" } },
                "$defs": {
                    "A": { "type": "array", "items": { "$ref": "#/$defs/B" } },
                    "B": { "type": "object", "additionalProperties": { "$ref": "#/$defs/C" } },
                    "C": { "type": "boolean" },
                },
            }),
            json!({ "type": "object", "properties": { "a": {
                "type": "array", "description": "ours",
                "items": { "type": "object", "additionalProperties": { "type": "boolean" } },
            } } }),
        ),
        (
            "an enum with words on its variants",
            json!({ "oneOf": [
                { "type": "string", "const": "a", "description": "first" },
                { "type": "string", "enum": ["b", "c"] },
            ] }),
            json!({ "type": "string", "enum": ["a", "b", "c"] }),
        ),
        ("one constant", json!({ "type": "string", "const": "a" }), json!({ "type": "string", "enum": ["a"] })),
        (
            "unsigned numbers",
            json!({ "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255 }),
            json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
        ),
        (
            "unknown fields are pruned, not refused",
            json!({ "type": "object", "additionalProperties": false, "properties": { "a": { "type": "integer", "format": "int32" } } }),
            json!({ "type": "object", "properties": { "a": { "type": "integer", "format": "int32" } } }),
        ),
        (
            "unknown fields are kept",
            json!({ "type": "object", "additionalProperties": true }),
            json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }),
        ),
        (
            "a number or a text",
            json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }], "x-kubernetes-int-or-string": true }),
            json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }], "x-kubernetes-int-or-string": true }),
        ),
    ];
    for (case, schema, expected) in cases {
        assert_eq!(structural(schema), expected, "{case}");
    }
}

#[test]
fn a_type_that_contains_itself_ends_in_free_json() {
    let schema = json!({
        "$ref": "#/$defs/Node",
        "$defs": { "Node": { "type": "object", "properties": { "next": { "anyOf": [{ "$ref": "#/$defs/Node" }, { "type": "null" }] } } } },
    });
    let mut place = &structural(schema);
    let mut depth = 0;
    while place["type"] == "object" {
        place = &place["properties"]["next"];
        depth += 1;
    }
    assert_eq!(place["x-kubernetes-preserve-unknown-fields"], true);
    assert!((8..=DEPTH).contains(&depth), "{depth}");
}

#[test]
#[should_panic(expected = "the schema has no `a[].c`")]
fn a_default_of_a_misspelled_path_is_refused() {
    let mut root = json!({ "properties": { "a": { "items": { "properties": { "b": { "type": "string" } } } } } });
    set_default(&mut root, "a[].c", "x");
}

#[test]
fn defaults_are_set_below_lists() {
    let mut root = json!({ "properties": { "a": { "items": { "properties": { "b": { "type": "string" } } } } } });
    set_default(&mut root, "a[].b", "x");
    assert_eq!(root["properties"]["a"]["items"]["properties"]["b"], json!({ "type": "string", "default": "x" }));
}
