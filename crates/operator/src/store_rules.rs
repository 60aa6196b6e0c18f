//! What this process was told about the stores that it may ask, beside what each store says itself.
//! Specification: ESO §6.1, §6.9, §12.1, §12.4.

/// What becomes of whoever names a ClusterSecretStore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterStores {
    /// It is served.
    #[default]
    Served,
    /// It is left to another controller, without a word (ESO §6.1).
    Left,
    /// It is told that nothing of the cluster is read here: the process is confined to a namespace, and sends no request for
    /// anything outside it (ESO §12.4, field report).
    Refused,
}

/// The rules of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRules {
    /// What becomes of whoever names a ClusterSecretStore.
    pub cluster_stores: ClusterStores,
    /// Whether a store that is not ready is left alone.
    pub has_flood_gate: bool,
}

impl Default for StoreRules {
    fn default() -> Self {
        Self { cluster_stores: ClusterStores::Served, has_flood_gate: true }
    }
}
