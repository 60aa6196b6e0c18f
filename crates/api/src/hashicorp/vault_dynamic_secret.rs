//! VaultDynamicSecret: a credential that Vault makes, kept alive by renewing its lease. Specification: VSO §4.6, §7.4.
//! Leases and their renewal are `plan/vault_dynamic_secret`.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::destination::Destination;
use super::rollout_target::RolloutRestartTarget;
use super::vault_static_secret::{SyncConfig, VaultClientMeta};
use crate::meta::Condition;
use crate::shape;

/// What is asked of Vault, when its lease is renewed, and where the values go.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "VaultDynamicSecret",
    plural = "vaultdynamicsecrets",
    namespaced,
    status = "VaultDynamicSecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct VaultDynamicSecretSpec {
    /// The VaultAuth: name, or namespace/name; the operator's default if empty.
    pub vault_auth_ref: Option<String>,
    /// The Vault namespace of the secret; that of the login if empty.
    pub namespace: Option<String>,
    /// The mount of the engine.
    pub mount: String,
    /// The path behind the mount.
    pub path: String,
    /// The method of the request; GET if empty, or PUT if there are params.
    #[serde(rename = "requestHTTPMethod")]
    pub request_http_method: Option<RequestMethod>,
    /// Parameters of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// At which part of its life a lease is renewed.
    #[serde(default = "two_thirds")]
    #[schemars(with = "shape::Int", range(min = 0, max = 90))]
    pub renewal_percent: i64,
    /// Whether the lease is revoked when the object is deleted.
    pub revoke: Option<bool>,
    /// Whether the path belongs to a static role, whose credential Vault rotates without a lease.
    pub allow_static_creds: Option<bool>,
    /// How often a secret without a lease is asked for again.
    #[schemars(with = "Option<shape::VaultDuration>")]
    pub refresh_after: Option<String>,
    /// What is restarted when values change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout_restart_targets: Vec<RolloutRestartTarget>,
    /// Where the values go.
    pub destination: Destination,
    /// Whether changes are told by Vault.
    pub sync_config: Option<SyncConfig>,
}

fn two_thirds() -> i64 {
    67
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestMethod {
    Get,
    Post,
    Put,
}

/// The lease, and how the last sync went.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["lastGeneration", "lastRenewalTime", "secretLease"]))]
pub struct VaultDynamicSecretStatus {
    /// When the lease was last renewed, in unix seconds.
    #[serde(default)]
    pub last_renewal_time: i64,
    /// The generation that was synced last.
    #[serde(default)]
    pub last_generation: i64,
    /// The lease.
    #[serde(default)]
    pub secret_lease: SecretLease,
    /// What Vault said of a static role's credential.
    pub static_creds_meta_data: Option<StaticCredsMetaData>,
    /// The uid of the operator's pod that synced last.
    #[serde(rename = "lastRuntimePodUID")]
    pub last_runtime_pod_uid: Option<String>,
    /// The keyed digest of the values that were written last.
    #[serde(rename = "secretMAC")]
    pub secret_mac: Option<String>,
    /// The client that asked.
    pub vault_client_meta: Option<VaultClientMeta>,
    /// SecretSynced, Healthy, Ready, LeaseRenewal, RolloutRestart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}

/// A lease, as Vault answered it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["duration", "id", "renewable", "requestID"]))]
pub struct SecretLease {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// How long it lives, in seconds.
    #[serde(default)]
    #[schemars(with = "shape::Int")]
    pub duration: i64,
    /// Whether it can be renewed.
    #[serde(default)]
    pub renewable: bool,
    /// The id of the request that made it.
    #[serde(default, rename = "requestID")]
    pub request_id: String,
}

/// When Vault rotates a static role's credential.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["lastVaultRotation", "rotationPeriod", "ttl"]))]
pub struct StaticCredsMetaData {
    /// When it was last rotated, in unix seconds.
    #[serde(default)]
    pub last_vault_rotation: i64,
    /// How often it is rotated, in seconds.
    #[serde(default)]
    pub rotation_period: i64,
    /// The cron schedule of rotations.
    pub rotation_schedule: Option<String>,
    /// Seconds until the next rotation.
    #[serde(default)]
    pub ttl: i64,
}
