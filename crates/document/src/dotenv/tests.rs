//! Dotenv lines as SOPS takes them, and nothing cleverer (SOPS §4.16).

use super::*;
use crate::{Element, Format, read as read_as};

fn round(text: &str) -> String {
    let document = read(text.as_bytes(), &ReadOptions::default());
    let bytes = document.and_then(|document| emit(&document, &EmitOptions::default()));
    bytes.map_or_else(|fault| format!("! {fault}"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn lines_come_back_without_blank_ones() {
    let cases = [
        ("", ""),
        ("A=1\n\n#note\nB=x=y\n", "A=1\n#note\nB=x=y\n"),
        ("export A = 'q' # x", "export A = 'q' # x\n"),
        ("A=l1\\nl2\n", "A=l1\\nl2\n"),
        ("=v\n", "=v\n"),
        ("A=1\r\n\r\n#c\r\nB=a\rb\r\n", "A=1\n#c\nB=a\rb\n"),
        ("A=1\r\r\n", "A=1\r\n"),
        ("A=1\nnothing\n", "! invalid dotenv input line: line 2 has no `=`"),
        (" #x\n", "! invalid dotenv input line: line 1 has no `=`"),
    ];
    for (text, expected) in cases {
        assert_eq!(round(text), expected, "{text:?}");
    }
}

#[test]
fn a_line_end_in_a_value_is_two_characters() {
    let document = read(b"A=l1\\nl2\n", &ReadOptions::default()).expect("dotenv");
    assert_eq!(document.branches[0].value("A").and_then(Node::as_str), Some("l1\nl2"));
}

#[test]
fn values_that_are_no_utf8_pass_through() {
    let bytes = b"A=\xff\xfe\n#\xff\n";
    let document = read(bytes, &ReadOptions::default()).expect("dotenv");
    assert_eq!(emit(&document, &EmitOptions::default()).expect("dotenv"), bytes);
    assert!(read(b"\xff=1\n", &ReadOptions::default()).is_err());
}

fn from_yaml(yaml: &str) -> Result<Vec<u8>, String> {
    let document = read_as(yaml.as_bytes(), Format::Yaml, &ReadOptions::default()).expect("YAML");
    emit(&document, &EmitOptions::default()).map_err(|fault| fault.to_string())
}

#[test]
fn other_types_have_their_text_and_what_does_not_fit_is_told() {
    let yaml = "a: 1.0\nb: true\nc: ~\nd: 2024-01-01T00:00:00.5Z\ne: 1e21\n# n\nf: |\n  x\n  y\n";
    assert_eq!(
        from_yaml(yaml).expect("dotenv"),
        b"a=1.0\nb=true\nc=\nd=2024-01-01T00:00:00Z\ne=1E+21\n# n\nf=x\\ny\\n\n"
    );
    let cases = [
        ("a: {b: 1}\n", "cannot use complex value in dotenv file; offending key a"),
        ("a: [1]\n", "cannot use complex value in dotenv file; offending key a"),
        ("\"a=b\": 1\n", "cannot write the key `a=b` into a dotenv file"),
        ("\"#a\": 1\n", "cannot write the key `#a` into a dotenv file"),
        ("1: x\n", "cannot use a key that is no text in a dotenv file; offending key 1"),
    ];
    for (yaml, expected) in cases {
        assert_eq!(from_yaml(yaml), Err(expected.to_owned()), "{yaml}");
    }
}

#[test]
fn only_texts_can_be_extracted() {
    assert_eq!(emit_value(&Node::text("x"), &EmitOptions::default()).expect("a text"), b"x");
    for (node, kind) in
        [(Node::Leaf(Scalar::Int(1)), "int"), (Node::List(vec![Element::Node(Node::text("x"))]), "list")]
    {
        let fault = emit_value(&node, &EmitOptions::default()).expect_err("no text");
        assert_eq!(fault.to_string(), format!("the dotenv store only supports emitting strings, got {kind}"));
    }
}
