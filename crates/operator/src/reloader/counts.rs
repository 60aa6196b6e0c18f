//! Reloader's metrics, names, labels and buckets as dashboards and alerts know them. The peer counts a reconcile twice, in the
//! handler and in the worker; here it is counted once. Specification: RL §15.1.

use std::time::Duration;

use plan::reload::Kind;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector,
};

use crate::metrics::register;

/// The counters of one process.
pub struct Counts {
    executed: IntCounterVec,
    executed_by_namespace: Option<IntCounterVec>,
    reconciles: IntCounterVec,
    reconcile_seconds: HistogramVec,
    actions: IntCounterVec,
    action_seconds: HistogramVec,
    skipped: IntCounterVec,
    depth: IntGauge,
    adds: IntCounter,
    waited: Histogram,
    errors: IntCounterVec,
    retries: IntCounter,
    received: IntCounterVec,
    processed: IntCounterVec,
    scanned: IntCounterVec,
    matched: IntCounterVec,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The data is the same.
    NoDataChange,
    /// A rule or a filter leaves the resource alone.
    IgnoredOrNotSelected,
    /// The mark stands already.
    StrategyNotUpdated,
}

impl Skip {
    fn as_str(self) -> &'static str {
        match self {
            Self::NoDataChange => "no_data_change",
            Self::IgnoredOrNotSelected => "ignored_or_not_selected",
            Self::StrategyNotUpdated => "strategy_not_updated",
        }
    }
}

const PASS_SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const ACTION_SECONDS: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

impl Counts {
    /// Counters in this registry.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table of names")]
    pub fn new(registry: &Registry, by_namespace: bool) -> Self {
        let executed = counters(
            registry,
            "reloader_reload_executed_total",
            "Counter of reloads executed by Reloader.",
            &["success"],
        );
        // The peer shows both from the start.
        for success in ["true", "false"] {
            executed.with_label_values(&[success]).inc_by(0);
        }
        let waited = HistogramOpts::new("reloader_workqueue_latency_seconds", "Time spent in the queue")
            .buckets(PASS_SECONDS[..11].to_vec());
        Self {
            executed,
            executed_by_namespace: by_namespace.then(|| {
                let name = "reloader_reload_executed_total_by_namespace";
                counters(
                    registry,
                    name,
                    "Counter of reloads executed by Reloader by namespace.",
                    &["success", "namespace"],
                )
            }),
            reconciles: counters(registry, "reloader_reconcile_total", "Number of reconciles by result", &["result"]),
            reconcile_seconds: histograms(
                registry,
                "reloader_reconcile_duration_seconds",
                "Time of a reconcile",
                "result",
                &PASS_SECONDS,
            ),
            actions: counters(
                registry,
                "reloader_action_total",
                "Number of workload updates",
                &["workload_kind", "result"],
            ),
            action_seconds: histograms(
                registry,
                "reloader_action_latency_seconds",
                "Time of a workload update",
                "workload_kind",
                &ACTION_SECONDS,
            ),
            skipped: counters(registry, "reloader_skipped_total", "Number of skipped reloads by reason", &["reason"]),
            depth: put(registry, IntGauge::new("reloader_workqueue_depth", "Number of changes that wait")),
            adds: put(registry, IntCounter::new("reloader_workqueue_adds_total", "Number of changes that were queued")),
            waited: put(registry, Histogram::with_opts(waited)),
            errors: counters(registry, "reloader_errors_total", "Number of errors by type", &["type"]),
            retries: put(registry, IntCounter::new("reloader_retries_total", "Number of retries")),
            received: counters(
                registry,
                "reloader_events_received_total",
                "Number of events received",
                &["event_type", "resource_type"],
            ),
            processed: counters(
                registry,
                "reloader_events_processed_total",
                "Number of events processed",
                &["event_type", "resource_type", "result"],
            ),
            scanned: counters(registry, "reloader_workloads_scanned_total", "Number of workloads looked at", &["kind"]),
            matched: counters(
                registry,
                "reloader_workloads_matched_total",
                "Number of workloads that reload",
                &["kind"],
            ),
        }
    }

    /// An event of a watch: `add`, `update` or `delete`.
    pub fn received(&self, event: &str, resources: &str) {
        self.received.with_label_values(&[event, resources]).inc();
    }

