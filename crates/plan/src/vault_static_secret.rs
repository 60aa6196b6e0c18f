//! VaultStaticSecret: which path is read, whether what came is a secret at all, whether the destination is to be written, and
//! what is told. A secret that is deleted in Vault never empties the Secret. Specification: VSO §4.5, §7.3.

use api::hashicorp::vault_static_secret::{KvType, VaultClientMeta};
use api::hashicorp::{Syncable as _, VaultStaticSecret};
use api::meta::Filled as _;
use base::duration::GoDuration;
use base::{Fault, Kind, SecretMap, Timestamp};

use crate::backoff::Backoff;
use crate::conditions::condition;
use crate::secret_transformation::Response;
use crate::synced::{self, Failure, Restarted, Step};
use crate::vault_call::{VaultAnswer, VaultCall, joined};
use crate::{Event, Finish, Next, horizon, mac};

const KIND: &str = "VaultStaticSecret";

/// How often an object is read that does not say so.
const DEFAULT_REFRESH: GoDuration = GoDuration::from_seconds(60);

/// The interval of an object; none where it is read only when it changes.
///
/// # Errors
/// The field is no duration.
pub fn refresh_after(o: &VaultStaticSecret) -> Result<Option<GoDuration>, Fault> {
    match o.spec.refresh_after.filled() {
        None => Ok(o.spec.hmac_secret_data.then_some(DEFAULT_REFRESH)),
        Some(text) => GoDuration::parse(text)
            .map(|span| Some(span).filter(|span| span.is_positive()))
            .map_err(|error| Fault::wrong("Field validation failed, err").because(error)),
    }
}

/// What is read.
#[must_use]
pub fn call(o: &VaultStaticSecret) -> VaultCall {
    let spec = &o.spec;
    let path = match spec.type_ {
        KvType::V1 => joined(&[&spec.mount, &spec.path]),
        KvType::V2 => joined(&[&spec.mount, "data", &spec.path]),
    };
    let mut call = VaultCall::read(path, o.vault_namespace());
    if let Some(version) = spec.version.filter(|version| *version > 0 && spec.type_ == KvType::V2) {
        call.query.push(("version", version.to_string()));
    }
    call
}

/// The response, if what came is a secret.
///
/// # Errors
/// There is none, its version is deleted, or the path is of another engine: the Secret stays as it is.
pub fn response(o: &VaultStaticSecret, answer: Result<VaultAnswer, Fault>) -> Result<Response, Fault> {
    let path = call(o).path;
    let empty = || Fault::wrong(format!("empty response from Vault, path={path:?}"));
    let answer = answer.map_err(|fault| if fault.kind() == Kind::NotFound { empty().because(fault) } else { fault })?;
    let Some(data) = &answer.data else {
        return Err(match answer.warnings.first() {
            Some(warning) => empty().because(warning.clone()).hint("check `spec.type` and `spec.mount`"),
            None => empty(),
        });
    };
    if answer.status == 404 {
        return Err(Fault::wrong(format!("the secret version is deleted or destroyed, path={path:?}"))
            .hint("undelete it in Vault, or delete this object; the Secret keeps its last values"));
    }
    Response::parse(data.expose(), o.spec.type_ == KvType::V2)
}

/// What a decision is made on.
pub struct Facts<'a> {
    /// The data as it shall be.
    pub data: &'a SecretMap,
    /// The key of the keyed digest.
    pub mac_key: &'a [u8],
    /// Whether the destination holds just this data.
    pub is_same: bool,
}

/// Whether the destination is to be written; a write that would change nothing sends nothing.
#[must_use]
pub fn is_due(o: &VaultStaticSecret, facts: &Facts<'_>) -> bool {
    let known = o.secret_mac().is_some_and(|stored| mac::is_mac_of(stored, facts.mac_key, facts.data));
    !(o.spec.hmac_secret_data && known && facts.is_same && synced_generation(o) == o.metadata.generation)
}

fn synced_generation(o: &VaultStaticSecret) -> Option<i64> {
    o.status.as_ref().map(|status| status.last_generation)
}

