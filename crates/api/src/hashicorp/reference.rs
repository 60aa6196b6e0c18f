//! How VSO's objects name each other, and what its three syncable kinds have in common.
//! Specification: VSO §4.4–§4.7, §5.1.

use base::{Fault, ObjectRef};

use super::destination::Destination;
use super::rollout_target::RolloutRestartTarget;
use super::vault_dynamic_secret::VaultDynamicSecret;
use super::vault_pki_secret::VaultPKISecret;
use super::vault_static_secret::VaultStaticSecret;
use crate::meta::{Condition, Filled as _};

/// A VaultAuth or VaultConnection as another object names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference<'a> {
    /// None is named: `default` in the operator's namespace.
    Default,
    /// One is named.
    Named { namespace: &'a str, name: &'a str },
}

impl<'a> Reference<'a> {
    /// Reads `name` (of the own namespace), `namespace/name`, or nothing.
    ///
    /// # Errors
    /// There is more than one slash, or nothing before or behind it.
    pub fn parse(text: Option<&'a str>, own_namespace: &'a str) -> Result<Self, Fault> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::Default) };
        let (namespace, name) = text.split_once('/').unwrap_or((own_namespace, text));
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err(Fault::wrong(format!("invalid name: {text}"))
                .hint("a reference is `name`, or `namespace/name` for another namespace"));
        }
        Ok(Self::Named { namespace, name })
    }

    /// Namespace and name, once the operator's namespace is known.
    pub fn resolve(self, operator_namespace: &'a str) -> (&'a str, &'a str) {
        match self {
            Self::Default => (operator_namespace, super::names::DEFAULT),
            Self::Named { namespace, name } => (namespace, name),
        }
    }
}

/// What VaultStaticSecret, VaultDynamicSecret and VaultPKISecret have in common.
pub trait Syncable: kube_core::Resource<DynamicType = ()> + Sized {
    /// How messages speak of it.
    fn object(&self) -> ObjectRef {
        crate::meta::object_ref(self)
    }

    /// The VaultAuth that it logs in with.
    ///
    /// # Errors
    /// The reference has more than one slash.
    fn auth_ref(&self) -> Result<Reference<'_>, Fault>;

    /// The Vault namespace of the secret, where it is not that of the login.
    fn vault_namespace(&self) -> Option<&str>;

    /// Where the values go.
    fn destination(&self) -> &Destination;

    /// What is restarted when values change.
    fn rollout_targets(&self) -> &[RolloutRestartTarget];

    /// The keyed digest of the values that were written last.
    fn secret_mac(&self) -> Option<&str>;

    /// The conditions as they stand.
    fn conditions(&self) -> &[Condition];
}

/// Their fields have the same names, which Rust cannot say otherwise.
macro_rules! syncable {
    ($($kind:ty),*) => {$(
        impl Syncable for $kind {
            fn auth_ref(&self) -> Result<Reference<'_>, Fault> {
                let own = self.metadata.namespace.as_deref().unwrap_or_default();
                Reference::parse(self.spec.vault_auth_ref.filled(), own)
            }

            fn vault_namespace(&self) -> Option<&str> {
                self.spec.namespace.filled()
            }

            fn destination(&self) -> &Destination {
                &self.spec.destination
            }

            fn rollout_targets(&self) -> &[RolloutRestartTarget] {
                &self.spec.rollout_restart_targets
            }

            fn secret_mac(&self) -> Option<&str> {
                self.status.as_ref()?.secret_mac.filled()
            }

            fn conditions(&self) -> &[Condition] {
                self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
            }
        }
    )*};
}

syncable!(VaultStaticSecret, VaultDynamicSecret, VaultPKISecret);
