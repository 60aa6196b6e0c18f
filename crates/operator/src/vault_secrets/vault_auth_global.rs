//! VaultAuthGlobal: told to be usable; what it is worth is judged where it is merged. Specification: VSO §4.3, §7.7.

use std::sync::Arc;

use api::hashicorp::{VaultAuthGlobal, names};
use base::{Fault, Timestamp};
use plan::Finish;
use serde_json::json;

use super::{BACKOFF, rights};
use crate::World;
use crate::cache::Selectors;
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::Enqueue;
use crate::shared::Shared;

/// The row.
pub struct Check;

impl Controller for Check {
    type Object = VaultAuthGlobal;

    const ROW: Row = Row {
        name: "vaultauthglobal",
        feature: FeatureName::VaultSecrets,
        component: "VaultAuthGlobal",
        finalizer: None,
        manager: names::MANAGER,
        backoff: BACKOFF,
        rights: rights!("vaultauthglobals",),
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        enqueue.own::<VaultAuthGlobal>(shared.caches(), super::matters);
        shared.caches().watch::<VaultAuthGlobal>(&Selectors::default());
    }

    async fn reconcile(_: &World, _: &VaultAuthGlobal) -> Result<Finish, Fault> {
        Ok(Finish::settled().with_status(json!({ "valid": true, "error": "" })))
    }

    fn failed(_: &VaultAuthGlobal, fault: &Fault, _: Timestamp) -> Finish {
        Finish::settled().with_status(json!({ "valid": false, "error": fault.chain() })).retried()
    }
}
