//! How an ExternalSecret's target lies over a Secret that stands there: who may own it, which keys are kept, which labels go.
//! Specification: ESO §6.5 (policies, ownership, immutable), §7.4 (managed keys).

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use api::external_secrets::names;
use api::external_secrets::target::CreationPolicy;
use base::{Fault, limit};

use super::hash;
use crate::present::OwnerRef;
use crate::{Laid, Present, Rule, Target};

/// The rule of one ExternalSecret.
pub struct TargetRule {
    /// Its name.
    pub name: String,
    /// Its creation policy.
    pub policy: CreationPolicy,
    /// Whether the target is written once and frozen.
    pub is_immutable: bool,
}

/// The condition messages of refusals; the driver retries none of them.
pub const OWNED_BY_ANOTHER: &str = "target is owned by another ExternalSecret";
/// See [`OWNED_BY_ANOTHER`].
pub const OWNERSHIP_FAILED: &str = "failed to take ownership of target secret";
/// See [`OWNED_BY_ANOTHER`].
pub const IMMUTABLE: &str = "could not update secret, target is immutable";

impl Rule for TargetRule {
    fn over(&self, target: &Target, present: &Present) -> Result<Laid, Fault> {
        self.check_owner(present)?;
        let mut laid = target.clone();
        laid.owners = self.owners(target, present);
        let stale = self.stale(present);
        laid.labels = present.labels.clone();
        laid.labels.retain(|key, _| !stale.labels.contains(key) && key != names::CREATED_BY);
        laid.labels.extend(target.labels.clone());
        laid.annotations = present.annotations.clone();
        laid.annotations.retain(|key, _| !stale.annotations.contains(key));
        laid.annotations.extend(target.annotations.clone());
        laid.finalizers.clone_from(&present.finalizers);
        let added = target.finalizers.iter().filter(|finalizer| !present.finalizers.contains(finalizer));
        if !present.deleting {
            laid.finalizers.extend(added.cloned());
        }
        if laid.kind.is_empty() {
            laid.kind.clone_from(&present.kind);
        }
        if self.is_immutable {
            // Written once: only labels and hash are looked after.
            laid.data = present.data.clone();
        } else if self.merges() {
            let mut data = present.data.clone();
            data.retain(|key| !stale.data.contains(key));
            data.extend(target.data.clone());
            laid.data = data;
        }
        check_size(&laid)?;
        if present.immutable && laid.data != present.data {
            return Err(Fault::conflict(IMMUTABLE).about(present.object()));
        }
        with_hash(&mut laid);
        Ok(if laid.is_like(present) { Laid::Same } else { Laid::Update(laid) })
    }

    fn creates(&self) -> bool {
        self.policy != CreationPolicy::Merge
    }
}

/// Why the API server would refuse the Secret for its size: trying again at once helps nobody.
#[derive(Debug)]
pub struct TooLarge {
    bytes: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its values have {} bytes, and {} is the most", self.bytes, limit::SECRET_BYTES)
    }
}

impl Error for TooLarge {}

/// Whether the API server takes that much.
///
/// # Errors
/// The values together have too many bytes: the cause is [`TooLarge`].
pub fn check_size(target: &Target) -> Result<(), Fault> {
    let bytes: usize = target.data.iter().map(|(_, value)| value.expose().len()).sum();
    if bytes <= limit::SECRET_BYTES {
        return Ok(());
    }
    Err(Fault::wrong("the Secret would be larger than the API server takes")
        .because(TooLarge { bytes })
        .hint("spread the values over several ExternalSecrets")
        .about(target.object()))
}

/// Sets the hash of the data that is written.
pub fn with_hash(target: &mut Target) {
    // A hash of the old form that still holds is not the reason for a write by itself, but any write renews it.
    target.annotations.insert(names::DATA_HASH.to_owned(), hash::of_data(&target.data));
}

/// The keys that this ExternalSecret wrote before.
#[derive(Default)]
struct Stale {
    data: BTreeSet<String>,
    labels: BTreeSet<String>,
    annotations: BTreeSet<String>,
}

impl TargetRule {
    fn merges(&self) -> bool {
        matches!(self.policy, CreationPolicy::Merge | CreationPolicy::CreateOrMerge)
    }

    fn check_owner(&self, present: &Present) -> Result<(), Fault> {
        let Some(controller) = present.controller() else { return Ok(()) };
        if is_external_secret(controller) {
            if controller.name == self.name {
                return Ok(());
            }
            let cause = format!("secret is owned by another ExternalSecret: {}", controller.name);
            return Err(Fault::conflict(OWNED_BY_ANOTHER).because(cause).about(present.object()));
        }
        if self.policy == CreationPolicy::Owner {
            let cause = format!("it is controlled by {} {}", controller.kind, controller.name);
            return Err(Fault::conflict(OWNERSHIP_FAILED).because(cause).about(present.object()));
        }
        Ok(())
    }

    /// Ours is set or removed; everybody else's stay.
    fn owners(&self, target: &Target, present: &Present) -> Vec<OwnerRef> {
        let is_ours = |owner: &OwnerRef| is_external_secret(owner) && owner.name == self.name;
        let mut owners = present.owners.clone();
        match target.owners.first() {
            Some(own) => match owners.iter_mut().find(|owner| is_ours(owner)) {
                Some(standing) => standing.clone_from(own),
                None => owners.push(own.clone()),
            },
            None => owners.retain(|owner| !is_ours(owner)),
        }
        owners
    }

    fn stale(&self, present: &Present) -> Stale {
        let managers = hash::managers(&self.name);
        let mut stale = Stale::default();
        let ours = present.managed.iter().filter(|managed| managers.contains(&managed.manager));
        for managed in ours.filter(|managed| managed.operation == "Update") {
            stale.data.extend(managed.data.iter().cloned());
            stale.labels.extend(managed.labels.iter().cloned());
            stale.annotations.extend(managed.annotations.iter().cloned());
        }
        stale
    }
}

fn is_external_secret(owner: &OwnerRef) -> bool {
    owner.kind == "ExternalSecret" && owner.api_version.split('/').next() == Some(names::GROUP)
}
