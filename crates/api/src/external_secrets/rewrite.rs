//! Rewriting of keys in `dataFrom` (ExternalSecret) and `dataTo` (PushSecret, without merge).
//! Specification: ESO §5.2, §5.5, §6.4.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

/// One step of a rewrite chain: exactly one of its fields is set.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Rewrite {
    /// Keys are replaced by a regular expression.
    pub regexp: Option<RegexpRewrite>,
    /// Keys are rendered by a template.
    pub transform: Option<TransformRewrite>,
    /// Values that are JSON objects are merged into one map.
    pub merge: Option<MergeRewrite>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegexpRewrite {
    /// The regular expression (RE2).
    pub source: String,
    /// What matches are replaced by; $1 and ${name} are groups.
    pub target: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TransformRewrite {
    /// The template of the new key; .value is the old one.
    pub template: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MergeRewrite {
    /// The key of the merged value, for strategy JSON.
    #[serde(default)]
    pub into: String,
    /// Keys that are merged last, the last one wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub priority: Vec<String>,
    /// Whether every key in priority has to exist.
    #[serde(default)]
    pub priority_policy: MergePriorityPolicy,
    /// What happens when two values hold the same key.
    #[serde(default)]
    pub conflict_policy: MergeConflictPolicy,
    /// Whether merged fields become the keys, or one value as JSON.
    #[serde(default)]
    pub strategy: MergeStrategy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergePriorityPolicy {
    IgnoreNotFound,
    #[default]
    Strict,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergeConflictPolicy {
    Ignore,
    #[default]
    Error,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergeStrategy {
    #[default]
    Extract,
    #[serde(rename = "JSON")]
    Json,
}
