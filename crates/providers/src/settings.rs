//! A provider's settings, from the raw value of its key in `spec.provider` to the provider's own type; and what most settings
//! hold. Specification: design §9.

use base::Fault;
use regex::Regex;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads settings into a provider's type.
///
/// # Errors
/// A field is unknown, missing or of the wrong type; serde's sentence names it. Settings hold no values.
pub fn read<T: DeserializeOwned>(provider: &str, settings: &Value) -> Result<T, Fault> {
    T::deserialize(settings).map_err(|error| {
        Fault::wrong(format!("cannot understand the settings of provider `{provider}`")).because(error)
    })
}

/// Reads a regular expression of the user's.
///
/// # Errors
/// It does not compile.
pub fn pattern(text: &str) -> Result<Regex, Fault> {
    Regex::new(text).map_err(|error| Fault::wrong(format!("cannot compile the expression `{text}`")).because(error))
}
