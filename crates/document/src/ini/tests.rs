//! INI files as Go's `ini.v1` has them (recorded from the peer's program), and nothing lost (SOPS §4.17).

use proptest::prelude::*;

use super::*;
use crate::{Format, yaml};

fn out(bytes: Result<Vec<u8>, Fault>) -> String {
    bytes.map_or_else(|fault| format!("! {fault}"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn round(text: &str) -> String {
    out(read(text.as_bytes(), &ReadOptions::default()).and_then(|document| emit(&document, &EmitOptions::default())))
}

fn as_yaml(text: &str) -> String {
    let document = read(text.as_bytes(), &ReadOptions::default());
    out(document.and_then(|document| yaml::emit(&document, &EmitOptions::default())))
}

const MANY: &str = "; top comment\na = 1\nb=2 ; inline\n# c comment\n# second\nc : 3\n\n[sec]\n; for key\n  k  =  v # x\n\
    long_key_name=y\n[sec2] ; sc\nx = \"quoted\"\ny = 'single'\nz = \"\"\"multi\nline\"\"\"\nw = `back\ntick`\ncont = one \\\n two\n";

#[test]
fn a_file_comes_back_aligned() {
    let expected = "; top comment\na = 1\n; inline\nb = 2\n; c comment\n# second\nc = 3\n\n[sec]\n; for key\n# x\n\
        k             = v\nlong_key_name = y\n\n; sc\n[sec2]\nx    = quoted\ny    = single\nz    = \"\"\"multi\nline\"\"\"\n\
        w    = \"\"\"back\ntick\"\"\"\ncont = one two\n";
    assert_eq!(round(MANY), expected);
    assert_eq!(round(expected), expected);
}

#[test]
fn comments_stand_first_in_a_section_and_behind_a_key() {
    let expected = "DEFAULT:\n    a: \"1\"\n    #top comment\n    b: \"2\"\n    #inline\n    c: \"3\"\n    #c comment\n    # second\n\
        sec:\n    k: v\n    #for key\n    # x\n    long_key_name: \"y\"\nsec2:\n    #sc\n    x: quoted\n    \"y\": single\n    \
        z: |-\n        multi\n        line\n    w: |-\n        back\n        tick\n    cont: one two\n";
    assert_eq!(as_yaml(MANY), expected);
}

#[test]
fn sections_and_keys_have_their_quirks() {
    let cases = [
        ("", ""),
        ("[s]\na=1\n[s]\nb=2\na=3\n", "[s]\na = 1\n\n[s]\nb = 2\na = 3\n"),
        ("[a]b]\nx=1\n[DEFAULT]\ny=1\n", "[a]b]\nx = 1\n\n[DEFAULT]\ny = 1\n"),
        ("a=1\na=2\n", "a = 2\n"),
        (
            "[s]\n- = x\n- = y\n\"q=k\" = 1\n`b:k` = 2\n\"\"\"t\"\"\" = 3\ne =\n",
            "[s]\n`#1`  = x\n`#2`  = y\n`q=k` = 1\n`b:k` = 2\nt     = 3\ne     = \n",
        ),
        ("[s]\na = x;y\nd = \"a\"b\ne = \"a\nf = 'x' # c\n", "[s]\n; y\na = x\nd = \"a\"b\ne = \"a\n; c\nf = x\n"),
        ("[s]\ng = \" sp \"\nh = a=b\ni = a:b\n", "[s]\ng = \" sp \"\nh = a=b\ni = a:b\n"),
        ("[s]\nc = `x;y`\n", "[s]\nc = `x;y`\n"),
        ("\u{feff}[s]\r\na = 1\r\n; c\r\nb = 2\r\n", "[s]\na = 1\n; c\nb = 2\n"),
        ("[empty]\n[e2]\n", "[empty]\n\n[e2]\n"),
        // Ours: a comment that nothing follows is kept, and a backslash at the end is not made a continuation.
        ("[s]\na=1\n; foot\n", "[s]\n; foot\na = 1\n"),
        // Further lines of a comment keep their mark, with one blank behind it.
        ("[s]\n#x\n;y\n#\n;  z\na = 1\n", "[s]\n; x\n; y\n# \n; z\na = 1\n"),
        ("[s]\nb = x\\#y\n", "[s]\n; y\nb = `x\\`\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(round(text), expected, "{text:?}");
    }
}

#[test]
fn bad_lines_are_told_by_number_and_never_shown() {
    let cases = [
        ("[s]\nsecret\n", "! key-value delimiter not found on line 2"),
        ("= x\n", "! empty key name on line 1"),
        ("[]\n", "! empty section name on line 1"),
        ("[s\n", "! unclosed section on line 1"),
        ("`a = 1\n", "! missing closing key quote on line 1"),
        ("a = 1\nb = `x\ny\n", "! missing closing quote of the value on line 2"),
    ];
    for (text, expected) in cases {
        assert_eq!(round(text), expected, "{text:?}");
    }
}

fn from_yaml(yaml: &str) -> String {
    let document = crate::read(yaml.as_bytes(), Format::Yaml, &ReadOptions::default()).expect("YAML");
    out(emit(&document, &EmitOptions::default()))
}

#[test]
fn other_formats_become_ini_where_they_fit() {
    let cases = [
        (
            "# s\ns:\n  # first\n  a: 1.0\n  # b\n  b: ~\n  c: true\n",
            "; s\n; first\n[s]\n; b\na = 1.0\nb = \nc = true\n",
        ),
        ("DEFAULT: {a: x}\ns: {b: y}\n", "a = x\n\n[s]\nb = y\n"),
        ("s: {a: 'x\"\"\"y'}\n", "[s]\na = x\"\"\"y\n"),
        // White space is Unicode's, as Go trims it.
        ("s: {a: \" x\", b: \"\\u2028y\"}\n", "[s]\na = \" x\"\nb = \"\u{2028}y\"\n"),
        // Ours, as all forms that the peer would not read back: it writes these plainly.
        ("s: {a: \"'q'\"}\n", "[s]\na = `'q'`\n"),
        ("s: {a: 'x\\'}\n", "[s]\na = `x\\`\n"),
        ("s: {a: '\"\"\"x'}\n", "[s]\na = `\"\"\"x`\n"),
        ("s: {a: \"x\\n`y\"}\n", "[s]\na = \"\"\"x\n`y\"\"\"\n"),
        ("a: 1\n", "! Section values should always be TreeBranches"),
        ("s: {a: [1]}\n", "! cannot use complex value in INI file; offending key a"),
        ("s: {a: \"\\\"\\\"\\\"`\\nx\"}\n", "! cannot write the value of the key `a` into an INI file"),
        ("s: {\"a\\nb\": 1}\n", "! cannot write the key `a\nb` into an INI file"),
        ("\"\": {a: 1}\n", "! cannot write the section `` into an INI file"),
    ];
    for (yaml, expected) in cases {
        assert_eq!(from_yaml(yaml), expected, "{yaml}");
    }
}

#[test]
fn extracted_values_are_texts_or_json() {
    assert_eq!(out(emit_value(&Node::text("x"), &EmitOptions::default())), "x");
    let document = read(b"[s]\na = 1\n", &ReadOptions::default()).expect("INI");
    let section = document.branches[0].value("s").expect("the section");
    assert_eq!(out(emit_value(section, &EmitOptions::default())), "{\n\t\"a\": \"1\"\n}\n");
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(prop::sample::select(&b"[]=:#;`\"'\\a \n\r\t-\xff"[..]), 0..200)) {
        if let Ok(document) = read(&bytes, &ReadOptions::default())
            && let Ok(first) = emit(&document, &EmitOptions::default())
        {
            let again = read(&first, &ReadOptions::default()).expect("our own output");
            prop_assert_eq!(emit(&again, &EmitOptions::default()).expect("our own output"), first);
        }
    }

    #[test]
    fn a_value_that_is_written_reads_back(value in "[ -~\n`\"'#;\\\\]{0,12}") {
        let mut section = crate::Branch::default();
        section.push("k", Node::text(value.as_str()));
        let mut file = crate::Branch::default();
        file.push("s", Node::Branch(section));
        if let Ok(bytes) = emit(&Document { branches: vec![file] }, &EmitOptions::default()) {
            let again = read(&bytes, &ReadOptions::default()).expect("our own output");
            let section = again.branches[0].value("s").and_then(Node::as_branch).expect("the section");
            prop_assert_eq!(section.value("k").and_then(Node::as_str), Some(value.as_str()));
        }
    }
}
