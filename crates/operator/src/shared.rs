//! What outlives a pass: the connection, the caches, the clock, randomness, the sender of events, and what features remember.
//! It may be lost with the process: everything that must not be lost stands in the cluster. Specification: design §11.3.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Fault, Timestamp};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::cache::Caches;
use crate::cluster::Cluster;
use crate::recorder::Recorder;

/// What outlives a pass.
pub struct Shared {
    cluster: Cluster,
    caches: Caches,
    clock: Clock,
    entropy: Mutex<ChaCha20Rng>,
    recorder: Recorder,
    memories: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

/// Where the time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine.
    System,
    /// A moment that stands still until somebody moves it: `render`, tests.
    Fixed(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// The moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(moment) => *moment.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Shared {
    /// A process's share: connection and caches, clock and randomness. Starts the sender of events, so it needs a runtime.
    #[must_use]
    pub fn new(cluster: Cluster, caches: Caches, clock: Clock, entropy: ChaCha20Rng) -> Arc<Self> {
        let (entropy, recorder) = (Mutex::new(entropy), Recorder::start(cluster.clone()));
        Arc::new(Self { cluster, caches, clock, entropy, recorder, memories: Mutex::default() })
    }

    /// The caches.
    #[must_use]
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// The connection.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Who sends events.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Randomness of one's own, drawn from the process's.
    #[must_use]
    pub fn rng(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_rng(&mut *self.entropy.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts something beside the caches that a feature's scripts will ask for by type: its settings, its connections,
    /// what it remembers. It may be lost with the process.
    pub fn remember<T: Send + Sync + 'static>(&self, memory: T) {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<T>(), Arc::new(memory));
    }

    /// What was put there.
    ///
    /// # Errors
    /// Nothing of that type was: a feature was started without its settings.
    pub fn recall<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, Fault> {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let any = memories.get(&TypeId::of::<T>()).cloned();
        any.and_then(|any| Arc::downcast(any).ok())
            .ok_or_else(|| Fault::bug(format!("nothing is known of `{}`", std::any::type_name::<T>())))
    }

    /// What was put there, or its default.
    pub fn memory<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let any = memories.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::downcast(Arc::clone(any)).expect("a memory lies under its own type")
    }
}
