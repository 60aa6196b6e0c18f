//! Secrets and ConfigMaps: keys, the 1 MiB, what a Secret's type asks for, and what may not change any more.
//! Also what the server does to a Secret on its way in: `stringData` becomes `data`, and no type is `Opaque`.
//! Specification: ESO §15, §6.5, SS §11.3.

use base::SecretBytes;
use base::encoding::Base64;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::name;
use crate::kinds::Kind;
use crate::refusal::{Cause, Refusal};
use crate::store::Fields;

/// `data` (and `binaryData`) of one object, decoded.
const DATA_BYTES: usize = 1024 * 1024;

const IMMUTABLE: &str = "field is immutable when `immutable` is set";

/// What the server does to any object on its way in: nulls go, and of Secrets and ConfigMaps empty maps, too; a Secret's
/// `stringData` moves into `data`, and what is no base64 is refused, as decoding the object does.
pub fn receive(kind: &Kind, fields: &mut Fields) -> Result<(), Refusal> {
    fields.retain(|_, value| !value.is_null());
    if !kind.group.is_empty() || !matches!(kind.kind.as_str(), "Secret" | "ConfigMap") {
        return Ok(());
    }
    let (bytes, texts) = if kind.kind == "Secret" { ("data", "stringData") } else { ("binaryData", "data") };
    decode(&kind.kind, fields, bytes, true)?;
    decode(&kind.kind, fields, texts, false)?;
    if kind.kind == "Secret" {
        fold_string_data(fields);
    }
    fields.retain(|key, value| key == "metadata" || value.as_object().is_none_or(|map| !map.is_empty()));
    Ok(())
}

/// Refuses values that are no texts, or (of bytes) no base64, in the words of Go's decoder.
fn decode(kind: &str, fields: &Fields, part: &str, is_bytes: bool) -> Result<(), Refusal> {
    for value in map(fields, part).into_iter().flat_map(Map::values) {
        let wrong = match value {
            Value::String(text) if is_bytes => match Base64::Standard.decode_or_place(text.as_bytes()) {
                Ok(_) => continue,
                Err(illegal) => illegal.to_string(),
            },
            Value::String(_) | Value::Null => continue,
            other => {
                let (found, wanted) = (go_kind(other), if is_bytes { "[]uint8" } else { "string" });
                format!("json: cannot unmarshal {found} into Go struct field {kind}.{part} of type {wanted}")
            }
        };
        return Err(Refusal::bad_request(format!("{kind} in version \"v1\" cannot be handled as a {kind}: {wrong}")));
    }
    Ok(())
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::Array(_) => "array",
        _ => "object",
    }
}

fn fold_string_data(fields: &mut Fields) {
    if fields.get("type").and_then(Value::as_str).is_none_or(str::is_empty) {
        fields.insert("type".to_owned(), Value::from("Opaque"));
    }
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    for (key, text) in texts {
        let bytes = text.as_str().unwrap_or_default().as_bytes();
        data[key] = Value::from(Base64::Standard.encode(bytes));
    }
}

pub fn check_secret(new: &Fields, old: Option<&Fields>) -> Vec<Cause> {
    let data = map(new, "data");
    let mut causes = check_keys("data", data);
    if data.map_or(0, size) > DATA_BYTES {
        causes.push(Cause::too_long("data", DATA_BYTES));
    }
    causes.extend(check_type(new, data));
    let Some(old) = old else { return causes };
    if new.get("type") != old.get("type") {
        let kind = new.get("type").and_then(Value::as_str).unwrap_or_default();
        causes.push(Cause::invalid("type", kind, "field is immutable"));
    }
    causes.extend(check_frozen(new, old, &["data"]));
    causes
}

pub fn check_config_map(new: &Fields, old: Option<&Fields>) -> Vec<Cause> {
    let (data, binary) = (map(new, "data"), map(new, "binaryData"));
    let mut causes = check_keys("data", data);
    causes.extend(check_keys("binaryData", binary));
    for key in data.into_iter().flat_map(Map::keys).filter(|key| binary.is_some_and(|binary| binary.contains_key(*key)))
    {
        let field = format!("data[{key}]");
        causes.push(Cause::invalid(field, key, "duplicate of key present in binaryData"));
    }
    let texts: usize = data.into_iter().flat_map(Map::values).filter_map(Value::as_str).map(str::len).sum();
    if texts + binary.map_or(0, size) > DATA_BYTES {
        causes.push(Cause::too_long("[]", DATA_BYTES));
    }
    causes.extend(old.into_iter().flat_map(|old| check_frozen(new, old, &["data", "binaryData"])));
    causes
}

