//! CSISecrets: what a closed node driver of the peer mounts into pods. No operator acts on it; it stays parseable.
//! Specification: VSO §4.10.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::destination::Transformation;
use super::vault_static_secret::KvType;
use crate::meta::{Condition, Labels};
use crate::shape;

/// Which secrets which pods may mount.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "CSISecrets",
    plural = "csisecrets",
    namespaced,
    status = "CSISecretsStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct CSISecretsSpec {
    /// The Vault namespace of the secrets.
    pub namespace: Option<String>,
    /// Who may mount them.
    pub access_control: AccessControl,
    /// The secrets.
    pub secrets: CSISecretsSources,
    /// Which containers are synced.
    pub sync_config: Option<CSISyncConfig>,
    /// The VaultAuth.
    pub vault_auth_ref: Option<CSIVaultAuthRef>,
}

/// Patterns that a pod is matched against.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessControl {
    /// The ServiceAccount of the pod.
    pub service_account_pattern: String,
    /// The namespace of the pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace_patterns: Vec<String>,
    /// The name of the pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pod_name_patterns: Vec<String>,
    /// Labels of the pod.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub pod_labels: Labels,
    /// Whether one match is enough, or all are needed.
    #[serde(default)]
    pub match_policy: MatchPolicy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MatchPolicy {
    Any,
    #[default]
    All,
}

/// The secrets that are mounted.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CSISecretsSources {
    /// How all values are transformed.
    pub transformation: Option<Transformation>,
    /// Secret ids of AppRoles.
    #[serde(default, rename = "vaultAppRoleSecretIDs", skip_serializing_if = "Vec::is_empty")]
    pub vault_app_role_secret_ids: Vec<AppRoleSecretId>,
    /// Secrets of the key-value engine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vault_static_secrets: Vec<CSIStaticSecret>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppRoleSecretId {
    /// The mount of the AppRole method.
    pub mount: String,
    /// The role.
    pub role: String,
    /// What is recorded with the secret id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Networks that may use the secret id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidr_list: Vec<String>,
    /// Networks that may use its token.
    #[serde(default, rename = "tokenBoundCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub token_bound_cidrs: Vec<String>,
    /// How long the secret id lives.
    pub ttl: Option<String>,
    /// How often it may be used.
    #[schemars(with = "Option<shape::Int>")]
    pub num_uses: Option<i64>,
    /// How long its wrapping lives.
    #[serde(rename = "wrapTTL")]
    pub wrap_ttl: Option<String>,
    /// Whether the role id is mounted, too.
    #[serde(rename = "syncRoleID")]
    pub sync_role_id: Option<bool>,
    /// How values are transformed.
    pub transformation: Option<Transformation>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CSIStaticSecret {
    /// The mount of the engine.
    pub mount: String,
    /// The path of the secret.
    pub path: String,
    /// The version of the engine.
    #[serde(rename = "type")]
    pub type_: KvType,
    /// The version of the secret, for kv-v2; 0 is the latest.
    #[schemars(with = "Option<shape::Int>", range(min = 0))]
    pub version: Option<i64>,
    /// How values are transformed.
    pub transformation: Option<Transformation>,
}

/// Which containers are synced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CSISyncConfig {
    /// Patterns of containers.
    pub container_state: ContainerState,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerState {
    /// The name of the container.
    pub name_pattern: Option<String>,
    /// The image of the container.
    pub image_pattern: Option<String>,
}

/// The VaultAuth that the driver logs in with.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CSIVaultAuthRef {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Whether its namespace is trusted.
    pub trust_namespace: Option<bool>,
}

/// What the driver said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CSISecretsStatus {
    /// The conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}
