//! VaultDynamicSecret: a lease is kept, renewed, replaced and revoked. The destination is looked at before anything is issued, and
//! what was issued is kept until a status tells of it, so that lease and Secret always belong together.
//! Specification: VSO §7.4, §16; decisions are `plan/vault_dynamic_secret`'s.

use std::sync::Arc;

use api::hashicorp::vault_static_secret::VaultClientMeta;
use api::hashicorp::{Syncable as _, VaultDynamicSecret, names};
use api::meta::Filled as _;
use base::{Fault, Kind, SecretMap, Timestamp};
use plan::basis::{Basis, Change};
use plan::issued::{Issued, Issues as _};
use plan::secret_transformation::{self, Response, Rules};
use plan::sync_reason::SyncReason;
use plan::synced::{self, Failure, Step};
use plan::vault_call::{Ask, VaultAnswer};
use plan::vault_dynamic_secret::{self as vds, Facts, LeaseToken, Renewed, static_role};
use plan::{Address, Event, Finish, Next, Present, mac};

use super::issued::AllIssued;
use super::mac_key::mac_key;
use super::restarts::restart_all;
use super::superseded::{Superseded, end_superseded, revoke};
use super::{BACKOFF, BY_AUTH, Failures, SECRETS, Settings, WORKLOADS, counted, rights, wake};
use crate::World;
use crate::cache::name_of;
use crate::controller::{Controller, Rights, Row};
use crate::effects::vault::Asking;
use crate::effects::write::read_secret;
use crate::feature::FeatureName;
use crate::queue::Enqueue;
use crate::shared::Shared;
use crate::world::vault::{VaultClient, VaultClients};

/// The row.
pub struct Sync;

/// Failed revocations are counted apart from failed syncs.
const REVOCATION: &str = "vaultdynamicsecret/revocation";

impl Controller for Sync {
    type Object = VaultDynamicSecret;

    const ROW: Row = Row {
        name: "vaultdynamicsecret",
        feature: FeatureName::VaultSecrets,
        component: "VaultDynamicSecret",
        finalizer: Some(names::DYNAMIC_SECRET_FINALIZER),
        manager: names::MANAGER,
        backoff: BACKOFF,
        rights: rights!("vaultdynamicsecrets", SECRETS, WORKLOADS[0], WORKLOADS[1], WORKLOADS[2], WORKLOADS[3]),
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        super::watch::<VaultDynamicSecret>(shared, &enqueue);
        // Leases end with the token that made them.
        let users = shared.caches().store::<VaultDynamicSecret>();
        let home = shared.recall::<Settings>().map(|settings| settings.namespace.clone()).unwrap_or_default();
        shared.memory::<VaultClients>().on_end(move |auth| {
            wake(&enqueue, users.by(BY_AUTH, &format!("{}/{}", auth.namespace, auth.name)));
            if auth.namespace == home && auth.name == names::DEFAULT {
                wake(&enqueue, users.by(BY_AUTH, ""));
            }
        });
    }

    async fn reconcile(w: &World, o: &VaultDynamicSecret) -> Result<Finish, Fault> {
        let settings = w.shared().recall::<Settings>()?;
        let endings = end_superseded(w, o, REVOCATION).await;
        let done = sync(w, o, &settings).await;
        let finish = counted(w, Self::ROW.name, o, done, |failure, failures| {
            vds::failed(o, failure, &settings.backoff, failures, w.now())
        })?;
        Ok(endings.over(finish))
    }

    /// Only for what stands before the first step: settings that this process was started without.
    fn failed(o: &VaultDynamicSecret, fault: &Fault, now: Timestamp) -> Finish {
        let failure = Failure { step: Step::Client, fault: Fault::bug(fault.chain()) };
        vds::failed(o, &failure, &BACKOFF, 1, now)
    }

