//! PushSecret: when values are pushed, what is pushed where (`entries`), what is taken back, and how a pass ends. Pure; the
//! script is `operator/external_secrets/push_secret`. What was pushed stands in the status, so that nothing is forgotten when a
//! push fails half-way. Specification: ESO §6.11.

pub mod entries;

use std::collections::{BTreeMap, BTreeSet};

use api::PushSecret;
use api::external_secrets::push_secret::{PushSecretData, SyncedPushSecrets};
use api::external_secrets::{PushSecretStatus, Store, StoreKind};
use api::meta::{Filled as _, Labels};
use base::{Fault, Kind, ObjectRef, Timestamp};
use serde_json::Value;
use source::{PushEntry, Pushed, RemotePlace};

pub use entries::{Entry, Given, entries};

use crate::conditions;
use crate::external_secret::hash;
use crate::finish::StatusForm;
use crate::schedule;
use crate::selector::selects;
use crate::{Describe, Event, Finish, Line, Next, Status};

/// Storing a value at a provider.
#[derive(Clone)]
pub struct Push {
    /// The store.
    pub store: ObjectRef,
    /// What, and where.
    pub entry: PushEntry,
}

impl Describe for Push {
    fn describe(&self) -> Vec<Line> {
        vec![Line::on(self.store.clone(), format!("store a value at `{}`", told(&self.entry.at)))]
    }
}

/// Taking back at a provider what was stored there.
#[derive(Clone)]
pub struct TakeBack {
    /// The store.
    pub store: ObjectRef,
    /// Where.
    pub at: RemotePlace,
}

impl Describe for TakeBack {
    fn describe(&self) -> Vec<Line> {
        vec![Line::on(self.store.clone(), format!("delete what was stored at `{}`", told(&self.at)))]
    }
}

fn told(at: &RemotePlace) -> String {
    match &at.property {
        Some(property) => format!("{}/{property}", at.key),
        None => at.key.clone(),
    }
}

/// What the due date depends on beside the object.
pub struct Now {
    /// When this process last pushed it, if it did.
    pub pushed: Option<Timestamp>,
    /// Whether its source has changed since.
    pub has_new_values: bool,
    /// When what a generator made must be renewed.
    pub renew_at: Option<Timestamp>,
    /// The moment.
    pub now: Timestamp,
}

/// When the next push is due; none means now.
///
/// # Errors
/// The interval cannot be read.
pub fn due(ps: &PushSecret, at: &Now) -> Result<Option<Next>, Fault> {
    let interval = ps.refresh_interval()?;
    let status = ps.status.as_ref();
    let stored = status.and_then(|status| status.refresh_time.as_ref()).map(|time| time.0);
    let version = status.and_then(|status| status.synced_resource_version.filled());
    let is_current = version.is_some_and(|version| hash::is_version_of(version, &ps.metadata));
    let is_ready = ps.conditions().iter().any(|condition| condition.type_ == "Ready" && condition.is_true());
    let (Some(pushed), true) = (at.pushed.max(stored), is_current && is_ready && !at.has_new_values) else {
        return Ok(None);
    };
    if !interval.is_positive() {
        return Ok(Some(Next::Settled));
    }
    let next = interval.after(pushed);
    let next = at.renew_at.map_or(next, |moment| next.min(moment));
    Ok((pushed <= at.now && next > at.now).then_some(Next::At(next)))
}

/// What the status says was pushed and shall not be there any more: entries that are no longer wanted, and all entries of stores
/// that are no longer named – unless a store of today means the same place under another name (ESO §6.11, field report).
#[must_use]
pub fn obsolete(ps: &PushSecret, wanted: &[Entry], stores: &[Store], known: &[Store]) -> Vec<Obsolete> {
    if !ps.deletes() {
        return Vec::new();
    }
    let wanted: BTreeSet<(String, String)> =
        wanted.iter().map(|entry| (place_of(stores, &entry.store), entry.key.clone())).collect();
    let obsolete = ps.synced().filter(|(store, key, _)| {
        let place = known.iter().find(|known| store_key(known) == *store).map_or_else(|| (*store).to_owned(), place);
        !wanted.contains(&(place, (*key).to_owned()))
    });
    obsolete
        .map(|(store, key, data)| Obsolete { store: store.to_owned(), key: key.to_owned(), at: remote_place(data) })
        .collect()
}

