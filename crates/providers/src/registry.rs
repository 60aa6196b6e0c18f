//! The tables that everything about providers is read off. A provider is one file and one line here.

use base::Fault;
use serde_json::Value;

use crate::row::{GeneratorRow, Row, TextDoor};
use crate::{generators, stores};

/// All places that hold values, by name.
pub const STORES: &[&Row] = &[
    &stores::aws::ROW,
    &stores::echo::ROW,
    &stores::envsubst::ROW,
    &stores::exec::ROW,
    &stores::fake::ROW,
    &stores::file::ROW,
    &stores::kubernetes::ROW,
    &stores::openbao::ROW,
    &stores::sops::ROW,
    &stores::vault::ROW,
];

/// The generators that are built, by kind.
pub const GENERATORS: &[&GeneratorRow] = &[
    &generators::fake::ROW,
    &generators::password::ROW,
    &generators::uuid::ROW,
    &generators::vault_dynamic_secret::ROW,
];

/// The row and the settings of a store's `spec.provider`, which has exactly one key.
///
/// # Errors
/// There is no key, or several, or one that nobody knows.
pub fn store(provider: &Value) -> Result<(&'static Row, &Value), Fault> {
    let entries: Vec<(&String, &Value)> = provider.as_object().into_iter().flatten().collect();
    let [(key, settings)] = entries[..] else {
        return Err(Fault::wrong("a store needs exactly one provider")
            .hint("`spec.provider` takes one key, such as `vault` or `aws`"));
    };
    let row = STORES.iter().find(|row| row.keys.contains(&key.as_str()));
    row.map(|row| (*row, settings)).ok_or_else(|| {
        Fault::wrong(format!("provider not available: `{key}`")).hint("`keywright reference providers` lists them")
    })
}

/// The door of a scheme.
#[must_use]
pub fn scheme(scheme: &str) -> Option<&'static TextDoor> {
    STORES.iter().flat_map(|row| row.references).find(|door| door.scheme == scheme)
}

/// The row of a generator's kind.
#[must_use]
pub fn generator(kind: &str) -> Option<&'static GeneratorRow> {
    GENERATORS.iter().find(|row| row.kind == kind).copied()
}

#[cfg(test)]
mod tests;
