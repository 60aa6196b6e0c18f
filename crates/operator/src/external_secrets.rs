//! External Secrets: its rows, one file each, and what they remember. Specification: ESO §6.

pub mod external_secret;
pub mod secret_store;

use api::{ClusterSecretStore, SecretStore};
use base::duration::GoDuration;

use crate::driver::Driver;

/// What External Secrets' process was told by its flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often stores are validated that say nothing themselves.
    pub store_interval: GoDuration,
    /// Whether SecretStores are validated.
    pub validates_stores: bool,
    /// Whether ClusterSecretStores are validated.
    pub validates_cluster_stores: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { store_interval: GoDuration::from_seconds(300), validates_stores: true, validates_cluster_stores: true }
    }
}

/// Adds External Secrets' rows to a driver.
#[must_use]
pub fn rows(driver: Driver, settings: &Settings) -> Driver {
    let mut driver = driver.with::<external_secret::Reconcile>();
    if settings.validates_stores {
        driver = driver.with::<secret_store::Validate<SecretStore>>();
    }
    if settings.validates_cluster_stores {
        driver = driver.with::<secret_store::Validate<ClusterSecretStore>>();
    }
    driver
}