/// The stores that must not go before this object, because values will have to be taken back from them: those that it names, and
/// those that its status knows. As `<namespace>/<Kind>/<name>`; stores that are chosen by label have `*` for a name.
#[must_use]
pub fn guarded(ps: &PushSecret) -> Vec<String> {
    if !ps.deletes() {
        return Vec::new();
    }
    let namespace = ps.metadata.namespace.as_deref().unwrap_or_default();
    let named = ps.store_refs().iter().map(|store| guard_key(store.kind, namespace, store.name().unwrap_or("*")));
    let pushed = ps.status.iter().flat_map(|status| status.synced_push_secrets.keys());
    let pushed = pushed.filter_map(|key| split_key(key).ok()).map(|(kind, name)| guard_key(kind, namespace, name));
    named.chain(pushed).collect::<BTreeSet<String>>().into_iter().collect()
}

/// A store's key in [`guarded`].
#[must_use]
pub fn guard_key(kind: StoreKind, namespace: &str, name: &str) -> String {
    let home = if kind == StoreKind::SecretStore { namespace } else { "" };
    format!("{home}/{}/{name}", kind.as_str())
}

/// Whether it chooses a store of this kind by these labels.
#[must_use]
pub fn chooses(ps: &PushSecret, kind: StoreKind, labels: &Labels) -> bool {
    ps.store_refs().iter().any(|store| {
        let selector = store.label_selector.as_ref().filter(|_| store.kind == kind && store.name().is_none());
        selector.is_some_and(|selector| selects(selector, labels))
    })
}

/// Whether a store must not go before this object; where it stands, is named by its metadata.
#[must_use]
pub fn guards(ps: &PushSecret, kind: StoreKind, name: &str, labels: &Labels) -> bool {
    let guarded = guarded(ps);
    let home = ps.metadata.namespace.as_deref().unwrap_or_default();
    let has = |name: &str| guarded.contains(&guard_key(kind, home, name));
    has(name) || has("*") && chooses(ps, kind, labels)
}

/// Kind and name of a store, from its key in the status.
///
/// # Errors
/// It is no such key.
pub fn split_key(key: &str) -> Result<(StoreKind, &str), Fault> {
    let parts = key.split_once('/').and_then(|(kind, name)| {
        let kinds = [StoreKind::SecretStore, StoreKind::ClusterSecretStore];
        Some((kinds.into_iter().find(|known| known.as_str() == kind)?, name))
    });
    parts.ok_or_else(|| Fault::wrong(format!("`{key}` in the status is no store")))
}

/// Everything that the status says was pushed.
#[must_use]
pub fn everything(ps: &PushSecret) -> Vec<Obsolete> {
    let all = ps.synced();
    all.map(|(store, key, data)| Obsolete { store: store.to_owned(), key: key.to_owned(), at: remote_place(data) })
        .collect()
}

/// An entry of the status that is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obsolete {
    /// The store's key in the status: `<Kind>/<name>`.
    pub store: String,
    /// The entry's key in the status.
    pub key: String,
    /// Where it lies.
    pub at: RemotePlace,
}

/// A store's key in the status.
#[must_use]
pub fn store_key(store: &Store) -> String {
    format!("{}/{}", store.kind.as_str(), store.name)
}

/// What a store's settings mean, so that two names for one place are known as such.
fn place(store: &Store) -> String {
    store.provider().to_string()
}

