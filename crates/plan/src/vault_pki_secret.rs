//! VaultPKISecret: whether a certificate is issued or left alone, what the Secret holds of it, when it is replaced, and what is
//! told. A certificate whose time has not come is kept over a restart of the operator, and none is issued for a Secret that
//! cannot be written. Specification: VSO §4.7, §7.5, §6.2, §22 rows 18–20.

use std::collections::BTreeMap;

use api::hashicorp::vault_pki_secret::VaultPKISecretStatus;
use api::hashicorp::{Syncable as _, VaultPKISecret};
use api::meta::Filled as _;
use base::duration::GoDuration;
use base::{Fault, SecretBytes, SecretMap, SecretValue, Timestamp};
use serde_json::{Map, json};

use crate::backoff::Backoff;
use crate::basis::{Basis, Change};
use crate::conditions::condition;
use crate::issued::{Issued, Issues, revokes_again};
use crate::secret_transformation::{Response, Rules};
use crate::sync_reason::SyncReason;
use crate::synced::{self, Failure, Restarted, Step as At};
use crate::vault_call::{Ask, VaultAnswer, VaultCall, joined};
use crate::{Event, Finish, Next, Present, horizon, mac};

const KIND: &str = "VaultPKISecret";
/// The type of Secret that has the names of its keys from Kubernetes.
const TLS: &str = "kubernetes.io/tls";
const TLS_CERTIFICATE: &str = "tls.crt";
const TLS_KEY: &str = "tls.key";
const CA_CERTIFICATE: &str = "ca.crt";
const CA_CHAIN: &str = "ca_chain";

/// What a decision is made on.
pub struct Facts<'a> {
    /// What has changed since this process issued, as far as it remembers.
    pub change: Change,
    /// The destination as it stands.
    pub present: Option<&'a Present>,
    /// The key of the keyed digest.
    pub mac_key: &'a [u8],
}

/// What is to be done.
pub enum Step {
    /// Nothing yet.
    Wait(Finish),
    /// A certificate is issued.
    Issue(SyncReason),
}

/// Decides. Without a reason nobody asks Vault for anything, and nothing is written.
///
/// # Errors
/// `expiryOffset` is no duration.
pub fn decide(o: &VaultPKISecret, facts: &Facts<'_>, now: Timestamp) -> Result<Step, Fault> {
    let Some(status) = o.status.as_ref().filter(|status| status.serial_number.filled().is_some()) else {
        return Ok(Step::Issue(SyncReason::InitialSync));
    };
    let due = due_at(o, status.expiration.unwrap_or_default(), status.last_rotation)?;
    let is_edited = status.last_rotation > 0 && o.metadata.generation != Some(status.last_generation);
    let has_drifted = |present: &Present| {
        let stored = o.secret_mac().unwrap_or_default();
        status.last_rotation > 0 && !mac::is_mac_of(stored, facts.mac_key, &present.data)
    };
    let all = [
        (facts.change == Change::Touched, SyncReason::ForceSync),
        (is_edited && facts.change != Change::Nothing, SyncReason::ResourceUpdated),
        (facts.present.is_none(), SyncReason::InexistentDestination),
        (facts.present.is_some_and(has_drifted), SyncReason::SecretDataDrift),
        (horizon::until(due, now) < GoDuration::from_seconds(1), SyncReason::InRenewalWindow),
    ];
    match all.into_iter().find(|(holds, _)| *holds) {
        Some((_, reason)) => Ok(Step::Issue(reason)),
        None => Ok(Step::Wait(waiting(o, status, due, now))),
    }
}

/// A wait. The status stays as it is, unless it still tells of a failure, or an edit is to be noted that asks for nothing new.
fn waiting(o: &VaultPKISecret, status: &VaultPKISecretStatus, due: i64, now: Timestamp) -> Finish {
    let wait = wait(o, due, now);
    let finish = Finish::at(wait.after(now));
    if status.valid && o.metadata.generation == Some(status.last_generation) {
        return finish;
    }
    let mut status = status.clone();
    tell_well(o, &mut status, wait, now);
    finish.with_status(serde_json::to_value(&status).unwrap_or_default())
}

fn tell_well(o: &VaultPKISecret, status: &mut VaultPKISecretStatus, wait: GoDuration, now: Timestamp) {
    let generation = o.metadata.generation;
    (status.valid, status.error) = (true, String::new());
    status.last_generation = generation.unwrap_or_default();
    let text = format!("Secret synced, horizon={wait}");
    synced::tell(&mut status.conditions, condition("SecretSynced", true, "Synced", &text, now), generation);
    synced::tell_health(&mut status.conditions, KIND, true, generation, now);
}

