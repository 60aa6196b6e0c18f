//! A ConfigMap or Secret changed: does it concern anybody, and with which hash? The data is read (one GET) only if some
//! workload reacts. At the start nothing rolls; but a workload whose mark differs from the data now has missed a change and
//! catches up. Specification: RL §6, §7, §14, §17.

use std::marker::PhantomData;
use std::sync::Arc;

use api::reload::ResourceKind;
use base::{Fault, Timestamp};
use plan::reload::{Cause, Change, Happened, Hit, Kind, Options, Workload, hash, rules, strategy};
use plan::{Finish, Line};

use super::{BACKOFF, Memory, Settings, warn};
use crate::World;
use crate::cache::{Changed, Name, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::kube_secret;
use crate::queue::Enqueue;
use crate::queue::Lane;
use crate::seen::{Marker, OfConfigMap, OfSecret, Seen};
use crate::shared::Shared;
use crate::subject::Subject;
use crate::world::workloads as of;

/// What happened to a resource, as the cache saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was there when we started.
    Initial,
    /// It is new.
    Created,
    /// Its data changed.
    Updated,
    /// It is gone.
    Deleted,
}

impl Event {
    /// Two events that no pass has looked at in between, as one.
    pub(super) fn then(self, later: Self) -> Self {
        match (self, later) {
            (Self::Created, Self::Updated) => Self::Created,
            (_, later) => later,
        }
    }
}

/// Which of the two types a row watches.
pub trait Source: Marker {
    /// The type.
    const KIND: ResourceKind;
    /// The row's name.
    const ROW: &'static str;

    /// Reads the object's data and hashes it as it is published; `None` where it is gone.
    fn read(w: &World, seen: &Seen<Self>) -> impl Future<Output = Result<Option<String>, Fault>> + Send;
}

impl Source for OfSecret {
    const KIND: ResourceKind = ResourceKind::Secret;
    const ROW: &'static str = "reload-secrets";

    async fn read(w: &World, seen: &Seen<Self>) -> Result<Option<String>, Fault> {
        let body = w.cluster().read(&seen.address()).await?;
        let secret = body.map(|body| kube_secret::read(&body)).transpose()?;
        Ok(secret.map(|secret| hash::of_secret(&secret.data)))
    }
}

