//! VaultDynamicSecret: whether credentials are asked for, renewed or left alone, what becomes of their lease, and what is told.
//! A lease that still stands is kept over a restart of the operator; one that was superseded is revoked last.
//! Specification: VSO §4.6, §7.4, §16, §22 rows 6–10.

pub mod static_role;

use std::collections::BTreeMap;

use api::hashicorp::vault_dynamic_secret::{RequestMethod, SecretLease, VaultDynamicSecretStatus};
use api::hashicorp::vault_static_secret::VaultClientMeta;
use api::hashicorp::{Syncable as _, VaultDynamicSecret};
use api::meta::Filled as _;
use base::duration::GoDuration;
use base::{Fault, Timestamp};
use serde_json::{Map, Value, json};

use crate::backoff::Backoff;
use crate::basis::{Basis, Change};
use crate::conditions::condition;
use crate::issued::{Issued, Issues, revokes_again};
use crate::secret_transformation::Response;
use crate::sync_reason::SyncReason;
use crate::synced::{self, Failure, Restarted};
use crate::vault_call::{Ask, Method, VaultAnswer, VaultCall, is_lease_gone, joined};
use crate::{Event, Finish, Next, horizon};

/// What is known of the token that made the lease of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseToken {
    /// It is the one that we hold and keep alive.
    Ours,
    /// It is another process's; the server says that the lease stands, or does not say.
    Foreign,
    /// It has ended, or the server does not know the lease.
    Ended,
}

/// What a decision is made on.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The client as a status names it.
    pub client: &'a VaultClientMeta,
    /// What has changed since this process synced the object last, as far as it remembers.
    pub change: Change,
    /// On which token the lease hangs.
    pub token: LeaseToken,
    /// Whether the destination is there.
    pub is_present: bool,
    /// Whether it holds something else than the status tells of. Only a process that does not remember its own writes asks: an
    /// earlier one may have ended between the Secret and the status.
    pub has_drifted: bool,
}

/// What is to be done.
pub enum Step {
    /// Nothing yet.
    Wait(Finish),
    /// The lease is renewed.
    Renew(Ask),
    /// Credentials are asked for.
    Issue(SyncReason),
}

/// How often a lease is looked at whose token nobody keeps alive.
const FOREIGN: GoDuration = GoDuration::from_seconds(60);

/// Decides. A lease whose time has not come is left alone, whoever made it: a restart issues nothing (VSO §16).
#[must_use]
pub fn decide(o: &VaultDynamicSecret, facts: &Facts<'_>, now: Timestamp) -> Step {
    let default = VaultDynamicSecretStatus::default();
    let status = o.status.as_ref().unwrap_or(&default);
    if let Some(reason) = reason(o, status, facts) {
        return Step::Issue(reason);
    }
    if static_role::is_known(o) {
        return Step::Issue(SyncReason::Due);
    }
    let lease = &status.secret_lease;
    let span = life(o, lease);
    if !span.is_positive() {
        return Step::Wait(waiting(o, status, Next::Settled, now));
    }
    if now < due_at(o, status) {
        let renewed = Timestamp::from_second(status.last_renewal_time).unwrap_or(now);
        let due = horizon::lease(span, o.spec.renewal_percent, now).after(renewed);
        let next = if facts.token == LeaseToken::Foreign { due.min(FOREIGN.after(now)) } else { due };
        return Step::Wait(waiting(o, status, Next::At(next), now));
    }
    if lease.renewable && !lease.id.is_empty() && !o.spec.allow_static_creds.unwrap_or(false) {
        return Step::Renew(renewal(o, lease));
    }
    Step::Issue(SyncReason::Due)
}

/// A wait, or the end of the matter. The status stays as it is, unless it still tells of a failure, or an edit is to be noted that
/// asks for no new credentials.
fn waiting(o: &VaultDynamicSecret, status: &VaultDynamicSecretStatus, next: Next, now: Timestamp) -> Finish {
    let finish = Finish { next, ..Finish::settled() };
    let generation = o.metadata.generation;
    let tells_failure = ["SecretSynced", "Healthy", "Ready"].iter().any(|kind| {
        api::meta::condition(&status.conditions, kind).is_some_and(|condition| condition.status == "False")
    });
    if generation == Some(status.last_generation) && !tells_failure {
        return finish;
    }
    let mut noted = VaultDynamicSecretStatus { last_generation: generation.unwrap_or_default(), ..status.clone() };
    let say = condition("SecretSynced", true, "Synced", "Secret synced", now);
    synced::tell(&mut noted.conditions, say, generation);
    let events = tell_ready(o, &mut noted, now).into_iter().collect();
    Finish { events, ..finish }.with_status(serde_json::to_value(noted).unwrap_or_default())
}

