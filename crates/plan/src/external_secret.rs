//! ExternalSecret: from the object, its stores and its target to what is asked (`due`), and from the answers to what is
//! written (`decide`). Pure; the script is `operator/external_secrets/external_secret`. Specification: ESO §6.

pub mod admission;
pub mod assemble;
pub mod due;
mod found;
pub mod hash;
pub mod keys;
pub mod render;
pub mod rewrite;
pub mod rule;
pub mod templates;

use std::sync::Arc;

use api::ExternalSecret;
use api::external_secrets::external_secret::Binding;
use api::external_secrets::names;
use api::external_secrets::target::{CreationPolicy, DeletionPolicy};
use base::{Fault, Kind, SecretBytes, SecretMap, SecretValue, Timestamp};
use rand_core::CryptoRng;
use serde_json::json;
use source::Made;

pub use assemble::Answer;
pub use due::{Asks, Due, Make, Now, Read, Standing, What, due};
pub use found::Found;
pub use render::Given;
pub use rule::TargetRule;
pub use templates::Sources;

use crate::conditions::{self, Condition};
use crate::present::{OwnerRef, controller};
use crate::schedule;
use crate::{Address, Delimiters, Event, Finish, Next, Present, Rendering, Status, Target, Write};

/// What a decision is made on.
pub struct Facts {
    /// The target as it stands.
    pub target: Found,
    /// Secrets of the namespace that carry our owner hash under another name: uid and version guard their deletion.
    pub orphans: Vec<Orphan>,
    /// One answer per read.
    pub read: Vec<(Read, Result<Answer, Fault>)>,
    /// What generators made, by place in `spec.dataFrom`.
    pub made: Vec<(usize, Made)>,
    /// What the template's sources hold; only asked for where a template is run.
    pub sources: Result<Sources, Fault>,
    /// What opens and closes the template's actions.
    pub delimiters: Delimiters,
    /// The moment at which the pass began.
    pub now: Timestamp,
}

/// A Secret that was this ExternalSecret's target once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
}

/// What comes of it.
pub struct After {
    /// The writes in order: orphans first, then the target.
    pub writes: Vec<Write>,
    /// How the pass ends if all writes succeed.
    pub finish: Finish,
    /// The event of the target's write, if it changes something: created or updated.
    pub tells_target: bool,
    /// When the values must be renewed, where a generator knows their end.
    pub renew_at: Option<Timestamp>,
}

/// The message of a condition when values could not be read.
pub const NO_DATA: &str = "could not get secret data from provider";
/// The message of a condition when the target could not be written.
pub const NOT_WRITTEN: &str = "could not update secret";

/// The bytes of a value, as a Secret holds them (ESO §6.4).
pub(crate) fn bytes_of(value: &SecretValue) -> SecretBytes {
    source::select::bytes(value)
}

/// Decides what is written.
///
/// # Errors
/// Values could not be read, or the target may not be written; the fault's text is the condition's message.
pub fn decide(es: &ExternalSecret, mut facts: Facts, rng: &mut dyn CryptoRng) -> Result<After, Fault> {
    let mut rendering = Rendering::new(facts.now, rng).delimited(facts.delimiters.clone());
    let (read, made) = (std::mem::take(&mut facts.read), std::mem::take(&mut facts.made));
    let ends = made.iter().filter_map(|(_, made)| made.expires).min();
    let now = facts.now;
    let assembled = assemble::assemble(es, read, made, &mut rendering).map_err(|fault| fault.within(NO_DATA))?;
    let mut after = if assembled.data.is_empty() {
        emptied(es, facts, &mut rendering)?
    } else {
        written(es, assembled.data, facts, &mut rendering)?
    };
    after.finish.events.splice(0..0, assembled.events);
    if let Some(end) = ends {
        renewing(&mut after, end, now);
    }
    Ok(after)
}

