//! What VaultStaticSecret, VaultDynamicSecret and VaultPKISecret have in common: at which step a pass failed and when it is
//! tried again, their conditions, and what becomes of restarts. Specification: VSO §6.1, §6.3, §11.

use api::hashicorp::rollout_target::RolloutRestartTarget;
use api::hashicorp::{Destination, Syncable};
use base::duration::GoDuration;
use base::{Fault, SecretMap, Timestamp};
use std::sync::Arc;

use crate::backoff::Backoff;
use crate::conditions::{self, Condition, condition};
use crate::destination::{DestinationRule, Owner};
use crate::{Event, Present, Rule, Target, Write, destination, horizon};

/// Where a pass failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No client could be had: the reference, the VaultAuth, the login.
    Client,
    /// The destination is not there, and we may not make it.
    Missing,
    /// A field of the object cannot be used.
    Fields,
    /// The templates and filters could not be gathered.
    Transformation,
    /// Vault was asked in vain.
    Vault,
    /// The answer did not become the data of a Secret.
    Data,
    /// The Secret could not be written.
    Write,
}

/// A pass that failed.
pub struct Failure {
    /// Where.
    pub step: Step,
    /// Why.
    pub fault: Fault,
}

impl Step {
    /// A fault at this step.
    pub fn failed(self) -> impl FnOnce(Fault) -> Failure {
        move |fault| Failure { step: self, fault }
    }
}

/// When a failed pass is tried again: `failures` in a row, this one counted.
#[must_use]
pub fn retry_after(step: Step, backoff: &Backoff, failures: u32, now: Timestamp) -> GoDuration {
    match step {
        Step::Vault => backoff.wait(failures, horizon::draw(now)),
        Step::Missing => horizon::MISSING,
        _ => horizon::local_error(now),
    }
}

/// The owner that an object's destination names.
#[must_use]
pub fn owner<O: Syncable>(o: &O) -> Owner {
    let meta = o.meta();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let kind = O::kind(&()).into_owned();
    Owner { kind, namespace: text(&meta.namespace), name: text(&meta.name), uid: text(&meta.uid) }
}

/// The rule of an object's destination.
#[must_use]
pub fn rule<O: Syncable>(o: &O) -> Arc<dyn Rule> {
    let Destination { create, overwrite, .. } = *o.destination();
    Arc::new(DestinationRule { create, overwrite, owner: owner(o) })
}

/// The Secret of an object with this data.
#[must_use]
pub fn target<O: Syncable>(o: &O, data: SecretMap) -> Target {
    destination::target(o.destination(), &owner(o), data)
}

/// The write that lays data over what stands there.
#[must_use]
pub fn write<O: Syncable>(o: &O, data: SecretMap, present: Option<Present>) -> Write {
    let (target, manager) = (target(o, data), api::hashicorp::names::MANAGER.to_owned());
    match present {
        None => Write::CreateSecret { target, manager },
        present => Write::ReplaceSecret { target, rule: rule(o), present: present.map(Box::new), manager },
    }
}

/// Whether data may be written at all, before anything is issued for it: the destination is ours, or may become so.
///
/// # Errors
/// It is somebody else's, it is missing and may not be made, or its name is none.
pub fn check_destination<O: Syncable>(o: &O, present: Option<&Present>) -> Result<(), Failure> {
    let target = target(o, SecretMap::new());
    let Some(present) = present else {
        if !o.destination().create {
            let place = format!("{}/{}", target.namespace, target.name);
            return Err(Failure {
                step: Step::Missing,
                fault: Fault::wrong(format!("destination secret {place} does not exist, and create=false"))
                    .about(target.object())
                    .hint("make the Secret, or set `destination.create`"),
            });
        }
        if !base::name::is_subdomain(&target.name) {
            let text = format!("`{}` cannot be the name of a Secret", target.name);
            return Err(Failure { step: Step::Write, fault: Fault::wrong(text).hint("mend `destination.name`") });
        }
        return Ok(());
    };
    let is_frozen = present.immutable && present.kind == target.kind;
    if o.destination().create && is_frozen {
        let text = format!("the destination Secret {}/{} is immutable", target.namespace, target.name);
        return Err(Failure { step: Step::Write, fault: Fault::conflict(text).about(target.object()) });
    }
    target.over(&rule(o), present).map(drop).map_err(Step::Write.failed())
}

/// Sets a condition; a message that differs in nothing but its horizon stays as it is, so that waiting writes no status.
pub fn tell(all: &mut Vec<Condition>, mut new: Condition, generation: Option<i64>) {
    new.observed_generation = generation;
    if let Some(old) = api::meta::condition(all, &new.type_) {
        let same = |left: &Option<String>, right: &Option<String>| {
            without_horizon(left.as_deref().unwrap_or_default())
                == without_horizon(right.as_deref().unwrap_or_default())
        };
        if old.status == new.status && old.reason == new.reason && same(&old.message, &new.message) {
            new.message.clone_from(&old.message);
        }
    }
    conditions::set(all, new);
}

