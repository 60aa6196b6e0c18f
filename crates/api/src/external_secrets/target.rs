//! The target of an ExternalSecret: which object is written, who owns it, and when it goes.
//! Specification: ESO §5.2, §6.5, §6.6.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::template::ExternalSecretTemplate;
use crate::shape;

/// The Secret, or any other object, that an ExternalSecret writes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretTarget {
    /// The name of the target; the name of the ExternalSecret if empty.
    #[schemars(with = "Option<shape::Dns253>")]
    pub name: Option<String>,
    /// Who makes and owns the target.
    #[serde(default)]
    pub creation_policy: CreationPolicy,
    /// What happens to the target when the values are gone at the provider.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Whether the Secret is written once and frozen.
    pub immutable: Option<bool>,
    /// Another kind of object as target; needs a flag of the controller.
    pub manifest: Option<TargetManifest>,
    /// How the target is made from the values.
    pub template: Option<ExternalSecretTemplate>,
}

/// The kind of a generic target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetManifest {
    /// The API version, such as v1 or argoproj.io/v1alpha1.
    #[schemars(length(min = 1))]
    pub api_version: String,
    /// The kind, such as ConfigMap.
    #[schemars(length(min = 1))]
    pub kind: String,
}

impl TargetManifest {
    /// Whether it names the core Secret, which the rules of Secrets then hold for.
    pub fn is_secret(&self) -> bool {
        self.api_version == "v1" && self.kind == "Secret"
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CreationPolicy {
    #[default]
    Owner,
    Orphan,
    Merge,
    None,
    CreateOrMerge,
}

impl CreationPolicy {
    /// The word in manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Orphan => "Orphan",
            Self::Merge => "Merge",
            Self::None => "None",
            Self::CreateOrMerge => "CreateOrMerge",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    Delete,
    Merge,
    #[default]
    Retain,
}