/// Values that end are renewed before they do. Where nothing refreshes them, a warning says that they will end.
fn renewing(after: &mut After, end: Timestamp, now: Timestamp) {
    let moment = schedule::renewal(end, now);
    if let Next::At(next) = &mut after.finish.next {
        *next = moment.min(*next);
        after.renew_at = Some(moment);
    } else if after.finish.next == Next::Settled {
        after.finish.events.push(schedule::ends_unrenewed(end));
    }
}

/// The provider has nothing: what `deletionPolicy` says (ESO §6.5, table "Empty provider data").
fn emptied(es: &ExternalSecret, facts: Facts, rendering: &mut Rendering<'_>) -> Result<After, Fault> {
    let now = facts.now;
    match es.deletion_policy() {
        DeletionPolicy::Retain => {
            let finish = synced(es, "SecretSynced", "secret retained due to DeletionPolicy=Retain", now)?;
            Ok(After { writes: Vec::new(), finish, tells_target: false, renew_at: None })
        }
        DeletionPolicy::Merge => written(es, SecretMap::new(), Facts { orphans: Vec::new(), ..facts }, rendering),
        DeletionPolicy::Delete if es.creation_policy() != CreationPolicy::Owner => {
            let name = es.target_name();
            let policy = es.creation_policy().as_str();
            let text = format!("unable to delete secret {name}: creationPolicy={policy} is not Owner");
            let finish = refused(es, "could not delete secret", &text, now);
            Ok(After { writes: Vec::new(), finish, tells_target: false, renew_at: None })
        }
        DeletionPolicy::Delete => {
            let mut finish = synced(es, "SecretDeleted", "secret deleted due to DeletionPolicy=Delete", now)?;
            let mut writes = Vec::new();
            if let Some((uid, resource_version, owners)) = facts.target.guard() {
                if !is_ours(es, owners) {
                    let text = format!("secret {} is not owned by this ExternalSecret", es.target_name());
                    let finish = refused(es, "could not delete secret", &text, now);
                    return Ok(After { writes, finish, tells_target: false, renew_at: None });
                }
                writes.push(deletion(es, uid, resource_version, "delete: the values are gone at the provider"));
                finish.events.push(Event::normal("Deleted", "secret deleted due to DeletionPolicy=Delete"));
            }
            Ok(After { writes, finish, tells_target: false, renew_at: None })
        }
    }
}

/// Whether a Secret is controlled by this ExternalSecret: what may be deleted.
fn is_ours(es: &ExternalSecret, owners: &[OwnerRef]) -> bool {
    controller(owners).is_some_and(|owner| Some(&owner.uid) == es.metadata.uid.as_ref())
}

/// The target's deletion, as long as it is this version of it.
fn deletion(es: &ExternalSecret, uid: &str, resource_version: &str, why: &str) -> Write {
    Write::Delete {
        at: Address::secret(es.metadata.namespace.clone().unwrap_or_default(), es.target_name()),
        uid: Some(uid.to_owned()),
        resource_version: Some(resource_version.to_owned()),
        background: false,
        why: why.to_owned(),
    }
}

fn written(
    es: &ExternalSecret,
    values: SecretMap,
    facts: Facts,
    rendering: &mut Rendering<'_>,
) -> Result<After, Fault> {
    let Facts { target: found, orphans, sources, now, .. } = facts;
    let policy = es.creation_policy();
    if policy == CreationPolicy::None {
        let finish = synced(es, "SecretSynced", "secret synced", now)?;
        return Ok(After { writes: Vec::new(), finish, tells_target: false, renew_at: None });
    }
    if policy == CreationPolicy::Merge && !found.is_there() {
        let finish = synced(es, "SecretMissing", "secret will not be created due to CreationPolicy=Merge", now)?;
        return Ok(After { writes: Vec::new(), finish, tells_target: false, renew_at: None });
    }
    let namespace = es.metadata.namespace.clone().unwrap_or_default();
    let mut writes: Vec<Write> = Vec::new();
    let mut finish = synced(es, "SecretSynced", "secret synced", now)?;
    if policy == CreationPolicy::Owner {
        for orphan in orphans {
            finish.events.push(Event::normal("Deleted", "secret deleted because it was orphaned"));
            writes.push(Write::Delete {
                at: Address::secret(namespace.clone(), orphan.name),
                uid: Some(orphan.uid),
                resource_version: Some(orphan.resource_version),
                background: false,
                why: "delete: it is no target of this ExternalSecret any more".to_owned(),
            });
        }
    }
    let is_frozen = es.spec.target.immutable == Some(true) && found.is_there();
    let given = Given { values, sources, is_frozen };
    let target = render::target(es, given, rendering).map_err(|fault| fault.within(NOT_WRITTEN))?;
    if !found.is_there() {
        rule::check_size(&target).map_err(|fault| fault.within(NOT_WRITTEN))?;
    }
    writes.push(target_write(es, target, found));
    bind(es, &mut finish);
    Ok(After { writes, finish, tells_target: true, renew_at: None })
}

