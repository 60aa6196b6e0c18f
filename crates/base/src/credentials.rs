//! The port to keys and tokens. A provider gets [`Credentials`]: a source bound to a [`Tenant`]. The tenant's rules are
//! kept here, once – a provider cannot name a foreign namespace, because it never reaches the source itself.
//!
//! Implemented by `operator/credentials` (API server) and `keywright/credentials` (files, environment, flags).
//! Specification: ESO §5.1 (selector namespaces), design §6 and §8.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Fault, ObjectRef, Opening, SecretBytes, SecretText};

/// For whom credentials were handed out: a store (or VaultAuth) and the namespace of the object that uses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// The object that holds the settings.
    pub holder: ObjectRef,
    /// The namespace of the object on whose behalf we read; empty while a store is validated for nobody in particular.
    pub consumer: String,
    /// Whether selectors mean the consumer's namespace, whatever they name.
    is_confined: bool,
}

impl Tenant {
    /// The tenant of a holder that is used from the namespace `consumer`.
    #[must_use]
    pub fn new(holder: ObjectRef, consumer: impl Into<String>) -> Self {
        Self { holder, consumer: consumer.into(), is_confined: false }
    }

    /// The tenant of a generator: its selectors mean the namespace of whoever uses it, whatever they name (ESO §11).
    #[must_use]
    pub fn confined(holder: ObjectRef, consumer: impl Into<String>) -> Self {
        Self { is_confined: true, ..Self::new(holder, consumer) }
    }

    /// Whether the holder is cluster-scoped, so that selectors may (and mostly must) name a namespace.
    #[must_use]
    pub fn is_cluster_scoped(&self) -> bool {
        self.holder.namespace.is_empty()
    }

    /// The namespace that a selector with this `namespace` means.
    ///
    /// # Errors
    /// A namespaced holder may only name its own namespace; a cluster-scoped one without a namespace needs a consumer.
    pub fn resolve(&self, namespace: Option<&str>) -> Result<String, Fault> {
        if self.is_confined {
            return Ok(self.consumer.clone());
        }
        let named = namespace.filter(|name| !name.is_empty());
        if self.is_cluster_scoped() {
            let referent = Some(self.consumer.as_str()).filter(|name| !name.is_empty());
            return named
                .or(referent)
                .map(str::to_owned)
                .ok_or_else(|| Fault::wrong("cluster scope requires namespace").about(self.holder.clone()));
        }
        match named {
            Some(name) if name != self.holder.namespace => Err(Fault::wrong(format!(
                "namespace should either be empty or match the namespace of the {0} for a namespaced {0}",
                self.holder.kind
            ))
            .about(self.holder.clone())),
            _ => Ok(self.holder.namespace.clone()),
        }
    }
}

/// Where a credential lies: an object and, where it has several, a key of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
pub struct Selector {
    /// The object's name.
    pub name: String,
    /// Its namespace, where the settings name one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The key in its data.
    #[serde(default)]
    pub key: Option<String>,
}

/// The two kinds of object that hold keys and certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// What a ServiceAccount says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its uid: part of a session's identity.
    pub uid: String,
    /// Its annotations: cloud roles stand here.
    pub annotations: BTreeMap<String, String>,
}

/// The source behind credentials; names are already resolved and allowed when it is asked.
pub trait CredentialSource: Send + Sync {
    /// The whole data of a Secret or ConfigMap.
    fn data<'a>(
        &'a self,
        holder: Holder,
        namespace: &'a str,
        name: &'a str,
    ) -> Opening<'a, BTreeMap<String, SecretBytes>>;

    /// A ServiceAccount's uid and annotations.
    fn service_account<'a>(&'a self, namespace: &'a str, name: &'a str) -> Opening<'a, ServiceAccount>;

    /// A fresh token of a ServiceAccount for these audiences (none: the API server's own) and that many seconds.
    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audiences: &'a [String],
        seconds: u32,
    ) -> Opening<'a, SecretText>;

    /// Notes what, beside all that was asked for, tells this connection from another with the same settings: reads of two
    /// connections are joined only if nothing tells them apart.
    fn note(&self, _part: &str) {}
}

/// A source bound to a tenant.
#[derive(Clone)]
pub struct Credentials {
    tenant: Tenant,
    source: Arc<dyn CredentialSource>,
}