impl Source for OfConfigMap {
    const KIND: ResourceKind = ResourceKind::ConfigMap;
    const ROW: &'static str = "reload-configmaps";

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
        rights: &[Rights {
            group: "",
            resource: match H::KIND {
                ResourceKind::Secret => "secrets",
                _ => "configmaps",
            },
            verbs: &["get", "list", "watch"],
            is_local: false,
        }],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let settings = shared.memory::<Settings>();
        let memory = Memory::of(shared);
        let options = settings.options.clone();
        let (ignored, replays_start) = (settings.ignored_namespaces.clone(), settings.replays_start);
        let store = shared.caches().store::<Seen<H>>();
        store.listen(move |changed: &Changed<Seen<H>>| {
            let event = match (&changed.before, &changed.after) {
                (None, Some(_)) if changed.is_initial && !(replays_start && options.on_create) => Event::Initial,
                (None, Some(_)) if options.on_create => Event::Created,
                (Some(before), Some(after)) if before.data != after.data => Event::Updated,
                (Some(_), None) if options.on_delete => Event::Deleted,
                _ => return,
            };
            if ignored.contains(&*changed.name.0) {
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
        let memory = Memory::of(w.shared());
        let following = memory.follow(&name.0);
        let Some(event) = memory.take(H::KIND, &name) else { return Ok(Finish::settled()) };
        let done = follow::<H>(w, seen, event).await;
        if done.is_err() {
            memory.note_failed(H::KIND, name, event);
        }
        drop(following);
        done
    }

    fn failed(_o: &Seen<H>, fault: &Fault, _now: Timestamp) -> Finish {
        tracing::error!(error = fault.chain(), "Error syncing events");
        Finish::settled().retried()
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        let key: Name = (namespace.into(), name.into());
        let memory = Memory::of(w.shared());
        let following = memory.follow(&key.0);
        if memory.take(H::KIND, &key) != Some(Event::Deleted) {
            return Ok(());
        }
        let change = Change {
            kind: H::KIND,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            is_ignored: false,
            is_match: false,
            happened: Happened::Deleted,
        };
        for (workload, hit) in hits(w, &change).await? {
            tell(w, &workload, &change, &hit);
        }
        drop(following);
        Ok(())
    }
}

async fn follow<H: Source>(w: &World, seen: &Seen<H>, event: Event) -> Result<Finish, Fault> {
    let mut change = change(&w.memory::<Settings>().options, seen);
    let mut concerned = hits(w, &change).await?;
    for (workload, _) in &concerned {
        w.note(|| told(workload, seen));
    }
    if event == Event::Initial {
        concerned
            .retain(|(workload, hit)| strategy::standing_mark(workload, &Cause::new(&change, hit, w.now())).is_some());
    }
    if concerned.is_empty() {
        return Ok(Finish::settled());
    }
    let Some(hash) = H::read(w, seen).await? else { return Ok(Finish::settled()) };
    change.happened = Happened::Data(hash);
    for (workload, hit) in &concerned {
        tell(w, workload, &change, hit);
    }
    Ok(Finish::settled())
}

/// A change of a resource's data, before it is hashed.
pub(super) fn change<H: Source>(options: &Options, seen: &Seen<H>) -> Change {
    let says = |key: &String| seen.annotations.get(key).is_some_and(|value| value == "true");
    Change {
        kind: H::KIND,
        namespace: seen.namespace.to_string(),
        name: seen.name.to_string(),
        is_ignored: says(&options.keys.ignore),
        is_match: says(&options.keys.matches),
        happened: Happened::Data(String::new()),
    }
}

/// What `explain` says of a workload that reacts to a resource.
pub(super) fn told<H: Source>(workload: &Workload, seen: &Seen<H>) -> Line {
    let (at, source) = (workload.address().object(), seen.address().object());
    Line::on(at, format!("restarts when the data of {source} changes"))
}

/// The workload's row gets a cause.
fn tell(w: &World, workload: &Workload, change: &Change, hit: &Hit) {
    let name: Name = (workload.namespace.as_str().into(), workload.name.as_str().into());
    Memory::of(w.shared()).hit(workload.kind, name, Cause::new(change, hit, w.now()));
}

/// The workloads of the namespace that react, kind by kind in the peer's order.
async fn hits(w: &World, change: &Change) -> Result<Vec<(Arc<Workload>, Hit)>, Fault> {
    let settings = w.memory::<Settings>();
    let mut all = Vec::new();
    for kind in Kind::ALL {
        if settings.options.ignored.contains(&kind) || (kind == Kind::Rollout && !settings.has_rollouts) {
            continue;
        }
        let namespace = &change.namespace;
        let workloads = match kind {
            Kind::Deployment => w.workloads::<of::Deployment>(namespace).await?,
            Kind::CronJob => w.workloads::<of::CronJob>(namespace).await?,
            Kind::Job => w.workloads::<of::Job>(namespace).await?,
            Kind::DaemonSet => w.workloads::<of::DaemonSet>(namespace).await?,
            Kind::StatefulSet => w.workloads::<of::StatefulSet>(namespace).await?,
            Kind::Rollout => w.workloads::<of::Rollout>(namespace).await?,
        };
        for workload in workloads {
            let verdict = rules::verdict(change, &workload, &settings.options);
            for notice in verdict.notices {
                warn(w, &workload, notice.0);
            }
            if let Some(hit) = verdict.hit {
                all.push((workload, hit));
            }
        }
    }
    Ok(all)
}
