//! Through which a script reads, and acts. A world lives for one pass: its `now` stands still, and its mode says whether
//! acting does (live) or tells (dry: `explain`). What outlives a pass – caches, connections, memories – is [`Shared`].
//! Specification: design §11.3.

pub mod generators;
pub mod stores;
pub mod template_sources;
pub mod vault;
pub mod workloads;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Fault, Timestamp};
use plan::{Address, Event, Line, Present};
use rand_chacha::ChaCha20Rng;
use tokio::sync::watch;

use crate::cache::{Kept, Store};
use crate::cluster::Cluster;
use crate::effects::Effect;
use crate::effects::write::read_secret;
use crate::recorder;
use crate::seen::SeenSecret;
use crate::shared::Shared;

enum Mode {
    Live(watch::Receiver<bool>),
    Dry(Mutex<Vec<Line>>),
}

/// One pass's view.
pub struct World {
    shared: Arc<Shared>,
    now: Timestamp,
    pass: u64,
    mode: Mode,
}

/// Numbers passes.
static PASSES: AtomicU64 = AtomicU64::new(0);

impl World {
    /// A world for one pass that acts, as long as `leads` says that this process may.
    #[must_use]
    pub fn live(shared: &Arc<Shared>, leads: watch::Receiver<bool>) -> Self {
        Self::new(shared, Mode::Live(leads))
    }

    /// A world for one pass that only tells.
    #[must_use]
    pub fn dry(shared: &Arc<Shared>) -> Self {
        Self::new(shared, Mode::Dry(Mutex::default()))
    }

    fn new(shared: &Arc<Shared>, mode: Mode) -> Self {
        let pass = PASSES.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(shared), now: shared.clock().now(), pass, mode }
    }

    /// A number that no other pass of this process has.
    fn pass(&self) -> u64 {
        self.pass
    }

    /// The moment of this pass.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Randomness for this pass's decisions.
    #[must_use]
    pub fn rng(&self) -> ChaCha20Rng {
        self.shared.rng()
    }

    /// What outlives the pass.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The objects of a kind that a watch of ours keeps.
    #[must_use]
    pub fn cache<T: Kept>(&self) -> Arc<Store<T>> {
        self.shared.caches().store()
    }

    /// What a feature put beside the caches.
    #[must_use]
    pub fn memory<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.shared.memory()
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        self.shared.cluster()
    }

    /// Whether this world only tells.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        matches!(self.mode, Mode::Dry(_))
    }

    /// A Secret as the cache has it: without values, without a request.
    #[must_use]
    pub fn seen_secret(&self, namespace: &str, name: &str) -> Option<Arc<SeenSecret>> {
        self.cache::<SeenSecret>().find(namespace, name)
    }

    /// A Secret as it stands. The cache is asked first: where it knows that there is none, no request is made.
    ///
    /// # Errors
    /// The API server is away or refuses.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Present>, Fault> {
        let cache = self.cache::<SeenSecret>();
        if cache.is_ready() && cache.find(namespace, name).is_none() {
            return Ok(None);
        }
        read_secret(self.cluster(), &Address::secret(namespace, name)).await
    }

    /// Does an effect, or tells it. A live world first makes sure that this process still leads.
    ///
    /// # Errors
    /// The effect failed; or the world is dry and only doing it could tell.
    pub async fn act<E: Effect>(&self, effect: E) -> Result<E::Answer, Fault> {
        match &self.mode {
            Mode::Live(leads) => {
                if !*leads.borrow() {
                    return Err(Fault::busy("this process does not lead any more"));
                }
                effect.perform(&self.shared).await
            }
            Mode::Dry(told) => {
                let lines = effect.describe();
                told.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
                effect.assumed().ok_or_else(|| Fault::dry("only doing it could tell what comes next"))
            }
        }
    }

    /// Does effects one after the other; each is tried, and none is fatal.
    pub async fn each<E: Effect>(&self, effects: impl IntoIterator<Item = E>) -> Vec<Result<E::Answer, Fault>> {
        let mut answers = Vec::new();
        for effect in effects {
            answers.push(self.act(effect).await);
        }
        answers
    }

    /// Tells an event on an object other than the pass's, or from another component than the row's; a dry world notes it.
    pub fn tell(&self, component: &'static str, subject: &recorder::Subject, event: Event) {
        match &self.mode {
            Mode::Live(_) => self.shared.recorder().tell(component, subject, event, self.now),
            Mode::Dry(_) => self.note(|| Line::on(subject.at.object(), format!("tell: {}", event.message))),
        }
    }

    /// The same, where the log has a line of its own.
    pub fn tell_alone(&self, component: &'static str, subject: &recorder::Subject, event: Event) {
        match &self.mode {
            Mode::Live(_) => self.shared.recorder().tell_alone(component, subject, event, self.now),
            Mode::Dry(_) => self.tell(component, subject, event),
        }
    }

    /// A remark for `explain`; a live world does not listen.
    pub fn note(&self, line: impl FnOnce() -> Line) {
        if let Mode::Dry(told) = &self.mode {
            told.lock().unwrap_or_else(PoisonError::into_inner).push(line());
        }
    }

    /// What a dry world was told.
    #[must_use]
    pub fn into_lines(self) -> Vec<Line> {
        match self.mode {
            Mode::Live(_) => Vec::new(),
            Mode::Dry(told) => told.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
