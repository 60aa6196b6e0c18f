//! The sealing keys' life: read at the start and whenever a key's Secret changes, made where there is none or the newest is
//! old, stored before they are used. An unreadable key is told and skipped. Specification: SS §10.3, §10.4.

use std::sync::Arc;
use std::time::Duration;

use api::sealed_secret::names;
use base::duration::GoDuration;
use base::encoding::Base64;
use base::{Fault, Kind, Timestamp};
use http::Method;
use plan::Address;
use plan::backoff::Backoff;
use plan::sealing_keys::{NextKey, next_key};
use plan::write::Resource;
use seal::certificate::Wanted;
use seal::{Certificate, KeySet, PrivateKey, SealingKey};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Notify, watch};

use super::counts::Counts;
use super::{Keys, Settings, Unopened};
use crate::cache::Changed;
use crate::cluster::{self, Call, JSON};
use crate::heavy;
use crate::kube_secret;
use crate::seen::SeenSecret;
use crate::shared::Shared;

/// How long after failures the keys are looked at again.
const AGAIN: Backoff =
    Backoff { first: GoDuration::from_seconds(1), factor: 2.0, cap: GoDuration::from_seconds(30), jitter: 0.1 };

/// Keeps the keys until the process ends. Only the leader makes keys; every process reads them.
pub async fn keep(shared: Arc<Shared>, settings: Settings, mut leads: watch::Receiver<bool>) {
    let changed = Arc::new(Notify::new());
    let keys = shared.memory::<Keys>();
    listen(&shared, &settings, Arc::clone(&changed));
    // The watches come first: they are many, and whoever waits for a key waits for them, too.
    shared.caches().ready().await;
    // A wish stays until it is fulfilled: whoever asks for a key may ask because the last one is lost to somebody.
    let mut is_wanted = false;
    let mut failures = 0;
    // The cutoff asks for one key at the start. It may lie ahead of the clock, and then no key would ever satisfy it.
    let mut cutoff = settings.cutoff;
    loop {
        let is_leader = *leads.borrow_and_update();
        let wait = match look(&shared, &settings, is_leader, is_wanted, cutoff).await {
            Ok(next) => {
                (failures, is_wanted) = (0, false);
                if is_leader {
                    cutoff = None;
                }
                next.map_or(Duration::from_hours(24), |moment| until(moment, shared.clock().now()))
            }
            Err(NotKept { fault, what }) => {
                tracing::error!(error = fault.chain(), "{what}");
                failures += 1;
                AGAIN.wait(failures, 0.0).to_std()
            }
        };
        tokio::select! {
            () = changed.notified() => {}
            () = keys.wanted.notified() => is_wanted = true,
            () = tokio::time::sleep(wait) => {}
            _ = leads.changed() => {}
        }
    }
}

/// A key's Secret that appears, changes or loses its label is a reason to look.
fn listen(shared: &Arc<Shared>, settings: &Settings, notify: Arc<Notify>) {
    let namespace = settings.namespace.clone();
    shared.caches().store::<SeenSecret>().listen(move |changed: &Changed<SeenSecret>| {
        let is_key = |seen: &Arc<SeenSecret>| seen.labels.contains_key(names::KEY);
        let concerns = changed.before.as_ref().is_some_and(is_key) || changed.after.as_ref().is_some_and(is_key);
        if *changed.name.0 == *namespace && concerns && !changed.is_initial {
            notify.notify_one();
        }
    });
}

fn until(moment: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(now)).unwrap_or_default().max(Duration::from_millis(100))
}

/// Why the keys are not as they shall be, and what was attempted.
struct NotKept {
    fault: Fault,
    what: &'static str,
}

/// Reads the keys, and makes one where it is time; answers when to look again.
async fn look(
    shared: &Arc<Shared>,
    settings: &Settings,
    is_leader: bool,
    is_wanted: bool,
    cutoff: Option<Timestamp>,
) -> Result<Option<Timestamp>, NotKept> {
    let failed = |what| move |fault| NotKept { fault, what };
    let keys = shared.memory::<Keys>();
    let known = keys.current();
    // Where the keys cannot be read there is no saying that there is none: no key is made then.
    let read = load(shared, settings).await.map_err(failed("Error reading keys, will retry"))?;
    let mut set = merged(&known, read);
    let newest = |set: &KeySet| set.newest().map(|key| key.ordered_at);
    let now = shared.clock().now();
    let is_due = next_key(newest(&set), cutoff, settings.renew_period, now) == NextKey::Now;
    if (is_due || is_wanted) && is_leader {
        let key = make(shared, settings).await.map_err(failed("Failed to generate new key"))?;
        set.register(key);
    }
    if set.is_empty() && !is_leader {
        // A standby of a new installation: the leader makes the first key, and the watch tells.
        return Ok(None);
    }
    let next = next_key(newest(&set), None, settings.renew_period, now);
    let is_new = |key: &&SealingKey| {
        known.keys().all(|known| known.private.fingerprint() != key.private.fingerprint() || known.name != key.name)
    };
    let new: Vec<&str> = set.keys().filter(is_new).map(|key| key.name.as_str()).collect();
    for name in &new {
        tracing::info!(secretname = name, "registered private key");
    }
    let has_new = !new.is_empty();
    keys.set(set);
    if has_new {
        shared.memory::<Unopened>().wake();
    }
    Ok(match next {
        NextKey::At(moment) => Some(moment),
        NextKey::Now | NextKey::Never => None,
    })
}

