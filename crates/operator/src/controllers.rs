//! The table of controllers: which rows a feature has, in the order of their keys. Adding a kind is one line here.
//! Specification: design §10.

use std::sync::Arc;

use api::reload::ResourceKind;
use api::{ClusterExternalSecret, ClusterPushSecret, ClusterSecretStore, SecretStore};
use plan::reload::Kind;
use providers::reach::CountCalls;

use crate::driver::Driver;
use crate::external_secrets::counts::Counts;
use crate::external_secrets::{self, external_secret, push_secret, secret_store, stamp};
use crate::reloader::{self, csi, source, workload};
use crate::sealed_secrets::{self, sealed_secret};
use crate::seen::{OfConfigMap, OfSecret};
use crate::vault_secrets::{
    self, secret_transformation, vault_auth, vault_auth_global, vault_connection, vault_dynamic_secret,
    vault_pki_secret, vault_static_secret,
};
use crate::world::stores::Providers;
use crate::world::vault::{CountClients, VaultClients};
use crate::world::workloads as of;

/// Adds External Secrets' rows to a driver.
#[must_use]
pub fn external_secrets(driver: Driver, settings: &external_secrets::Settings) -> Driver {
    let counts = Arc::new(Counts::new(driver.metrics().registry(), settings.tells_labels));
    if let Ok(providers) = driver.shared().recall::<Providers>() {
        let counter: Arc<dyn CountCalls> = Arc::<Counts>::clone(&counts);
        providers.reach().calls.tell(counter);
    }
    let mut driver = driver.observed(counts).with::<external_secret::Reconcile>();
    if settings.stamps {
        driver = driver.with::<stamp::StampOut<ClusterExternalSecret>>();
    }
    if settings.stamps_pushes {
        driver = driver.with::<stamp::StampOut<ClusterPushSecret>>();
    }
    if settings.pushes {
        driver = driver.with::<push_secret::Reconcile>();
    }
    if settings.validates_stores {
        driver = driver.with::<secret_store::Validate<SecretStore>>();
    }
    if settings.validates_cluster_stores {
        driver = driver.with::<secret_store::Validate<ClusterSecretStore>>();
    }
    driver
}

/// Adds Reloader's rows to a driver.
#[must_use]
pub fn reloader(driver: Driver, settings: &reloader::Settings) -> Driver {
    let watches = |kind: ResourceKind| !settings.ignored_resources.contains(&kind);
    let runs = |kind: Kind| !settings.options.ignored.contains(&kind);
    let memory = reloader::Memory::of(driver.shared());
    memory.count_with(reloader::counts::Counts::new(driver.metrics().registry(), settings.counts_by_namespace));
    memory.lead_by(driver.leads());
    crate::seen::publish();
    let mut driver = match &settings.namespace_selector {
        Some(labels) => {
            source::watch_namespaces(driver.shared(), labels);
            driver.allowed(source::NAMESPACES)
        }
        None => driver,
    };
    driver = driver.with::<workload::ReloadWorkload<of::Deployment>>();
    if runs(Kind::CronJob) {
        driver = driver.with::<workload::ReloadWorkload<of::CronJob>>();
    }
    if runs(Kind::Job) {
        driver = driver.with::<workload::ReloadWorkload<of::Job>>();
    }
    driver =
        driver.with::<workload::ReloadWorkload<of::DaemonSet>>().with::<workload::ReloadWorkload<of::StatefulSet>>();
    if settings.has_rollouts {
        driver = driver.with::<workload::ReloadWorkload<of::Rollout>>();
    }
    if settings.has_deployment_configs {
        driver = driver.with::<workload::ReloadWorkload<of::DeploymentConfig>>();
    }
    if watches(ResourceKind::ConfigMap) {
        driver = driver.with::<source::ReloadSource<OfConfigMap>>();
    }
    if watches(ResourceKind::Secret) {
        driver = driver.with::<source::ReloadSource<OfSecret>>();
    }
    if settings.has_provider_classes {
        driver = driver.with::<csi::ReloadClass>();
    }
    workload::take_over_pauses(driver.shared(), driver.leads());
    driver
}

/// Adds Sealed Secrets' rows to a driver.
#[must_use]
pub fn sealed_secrets(driver: Driver) -> Driver {
    let tells_objects =
        driver.shared().recall::<sealed_secrets::Settings>().is_ok_and(|settings| settings.tells_objects);
    driver.shared().remember(sealed_secrets::counts::Counts::new(driver.metrics().registry(), tells_objects));
    let driver = match driver.shared().recall::<sealed_secrets::counts::Counts>() {
        Ok(counts) => driver.observed(counts),
        Err(_) => driver,
    };
    driver.with::<sealed_secret::Unseal>()
}

/// Adds Vault Secrets' rows to a driver.
#[must_use]
pub fn vault_secrets(driver: Driver) -> Driver {
    let counts = Arc::new(vault_secrets::counts::Counts::new(driver.metrics().registry()));
    if let Ok(settings) = driver.shared().recall::<vault_secrets::Settings>() {
        vault_secrets::counts::tell_runtime(driver.metrics().registry(), &settings);
    }
    let counter: Arc<dyn CountClients> = Arc::<vault_secrets::counts::Counts>::clone(&counts);
    driver.shared().memory::<VaultClients>().count_with(counter);
    driver
        .observed(counts)
        .with::<secret_transformation::Check>()
        .with::<vault_auth::Check>()
        .with::<vault_auth_global::Check>()
        .with::<vault_connection::Ping>()
        .with::<vault_static_secret::Sync>()
        .with::<vault_dynamic_secret::Sync>()
        .with::<vault_pki_secret::Sync>()
}
