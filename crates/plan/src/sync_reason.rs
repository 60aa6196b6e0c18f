//! Why Vault is asked to issue something, in the peer's words: one set for all kinds, told as `sync_reason`. Which of them a kind
//! knows is its decision's. Specification: VSO §6.2, §7.4.1, §7.5.

/// Why credentials or a certificate are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncReason {
    /// For the first time.
    InitialSync,
    /// Somebody touched labels or annotations, or a transformation changed.
    ForceSync,
    /// The spec changed.
    ResourceUpdated,
    /// The Secret is gone.
    InexistentDestination,
    /// The Secret holds something else than the status tells of.
    SecretDataDrift,
    /// Another VaultAuth or VaultConnection.
    VaultClientConfigChanged,
    /// The token on which the lease hung has ended, and the lease with it.
    VaultTokenRotated,
    /// The lease could not be renewed.
    SecretLeaseRenewalError,
    /// The certificate ends soon.
    InRenewalWindow,
    /// The lease has ended, cannot be renewed, or there is none: the peer has no word for it.
    Due,
}

impl SyncReason {
    /// The peer's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InitialSync => "InitialSync",
            Self::ForceSync => "ForceSync",
            Self::ResourceUpdated => "ResourceUpdated",
            Self::InexistentDestination => "InexistentDestination",
            Self::SecretDataDrift => "SecretDataDrift",
            Self::VaultClientConfigChanged => "VaultClientConfigChanged",
            Self::VaultTokenRotated => "VaultTokenRotated",
            Self::SecretLeaseRenewalError => "SecretLeaseRenewalError",
            Self::InRenewalWindow => "InRenewalWindow",
            Self::Due => "",
        }
    }
}
