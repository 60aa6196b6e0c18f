//! Credentials of a static role: Vault rotates them itself, so they are read when the rotation is due, and written and restarted
//! for only if they have changed. No lease, nothing to renew or revoke. Specification: VSO §7.4.5.

use api::hashicorp::vault_dynamic_secret::{StaticCredsMetaData, VaultDynamicSecretStatus};
use api::hashicorp::vault_static_secret::VaultClientMeta;
use api::hashicorp::{Syncable as _, VaultDynamicSecret};
use base::duration::GoDuration;
use base::{SecretMap, Timestamp};

use super::{lease_of, note_sync, refresh_after, synced_event, tell_ready};
use crate::conditions::condition;
use crate::secret_transformation::{Response, UNCOUNTED};
use crate::sync_reason::SyncReason;
use crate::synced::{self, Restarted};
use crate::vault_call::VaultAnswer;
use crate::{Finish, Next, Present, horizon, mac};

/// Whether an earlier answer was a static role's: reading it again makes nothing.
#[must_use]
pub fn is_known(o: &VaultDynamicSecret) -> bool {
    o.spec.allow_static_creds.unwrap_or(false)
        && o.status.as_ref().is_some_and(|status| status.static_creds_meta_data.is_some())
}

/// When the role is rotated, if the answer is a static role's and the object may use such.
#[must_use]
pub fn rotation(o: &VaultDynamicSecret, answer: &VaultAnswer, response: &Response) -> Option<StaticCredsMetaData> {
    if !o.spec.allow_static_creds.unwrap_or(false) || !answer.lease_id.is_empty() {
        return None;
    }
    let number = |name| response.text(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
    let last = response.text("last_vault_rotation").and_then(|text| text.parse::<Timestamp>().ok())?;
    let meta = StaticCredsMetaData {
        last_vault_rotation: last.as_second(),
        rotation_period: number("rotation_period"),
        rotation_schedule: response.text("rotation_schedule").filter(|text| !text.is_empty()).map(str::to_owned),
        ttl: number("ttl"),
    };
    let is_static = meta.last_vault_rotation > 0 && (meta.rotation_period >= 1 || meta.rotation_schedule.is_some());
    is_static.then_some(meta)
}

/// The keyed digest of the credentials alone.
#[must_use]
pub fn digest(key: &[u8], data: &SecretMap) -> String {
    let counted = data.iter().filter(|(name, _)| !UNCOUNTED.contains(&name.as_str()));
    let counted: SecretMap = counted.map(|(name, value)| (name.clone(), value.clone())).collect();
    mac::mac(key, &counted)
}

/// Whether the destination is to be written: it or the credentials have changed, or the object has.
#[must_use]
pub fn is_due(o: &VaultDynamicSecret, digest_now: &str, key: &[u8], present: Option<&Present>) -> bool {
    let is_synced = o.status.as_ref().map(|status| status.last_generation) == o.metadata.generation;
    let stands = present.is_some_and(|present| digest(key, &present.data) == digest_now);
    !(is_synced && stands && o.secret_mac() == Some(digest_now))
}

/// Whether the targets are restarted: the credentials have changed, and this is not the first sync (VSO §11).
#[must_use]
pub fn restarts(o: &VaultDynamicSecret, digest_now: &str, changed: bool) -> bool {
    changed && o.secret_mac().is_some_and(|stored| stored != digest_now)
}

/// What came of a pass that read a static role.
pub struct Read<'a> {
    /// Why.
    pub reason: SyncReason,
    /// The answer.
    pub answer: &'a VaultAnswer,
    /// When it is rotated.
    pub rotation: StaticCredsMetaData,
    /// The digest of the credentials.
    pub digest: String,
    /// Whether the Secret was changed.
    pub changed: bool,
    /// The restarts.
    pub restarts: Vec<Restarted>,
    /// The client that asked.
    pub client: VaultClientMeta,
    /// The uid of the operator's pod.
    pub pod_uid: &'a str,
}

/// The end of a pass that read a static role. Where nothing has changed the status stays as it is, word by word.
#[must_use]
pub fn read(o: &VaultDynamicSecret, after: &Read<'_>, now: Timestamp) -> Finish {
    let generation = o.metadata.generation;
    let mut status = o.status.clone().unwrap_or_default();
    let (is_first, known) = (status.last_generation == 0, status.static_creds_meta_data.clone());
    let wait = next_in(o, &status, &after.rotation, now);
    if after.changed || is_first || !tells_the_same(&status, known.as_ref(), after, now) {
        status.secret_lease = lease_of(after.answer, None);
        status.static_creds_meta_data = Some(after.rotation.clone());
        status.secret_mac = Some(after.digest.clone());
        note_sync(&mut status, generation, &after.client, after.pod_uid, now);
    }
    status.last_generation = generation.unwrap_or_default();
    let say = condition("SecretSynced", true, "Synced", "Secret synced", now);
    synced::tell(&mut status.conditions, say, generation);
    let news = tell_ready(o, &mut status, now);
    synced::tell_restarts(&mut status.conditions, &after.restarts, ": ", generation, now);
    let mut events = synced::restart_events(&after.restarts);
    if after.changed {
        events.insert(0, synced_event(is_first, "", wait, after.reason));
    }
    events.extend(news);
    let next = Next::At(wait.after(now));
    Finish { events, next, ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default()) }
}

/// Whether a status tells what was read: the same credentials, and the same moment of the next rotation.
fn tells_the_same(
    status: &VaultDynamicSecretStatus,
    known: Option<&StaticCredsMetaData>,
    after: &Read<'_>,
    now: Timestamp,
) -> bool {
    let (Some(known), new) = (known, &after.rotation) else { return false };
    let timeless = |meta: &StaticCredsMetaData| StaticCredsMetaData { ttl: 0, ..meta.clone() };
    let cache_key = status.vault_client_meta.as_ref().map(|meta| &meta.cache_key);
    let off = (status.last_renewal_time + known.ttl) - (now.as_second() + new.ttl);
    timeless(known) == timeless(new)
        && off.abs() <= 2
        && status.secret_mac.as_deref() == Some(&after.digest)
        && cache_key == Some(&after.client.cache_key)
}

/// When to read again: shortly after the rotation, and by `refreshAfter` if that is earlier. A server that still answers the old
/// credentials at the time of the rotation is asked again soon.
fn next_in(
    o: &VaultDynamicSecret,
    status: &VaultDynamicSecretStatus,
    new: &StaticCredsMetaData,
    now: Timestamp,
) -> GoDuration {
    let ttl = if new.rotation_period >= 1 { new.ttl.min(new.rotation_period) } else { new.ttl };
    let half = GoDuration::from_nanoseconds(if new.rotation_period >= 1 { 500_000_000 } else { 0 });
    let by_ttl = match ttl {
        ..=0 => GoDuration::from_seconds(1),
        ttl => horizon::plus(GoDuration::from_seconds(ttl), half),
    };
    let is_awaited = status.static_creds_meta_data.as_ref().is_some_and(|known| {
        // A schedule's ttl jumps to the next period some seconds before the new credentials are there.
        let left = status.last_renewal_time + known.ttl - now.as_second();
        known.last_vault_rotation == new.last_vault_rotation && (-10..=5).contains(&left) && new.ttl > 5
    });
    let wait = horizon::shortly_after(if is_awaited { GoDuration::from_seconds(1) } else { by_ttl }, now);
    match refresh_after(o) {
        span if span.is_positive() => wait.min(horizon::refresh(span, now)),
        _ => wait,
    }
}