    /// A change was queued; so many wait.
    pub fn queued(&self, depth: usize) {
        self.adds.inc();
        self.depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// A change is taken out of the queue after this time; so many still wait.
    pub fn begun(&self, depth: usize, waited: Duration) {
        self.depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.waited.observe(waited.as_secs_f64());
    }

    /// A change was left alone.
    pub fn skipped(&self, skip: Skip) {
        self.skipped.with_label_values(&[skip.as_str()]).inc();
    }

    /// A change has been dealt with, in this time.
    pub fn reconciled(&self, resources: &str, result: Result<bool, ()>, took: Duration) {
        let word = match result {
            Ok(true) => "success",
            Ok(false) => "skipped",
            Err(()) => "error",
        };
        self.reconciles.with_label_values(&[word]).inc();
        self.reconcile_seconds.with_label_values(&[word]).observe(took.as_secs_f64());
        if result.is_ok() {
            self.processed.with_label_values(&["unknown", resources, "success"]).inc();
        } else {
            self.failed();
        }
    }

    /// Something failed and will be tried again.
    pub fn failed(&self) {
        self.errors.with_label_values(&["handler_error"]).inc();
        self.retries.inc();
    }

    /// So many workloads of a kind were looked at, and so many of them reload.
    pub fn looked(&self, kind: Kind, scanned: usize, matched: usize) {
        let many = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.scanned.with_label_values(&[kind.as_str()]).inc_by(many(scanned));
        self.matched.with_label_values(&[kind.as_str()]).inc_by(many(matched));
    }

    /// A workload was edited, or could not be.
    pub fn acted(&self, kind: Kind, namespace: &str, has_succeeded: bool, took: Duration) {
        let (success, result) = if has_succeeded { ("true", "success") } else { ("false", "error") };
        self.executed.with_label_values(&[success]).inc();
        if let Some(by_namespace) = &self.executed_by_namespace {
            by_namespace.with_label_values(&[success, namespace]).inc();
        }
        self.actions.with_label_values(&[kind.as_str(), result]).inc();
        self.action_seconds.with_label_values(&[kind.as_str()]).observe(took.as_secs_f64());
    }
}

fn put<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    register(registry, made.expect("a constant name is valid"))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    put(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn histograms(registry: &Registry, name: &str, help: &str, label: &str, seconds: &[f64]) -> HistogramVec {
    put(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(seconds.to_vec()), &[label]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_and_labels_are_the_peers() {
        let registry = Registry::new();
        let counts = Counts::new(&registry, true);
        let took = Duration::from_millis(7);
        counts.received("update", "configmaps");
        counts.queued(1);
        counts.begun(0, took);
        counts.reconciled("configmaps", Ok(true), took);
        counts.reconciled("secrets", Err(()), took);
        counts.skipped(Skip::NoDataChange);
        counts.looked(Kind::StatefulSet, 3, 1);
        counts.acted(Kind::CronJob, "prod", true, took);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        for line in [
            r#"reloader_reload_executed_total{success="true"} 1"#,
            r#"reloader_reload_executed_total{success="false"} 0"#,
            r#"reloader_reload_executed_total_by_namespace{namespace="prod",success="true"} 1"#,
            r#"reloader_reconcile_total{result="success"} 1"#,
            r#"reloader_reconcile_duration_seconds_bucket{result="error",le="0.005"} 0"#,
            r#"reloader_reconcile_duration_seconds_bucket{result="error",le="0.01"} 1"#,
            r#"reloader_action_total{result="success",workload_kind="CronJob"} 1"#,
            r#"reloader_action_latency_seconds_bucket{workload_kind="CronJob",le="60"} 1"#,
            r#"reloader_skipped_total{reason="no_data_change"} 1"#,
            "reloader_workqueue_depth 0",
            "reloader_workqueue_adds_total 1",
            r#"reloader_workqueue_latency_seconds_bucket{le="5"} 1"#,
            r#"reloader_errors_total{type="handler_error"} 1"#,
            "reloader_retries_total 1",
            r#"reloader_events_received_total{event_type="update",resource_type="configmaps"} 1"#,
            r#"reloader_events_processed_total{event_type="unknown",resource_type="configmaps",result="success"} 1"#,
            r#"reloader_workloads_scanned_total{kind="StatefulSet"} 3"#,
            r#"reloader_workloads_matched_total{kind="StatefulSet"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
