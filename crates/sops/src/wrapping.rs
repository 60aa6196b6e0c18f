//! The data key in and out of a file's key groups: one group wraps it whole, several wrap a Shamir share each.
//! All failures of unwrapping come back as a [`Recovery`] that can be told.
//! Not here: what one key does (`key_service`). Specification: SOPS §4.8, §8.4, §8.5.

use base::{Fault, SecretBytes};
use rand_core::CryptoRng;

use crate::data_key::DataKey;
use crate::group::{DecryptionOrder, KeyGroup, effective_threshold};
use crate::key_service::KeyService;
use crate::master_key::MasterKey;
use crate::metadata::Metadata;
use crate::recovery::{Attempt, GroupAttempts, Recovery};
use crate::shamir;

/// Which keys have to wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// Every key: the data key is new, or its shares are.
    All,
    /// Those that hold no wrapped bytes yet.
    New,
}

/// Finds the data key: one key of the only group, or one of as many groups as the threshold says. Nobody is asked for
/// more than that.
///
/// # Errors
/// Too few groups could be opened; the recovery says which key failed and why.
pub async fn unwrap(
    groups: &[KeyGroup],
    threshold: usize,
    order: &DecryptionOrder,
    services: &[&dyn KeyService],
) -> Result<DataKey, Recovery> {
    let needed = if groups.len() < 2 { 1 } else { effective_threshold(threshold, groups.len()) };
    let mut recovery = Recovery::new(if groups.len() < 2 { None } else { Some(needed) });
    let mut parts = Vec::new();
    for group in groups {
        if parts.len() >= needed {
            break;
        }
        let (attempts, part) = open(order.sorted(&group.keys), services).await;
        recovery.groups.push(attempts);
        parts.extend(part);
    }
    if parts.len() < needed {
        return Err(recovery);
    }
    let combined = match &parts[..] {
        [only] if groups.len() < 2 => Ok(only.clone()),
        several => shamir::combine(several).map_err(|fault| fault.within("could not get data key from shamir parts")),
    };
    combined.map(DataKey::unwrapped).map_err(|fault| recovery.broken(fault))
}

/// Wraps the data key for the keys of every group; the metadata is left as it was if a single one fails.
///
/// # Errors
/// One fault for each key that could not wrap, or the one that forbids wrapping at all.
pub async fn wrap(
    metadata: &mut Metadata,
    which: Wrapping,
    key: &DataKey,
    services: &[&dyn KeyService],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(), Vec<Fault>> {
    let groups = &metadata.groups;
    let parts = parts(groups, metadata.shamir_threshold, key, services, rng).map_err(|fault| vec![fault])?;
    let (mut wrapped, mut faults) = (Vec::new(), Vec::new());
    for (group, part) in groups.iter().zip(&parts) {
        let mut keys = Vec::with_capacity(group.keys.len());
        for key in &group.keys {
            if which == Wrapping::New && !key.enc.is_empty() {
                keys.push(key.clone());
                continue;
            }
            match wrap_one(key, part, services).await {
                Ok(key) => keys.push(key),
                Err(fault) => {
                    let attempt = format!("failed to encrypt new data key with master key \"{}\"", key.identity());
                    faults.push(fault.within(attempt));
                }
            }
        }
        wrapped.push(KeyGroup { keys });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if wrapped.len() > 1 {
        metadata.shamir_threshold = effective_threshold(metadata.shamir_threshold, wrapped.len());
    }
    metadata.groups = wrapped;
    Ok(())
}

fn parts(
    groups: &[KeyGroup],
    threshold: usize,
    key: &DataKey,
    services: &[&dyn KeyService],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<SecretBytes>, Fault> {
    if services.is_empty() {
        return Err(Fault::wrong("no key services provided, cannot update master keys"));
    }
    if groups.iter().any(|group| group.keys.is_empty()) {
        return Err(Fault::wrong("empty key group provided"));
    }
    match groups.len() {
        0 => Err(Fault::wrong("no key groups provided")),
        1 => Ok(vec![key.secret().clone()]),
        count => shamir::split(key.secret().expose(), count, effective_threshold(threshold, count), rng)
            .map_err(|fault| fault.within("could not split data key into parts for Shamir")),
    }
}

async fn open(keys: Vec<&MasterKey>, services: &[&dyn KeyService]) -> (GroupAttempts, Option<SecretBytes>) {
    let mut attempts = GroupAttempts::default();
    for key in keys {
        let mut faults = Vec::new();
        for service in services {
            match service.decrypt(key).await {
                Ok(part) => {
                    attempts.is_open = true;
                    return (attempts, Some(part));
                }
                Err(fault) => faults.push(fault),
            }
        }
        attempts.failed.push(Attempt { key: key.identity(), faults });
    }
    (attempts, None)
}

/// The first service that can wraps; the last one's fault is told.
async fn wrap_one(key: &MasterKey, part: &SecretBytes, services: &[&dyn KeyService]) -> Result<MasterKey, Fault> {
    let mut last = Fault::wrong("no key services provided, cannot update master keys");
    for service in services {
        let wrapped = async {
            let mut key = service.complete(key.clone()).await?;
            key.enc = service.encrypt(&key, part).await?;
            Ok(key)
        };
        match wrapped.await {
            Ok(key) => return Ok(key),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

#[cfg(test)]
pub(crate) mod tests;
