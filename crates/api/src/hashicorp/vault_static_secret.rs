//! VaultStaticSecret: a secret of the key-value engine, read again and again. Specification: VSO §4.5, §7.3.
//! Reading and syncing are `plan/vault_static_secret`.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::destination::Destination;
use super::rollout_target::RolloutRestartTarget;
use crate::meta::Condition;
use crate::shape;

/// Which secret is read, how often, and where it goes.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "VaultStaticSecret",
    plural = "vaultstaticsecrets",
    namespaced,
    status = "VaultStaticSecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct VaultStaticSecretSpec {
    /// The VaultAuth: name, or namespace/name; the operator's default if empty.
    pub vault_auth_ref: Option<String>,
    /// The Vault namespace of the secret; that of the login if empty.
    pub namespace: Option<String>,
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
    /// How often the secret is read again.
    #[schemars(with = "Option<shape::VaultDuration>")]
    pub refresh_after: Option<String>,
    /// Whether a keyed digest of the values is kept, to see changes on either side.
    #[serde(default = "yes", rename = "hmacSecretData")]
    pub hmac_secret_data: bool,
    /// What is restarted when values change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout_restart_targets: Vec<RolloutRestartTarget>,
    /// Where the values go.
    pub destination: Destination,
    /// Whether changes are told by Vault.
    pub sync_config: Option<SyncConfig>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KvType {
    #[serde(rename = "kv-v1")]
    V1,
    #[serde(rename = "kv-v2")]
    V2,
}

/// How changes are noticed.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncConfig {
    /// Whether Vault's events are followed.
    pub instant_updates: Option<bool>,
}

/// How the last sync went.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["lastGeneration"]))]
pub struct VaultStaticSecretStatus {
    /// The generation that was synced last.
    #[serde(default)]
    pub last_generation: i64,
    /// The keyed digest of the values that were written last.
    #[serde(rename = "secretMAC")]
    pub secret_mac: Option<String>,
    /// The client that read them.
    pub vault_client_meta: Option<VaultClientMeta>,
    /// SecretSynced, Healthy, Ready, RolloutRestart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}

/// The client that read the values.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultClientMeta {
    /// The key of the client in the cache.
    pub cache_key: Option<String>,
    /// The hash of the client's token.
    pub id: Option<String>,
}
