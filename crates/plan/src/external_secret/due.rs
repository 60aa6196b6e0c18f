//! Is there anything to do for an ExternalSecret, and what must be asked for it? A look at the object and at its target
//! decides; nobody is called. Specification: ESO §6.1 (steps 4–10), §6.2, §6.7.

use api::ExternalSecret;
use api::external_secrets::external_secret::{
    ExternalSecretDataRemoteRef, MetadataPolicy as Policy, RefreshPolicy, StoreKind, StoreRef,
};
use api::external_secrets::target::CreationPolicy;
use api::external_secrets::{GeneratorRef, Store, names};
use api::meta::{Filled as _, condition};
use base::duration::GoDuration;
use base::{Fault, Timestamp};
use source::{Find, MetadataPolicy, RemoteRef};

use super::hash;
use crate::Finish;
use crate::schedule::{Permit, permit};

/// The answer: nothing, until a moment or a change; or these questions.
pub enum Due {
    /// Nothing is to be done now.
    Not(Finish),
    /// These must be asked.
    Now(Asks),
}

/// What must be asked for a refresh, in the order in which later entries win.
#[derive(Debug, Default)]
pub struct Asks {
    /// Reads at stores.
    pub reads: Vec<Read>,
    /// Values to be made.
    pub makes: Vec<Make>,
}

/// Which entry of the spec asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `spec.dataFrom[i]`.
    DataFrom(usize),
    /// `spec.data[i]`.
    Data(usize),
}

/// One read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Who asks.
    pub entry: Entry,
    /// Where: a store by kind and name.
    pub store: (StoreKind, String),
    /// What.
    pub what: What,
}

/// What a read wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// One value.
    Value(RemoteRef),
    /// All entries of a value.
    Entries(RemoteRef),
    /// What a search finds.
    Found(Find),
}

/// One value to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Make {
    /// The place in `spec.dataFrom`.
    pub place: usize,
    /// The generator.
    pub generator: GeneratorRef,
}

/// The target, as far as drift is judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It carries the managed label, and its data is what was written last.
    Whole,
    /// It was changed, or is not managed yet.
    Changed,
}

/// What an object's due date depends on beside itself.
pub struct Now<'a> {
    /// The stores that it uses and that exist.
    pub stores: &'a [Store],
    /// Its target.
    pub standing: Standing,
    /// When this process last refreshed it, if it did: more exact than the status, which is written rarely.
    pub refreshed: Option<Timestamp>,
    /// When what a generator made must be renewed, where this process knows its end: the interval is the upper bound.
    pub renew_at: Option<Timestamp>,
    /// The controller class that this process serves.
    pub class: &'a str,
    /// The moment.
    pub now: Timestamp,
}

/// Is there anything to do?
///
/// # Errors
/// The spec cannot be read.
pub fn due(es: &ExternalSecret, at: &Now<'_>) -> Result<Due, Fault> {
    if at.stores.iter().any(|store| store.class().is_some_and(|class| class != at.class)) {
        return Ok(Due::Not(Finish::settled()));
    }
    if es.spec.target.manifest.is_some() {
        return Err(
            Fault::wrong(super::GENERIC_TARGET).hint("only Secrets are written; take `spec.target.manifest` away")
        );
    }
    match refresh(es, at)? {
        Refresh::Due => Ok(Due::Now(asks(es)?)),
        Refresh::At(_) if !is_valid(es, at.standing) => Ok(Due::Now(asks(es)?)),
        Refresh::At(moment) => Ok(Due::Not(next(moment))),
    }
}

fn next(moment: Option<Timestamp>) -> Finish {
    moment.map_or_else(Finish::settled, Finish::at)
}

/// Whether the target needs no repair (ESO §6.5 "Validity").
fn is_valid(es: &ExternalSecret, standing: Standing) -> bool {
    match es.creation_policy() {
        CreationPolicy::Orphan | CreationPolicy::None => true,
        CreationPolicy::Merge if standing == Standing::Absent => true,
        // It came after the last pass: whole it may be, but without us.
        CreationPolicy::Merge if found_nothing(es) => false,
        _ => standing == Standing::Whole,
    }
}

/// Whether the last pass found no target to merge into.
fn found_nothing(es: &ExternalSecret) -> bool {
    condition(es.conditions(), "Ready").is_some_and(|ready| ready.reason.as_deref() == Some("SecretMissing"))
}

enum Refresh {
    Due,
    At(Option<Timestamp>),
}

