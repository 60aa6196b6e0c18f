//! SecretTransformation: templates and filters that several objects share. Specification: VSO §4.8, §9.
//! Rendering is `plan/secret_transformation`.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::destination::Template;
use crate::meta::Condition;
use crate::shape;

/// Templates and filters that destinations refer to.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "SecretTransformation",
    plural = "secrettransformations",
    namespaced,
    status = "SecretTransformationStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct SecretTransformationSpec {
    /// Templates that destinations refer to by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, Template>,
    /// Templates that others call; they never become keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_templates: Vec<Template>,
    /// Regular expressions; if any, only source keys that match one are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<String>,
    /// Regular expressions; source keys that match one are dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
}

/// Whether the templates can be parsed.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["error", "valid"]))]
pub struct SecretTransformationStatus {
    /// Whether it can be used.
    #[serde(default)]
    pub valid: bool,
    /// Why not.
    #[serde(default)]
    pub error: String,
    /// Healthy, Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}

impl SecretTransformation {
    /// Whether it was found to be invalid.
    pub fn is_invalid(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.valid)
    }

    /// The conditions as they stand.
    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }
}
