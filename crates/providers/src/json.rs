//! Selecting from payloads whose value is one text, JSON more often than not: the default of most providers.

use base::{Fault, SecretBytes, SecretMap, SecretValue};
use source::{Locator, Payload, select as rules};

/// The whole value, or a property of it: exact key first, then a gjson path.
///
/// # Errors
/// There is no such property.
pub fn select(at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
    let Payload::Bytes(bytes) = payload else { return Err(unexpected(at)) };
    match property.filter(|property| !property.is_empty()) {
        None => Ok(SecretValue::Bytes(bytes.clone())),
        Some(property) => rules::property(bytes.expose(), property)
            .ok_or_else(|| Fault::wrong(format!("key {property} does not exist in secret {}", at.key))),
    }
}

/// The entries of the value, or of a property of it.
///
/// # Errors
/// It is no JSON object, or there is no such property.
pub fn entries(at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
    let value = rules::bytes(&select(at, payload, property)?);
    rules::entries(value.expose()).ok_or_else(|| {
        Fault::wrong(format!("unable to unmarshal secret {}: it is no JSON object", at.key))
            .hint("use `data` for a secret that is one value")
    })
}

/// Whether a value is there that was asked for: the whole one, or a property of it.
#[must_use]
pub fn holds(value: &SecretBytes, property: Option<&str>) -> bool {
    property.is_none_or(|property| rules::property(value.expose(), property).is_some())
}

fn unexpected(at: &Locator) -> Fault {
    Fault::bug(format!("the payload of `{}` has the wrong form", at.key))
}
