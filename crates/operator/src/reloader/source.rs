//! A ConfigMap or Secret changed: does it concern anybody, and with which hash? The hash was made while the change streamed by;
//! only where it was not is the data read (one GET). At the start nothing rolls; but a workload whose mark differs from the data
//! now has missed a change and catches up. Specification: RL §5–§7, §14, §17.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use api::reload::ResourceKind;
use base::{Fault, Kind as FaultKind, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use plan::reload::{Cause, Change, Happened, Hit, Kind, Options, Strategy, Workload, hash, rules, strategy};
use plan::{Finish, Line};
use tokio::time::Instant;

use super::counts::Skip;
use super::memory::{Event, Following, Noted};
use super::webhook::{self, Post, Webhook};
use super::{BACKOFF, Memory, Settings, warn};
use crate::World;
use crate::cache::{Changed, Name, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::kube_secret;
use crate::queue::{Enqueue, Lane};
use crate::recorder;
use crate::seen::{Marker, OfConfigMap, OfSecret, Seen};
use crate::shared::Shared;
use crate::subject::Subject;
use crate::world::workloads::{self as of, Age, Of};

/// A standby may act on what it saw so long ago: the leader that should have may have died over it. What is older was dealt with.
const UNLED: Duration = Duration::from_secs(60);

/// Which of the two types a row watches.
pub trait Source: Marker {
    /// The type.
    const KIND: ResourceKind;
    /// The row's name.
    const ROW: &'static str;
    /// The type's word in metrics.
    const PLURAL: &'static str;

    /// Reads the object's data and hashes it as it is published; `None` where it is gone.
    fn read(w: &World, seen: &Seen<Self>) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
}

impl Source for OfSecret {
    const KIND: ResourceKind = ResourceKind::Secret;
    const ROW: &'static str = "reload-secrets";
    const PLURAL: &'static str = "secrets";

    async fn read(w: &World, seen: &Seen<Self>) -> Result<Option<String>, Fault> {
        let body = w.cluster().read(&seen.address()).await?;
        let secret = body.map(|body| kube_secret::read(&body)).transpose()?;
        Ok(secret.map(|secret| hash::of_secret(&secret.data)))
    }
}

impl Source for OfConfigMap {
    const KIND: ResourceKind = ResourceKind::ConfigMap;
    const ROW: &'static str = "reload-configmaps";
    const PLURAL: &'static str = "configmaps";

    async fn read(w: &World, seen: &Seen<Self>) -> Result<Option<String>, Fault> {
        let map: Option<k8s_openapi::api::core::v1::ConfigMap> = w.cluster().read_as(&seen.address()).await?;
        Ok(map.map(|map| {
            let (data, binary) = (map.data.unwrap_or_default(), map.binary_data.unwrap_or_default());
            let texts = data.iter().map(|(key, text)| (key.as_str(), text.as_str()));
            hash::of_config_map(texts, binary.iter().map(|(key, bytes)| (key.as_str(), bytes.0.as_slice())))
        }))
    }
}

/// The row.
pub struct ReloadSource<H>(PhantomData<H>);

impl<H: Source> Controller for ReloadSource<H> {
    type Object = Seen<H>;

    const ROW: Row = Row {
        name: H::ROW,
        feature: FeatureName::Reloader,
        component: H::KIND.component(),
        finalizer: None,
        manager: api::reload::names::MANAGER,
        backoff: BACKOFF,
        rights: &[Rights { group: "", resource: H::PLURAL, verbs: &["get", "list", "watch"], is_local: false }],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let settings = shared.memory::<Settings>();
        let memory = Memory::of(shared);
        let options = settings.options.clone();
        let (ignored, replays_start) = (settings.ignored_namespaces.clone(), settings.replays_start);
        let store = shared.caches().store::<Seen<H>>();
        store.listen(move |changed: &Changed<Seen<H>>| {
            memory.counts().received(word(changed), H::PLURAL);
            let Some(mut event) = event(changed, &options, &memory) else { return };
            if event == Event::Initial && replays_start && options.on_create {
                event = Event::Replayed;
            }
            if ignored.contains(&*changed.name.0) {
                if event != Event::Initial {
                    memory.counts().skipped(Skip::IgnoredOrNotSelected);
                }
                return;
            }
            memory.note(H::KIND, changed.name.clone(), event);
            let lane = if event == Event::Initial { Lane::Startup } else { Lane::Changed };
            enqueue.add(changed.name.clone(), lane);
        });
        let labels = settings.resource_selector.clone();
        shared.caches().watch::<Seen<H>>(&Selectors { labels, fields: None });
    }

    async fn reconcile(w: &World, seen: &Seen<H>) -> Result<Finish, Fault> {
        let name: Name = (Arc::clone(&seen.namespace), Arc::clone(&seen.name));
        settle::<H>(w, name, Some(seen)).await.map(|()| Finish::settled())
    }

    fn failed(_o: &Seen<H>, fault: &Fault, _now: Timestamp) -> Finish {
        tracing::error!("Error syncing events: {}", fault.chain());
        Finish::settled().retried()
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        settle::<H>(w, (namespace.into(), name.into()), None).await
    }
}

/// What [`watch_namespaces`] needs.
pub const NAMESPACES: Rights =
    Rights { group: "", resource: "namespaces", verbs: &["get", "list", "watch"], is_local: false };

/// Watches the namespaces with these labels; nothing happens in others.
pub fn watch_namespaces(shared: &Arc<Shared>, labels: &str) {
    let memory = Memory::of(shared);
    let store = shared.caches().store::<Namespace>();
    store.listen(move |changed| memory.counts().received(word(changed), "namespaces"));
    shared.caches().watch_cluster::<Namespace>(&Selectors { labels: Some(labels.to_owned()), fields: None });
}

/// The watch's own word for a change.
pub(super) fn word<T>(changed: &Changed<T>) -> &'static str {
    match (&changed.before, &changed.after) {
        (None, _) => "add",
        (Some(_), Some(_)) => "update",
        (Some(_), None) => "delete",
    }
}

/// What happened; none where it is nothing that reloads.
fn event<H: Source>(changed: &Changed<Seen<H>>, options: &Options, memory: &Memory) -> Option<Event> {
    match (&changed.before, &changed.after) {
        (None, Some(_)) if changed.is_initial => Some(Event::Initial),
        (None, Some(_)) if options.on_create => Some(Event::Created),
        (Some(before), Some(after)) if before.data != after.data => Some(Event::Updated),
        (Some(_), Some(after)) => {
            let (kind, name, namespace) = (H::KIND.token(), &after.name, &after.namespace);
            tracing::debug!("No changes detected in '{name}' of type '{kind}' in namespace '{namespace}'");
            memory.counts().skipped(Skip::NoDataChange);
            None
        }
        (Some(before), None) if options.on_delete => {
            let says = |key: &String| rules::is_marked(&before.annotations, key).0;
            Some(Event::Deleted { is_ignored: says(&options.keys.ignore), is_match: says(&options.keys.matches) })
        }
        _ => None,
    }
}

/// Deals with what happened to a resource; `seen` is the resource as it stands, if it does.
async fn settle<H: Source>(w: &World, name: Name, seen: Option<&Seen<H>>) -> Result<(), Fault> {
    let memory = Memory::of(w.shared());
    let Some((noted, following)) = memory.take(H::KIND, &name) else { return Ok(()) };
    let begun = Instant::now();
    let done = match elsewhere(w, H::KIND, &name, noted).await {
        Some(done) => done,
        None => follow::<H>(w, &name, seen, noted, &following).await,
    };
    conclude(&memory, (H::KIND, H::PLURAL), name, noted, done, begun)
}

/// Counts a pass over a resource, and keeps in mind what failed.
pub(super) fn conclude(
    memory: &Memory,
    (kind, plural): (ResourceKind, &str),
    name: Name,
    noted: Noted,
    done: Result<bool, Fault>,
    begun: Instant,
) -> Result<(), Fault> {
    if noted.event != Event::Initial {
        memory.counts().reconciled(plural, done.as_ref().map(|did| *did).map_err(drop), begun.elapsed());
        if matches!(done, Ok(false)) {
            memory.counts().skipped(Skip::IgnoredOrNotSelected);
        }
    }
    if done.is_err() {
        memory.note_failed(kind, name, noted);
    }
    done.map(drop)
}

/// What is done with a change whose workloads nobody asks for: nothing in a namespace that is not selected, and a post where
/// there is a web hook. Else none.
pub(super) async fn elsewhere(
    w: &World,
    kind: ResourceKind,
    resource: &Name,
    noted: Noted,
) -> Option<Result<bool, Fault>> {
    if !is_selected(w, &resource.0) {
        return Some(Ok(false));
    }
    let webhook = w.shared().recall::<Webhook>().ok()?;
    Some(post(w, kind, resource, noted, &webhook).await)
}

/// Whether the namespace carries the labels that are asked for. The caches are ready before the first pass.
fn is_selected(w: &World, namespace: &str) -> bool {
    let settings = w.memory::<Settings>();
    settings.namespace_selector.is_none() || w.cache::<Namespace>().find("", namespace).is_some()
}

async fn post(w: &World, kind: ResourceKind, name: &Name, noted: Noted, webhook: &Webhook) -> Result<bool, Fault> {
    if noted.event == Event::Initial || !noted.was_leading {
        return Ok(false);
    }
    let body = webhook::body(kind, &name.0, &name.1, noted.event.as_str(), w.now());
    w.act(Post { webhook: webhook.clone(), body }).await.map(|()| true)
}

/// Follows a change to its workloads; answers whether there was any.
async fn follow<H: Source>(
    w: &World,
    name: &Name,
    seen: Option<&Seen<H>>,
    noted: Noted,
    following: &Following,
) -> Result<bool, Fault> {
    let settings = w.memory::<Settings>();
    let event = if is_ours(noted) { noted.event } else { Event::Initial };
    let mut change = match (seen, event) {
        (Some(seen), _) => change(&settings.options, seen),
        (None, Event::Deleted { is_ignored, is_match }) => deletion(H::KIND, name, is_ignored, is_match),
        (None, _) => return Ok(false),
    };
    let age = if matches!(event, Event::Initial | Event::Replayed) { Age::Recent } else { Age::New };
    let concerned = hits(w, &change, age).await?;
    if let Some(seen) = seen {
        doubt(w, seen, &settings.options);
        concerned.iter().for_each(|(workload, _)| w.note(|| told(workload, seen)));
    }
    // Deleted and made again before anybody looked: what was never marked has nothing to catch up with.
    let catches_up = event == Event::Initial || (matches!(event, Event::Deleted { .. }) && seen.is_some());
    let may_be_done = !noted.was_leading || event == Event::Replayed;
    let mut concerned = followed(concerned, &change, Manner { catches_up, may_be_done }, &settings.options, w.now());
    if concerned.is_empty() {
        return Ok(false);
    }
    if let Some(seen) = seen {
        let Some(hash) = data_hash(w, seen).await? else { return Ok(false) };
        change.happened = Happened::Data(hash);
    }
    if catches_up {
        concerned = missed(concerned, &change, settings.options.strategy, w.now());
    }
    for (workload, hit) in &concerned {
        let name: Name = (workload.namespace.as_str().into(), workload.name.as_str().into());
        following.hit(workload.kind, name, Cause::new(&change, hit, w.now()));
    }
    Ok(true)
}

/// The hash of the data as it is published: made while the change streamed by, or read now. None where the resource is gone.
async fn data_hash<H: Source>(w: &World, seen: &Seen<H>) -> Result<Option<String>, Fault> {
    match seen.published {
        Some(hash) => Ok(Some(hex::encode(hash))),
        None => H::read(w, seen).await,
    }
}

/// How a change is met.
struct Manner {
    /// It happened before we looked: nothing rolls that was never marked.
    catches_up: bool,
    /// Another leader or an earlier start may have dealt with it.
    may_be_done: bool,
}

/// Those of the workloads that are rolled, as far as can be told before the data is hashed: where nobody carries a mark there is nothing
/// to catch up with, and what may be done already is not done twice.
fn followed(
    mut concerned: Vec<(Arc<Workload>, Hit)>,
    change: &Change,
    manner: Manner,
    options: &Options,
    now: Timestamp,
) -> Vec<(Arc<Workload>, Hit)> {
    let is_marked = |(workload, hit): &(Arc<Workload>, Hit)| {
        !strategy::standing_marks(workload, &Cause::new(change, hit, now), options.strategy).is_empty()
    };
    if manner.catches_up && !concerned.iter().any(is_marked) {
        return Vec::new();
    }
    if manner.may_be_done {
        concerned.retain(|(workload, _)| is_marked_for_good(workload, options));
    }
    concerned
}

/// Those of the workloads that have not been rolled for the state of a resource that stands since we started: their mark is an
/// older one, or the process before us ended among them.
fn missed(
    concerned: Vec<(Arc<Workload>, Hit)>,
    change: &Change,
    by: Strategy,
    now: Timestamp,
) -> Vec<(Arc<Workload>, Hit)> {
    let cause = |hit: &Hit| Cause::new(change, hit, now);
    let any = concerned.first().map(|(_, hit)| cause(hit));
    let siblings = concerned.iter().map(|(workload, _)| &**workload);
    let rolled = any.and_then(|cause| strategy::rolled_lately(siblings, &cause, by, now));
    let is_missed = |(workload, hit): &(Arc<Workload>, Hit)| {
        let cause = cause(hit);
        strategy::has_missed(workload, &cause, by)
            || rolled.is_some_and(|rolled| strategy::was_left_out(workload, &cause, by, rolled))
    };
    concerned.into_iter().filter(is_missed).collect()
}

/// Whether this process is the one to act on what was noted, as far as can be told.
pub(super) fn is_ours(noted: Noted) -> bool {
    noted.was_leading || noted.at.elapsed() < UNLED
}

/// A change of a resource's data, before it is hashed.
pub(super) fn change<H: Source>(options: &Options, seen: &Seen<H>) -> Change {
    let says = |key: &String| rules::is_marked(&seen.annotations, key).0;
    Change {
        kind: H::KIND,
        namespace: seen.namespace.to_string(),
        name: seen.name.to_string(),
        is_ignored: says(&options.keys.ignore),
        is_match: says(&options.keys.matches),
        happened: Happened::Data(String::new()),
    }
}

fn deletion(kind: ResourceKind, name: &Name, is_ignored: bool, is_match: bool) -> Change {
    let (namespace, name) = (name.0.to_string(), name.1.to_string());
    Change { kind, namespace, name, is_ignored, is_match, happened: Happened::Deleted }
}

/// Tells what the resource's author has probably not meant.
fn doubt<H: Source>(w: &World, seen: &Seen<H>, options: &Options) {
    for key in [&options.keys.ignore, &options.keys.matches] {
        if let (_, Some(notice)) = rules::is_marked(&seen.annotations, key) {
            let (at, uid) = (seen.address(), seen.uid.clone());
            let subject = recorder::Subject { at, uid, resource_version: seen.resource_version.clone() };
            warn(w, H::KIND.component(), &subject, notice.sentence);
        }
    }
}

/// What `explain` says of a workload that reacts to a resource.
pub(super) fn told<H: Source>(workload: &Workload, seen: &Seen<H>) -> Line {
    let (at, source) = (workload.address().object(), seen.address().object());
    Line::on(at, format!("restarts when the data of {source} changes"))
}

/// Whether a second edit for the same state does nothing: what another leader may have done already must not be done twice.
pub(super) fn is_marked_for_good(workload: &Workload, options: &Options) -> bool {
    let restarts = workload.annotations.get(&options.keys.rollout_strategy).is_some_and(|value| value == "restart");
    match workload.kind {
        Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet | Kind::DeploymentConfig => true,
        Kind::Job => options.strategy == Strategy::EnvVars,
        Kind::CronJob => false,
        Kind::Rollout => !restarts,
    }
}

/// The workloads of the namespace that react, kind by kind in the peer's order.
pub(super) async fn hits(w: &World, change: &Change, age: Age) -> Result<Vec<(Arc<Workload>, Hit)>, Fault> {
    let settings = w.memory::<Settings>();
    let mut all = Vec::new();
    if change.is_ignored {
        return Ok(all);
    }
    for kind in Kind::ALL {
        let is_on = match kind {
            Kind::Rollout => settings.has_rollouts,
            Kind::DeploymentConfig => settings.has_deployment_configs,
            _ => !settings.options.ignored.contains(&kind),
        };
        if !is_on {
            continue;
        }
        let workloads = all_of(w, kind, &change.namespace, age).await?;
        let (scanned, before) = (workloads.len(), all.len());
        for workload in workloads {
            let verdict = rules::verdict(change, &workload, &settings.options);
            let is_meant = |name: &String| is_there(w, change, name);
            for notice in verdict.notices {
                if notice.unless_there.as_ref().is_some_and(is_meant) {
                    continue;
                }
                warn(w, change.kind.component(), &super::subject(&workload), notice.sentence);
            }
            if let Some(hit) = verdict.hit {
                all.push((workload, hit));
            }
        }
        if age == Age::New {
            Memory::of(w.shared()).counts().looked(kind, scanned, all.len() - before);
        }
    }
    Ok(all)
}

/// The workloads of a kind in a namespace.
async fn all_of(w: &World, kind: Kind, namespace: &str, age: Age) -> Result<Vec<Arc<Workload>>, Fault> {
    match kind {
        Kind::Deployment => listed::<of::Deployment>(w, namespace, age).await,
        Kind::CronJob => listed::<of::CronJob>(w, namespace, age).await,
        Kind::Job => listed::<of::Job>(w, namespace, age).await,
        Kind::DaemonSet => listed::<of::DaemonSet>(w, namespace, age).await,
        Kind::StatefulSet => listed::<of::StatefulSet>(w, namespace, age).await,
        Kind::Rollout => listed::<of::Rollout>(w, namespace, age).await,
        Kind::DeploymentConfig => listed::<of::DeploymentConfig>(w, namespace, age).await,
    }
}

/// Whether the namespace has another resource of the changed one's type by this name.
fn is_there(w: &World, change: &Change, name: &str) -> bool {
    match change.kind {
        ResourceKind::ConfigMap => w.cache::<Seen<OfConfigMap>>().find(&change.namespace, name).is_some(),
        ResourceKind::Secret => w.cache::<Seen<OfSecret>>().find(&change.namespace, name).is_some(),
        ResourceKind::SecretProviderClass => false,
    }
}

/// The workloads of a kind; a kind that the role or the server does not give has none, which is told once.
async fn listed<K: Of>(w: &World, namespace: &str, age: Age) -> Result<Vec<Arc<Workload>>, Fault> {
    let memory = Memory::of(w.shared());
    match w.workloads::<K>(namespace, age).await {
        Err(fault) if matches!(fault.kind(), FaultKind::Denied | FaultKind::NotFound) => {
            if memory.note_listed(K::KIND, false) {
                tracing::error!("Failed to list {} {}", K::path().2, fault.chain());
                memory.counts().failed();
            }
            Ok(Vec::new())
        }
        Err(fault) => Err(fault),
        Ok(workloads) => {
            memory.note_listed(K::KIND, true);
            Ok(workloads)
        }
    }
}