/// Whether the targets are restarted after a write that changed something: never by the first one.
#[must_use]
pub fn restarts(o: &VaultStaticSecret, changed: bool) -> bool {
    changed && o.spec.hmac_secret_data && o.secret_mac().is_some()
}

/// What came of a pass that succeeded.
pub struct Synced<'a> {
    /// The facts.
    pub facts: Facts<'a>,
    /// Whether the Secret was changed.
    pub changed: bool,
    /// The restarts.
    pub restarts: Vec<Restarted>,
    /// The client that read.
    pub client: VaultClientMeta,
}

/// The end of a pass that succeeded. Where nothing has changed the status stays as it is, word by word.
#[must_use]
pub fn synced(o: &VaultStaticSecret, after: &Synced<'_>, now: Timestamp) -> Finish {
    let interval = refresh_after(o).ok().flatten().map(|span| horizon::refresh(span, now));
    let before = o.status.clone().unwrap_or_default();
    let mut status = before.clone();
    status.last_generation = o.metadata.generation.unwrap_or_default();
    status.secret_mac = o.spec.hmac_secret_data.then(|| mac::mac(after.facts.mac_key, after.facts.data));
    let text = format!("Secret synced, horizon={}", interval.unwrap_or_default());
    let generation = o.metadata.generation;
    synced::tell(&mut status.conditions, condition("SecretSynced", true, "Synced", &text, now), generation);
    let is_new = synced::tell_ready(&mut status.conditions, KIND, note(o), generation, now);
    synced::tell_restarts(&mut status.conditions, &after.restarts, ", err=", generation, now);
    let key = |meta: &Option<VaultClientMeta>| meta.as_ref().and_then(|meta| meta.cache_key.clone());
    if status != before || key(&before.vault_client_meta) != after.client.cache_key {
        status.vault_client_meta = Some(after.client.clone());
    }
    let mut events = synced::restart_events(&after.restarts);
    if after.changed {
        events.insert(0, Event::normal("SecretSynced", "Secret synced"));
    }
    if is_new {
        events.push(synced::no_events());
    }
    let next = interval.map_or(Next::Settled, |wait| Next::At(wait.after(now)));
    Finish { events, next, ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default()) }
}

/// The end of a pass that failed; the Secret stays as it is.
#[must_use]
pub fn failed(o: &VaultStaticSecret, failure: &Failure, backoff: &Backoff, failures: u32, now: Timestamp) -> Finish {
    let wait = synced::retry_after(failure.step, backoff, failures, now);
    let text = failure.fault.chain();
    let (reason, message) = match failure.step {
        Step::Client => ("VaultClientConfigError", format!("Failed to get Vault auth login: {text}")),
        Step::Missing => ("K8sClientError", text.clone()),
        Step::Fields => ("VaultStaticSecretError", text.clone()),
        Step::Transformation => {
            ("TransformationError", format!("Failed setting up SecretTransformationOption: {text}"))
        }
        Step::Vault => ("VaultClientError", format!("Failed to read Vault secret: {text}")),
        Step::Data => ("SecretDataBuilderError", format!("Failed to build K8s secret data: {text}")),
        Step::Write => ("SecretSyncError", format!("Failed to update k8s secret: {text}")),
    };
    let mut status = o.status.clone().unwrap_or_default();
    let generation = o.metadata.generation;
    let told = format!("Failed to sync the secret, horizon={wait}, err={text}");
    synced::tell(&mut status.conditions, condition("SecretSynced", false, "Synced", &told, now), generation);
    synced::tell_health(&mut status.conditions, KIND, false, generation, now);
    Finish {
        events: vec![Event::warning(reason, message)],
        next: Next::At(wait.after(now)),
        failed: true,
        ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default())
    }
}

/// What the user of an object that is well must know.
fn note(o: &VaultStaticSecret) -> Option<&'static str> {
    o.spec.sync_config.as_ref().and_then(|config| config.instant_updates).unwrap_or(false).then_some(synced::NO_EVENTS)
}

#[cfg(test)]
mod tests;
