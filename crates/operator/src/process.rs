//! A process that runs features: what they share, their drivers and leases, start and end. The binary's personalities fill
//! it; `render`, `demo` and tests run the same on the sandbox. Specification: design §7, §11.4.

use std::sync::Arc;
use std::time::Duration;

use base::fingerprint::FingerprintKey;
use plan::Line;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cache::{Caches, Scope};
use crate::cluster::Cluster;
use crate::driver::Driver;
use crate::feature::FeatureName;
use crate::leader::{self, Election};
use crate::metrics::Metrics;
use crate::roles::{self, Role};
use crate::shared::{Clock, Shared};

/// How long running passes may take to end after SIGTERM: within the three seconds that the process has.
const GRACE: Duration = Duration::from_secs(2);

/// A process under construction, then running.
pub struct Process {
    shared: Arc<Shared>,
    features: Vec<Running>,
}

struct Running {
    name: FeatureName,
    driver: Arc<Driver>,
    metrics: Arc<Metrics>,
    election: Option<Election>,
    leads: watch::Sender<bool>,
}

impl Process {
    /// A process without features. `seed` is the only randomness it draws from.
    #[must_use]
    pub fn new(client: kube::Client, scopes: Vec<Scope>, clock: Clock, seed: [u8; 32]) -> Self {
        let mut entropy = ChaCha20Rng::from_seed(seed);
        let mut key = [0; 32];
        entropy.fill_bytes(&mut key);
        crate::seen::set_key(FingerprintKey::new(key));
        let cluster = Cluster::new(client.clone());
        let shared = Shared::new(cluster, Caches::new(client, scopes), clock, entropy);
        Self { shared, features: Vec::new() }
    }

    /// What the features share; their settings are put there before they are added.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Adds a feature: its watches begin at once. Without an election it leads from the start.
    pub fn add(
        &mut self,
        name: FeatureName,
        workers: usize,
        election: Option<Election>,
        rows: impl FnOnce(Driver) -> Driver,
    ) {
        let leads = watch::Sender::new(election.is_none());
        let metrics = Arc::new(Metrics::new());
        let driver = Driver::new(Arc::clone(&self.shared), Arc::clone(&metrics), workers, leads.subscribe());
        let driver = Arc::new(rows(driver));
        self.features.push(Running { name, driver, metrics, election, leads });
    }

    /// Whether a feature leads, now and whenever that changes: for what acts beside its rows.
    #[must_use]
    pub fn leads(&self, name: FeatureName) -> Option<watch::Receiver<bool>> {
        self.features.iter().find(|feature| feature.name == name).map(|feature| feature.leads.subscribe())
    }

    /// The metrics of a feature.
    #[must_use]
    pub fn metrics(&self, name: FeatureName) -> Option<Arc<Metrics>> {
        self.features.iter().find(|feature| feature.name == name).map(|feature| Arc::clone(&feature.metrics))
    }

    /// The driver of a feature.
    #[must_use]
    pub fn driver(&self, name: FeatureName) -> Option<Arc<Driver>> {
        self.features.iter().find(|feature| feature.name == name).map(|feature| Arc::clone(&feature.driver))
    }

    /// What a feature may do; none where the process does not run it.
    #[must_use]
    pub fn role(&self, name: FeatureName) -> Option<Role> {
        Some(Role::of(self.driver(name)?.rights().chain(roles::beside_rows(name).iter().copied())))
    }

    /// What the features would do with an object, told instead of done; waits for the caches first.
    pub async fn explain(&self, kind: &str, namespace: &str, name: &str) -> Option<Vec<Line>> {
        self.shared.caches().ready().await;
        for feature in &self.features {
            if let Some(lines) = feature.driver.explain(kind, namespace, name).await {
                return Some(lines);
            }
        }
        None
    }

    /// Runs until `end` resolves, then ends in order: no new passes, running ones finish, leases are given back.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let cluster = self.shared.cluster().clone();
        let clock = self.shared.clock().clone();
        let mut drivers = JoinSet::new();
        let mut elections = JoinSet::new();
        for feature in &self.features {
            drivers.spawn(Arc::clone(&feature.driver).run());
            if let Some(election) = feature.election.clone() {
                let (shared, leads) = (Arc::clone(&self.shared), feature.leads.clone());
                let (cluster, clock) = (cluster.clone(), clock.clone());
                elections.spawn(tell_leading(
                    Arc::clone(&feature.metrics),
                    election.name.clone(),
                    feature.leads.subscribe(),
                ));
                elections.spawn(async move {
                    // Who does not see the cluster yet could not work: another shall lead until then.
                    shared.caches().ready().await;
                    leader::run(cluster, clock, election, leads).await;
                });
            }
        }
        end.await;
        self.features.iter().for_each(|feature| feature.driver.close());
        let finished = async {
            for feature in &self.features {
                feature.driver.drained().await;
            }
            self.shared.recorder().idle().await;
        };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::warn!("some passes did not end in time and are cut off");
        }
        elections.shutdown().await;
        for feature in &self.features {
            if let Some(election) = &feature.election
                && *feature.leads.borrow()
            {
                leader::release(&cluster, &clock, election).await;
            }
        }
        drivers.shutdown().await;
    }
}

/// Tells whether this process holds a lease, for as long as it is told itself.
async fn tell_leading(metrics: Arc<Metrics>, lease: String, mut leads: watch::Receiver<bool>) {
    loop {
        let leading = *leads.borrow_and_update();
        metrics.leads(&lease, leading);
        if leads.changed().await.is_err() {
            return;
        }
    }
}