impl Credentials {
    /// Binds a source to a tenant.
    #[must_use]
    pub fn new(tenant: Tenant, source: Arc<dyn CredentialSource>) -> Self {
        Self { tenant, source }
    }

    /// For whom these were handed out.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// One key of a Secret or ConfigMap.
    ///
    /// # Errors
    /// The tenant may not name that namespace, the object or the key is missing, or the source failed.
    pub async fn key(&self, holder: Holder, at: &Selector) -> Result<SecretBytes, Fault> {
        let namespace = self.tenant.resolve(at.namespace.as_deref())?;
        let data = self.source.data(holder, &namespace, &at.name).await;
        let mut data = data.map_err(Fault::of_access)?;
        let key = key_of(at);
        data.remove(key).ok_or_else(|| {
            let kind = if holder == Holder::Secret { "Secret" } else { "ConfigMap" };
            // People search for the peer's sentence (ESO §15).
            Fault::wrong(format!("cannot find secret data for key: \"{key}\""))
                .because(format!("{kind} `{namespace}/{}` does not have it", at.name))
                .about(ObjectRef::new(kind, namespace.clone(), at.name.clone()))
        })
    }

    /// One key of a Secret.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub async fn secret_key(&self, at: &Selector) -> Result<SecretBytes, Fault> {
        self.key(Holder::Secret, at).await
    }

    /// One key of a Secret as text.
    ///
    /// # Errors
    /// As [`Self::key`], or the value is not UTF-8.
    pub async fn secret_text(&self, at: &Selector) -> Result<SecretText, Fault> {
        let value = self.secret_key(at).await?;
        value.to_text().ok_or_else(|| Fault::wrong(format!("key `{}` of Secret `{}` is not text", key_of(at), at.name)))
    }

    /// A ServiceAccount's uid and annotations.
    ///
    /// # Errors
    /// The tenant may not name that namespace, or the source failed.
    pub async fn service_account(&self, at: &Selector) -> Result<ServiceAccount, Fault> {
        let namespace = self.tenant.resolve(at.namespace.as_deref())?;
        self.source.service_account(&namespace, &at.name).await.map_err(Fault::of_access)
    }

    /// A fresh token of a ServiceAccount.
    ///
    /// # Errors
    /// The tenant may not name that namespace, or the source failed.
    pub async fn token(&self, at: &Selector, audiences: &[String], seconds: u32) -> Result<SecretText, Fault> {
        let namespace = self.tenant.resolve(at.namespace.as_deref())?;
        self.source.token(&namespace, &at.name, audiences, seconds).await.map_err(Fault::of_access)
    }

    /// Says that the connection is this tenant's alone: what it reads may depend on the consumer's namespace and the holder.
    pub fn bind(&self) {
        let Tenant { holder, consumer, .. } = &self.tenant;
        [&holder.kind, &holder.namespace, &holder.name, consumer].into_iter().for_each(|part| self.source.note(part));
    }

    /// Notes what tells this connection from another with the same settings.
    pub fn note(&self, part: &str) {
        self.source.note(part);
    }
}

fn key_of(at: &Selector) -> &str {
    at.key.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespaced_holder_reaches_its_own_namespace_only() {
        let tenant = Tenant::new(ObjectRef::new("SecretStore", "team-a", "vault"), "team-a");
        assert_eq!(tenant.resolve(None).ok().as_deref(), Some("team-a"));
        assert_eq!(tenant.resolve(Some("team-a")).ok().as_deref(), Some("team-a"));
        assert_eq!(
            tenant.resolve(Some("team-b")).map_err(|fault| fault.to_string()),
            Err("namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore"
                .to_owned())
        );
    }

    #[test]
    fn a_cluster_scoped_holder_falls_back_to_its_consumer() {
        let holder = ObjectRef::new("ClusterSecretStore", "", "vault");
        let used = Tenant::new(holder.clone(), "team-a");
        assert_eq!(used.resolve(None).ok().as_deref(), Some("team-a"));
        assert_eq!(used.resolve(Some("infra")).ok().as_deref(), Some("infra"));
        let unused = Tenant::new(holder, "");
        assert!(unused.resolve(None).is_err());
    }
}