/// `Healthy` and `Ready` of an object that is well; the event of what is new about it.
fn tell_ready(o: &VaultDynamicSecret, status: &mut VaultDynamicSecretStatus, now: Timestamp) -> Option<Event> {
    let is_static = status.static_creds_meta_data.is_some();
    let wants_events = o.spec.sync_config.as_ref().and_then(|config| config.instant_updates).unwrap_or(false);
    let (note, event) = if !is_static && !life(o, &status.secret_lease).is_positive() {
        (Some(NEVER), Event::warning("SecretLeaseRenewal", format!("{KIND}Ready, but {NEVER}")))
    } else {
        (wants_events.then_some(synced::NO_EVENTS), synced::no_events())
    };
    synced::tell_ready(&mut status.conditions, KIND, note, o.metadata.generation, now).then_some(event)
}

fn reason(o: &VaultDynamicSecret, status: &VaultDynamicSecretStatus, facts: &Facts<'_>) -> Option<SyncReason> {
    let known = status.vault_client_meta.clone().unwrap_or_default();
    let has_moved = known.cache_key.filled().is_some() && known.cache_key != facts.client.cache_key;
    let is_edited = o.metadata.generation != Some(status.last_generation);
    let all = [
        (status.last_generation == 0, SyncReason::InitialSync),
        (facts.change == Change::Touched, SyncReason::ForceSync),
        (is_edited && facts.change != Change::Nothing, SyncReason::ResourceUpdated),
        (!facts.is_present, SyncReason::InexistentDestination),
        (facts.has_drifted, SyncReason::SecretDataDrift),
        (has_moved, SyncReason::VaultClientConfigChanged),
        (facts.token == LeaseToken::Ended, SyncReason::VaultTokenRotated),
    ];
    all.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}

/// Asks whether the lease of the status stands: where another token than ours made it (its process is gone, so nobody keeps
/// it alive), which only the server can tell. Reading; the policy `default` allows it.
#[must_use]
pub fn lookup(o: &VaultDynamicSecret, client: &VaultClientMeta) -> Option<VaultCall> {
    let status = o.status.as_ref()?;
    let maker = status.vault_client_meta.as_ref()?.id.filled()?;
    let is_foreign = Some(maker) != client.id.as_deref();
    (is_foreign && !status.secret_lease.id.is_empty())
        .then(|| lease_call(o, "lookup", [("lease_id", json!(status.secret_lease.id))]))
}

/// What the answer to [`lookup`] tells. A server that does not answer, or may not be asked, ends no lease.
#[must_use]
pub fn looked_up(answer: &Result<VaultAnswer, Fault>) -> LeaseToken {
    match answer {
        Err(fault) if is_lease_gone(fault) => LeaseToken::Ended,
        _ => LeaseToken::Foreign,
    }
}

fn refresh_after(o: &VaultDynamicSecret) -> GoDuration {
    o.spec.refresh_after.filled().and_then(|text| GoDuration::parse(text).ok()).unwrap_or_default()
}

/// The life by which renewals are timed: the lease's, or else `refreshAfter`.
fn life(o: &VaultDynamicSecret, lease: &SecretLease) -> GoDuration {
    if lease.duration > 0 { GoDuration::from_seconds(lease.duration) } else { refresh_after(o) }
}

/// From when on the lease may be renewed.
fn due_at(o: &VaultDynamicSecret, status: &VaultDynamicSecretStatus) -> Timestamp {
    let span = life(o, &status.secret_lease).nanoseconds() / 100 * o.spec.renewal_percent.clamp(0, 90);
    let renewed = Timestamp::from_second(status.last_renewal_time).unwrap_or(Timestamp::UNIX_EPOCH);
    GoDuration::from_nanoseconds(span).after(renewed)
}

/// The request for credentials. Each answer makes some, so it is asked once; but for a static role's, which are only read.
#[must_use]
pub fn call(o: &VaultDynamicSecret) -> VaultCall {
    let spec = &o.spec;
    let body: Map<String, Value> = spec.params.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let is_write =
        !body.is_empty() || matches!(spec.request_http_method, Some(RequestMethod::Post | RequestMethod::Put));
    let method = if is_write { Method::Put } else { Method::Get };
    let read = VaultCall::read(joined(&[&spec.mount, &spec.path]), o.vault_namespace());
    VaultCall { method, body, repeatable: static_role::is_known(o) && !is_write, ..read }
}

