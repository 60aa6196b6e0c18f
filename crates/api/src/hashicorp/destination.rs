//! The Secret that a syncable kind writes, and how values are transformed on the way. Specification: VSO §4.4, §9.
//! How they are written is `plan`'s.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::meta::Labels;

/// The Secret, in the namespace of the object.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// The name of the Secret.
    pub name: String,
    /// Whether the Secret is made; otherwise it has to exist, and only its data is replaced.
    #[serde(default)]
    pub create: bool,
    /// Whether a Secret of somebody else may be taken over.
    #[serde(default)]
    pub overwrite: bool,
    /// All labels of a made Secret.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// All annotations of a made Secret.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// The type of a made Secret; Opaque if empty.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// How values are transformed.
    pub transformation: Option<Transformation>,
}

/// Templates and filters over a response.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transformation {
    /// Templates by key of the Secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, Template>,
    /// Templates and filters of SecretTransformations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transformation_refs: Vec<TransformationRef>,
    /// Regular expressions; if any, only source keys that match one are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<String>,
    /// Regular expressions; source keys that match one are dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
    /// Whether the key _raw with the whole response is left out.
    pub exclude_raw: Option<bool>,
}

/// One template.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// The name that other templates call it by.
    pub name: Option<String>,
    /// The Go template.
    pub text: String,
}

/// A SecretTransformation, and what of it is used.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransformationRef {
    /// Its namespace; that of the object if empty.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The templates that become keys; all if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub template_refs: Vec<TemplateRef>,
    /// Whether its includes are not used.
    pub ignore_includes: Option<bool>,
    /// Whether its excludes are not used.
    pub ignore_excludes: Option<bool>,
}

/// A template of a SecretTransformation.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRef {
    /// Its key in the SecretTransformation.
    pub name: String,
    /// The key of the Secret, if another.
    pub key_override: Option<String>,
}
