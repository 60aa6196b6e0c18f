//! JSON as SOPS and Go programs have it: order, numbers, escapes, and everything that is none (SOPS §4.14; VALS §6.4).

use proptest::prelude::*;

use super::*;

fn round(text: &str, options: &EmitOptions) -> String {
    let bytes = read(text.as_bytes(), &ReadOptions::default()).and_then(|document| emit(&document, options));
    bytes.map_or_else(|fault| format!("! {}", fault.chain()), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn one_line(text: &str) -> String {
    match parse(text.as_bytes(), Numbers::Typed).and_then(|node| compact(&node, &Compact::default())) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(fault) => format!("! {}", fault.chain()),
    }
}

#[test]
fn files_are_indented_as_the_option_says() {
    let text = r#"{"b":{},"a":[1,[],{"c":"x"}],"b":null}"#;
    let cases = [
        (
            None,
            "{\n\t\"b\": {},\n\t\"a\": [\n\t\t1,\n\t\t[],\n\t\t{\n\t\t\t\"c\": \"x\"\n\t\t}\n\t],\n\t\"b\": null\n}\n",
        ),
        (
            Some(-1),
            "{\n\t\"b\": {},\n\t\"a\": [\n\t\t1,\n\t\t[],\n\t\t{\n\t\t\t\"c\": \"x\"\n\t\t}\n\t],\n\t\"b\": null\n}\n",
        ),
        (Some(0), "{\n\"b\": {},\n\"a\": [\n1,\n[],\n{\n\"c\": \"x\"\n}\n],\n\"b\": null\n}\n"),
        (
            Some(2),
            "{\n  \"b\": {},\n  \"a\": [\n    1,\n    [],\n    {\n      \"c\": \"x\"\n    }\n  ],\n  \"b\": null\n}\n",
        ),
        (Some(-2), "! JSON Indentation parameter smaller than -1 is not accepted"),
        (Some(i64::MAX), "! JSON indentation 9223372036854775807 is not accepted"),
    ];
    for (indent, expected) in cases {
        assert_eq!(round(text, &EmitOptions { indent, ..EmitOptions::default() }), expected, "{indent:?}");
    }
    assert_eq!(round("{}", &EmitOptions::default()), "{}\n");
}

#[test]
fn numbers_are_integers_where_they_fit() {
    let cases = [
        ("[1, -0, 9223372036854775807, 9007199254740993]", "[1,0,9223372036854775807,9007199254740993]"),
        (
            "[9223372036854775808, 1.0, 1e3, 1e21, 1e-7, 100000000000000000000]",
            "[9223372036854776000,1,1000,1e+21,1e-7,100000000000000000000]",
        ),
        ("[1.50, -0.0]", "[1.5,-0]"),
        ("1e400", "! invalid JSON at line 1, column 1: the number is out of range"),
    ];
    for (text, expected) in cases {
        assert_eq!(one_line(text), expected, "{text}");
    }
    // In a file -0.0 keeps its point: the peer's `-0` reads back as an integer, and its MAC then fails.
    assert_eq!(
        round(r#"{"a":-0.0}"#, &EmitOptions { indent: Some(0), ..EmitOptions::default() }),
        "{\n\"a\": -0.0\n}\n"
    );
    let verbatim = parse(b"[1.50, -0, 1e400, 123456789012345678901234567890]", Numbers::Verbatim).expect("JSON");
    let bytes = compact(&verbatim, &Compact::default()).expect("JSON");
    assert_eq!(String::from_utf8_lossy(&bytes), "[1.50,-0,1e400,123456789012345678901234567890]");
}

#[test]
fn texts_are_escaped_as_gos_encoder_does() {
    let text = "\"<&>\\u2028é😀\\u0001\\b\\f\\n\\r\\t\\\"\\\\\\/\u{7f}\"";
    assert_eq!(one_line(text), "\"\\u003c\\u0026\\u003e\\u2028é😀\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\u{7f}\"");
    let node = parse(text.as_bytes(), Numbers::Typed).expect("JSON");
    let bare = compact(&node, &Compact { escapes_html: false, ..Compact::default() }).expect("JSON");
    assert!(String::from_utf8_lossy(&bare).starts_with("\"<&>\\u2028"));
}

#[test]
fn surrogates_pair_or_become_replacement_characters() {
    let cases = [
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""\ud83d""#, "\"\u{fffd}\""),
        (r#""\ude00x""#, "\"\u{fffd}x\""),
        (r#""\ud83d\u0041""#, "\"\u{fffd}A\""),
    ];
    for (text, expected) in cases {
        assert_eq!(one_line(text), expected, "{text}");
    }
    let node = parse(b"\"a\xff\xfeb\"", Numbers::Typed).expect("Go reads it");
    assert_eq!(node.as_str(), Some("a\u{fffd}\u{fffd}b"));
}

#[test]
fn keys_are_sorted_by_bytes_in_the_compact_form() {
    assert_eq!(one_line(r#"{"b":1,"a10":2,"a9":3,"B":4,"é":5}"#), r#"{"B":4,"a10":2,"a9":3,"b":1,"é":5}"#);
}

#[test]
fn what_json_cannot_hold_is_told_with_its_key() {
    let cases = [
        (Node::Leaf(Scalar::Float(f64::INFINITY)), "cannot write `k` as JSON: json: unsupported value: +Inf"),
        (Node::Leaf(Scalar::Float(f64::NAN)), "cannot write `k` as JSON: json: unsupported value: NaN"),
        (Node::text(&b"\xff"[..]), "cannot write `k` as JSON: a value is no UTF-8 text, which JSON cannot hold"),
    ];
    for (node, expected) in cases {
        let mut branch = crate::Branch::default();
        branch.push("k", node);
        let node = Node::Branch(branch);
        assert_eq!(compact(&node, &Compact::default()).expect_err("no JSON").chain(), expected);
    }
    let lossy = compact(&Node::text(&b"a\xff"[..]), &Compact { is_lossy: true, ..Compact::default() });
    assert_eq!(lossy.expect("JSON"), b"\"a\\ufffd\"");
}

#[test]
fn a_file_is_one_object() {
    let cases = [
        ("", "! EOF"),
        ("  \n", "! EOF"),
        ("[1]", "! only JSON objects are supported at the top level, got delimiter ["),
        ("\"x\"", "! only JSON objects are supported at the top level, got a string"),
        ("1", "! only JSON objects are supported at the top level, got a number"),
        ("null", "! only JSON objects are supported at the top level, got null"),
        ("true", "! only JSON objects are supported at the top level, got a bool"),
        ("\u{feff}{}", "! invalid JSON at line 1, column 1: expected a JSON object"),
        ("{\"a\":1} trailing", "{\n\t\"a\": 1\n}\n"),
        ("{\"a\":1", "! unexpected end of JSON input"),
        ("{\n  \"a\": }", "! invalid JSON at line 2, column 8: expected a value"),
        ("{\"a\" 1}", "! invalid JSON at line 1, column 6: expected `:` behind the key"),
        ("{\"a\":1,}", "! invalid JSON at line 1, column 8: expected a key in double quotes"),
        ("{a:1}", "! invalid JSON at line 1, column 2: expected a key in double quotes"),
        ("{\"a\":[1 2]}", "! invalid JSON at line 1, column 9: expected `,` or `]`"),
        ("{\"a\":01}", "! invalid JSON at line 1, column 7: expected `,` or `}`"),
        ("{\"a\":1.}", "! invalid JSON at line 1, column 6: this is no number"),
        ("{\"a\":-}", "! invalid JSON at line 1, column 6: this is no number"),
        ("{\"a\":\"\\x\"}", "! invalid JSON at line 1, column 7: an unknown escape"),
        ("{\"a\":\"\n\"}", "! invalid JSON at line 1, column 7: a control character stands in a string"),
        ("{\"a\":nul}", "! invalid JSON at line 1, column 6: expected a value"),
    ];
    for (text, expected) in cases {
        assert_eq!(round(text, &EmitOptions::default()), expected, "{text:?}");
    }
    assert_eq!(one_line("1 2"), "! invalid JSON at line 1, column 3: there is something behind the value");
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(round(&nested(base::limit::DEPTH - 1), &EmitOptions::default()).starts_with("{\n"));
    assert!(round(&nested(base::limit::DEPTH + 1), &EmitOptions::default()).contains("nests deeper than 512 levels"));
}

#[test]
fn extracted_values_have_their_own_form() {
    let cases = [
        ("\"a\\nb\"", "a\nb"),
        ("1", "1"),
        ("[1]", "[\n\t1\n]"),
        ("{\"a\":1}", "{\n\t\"a\": 1\n}\n"),
        ("null", "null"),
    ];
    for (text, expected) in cases {
        let node = parse(text.as_bytes(), Numbers::Typed).expect("JSON");
        let bytes = emit_value(&node, &EmitOptions::default()).expect("JSON");
        assert_eq!(String::from_utf8_lossy(&bytes), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(prop::sample::select(&b"{}[],:\"\\u0dD8eE+-.1 \n\xff"[..]), 0..200)) {
        drop(parse(&bytes, Numbers::Typed));
        drop(read(&bytes, &ReadOptions::default()));
    }

    #[test]
    fn what_we_wrote_we_write_again(text in "\\PC{0,30}", number in any::<f64>(), integer in any::<i64>()) {
        let mut branch = crate::Branch::default();
        branch.push(text.clone(), Node::text(text.as_str()));
        branch.push("i", Node::Leaf(Scalar::Int(integer)));
        if number.is_finite() {
            branch.push("f", Node::Leaf(Scalar::Float(number)));
        }
        let first = emit(&Document { branches: vec![branch] }, &EmitOptions::default()).expect("JSON");
        let again = emit(&read(&first, &ReadOptions::default()).expect("JSON"), &EmitOptions::default()).expect("JSON");
        prop_assert_eq!(first, again);
    }
}