/// The request for credentials, as an effect.
#[must_use]
pub fn issue(o: &VaultDynamicSecret) -> Ask {
    Ask { call: call(o), about: o.object(), why: "ask Vault for credentials".to_owned() }
}

fn lease_call<const N: usize>(o: &VaultDynamicSecret, what: &str, body: [(&str, Value); N]) -> VaultCall {
    let body = body.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let call = VaultCall::write(format!("sys/leases/{what}"), body, o.vault_namespace());
    VaultCall { repeatable: true, ..call }
}

fn renewal(o: &VaultDynamicSecret, lease: &SecretLease) -> Ask {
    let call = lease_call(o, "renew", [("lease_id", json!(lease.id)), ("increment", json!(lease.duration))]);
    Ask { call, about: o.object(), why: "renew the lease".to_owned() }
}

/// The end of a pass over an object that goes: tried again a few times, then let go, so that nothing blocks its deletion.
#[must_use]
pub fn released(lease_id: &str, result: &Result<(), Fault>, failures: u32, now: Timestamp) -> Finish {
    match result {
        Ok(()) => {
            Finish::settled().with_event(Event::normal("SecretLeaseRevoke", format!("Lease revoked: {lease_id}")))
        }
        Err(fault) => {
            let finish = Finish::settled().with_event(VaultDynamicSecret::not_revoked(fault));
            match revokes_again(failures, now) {
                Some(again) => Finish { next: Next::At(again), failed: true, ..finish },
                None => finish,
            }
        }
    }
}

/// The lease that is ended when the object goes: unless the spec forbids it, or there is none.
#[must_use]
pub fn lease_to_end(o: &VaultDynamicSecret) -> Option<&str> {
    let id = o.status.as_ref()?.secret_lease.id.as_str();
    (!id.is_empty() && o.spec.revoke.unwrap_or(true)).then_some(id)
}

/// The lease that new credentials supersede, where the spec asks for its end.
#[must_use]
pub fn superseded<'a>(o: &'a VaultDynamicSecret, answer: &VaultAnswer) -> Option<&'a str> {
    let old = o.status.as_ref()?.secret_lease.id.as_str();
    (!old.is_empty() && o.spec.revoke.unwrap_or(false) && old != answer.lease_id).then_some(old)
}

/// How long an answer without a lease serves retries.
const WITHOUT_LEASE: GoDuration = GoDuration::from_seconds(300);

impl Issues for VaultDynamicSecret {
    fn asked(&self) -> VaultCall {
        call(self)
    }

    fn tells_of(&self, answer: &VaultAnswer) -> bool {
        self.status.as_ref().is_some_and(|status| status.secret_lease.request_id == answer.request_id)
    }

    fn serves_until(&self, issued: &Issued) -> Timestamp {
        let seconds = issued.answer.lease_duration;
        let life = if seconds > 0 { GoDuration::from_seconds(seconds) } else { WITHOUT_LEASE };
        horizon::two_thirds(life, issued.at).after(issued.at)
    }

    fn issued_id(&self) -> Option<&str> {
        self.status.as_ref().map(|status| status.secret_lease.id.as_str()).filter(|id| !id.is_empty())
    }

    fn revocation(&self, lease_id: &str) -> Ask {
        let call = lease_call(self, "revoke", [("lease_id", json!(lease_id))]);
        Ask { call, about: self.object(), why: "revoke the lease".to_owned() }
    }

    fn revoked(_: &str, answer: Result<VaultAnswer, Fault>) -> Result<(), Fault> {
        match answer {
            Err(fault) if !is_lease_gone(&fault) => Err(fault),
            _ => Ok(()),
        }
    }

    fn not_revoked(fault: &Fault) -> Event {
        Event::warning("SecretLeaseRevoke", format!("Failed to revoke lease: {}", fault.chain()))
    }
}

impl Issued {
    /// The lease that is ended when the object goes.
    #[must_use]
    pub fn lease_to_end(&self, o: &VaultDynamicSecret) -> Option<&str> {
        let id = self.answer.lease_id.as_str();
        (!id.is_empty() && o.spec.revoke.unwrap_or(true)).then_some(id)
    }
}

