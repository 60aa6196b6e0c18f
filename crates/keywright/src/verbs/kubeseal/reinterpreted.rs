//! Which texts of a Secret YAML has changed on the way: an unquoted `010` is `8`, an unquoted `no` is `false`. The peer seals
//! the changed value without a word. A reader's guess, since the tree does not say how a value was written: a value that is
//! no text in YAML and does not stand behind its key in the input as it is now. Specification: SS §9.3 ("better").

use document::{Branch, Key, Node, Scalar};
use regex::Regex;

use super::manifest;

/// Where a Secret has texts that people write.
const FIELDS: [&[&str]; 3] = [&["stringData"], &["metadata", "labels"], &["metadata", "annotations"]];

/// The fields whose value was changed, such as `stringData.pin`. Never a value.
pub fn fields(input: &[u8], secret: &Branch) -> Vec<String> {
    let Ok(input) = std::str::from_utf8(input) else { return Vec::new() };
    let mut changed = Vec::new();
    for path in FIELDS {
        let found = path.iter().try_fold(secret, |branch, name| manifest::mapping(branch, name).ok().flatten());
        for (key, node) in found.iter().flat_map(|branch| branch.entries()) {
            let place = format!("{}.{}", path.join("."), key.as_str());
            if matches!(key, Key::Other(..)) && !is_written(input, "", key.as_str()) {
                changed.push(format!("the key `{place}`"));
            } else if is_changed(input, key.as_str(), node) {
                changed.push(format!("`{place}`"));
            }
        }
    }
    changed
}

fn is_changed(input: &str, key: &str, node: &Node) -> bool {
    if !matches!(
        node,
        Node::Leaf(Scalar::Bool(_) | Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_) | Scalar::Number(_))
    ) {
        return false;
    }
    let text = manifest::as_text(node).and_then(|text| text.to_text());
    text.is_some_and(|text| !is_written(input, key, text.expose()))
}

/// Whether `key: text` stands in the input; without a key, whether `text:` does.
fn is_written(input: &str, key: &str, text: &str) -> bool {
    let (key, text) = (regex::escape(key), regex::escape(text));
    let pattern = if key.is_empty() {
        format!("(?m)(?:^|[\\s{{,\"'])(?:{text})[\"']?\\s*:")
    } else {
        format!("{key}[\"']?\\s*:\\s*(?:&\\S+\\s+)?{text}\\s*(?:$|[#,}}\\r\\n])")
    };
    // A key that makes no pattern is none that YAML has changed.
    Regex::new(&pattern).map_or(true, |pattern| pattern.is_match(input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_values_and_keys_are_told_and_others_are_not() {
        for (line, told) in [
            ("pin: 010", "`stringData.pin`"),
            ("pin: 0x1F", "`stringData.pin`"),
            ("pin: 1_000", "`stringData.pin`"),
            ("pin: 1.50", "`stringData.pin`"),
            ("pin: 123456789.123456789", "`stringData.pin`"),
            ("pin: no", "`stringData.pin`"),
            ("n: x", "the key `stringData.false`"),
            ("010: x", "the key `stringData.8`"),
            ("pin: 5", ""),
            ("pin: 5 # five", ""),
            ("pin: true", ""),
            ("pin: 1.5", ""),
            ("\"pin\": 5", ""),
            ("8: x", ""),
            ("pin: '010'", ""),
            ("pin: 2020-01-01", ""),
            ("pin: 1:30", ""),
            ("pin: ~", ""),
        ] {
            let input = format!("metadata: {{name: a}}\nstringData:\n  {line}\n");
            let secrets = manifest::read_all(input.as_bytes(), "Secret").expect("a test's own manifest");
            assert_eq!(fields(input.as_bytes(), &secrets[0]).join(" "), told, "{line}");
        }
    }

    #[test]
    fn json_and_flow_style_are_read_alike() {
        for (input, told) in [
            (r#"{"metadata":{"name":"a"},"stringData":{"pin":5,"x":true}}"#, ""),
            ("{metadata: {name: a, labels: {a: yes}}, stringData: {pin: 5, x: 1}}", "`metadata.labels.a`"),
        ] {
            let secrets = manifest::read_all(input.as_bytes(), "Secret").expect("a test's own manifest");
            assert_eq!(fields(input.as_bytes(), &secrets[0]).join(" "), told, "{input}");
        }
    }
}
