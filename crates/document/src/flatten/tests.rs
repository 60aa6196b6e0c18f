//! Flat names and back (SOPS §4.12).

use super::*;
use crate::{EmitOptions, Format, Numbers, emit_value, json};

fn branch(text: &str) -> Branch {
    match json::parse(text.as_bytes(), Numbers::Typed) {
        Ok(Node::Branch(branch)) => branch,
        _ => panic!("a JSON object"),
    }
}

fn flat(text: &str) -> Result<Vec<String>, String> {
    let flat = flatten(&branch(text)).map_err(|fault| fault.to_string())?;
    let line = |(key, scalar): (String, Scalar)| format!("{key}={}", String::from_utf8_lossy(&scalar.as_environment()));
    Ok(flat.into_iter().map(line).collect())
}

fn tree(lines: &[&str]) -> String {
    let entries = lines.iter().map(|line| {
        let (key, value) = line.split_once('=').expect("a line with `=`");
        (key.to_owned(), Scalar::Text(value.into()))
    });
    match unflatten(entries) {
        Ok(branch) => {
            let compact =
                json::compact(&Node::Branch(branch), &json::Compact { is_sorted: false, ..Default::default() });
            String::from_utf8_lossy(&compact.expect("JSON")).into_owned()
        }
        Err(fault) => format!("! {fault}"),
    }
}

#[test]
fn nested_names_are_joined_and_sorted() {
    let text = r#"{"version":"3","kms":[{"arn":"x","context":{"env":"p"}}],"key_groups":[{"pgp":[]},{"pgp":[{"fp":"F"}]}],
        "mac_only_encrypted":true,"mac":"m","empty":{}}"#;
    let expected = [
        "key_groups__list_1__map_pgp__list_0__map_fp=F",
        "kms__list_0__map_arn=x",
        "kms__list_0__map_context__map_env=p",
        "mac=m",
        "mac_only_encrypted=true",
        "version=3",
    ];
    assert_eq!(flat(text).expect("flat"), expected);
}

#[test]
fn two_leaves_of_one_name_collide() {
    let text = r#"{"kms":{"a__map_b":"1","a":{"b":"2"}}}"#;
    assert_eq!(flat(text), Err("Found key collision at `kms__map_a__map_b`".to_owned()));
}

#[test]
fn flat_names_make_a_tree_again() {
    let cases: [(&[&str], &str); 10] = [
        (&["a=1", "b__map_c=2", "b__map_d__list_0=3"], r#"{"a":"1","b":{"c":"2","d":["3"]}}"#),
        (&["l__list_1__map_x=2", "l__list_0__map_x=1"], r#"{"l":[{"x":"1"},{"x":"2"}]}"#),
        (&["l__list_0__list_0=1"], r#"{"l":[["1"]]}"#),
        (&[], "{}"),
        (&["a=1", "a=2"], "! Error while unflattening: Duplicate value at `a`"),
        (&["a=1", "a__map_b=2"], "! Error while unflattening: Type mismatch at `a__map_b`"),
        (&["a__map_b=2", "a=1"], "! Error while unflattening: Duplicate value at `a`"),
        (&["a__map_b=2", "a__list_0=1"], "! Error while unflattening: Type mismatch at `a__list_0`"),
        (&["a__list_1=1"], "! Error while unflattening: Incomplete list at `a list`"),
        (&["a__list_x=1"], "! Error while unflattening: invalid list index at `a__list_x`"),
    ];
    for (lines, expected) in cases {
        assert_eq!(tree(lines), expected, "{lines:?}");
    }
}

#[test]
fn a_huge_index_costs_no_memory_and_depth_is_limited() {
    assert!(tree(&["a__list_18446744073709551615=1"]).starts_with("! Error while unflattening: Incomplete list"));
    let deep = format!("a{}=1", "__map_b".repeat(limit::DEPTH + 1));
    assert!(tree(&[&deep]).starts_with("! a flat name nests deeper than"));
}

#[test]
fn unflatten_undoes_flatten() {
    let text =
        r#"{"age":[{"enc":"a\nb","recipient":"r"}],"kms":[{"context":{"x":"1","y":"2"}},{"arn":"z"}],"mac":"m"}"#;
    let tree = unflatten(flatten(&branch(text)).expect("flat")).expect("a tree");
    assert!(tree == branch(text));
    let out = emit_value(&Node::Branch(tree), Format::Json, &EmitOptions::default()).expect("JSON");
    assert!(out.ends_with(b"}\n"));
}
