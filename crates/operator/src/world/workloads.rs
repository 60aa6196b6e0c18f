//! Workloads as the caches know them, one type per kind so that each has its own watch. A watch that the role denies is replaced
//! by a LIST when it is needed (RL §16), told once. What is kept of a workload is in `reduced`.
//! Specification: RL §9, §11, §16; design §11.4.

mod reduced;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Fault;
use plan::reload::{Kind, Workload};
use tokio::time::Instant;

pub use reduced::{CronJob, DaemonSet, Deployment, DeploymentConfig, Job, Of, Reduced, Rollout, StatefulSet, Wire};

use crate::World;
use crate::cache::{Name, Scope};

/// How old what is known of workloads may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Not older than the question.
    New,
    /// Of the last minute: for looking at what was there when we started.
    Recent,
}

/// How old a list may be for [`Age::Recent`].
const RECENT: Duration = Duration::from_secs(60);

/// When each namespace was listed last, for kinds that are not watched. Who asks while a LIST is on its way waits for the
/// next one, which serves all that wait: a burst of changes costs two LISTs a kind, not one each.
#[derive(Default)]
struct Lists(Mutex<HashMap<(Kind, Arc<str>), Turn>>);

/// Whoever holds it lists; it holds when the last LIST began.
type Turn = Arc<tokio::sync::Mutex<Option<Instant>>>;

impl Lists {
    fn turn(&self, kind: Kind, namespace: &str) -> Turn {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry((kind, namespace.into())).or_default())
    }
}

impl World {
    /// The workloads of one kind in a namespace: from the cache, or by a LIST where the role has no watch for us.
    ///
    /// # Errors
    /// The LIST failed.
    pub async fn workloads<K: Of>(&self, namespace: &str, age: Age) -> Result<Vec<Arc<Workload>>, Fault> {
        let store = self.cache::<Reduced<K>>();
        let is_known = store.is_watched() || (age == Age::Recent && store.is_listed_within(RECENT));
        if !is_known {
            let asked = Instant::now();
            let turn = self.memory::<Lists>().turn(K::KIND, namespace);
            let mut listed = turn.lock().await;
            let serves = |begun: &Instant| *begun >= asked || (age == Age::Recent && begun.elapsed() < RECENT);
            if !listed.as_ref().is_some_and(serves) {
                let begun = Instant::now();
                store.relist(namespace, self.list::<K>(namespace).await?);
                *listed = Some(begun);
            }
        }
        Ok(store.by(BY_NAMESPACE, namespace).iter().map(|reduced| Arc::clone(&reduced.workload)).collect())
    }

    /// The workloads of one kind in all namespaces that are watched, by a LIST, for kinds whose watch is denied; the cache
    /// learns of them.
    ///
    /// # Errors
    /// The LIST failed.
    pub async fn listed<K: Of>(&self) -> Result<Vec<Arc<Workload>>, Fault> {
        let mut all = Vec::new();
        for scope in self.shared().caches().scopes() {
            let namespace = match scope {
                Scope::Cluster => "",
                Scope::Namespace(namespace) => namespace,
            };
            for (name, reduced) in self.list::<K>(namespace).await? {
                all.push(Arc::clone(&reduced.workload));
                self.cache::<Reduced<K>>().learn(name, reduced);
            }
        }
        Ok(all)
    }

    async fn list<K: Of>(&self, namespace: &str) -> Result<Vec<(Name, Reduced<K>)>, Fault> {
        let wires: Vec<Wire<K>> = self.cluster().list_as(&K::KIND.resource(), namespace).await?;
        let kept = wires.into_iter().map(|wire| {
            let reduced = Reduced::of(wire);
            let name = (reduced.workload.namespace.as_str().into(), reduced.workload.name.as_str().into());
            (name, reduced)
        });
        Ok(kept.collect())
    }

    /// A workload as it stands: as it is known where its kind is watched, else read anew. `None` where it is gone.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn standing<K: Of>(&self, known: &Arc<Workload>) -> Result<Option<Arc<Workload>>, Fault> {
        if self.cache::<Reduced<K>>().is_watched() {
            return Ok(Some(Arc::clone(known)));
        }
        let wire: Option<Wire<K>> = self.cluster().read_as(&known.address()).await?;
        Ok(wire.map(|wire| Reduced::of(wire).workload))
    }
}

/// The index of workloads by namespace.
pub const BY_NAMESPACE: &str = "namespace";

/// What the index holds.
pub fn by_namespace<K: Of>(reduced: &Reduced<K>) -> Vec<String> {
    vec![reduced.workload.namespace.clone()]
}
