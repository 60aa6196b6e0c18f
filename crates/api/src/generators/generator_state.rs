//! GeneratorState: what a generator left behind, and when it is to be given back. Both its parts are other people's JSON.
//! Specification: ESO §5.6, §6.13.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use crate::meta::Time;
use crate::shape;

/// The generator, its state, and its end.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "GeneratorState",
    plural = "generatorstates",
    shortname = "gs",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorStateSpec {
    /// When the state is given back.
    pub garbage_collection_deadline: Option<Time>,
    /// A copy of the generator's manifest.
    #[schemars(with = "shape::AnyJson")]
    pub resource: Value,
    /// What the generator needs to give it back.
    #[schemars(with = "shape::AnyJson")]
    pub state: Value,
}

impl GeneratorState {
    /// When it is to be given back, if it is known yet.
    pub fn deadline(&self) -> Option<base::Timestamp> {
        self.spec.garbage_collection_deadline.as_ref().map(|time| time.0)
    }
}