    async fn cleanup(w: &World, o: &VaultDynamicSecret) -> Result<Finish, Fault> {
        let known = w.memory::<AllIssued<VaultDynamicSecret>>();
        let superseded = w.memory::<Superseded<VaultDynamicSecret>>();
        let mut unused = if w.is_dry() { Vec::new() } else { superseded.take(o) };
        if let Some(untold) = known.untold(o).filter(|_| !w.is_dry()) {
            known.drop_untold(o);
            unused.extend(untold.lease_to_end(o).map(str::to_owned));
        }
        for lease in unused {
            log_ended(&lease, &revoke(w, o, &lease).await);
        }
        let Some(lease) = vds::lease_to_end(o) else { return Ok(Finish::settled()) };
        let result = revoke(w, o, lease).await;
        let failures = match &result {
            Err(fault) if fault.kind() == Kind::Dry => return result.map(|()| Finish::settled()),
            Err(_) => w.memory::<Failures>().count(REVOCATION, name_of(&o.metadata)),
            Ok(()) => 0,
        };
        Ok(vds::released(lease, &result, failures, w.now()))
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        let name = (namespace.into(), name.into());
        w.memory::<AllIssued<VaultDynamicSecret>>().forget(&name);
        w.memory::<Superseded<VaultDynamicSecret>>().forget(&name);
        w.memory::<Failures>().forget(REVOCATION, name.clone());
        w.memory::<Failures>().forget(Self::ROW.name, name);
        Ok(())
    }

    fn status_lost(fault: &Fault) -> Option<Event> {
        Some(synced::status_lost(fault))
    }

    fn wants_finalizer(_: &World, o: &VaultDynamicSecret) -> bool {
        super::is_guarded(o.conditions(), &o.metadata, names::DYNAMIC_SECRET_FINALIZER)
    }
}

async fn sync(w: &World, o: &VaultDynamicSecret, settings: &Settings) -> Result<Finish, Failure> {
    let client = w.vault_client(o).await.map_err(Step::Client.failed())?;
    let meta = client.meta(o.vault_namespace()).await.map_err(Step::Client.failed())?;
    let known = w.memory::<AllIssued<VaultDynamicSecret>>();
    if let Some(lost) = known.lost(o).map(|lost| lost.answer.lease_id).filter(|lease| !lease.is_empty()) {
        log_ended(&lost, &revoke(w, o, &lost).await);
    }
    let basis = vds::basis(o, &super::transformations(w, o));
    let change = known.change(o, &basis);
    let facts = Facts {
        client: &meta,
        change,
        token: lease_token(o, &client, &meta).await,
        is_present: is_present(w, o).await.map_err(Step::Write.failed())?,
        has_drifted: change == Change::Unknown && has_drifted(w, o, settings).await.map_err(Step::Write.failed())?,
    };
    let pass = Pass { w, o, settings, client: &client, basis };
    let untold = known.untold(o);
    match vds::decide(o, &facts, w.now()) {
        vds::Step::Issue(reason) => pass.issue(reason, untold, Vec::new()).await,
        // Credentials wait to be written, or to be told of.
        _ if untold.is_some() => pass.issue(SyncReason::Due, untold, Vec::new()).await,
        vds::Step::Wait(finish) => {
            known.note(o, basis);
            Ok(finish)
        }
        vds::Step::Renew(ask) => match pass.ask(ask).await {
            Err(fault) if fault.kind() == Kind::Dry => Err(Step::Vault.failed()(fault)),
            answer => pass.renewed(&meta, answer).await,
        },
    }
}

/// One pass over one object.
struct Pass<'a> {
    w: &'a World,
    o: &'a VaultDynamicSecret,
    settings: &'a Settings,
    client: &'a VaultClient,
    basis: Basis,
}

