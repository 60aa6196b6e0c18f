//! HCPAuth and HCPVaultSecretsApp: kinds of a service that is gone. They stay parseable, so that manifests still apply and
//! a leftover finalizer can be removed; no controller acts on them. Specification: VSO §4.9, §21.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::destination::Destination;
use super::rollout_target::RolloutRestartTarget;
use crate::meta::{Condition, Time};
use crate::shape;

/// A login to HCP.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "HCPAuth",
    plural = "hcpauths",
    namespaced,
    status = "HCPAuthStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct HCPAuthSpec {
    /// The organization.
    #[serde(rename = "organizationID")]
    pub organization_id: String,
    /// The project.
    #[serde(rename = "projectID")]
    pub project_id: String,
    /// Namespaces that may use this object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_namespaces: Vec<String>,
    /// The login method.
    #[serde(default)]
    pub method: HCPAuthMethod,
    /// For method servicePrincipal.
    pub service_principal: Option<HCPServicePrincipal>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HCPAuthMethod {
    #[default]
    #[serde(rename = "servicePrincipal")]
    ServicePrincipal,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HCPServicePrincipal {
    /// A Secret with clientID and clientSecret.
    pub secret_ref: String,
}

/// Whether it can be used.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["error", "valid"]))]
pub struct HCPAuthStatus {
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

/// The secrets of an app.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "HCPVaultSecretsApp",
    plural = "hcpvaultsecretsapps",
    namespaced,
    status = "HCPVaultSecretsAppStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct HCPVaultSecretsAppSpec {
    /// The name of the app.
    pub app_name: String,
    /// The HCPAuth: name, or namespace/name.
    pub hcp_auth_ref: Option<String>,
    /// How often the secrets were read.
    #[serde(default = "ten_minutes")]
    #[schemars(with = "shape::VaultDuration")]
    pub refresh_after: String,
    /// What was restarted when values changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout_restart_targets: Vec<RolloutRestartTarget>,
    /// Where the values went.
    pub destination: Destination,
    /// How dynamic secrets were kept alive.
    pub sync_config: Option<HCPSyncConfig>,
}

fn ten_minutes() -> String {
    "600s".to_owned()
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HCPSyncConfig {
    /// For dynamic secrets.
    pub dynamic: Option<HCPDynamicConfig>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HCPDynamicConfig {
    /// At which part of its life a secret was renewed.
    #[serde(default = "two_thirds")]
    #[schemars(with = "shape::Int", range(min = 0, max = 90))]
    pub renewal_percent: i64,
}

fn two_thirds() -> i64 {
    67
}

/// How the last sync went.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["lastGeneration"]))]
pub struct HCPVaultSecretsAppStatus {
    /// The generation that was synced last.
    #[serde(default)]
    pub last_generation: i64,
    /// The keyed digest of the values that were written last.
    #[serde(rename = "secretMAC")]
    pub secret_mac: Option<String>,
    /// The dynamic secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dynamic_secrets: Vec<HCPDynamicSecret>,
    /// SecretSynced, Healthy, Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HCPDynamicSecret {
    /// Its name.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Option<Time>,
    /// When it ends.
    pub expires_at: Option<Time>,
    /// How long it lives.
    pub ttl: Option<String>,
}
