//! SecretTransformation: its templates are parsed and its filters compiled, and what cannot work is told.
//! Specification: VSO §7.6.

use std::sync::Arc;

use api::hashicorp::{SecretTransformation, names};
use base::{Fault, Timestamp};
use plan::{Finish, secret_transformation};

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
    type Object = SecretTransformation;

    const ROW: Row = Row {
        name: "secrettransformation",
        feature: FeatureName::VaultSecrets,
        component: "SecretTransformation",
        finalizer: None,
        manager: names::MANAGER,
        backoff: BACKOFF,
        rights: rights!("secrettransformations",),
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        enqueue.own::<SecretTransformation>(shared.caches(), super::matters);
        shared.caches().watch::<SecretTransformation>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &SecretTransformation) -> Result<Finish, Fault> {
        Ok(secret_transformation::told(o, w.now()))
    }

    fn failed(o: &SecretTransformation, _: &Fault, now: Timestamp) -> Finish {
        secret_transformation::told(o, now)
    }
}