/// The keys as they were read, in a set that still knows which of them opened last.
fn merged(known: &KeySet, read: Vec<SealingKey>) -> KeySet {
    let mut set = known.clone();
    for key in known.keys().filter(|known| read.iter().all(|key| key.name != known.name)) {
        set.remove(&key.name);
    }
    read.into_iter().for_each(|key| set.register(key));
    set
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: ItemMeta,
    #[serde(default)]
    data: ItemData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemMeta {
    name: String,
    #[serde(default)]
    creation_timestamp: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
struct ItemData {
    #[serde(default, rename = "tls.key")]
    key: String,
    #[serde(default, rename = "tls.crt")]
    certificate: String,
}

/// All keys: those with the label, and the single unlabelled one of old installations.
async fn load(shared: &Arc<Shared>, settings: &Settings) -> Result<Vec<SealingKey>, Fault> {
    let cluster = shared.cluster();
    let collection = cluster::collection_path(&Resource::secrets(), &settings.namespace);
    let path = format!("{collection}?labelSelector={}%3D{}", names::KEY.replace('/', "%2F"), names::ACTIVE);
    let body = cluster.call(Call { method: Method::GET, path, media: JSON, body: Vec::new() }).await?;
    let mut items = cluster::parse::<List>(&body, "list of keys")?.items;
    let single = Address::secret(settings.namespace.clone(), settings.key_prefix.clone());
    match cluster.read_as::<Item>(&single).await {
        Ok(found) => items.extend(found),
        Err(fault) if fault.kind() == Kind::Denied => {}
        Err(fault) => return Err(fault),
    }
    items.sort_by_key(|item| item.metadata.creation_timestamp);
    let mut keys = Vec::new();
    let mut unreadable = 0;
    for item in items {
        let name = item.metadata.name.clone();
        match read(item, settings) {
            Ok(key) => keys.push(key),
            Err(fault) => {
                tracing::error!(secret = name, error = fault.chain(), "Error reading key");
                unreadable += 1;
            }
        }
    }
    if let Ok(counts) = shared.recall::<Counts>() {
        counts.unreadable_keys(unreadable);
    }
    Ok(keys)
}

fn read(item: Item, settings: &Settings) -> Result<SealingKey, Fault> {
    let decoded = |text: &str, what: &str| {
        Base64::Standard.decode(text.as_bytes()).ok_or_else(|| Fault::wrong(format!("`{what}` is not base64")))
    };
    let private = PrivateKey::parse(decoded(&item.data.key, "tls.key")?.expose())?;
    let certificate = Certificate::parse(decoded(&item.data.certificate, "tls.crt")?.expose())?;
    let created = item.metadata.creation_timestamp.unwrap_or(certificate.not_before());
    let ordered_at = if settings.orders_by_certificate { certificate.not_before() } else { created };
    Ok(SealingKey { name: item.metadata.name, private, certificate: Some(certificate), ordered_at })
}

/// Makes a key and stores it; it is used only after that.
async fn make(shared: &Arc<Shared>, settings: &Settings) -> Result<SealingKey, Fault> {
    let (now, mut rng) = (shared.clock().now(), shared.rng());
    let (bits, common_name, valid_for) = (settings.key_bits, settings.common_name.clone(), settings.key_valid_for);
    let made =
        heavy::compute(move || Wanted { bits, common_name: &common_name, valid_for }.generate(now, &mut rng)).await??;
    let mut labels = settings.key_labels.clone();
    labels.insert(names::KEY.to_owned(), names::ACTIVE.to_owned());
    let body = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {
            "generateName": settings.key_prefix,
            "namespace": settings.namespace,
            "labels": labels,
            "annotations": settings.key_annotations,
        },
        "data": {
            "tls.crt": Base64::Standard.encode(made.certificate.pem().as_bytes()),
            "tls.key": Base64::Standard.encode(made.private.to_pem().expose().as_bytes()),
        },
    });
    let path = cluster::collection_path(&Resource::secrets(), &settings.namespace);
    let call = Call { method: Method::POST, path, media: JSON, body: body.to_string().into_bytes() };
    let answer = shared.cluster().call(call).await.map_err(|fault| fault.within("cannot store the new key"))?;
    let stored = kube_secret::read(&answer)?;
    tracing::info!(namespace = stored.namespace, name = stored.name, "New key written");
    tracing::info!(certificate = made.certificate.pem(), "Certificate generated");
    Ok(SealingKey { name: stored.name, private: made.private, certificate: Some(made.certificate), ordered_at: now })
}
