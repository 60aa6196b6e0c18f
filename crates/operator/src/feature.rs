//! A feature: one peer's operator as we run it, with its own queue, workers, lease, event recorder and metrics.
//! Features share code, not authority. Specification: design §7.

/// The peers' operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FeatureName {
    /// External Secrets Operator.
    ExternalSecrets,
    /// Vault Secrets Operator.
    VaultSecrets,
    /// The Sealed Secrets controller.
    SealedSecrets,
    /// Reloader.
    Reloader,
}

impl FeatureName {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 4] = [Self::ExternalSecrets, Self::Reloader, Self::SealedSecrets, Self::VaultSecrets];

    /// The word in flags and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExternalSecrets => "external-secrets",
            Self::VaultSecrets => "vault-secrets",
            Self::SealedSecrets => "sealed-secrets",
            Self::Reloader => "reloader",
        }
    }

    /// The lease under which only one process acts; ours for the peer that has none.
    #[must_use]
    pub fn lease(self) -> &'static str {
        match self {
            Self::ExternalSecrets => "external-secrets-controller",
            Self::VaultSecrets => "b0d477c0.hashicorp.com",
            Self::SealedSecrets => "keywright-sealed-secrets",
            Self::Reloader => "stakater-reloader-lock",
        }
    }
}