fn expiry_offset(o: &VaultPKISecret) -> Result<i64, Fault> {
    let Some(text) = o.spec.expiry_offset.filled() else { return Ok(0) };
    let span = GoDuration::parse(text).map_err(|error| Fault::wrong("Field validation failed, err").because(error))?;
    Ok(span.to_signed().as_secs().max(0))
}

/// The least time between two certificates whose `expiryOffset` leaves no time at all, in seconds.
const LEAST: i64 = 40;

/// The second from which on a certificate is replaced. An offset that is not shorter than its whole life would have it replaced
/// at once, for ever; it is replaced after two thirds of its life then.
fn due_at(o: &VaultPKISecret, expiration: i64, rotated: i64) -> Result<i64, Fault> {
    let (offset, life) = (expiry_offset(o)?, expiration.saturating_sub(rotated));
    let is_usable = offset < life;
    Ok(if is_usable { expiration - offset } else { rotated.saturating_add((life / 3 * 2).max(LEAST)) })
}

fn wait(o: &VaultPKISecret, due: i64, now: Timestamp) -> GoDuration {
    horizon::certificate(horizon::until(due, now), expiry_offset(o).is_ok_and(|offset| offset > 0), now)
}

/// The request for a certificate. Fields that are not set are left out: `not_after: ""` is refused by OpenBao.
#[must_use]
pub fn call(o: &VaultPKISecret) -> VaultCall {
    let spec = &o.spec;
    let path = match spec.issuer_ref.filled() {
        // Who worked around the peer's path has `/issue` in the reference.
        Some(issuer) => {
            let issuer = issuer.trim_matches('/');
            let issuer = issuer.strip_suffix("/issue").unwrap_or(issuer);
            joined(&[&spec.mount, "issuer", issuer, "issue", &spec.role])
        }
        None => joined(&[&spec.mount, "issue", &spec.role]),
    };
    let mut body = Map::new();
    let texts = [
        ("common_name", &spec.common_name),
        ("ttl", &spec.ttl),
        ("not_after", &spec.not_after),
        ("format", &spec.format),
        ("private_key_format", &spec.private_key_format),
    ];
    let lists = [
        ("alt_names", &spec.alt_names),
        ("ip_sans", &spec.ip_sans),
        ("uri_sans", &spec.uri_sans),
        ("other_sans", &spec.other_sans),
        ("user_ids", &spec.user_ids),
    ];
    body.extend(texts.iter().filter_map(|(name, text)| Some(((*name).to_owned(), json!(text.filled()?)))));
    let filled = lists.iter().filter(|(_, list)| !list.is_empty());
    body.extend(filled.map(|(name, list)| ((*name).to_owned(), json!(list.join(",")))));
    body.insert("exclude_cn_from_sans".to_owned(), json!(spec.exclude_cn_from_sans.unwrap_or(false)));
    body.insert("remove_roots_from_chain".to_owned(), json!(true));
    VaultCall::write(path, body, o.vault_namespace())
}

/// The request for a certificate, as an effect.
#[must_use]
pub fn issue(o: &VaultPKISecret) -> Ask {
    Ask { call: call(o), about: o.object(), why: "have Vault issue a certificate".to_owned() }
}

/// The end of a pass over an object that goes: tried again a few times, then let go, so that nothing blocks its deletion.
#[must_use]
pub fn released(faults: &[Fault], failures: u32, now: Timestamp) -> Finish {
    let events = faults.iter().map(VaultPKISecret::not_revoked).collect();
    match revokes_again(failures, now).filter(|_| !faults.is_empty()) {
        Some(again) => Finish { events, next: Next::At(again), failed: true, ..Finish::settled() },
        None => Finish { events, ..Finish::settled() },
    }
}

/// The serial number that the status tells of.
#[must_use]
pub fn serial(o: &VaultPKISecret) -> Option<&str> {
    o.status.as_ref()?.serial_number.filled()
}

/// The certificate that is revoked when another one is written, or when the object goes.
#[must_use]
pub fn to_revoke(o: &VaultPKISecret) -> Option<&str> {
    serial(o).filter(|_| o.spec.revoke.unwrap_or(false))
}

/// Whether the destination is emptied when the object goes.
#[must_use]
pub fn clears(o: &VaultPKISecret) -> bool {
    o.spec.clear.unwrap_or(false) && !o.spec.destination.create && serial(o).is_some()
}

