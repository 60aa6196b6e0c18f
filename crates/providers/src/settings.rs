//! A provider's settings, from the raw value of its key in `spec.provider` to the provider's own type; and what most settings
//! hold. Specification: design §9.

use base::{Fault, Tenant};
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

/// Reads a regular expression of the user's.
///
/// # Errors
/// It does not compile.
pub fn pattern(text: &str) -> Result<Regex, Fault> {
    Regex::new(text).map_err(|error| Fault::wrong(format!("cannot compile the expression `{text}`")).because(error))
}