fn place_of(stores: &[Store], key: &str) -> String {
    stores.iter().find(|store| store_key(store) == key).map_or_else(|| key.to_owned(), place)
}

fn remote_place(data: &PushSecretData) -> RemotePlace {
    let remote = &data.match_.remote_ref;
    RemotePlace { key: remote.remote_key.clone(), property: remote.property.filled().map(str::to_owned) }
}

/// What was found at the providers and done there, so far.
#[derive(Default)]
pub struct Outcome {
    /// What lies there now.
    pub synced: SyncedPushSecrets,
    /// Whether something was changed there.
    pub changed: bool,
    /// What went wrong first, if something did; the rest was done nevertheless.
    pub fault: Option<Fault>,
    /// Entries that could not be taken back, by store and key.
    stuck: BTreeSet<(String, String)>,
    /// Stores that cannot be used in this pass.
    down: BTreeSet<String>,
}

impl Outcome {
    /// Begins with what the status knows.
    #[must_use]
    pub fn of(ps: &PushSecret) -> Self {
        let synced = ps.status.as_ref().map(|status| status.synced_push_secrets.clone()).unwrap_or_default();
        Self { synced, ..Self::default() }
    }

    /// Whether a store could not be used in this pass: it is not asked again before the next.
    #[must_use]
    pub fn is_down(&self, store: &str) -> bool {
        self.down.contains(store)
    }

    /// A store cannot be used: nobody can log in, or it is away.
    pub fn cannot_use(&mut self, store: &str, fault: Fault) {
        self.down.insert(store.to_owned());
        self.failed(store, fault);
    }

    /// Something failed at a store; one that is away is left alone, and everything else is tried.
    pub fn failed(&mut self, store: &str, fault: Fault) {
        if matches!(fault.kind(), Kind::Unreachable | Kind::Busy) {
            self.down.insert(store.to_owned());
        }
        self.fault.get_or_insert(fault);
    }

    /// An entry could not be taken back, so it is not forgotten.
    pub fn keeps(&mut self, obsolete: &Obsolete) {
        self.stuck.insert((obsolete.store.clone(), obsolete.key.clone()));
    }

    /// An entry lies there now.
    pub fn stored(&mut self, entry: &Entry, pushed: Pushed) {
        self.changed |= pushed == Pushed::Stored;
        self.synced.entry(entry.store.clone()).or_default().insert(entry.key.clone(), entry.data.clone());
    }

    /// An entry is gone.
    pub fn taken_back(&mut self, obsolete: &Obsolete) {
        self.changed = true;
        if let Some(entries) = self.synced.get_mut(&obsolete.store) {
            entries.remove(&obsolete.key);
        }
        self.synced.retain(|_, entries| !entries.is_empty());
    }

    /// What was pushed once and is neither wanted nor taken back (`deletionPolicy: None`) is forgotten.
    pub fn forget_unwanted(&mut self, wanted: &[Entry]) {
        let mut kept: BTreeSet<(&str, &str)> = wanted.iter().map(|entry| (&*entry.store, &*entry.key)).collect();
        kept.extend(self.stuck.iter().map(|(store, key)| (&**store, &**key)));
        for (store, entries) in &mut self.synced {
            entries.retain(|key, _| kept.contains(&(store.as_str(), key.as_str())));
        }
        self.synced.retain(|_, entries| !entries.is_empty());
    }
}