impl Pass<'_> {
    async fn ask(&self, ask: Ask) -> Result<VaultAnswer, Fault> {
        self.w.act(Asking { client: self.client, ask }).await
    }

    async fn renewed(&self, client: &VaultClientMeta, answer: Result<VaultAnswer, Fault>) -> Result<Finish, Failure> {
        match vds::renewed(self.o, client, answer, self.w.now()) {
            Renewed::Kept(finish) => {
                self.w.memory::<AllIssued<VaultDynamicSecret>>().note(self.o, self.basis);
                Ok(finish)
            }
            Renewed::Again(fault) => Err(Step::Vault.failed()(fault)),
            Renewed::Replace(events) => self.issue(SyncReason::SecretLeaseRenewalError, None, events).await,
        }
    }

    /// Has credentials issued, or takes those that wait, writes them, and ends the lease that they supersede.
    async fn issue(&self, reason: SyncReason, untold: Option<Issued>, told: Vec<Event>) -> Result<Finish, Failure> {
        let Self { w, o, settings, .. } = *self;
        let namespace = o.metadata.namespace.as_deref().unwrap_or_default();
        let present = w.secret(namespace, &o.destination().name).await.map_err(Step::Write.failed())?;
        synced::check_destination(o, present.as_ref())?;
        let rules = super::rules(w, o, settings).map_err(Step::Transformation.failed())?;
        let answer = self.answer(untold).await?;
        let (response, data) = self.data(&answer, &rules).await?;
        let superseded = vds::superseded(o, &answer);
        let mut finish = match static_role::rotation(o, &answer, &response) {
            Some(rotation) => {
                w.memory::<AllIssued<VaultDynamicSecret>>().drop_untold(o);
                self.read(reason, &answer, rotation, data, present).await?
            }
            None => {
                let key = mac_key(w, settings).await.map_err(Step::Write.failed())?;
                let digest = mac::mac(key.expose(), &data);
                let changed = self.write(data, present).await?;
                let restarts = if vds::restarts(o, changed) { restart_all(w, o).await } else { Vec::new() };
                let ends_in = vds::ends_in(&response, w.now());
                let (client, pod_uid) = (self.meta().await?, settings.pod_uid.as_str());
                let after = vds::Synced { reason, answer: &answer, ends_in, digest, restarts, client, pod_uid };
                vds::synced(o, &after, w.now())
            }
        };
        finish.events.splice(0..0, told);
        if let Some(old) = superseded {
            // The status is written first; the next pass, which comes at once, ends what it no longer tells of.
            w.memory::<Superseded<VaultDynamicSecret>>().add(o, old);
            finish.next = Next::At(w.now());
        }
        Ok(finish)
    }

    async fn answer(&self, untold: Option<Issued>) -> Result<VaultAnswer, Failure> {
        let Self { w, o, .. } = *self;
        let known = w.memory::<AllIssued<VaultDynamicSecret>>();
        match untold {
            Some(issued) if issued.serves(o, w.now()) => return Ok(issued.answer),
            Some(issued) => {
                known.drop_untold(o);
                let lease = &issued.answer.lease_id;
                if !lease.is_empty() {
                    log_ended(lease, &self.ask(o.revocation(lease)).await.map(drop));
                }
            }
            None => {}
        }
        let answer = self.ask(vds::issue(o)).await.map_err(Step::Vault.failed())?;
        if !static_role::is_known(o) && answer.data.is_some() && answer.status != 404 {
            known.keep(o, Issued::new(o, answer.clone(), w.now()));
        }
        Ok(answer)
    }

    async fn data(&self, answer: &VaultAnswer, rules: &Rules) -> Result<(Response, SecretMap), Failure> {
        let (w, o, settings) = (self.w, self.o, self.settings);
        let empty = || Fault::wrong(format!("empty response from Vault, path={:?}", vds::call(o).path));
        // Not found, and yet with data: the version of a secret that was deleted. It must not empty ours.
        let data = answer.data.as_ref().filter(|_| answer.status != 404);
        let data = data.ok_or_else(empty).map_err(Step::Vault.failed())?;
        let response = Response::parse(data.expose(), false).map_err(Step::Data.failed())?;
        let mut chance = super::chance(w, o, settings, rules, &response).await.map_err(Step::Data.failed())?;
        let data = secret_transformation::data(&response, rules, &super::subject(o), w.now(), &mut chance);
        Ok((response, data.map_err(Step::Data.failed())?))
    }

    async fn write(&self, data: SecretMap, present: Option<Present>) -> Result<bool, Failure> {
        let written = self.w.act(synced::write(self.o, data, present)).await.map_err(Step::Write.failed())?;
        super::prune_orphans(self.w, self.o).await;
        self.w.memory::<AllIssued<VaultDynamicSecret>>().written(self.o, self.basis);
        Ok(written.changed)
    }

    /// A static role's credentials are written only if they have changed.
    async fn read(
        &self,
        reason: SyncReason,
        answer: &VaultAnswer,
        rotation: api::hashicorp::vault_dynamic_secret::StaticCredsMetaData,
        data: SecretMap,
        present: Option<Present>,
    ) -> Result<Finish, Failure> {
        let Self { w, o, settings, .. } = *self;
        let key = mac_key(w, settings).await.map_err(Step::Write.failed())?;
        let digest = static_role::digest(key.expose(), &data);
        let mut changed = false;
        if static_role::is_due(o, &digest, key.expose(), present.as_ref()) {
            changed = self.write(data, present).await?;
        }
        w.memory::<AllIssued<VaultDynamicSecret>>().note(o, self.basis);
        let restarts = if static_role::restarts(o, &digest, changed) { restart_all(w, o).await } else { Vec::new() };
        let (client, pod_uid) = (self.meta().await?, settings.pod_uid.as_str());
        let after = static_role::Read { reason, answer, rotation, digest, changed, restarts, client, pod_uid };
        Ok(static_role::read(o, &after, w.now()))
    }

    /// The client after the answer: it may have logged in again for it.
    async fn meta(&self) -> Result<VaultClientMeta, Failure> {
        self.client.meta(self.o.vault_namespace()).await.map_err(Step::Client.failed())
    }
}

