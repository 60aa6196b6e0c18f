//! VaultPKISecret: a certificate is issued, written, replaced in time and revoked. Destination and memory are looked at before
//! anything is issued, and a certificate that could not be written is kept for the retry.
//! Specification: VSO §7.5, §16; decisions are `plan/vault_pki_secret`'s.

use std::sync::Arc;

use api::hashicorp::{Syncable as _, VaultPKISecret, names};
use base::{Fault, Kind, Timestamp};
use plan::basis::Basis;
use plan::issued::Issued;
use plan::synced::{self, Failure, Step};
use plan::vault_call::VaultAnswer;
use plan::vault_pki_secret::{self as vps, Certificate, Facts};
use plan::{Address, Event, Finish, Present, Write, mac, secret_transformation};

use super::issued::AllIssued;
use super::mac_key::mac_key;
use super::restarts::restart_all;
use super::superseded::{Superseded, end_superseded, revoke};
use super::{BACKOFF, Failures, SECRETS, Settings, WORKLOADS, counted, rights};
use crate::World;
use crate::cache::{Changed, Name, name_of};
use crate::controller::{Controller, Rights, Row};
use crate::effects::vault::Asking;
use crate::effects::write::read_secret;
use crate::feature::FeatureName;
use crate::queue::{Enqueue, Lane};
use crate::seen::SeenSecret;
use crate::shared::Shared;

/// The row.
pub struct Sync;

/// Failed revocations are counted apart from failed syncs.
const REVOCATION: &str = "vaultpkisecret/revocation";

type Certificates = AllIssued<VaultPKISecret>;

impl Controller for Sync {
    type Object = VaultPKISecret;

    const ROW: Row = Row {
        name: "vaultpkisecret",
        feature: FeatureName::VaultSecrets,
        component: "VaultPKISecret",
        finalizer: Some(names::PKI_SECRET_FINALIZER),
        manager: names::MANAGER,
        backoff: BACKOFF,
        rights: rights!("vaultpkisecrets", SECRETS, WORKLOADS[0], WORKLOADS[1], WORKLOADS[2], WORKLOADS[3]),
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        super::watch::<VaultPKISecret>(shared, &enqueue);
        // A Secret that somebody edits gets another certificate; the digest of the status tells our own writes from theirs.
        shared.caches().store::<SeenSecret>().listen(move |changed: &Changed<SeenSecret>| {
            let (Some(before), Some(after)) = (&changed.before, &changed.after) else { return };
            let is_ours = after.labels.contains_key(names::OWNER_UID) && before.data != after.data;
            let owners = after.owners.iter().filter(|owner| is_ours && owner.kind == "VaultPKISecret");
            owners.for_each(|owner| {
                enqueue.add((Arc::clone(&changed.name.0), owner.name.as_str().into()), Lane::Changed);
            });
        });
    }

    async fn reconcile(w: &World, o: &VaultPKISecret) -> Result<Finish, Fault> {
        let settings = w.shared().recall::<Settings>()?;
        let endings = end_superseded(w, o, REVOCATION).await;
        let done = sync(w, o, &settings).await;
        let finish = counted(w, Self::ROW.name, o, done, |failure, failures| {
            vps::failed(o, failure, &settings.backoff, failures, w.now())
        })?;
        Ok(endings.over(finish))
    }

    /// Only for what stands before the first step: settings that this process was started without.
    fn failed(o: &VaultPKISecret, fault: &Fault, now: Timestamp) -> Finish {
        let failure = Failure { step: Step::Client, fault: Fault::bug(fault.chain()) };
        vps::failed(o, &failure, &BACKOFF, 1, now)
    }

    async fn cleanup(w: &World, o: &VaultPKISecret) -> Result<Finish, Fault> {
        let name = name_of(&o.metadata);
        let known = w.memory::<Certificates>();
        let untold = known.untold(o).and_then(|issued| issued.serial_to_revoke(o));
        let superseded = w.memory::<Superseded<VaultPKISecret>>();
        let mut faults = Vec::new();
        for serial in superseded.take(o) {
            if let Err(fault) = revoke(w, o, &serial).await {
                superseded.add(o, &serial);
                faults.push(fault);
            }
        }
        let mut serials: Vec<String> = vps::to_revoke(o).map(str::to_owned).into_iter().collect();
        serials.extend(untold);
        for serial in serials {
            faults.extend(revoke(w, o, &serial).await.err());
        }
        faults.extend(clear(w, o).await.err());
        if let Some(dry) = faults.iter().position(|fault| fault.kind() == Kind::Dry) {
            return Err(faults.swap_remove(dry));
        }
        let failures = if faults.is_empty() { 0 } else { w.memory::<Failures>().count(REVOCATION, name) };
        Ok(vps::released(&faults, failures, w.now()))
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        let name: Name = (namespace.into(), name.into());
        w.memory::<Certificates>().forget(&name);
        w.memory::<Superseded<VaultPKISecret>>().forget(&name);
        w.memory::<Failures>().forget(REVOCATION, name.clone());
        w.memory::<Failures>().forget(Self::ROW.name, name);
        Ok(())
    }

