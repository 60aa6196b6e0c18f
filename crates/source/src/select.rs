//! A value out of what was read: the rules that most providers share for JSON secrets. What a provider does differently
//! stands in its own file. Nothing here fetches. Specification: ESO §6.4 (JSON object → map), §10.2, §10.5; VALS §5.4.

use std::collections::BTreeMap;

use base::{Fault, SecretBytes, SecretMap, SecretText, SecretValue};
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
    let object: BTreeMap<String, &RawValue> = serde_json::from_slice(json).ok()?;
    let entries = object.into_iter().map(|(key, raw)| {
        let text = raw.get();
        let value = if text.starts_with('"') {
            serde_json::from_str::<String>(text).map(SecretBytes::from).ok()
        } else {
            Some(SecretBytes::from(text))
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
            let mut text = String::new();
            json_text(value, &mut text);
            SecretBytes::from(text)
        }
    }
}

/// A whole Secret as one JSON object of texts, keys sorted, no HTML escaping (push without `secretKey`, ESO §6.4).
///
/// # Errors
/// A value is not text, so JSON cannot hold it.
pub fn object_of(data: &SecretMap) -> Result<SecretBytes, Fault> {
    let mut text = String::from("{");
    for (place, (key, value)) in data.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        let value = std::str::from_utf8(value.expose())
            .map_err(|_| Fault::wrong(format!("the value of key `{key}` is not text, so JSON cannot hold it")))?;
        text.push_str(&quoted(key));
        text.push(':');
        text.push_str(&quoted(value));
    }
    text.push('}');
    Ok(SecretBytes::from(text))
}

fn json_text(value: &SecretValue, text: &mut String) {
    match value {
        SecretValue::List(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                json_text(value, text);
            }
            text.push(']');
        }
        SecretValue::Map(entries) => {
            let sorted: BTreeMap<&String, &SecretValue> = entries.iter().map(|(key, value)| (key, value)).collect();
            text.push('{');
            for (place, (key, value)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&go_quoted(key));
                text.push(':');
                json_text(value, text);
            }
            text.push('}');
        }
        SecretValue::Null => text.push_str("null"),
        SecretValue::Bool(_) | SecretValue::Number(_) => {
            text.push_str(&String::from_utf8_lossy(bytes(value).expose()));
        }
        SecretValue::Text(inner) => text.push_str(&go_quoted(inner.expose())),
        SecretValue::Bytes(inner) => text.push_str(&go_quoted(&String::from_utf8_lossy(inner.expose()))),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as Go's `encoding/json` quotes it: `<`, `>` and `&` escaped, and the two line separators of JavaScript.
#[must_use]
pub fn go_quoted(text: &str) -> String {
    quoted(text)
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests;