/// `Healthy` and `Ready`, whose messages hold the kind.
pub fn tell_health(all: &mut Vec<Condition>, kind: &str, is_well: bool, generation: Option<i64>, now: Timestamp) {
    let word = if is_well { "Healthy" } else { "Unhealthy" };
    tell(all, condition("Healthy", is_well, word, &format!("{kind}{word}"), now), generation);
    tell(all, condition("Ready", is_well, "Ready", &format!("{kind}Ready"), now), generation);
}

/// Why nobody watches Vault's events for an object that asks for it (VSO §12).
pub const NO_EVENTS: &str = "instant updates are not built yet: Vault is asked by the interval alone";

/// `Healthy` and `Ready` of an object that is well, the latter with what its user must know. Whether that is new.
pub fn tell_ready(
    all: &mut Vec<Condition>,
    kind: &str,
    note: Option<&str>,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let text = note.map(|note| format!("{kind}Ready, but {note}"));
    let is_new =
        text.is_some() && api::meta::condition(all, "Ready").and_then(|old| old.message.as_ref()) != text.as_ref();
    tell(all, condition("Healthy", true, "Healthy", &format!("{kind}Healthy"), now), generation);
    let text = text.unwrap_or_else(|| format!("{kind}Ready"));
    tell(all, condition("Ready", true, "Ready", &text, now), generation);
    is_new
}

/// The event of an object that asks for instant updates.
#[must_use]
pub fn no_events() -> Event {
    Event::warning("EventWatcherError", format!("Failed to watch events: {NO_EVENTS}"))
}

/// A message without the span that it names; what is left tells whether something new happened.
fn without_horizon(message: &str) -> (&str, &str) {
    let Some((before, rest)) = message.split_once("horizon=") else { return (message, "") };
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | 'µ' | '-'))).unwrap_or(rest.len());
    (before, &rest[end..])
}

/// What is told where the status could not be written.
#[must_use]
pub fn status_lost(fault: &Fault) -> Event {
    Event::warning("StatusUpdateError", format!("Failed to update the resource's status, err={}", fault.chain()))
}

/// What became of the restart of one target.
pub struct Restarted {
    /// The target.
    pub target: RolloutRestartTarget,
    /// How it went.
    pub result: Result<(), Fault>,
}

/// The events of restarts, one per target.
#[must_use]
pub fn restart_events(restarts: &[Restarted]) -> Vec<Event> {
    let told = |restart: &Restarted| {
        let target = format!("{{{} {}}}", restart.target.kind.as_str(), restart.target.name);
        match &restart.result {
            Ok(()) => Event::normal("RolloutRestartTriggered", format!("Rollout restart triggered for {target}")),
            Err(fault) => Event::warning(
                "RolloutRestartFailed",
                format!("Rollout restart failed for target {target}: err={}", fault.chain()),
            ),
        }
    };
    restarts.iter().map(told).collect()
}

/// The condition `RolloutRestart`, if anything was restarted; `joint` stands before the error.
pub fn tell_restarts(
    all: &mut Vec<Condition>,
    restarts: &[Restarted],
    joint: &str,
    generation: Option<i64>,
    now: Timestamp,
) {
    if restarts.is_empty() {
        return;
    }
    let faults: Vec<String> =
        restarts.iter().filter_map(|restart| restart.result.as_ref().err()).map(Fault::chain).collect();
    let new = if faults.is_empty() {
        condition("RolloutRestart", true, "RolloutRestartTriggered", "Rollout restart triggered", now)
    } else {
        let text = format!("Rollout restart trigger failed{joint}{}", faults.join("; "));
        condition("RolloutRestart", false, "RolloutRestartTriggeredFailed", &text, now)
    };
    tell(all, new, generation);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_only_waits_differently_stays() {
        let now = Timestamp::UNIX_EPOCH;
        let mut all = Vec::new();
        let mut say = |text: &str| {
            tell(&mut all, condition("SecretSynced", true, "Synced", text, now), Some(1));
            all[0].message.clone().unwrap_or_default()
        };
        assert_eq!(say("Secret synced, horizon=25.1s"), "Secret synced, horizon=25.1s");
        assert_eq!(say("Secret synced, horizon=26.2s"), "Secret synced, horizon=25.1s");
        assert_eq!(say("Failed, horizon=4.2s, err=a"), "Failed, horizon=4.2s, err=a");
        assert_eq!(say("Failed, horizon=1m2.5s, err=a"), "Failed, horizon=4.2s, err=a");
        assert_eq!(say("Failed, horizon=4.2s, err=b"), "Failed, horizon=4.2s, err=b");
    }
}
