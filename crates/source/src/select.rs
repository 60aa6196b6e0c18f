//! A value out of what was read: the rules that most providers share for JSON secrets. What a provider does differently
//! stands in its own file. Nothing here fetches. Specification: ESO §6.4 (JSON object → map), §10.2, §10.5; VALS §5.4.

use std::collections::BTreeMap;

use base::{Fault, SecretBytes, SecretMap, SecretText, SecretValue};
use document::json::{Compact, compact_value};
use document::{Element, Node, Scalar};
use serde_json::value::RawValue;

/// A property of a JSON secret: a key of that very name first (dots in it count as they stand), then a gjson path.
/// `None` where there is no such thing, or the payload is no JSON.
#[must_use]
pub fn property(json: &[u8], property: &str) -> Option<SecretValue> {
    let text = std::str::from_utf8(json).ok().filter(|text| gjson::valid(text))?;
    exact(text, property).or_else(|| gjson_path(text, property))
}

/// A key of that very name of a JSON object.
#[must_use]
pub fn exact(json: &str, key: &str) -> Option<SecretValue> {
    let path = escaped(key);
    let found = gjson::get(json, &path);
    found.exists().then(|| value(&found))
}

/// A gjson path.
#[must_use]
pub fn gjson_path(json: &str, path: &str) -> Option<SecretValue> {
    let found = gjson::get(json, path);
    found.exists().then(|| value(&found))
}

/// Every character that gjson reads as an operator, escaped.
fn escaped(key: &str) -> String {
    let mut path = String::with_capacity(key.len() + 4);
    for character in key.chars() {
        if !(character.is_alphanumeric() || matches!(character, '_' | '-' | ' ' | ':') || character as u32 > 0x7f) {
            path.push('\\');
        }
        path.push(character);
    }
    path
}

/// Texts without their quotes; everything else as it is written, so that `1.50` stays `1.50`.
fn value(found: &gjson::Value<'_>) -> SecretValue {
    match found.kind() {
        gjson::Kind::Null => SecretValue::Null,
        gjson::Kind::False => SecretValue::Bool(false),
        gjson::Kind::True => SecretValue::Bool(true),
        gjson::Kind::Number => SecretValue::Number(SecretText::from(found.json())),
        gjson::Kind::String => SecretValue::text(found.str()),
        gjson::Kind::Array | gjson::Kind::Object => SecretValue::Bytes(SecretBytes::from(found.json())),
    }
}

/// The entries of a JSON object: texts without their quotes, every other value in its own bytes. `None` for anything else.
#[must_use]
pub fn entries(json: &[u8]) -> Option<SecretMap> {
    entries_with(json, "null")
}

/// The same as Vault's values become bytes: nothing for null (ESO §6.4).
#[must_use]
pub fn fields(json: &[u8]) -> Option<SecretMap> {
    entries_with(json, "")
}

fn entries_with(json: &[u8], null: &str) -> Option<SecretMap> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_slice(json).ok()?;
    let entries = object.into_iter().map(|(key, raw)| {
        let text = raw.get();
        let value = if text.starts_with('"') {
            serde_json::from_str::<String>(text).map(SecretBytes::from).ok()
        } else {
            Some(SecretBytes::from(if text == "null" { null } else { text }))
        };
        value.map(|value| (key, value))
    });
    entries.collect()
}

/// The bytes of a value, as a Secret holds them (ESO §6.4): texts as they are, nothing for null, numbers as written.
#[must_use]
pub fn bytes(value: &SecretValue) -> SecretBytes {
    match value {
        SecretValue::Null => SecretBytes::default(),
        SecretValue::Bool(true) => SecretBytes::from("true"),
        SecretValue::Bool(false) => SecretBytes::from("false"),
        SecretValue::Number(text) | SecretValue::Text(text) => SecretBytes::from(text.expose()),
        SecretValue::Bytes(bytes) => bytes.clone(),
        SecretValue::List(_) | SecretValue::Map(_) => {
            let style = Compact { is_sorted: true, escapes_html: true, is_lossy: true };
            compact_value(value, &style).map(SecretBytes::new).unwrap_or_default()
        }
    }
}

/// A whole Secret as one JSON object of texts, keys sorted, no HTML escaping (push without `secretKey`, ESO §6.4).
///
/// # Errors
/// A value is not text, so JSON cannot hold it.
pub fn object_of(data: &SecretMap) -> Result<SecretBytes, Fault> {
    let entry = |(key, value): (&String, &SecretBytes)| {
        let text = value.to_text();
        let missing = || Fault::wrong(format!("the value of key `{key}` is not text, so JSON cannot hold it"));
        Ok((key.clone(), SecretValue::Text(text.ok_or_else(missing)?)))
    };
    let entries: Result<Vec<(String, SecretValue)>, Fault> = data.iter().map(entry).collect();
    let style = Compact { is_sorted: true, escapes_html: false, is_lossy: false };
    compact_value(&SecretValue::Map(entries?), &style).map(SecretBytes::new)
}

/// A value inside a document, by the steps of a reference's fragment; `None` where a key is not there. Elements of lists are
/// counted from 0, which the peer cannot.
///
/// # Errors
/// A step leads into a single value, or into a list and is no place of it.
pub fn fragment<'a>(root: &'a Node, steps: &[String]) -> Result<Option<&'a Node>, Fault> {
    let mut node = root;
    for (index, step) in steps.iter().enumerate() {
        let next = match node {
            Node::Branch(branch) => branch.entries().find(|(key, _)| key.as_str() == step).map(|(_, node)| node),
            Node::List(elements) => {
                let Ok(place) = step.parse() else { return Err(no_map(steps, index, node)) };
                let mut nodes = elements.iter().filter_map(Element::as_node);
                nodes.nth(place)
            }
            Node::Leaf(Scalar::Null) => None,
            Node::Leaf(_) => return Err(no_map(steps, index, node)),
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

/// In the peer's words, but with the type only: what is found there may be a secret.
fn no_map(steps: &[String], index: usize, found: &Node) -> Fault {
    let (at, before) = index.checked_sub(1).map_or((0, ""), |at| (at, steps[at].as_str()));
    let (steps, found) = (steps.join(" "), found.type_name());
    Fault::wrong(format!("unexpected type of value for key at {at}={before} in [{steps}]: expected a map, got {found}"))
}

#[cfg(test)]
mod tests;
