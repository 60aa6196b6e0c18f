//! External Secrets: its rows, one file each, and what its process was told. The rows stand in `controllers`.
//! Specification: ESO §6.

pub mod admission;
pub mod counts;
pub mod external_secret;
mod makers;
mod memory;
pub mod push_secret;
pub mod secret_store;
pub mod serving_certificate;
pub mod stamp;
mod unspent;
pub mod webhook_certificates;

use std::sync::Arc;

use api::ClusterSecretStore;
use api::external_secrets::names;
use base::duration::GoDuration;
use plan::backoff::Backoff;

use crate::cache::{Changed, Kept, Name, Selectors, name_of};
use crate::controller::Rights;
use crate::queue::{Enqueue, Lane};
use crate::shared::Shared;
use crate::store_rules::{ClusterStores, StoreRules};
use crate::subject::settings_changed;

/// As in the peer: one second at first, seven minutes at most (ESO §6.7).
const BACKOFF: Backoff =
    Backoff { first: GoDuration::from_seconds(1), factor: 2.0, cap: GoDuration::from_seconds(420), jitter: 0.1 };

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
    /// Whether ClusterPushSecrets are stamped out; that asks for the cluster's namespaces, too.
    pub stamps_pushes: bool,
    /// Whether metrics carry the recommended labels of their objects.
    pub tells_labels: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            store_interval: GoDuration::from_seconds(300),
            validates_stores: true,
            validates_cluster_stores: true,
            pushes: true,
            stamps: true,
            stamps_pushes: true,
            tells_labels: false,
        }
    }
}

/// What a row may do with objects of its own kind.
const fn on_own(resource: &'static str) -> Rights {
    Rights { group: names::GROUP, resource, verbs: &["get", "list", "watch", "update", "patch"], is_local: false }
}

/// What a row may do with their status.
const fn on_status(resource: &'static str) -> Rights {
    Rights { group: names::GROUP, resource, verbs: &["get", "update", "patch"], is_local: false }
}

/// Starts the watch of ClusterSecretStores, unless nobody is served who names one.
fn watch_cluster_stores(shared: &Shared) {
    if shared.memory::<StoreRules>().cluster_stores == ClusterStores::Served {
        shared.caches().watch_cluster::<ClusterSecretStore>(&Selectors::default());
    }
}

/// Wakes these objects.
fn wake<U: kube::Resource>(row: &Enqueue, users: &[Arc<U>]) {
    for user in users {
        row.add(name_of(user.meta()), Lane::Changed);
    }
}

/// A store that appears or changes wakes whoever uses it (the peer watches no stores, ESO §14): `keys` says under which keys of
/// the users' index it stands.
fn wake_users<S, U>(
    shared: &Arc<Shared>,
    enqueue: &Enqueue,
    index: &'static str,
    keys: impl Fn(&Name) -> Vec<String> + Send + Sync + 'static,
) where
    S: Kept + kube::Resource,
    U: Kept + kube::Resource,
{
    let (users, row) = (shared.caches().store::<U>(), enqueue.clone());
    shared.caches().store::<S>().listen(move |changed: &Changed<S>| {
        if let Some(after) = &changed.after
            && !changed.is_initial
            && changed.before.as_ref().is_none_or(|before| settings_changed(&**before, &**after))
        {
            keys(&changed.name).iter().for_each(|key| wake(&row, &users.by(index, key)));
        }
    });
}
