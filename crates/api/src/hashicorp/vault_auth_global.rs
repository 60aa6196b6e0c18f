//! VaultAuthGlobal: defaults of VaultAuths. A method's block has the fields of VaultAuth's, and namespace, mount, params
//! and headers of its own. Specification: VSO §4.3, §5.3.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::vault_auth::{AppRoleAuth, AuthMethod, AwsAuth, GcpAuth, JwtAuth, KubernetesAuth};

/// Defaults of VaultAuths that refer to it.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "VaultAuthGlobal",
    plural = "vaultauthglobals",
    namespaced,
    status = "VaultAuthGlobalStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct VaultAuthGlobalSpec {
    /// Namespaces whose VaultAuths may use this object; "*" alone means all, none means only its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_namespaces: Vec<String>,
    /// The VaultConnection: name, or namespace/name.
    pub vault_connection_ref: Option<String>,
    /// The Vault namespace of the login.
    pub default_vault_namespace: Option<String>,
    /// The login method.
    pub default_auth_method: Option<AuthMethod>,
    /// The mount of the login method, without auth/.
    pub default_mount: Option<String>,
    /// Parameters of every method.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Headers of every method's login request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// For method kubernetes.
    pub kubernetes: Option<GlobalMethod<KubernetesAuth>>,
    /// For method jwt.
    pub jwt: Option<GlobalMethod<JwtAuth>>,
    /// For method appRole.
    pub app_role: Option<GlobalMethod<AppRoleAuth>>,
    /// For method aws.
    pub aws: Option<GlobalMethod<AwsAuth>>,
    /// For method gcp.
    pub gcp: Option<GlobalMethod<GcpAuth>>,
}

/// A method's block, and what else it sets.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GlobalMethod<T> {
    /// The fields of VaultAuth's block.
    #[serde(flatten)]
    pub block: T,
    /// The Vault namespace of the login.
    pub namespace: Option<String>,
    /// The mount of the login method, without auth/.
    pub mount: Option<String>,
    /// Parameters of this method.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Headers of this method's login request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// Whether it can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["error", "valid"]))]
pub struct VaultAuthGlobalStatus {
    /// Whether it can be used.
    #[serde(default)]
    pub valid: bool,
    /// Why not.
    #[serde(default)]
    pub error: String,
}

impl VaultAuthGlobal {
    /// The namespaces whose VaultAuths may use it (VSO §5.2).
    pub fn allowed_namespaces(&self) -> &[String] {
        &self.spec.allowed_namespaces
    }
}
