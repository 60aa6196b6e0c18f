//! The driver does for all rows of a feature what each Go controller does by itself: takes keys from the queue, runs the
//! script, writes the status only if it differs, tells events, keeps finalizers, counts, and decides when to come again.
//! A panic of a script is a fault of its object and stops nobody else. Specification: design §11.4.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base::{Fault, Kind, Timestamp};
use futures::FutureExt as _;
use kube::Resource as _;
use plan::write::Resource;
use plan::{Address, Event, Finish, Line, Next};
use rand::RngExt as _;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::World;
use crate::cache::{Kept, Name};
use crate::controller::{Controller, Rights, Row};
use crate::effects::write::{Decided, add_finalizer, remove_finalizer, write_status};
use crate::metrics::Metrics;
use crate::observer::{Observer, Passed};
use crate::queue::{Enqueue, Outcome, Queue, Work};
use crate::recorder;
use crate::shared::Shared;
use crate::subject::Subject;

/// Runs the controllers of one feature.
pub struct Driver {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    rows: Vec<Box<dyn Runner>>,
    workers: usize,
    leads: watch::Receiver<bool>,
    observer: Option<Arc<dyn Observer>>,
    beside: Vec<Rights>,
}

impl Driver {
    /// A driver without rows; it acts only while `leads` is true.
    #[must_use]
    pub fn new(shared: Arc<Shared>, metrics: Arc<Metrics>, workers: usize, leads: watch::Receiver<bool>) -> Self {
        let (queue, rows, beside) = (Arc::new(Queue::new()), Vec::new(), Vec::new());
        Self { shared, queue, metrics, rows, workers, leads, observer: None, beside }
    }

    /// Adds a controller; its listeners stand before any watch starts.
    #[must_use]
    pub fn with<C: Controller>(mut self) -> Self {
        let enqueue = Enqueue::new(Arc::clone(&self.queue), self.rows.len());
        tell_unreadable::<C>(&self.shared, self.leads.clone());
        C::watch(&self.shared, enqueue);
        self.metrics.works(C::ROW.name, self.workers);
        self.rows.push(Box::new(Script::<C>(std::marker::PhantomData)));
        self
    }

    /// Adds rights that this process needs beside its rows, because of its settings.
    #[must_use]
    pub fn allowed(mut self, rights: Rights) -> Self {
        self.beside.push(rights);
        self
    }

    /// Counts passes under the peer's own names, too.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// What outlives passes.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The feature's metrics.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Works until the queue is closed. Waits for leadership and for the caches first, so that no pass decides on half
    /// of the picture.
    pub async fn run(self: Arc<Self>) {
        let mut leads = self.leads.clone();
        if leads.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        self.shared.caches().ready().await;
        let places = Arc::new(Semaphore::new(self.workers));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            // Whoever has lost the lease begins nothing, and tells nobody of what it may not do.
            if leads.wait_for(|leads| *leads).await.is_err() {
                break;
            }
            let Some(work) = self.queue.next().await else { break };
            let driver = Arc::clone(&self);
            tokio::spawn(async move {
                let outcome = driver.pass(&work).await;
                driver.queue.done(&work.key, outcome);
                drop(place);
            });
        }
    }

    /// Waits until there is nothing to do now and all events are sent; timers are ignored.
    pub async fn idle(&self) {
        self.queue.idle().await;
        self.shared.recorder().idle().await;
    }

    /// Ends the work: running passes finish, nothing new begins.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Waits until the running passes have ended.
    pub async fn drained(&self) {
        self.queue.drained().await;
    }

    /// What a pass over an object would do, told instead of done; none where no row has such an object. The caches must be
    /// there already.
    pub async fn explain(&self, kind: &str, namespace: &str, name: &str) -> Option<Vec<Line>> {
        for row in &self.rows {
            if let Some(lines) = row.explain(&self.shared, kind, namespace, name).await {
                return Some(lines);
            }
        }
        None
    }

    /// The rights that its rows need, and what its settings ask for beside them.
    pub fn rights(&self) -> impl Iterator<Item = Rights> {
        self.rows.iter().flat_map(|row| row.row().rights.iter().copied()).chain(self.beside.iter().copied())
    }

    /// Whether it acts, now and whenever that changes.
    #[must_use]
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// The queue, for whoever has work for a row that no cache tells.
    #[must_use]
    pub fn enqueue<C: Controller>(&self) -> Option<Enqueue> {
        let row = self.rows.iter().position(|row| row.row().name == C::ROW.name)?;
        Some(Enqueue::new(Arc::clone(&self.queue), row))
    }

    async fn pass(&self, work: &Work) -> Outcome {
        let row = &self.rows[work.key.row];
        let name = row.row().name;
        let started = Instant::now();
        self.metrics.begin(name, self.queue.depth());
        let pass = AssertUnwindSafe(row.pass(self, work)).catch_unwind().await;
        let outcome = pass.unwrap_or_else(|_| {
            tracing::error!(controller = name, namespace = %work.key.namespace, name = %work.key.name, "a script panicked");
            Outcome::RetryAt(self.retry_at(row.row(), work.failures))
        });
        let result = match outcome {
            Outcome::Settled => "success",
            Outcome::At(_) => "requeue_after",
            Outcome::RetryAt(_) => "error",
        };
        self.metrics.end(name, result, started.elapsed().as_secs_f64());
        outcome
    }

    fn retry_at(&self, row: &Row, failures: u32) -> Instant {
        let draw: f64 = self.shared.rng().random();
        Instant::now() + row.backoff.wait(failures.saturating_add(1), draw).to_std()
    }
}

