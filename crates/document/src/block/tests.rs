//! The block goes into every format and comes out as it went in (SOPS §4.10, §4.11, §4.16, §4.17).

use super::*;
use crate::{EmitOptions, Numbers, ReadOptions, emit, json, read};

fn block() -> Branch {
    let text = r#"{"age":[{"enc":"-----BEGIN-----\nYWdl\n-----END-----\n","recipient":"age1x"}],"mac":"ENC[x]"}"#;
    match json::parse(text.as_bytes(), Numbers::Typed) {
        Ok(Node::Branch(branch)) => branch,
        _ => panic!("a JSON object"),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_block_stands_behind_everything_else() {
    let cases = [
        (
            Format::Yaml,
            "a: 1\n---\nb: 2\n",
            "a: 1\nsops:\n    age:\n        - enc: |\n            -----BEGIN-----\n            YWdl\n            -----END-----\n          \
             recipient: age1x\n    mac: ENC[x]\n---\nb: 2\nsops:\n    age:\n        - enc: |\n            -----BEGIN-----\n            YWdl\n            \
             -----END-----\n          recipient: age1x\n    mac: ENC[x]\n",
        ),
        (
            Format::Json,
            r#"{"a": 1}"#,
            "{\n\t\"a\": 1,\n\t\"sops\": {\n\t\t\"age\": [\n\t\t\t{\n\t\t\t\t\"enc\": \"-----BEGIN-----\\nYWdl\\n-----END-----\\n\",\n\
             \t\t\t\t\"recipient\": \"age1x\"\n\t\t\t}\n\t\t],\n\t\t\"mac\": \"ENC[x]\"\n\t}\n}\n",
        ),
        (
            Format::Dotenv,
            "A=1\n",
            "A=1\nsops_age__list_0__map_enc=-----BEGIN-----\\nYWdl\\n-----END-----\\n\nsops_age__list_0__map_recipient=age1x\nsops_mac=ENC[x]\n",
        ),
        (
            Format::Ini,
            "[s]\na = 1\n",
            "[s]\na = 1\n\n[sops]\nage__list_0__map_enc       = -----BEGIN-----\\nYWdl\\n-----END-----\\n\nage__list_0__map_recipient = age1x\n\
             mac                        = ENC[x]\n",
        ),
    ];
    for (format, plain, expected) in cases {
        let mut document = read(plain.as_bytes(), format, &ReadOptions::default()).expect("a file");
        let before = document.clone();
        put(&mut document, format, "sops", &block()).expect("a place");
        let bytes = emit(&document, format, &EmitOptions::default()).expect("a file");
        assert_eq!(text(bytes.clone()), expected);
        let mut again = read(&bytes, format, &ReadOptions::default()).expect("its own output");
        let taken = take(&mut again, format, "sops").expect("a block").expect("there is one");
        assert!(taken == block(), "{}", format.name());
        assert!(again == before, "{}", format.name());
        assert!(take(&mut again, format, "sops").expect("no fault").is_none());
    }
}

#[test]
fn ini_blocks_with_real_line_ends_read_alike() {
    let file = "[sops]\nage__list_0__map_enc = \"\"\"-----BEGIN-----\nYWdl\n-----END-----\n\"\"\"\nage__list_0__map_recipient = age1x\nmac = ENC[x]\n";
    let mut document = read(file.as_bytes(), Format::Ini, &ReadOptions::default()).expect("INI");
    let taken = take(&mut document, Format::Ini, "sops").expect("a block").expect("there is one");
    assert!(taken == block());
}

#[test]
fn a_bad_block_is_told() {
    let cases = [
        (Format::Yaml, "a: 1\nsops: 5\n", "! Found sops entry that is not a mapping"),
        (Format::Yaml, "sops: [1]\n", "! Found sops entry that is not a mapping"),
        (Format::Json, r#"{"sops": {}, "sops": {}}"#, "! Found duplicate sops entry"),
        (Format::Yaml, "a: 1\n", "none"),
        (Format::Yaml, "a: 1\n---\nsops: {}\n", "none"),
        (Format::Dotenv, "SOPS_a=1\nsops=2\n", "none"),
        (Format::Dotenv, "sops_a=1\nsops_a=2\n", "! Error while unflattening: Duplicate value at `a`"),
        (Format::Ini, "[sops]\na__list_1 = x\n", "! Error while unflattening: Incomplete list at `a list`"),
    ];
    for (format, file, expected) in cases {
        let mut document = read(file.as_bytes(), format, &ReadOptions::default()).expect("a file");
        let result = match take(&mut document, format, "sops") {
            Ok(None) => "none".to_owned(),
            Ok(Some(_)) => "some".to_owned(),
            Err(fault) => format!("! {fault}"),
        };
        assert_eq!(result, expected, "{file}");
    }
}

#[test]
fn user_data_in_the_place_of_the_block_is_never_overwritten() {
    let cases = [
        (Format::Yaml, "sops: mine\n", true),
        (Format::Yaml, "a: 1\n---\nsops: mine\n", true),
        (Format::Yaml, "a: {sops: 1}\n", false),
        (Format::Dotenv, "sops_mine=1\n", true),
        (Format::Dotenv, "sops=1\n", false),
        (Format::Ini, "[sops]\na = 1\n", true),
        (Format::Ini, "[s]\nsops = 1\n", false),
    ];
    for (format, file, is_expected) in cases {
        let mut document = read(file.as_bytes(), format, &ReadOptions::default()).expect("a file");
        assert_eq!(is_taken(&document, format, "sops"), is_expected, "{file}");
        assert_eq!(put(&mut document, format, "sops", &block()).is_err(), is_expected, "{file}");
    }
}
