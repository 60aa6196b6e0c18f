//! SealedSecret: from the sealed values and the keys (`opening`) to the Secret (`unseal`) or to newly sealed values (`reseal`),
//! how the Secret lies over what stands there (`rule`), and what is told about it. Opening is computing, not asking, so it is decided here. Templates are rendered only in the
//! controller's pass, never for `/v1/verify` and `/v1/rotate`. Specification: SS §7, §8, §11.

mod explain;
mod legacy;
pub mod opening;
pub mod reseal;
pub mod rule;
pub mod unseal;

use api::SealedSecret;
use api::sealed_secret::names;
use base::{Fault, Timestamp};

pub use explain::explain;
pub use opening::Opener;
pub use reseal::{reseal, verify};
pub use rule::SealedRule;
pub use unseal::{Unsealed, unseal};

use crate::conditions::{self, condition};
use crate::{Address, Event, Finish, Next, Present, Write};

/// What an unsealing that failed is wrapped in.
pub const NOT_UNSEALED: &str = "Failed to unseal";

/// The end of a pass that succeeded; an event only if something changed.
#[must_use]
pub fn synced(ss: &SealedSecret, changed: bool, now: Timestamp) -> Finish {
    let mut finish = finish(ss, None, now);
    if changed {
        finish.events.push(Event::normal("Unsealed", "SealedSecret unsealed successfully"));
    }
    finish
}

/// How a failed pass ends: the condition holds the text, the event is told when the condition changes. It is tried again
/// with backoff, since an API server may come back – but not where the Secret is immutable, nor where no key opens: then a
/// new key wakes it, and trying again with the same keys would only burn the processor (SS §11.3).
#[must_use]
pub fn failed(ss: &SealedSecret, fault: &Fault, now: Timestamp) -> Finish {
    let chain = fault.chain();
    let failure = Failure::of(&chain);
    let (reason, message, status) = match failure {
        Failure::Unsealing(text) => ("ErrUnsealFailed", chain.clone(), text.to_owned()),
        Failure::Unmanaged => ("ErrUpdateFailed", chain.clone(), format!("failed update: {chain}")),
        Failure::Immutable => ("ErrUpdateFailed", immutable_text(ss), chain.clone()),
        Failure::Updating => ("ErrUpdateFailed", chain.clone(), chain.clone()),
    };
    let mut finish = finish(ss, Some(&status), now);
    if finish.status.is_some() {
        finish.events.push(Event::warning(reason, message));
    }
    finish.next = match failure {
        Failure::Immutable | Failure::Unsealing(_) => Next::Settled,
        Failure::Unmanaged | Failure::Updating => Next::Retry,
    };
    finish.failed = true;
    finish
}

/// What failed, by the sentences that people know; the rule and the API server say them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure<'a> {
    /// Values or templates, with their text.
    Unsealing(&'a str),
    /// The Secret that stands there is somebody else's.
    Unmanaged,
    /// The Secret that stands there refuses every change of its data.
    Immutable,
    /// Anything else that the API server says.
    Updating,
}

impl<'a> Failure<'a> {
    fn of(chain: &'a str) -> Self {
        let unsealing = chain.strip_prefix(NOT_UNSEALED).and_then(|rest| rest.strip_prefix(": "));
        match unsealing {
            Some(text) => Self::Unsealing(text),
            None if chain.ends_with("already exists and is not managed by SealedSecret") => Self::Unmanaged,
            None if chain.contains("field is immutable when `immutable` is set") => Self::Immutable,
            None => Self::Updating,
        }
    }
}

/// The word of this failure in the metric of errors (SS §13.1).
#[must_use]
pub fn error_reason(fault: &Fault) -> &'static str {
    match Failure::of(&fault.chain()) {
        Failure::Unsealing(_) => "unseal",
        Failure::Unmanaged => "unmanaged",
        Failure::Immutable | Failure::Updating => "update",
    }
}

/// The peer's sentence about a Secret that refuses changes.
fn immutable_text(ss: &SealedSecret) -> String {
    let meta = &ss.metadata;
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    format!(
        "Error updating {namespace}/{name}: the target Secret is immutable. Once a Secret is marked as immutable, it is not possible to revert this change nor to mutate the contents of the data field. You can only delete and recreate the Secret."
    )
}

/// The status, if condition, message or generation differ from what stands there; its times move only then.
fn finish(ss: &SealedSecret, error: Option<&str>, now: Timestamp) -> Finish {
    let generation = ss.metadata.generation;
    let mut status = ss.status.clone().unwrap_or_default();
    let before = api::meta::condition(&status.conditions, names::SYNCED);
    let is_same = before.is_some_and(|before| {
        before.is_true() == error.is_none()
            && before.message.as_deref().unwrap_or_default() == error.unwrap_or_default()
    });
    if is_same && status.observed_generation == generation {
        return Finish::settled();
    }
    status.observed_generation = generation;
    let mut synced = condition(names::SYNCED, error.is_none(), "", error.unwrap_or_default(), now);
    synced.last_update_time = Some(conditions::time(now));
    conditions::set(&mut status.conditions, synced);
    Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default())
}

/// The deletion of a Secret whose SealedSecret is gone; none where it belongs to somebody else.
#[must_use]
pub fn collect(present: &Present) -> Option<Write> {
    let owner = present.controller()?;
    (owner.kind == names::KIND && owner.name == present.name).then(|| Write::Delete {
        at: Address::secret(present.namespace.clone(), present.name.clone()),
        uid: Some(present.uid.clone()),
        resource_version: None,
        background: true,
        why: "delete, since its SealedSecret is gone".to_owned(),
    })
}

/// Whether a change of the object matters: its spec, or the annotations that decide the scope (SS §11.1).
#[must_use]
pub fn matters(before: &SealedSecret, after: &SealedSecret) -> bool {
    let marks = [names::CLUSTER_WIDE, names::NAMESPACE_WIDE];
    before.metadata.uid != after.metadata.uid
        || before.encrypted_data() != after.encrypted_data()
        || before.legacy_data() != after.legacy_data()
        || before.template() != after.template()
        || marks.iter().any(|mark| before.has_annotation(mark) != after.has_annotation(mark))
}

#[cfg(test)]
mod tests;
