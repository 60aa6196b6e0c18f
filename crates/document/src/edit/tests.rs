//! Extract, set and unset along paths, and every way a path can be wrong (SOPS §8.5, §8.8, §8.9, §10).

use super::*;
use crate::{Document, EmitOptions, Format, Numbers, ReadOptions, emit, emit_value, json, read};

const YAML: &str = "a: 1\nb:\n  c: x\n  l:\n    # note\n    - y\n    - d: 2\ns: text\n";

fn branch(yaml: &str) -> Branch {
    let mut document = read(yaml.as_bytes(), Format::Yaml, &ReadOptions::default()).expect("YAML");
    document.branches.remove(0)
}

fn text(bytes: Result<Vec<u8>, Fault>) -> String {
    bytes.map_or_else(|fault| format!("! {fault}"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

#[test]
fn extract_finds_values_or_says_what_is_wrong() {
    let cases = [
        (r#"["a"]"#, "1\n"),
        (r#"["s"]"#, "text"),
        (r#"["b"]["c"]"#, "x"),
        (r#"["b"]["l"][1]"#, "y"),
        (r#"["b"]["l"][2]"#, "d: 2\n"),
        (r#"["b"]["l"][2]["d"]"#, "2\n"),
        (r#"["b"]["l"]"#, "# note\n- \"y\"\n- d: 2\n"),
        ("", "! the path is empty"),
        (r#"["zz"]"#, "! component ['zz'] not found"),
        (r#"["b"]["l"][5]"#, "! component [5] accesses out of bounds"),
        (r#"["b"]["l"][-1]"#, "! component [-1] accesses out of bounds"),
        (r#"["b"]["l"][0]"#, "! component [0] is a comment"),
        (r#"["b"][0]"#, "! component [0] is integer, but tree part is not a slice"),
        ("[0]", "! component [0] is integer, but tree part is not a slice"),
        (r#"["b"]["l"]["k"]"#, "! component ['k'] is a key, but tree part is a list"),
        (r#"["a"]["b"]"#, "! component ['b'] leads into a single value"),
    ];
    for (index, expected) in cases {
        let branch = branch(YAML);
        let found =
            extract(&branch, &path(index)).and_then(|node| emit_value(node, Format::Yaml, &EmitOptions::default()));
        assert_eq!(text(found), expected, "{index}");
    }
}

fn after_set(yaml: &str, index: &str, value: &str) -> String {
    let mut branch = branch(yaml);
    let value = json::parse(value.as_bytes(), Numbers::Typed).expect("JSON");
    match set(&mut branch, &path(index), value) {
        Ok(is_changed) => {
            let bytes = emit(&Document { branches: vec![branch] }, Format::Yaml, &EmitOptions::default());
            format!("{is_changed} {}", text(bytes))
        }
        Err(fault) => format!("! {fault}"),
    }
}

#[test]
fn set_replaces_appends_and_makes_what_is_missing() {
    let cases = [
        ("a: 1\n", r#"["a"]"#, "1", "false a: 1\n"),
        ("a: 1\n", r#"["a"]"#, "\"1\"", "true a: \"1\"\n"),
        ("a: 1\nb: 2\n", r#"["a"]"#, "null", "true a: null\nb: 2\n"),
        ("a: 1\n", r#"["c"]"#, "null", "true a: 1\nc: null\n"),
        ("a: 1\n", r#"["c"]["d"]"#, "5", "true a: 1\nc:\n    d: 5\n"),
        ("a: 1\n", r#"["a"]["d"][3]["e"]"#, "5", "true a:\n    d:\n        - e: 5\n"),
        ("a: [1]\n", r#"["a"][7]"#, "2", "true a:\n    - 1\n    - 2\n"),
        ("a: [1]\n", r#"["a"][0]"#, "2", "true a:\n    - 2\n"),
        ("a:\n  # c\n  - 1\n", r#"["a"][0]"#, "2", "true a:\n    - 2\n    - 1\n"),
        ("a: 1\n", r#"["a"]"#, r#"{"z":1,"b":[true]}"#, "true a:\n    z: 1\n    b:\n        - true\n"),
        ("a: 1\n", r#"["a"]"#, "[1,2]", "true a:\n    - 1\n    - 2\n"),
        ("a: 1\n", r#"["a"]"#, "9007199254740993", "true a: 9007199254740993\n"),
        ("a: 1\n", "", "1", "! the path is empty"),
        ("a: {b: 1}\n", r#"["a"][0]"#, "1", "! component [0] is integer, but tree part is not a slice"),
        ("a: [1]\n", r#"["a"]["b"]"#, "1", "! component ['b'] is a key, but tree part is a list"),
        ("a: [1]\n", r#"["a"][-1]"#, "1", "! component [-1] is negative"),
    ];
    for (yaml, index, value, expected) in cases {
        assert_eq!(after_set(yaml, index, value), expected, "{yaml} {index} {value}");
    }
}

fn after_unset(yaml: &str, index: &str) -> String {
    let mut branch = branch(yaml);
    match unset(&mut branch, &path(index)) {
        Ok(()) => text(emit(&Document { branches: vec![branch] }, Format::Yaml, &EmitOptions::default())),
        Err(fault) => format!("! {:?} {fault}", fault.kind()),
    }
}

#[test]
fn unset_removes_one_thing_and_leaves_its_neighbours() {
    let cases = [
        ("a: 1\nb: 2\n", r#"["a"]"#, "b: 2\n"),
        ("# c\na: 1\n# d\n", r#"["a"]"#, "# c\n# d\n{}\n"),
        ("a: {b: 1}\n", r#"["a"]["b"]"#, "a: {}\n"),
        ("a: [1, 2]\n", r#"["a"][0]"#, "a:\n    - 2\n"),
        ("a: [1]\n", r#"["a"][0]"#, "a: []\n"),
        ("a:\n  # c\n  - 1\n", r#"["a"][0]"#, "a:\n    - 1\n"),
        ("a: [{b: 1, c: 2}]\n", r#"["a"][0]["b"]"#, "a:\n    - c: 2\n"),
        ("a: 1\n", r#"["nope"]"#, "! NotFound Key not found: nope"),
        ("a: [1]\n", r#"["a"][50]"#, "! NotFound Index 50 out of bounds"),
        ("a: 1\n", r#"["a"]["deep"]"#, "! Wrong Unsupported type: int for item 'deep'"),
        ("a: 1\n", r#"["a"]["deep"]["er"]"#, "! Wrong Unsupported type: int for item 'deep'"),
        ("a: [1]\n", r#"["a"]["k"]"#, "! Wrong Unsupported type: list for item 'k'"),
        ("a: {b: 1}\n", r#"["a"][0]"#, "! Wrong Unsupported type: map for item '0'"),
        ("a: 1\n", "", "! Wrong the path is empty"),
    ];
    for (yaml, index, expected) in cases {
        assert_eq!(after_unset(yaml, index), expected, "{yaml} {index}");
    }
}
