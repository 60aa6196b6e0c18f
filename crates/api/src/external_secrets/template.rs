//! The template of a target Secret, shared by ExternalSecret and PushSecret. Rendering is `plan`'s.
//! Specification: ESO §5.2, §8.2, §8.3.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::strategies::DecodingStrategy;
use crate::meta::Labels;
use crate::shape;

/// How the target is made from the fetched values.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretTemplate {
    /// The template engine; only v2 is left.
    #[serde(default)]
    pub engine_version: EngineVersion,
    /// The type of the Secret, such as kubernetes.io/tls.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// Whether fetched values that no template names are kept (Merge) or dropped (Replace).
    #[serde(default)]
    pub merge_policy: TemplateMergePolicy,
    /// Templates by key of the target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// Labels, annotations and finalizers of the target; values are templates.
    pub metadata: Option<TemplateMetadata>,
    /// Templates from ConfigMaps, Secrets and literals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub template_from: Vec<TemplateFrom>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EngineVersion {
    #[default]
    #[serde(rename = "v2")]
    V2,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TemplateMergePolicy {
    #[default]
    Replace,
    Merge,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateMetadata {
    /// Annotations of the target; values are templates.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// Labels of the target; values are templates.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Finalizers of the target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// One source of templates: a ConfigMap, a Secret or a literal.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateFrom {
    /// A ConfigMap of the namespace.
    pub config_map: Option<TemplateSource>,
    /// A Secret of the namespace.
    pub secret: Option<TemplateSource>,
    /// The template itself; its output is a YAML map.
    pub literal: Option<String>,
    /// Where the result goes: Data, Annotations, Labels, or a path in a generic target.
    #[serde(default = "target_data")]
    pub target: String,
    /// How rendered values are decoded.
    pub values_decoding_strategy: Option<DecodingStrategy>,
}

fn target_data() -> String {
    "Data".to_owned()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateSource {
    /// The name of the object.
    #[schemars(with = "shape::Dns253")]
    pub name: String,
    /// The keys that are used.
    pub items: Vec<TemplateItem>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateItem {
    /// The key in the object.
    #[schemars(with = "shape::SecretKey")]
    pub key: String,
    /// Whether the text is one value's template, or makes keys and values.
    #[serde(default)]
    pub template_as: TemplateScope,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TemplateScope {
    #[default]
    Values,
    KeysAndValues,
}

/// An object that a template is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TemplateObject<'a> {
    ConfigMap(&'a str),
    Secret(&'a str),
}

impl ExternalSecretTemplate {
    /// The ConfigMaps and Secrets that the templates are read from, in order.
    pub fn objects(&self) -> impl Iterator<Item = TemplateObject<'_>> {
        self.template_from.iter().flat_map(|from| {
            let config_map = from.config_map.as_ref().map(|source| TemplateObject::ConfigMap(&source.name));
            let secret = from.secret.as_ref().map(|source| TemplateObject::Secret(&source.name));
            config_map.into_iter().chain(secret)
        })
    }
}
