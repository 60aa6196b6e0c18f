//! Generators: what makes values instead of reading them, one file a kind. The names that the API has for all kinds stand in
//! `api::generators`; a kind without a file here is refused on the object that asks for it. Specification: ESO §11.

pub mod fake;
pub mod password;
pub mod uuid;
pub mod vault_dynamic_secret;

use base::Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a generator's `spec` into its own type.
fn read<T: DeserializeOwned>(kind: &str, spec: &Value) -> Result<T, Fault> {
    T::deserialize(spec).map_err(|error| Fault::wrong(format!("cannot understand the spec of a {kind}")).because(error))
}
