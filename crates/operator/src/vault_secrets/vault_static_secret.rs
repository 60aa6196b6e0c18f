//! VaultStaticSecret: read, build, compare, write, restart. The destination is compared by the cache's digest, so that a round
//! without change costs one read of Vault and no request to the API server. Specification: VSO §7.3; design §11.2.

use std::sync::Arc;

use api::hashicorp::{Syncable as _, VaultStaticSecret, names};
use base::{Fault, Timestamp};
use plan::synced::{self, Failure, Step};
use plan::vault_static_secret::{self as vss, Facts, Synced};
use plan::{Event, Finish, secret_transformation};

use super::mac_key::mac_key;
use super::restarts::restart_all;
use super::{BACKOFF, Failures, SECRETS, Settings, WORKLOADS, counted, rights};
use crate::World;
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::Enqueue;
use crate::seen::{SeenSecret, fingerprint_of};
use crate::shared::Shared;

/// The row.
pub struct Sync;

impl Controller for Sync {
    type Object = VaultStaticSecret;

    const ROW: Row = Row {
        name: "vaultstaticsecret",
        feature: FeatureName::VaultSecrets,
        component: "VaultStaticSecret",
        finalizer: Some(names::STATIC_SECRET_FINALIZER),
        manager: names::MANAGER,
        backoff: BACKOFF,
        rights: rights!("vaultstaticsecrets", SECRETS, WORKLOADS[0], WORKLOADS[1], WORKLOADS[2], WORKLOADS[3]),
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        super::watch::<VaultStaticSecret>(shared, &enqueue);
    }

    async fn reconcile(w: &World, o: &VaultStaticSecret) -> Result<Finish, Fault> {
        let settings = w.shared().recall::<Settings>()?;
        let done = sync(w, o, &settings).await;
        counted(w, Self::ROW.name, o, done, |failure, failures| {
            vss::failed(o, failure, &settings.backoff, failures, w.now())
        })
    }

    /// Only for what stands before the first step: settings that this process was started without.
    fn failed(o: &VaultStaticSecret, fault: &Fault, now: Timestamp) -> Finish {
        let failure = Failure { step: Step::Client, fault: Fault::bug(fault.chain()) };
        vss::failed(o, &failure, &BACKOFF, 1, now)
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        w.memory::<Failures>().forget(Self::ROW.name, (namespace.into(), name.into()));
        Ok(())
    }

    fn status_lost(fault: &Fault) -> Option<Event> {
        Some(synced::status_lost(fault))
    }

    fn wants_finalizer(_: &World, o: &VaultStaticSecret) -> bool {
        super::is_guarded(o.conditions(), &o.metadata, names::STATIC_SECRET_FINALIZER)
    }
}

async fn sync(w: &World, o: &VaultStaticSecret, settings: &Settings) -> Result<Finish, Failure> {
    let namespace = o.metadata.namespace.as_deref().unwrap_or_default();
    let client = w.vault_client(o).await.map_err(Step::Client.failed())?;
    let meta = client.meta(o.vault_namespace()).await.map_err(Step::Client.failed())?;
    let seen = w.seen_secret(namespace, &o.destination().name);
    if seen.is_none() && w.cache::<SeenSecret>().is_ready() {
        synced::check_destination(o, None)?;
    }
    vss::refresh_after(o).map_err(Step::Fields.failed())?;
    let rules = super::rules(w, o, settings).map_err(Step::Transformation.failed())?;
    let answer = client.ask(&vss::call(o)).await;
    let response = vss::response(o, answer).map_err(Step::Vault.failed())?;
    let mac_key = mac_key(w, settings).await.map_err(Step::Write.failed())?;
    let mut chance = super::chance(w, o, settings, &rules, &response).await.map_err(Step::Data.failed())?;
    let data = secret_transformation::data(&response, &rules, &super::subject(o), w.now(), &mut chance)
        .map_err(Step::Data.failed())?;
    let is_same = seen.is_some_and(|seen| seen.data == fingerprint_of(&data));
    let facts = Facts { data: &data, mac_key: mac_key.expose(), is_same };
    let mut changed = false;
    if vss::is_due(o, &facts) {
        let present = w.secret(namespace, &o.destination().name).await.map_err(Step::Write.failed())?;
        synced::check_destination(o, present.as_ref())?;
        changed = w.act(synced::write(o, data.clone(), present)).await.map_err(Step::Write.failed())?.changed;
        super::prune_orphans(w, o).await;
    }
    let restarts = if vss::restarts(o, changed) { restart_all(w, o).await } else { Vec::new() };
    Ok(vss::synced(o, &Synced { facts, changed, restarts, client: meta }, w.now()))
}