/// What stays as it is once `immutable` is set; `immutable` itself first.
fn check_frozen(new: &Fields, old: &Fields, parts: &[&str]) -> Vec<Cause> {
    if old.get("immutable") != Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let mut causes = Vec::new();
    if new.get("immutable") != Some(&Value::Bool(true)) {
        causes.push(Cause::forbidden("immutable", IMMUTABLE));
    }
    let empty = Map::new();
    let of = |fields: &Fields, part: &str| map(fields, part).unwrap_or(&empty).clone();
    let changed = parts.iter().filter(|part| of(new, part) != of(old, part));
    causes.extend(changed.map(|part| Cause::forbidden(*part, IMMUTABLE)));
    causes
}

fn check_keys(field: &str, data: Option<&Map<String, Value>>) -> Vec<Cause> {
    let keys = data.into_iter().flat_map(Map::keys);
    let wrong = keys.flat_map(|key| name::config_key(key).into_iter().map(move |why| (key, why)));
    wrong.map(|(key, why)| Cause::invalid(format!("{field}[{key}]"), key, &why)).collect()
}

/// What a Secret's type asks of its data.
fn check_type(new: &Fields, data: Option<&Map<String, Value>>) -> Vec<Cause> {
    let has = |key: &str| data.is_some_and(|data| data.contains_key(key));
    let missing = |keys: &[&str]| -> Vec<Cause> {
        let absent = keys.iter().filter(|key| !has(key));
        absent.map(|key| Cause::required(format!("data[{key}]"), "")).collect()
    };
    match new.get("type").and_then(Value::as_str).unwrap_or_default() {
        "kubernetes.io/tls" => missing(&["tls.crt", "tls.key"]),
        "kubernetes.io/ssh-auth" => missing(&["ssh-privatekey"]),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => missing(&["username", "password"]),
        "kubernetes.io/dockerconfigjson" => check_json(".dockerconfigjson", data),
        "kubernetes.io/dockercfg" => check_json(".dockercfg", data),
        "kubernetes.io/service-account-token" => {
            let field = "metadata.annotations[kubernetes.io/service-account.name]";
            let named = new["metadata"]["annotations"]["kubernetes.io/service-account.name"].as_str();
            if named.is_none_or(str::is_empty) { vec![Cause::required(field, "")] } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

fn check_json(key: &str, data: Option<&Map<String, Value>>) -> Vec<Cause> {
    let field = format!("data[{key}]");
    let Some(value) = data.and_then(|data| data.get(key)) else {
        return vec![Cause::required(field, "")];
    };
    let decoded = Base64::Standard.decode(value.as_str().unwrap_or_default().as_bytes());
    let bytes = decoded.as_ref().map(SecretBytes::expose).unwrap_or_default();
    if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        return Vec::new();
    }
    vec![Cause::invalid(field, "<secret contents redacted>", &not_json(bytes))]
}

/// Go's words for text that does not begin as JSON does; where it breaks later they are less exact.
fn not_json(bytes: &[u8]) -> String {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => "unexpected end of JSON input".to_owned(),
        Some(first) if b"{[\"-0123456789tfn".contains(first) => "invalid character in JSON text".to_owned(),
        Some(first) => format!("invalid character '{}' looking for beginning of value", char::from(*first)),
    }
}

fn map<'a>(fields: &'a Fields, part: &str) -> Option<&'a Map<String, Value>> {
    fields.get(part).and_then(Value::as_object)
}

/// Bytes of all values once decoded, told from the length of their text.
fn size(data: &Map<String, Value>) -> usize {
    let texts = data.values().filter_map(Value::as_str);
    texts.map(|text| text.len() / 4 * 3 - text.bytes().rev().take_while(|letter| *letter == b'=').count()).sum()
}