/// What cannot be read is told on itself, since no script of the row will ever see it; by the process that leads, as soon as it does.
fn tell_unreadable<C: Controller>(shared: &Arc<Shared>, leads: watch::Receiver<bool>) {
    type Wire<C> = <<C as Controller>::Object as Kept>::Wire;
    let telling = Arc::downgrade(shared);
    shared.caches().store::<C::Object>().listen_broken(move |broken| {
        let (group, version) = (Wire::<C>::group(&()), Wire::<C>::version(&()));
        let resource = Resource::new(&group, &version, &Wire::<C>::kind(&()), &Wire::<C>::plural(&()));
        let at = Address::new(resource, &*broken.name.0, &*broken.name.1);
        tracing::error!(object = %at.object(), error = broken.error, "an object cannot be read");
        let event = Event::warning("Unreadable", format!("cannot read the object: {}", broken.error));
        let subject = recorder::Subject { at, uid: broken.uid.clone(), resource_version: String::new() };
        let (telling, mut leads) = (telling.clone(), leads.clone());
        tokio::spawn(async move {
            if leads.wait_for(|leads| *leads).await.is_ok()
                && let Some(shared) = telling.upgrade()
            {
                shared.recorder().tell_alone(C::ROW.component, &subject, event, shared.clock().now());
            }
        });
    });
}

type Pass<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
type Told<'a> = Pin<Box<dyn Future<Output = Option<Vec<Line>>> + Send + 'a>>;

/// A controller without its type.
trait Runner: Send + Sync {
    fn row(&self) -> &'static Row;
    fn pass<'a>(&'a self, driver: &'a Driver, work: &'a Work) -> Pass<'a>;
    fn explain<'a>(&'a self, shared: &'a Arc<Shared>, kind: &'a str, namespace: &'a str, name: &'a str) -> Told<'a>;
}

struct Script<C>(std::marker::PhantomData<C>);

