//! The YAML reader and emitter against what the peers' own programs print for the same input: `sops` 3.13.3 for SOPS'
//! dialect, sigs.k8s.io/yaml 1.6 and go.yaml.in/yaml 3.0 for the others. Where we differ on purpose, the case says so.

use proptest::prelude::*;

use super::*;
use crate::{Format, RepeatedKeys, json};

mod comments;
mod layout;
mod limits;
mod texts;

fn text(bytes: Result<Vec<u8>, Fault>) -> String {
    bytes.map_or_else(|fault| format!("! {}", fault.chain()), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn round(yaml: &str) -> String {
    text(read(yaml.as_bytes(), &ReadOptions::default()).and_then(|document| emit(&document, &EmitOptions::default())))
}

/// Checks cases, and that what we wrote we write again.
fn check(cases: &[(&str, &str)]) {
    for (yaml, expected) in cases {
        assert_eq!(round(yaml), *expected, "{yaml}");
        if !expected.starts_with('!') {
            assert_eq!(round(expected), *expected, "a second time: {yaml}");
        }
    }
}

/// The documents of a stream as JSON lines.
fn values(yaml: &str, dialect: Dialect) -> String {
    let nodes = read_values(yaml.as_bytes(), &ReadOptions { dialect, ..ReadOptions::default() });
    let lines = nodes.and_then(|nodes| {
        let lines = nodes.iter().map(|node| json::compact(node, &json::Compact::default()));
        Ok(lines.collect::<Result<Vec<_>, _>>()?.join(&b'\n'))
    });
    text(lines)
}
