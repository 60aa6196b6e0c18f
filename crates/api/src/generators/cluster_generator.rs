//! ClusterGenerator: a generator of any kind for every namespace. Its settings stay raw, as a store's do.
//! Specification: ESO §5.6.

use std::collections::BTreeMap;

use base::Fault;
use kube_derive::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::GENERATORS;
use crate::meta::object_ref;
use crate::shape;

/// The kind of the generator, and its settings.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "ClusterGenerator",
    plural = "clustergenerators",
    category = "external-secrets",
    category = "external-secrets-generators",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
pub struct ClusterGeneratorSpec {
    /// The kind of the generator.
    #[schemars(schema_with = "kinds")]
    pub kind: String,
    /// Its settings: exactly one key, that of the kind.
    #[schemars(with = "shape::AnyObject")]
    pub generator: BTreeMap<String, Value>,
}

/// The kinds that a ClusterGenerator can be.
fn kinds(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": GENERATORS.map(|generator| generator.kind) })
}

impl ClusterGenerator {
    /// The kind of the generator, and the settings that it would have as an object of that kind.
    ///
    /// # Errors
    /// There is no such kind, or the settings are those of another kind.
    pub fn generator(&self) -> Result<(&'static str, &Value), Fault> {
        let wrong = |cause: String| {
            Fault::wrong(format!("cannot read `spec.generator` of {}", object_ref(self))).because(cause)
        };
        let kind = &self.spec.kind;
        let Some(row) = GENERATORS.iter().find(|row| row.kind == kind) else {
            return Err(wrong(format!("there is no generator of kind {kind}")));
        };
        let settings = self.spec.generator.get(row.field);
        settings
            .map(|settings| (row.kind, settings))
            .ok_or_else(|| wrong(format!("kind {kind} needs the field {}", row.field)))
    }
}
