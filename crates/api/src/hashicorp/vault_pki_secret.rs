//! VaultPKISecret: a certificate that Vault issues, replaced before it expires. Specification: VSO §4.7, §7.5.
//! Issuing and renewing are `plan/vault_pki_secret`.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::destination::Destination;
use super::rollout_target::RolloutRestartTarget;
use crate::meta::Condition;
use crate::shape;

/// Which certificate is asked for, when it is replaced, and where it goes.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "VaultPKISecret",
    plural = "vaultpkisecrets",
    namespaced,
    status = "VaultPKISecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct VaultPKISecretSpec {
    /// The VaultAuth: name, or namespace/name; the operator's default if empty.
    pub vault_auth_ref: Option<String>,
    /// The Vault namespace of the engine; that of the login if empty.
    pub namespace: Option<String>,
    /// The mount of the engine.
    pub mount: String,
    /// The role that issues.
    pub role: String,
    /// The issuer, by id or name.
    pub issuer_ref: Option<String>,
    /// The common name.
    pub common_name: Option<String>,
    /// Further names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alt_names: Vec<String>,
    /// IP addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_sans: Vec<String>,
    /// URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uri_sans: Vec<String>,
    /// Other names, as oid;type:value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_sans: Vec<String>,
    /// User ids.
    #[serde(default, rename = "userIDs", skip_serializing_if = "Vec::is_empty")]
    pub user_ids: Vec<String>,
    /// How long the certificate lives.
    #[schemars(with = "Option<shape::VaultTtl>")]
    pub ttl: Option<String>,
    /// When the certificate ends, as RFC 3339.
    pub not_after: Option<String>,
    /// The format of the certificate: pem, der or pem_bundle.
    pub format: Option<String>,
    /// The format of the private key: der or pkcs8.
    pub private_key_format: Option<String>,
    /// Whether the common name is not among the names.
    #[serde(rename = "excludeCNFromSans")]
    pub exclude_cn_from_sans: Option<bool>,
    /// How long before its end the certificate is replaced.
    #[schemars(with = "Option<shape::VaultDuration>")]
    pub expiry_offset: Option<String>,
    /// Whether a certificate is revoked when it is replaced or the object is deleted.
    pub revoke: Option<bool>,
    /// Whether the data of a Secret that is not ours is emptied when the object is deleted.
    pub clear: Option<bool>,
    /// What is restarted when the certificate changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout_restart_targets: Vec<RolloutRestartTarget>,
    /// Where the certificate goes.
    pub destination: Destination,
}

/// The certificate, and how the last sync went.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["error", "lastGeneration", "lastRotation", "valid"]))]
pub struct VaultPKISecretStatus {
    /// The serial number of the certificate.
    pub serial_number: Option<String>,
    /// When it ends, in unix seconds.
    pub expiration: Option<i64>,
    /// The generation that was synced last.
    #[serde(default)]
    pub last_generation: i64,
    /// When it was issued, in unix seconds.
    #[serde(default)]
    pub last_rotation: i64,
    /// The keyed digest of the values that were written last.
    #[serde(rename = "secretMAC")]
    pub secret_mac: Option<String>,
    /// Whether the last pass succeeded.
    #[serde(default)]
    pub valid: bool,
    /// Why not.
    #[serde(default)]
    pub error: String,
    /// SecretSynced, Healthy, Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}