    fn status_lost(fault: &Fault) -> Option<Event> {
        Some(synced::status_lost(fault))
    }

    fn wants_finalizer(_: &World, o: &VaultPKISecret) -> bool {
        super::is_guarded(o.conditions(), &o.metadata, names::PKI_SECRET_FINALIZER)
    }
}

async fn sync(w: &World, o: &VaultPKISecret, settings: &Settings) -> Result<Finish, Failure> {
    let mac_key = mac_key(w, settings).await.map_err(Step::Write.failed())?;
    let present = destination(w, o).await.map_err(Step::Write.failed())?;
    let known = w.memory::<Certificates>();
    if let Some(lost) = known.lost(o).and_then(|lost| lost.serial_to_revoke(o)) {
        w.memory::<Superseded<VaultPKISecret>>().add(o, &lost);
    }
    let basis = vps::basis(o, &super::transformations(w, o));
    let facts = Facts { change: known.change(o, &basis), present: present.as_ref(), mac_key: mac_key.expose() };
    let untold = known.untold(o);
    match vps::decide(o, &facts, w.now()).map_err(Step::Fields.failed())? {
        vps::Step::Wait(finish) if untold.is_none() => {
            known.note(o, basis);
            Ok(finish)
        }
        _ => issue(w, o, settings, Ready { basis, present, untold }).await,
    }
}

/// What stands before a certificate is issued.
struct Ready {
    basis: Basis,
    present: Option<Present>,
    untold: Option<Issued>,
}

/// Has a certificate issued, or takes the one that waits, and writes it.
async fn issue(w: &World, o: &VaultPKISecret, settings: &Settings, ready: Ready) -> Result<Finish, Failure> {
    let Ready { basis, present, untold } = ready;
    synced::check_destination(o, present.as_ref())?;
    let rules = super::rules(w, o, settings).map_err(Step::Transformation.failed())?;
    let answer = answer(w, o, untold).await?;
    let certificate = Certificate::read(&answer).map_err(Step::Data.failed())?;
    let response = &certificate.response;
    let mut chance = super::chance(w, o, settings, &rules, response).await.map_err(Step::Data.failed())?;
    let marshalled = secret_transformation::data(response, &rules, &super::subject(o), w.now(), &mut chance);
    let within = |fault: Fault| Fault::new(fault.kind(), "Failed to marshal Vault secret data").because(fault);
    let data = certificate.fitted(o, &rules, marshalled.map_err(within).map_err(Step::Data.failed())?);
    let mac_key = mac_key(w, settings).await.map_err(Step::Write.failed())?;
    let digest = mac::mac(mac_key.expose(), &data);
    let changed = w.act(synced::write(o, data, present)).await.map_err(Step::Write.failed())?.changed;
    super::prune_orphans(w, o).await;
    w.memory::<Certificates>().written(o, basis);
    let restarts = if vps::restarts(o, changed) { restart_all(w, o).await } else { Vec::new() };
    if let Some(old) = vps::to_revoke(o).filter(|old| *old != certificate.serial) {
        w.memory::<Superseded<VaultPKISecret>>().add(o, old);
    }
    let after = vps::Synced { certificate: &certificate, digest, restarts };
    vps::synced(o, after, w.now()).map_err(Step::Fields.failed())
}

async fn answer(w: &World, o: &VaultPKISecret, untold: Option<Issued>) -> Result<VaultAnswer, Failure> {
    let known = w.memory::<Certificates>();
    match untold {
        Some(issued) if issued.serves(o, w.now()) => return Ok(issued.answer),
        Some(issued) => {
            known.drop_untold(o);
            if let Some(unused) = issued.serial_to_revoke(o) {
                w.memory::<Superseded<VaultPKISecret>>().add(o, &unused);
            }
        }
        None => {}
    }
    let client = w.vault_client(o).await.map_err(Step::Client.failed())?;
    let answer = w.act(Asking { client: &client, ask: vps::issue(o) }).await.map_err(Step::Vault.failed())?;
    if Certificate::read(&answer).is_ok() {
        known.keep(o, Issued::new(o, answer.clone(), w.now()));
    }
    Ok(answer)
}

/// The destination as it stands. Certificates hang on the answer, so the cluster is asked even where the cache has none: it may
/// be behind our own write.
async fn destination(w: &World, o: &VaultPKISecret) -> Result<Option<Present>, Fault> {
    let (namespace, name) = (o.metadata.namespace.as_deref().unwrap_or_default(), &*o.destination().name);
    match vps::serial(o) {
        Some(_) => read_secret(w.cluster(), &Address::secret(namespace, name)).await,
        None => w.secret(namespace, name).await,
    }
}

/// Empties a destination that is not ours, where the spec wants that.
async fn clear(w: &World, o: &VaultPKISecret) -> Result<(), Fault> {
    if !vps::clears(o) {
        return Ok(());
    }
    let present = destination(w, o).await?;
    let Some(data) = vps::cleared(o, present.as_ref()) else { return Ok(()) };
    let write: Write = synced::write(o, data, present);
    w.act(write).await.map(drop)
}