fn refresh(es: &ExternalSecret, at: &Now<'_>) -> Result<Refresh, Fault> {
    let policy = es.spec.refresh_policy.unwrap_or(RefreshPolicy::Periodic);
    // An interval that cannot be read is told before anything is read in vain.
    let interval = if policy == RefreshPolicy::Periodic { es.refresh_interval()? } else { GoDuration::ZERO };
    let status = es.status.as_ref();
    let version = status.and_then(|status| status.synced_resource_version.filled());
    let refreshed = refreshed(es, at.refreshed);
    let (Some(version), Some(refreshed)) = (version, refreshed) else { return Ok(Refresh::Due) };
    let is_current = hash::is_version_of(version, &es.metadata);
    match policy {
        RefreshPolicy::CreatedOnce => Ok(Refresh::At(None)),
        RefreshPolicy::OnChange => Ok(if is_current { Refresh::At(None) } else { Refresh::Due }),
        RefreshPolicy::Periodic => {
            if !interval.is_positive() {
                return Ok(if is_forced(es, refreshed, at.now) { Refresh::Due } else { Refresh::At(None) });
            }
            if !is_current || refreshed > at.now {
                return Ok(Refresh::Due);
            }
            let due = interval.after(refreshed);
            let due = at.renew_at.map_or(due, |moment| due.min(moment));
            if due > at.now {
                return Ok(Refresh::At(Some(due)));
            }
            Ok(match permit(es.spec.sync_windows.as_ref(), at.now) {
                Permit::Yes => Refresh::Due,
                Permit::NotBefore(moment) => Refresh::At(moment),
            })
        }
    }
}

/// Whether the user asks for a refresh though none is ever due: `force-sync` names a moment (seconds, or RFC 3339) behind the
/// last one. Any other change of labels or annotations counts only where there is an interval, as in the peer (ESO §14).
fn is_forced(es: &ExternalSecret, refreshed: Timestamp, now: Timestamp) -> bool {
    let annotations = es.metadata.annotations.iter().flatten();
    let asked = annotations.filter(|(key, _)| matches!(key.as_str(), "force-sync" | names::FORCE_SYNC));
    let moment = |text: &str| match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => text.parse().ok(),
    };
    asked.filter_map(|(_, text)| moment(text)).any(|moment| moment > refreshed && moment <= now)
}

/// When it was last refreshed: what this process remembers, or what the status says.
#[must_use]
pub fn refreshed(es: &ExternalSecret, remembered: Option<Timestamp>) -> Option<Timestamp> {
    let stored = es.status.as_ref().and_then(|status| status.refresh_time.as_ref()).map(|time| time.0);
    remembered.max(stored)
}

/// What a refresh must ask.
fn asks(es: &ExternalSecret) -> Result<Asks, Fault> {
    let mut asks = Asks::default();
    let default = es.spec.secret_store_ref.as_ref();
    for (place, entry) in es.spec.data_from.iter().enumerate() {
        let own = entry.source_ref.as_ref();
        if let Some(generator) = own.and_then(|source| source.generator_ref.clone())
            && entry.find.is_none()
            && entry.extract.is_none()
        {
            asks.makes.push(Make { place, generator });
            continue;
        }
        let what = match (&entry.find, &entry.extract) {
            (Some(find), _) => What::Found(Find {
                path: find.path.clone(),
                name: find.name.as_ref().and_then(|name| name.regexp.clone()),
                tags: find.tags.clone(),
            }),
            (None, Some(extract)) => What::Entries(remote_ref(extract)),
            (None, None) => {
                return Err(Fault::wrong("either extract, find, or sourceRef must be set to dataFrom"));
            }
        };
        let store = store_of(own.and_then(|source| source.store_ref.as_ref()).or(default))?;
        asks.reads.push(Read { entry: Entry::DataFrom(place), store, what });
    }
    for (place, entry) in es.spec.data.iter().enumerate() {
        let own = entry.source_ref.as_ref().and_then(|source| source.store_ref.as_ref());
        let store = store_of(own.or(default))?;
        let what = What::Value(remote_ref(&entry.remote_ref));
        asks.reads.push(Read { entry: Entry::Data(place), store, what });
    }
    Ok(asks)
}

fn store_of(reference: Option<&StoreRef>) -> Result<(StoreKind, String), Fault> {
    match reference.map(StoreRef::target) {
        Some((kind, name)) if !name.is_empty() => Ok((kind, name.to_owned())),
        _ => Err(Fault::wrong("could not get SecretStore \"\": no store is named")
            .hint("set `spec.secretStoreRef.name`, or a store on each entry")),
    }
}

fn remote_ref(spec: &ExternalSecretDataRemoteRef) -> RemoteRef {
    RemoteRef {
        key: spec.key.clone(),
        property: spec.property.filled().map(str::to_owned),
        version: spec.version.filled().map(str::to_owned),
        metadata: match spec.metadata_policy.unwrap_or_default() {
            Policy::None => MetadataPolicy::None,
            Policy::Fetch => MetadataPolicy::Fetch,
        },
    }
}