/// What the destination is emptied to when the object goes: nothing. A TLS Secret must keep its keys.
#[must_use]
pub fn cleared(o: &VaultPKISecret, present: Option<&Present>) -> Option<SecretMap> {
    let present = present.filter(|_| clears(o))?;
    let keys: &[&str] = if present.kind == TLS { &[TLS_CERTIFICATE, TLS_KEY] } else { &[] };
    let empty: SecretMap = keys.iter().map(|key| (*key, "")).collect();
    let is_there = present.data.iter().any(|(key, value)| !empty.contains(key) || !value.expose().is_empty());
    is_there.then_some(empty)
}

/// A certificate as the response holds it.
pub struct Certificate {
    /// Its serial number.
    pub serial: String,
    /// The unix second of its end.
    pub expiration: i64,
    /// The whole response.
    pub response: Response,
}

impl Certificate {
    /// Reads a response.
    ///
    /// # Errors
    /// There is none, or it holds no certificate.
    pub fn read(answer: &VaultAnswer) -> Result<Self, Fault> {
        let wrong = || Fault::wrong("Failed to unmarshal PKI response");
        let data = answer.data.as_ref().ok_or_else(|| wrong().because("the response holds no data"))?;
        let response = Response::parse(data.expose(), false).map_err(|fault| wrong().because(fault))?;
        let serial = response.text("serial_number").unwrap_or_default().to_owned();
        if serial.is_empty() {
            return Err(Fault::wrong("Invalid Vault secret data, serial_number cannot be empty"));
        }
        let expiration = response.text("expiration").and_then(|text| text.parse().ok());
        let expiration = expiration.ok_or_else(|| wrong().because("`expiration` is no unix second"))?;
        Ok(Self { serial, expiration, response })
    }

    /// Lays what PKI has of its own over the data that templates and filters made: the chain as one text, and a TLS Secret's
    /// keys where no template makes any.
    #[must_use]
    pub fn fitted(&self, o: &VaultPKISecret, rules: &Rules, mut data: SecretMap) -> SecretMap {
        let text = |name: &str| self.response.text(name).unwrap_or_default();
        let chain = self.chain();
        if data.contains(CA_CHAIN) && !rules.makes(CA_CHAIN) {
            data.insert(CA_CHAIN, SecretBytes::from(chain.as_str()));
        }
        if o.spec.destination.type_.filled() != Some(TLS) || rules.has_templates() {
            return data;
        }
        let above = if chain.is_empty() { text("issuing_ca") } else { &chain };
        let whole = if above.is_empty() {
            SecretBytes::from(text("certificate"))
        } else {
            SecretBytes::from(format!("{}\n{above}", text("certificate")).as_str())
        };
        data.insert(TLS_CERTIFICATE, whole);
        data.insert(TLS_KEY, SecretBytes::from(text("private_key")));
        if chain.is_empty() && !text("issuing_ca").is_empty() {
            data.insert(CA_CERTIFICATE, SecretBytes::from(text("issuing_ca")));
        }
        data
    }

    fn chain(&self) -> String {
        let Some(SecretValue::List(links)) = self.response.values().entry(CA_CHAIN) else { return String::new() };
        let text = |link: &SecretValue| match link {
            SecretValue::Text(text) => Some(text.expose().to_owned()),
            _ => None,
        };
        links.iter().filter_map(text).collect::<Vec<_>>().join("\n")
    }
}

impl Issues for VaultPKISecret {
    fn asked(&self) -> VaultCall {
        call(self)
    }

    fn tells_of(&self, answer: &VaultAnswer) -> bool {
        Certificate::read(answer).is_ok_and(|certificate| serial(self) == Some(&certificate.serial))
    }

    fn serves_until(&self, issued: &Issued) -> Timestamp {
        let due = Certificate::read(&issued.answer)
            .and_then(|certificate| due_at(self, certificate.expiration, issued.at.as_second()));
        due.ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(issued.at)
    }

    fn issued_id(&self) -> Option<&str> {
        serial(self)
    }

    /// Asked twice, it does no more.
    fn revocation(&self, serial: &str) -> Ask {
        let body = Map::from_iter([("serial_number".to_owned(), json!(serial))]);
        let call = VaultCall::write(joined(&[&self.spec.mount, "revoke"]), body, self.vault_namespace());
        let call = VaultCall { repeatable: true, ..call };
        Ask { call, about: self.object(), why: format!("revoke the certificate {serial}") }
    }

    fn revoked(serial: &str, answer: Result<VaultAnswer, Fault>) -> Result<(), Fault> {
        match answer {
            Err(fault) if !fault.chain().contains("not found") => {
                Err(Fault::new(fault.kind(), format!("Failed to revoke the certificate {serial}")).because(fault))
            }
            _ => Ok(()),
        }
    }

    fn not_revoked(fault: &Fault) -> Event {
        Event::warning("CertificateRevocationError", fault.chain())
    }
}

