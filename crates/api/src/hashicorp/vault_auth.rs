//! VaultAuth: how an object logs in to Vault, and who may use that. Merging with a VaultAuthGlobal is `plan/vault_auth`.
//! Specification: VSO §4.2, §5.2, §5.3.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use crate::meta::Condition;

/// Login method, mount, role, and the namespaces that may use them.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.hashicorp.com",
    version = "v1beta1",
    kind = "VaultAuth",
    plural = "vaultauths",
    namespaced,
    status = "VaultAuthStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct VaultAuthSpec {
    /// The VaultConnection: name, or namespace/name; the operator's default if empty.
    pub vault_connection_ref: Option<String>,
    /// The VaultAuthGlobal that fills what is left out here.
    pub vault_auth_global_ref: Option<VaultAuthGlobalRef>,
    /// The Vault namespace of the login.
    pub namespace: Option<String>,
    /// Namespaces that may use this object; "*" alone means all, none means only its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_namespaces: Vec<String>,
    /// The login method.
    pub method: Option<AuthMethod>,
    /// The mount of the login method, without auth/.
    pub mount: Option<String>,
    /// Parameters that are merged with those of the VaultAuthGlobal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Headers of the login request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// For method kubernetes.
    pub kubernetes: Option<KubernetesAuth>,
    /// For method jwt.
    pub jwt: Option<JwtAuth>,
    /// For method appRole.
    pub app_role: Option<AppRoleAuth>,
    /// For method aws.
    pub aws: Option<AwsAuth>,
    /// For method gcp.
    pub gcp: Option<GcpAuth>,
    /// The transit key that encrypts persisted clients.
    pub storage_encryption: Option<StorageEncryption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AuthMethod {
    Kubernetes,
    Jwt,
    AppRole,
    Aws,
    Gcp,
}

impl AuthMethod {
    /// The word in manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Jwt => "jwt",
            Self::AppRole => "appRole",
            Self::Aws => "aws",
            Self::Gcp => "gcp",
        }
    }
}

/// A VaultAuthGlobal, and how its maps are merged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultAuthGlobalRef {
    /// Its name.
    #[schemars(regex(pattern = "^([a-z0-9.-]{1,253})$"))]
    pub name: Option<String>,
    /// Its namespace; that of the VaultAuth if empty.
    #[schemars(regex(pattern = "^([a-z0-9-]{1,63})$"))]
    pub namespace: Option<String>,
    /// Whether the VaultAuthGlobal called default is used when no name is given.
    pub allow_default: Option<bool>,
    /// How headers and params are merged.
    pub merge_strategy: Option<MergeStrategy>,
}

#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MergeStrategy {
    /// How headers are merged: union, replace or none (the default).
    pub headers: Option<MergeMode>,
    /// How params are merged: union, replace or none (the default).
    pub params: Option<MergeMode>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MergeMode {
    Union,
    Replace,
    #[default]
    None,
}

/// Login with a token of a ServiceAccount of the consumer's namespace.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesAuth {
    /// The role in Vault.
    pub role: Option<String>,
    /// The ServiceAccount, in the consumer's namespace.
    pub service_account: Option<String>,
    /// Audiences of the token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// How long the token lives.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 600))]
    pub token_expiration_seconds: i64,
}

impl Default for KubernetesAuth {
    fn default() -> Self {
        Self { role: None, service_account: None, audiences: Vec::new(), token_expiration_seconds: ten_minutes() }
    }
}

fn ten_minutes() -> i64 {
    600
}

/// Login with a JWT: from a Secret, or else a token of a ServiceAccount.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JwtAuth {
    /// The role in Vault.
    pub role: Option<String>,
    /// A Secret of the consumer's namespace with the token under jwt; it wins over serviceAccount.
    pub secret_ref: Option<String>,
    /// A ServiceAccount of the consumer's namespace.
    pub service_account: Option<String>,
    /// Audiences of the token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// How long the token lives.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 600))]
    pub token_expiration_seconds: i64,
}

impl Default for JwtAuth {
    fn default() -> Self {
        let token_expiration_seconds = ten_minutes();
        Self { role: None, secret_ref: None, service_account: None, audiences: Vec::new(), token_expiration_seconds }
    }
}

/// Login with a role and secret id.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppRoleAuth {
    /// The role id.
    pub role_id: Option<String>,
    /// A Secret of the consumer's namespace with the secret id under id.
    pub secret_ref: Option<String>,
    /// A file with the secret id. The peer had it in 1.3 and 1.4 only: it is read where an old CRD keeps it, and
    /// our CRD does not have it (VSO §21).
    #[serde(rename = "secretIDPath")]
    #[schemars(skip)]
    pub secret_id_path: Option<String>,
}

/// Login with AWS credentials: from a Secret, a ServiceAccount with a role, or the node.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsAuth {
    /// The role in Vault.
    pub role: Option<String>,
    /// The region of the signed request.
    pub region: Option<String>,
    /// The value of the header that the Vault server demands.
    pub header_value: Option<String>,
    /// The name of the assumed session.
    pub session_name: Option<String>,
    /// Another endpoint of STS.
    pub sts_endpoint: Option<String>,
    /// Another endpoint of IAM.
    pub iam_endpoint: Option<String>,
    /// A Secret of the consumer's namespace with access_key_id, secret_access_key and session_token.
    pub secret_ref: Option<String>,
    /// A ServiceAccount of the consumer's namespace with an IAM role.
    pub irsa_service_account: Option<String>,
}

/// Login with GKE workload identity.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpAuth {
    /// The role in Vault.
    pub role: Option<String>,
    /// A ServiceAccount of the consumer's namespace with workload identity.
    pub workload_identity_service_account: Option<String>,
    /// The region of the cluster.
    pub region: Option<String>,
    /// The name of the cluster.
    pub cluster_name: Option<String>,
    /// The project of the cluster.
    #[serde(rename = "projectID")]
    pub project_id: Option<String>,
}

/// A key of the transit engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageEncryption {
    /// The mount of the transit engine.
    pub mount: String,
    /// The name of the key.
    pub key_name: String,
}

/// Whether it can be used.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultAuthStatus {
    /// Whether it can be used.
    pub valid: Option<bool>,
    /// Why not.
    pub error: Option<String>,
    /// A hash of the merged spec; when it changes, clients are dropped.
    pub spec_hash: Option<String>,
    /// Healthy, Ready, Available.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<crate::shape::MetaCondition>")]
    pub conditions: Vec<Condition>,
}

impl VaultAuth {
    /// The VaultAuthGlobal that fills what it leaves out.
    pub fn global_ref(&self) -> Option<&VaultAuthGlobalRef> {
        self.spec.vault_auth_global_ref.as_ref()
    }

    /// The namespaces that may use it (VSO §5.2).
    pub fn allowed_namespaces(&self) -> &[String] {
        &self.spec.allowed_namespaces
    }

    /// The conditions as they stand.
    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }
}
