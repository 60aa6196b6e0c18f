//! Any bytes go in and come out; anything else is no binary file (SOPS §4.15, §10).

use super::*;
use crate::{Format, read as read_as};

#[test]
fn bytes_come_back_as_they_were() {
    for bytes in [&b""[..], b"text\n", &[0, 0xff, b'\n', 0xfe]] {
        let document = read(bytes, &ReadOptions::default()).expect("anything is binary");
        assert_eq!(emit(&document, &EmitOptions::default()).expect("bytes"), bytes);
    }
}

#[test]
fn structured_data_is_no_binary_file() {
    let cases = [
        ("{}", "error emitting binary store: there must be exactly one key `data`"),
        (r#"{"data": 1}"#, "error emitting binary store: the value of the key `data` is no text"),
        (r#"{"data": "x", "more": "y"}"#, "error emitting binary store: there must be exactly one key `data`"),
        (r#"{"other": "x"}"#, "error emitting binary store: there must be exactly one key `data`"),
    ];
    for (json, expected) in cases {
        let document = read_as(json.as_bytes(), Format::Json, &ReadOptions::default()).expect("JSON");
        let fault = emit(&document, &EmitOptions::default()).expect_err("no binary file");
        assert_eq!(fault.to_string(), expected);
        assert!(fault.advice().is_some_and(|advice| advice.contains("--output-type")));
    }
    assert!(emit(&Document::default(), &EmitOptions::default()).is_err());
    assert!(emit_value(&Node::text("x"), &EmitOptions::default()).is_err());
}