/// On what an object's credentials are issued, whose SecretTransformations stand at these generations.
#[must_use]
pub fn basis(o: &VaultDynamicSecret, transformations: &BTreeMap<String, i64>) -> Basis {
    let spec = &o.spec;
    let request = json!([
        spec.vault_auth_ref,
        spec.namespace,
        spec.mount,
        spec.path,
        spec.request_http_method,
        spec.params,
        spec.allow_static_creds,
        spec.destination
    ]);
    Basis::new(o, &request, transformations)
}

/// What became of a renewal.
pub enum Renewed {
    /// The lease lives on.
    Kept(Finish),
    /// New credentials are needed; the events say why.
    Replace(Vec<Event>),
    /// The server is in trouble: new credentials would fail as well, and those that are there may still work.
    Again(Fault),
}

/// Judges a renewal that this client has asked for.
#[must_use]
pub fn renewed(
    o: &VaultDynamicSecret,
    client: &VaultClientMeta,
    answer: Result<VaultAnswer, Fault>,
    now: Timestamp,
) -> Renewed {
    let mut status = o.status.clone().unwrap_or_default();
    let lease = status.secret_lease.clone();
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) if is_lease_gone(&fault) => return Renewed::Replace(Vec::new()),
        Err(fault) if fault.kind().is_transient() => return Renewed::Again(fault),
        Err(fault) => {
            let text = format!("Could not renew lease, lease_id={}, err={}", lease.id, fault.chain());
            return Renewed::Replace(vec![Event::warning("SecretLeaseRenewalError", text)]);
        }
    };
    if answer.lease_id != lease.id {
        let text = format!("lease ID changed after renewal, expected={}, actual={}", lease.id, answer.lease_id);
        return Renewed::Replace(vec![Event::warning("SecretLeaseRenewal", text)]);
    }
    if answer.lease_duration < lease.duration {
        let text = format!(
            "Lease renewal duration was truncated from {}s to {}s, requesting new credentials",
            lease.duration, answer.lease_duration
        );
        return Renewed::Replace(vec![Event::normal("SecretLeaseRenewal", text)]);
    }
    status.secret_lease = lease_of(&answer, None);
    status.last_renewal_time = now.as_second();
    let generation = o.metadata.generation;
    status.last_generation = generation.unwrap_or(status.last_generation);
    let mut say = |kind: &str, reason: &str, text: &str| {
        synced::tell(&mut status.conditions, condition(kind, true, reason, text, now), generation);
    };
    say("LeaseRenewal", "SecretLeaseRenewal", "Successfully renewed lease");
    say("SecretSynced", "Synced", "Updated for lease renewal");
    let news = tell_ready(o, &mut status, now);
    let wait = horizon::lease(life(o, &status.secret_lease), o.spec.renewal_percent, now);
    // A renewal does not bind the lease to the token that asks for it.
    let wait = if lookup(o, client).is_some() { wait.min(FOREIGN) } else { wait };
    let text = format!("Renewed lease, lease_id={}, horizon={wait}", status.secret_lease.id);
    let mut events = vec![Event::normal("SecretLeaseRenewal", text)];
    if !answer.renewable {
        let is_static = o.spec.allow_static_creds.unwrap_or(false);
        let text = format!("Lease is not renewable, staticCreds={is_static}, info=new credentials follow in {wait}");
        events.push(Event::warning("SecretLeaseRenewal", text));
    }
    events.extend(news);
    Renewed::Kept(Finish {
        events,
        next: Next::At(wait.after(now)),
        ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default())
    })
}

const KIND: &str = "VaultDynamicSecret";

/// The lease as the status holds it. Values without a lease whose end is known are timed by that end.
fn lease_of(answer: &VaultAnswer, ends_in: Option<i64>) -> SecretLease {
    let has_lease = answer.lease_duration > 0;
    SecretLease {
        id: answer.lease_id.clone(),
        duration: if has_lease { answer.lease_duration } else { ends_in.unwrap_or_default() },
        renewable: answer.renewable,
        request_id: answer.request_id.clone(),
    }
}

/// Seconds until the values of a response end by what they say themselves.
#[must_use]
pub fn ends_in(response: &Response, now: Timestamp) -> Option<i64> {
    let span =
        |text: &str| text.parse::<i64>().ok().or_else(|| Some(GoDuration::parse(text).ok()?.to_signed().as_secs()));
    let moment = |text: &str| text.parse::<i64>().ok().or_else(|| Some(text.parse::<Timestamp>().ok()?.as_second()));
    let until = |name| response.text(name).and_then(moment).map(|second| second.saturating_sub(now.as_second()));
    let known = response.text("ttl").and_then(span).or_else(|| until("expiration")).or_else(|| until("valid_before"));
    known.filter(|seconds| *seconds > 0)
}