impl<C: Controller> Runner for Script<C> {
    fn row(&self) -> &'static Row {
        const { &C::ROW }
    }

    fn explain<'a>(&'a self, shared: &'a Arc<Shared>, kind: &'a str, namespace: &'a str, name: &'a str) -> Told<'a> {
        Box::pin(async move {
            let object = shared.caches().store::<C::Object>().find(namespace, name)?;
            let is_kind = object.address().resource.kind.eq_ignore_ascii_case(kind);
            if is_kind { Some(explained::<C>(World::dry(shared), &object).await) } else { None }
        })
    }

    fn pass<'a>(&'a self, driver: &'a Driver, work: &'a Work) -> Pass<'a> {
        Box::pin(async move {
            let world = World::live(&driver.shared, driver.leads.clone());
            let (namespace, name) = (&*work.key.namespace, &*work.key.name);
            let begun = Instant::now();
            let Some(object) = world.cache::<C::Object>().find(namespace, name) else {
                if let Some(observer) = &driver.observer {
                    observer.gone(C::ROW.name, namespace, name);
                }
                return match C::gone(&world, namespace, name).await {
                    Ok(()) => Outcome::Settled,
                    Err(fault) => {
                        tracing::warn!(%namespace, %name, error = fault.chain(), "a deletion could not be followed up");
                        Outcome::RetryAt(driver.retry_at(&C::ROW, work.failures))
                    }
                };
            };
            let finish = match run::<C>(&world, &object).await {
                Ok(finish) => finish,
                Err(fault) => {
                    tracing::debug!(object = %object.address().object(), error = fault.chain(), "a pass failed");
                    C::failed(&object, &fault, world.now())
                }
            };
            if let Some(observer) = &driver.observer {
                observe::<C>(observer, &object, &finish, begun.elapsed());
            }
            conclude::<C>(driver, &world, &object, finish, work.failures).await
        })
    }
}

fn observe<C: Controller>(observer: &Arc<dyn Observer>, object: &C::Object, finish: &Finish, took: Duration) {
    let at = object.address();
    let standing;
    let status = match &finish.status {
        Some(status) => &status.value,
        None => {
            standing = object.status();
            &standing
        }
    };
    observer.passed(&Passed {
        row: C::ROW.name,
        namespace: &at.namespace,
        name: &at.name,
        labels: object.labels(),
        status,
        failed: finish.failed,
        took,
    });
}

/// The lines of a pass in a dry world: what its script told, and how it would end.
async fn explained<C: Controller>(world: World, object: &C::Object) -> Vec<Line> {
    let at = object.address().object();
    let finish = match run::<C>(&world, object).await {
        Ok(finish) => finish,
        Err(fault) if fault.kind() == Kind::Dry => {
            world.note(|| Line::note(fault.chain()));
            return world.into_lines();
        }
        Err(fault) => {
            world.note(|| Line::on(at.clone(), format!("fails: {}", fault.chain())));
            if let Some(hint) = fault.advice() {
                world.note(|| Line::note(format!("hint: {hint}")));
            }
            C::failed(object, &fault, world.now())
        }
    };
    for event in &finish.events {
        world.note(|| {
            Line::on(at.clone(), format!("tell {} {}: {}", event.severity.as_str(), event.reason, event.message))
        });
    }
    if finish.status.as_ref().is_some_and(|status| status.value != object.status()) {
        world.note(|| Line::on(at.clone(), "write the status"));
    }
    let now = world.now();
    world.note(|| match finish.next {
        Next::Settled => Line::on(at.clone(), "then nothing until something changes"),
        Next::At(moment) => {
            Line::on(at.clone(), format!("look again at {moment}, in {} s", moment.duration_since(now).as_secs()))
        }
        Next::Retry => Line::on(at.clone(), "try again soon"),
    });
    world.into_lines()
}

/// One pass with its finalizer: put on before anything is done, taken off after the clean-up has succeeded.
async fn run<C: Controller>(world: &World, object: &C::Object) -> Result<Finish, Fault> {
    let row = &C::ROW;
    let carried = row.finalizer.filter(|finalizer| object.finalizers().iter().any(|name| name == finalizer));
    if object.is_deleting() {
        let Some(finalizer) = carried else { return Ok(Finish::settled()) };
        let finish = C::cleanup(world, object).await?;
        if finish.next == Next::Settled && !finish.failed {
            world.act(remove_finalizer(object, finalizer, row.manager)).await?;
        }
        return Ok(finish);
    }
    let change = match (row.finalizer, carried) {
        (Some(finalizer), None) if C::wants_finalizer(world, object) => {
            Some(add_finalizer(object, finalizer, row.manager))
        }
        (_, Some(finalizer)) if !C::wants_finalizer(world, object) => {
            Some(remove_finalizer(object, finalizer, row.manager))
        }
        _ => None,
    };
    if let Some(change) = change
        && let Err(fault) = world.act(change).await
    {
        // Somebody wrote the object meanwhile: that is no failure to tell on it.
        return if fault.kind() == Kind::Conflict { Ok(Finish::default().retried()) } else { Err(fault) };
    }
    C::reconcile(world, object).await
}