/// A lease that nobody uses any more ends by itself where it cannot be revoked.
fn log_ended(lease: &str, result: &Result<(), Fault>) {
    if let Err(fault) = result {
        tracing::warn!(lease, error = fault.chain(), "a lease that nobody uses could not be revoked");
    }
}

async fn lease_token(o: &VaultDynamicSecret, client: &VaultClient, meta: &VaultClientMeta) -> LeaseToken {
    let Some(lookup) = vds::lookup(o, meta) else { return LeaseToken::Ours };
    let maker = o.status.as_ref().and_then(|status| status.vault_client_meta.as_ref()?.id.filled());
    if maker.is_some_and(|maker| client.has_ended(maker)) {
        return LeaseToken::Ended;
    }
    vds::looked_up(&client.ask(&lookup).await)
}

/// Whether the destination stands. Credentials hang on the answer, so the cluster is asked where the cache has none: it may be
/// behind our own write.
async fn is_present(w: &World, o: &VaultDynamicSecret) -> Result<bool, Fault> {
    let (namespace, name) = (o.metadata.namespace.as_deref().unwrap_or_default(), &*o.destination().name);
    if o.status.is_none() || w.seen_secret(namespace, name).is_some() {
        return Ok(true);
    }
    Ok(read_secret(w.cluster(), &Address::secret(namespace, name)).await?.is_some())
}

/// Whether the destination holds something else than the status tells of: an earlier process has written it, and ended before it
/// could tell which lease belongs to it. The peer's statuses tell no digest of leased credentials.
async fn has_drifted(w: &World, o: &VaultDynamicSecret, settings: &Settings) -> Result<bool, Fault> {
    let Some(stored) = o.secret_mac().filter(|_| !static_role::is_known(o)) else { return Ok(false) };
    let namespace = o.metadata.namespace.as_deref().unwrap_or_default();
    let Some(present) = w.secret(namespace, &o.destination().name).await? else { return Ok(false) };
    let key = mac_key(w, settings).await?;
    Ok(!mac::is_mac_of(stored, key.expose(), &present.data))
}