/// What came of a pass that issued credentials and wrote them.
pub struct Synced<'a> {
    /// Why they were asked for.
    pub reason: SyncReason,
    /// The answer.
    pub answer: &'a VaultAnswer,
    /// A known end of the values, in seconds from now.
    pub ends_in: Option<i64>,
    /// The keyed digest of the data.
    pub digest: String,
    /// The restarts.
    pub restarts: Vec<Restarted>,
    /// The client that asked.
    pub client: VaultClientMeta,
    /// The uid of the operator's pod.
    pub pod_uid: &'a str,
}

/// Whether the targets are restarted after a write that changed something: never by the first one (VSO §11).
#[must_use]
pub fn restarts(o: &VaultDynamicSecret, changed: bool) -> bool {
    changed && o.status.as_ref().is_some_and(|status| status.last_generation != 0)
}

/// The end of a pass that issued leased credentials.
#[must_use]
pub fn synced(o: &VaultDynamicSecret, after: &Synced<'_>, now: Timestamp) -> Finish {
    let generation = o.metadata.generation;
    let mut status = o.status.clone().unwrap_or_default();
    let is_first = status.last_generation == 0;
    let ends_in = if refresh_after(o).is_positive() { None } else { after.ends_in };
    status.secret_lease = lease_of(after.answer, ends_in);
    status.static_creds_meta_data = None;
    // The peer has it for static roles only; here it tells whether Secret and lease belong together.
    status.secret_mac = Some(after.digest.clone());
    note_sync(&mut status, generation, &after.client, after.pod_uid, now);
    let span = life(o, &status.secret_lease);
    let wait = span.is_positive().then(|| horizon::lease(span, o.spec.renewal_percent, now));
    let say = condition("SecretSynced", true, "Synced", "Secret synced", now);
    synced::tell(&mut status.conditions, say, generation);
    let news = tell_ready(o, &mut status, now);
    synced::tell_restarts(&mut status.conditions, &after.restarts, ": ", generation, now);
    let mut events = vec![synced_event(is_first, &after.answer.lease_id, wait.unwrap_or_default(), after.reason)];
    events.extend(synced::restart_events(&after.restarts));
    events.extend(news);
    let next = wait.map_or(Next::Settled, |wait| Next::At(wait.after(now)));
    Finish { events, next, ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default()) }
}

fn note_sync(
    status: &mut VaultDynamicSecretStatus,
    generation: Option<i64>,
    client: &VaultClientMeta,
    pod_uid: &str,
    now: Timestamp,
) {
    (status.last_renewal_time, status.last_generation) = (now.as_second(), generation.unwrap_or_default());
    status.vault_client_meta = Some(client.clone());
    status.last_runtime_pod_uid = Some(pod_uid.to_owned()).filter(|uid| !uid.is_empty());
}

fn synced_event(is_first: bool, lease_id: &str, wait: GoDuration, reason: SyncReason) -> Event {
    let told = if is_first { "SecretSynced" } else { "SecretRotated" };
    let text = format!("Secret synced, lease_id={lease_id:?}, horizon={wait}, sync_reason={:?}", reason.as_str());
    Event::normal(told, text)
}

/// What is told where nothing says when the values end (VSO §7.4.4, Field report).
const NEVER: &str = "it will never be refreshed: the response has no lease and `refreshAfter` is missing";

/// The end of a pass that failed; lease and Secret stay as they are.
#[must_use]
pub fn failed(o: &VaultDynamicSecret, failure: &Failure, backoff: &Backoff, failures: u32, now: Timestamp) -> Finish {
    let wait = synced::retry_after(failure.step, backoff, failures, now);
    let error = failure.fault.chain();
    let text = format!("Failed to sync the secret, horizon={wait}, err={error}");
    let event = match failure.step {
        synced::Step::Client => {
            Event::warning("VaultClientConfigError", format!("Failed to get Vault client: {error}"))
        }
        _ => Event::warning("SecretSyncError", text.clone()),
    };
    let generation = o.metadata.generation;
    let mut status = o.status.clone().unwrap_or_default();
    synced::tell(&mut status.conditions, condition("SecretSynced", false, "Synced", &text, now), generation);
    synced::tell_health(&mut status.conditions, KIND, false, generation, now);
    Finish {
        events: vec![event],
        next: Next::At(wait.after(now)),
        failed: true,
        ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
