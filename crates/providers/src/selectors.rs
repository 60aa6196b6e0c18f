//! The selectors that most settings share: a key of a Secret, a ServiceAccount, a place of authorities.
//! Which namespace they may mean is `base::Tenant`'s to say. Specification: ESO §5.1.

use base::credentials::{Holder, Selector};
use base::encoding::Base64;
use base::{Credentials, Fault, SecretBytes, Tenant};
use schemars::JsonSchema;
use serde::Deserialize;

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretKeySelector {
    /// The Secret.
    #[serde(default)]
    pub name: String,
    /// Its namespace; cluster stores only.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The key.
    #[serde(default)]
    pub key: Option<String>,
}

impl SecretKeySelector {
    /// The selector of the port.
    #[must_use]
    pub fn selector(&self) -> Selector {
        Selector { name: self.name.clone(), namespace: self.namespace.clone(), key: self.key.clone() }
    }

    /// The selector of the port, with this key where the settings name none.
    #[must_use]
    pub fn or_key(&self, key: &str) -> Selector {
        let mut selector = self.selector();
        if selector.key.as_deref().unwrap_or_default().is_empty() {
            selector.key = Some(key.to_owned());
        }
        selector
    }
}

/// A ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccountSelector {
    /// The account.
    pub name: String,
    /// Its namespace; cluster stores only.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Audiences beside the provider's own.
    #[serde(default)]
    pub audiences: Vec<String>,
}

impl ServiceAccountSelector {
    /// The selector of the port.
    #[must_use]
    pub fn selector(&self) -> Selector {
        Selector { name: self.name.clone(), namespace: self.namespace.clone(), key: None }
    }
}

/// What is wrong with the namespaces that selectors name. Without one a cluster store means those of its users.
pub fn foreign(selectors: &[Selector], tenant: &Tenant) -> impl Iterator<Item = Fault> {
    let named = selectors.iter().filter_map(|selector| selector.namespace.as_deref());
    named.filter_map(|namespace| tenant.resolve(Some(namespace)).err())
}

/// Where authorities lie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaProvider {
    /// Secret or ConfigMap.
    pub r#type: KeyHolder,
    /// The object.
    pub name: String,
    /// The key.
    #[serde(default)]
    pub key: Option<String>,
    /// Its namespace; cluster stores only.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// What can hold a key that is no credential: authorities, a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum KeyHolder {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

impl From<KeyHolder> for Holder {
    fn from(holder: KeyHolder) -> Self {
        match holder {
            KeyHolder::Secret => Self::Secret,
            KeyHolder::ConfigMap => Self::ConfigMap,
        }
    }
}

impl CaProvider {
    /// What admission finds wrong: a cluster store must name the namespace.
    #[must_use]
    pub fn check(&self, tenant: &Tenant) -> Option<Fault> {
        if tenant.is_cluster_scoped() && self.namespace.is_none() {
            return Some(Fault::wrong("missing namespace on caProvider secret"));
        }
        tenant.resolve(self.namespace.as_deref()).err()
    }
}

/// The authorities that settings name: a bundle in base64, or an object that holds one; none means the system's.
///
/// # Errors
/// The bundle is no base64, or the object cannot be read.
pub async fn authorities(
    bundle: Option<&str>,
    provider: Option<&CaProvider>,
    credentials: &Credentials,
) -> Result<Option<SecretBytes>, Fault> {
    if let Some(text) = bundle.filter(|text| !text.is_empty()) {
        let decoded = Base64::Standard.decode(text.as_bytes());
        return decoded.map(Some).ok_or_else(|| Fault::wrong("caBundle is not base64"));
    }
    let Some(provider) = provider else { return Ok(None) };
    if let Some(fault) = provider.check(credentials.tenant()) {
        return Err(fault);
    }
    let at = Selector { name: provider.name.clone(), namespace: provider.namespace.clone(), key: provider.key.clone() };
    credentials
        .key(provider.r#type.into(), &at)
        .await
        .map(Some)
        .map_err(|fault| fault.within("failed to get ca bundle"))
}