async fn conclude<C: Controller>(
    driver: &Driver,
    world: &World,
    object: &C::Object,
    finish: Finish,
    failures: u32,
) -> Outcome {
    let at = object.address();
    let subject = recorder::Subject {
        at: at.clone(),
        uid: object.uid().to_owned(),
        resource_version: object.resource_version().to_owned(),
    };
    for event in finish.events {
        driver.shared.recorder().tell(C::ROW.component, &subject, event, world.now());
    }
    let mut next = finish.next;
    if let Some(status) = finish.status
        && status.value != object.status()
        && *driver.leads.borrow()
    {
        let is_same =
            |answer: &[u8]| kept::<C::Object>(answer).is_some_and(|(_, fresh)| fresh.status() == object.status());
        let (uid, resource_version) = (object.uid(), object.resource_version().to_owned());
        let decided = Decided { at: &at, uid, resource_version, is_same: &is_same };
        match write_status(world.cluster(), decided, status, C::ROW.manager).await {
            Ok((_, answer)) => learn::<C::Object>(world, &answer),
            // The object went away meanwhile: there is nobody left to tell.
            Err(fault) if fault.kind() == Kind::NotFound => {}
            Err(fault) => {
                tracing::warn!(object = %at.object(), error = fault.chain(), "the status could not be written");
                if let Some(event) = C::status_lost(&fault) {
                    driver.shared.recorder().tell(C::ROW.component, &subject, event, world.now());
                }
                next = Next::Retry;
            }
        }
    }
    guard::<C>(world, object).await;
    match next {
        Next::Settled => Outcome::Settled,
        Next::At(moment) => Outcome::At(instant_of(moment, world.now())),
        Next::Retry => Outcome::RetryAt(driver.retry_at(&C::ROW, failures)),
    }
}

/// Puts the finalizer on an object that wants it only since this pass: Vault Secrets writes a status before it guards (VSO §6.6).
async fn guard<C: Controller>(world: &World, object: &C::Object) {
    let Some(finalizer) = C::ROW.finalizer.filter(|_| !C::wants_finalizer(world, object) && !object.is_deleting())
    else {
        return;
    };
    let at = object.address();
    let Some(fresh) = world.cache::<C::Object>().find(&at.namespace, &at.name) else { return };
    let is_new = C::wants_finalizer(world, &fresh) && !fresh.finalizers().iter().any(|name| name == finalizer);
    if is_new && let Err(fault) = world.act(add_finalizer(&*fresh, finalizer, C::ROW.manager)).await {
        // The next pass puts it on before it does anything.
        tracing::debug!(object = %at.object(), error = fault.chain(), "the finalizer could not be put on");
    }
}

/// Takes what a status write answered into the cache, so that the next pass does not see the old status.
fn learn<T: Subject>(world: &World, answer: &[u8]) {
    if let Some((name, object)) = kept::<T>(answer) {
        world.cache::<T>().learn(name, object);
    }
}

/// The object of an answer as a cache keeps it.
fn kept<T: Subject>(answer: &[u8]) -> Option<(Name, T)> {
    let wire = serde_json::from_slice::<T::Wire>(answer).ok()?;
    let name = crate::cache::name_of(kube::Resource::meta(&wire));
    Some((name, T::keep(wire).ok()?))
}

/// A moment of the world's clock as a moment of the runtime's; one that has passed is now.
fn instant_of(moment: Timestamp, now: Timestamp) -> Instant {
    let wait = Duration::try_from(moment.duration_since(now)).unwrap_or_default();
    // tokio's timers reach two years; nothing of ours waits longer than one without being asked again.
    Instant::now() + wait.min(Duration::from_secs(365 * 24 * 3_600))
}
