//! External Secrets: its rows, one file each, and what its process was told. The rows stand in `controllers`.
//! Specification: ESO §6.

pub mod cluster_external_secret;
pub mod counts;
pub mod external_secret;
pub mod push_secret;
pub mod secret_store;

use base::duration::GoDuration;

/// What External Secrets' process was told by its flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often stores are validated that say nothing themselves.
    pub store_interval: GoDuration,
    /// Whether SecretStores are validated.
    pub validates_stores: bool,
    /// Whether ClusterSecretStores are validated.
    pub validates_cluster_stores: bool,
    /// Whether PushSecrets are pushed.
    pub pushes: bool,
    /// Whether ClusterExternalSecrets are stamped out; that asks for the cluster's namespaces.
    pub stamps: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            store_interval: GoDuration::from_seconds(300),
            validates_stores: true,
            validates_cluster_stores: true,
            pushes: true,
            stamps: true,
        }
    }
}
