//! A workload has causes: edit it once for all of them, or wait – for the end of a pause, of the coalescing window, or for
//! the next try. A workload that fails is tried again until its causes are settled or superseded, and stops no other.
//! Specification: RL §10, §11, §13, §15.2, §17.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use api::reload::ResourceKind;
use base::{Fault, Kind as FaultKind, Timestamp};
use plan::reload::pause::Pause;
use plan::reload::rate::Limit;
use plan::reload::{Cause, Edit, Kind, Workload, alert, jobs, pause, rules, strategy};
use plan::reload::{failed_message, reloaded_line, reloaded_message};
use plan::{Address, Event, Finish, Next, Write};
use tokio::sync::watch;
use tokio::time::Instant;

use super::alerts::Alerts;
use super::counts::Skip;
use super::source::{self, Source};
use super::{BACKOFF, Memory, Settings, subject, warn};
use crate::World;
use crate::cache::{Name, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::Enqueue;
use crate::seen::{OfConfigMap, OfSecret, Seen};
use crate::shared::Shared;
use crate::world::workloads::{BY_NAMESPACE, Deployment, Of, Reduced, by_namespace};

/// How long causes that are known wait for resources that changed together with them; some reads of the API server's.
const ARRIVING: jiff::SignedDuration = jiff::SignedDuration::from_millis(250);

/// The row of one kind.
pub struct ReloadWorkload<K>(PhantomData<K>);

impl<K: Of> Controller for ReloadWorkload<K> {
    type Object = Reduced<K>;

    const ROW: Row = Row {
        name: K::ROW,
        feature: FeatureName::Reloader,
        component: "reloader",
        finalizer: None,
        manager: api::reload::names::MANAGER,
        backoff: BACKOFF,
        rights: match K::KIND {
            Kind::Deployment => &[apps("deployments")],
            Kind::DaemonSet => &[apps("daemonsets")],
            Kind::StatefulSet => &[apps("statefulsets")],
            // The Job that is made belongs to its CronJob: some clusters ask for the finalizers' right, too (RL §11.2).
            Kind::CronJob => &[
                rights("batch", "cronjobs", &["get", "list", "watch"]),
                rights("batch", "cronjobs/finalizers", &["update"]),
                rights("batch", "jobs", &["create"]),
            ],
            Kind::Job => &[rights("batch", "jobs", &["get", "list", "watch", "create", "delete"])],
            Kind::Rollout => &[rights("argoproj.io", "rollouts", EDIT)],
            Kind::DeploymentConfig => &[rights("apps.openshift.io", "deploymentconfigs", EDIT)],
        },
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let store = shared.caches().store::<Reduced<K>>();
        store.index(BY_NAMESPACE, by_namespace::<K>);
        if K::KIND == Kind::Deployment {
            // A pause of ours must end even if the process that began it is gone.
            let paused_at = shared.memory::<Settings>().options.keys.paused_at.clone();
            let row = enqueue.clone();
            store.listen(move |changed| {
                if let Some(after) = &changed.after
                    && is_paused_by_us(&after.workload, &paused_at)
                {
                    row.add(changed.name.clone(), crate::queue::Lane::Due);
                }
            });
        }
        Memory::of(shared).add_row(K::KIND, enqueue);
        shared.caches().watch::<Reduced<K>>(&Selectors::default());
    }

    async fn reconcile(w: &World, reduced: &Reduced<K>) -> Result<Finish, Fault> {
        let workload = &reduced.workload;
        let memory = Memory::of(w.shared());
        let name: Name = (workload.namespace.as_str().into(), workload.name.as_str().into());
        let causes = memory.causes(K::KIND, &name);
        let settings = w.memory::<Settings>();
        if w.is_dry() {
            explain::<OfConfigMap>(w, workload, &settings);
            explain::<OfSecret>(w, workload, &settings);
        }
        if let Some(until) = waits(w, workload, &causes, &settings) {
            return Ok(Finish::at(until));
        }
        let begun = Instant::now();
        let next = match w.standing::<K>(workload).await {
            Ok(Some(workload)) => roll(w, &workload, &causes, &settings).await,
            Ok(None) => Err(Fault::not_found(format!("{} is gone", workload.address().object()))),
            Err(fault) => Err(fault),
        };
        match next {
            Ok((next, did)) => {
                memory.remember_rolled(K::KIND, &name, &causes);
                memory.settle(K::KIND, &name, &causes);
                conclude(w, workload, &causes, did, begun.elapsed());
                let more = !memory.causes(K::KIND, &name).is_empty();
                Ok(Finish { next: if more { Next::At(w.now()) } else { next }, ..Finish::default() })
            }
            // Deleted between list and patch: nobody is left to reload, unless it is the Job that we make again.
            Err(fault) if fault.kind() == FaultKind::NotFound => {
                Self::gone(w, &name.0, &name.1).await.map(|()| Finish::settled())
            }
            Err(fault) => {
                memory.counts().acted(K::KIND, &name.0, false, begun.elapsed());
                memory.counts().failed();
                tell_failure(w, workload, &causes, &fault);
                Err(fault)
            }
        }
    }

    fn failed(_o: &Reduced<K>, _fault: &Fault, _now: Timestamp) -> Finish {
        Finish::settled().retried()
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        let memory = Memory::of(w.shared());
        let key: Name = (namespace.into(), name.into());
        let causes = memory.causes(K::KIND, &key);
        // A Job that was deleted and could not be made again yet is made now.
        if K::KIND == Kind::Job
            && let Some(create) = memory.half_made_job(&key)
        {
            make_again(w, &key, create).await?;
        }
        memory.forget_workload(K::KIND, &key);
        memory.settle(K::KIND, &key, &causes);
        Ok(())
    }
}

fn is_paused_by_us(workload: &Workload, paused_at: &str) -> bool {
    workload.is_paused && workload.annotations.contains_key(paused_at)
}

/// Looks for pauses of ours whenever we come to lead: where the role gives no watch, what the leader before us has paused since
/// our first list is not known (RL §13).
pub fn take_over_pauses(shared: &Arc<Shared>, mut leads: watch::Receiver<bool>) {
    if *leads.borrow() {
        return;
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        while leads.wait_for(|leads| *leads).await.is_ok() {
            let w = World::live(&shared, leads.clone());
            while let Err(fault) = look_for_pauses(&w).await {
                tracing::warn!("Failed to list deployments {}", fault.chain());
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            if leads.wait_for(|leads| !leads).await.is_err() {
                return;
            }
        }
    });
}

/// How long to wait after a list that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

async fn look_for_pauses(w: &World) -> Result<(), Fault> {
    if w.cache::<Reduced<Deployment>>().is_watched() {
        return Ok(());
    }
    let paused_at = &w.memory::<Settings>().options.keys.paused_at;
    for workload in w.listed::<Deployment>().await? {
        if is_paused_by_us(&workload, paused_at) {
            let name = (workload.namespace.as_str().into(), workload.name.as_str().into());
            Memory::of(w.shared()).look_at(Kind::Deployment, name);
        }
    }
    Ok(())
}

/// Counts a pass that went well; one without causes ended a pause or had nothing to do.
fn conclude(w: &World, workload: &Workload, causes: &[Cause], did: bool, took: Duration) {
    let memory = Memory::of(w.shared());
    if did {
        if !workload.is_paused {
            let name: Name = (workload.namespace.as_str().into(), workload.name.as_str().into());
            memory.use_restart(workload.kind, &name, &w.memory::<Settings>().limit, w.now());
        }
        memory.counts().acted(workload.kind, &workload.namespace, true, took);
    } else if !causes.is_empty() {
        memory.counts().skipped(Skip::StrategyNotUpdated);
    }
}

/// Makes a Job that was deleted. Where somebody else has made one of its name, that one stays.
async fn make_again(w: &World, name: &Name, create: Write) -> Result<(), Fault> {
    let at = Address::new(Kind::Job.resource(), &*name.0, &*name.1);
    match w.act(create).await {
        Err(fault) if fault.kind() == FaultKind::Conflict => {
            let standing: Option<serde_json::Value> = w.cluster().read_as(&at).await?;
            if standing.is_none_or(|job| !job["metadata"]["deletionTimestamp"].is_null()) {
                return Err(fault);
            }
        }
        other => drop(other?),
    }
    Memory::of(w.shared()).end_job(name);
    Ok(())
}

/// Tells what the workload reacts to.
fn explain<H: Source>(w: &World, workload: &Workload, settings: &Settings) {
    for seen in w.cache::<Seen<H>>().within(&workload.namespace) {
        let change = source::change(&settings.options, &seen);
        if rules::verdict(&change, workload, &settings.options).hit.is_some() {
            w.note(|| source::told(workload, &seen));
        }
    }
}

const fn rights(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rights {
    Rights { group, resource, verbs, is_local: false }
}

/// What an edit of a workload needs.
const EDIT: &[&str] = &["get", "list", "watch", "update", "patch"];

const fn apps(resource: &'static str) -> Rights {
    rights("apps", resource, EDIT)
}

/// Until when a workload's causes wait, for whichever reason comes first; none where it is time.
fn waits(w: &World, workload: &Workload, causes: &[Cause], settings: &Settings) -> Option<Timestamp> {
    let memory = Memory::of(w.shared());
    gathering(causes, settings, w.now())
        .or_else(|| arriving(causes, &memory, &workload.namespace, w.now()))
        .or_else(|| held_back(w, workload, causes, settings))
}

/// Until when causes are still gathered; none where it is time.
fn gathering(causes: &[Cause], settings: &Settings, now: Timestamp) -> Option<Timestamp> {
    let first = causes.iter().map(|cause| cause.seen).min()?;
    let window = jiff::SignedDuration::try_from(settings.coalesce_window).ok()?;
    let until = first.saturating_add(window).ok()?;
    (until > now).then_some(until)
}

/// Until when to wait for other resources of the namespace that changed with these and are not followed yet: many changes at once
/// roll once, also without a window. The last of them wakes the workload; one that hangs holds nobody up for long.
fn arriving(causes: &[Cause], memory: &Memory, namespace: &str, now: Timestamp) -> Option<Timestamp> {
    let first = causes.iter().map(|cause| cause.seen).min()?;
    let until = first.saturating_add(ARRIVING).ok()?;
    (now < until && memory.is_arriving(namespace)).then_some(until)
}

/// Until when a workload that restarted too often has to wait, which is told on it once until it has calmed down. What is paused
/// does not restart.
fn held_back(w: &World, workload: &Workload, causes: &[Cause], settings: &Settings) -> Option<Timestamp> {
    if causes.is_empty() || workload.is_paused || w.is_dry() {
        return None;
    }
    let name: Name = (workload.namespace.as_str().into(), workload.name.as_str().into());
    let (until, is_news) = Memory::of(w.shared()).wait(workload.kind, &name, &settings.limit, w.now())?;
    if is_news {
        let Limit { burst, interval } = settings.limit;
        let sentence = format!(
            "restarts are held back: there were {burst} without a break, so there is one in {interval} until it calms down; what changes meanwhile counts once"
        );
        tracing::warn!(object = %workload.address().object(), "{sentence}");
        let component = causes.first()?.kind.component();
        w.tell_alone(component, &subject(workload), Event::warning("RestartsHeldBack", sentence));
    }
    Some(until)
}

/// Edits the workload for these causes; answers when to look again, and whether anything was written for them.
async fn roll(w: &World, workload: &Workload, causes: &[Cause], settings: &Settings) -> Result<(Next, bool), Fault> {
    let options = &settings.options;
    let edits = match workload.kind {
        Kind::CronJob | Kind::Job => return Ok((Next::Settled, roll_job(w, workload, causes, settings).await?)),
        _ => strategy::edits(workload, causes, options, w.now()),
    };
    let (pause, notice) = pause::pause(workload, !edits.is_empty(), options, w.now());
    if let Some(notice) = notice {
        warn(w, ResourceKind::ConfigMap.component(), &subject(workload), notice.sentence);
    }
    let next = match pause {
        Pause::None => Next::Settled,
        Pause::Until(until) => Next::At(until),
        Pause::Begin(write, until) => {
            w.act(write).await?;
            Next::At(until)
        }
        Pause::Resume(write) => {
            w.act(write).await?;
            Next::Settled
        }
    };
    let did = !edits.is_empty();
    for Edit { write, causes } in edits {
        w.act(write).await?;
        tell_success(w, workload, &causes);
    }
    Ok((next, did))
}

/// CronJobs and Jobs: the object is read whole, since a Job is made from it.
async fn roll_job(w: &World, workload: &Workload, causes: &[Cause], settings: &Settings) -> Result<bool, Fault> {
    if causes.is_empty() {
        return Ok(false);
    }
    let object = w.cluster().read_as(&workload.address()).await?;
    let object = object.ok_or_else(|| Fault::not_found(format!("{} is gone", workload.address().object())))?;
    let memory = Memory::of(w.shared());
    let name: Name = (workload.namespace.as_str().into(), workload.name.as_str().into());
    let is_job = workload.kind == Kind::Job;
    let Some(again) = jobs::again(workload, &object, causes, &settings.options, w.now()) else {
        if is_job {
            // It stands with its marks: only the answer to its creation was lost.
            memory.end_job(&name);
        }
        return Ok(false);
    };
    let mut deleted = false;
    for write in again.writes {
        if deleted && let Write::CreateObject { .. } = &write {
            memory.begin_job(name.clone(), write.clone());
        }
        deleted |= matches!(write, Write::Delete { .. });
        w.act(write).await?;
    }
    if is_job {
        memory.end_job(&name);
    }
    tell_success(w, workload, &again.causes);
    Ok(true)
}

fn tell_success(w: &World, workload: &Workload, causes: &[Cause]) {
    let (namespace, name, kind) = (&workload.namespace, &workload.name, workload.kind);
    for cause in causes {
        let event = Event::normal(api::reload::names::RELOADED, reloaded_message(cause, namespace, name, kind));
        w.tell_alone(cause.kind.component(), &subject(workload), event);
        if w.is_dry() {
            continue;
        }
        tracing::info!("{}", reloaded_line(cause, namespace, name, kind));
        if let Ok(alerts) = w.shared().recall::<Alerts>() {
            alerts.tell(alert::message(cause, namespace, name, kind, &alerts.info));
        }
    }
}

fn tell_failure(w: &World, workload: &Workload, causes: &[Cause], fault: &Fault) {
    let error = fault.chain();
    let message = failed_message(&workload.namespace, &workload.name, workload.kind, &error);
    tracing::error!("{message}");
    let Some(cause) = causes.first() else { return };
    tracing::error!("Rolling upgrade for '{}' failed with error = {error}", cause.name);
    let event = Event::warning(api::reload::names::RELOAD_FAIL, message);
    w.tell_alone(cause.kind.component(), &subject(workload), event);
}
