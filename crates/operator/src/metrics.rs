//! The process's metrics: one registry a feature, so that the peers' names cannot collide, and the two families that
//! controller-runtime gives every peer (`controller_runtime_*`, `workqueue_*`). A feature's own metrics stand in its folder.
//! Specification: design §14; ESO §13.1, VSO §14, SS §13.1, RL §15.1.

use std::sync::LazyLock;

use base::Fault;
use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

/// The metrics that every controller has.
pub struct Metrics {
    registry: Registry,
    reconciles: IntCounterVec,
    errors: IntCounterVec,
    seconds: HistogramVec,
    active: IntGaugeVec,
    most: IntGaugeVec,
    leads: IntGaugeVec,
    depth: IntGaugeVec,
    adds: IntCounterVec,
    retries: IntCounterVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A registry with the families of controller-runtime.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let opts = |name: &str, help: &str| Opts::new(name, help);
        let counter = |name, help, labels: &[&str]| {
            register(&registry, IntCounterVec::new(opts(name, help), labels).expect("a constant name is valid"))
        };
        let gauge = |name, help, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(opts(name, help), labels).expect("a constant name is valid"))
        };
        let buckets = vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
        let seconds =
            HistogramOpts::new("controller_runtime_reconcile_time_seconds", "Length of time per reconciliation")
                .buckets(buckets);
        let seconds = HistogramVec::new(seconds, &["controller"]).expect("a constant name is valid");
        Self {
            reconciles: counter(
                "controller_runtime_reconcile_total",
                "Number of reconciliations by result",
                &["controller", "result"],
            ),
            errors: counter(
                "controller_runtime_reconcile_errors_total",
                "Number of failed reconciliations",
                &["controller"],
            ),
            seconds: register(&registry, seconds),
            active: gauge("controller_runtime_active_workers", "Number of workers in use", &["controller"]),
            most: gauge(
                "controller_runtime_max_concurrent_reconciles",
                "Number of passes at once at most",
                &["controller"],
            ),
            leads: gauge(
                "leader_election_master_status",
                "Whether this process holds the lease: 1 does, 0 does not",
                &["name"],
            ),
            depth: gauge("workqueue_depth", "Number of objects that wait", &["name", "controller"]),
            adds: counter("workqueue_adds_total", "Number of objects that were queued", &["name", "controller"]),
            retries: counter("workqueue_retries_total", "Number of retries", &["name", "controller"]),
            registry,
        }
    }

    /// The registry, for a feature's own metrics.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A controller works on so many objects at once at most.
    pub fn works(&self, controller: &str, workers: usize) {
        self.most.with_label_values(&[controller]).set(i64::try_from(workers).unwrap_or(i64::MAX));
    }

    /// Whether this process holds a lease.
    pub fn leads(&self, lease: &str, leads: bool) {
        self.leads.with_label_values(&[lease]).set(i64::from(leads));
    }

    /// A pass begins.
    pub fn begin(&self, controller: &str, depth: usize) {
        self.active.with_label_values(&[controller]).inc();
        self.adds.with_label_values(&[controller, controller]).inc();
        self.depth.with_label_values(&[controller, controller]).set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// A pass ends; the result is controller-runtime's word: `success`, `requeue_after`, `error`.
    pub fn end(&self, controller: &str, result: &str, seconds: f64) {
        self.active.with_label_values(&[controller]).dec();
        self.reconciles.with_label_values(&[controller, result]).inc();
        self.seconds.with_label_values(&[controller]).observe(seconds);
        if result == "error" {
            self.errors.with_label_values(&[controller]).inc();
            self.retries.with_label_values(&[controller, controller]).inc();
        }
    }

    /// The text that a scrape answers.
    ///
    /// # Errors
    /// A metric cannot be written, which would be a bug of ours.
    pub fn text(&self) -> Result<Vec<u8>, Fault> {
        written(&self.registry)
    }
}

/// What every program in Prometheus' world tells of its process: `process_*`. Once a process, whatever runs in it.
///
/// # Errors
/// As [`Metrics::text`].
pub fn of_process() -> Result<Vec<u8>, Fault> {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let registry = Registry::new();
        let collector = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(collector)).expect("it is the only one");
        registry
    });
    written(&REGISTRY)
}

fn written(registry: &Registry) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    let done = TextEncoder::new().encode(&registry.gather(), &mut text);
    done.map_err(|error| Fault::bug("cannot write the metrics").because(error))?;
    Ok(text)
}

/// Registers a collector; a name that is there twice is a bug that a test of ours would see first.
pub fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect("each metric is registered once");
    collector
}
