//! SealedSecret: a Secret that only its cluster can open, and the template of the Secret it becomes.
//! Sealing is `seal`, what becomes of it is `plan/sealed_secret`. Specification: SS §3, §8.

pub mod names;

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use crate::meta::{Condition, Labels, ObjectMeta};
use crate::shape;

/// The sealed values, and what the Secret looks like.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bitnami.com",
    version = "v1alpha1",
    kind = "SealedSecret",
    plural = "sealedsecrets",
    namespaced,
    status = "SealedSecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["encryptedData"]))]
pub struct SealedSecretSpec {
    /// Sealed values by key, as base64. What is no text counts as an empty one, which no key opens.
    #[serde(default, deserialize_with = "texts")]
    #[schemars(default = "shape::no_default", extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub encrypted_data: BTreeMap<String, String>,
    /// A whole Secret in one sealed value, as clients before 0.7 wrote it.
    #[schemars(with = "Option<shape::Bytes>")]
    pub data: Option<String>,
    /// What the Secret looks like besides its values.
    pub template: Option<SecretTemplate>,
}

/// Metadata, type and templates of the Secret.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretTemplate {
    /// Metadata of the Secret.
    #[schemars(schema_with = "open_metadata")]
    #[serde(default)]
    pub metadata: Option<ObjectMeta>,
    /// The type of the Secret.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// Whether the Secret is immutable.
    pub immutable: Option<bool>,
    /// Templates by key; null removes a value.
    #[schemars(schema_with = "nullable_texts")]
    #[serde(default)]
    pub data: Option<BTreeMap<String, Option<String>>>,
}

/// What became of it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealedSecretStatus {
    /// The generation that was unsealed last.
    pub observed_generation: Option<i64>,
    /// Synced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::SealedSecretCondition>")]
    pub conditions: Vec<Condition>,
}

/// The schema preserves unknown fields, so numbers and the like can be stored; a reader must not fail on them (SS §3.1).
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values: Option<BTreeMap<String, Value>> = Option::deserialize(deserializer)?;
    let text = |value| if let Value::String(text) = value { text } else { String::new() };
    Ok(values.unwrap_or_default().into_iter().map(|(key, value)| (key, text(value))).collect())
}

/// Five fields are named; older kubeseal files carry more, and all are kept.
fn open_metadata(_: &mut SchemaGenerator) -> Schema {
    let texts = json_schema!({ "type": "object", "additionalProperties": { "type": "string" } });
    json_schema!({
        "type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "annotations": texts,
            "labels": texts,
            "finalizers": { "type": "array", "items": { "type": "string" } },
            "name": { "type": "string" },
            "namespace": { "type": "string" },
        },
    })
}

fn nullable_texts(_: &mut SchemaGenerator) -> Schema {
    let text = json_schema!({ "type": "string", "nullable": true });
    json_schema!({ "type": "object", "nullable": true, "additionalProperties": text })
}

impl SealedSecret {
    /// The sealed values by key.
    pub fn encrypted_data(&self) -> &BTreeMap<String, String> {
        &self.spec.encrypted_data
    }

    /// A whole Secret sealed as one value (SS §8).
    pub fn legacy_data(&self) -> Option<&str> {
        self.spec.data.as_deref()
    }

    /// The template of the Secret.
    pub fn template(&self) -> Option<&SecretTemplate> {
        self.spec.template.as_ref()
    }

    /// An annotation of the SealedSecret itself, which decides the scope.
    pub fn has_annotation(&self, key: &str) -> bool {
        is_true(self.metadata.annotations.as_ref(), key)
    }

    /// The conditions as they stand.
    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }
}

impl SecretTemplate {
    /// An annotation of the template.
    pub fn has_annotation(&self, key: &str) -> bool {
        is_true(self.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref()), key)
    }
}

/// Whether an annotation says exactly `true` (SS §4).
fn is_true(annotations: Option<&Labels>, key: &str) -> bool {
    annotations.and_then(|all| all.get(key)).is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests;