/// Says in the status which Secret may be bound (Service Binding): the one that was written.
fn bind(es: &ExternalSecret, finish: &mut Finish) {
    if let Some(status) = &mut finish.status {
        status.value["binding"] = json!(Binding { name: es.target_name().to_owned() });
    }
}

fn target_write(es: &ExternalSecret, mut target: Target, found: Found) -> Write {
    let name = es.metadata.name.clone().unwrap_or_default();
    let manager = hash::manager(&name);
    rule::with_hash(&mut target);
    let present = match found {
        Found::Nothing => return Write::CreateSecret { target, manager },
        Found::Unread { .. } => None,
        Found::Read(present) => Some(present),
    };
    let is_immutable = es.spec.target.immutable == Some(true);
    let rule = Arc::new(TargetRule { name, policy: es.creation_policy(), is_immutable });
    Write::ReplaceSecret { target, rule, present, manager }
}

/// The end of a pass that succeeded.
fn synced(es: &ExternalSecret, reason: &str, message: &str, now: Timestamp) -> Result<Finish, Fault> {
    let mut status = es.status.clone().unwrap_or_default();
    let before = serde_json::to_value(&status).unwrap_or_default();
    let refreshed = status.refresh_time.take();
    set_ready(&mut status.conditions, conditions::condition("Ready", true, reason, message, now));
    status.synced_resource_version = Some(hash::version_of(&es.metadata));
    // As it was, until we know that something else changes or the time is old.
    status.refresh_time.clone_from(&refreshed);
    let changes = serde_json::to_value(&status).unwrap_or_default() != before;
    if changes || schedule::is_old(refreshed.as_ref(), now) {
        status.refresh_time = Some(conditions::time(now));
    }
    Ok(Finish { status: Some(status_of(&status)), next: next_refresh(es, now)?, ..Finish::default() })
}

fn next_refresh(es: &ExternalSecret, now: Timestamp) -> Result<Next, Fault> {
    use api::external_secrets::external_secret::RefreshPolicy::{CreatedOnce, OnChange};
    let interval = es.refresh_interval()?;
    if matches!(es.spec.refresh_policy, Some(CreatedOnce | OnChange)) || !interval.is_positive() {
        return Ok(Next::Settled);
    }
    Ok(Next::At(interval.after(now)))
}

fn set_ready(all: &mut Vec<Condition>, ready: Condition) {
    all.retain(|condition| condition.type_ != "Deleted");
    conditions::set(all, ready);
}

fn status_of(status: &api::external_secrets::ExternalSecretStatus) -> Status {
    let value = serde_json::to_value(status).unwrap_or_else(|_| json!({}));
    Status { value, form: crate::finish::StatusForm::Put }
}

/// A pass that ends badly and is not tried again until something changes.
fn refused(es: &ExternalSecret, message: &str, event: &str, now: Timestamp) -> Finish {
    let mut finish = failing(es, message, event, now);
    finish.next = Next::Settled;
    finish
}

/// What is told about a target that is no Secret (ESO §6.6).
pub const GENERIC_TARGET: &str = "invalid generic target";

