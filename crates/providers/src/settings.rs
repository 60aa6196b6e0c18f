//! A provider's settings, from the raw value of its key in `spec.provider` to the provider's own type; and what most settings
//! hold. Specification: design §9.

use base::{Fault, Tenant};
use serde::de::DeserializeOwned;
use serde_json::Value;
use template::pattern::compile;

/// Reads settings into a provider's type.
///
/// # Errors
/// A field is unknown, missing or of the wrong type; serde's sentence names it. Settings hold no values.
pub fn read<T: DeserializeOwned>(provider: &str, settings: &Value) -> Result<T, Fault> {
    T::deserialize(settings).map_err(|error| {
        Fault::wrong(format!("cannot understand the settings of provider `{provider}`")).because(error)
    })
}

/// Settings that admission judges before anybody opens them.
pub trait Checked: DeserializeOwned {
    /// The provider that they are of, in messages.
    const PROVIDER: &'static str;

    /// What is wrong with them for a tenant.
    fn check(&self, tenant: &Tenant) -> Vec<Fault>;
}

/// What admission finds wrong with raw settings: a row's `check`.
pub fn check<T: Checked>(settings: &Value, tenant: &Tenant) -> Vec<Fault> {
    match read::<T>(T::PROVIDER, settings) {
        Ok(settings) => settings.check(tenant),
        Err(fault) => vec![fault],
    }
}

/// Reads settings in which admission finds nothing wrong, for whoever opens them.
///
/// # Errors
/// As [`read`], or the first thing that is wrong.
pub fn checked<T: Checked>(settings: &Value, tenant: &Tenant) -> Result<T, Fault> {
    let settings: T = read(T::PROVIDER, settings)?;
    match settings.check(tenant).into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(settings),
    }
}

/// A regular expression of the user's, in Go's syntax.
pub struct Pattern(regex::bytes::Regex);

impl Pattern {
    /// Whether it is found in the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}

/// Reads a regular expression of the user's.
///
/// # Errors
/// It does not compile; the sentence is one line, because it becomes a condition's.
pub fn pattern(text: &str) -> Result<Pattern, Fault> {
    let attempt = || Fault::wrong(format!("cannot compile the expression `{text}`"));
    compile(text).map(Pattern).map_err(|error| attempt().because(error))
}
