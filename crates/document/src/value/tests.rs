//! Nodes and values hold the same, comments apart.

use base::{SecretBytes, SecretValue};

use crate::{Format, Node, Numbers, ReadOptions, json, read};

fn shown(value: &SecretValue) -> String {
    let style = json::Compact { is_sorted: false, ..json::Compact::default() };
    String::from_utf8_lossy(&json::compact_value(value, &style).expect("JSON")).into_owned()
}

#[test]
fn numbers_keep_their_text_and_keys_their_order() {
    let text = r#"{"b":1.50,"a":[null,true,"x",{"c":-0}],"n":123456789012345678901234567890}"#;
    let value = json::parse_value(text.as_bytes()).expect("JSON");
    assert_eq!(shown(&value), text);
    let node = Node::from(value.clone());
    assert!(node == json::parse(text.as_bytes(), Numbers::Verbatim).expect("JSON"));
    assert!(SecretValue::from(node) == value);
}

#[test]
fn yaml_types_become_values() {
    let yaml = "i: 0x10\nf: 1e3\nu: 18446744073709551615\nt: 2024-01-01\n# gone\ne: ~\nl: [a, yes]\n5: k\n";
    let mut document = read(yaml.as_bytes(), Format::Yaml, &ReadOptions::default()).expect("YAML");
    let expected =
        r#"{"i":16,"f":1000,"u":18446744073709551615,"t":"2024-01-01T00:00:00Z","e":null,"l":["a","yes"],"5":"k"}"#;
    assert_eq!(shown(&document.branches.remove(0).into()), expected);
}

#[test]
fn bytes_that_are_no_text_stay_bytes() {
    let bytes = SecretBytes::from(&[0xff, 0][..]);
    let value = SecretValue::from(Node::from(SecretValue::Bytes(bytes.clone())));
    assert!(value == SecretValue::Bytes(bytes));
}
