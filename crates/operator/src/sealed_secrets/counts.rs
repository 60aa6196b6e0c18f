//! Sealed Secrets' metrics, names and labels as dashboards and alerts know them; series of an object go with it.
//! Specification: SS §13.1.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api::sealed_secret::names;
use http::StatusCode;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::metrics::register;
use crate::observer::{Observer, Passed};

/// The counters of one process.
pub struct Counts {
    requests: IntCounter,
    errors: IntCounterVec,
    conditions: IntGaugeVec,
    asked: IntCounterVec,
    seconds: HistogramVec,
    unreadable_keys: IntGauge,
    tells_objects: bool,
    // The instance label an object had: a series is only found again under all its labels.
    instances: Mutex<HashMap<(String, String), String>>,
}

impl Counts {
    /// Counters in this registry; with a series for each object unless that is left out (`--metrics-omit-secret-labels`).
    #[must_use]
    pub fn new(registry: &Registry, tells_objects: bool) -> Self {
        let opts = |name: &str, help: &str| Opts::new(format!("{}{name}", names::METRIC_PREFIX), help);
        let counter = |name, help, labels: &[&str]| {
            register(registry, IntCounterVec::new(opts(name, help), labels).expect("a constant name is valid"))
        };
        let gauge = |name, help, labels: &[&str]| {
            register(registry, IntGaugeVec::new(opts(name, help), labels).expect("a constant name is valid"))
        };
        let built = gauge("build_info", "Build information", &["revision"]);
        built.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let unreadable = opts("unreadable_keys", "Number of sealing keys that lie in the cluster and cannot be read");
        let requests = opts("unseal_requests_total", "Total number of sealed secret unseal requests");
        let seconds = format!("{}http_request_duration_seconds", names::METRIC_PREFIX);
        let buckets = vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let seconds = HistogramOpts::new(seconds, "A histogram of latencies for requests").buckets(buckets);
        Self {
            requests: register(registry, IntCounter::with_opts(requests).expect("a constant name is valid")),
            errors: counter(
                "unseal_errors_total",
                "Total number of sealed secret unseal errors by reason",
                &["reason", "namespace"],
            ),
            conditions: gauge(
                "condition_info",
                "Current SealedSecret condition status. Values are -1 (false), 0 (unknown or absent), 1 (true)",
                &["namespace", "name", "condition", "ss_app_kubernetes_io_instance"],
            ),
            asked: counter("http_requests_total", "A counter for requests", &["path", "code", "method"]),
            seconds: register(
                registry,
                HistogramVec::new(seconds, &["path", "method"]).expect("a constant name is valid"),
            ),
            unreadable_keys: register(registry, IntGauge::with_opts(unreadable).expect("a constant name is valid")),
            tells_objects,
            instances: Mutex::default(),
        }
    }

    /// A pass failed.
    pub fn failed(&self, reason: &str, namespace: &str) {
        self.errors.with_label_values(&[reason, namespace]).inc();
    }

    /// So many keys lie in the cluster that cannot be read.
    pub fn unreadable_keys(&self, count: usize) {
        self.unreadable_keys.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A request was answered.
    pub fn answered(&self, path: &str, method: &str, status: StatusCode, took: Duration) {
        let method = method.to_ascii_lowercase();
        self.asked.with_label_values(&[path, status.as_str(), &method]).inc();
        self.seconds.with_label_values(&[path, &method]).observe(took.as_secs_f64());
    }

    /// The label that the object's series carries; a series under another one is taken away.
    fn instance(&self, namespace: &str, name: &str, labels: Option<&BTreeMap<String, String>>) -> String {
        let now = labels.and_then(|labels| labels.get(names::INSTANCE)).cloned().unwrap_or_default();
        let place = (namespace.to_owned(), name.to_owned());
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let before = instances.insert(place, now.clone());
        if let Some(before) = before.filter(|before| *before != now) {
            let _ = self.conditions.remove_label_values(&[namespace, name, names::SYNCED, &before]);
        }
        now
    }
}

impl Observer for Counts {
    fn passed(&self, pass: &Passed<'_>) {
        self.requests.inc();
        if !self.tells_objects {
            return;
        }
        let conditions = pass.status["conditions"].as_array();
        let Some(synced) = conditions.and_then(|all| all.iter().find(|entry| entry["type"] == names::SYNCED)) else {
            return;
        };
        let value = match synced["status"].as_str() {
            Some("True") => 1,
            Some("False") => -1,
            _ => 0,
        };
        let instance = self.instance(pass.namespace, pass.name, pass.labels);
        self.conditions.with_label_values(&[pass.namespace, pass.name, names::SYNCED, &instance]).set(value);
    }

    fn gone(&self, _row: &'static str, namespace: &str, name: &str) {
        self.requests.inc();
        let place = (namespace.to_owned(), name.to_owned());
        let instance = self.instances.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
        if let Some(instance) = instance {
            let _ = self.conditions.remove_label_values(&[namespace, name, names::SYNCED, &instance]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_peers_names_and_the_end_of_a_series() {
        let registry = Registry::new();
        let counts = Counts::new(&registry, true);
        let status = json!({"conditions": [{"type": "Synced", "status": "False"}]});
        let labels = BTreeMap::from([(names::INSTANCE.to_owned(), "shop".to_owned())]);
        counts.passed(&Passed {
            row: "sealedsecret",
            namespace: "n",
            name: "db",
            labels: Some(&labels),
            status: &status,
            failed: true,
            took: Duration::ZERO,
        });
        counts.failed("unseal", "n");
        counts.answered("/v1/verify", "POST", StatusCode::CONFLICT, Duration::from_millis(2));
        let text = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        for line in [
            r#"sealed_secrets_controller_unseal_requests_total 1"#,
            r#"sealed_secrets_controller_unseal_errors_total{namespace="n",reason="unseal"} 1"#,
            r#"sealed_secrets_controller_condition_info{condition="Synced",name="db",namespace="n",ss_app_kubernetes_io_instance="shop"} -1"#,
            r#"sealed_secrets_controller_http_requests_total{code="409",method="post",path="/v1/verify"} 1"#,
            r#"sealed_secrets_controller_http_request_duration_seconds_count{method="post",path="/v1/verify"} 1"#,
        ] {
            assert!(text().contains(line), "{line} in {}", text());
        }
        counts.gone("sealedsecret", "n", "db");
        assert!(!text().contains("condition_info{"), "{}", text());
    }
}
