//! VaultConnection: how a Vault server is reached. Specification: VSO §4.1, §7.1.
//! Who connects is `wire/vault`.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::meta::{Condition, Filled as _};
use crate::shape;

/// Address, TLS, headers and timeout of a server.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "VaultConnection",
    plural = "vaultconnections",
    namespaced,
    status = "VaultConnectionStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["address", "skipTLSVerify"]))]
pub struct VaultConnectionSpec {
    /// The address of the server, such as https://vault.example.com:8200.
    pub address: String,
    /// Headers of every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The name that the server's certificate is checked against.
    pub tls_server_name: Option<String>,
    /// A Secret of this namespace with the CA certificates under ca.crt.
    pub ca_cert_secret_ref: Option<String>,
    /// A file in the operator's pod with the CA certificates.
    pub ca_cert_path: Option<String>,
    /// Whether the server's certificate is not checked.
    #[serde(default, rename = "skipTLSVerify")]
    pub skip_tls_verify: bool,
    /// How long a request may take.
    #[schemars(with = "Option<shape::VaultDuration>")]
    pub timeout: Option<String>,
}

/// Whether the server answers.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["valid"]))]
pub struct VaultConnectionStatus {
    /// Whether it can be used.
    #[serde(default)]
    pub valid: bool,
    /// VaultClient, VaultPing, ResourceValidation, Healthy, Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}

impl VaultConnection {
    /// The Secret of its namespace that holds the CA certificates.
    pub fn ca_secret(&self) -> Option<&str> {
        self.spec.ca_cert_secret_ref.filled()
    }

    /// The conditions as they stand.
    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }
}