/// A fault of what is asked, before anything was; a refusal that is final keeps its own sentence.
#[must_use]
pub fn not_read(fault: Fault) -> Fault {
    if is_final(&fault) { fault } else { fault.within(NO_DATA) }
}

/// A fault of the target's write; a refusal that is final keeps its own sentence.
#[must_use]
pub fn not_written(fault: Fault) -> Fault {
    if is_final(&fault) { fault } else { fault.within(NOT_WRITTEN) }
}

fn is_final(fault: &Fault) -> bool {
    [rule::OWNED_BY_ANOTHER, rule::OWNERSHIP_FAILED, rule::IMMUTABLE, GENERIC_TARGET]
        .contains(&fault.to_string().as_str())
}

/// How a failed pass ends. The condition's message begins with the peer's sentence and goes on with the cause (ESO §13.3:
/// the peer tells it in events only). Refresh time and version stay, so that the next pass tries again.
#[must_use]
pub fn failed(es: &ExternalSecret, fault: &Fault, now: Timestamp) -> Finish {
    let attempt = fault.to_string();
    let chain = fault.chain();
    if is_final(fault) {
        let event = match attempt.as_str() {
            rule::IMMUTABLE => "secret is immutable",
            _ => chain.strip_prefix(&format!("{attempt}: ")).unwrap_or(&chain),
        };
        return refused(es, &attempt, event, now);
    }
    let known = [NO_DATA, NOT_WRITTEN, "could not delete orphaned secrets", "could not delete secret"];
    let message =
        if known.iter().any(|start| chain.starts_with(start)) { chain } else { format!("{NOT_WRITTEN}: {chain}") };
    let event =
        known.iter().find_map(|start| message.strip_prefix(start)?.strip_prefix(": ")).unwrap_or(&message).to_owned();
    let mut finish = failing(es, &message, &event, now);
    finish.next = match fault.kind() {
        Kind::Dry => Next::Settled,
        // The provider must give less before it can work: the next refresh is soon enough (ESO §14).
        _ if fault.cause::<rule::TooLarge>().is_some() => next_refresh(es, now).unwrap_or(Next::Settled),
        _ => Next::Retry,
    };
    finish
}

fn failing(es: &ExternalSecret, message: &str, event: &str, now: Timestamp) -> Finish {
    let mut status = es.status.clone().unwrap_or_default();
    set_ready(&mut status.conditions, conditions::condition("Ready", false, "SecretSyncedError", message, now));
    Finish {
        status: Some(status_of(&status)),
        events: vec![Event::warning("UpdateFailed", event)],
        next: Next::Retry,
        failed: true,
    }
}

/// What is done before an ExternalSecret with `deletionPolicy: Delete` may go: its target, if it is ours (ESO §6.1).
#[must_use]
pub fn cleanup(es: &ExternalSecret, target: Option<&Present>) -> Vec<Write> {
    if es.deletion_policy() != DeletionPolicy::Delete {
        return Vec::new();
    }
    target
        .filter(|present| is_ours(es, &present.owners))
        .map(|present| deletion(es, &present.uid, &present.resource_version, "delete with its ExternalSecret"))
        .into_iter()
        .collect()
}

/// Whether the object must not go before we have cleaned up after it.
#[must_use]
pub fn wants_finalizer(es: &ExternalSecret) -> bool {
    es.deletion_policy() == DeletionPolicy::Delete || es.spec.target.manifest.is_some()
}

/// How the target stands, judged by what it holds.
#[must_use]
pub fn standing(present: Option<&Present>) -> Standing {
    let Some(present) = present else { return Standing::Absent };
    let is_managed = present.labels.get(names::MANAGED).is_some_and(|value| value == "true");
    let stored = present.annotations.get(names::DATA_HASH);
    match stored {
        Some(stored) if is_managed && hash::is_of_data(stored, &present.data) => Standing::Whole,
        _ => Standing::Changed,
    }
}

#[cfg(test)]
mod tests;