/// The end of a pass that pushed everything.
///
/// It is told where something changed; the peer tells it every time. Values that end are pushed anew before they do.
///
/// # Errors
/// The interval cannot be read.
pub fn synced(ps: &PushSecret, outcome: Outcome, ends: Option<Timestamp>, now: Timestamp) -> Result<Finish, Fault> {
    let mut message = "PushSecret synced successfully".to_owned();
    if ps.keeps_existing() {
        message.push_str(". Existing secrets in providers unchanged.");
    }
    let mut status = ps.status.clone().unwrap_or_default();
    let before = status.clone();
    conditions::set(&mut status.conditions, conditions::condition("Ready", true, "Synced", &message, now));
    let changed = outcome.changed || status.conditions != before.conditions;
    status.synced_push_secrets = outcome.synced;
    status.synced_resource_version = Some(hash::version_of(&ps.metadata));
    if status != before || schedule::is_old(status.refresh_time.as_ref(), now) {
        status.refresh_time = Some(conditions::time(now));
    }
    let interval = ps.refresh_interval()?;
    let mut events = if changed { vec![Event::normal("Synced", message)] } else { Vec::new() };
    let next = if interval.is_positive() {
        let next = interval.after(now);
        Next::At(ends.map_or(next, |end| next.min(schedule::renewal(end, now))))
    } else {
        events.extend(ends.map(schedule::ends_unrenewed));
        Next::Settled
    };
    Ok(Finish { status: Some(status_of(&status)), events, next, failed: false })
}

/// The end of a pass that pushed a part: what lies at the providers is told, and the rest is tried again.
#[must_use]
pub fn half_done(ps: &PushSecret, outcome: Outcome, fault: &Fault, now: Timestamp) -> Finish {
    let mut status = ps.status.clone().unwrap_or_default();
    status.synced_push_secrets = outcome.synced;
    errored(status, fault, now)
}

/// How a failed pass ends.
#[must_use]
pub fn failed(ps: &PushSecret, fault: &Fault, now: Timestamp) -> Finish {
    errored(ps.status.clone().unwrap_or_default(), fault, now)
}

fn errored(mut status: PushSecretStatus, fault: &Fault, now: Timestamp) -> Finish {
    let message = fault.chain();
    conditions::set(&mut status.conditions, conditions::condition("Ready", false, "Errored", &message, now));
    Finish {
        status: Some(status_of(&status)),
        events: vec![Event::warning("Errored", message)],
        next: Next::Retry,
        failed: true,
    }
}

/// The end of a pass that took everything back because the source is gone.
#[must_use]
pub fn source_deleted(ps: &PushSecret, now: Timestamp) -> Finish {
    const MESSAGE: &str = "source secret deleted; provider secrets cleaned up";
    let mut status = ps.status.clone().unwrap_or_default();
    status.synced_push_secrets = BTreeMap::new();
    conditions::set(&mut status.conditions, conditions::condition("Ready", false, "SourceDeleted", MESSAGE, now));
    let events = vec![Event::warning("SourceDeleted", MESSAGE)];
    Finish { status: Some(status_of(&status)), events, next: Next::Settled, failed: false }
}

/// Whether everything was taken back already because the source is gone.
#[must_use]
pub fn is_source_deleted(ps: &PushSecret) -> bool {
    let is_told = |condition: &conditions::Condition| {
        condition.type_ == "Ready" && condition.reason.as_deref() == Some("SourceDeleted")
    };
    ps.conditions().iter().any(is_told) && ps.synced().next().is_none()
}

/// The status is replaced, because a merge would keep entries that are gone.
fn status_of(status: &PushSecretStatus) -> Status {
    Status { value: serde_json::to_value(status).unwrap_or(Value::Null), form: StatusForm::Put }
}

/// A fault of one push, in the peer's words.
#[must_use]
pub fn not_pushed(entry: &Entry, fault: Fault) -> Fault {
    let store = entry.store.split_once('/').map_or(&*entry.store, |(_, name)| name);
    let place = &entry.push.at.key;
    fault.within(format!("set secret failed: could not write remote ref {place} to target secretstore {store}"))
}

/// A fault of taking one entry back.
#[must_use]
pub fn not_taken_back(obsolete: &Obsolete, fault: Fault) -> Fault {
    let store = obsolete.store.split_once('/').map_or(&*obsolete.store, |(_, name)| name);
    fault.within(format!("could not delete remote ref {} of target secretstore {store}", obsolete.at.key))
}

#[cfg(test)]
mod tests;