impl Issued {
    /// The serial number of a certificate that nobody uses, where it is to be revoked.
    #[must_use]
    pub fn serial_to_revoke(&self, o: &VaultPKISecret) -> Option<String> {
        let certificate = Certificate::read(&self.answer).ok()?;
        o.spec.revoke.unwrap_or(false).then_some(certificate.serial)
    }
}

/// On what an object's certificate is issued, whose SecretTransformations stand at these generations.
#[must_use]
pub fn basis(o: &VaultPKISecret, transformations: &BTreeMap<String, i64>) -> Basis {
    let call = call(o);
    let request = json!([o.spec.vault_auth_ref, call.namespace, call.path, call.body, o.spec.destination]);
    Basis::new(o, &request, transformations)
}

/// What came of a pass that issued a certificate and wrote it.
pub struct Synced<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// The keyed digest of the data.
    pub digest: String,
    /// The restarts.
    pub restarts: Vec<Restarted>,
}

/// Whether the targets are restarted after a write that changed something: never by the first one (VSO §11).
#[must_use]
pub fn restarts(o: &VaultPKISecret, changed: bool) -> bool {
    changed && serial(o).is_some()
}

/// The end of a pass that issued a certificate. Where the one that it supersedes is to be revoked, the next pass comes at once:
/// the status that no longer tells of it is written first, so that a failure there issues nothing.
///
/// # Errors
/// `expiryOffset` is no duration.
pub fn synced(o: &VaultPKISecret, after: Synced<'_>, now: Timestamp) -> Result<Finish, Fault> {
    let Synced { certificate, digest, restarts } = after;
    let (rotated, expiration) = (now.as_second(), certificate.expiration);
    let wait = wait(o, due_at(o, expiration, rotated)?, now);
    let mut status = o.status.clone().unwrap_or_default();
    let is_first = status.serial_number.filled().is_none();
    status.serial_number = Some(certificate.serial.clone());
    (status.expiration, status.last_rotation, status.secret_mac) = (Some(expiration), rotated, Some(digest));
    tell_well(o, &mut status, wait, now);
    let word = if is_first { "SecretSynced" } else { "SecretRotated" };
    let mut events = vec![Event::normal(word, format!("Secret synced, horizon={wait}"))];
    let offset = expiry_offset(o)?;
    if offset > 0 && offset >= expiration.saturating_sub(rotated) {
        events.push(Event::warning("InvalidConfiguration", NO_TIME));
    }
    events.extend(synced::restart_events(&restarts));
    let wait = if to_revoke(o).is_some() { GoDuration::default() } else { wait };
    let next = Next::At(wait.after(now));
    Ok(Finish { events, next, ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default()) })
}

const NO_TIME: &str = "`expiryOffset` is not shorter than the life of the certificate, which is therefore replaced after two \
     thirds of its life";

/// The end of a pass that failed; certificate and Secret stay as they are.
#[must_use]
pub fn failed(o: &VaultPKISecret, failure: &Failure, backoff: &Backoff, failures: u32, now: Timestamp) -> Finish {
    let wait = match failure.step {
        At::Missing => horizon::local_error(now),
        step => synced::retry_after(step, backoff, failures, now),
    };
    let error = failure.fault.chain();
    let (reason, message) = match failure.step {
        At::Client => ("VaultClientConfigError", format!("Failed to get Vault client: {error}")),
        At::Missing => {
            let name = &o.spec.destination.name;
            ("K8sClientError", format!("Kubernetes secret {name:?} does not exist yet, horizon={wait}"))
        }
        At::Fields => ("InvalidConfiguration", error.clone()),
        At::Transformation => ("TransformationError", format!("Failed setting up SecretTransformationOption: {error}")),
        At::Vault => ("K8sClientError", format!("Failed to issue certificate from Vault: {error}")),
        At::Data => ("K8sClientError", error.clone()),
        At::Write => ("SecretSyncError", format!("Failed to update k8s secret: {error}")),
    };
    let text = match failure.step {
        At::Write => format!("Secret sync error, horizon={wait}, err={error}"),
        _ => format!("Failed to sync the secret, horizon={wait}, err={error}"),
    };
    let generation = o.metadata.generation;
    let mut status = o.status.clone().unwrap_or_default();
    (status.valid, status.error) = (false, reason.to_owned());
    synced::tell(&mut status.conditions, condition("SecretSynced", false, "Synced", &text, now), generation);
    synced::tell_health(&mut status.conditions, KIND, false, generation, now);
    Finish {
        events: vec![Event::warning(reason, message)],
        next: Next::At(wait.after(now)),
        failed: true,
        ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
