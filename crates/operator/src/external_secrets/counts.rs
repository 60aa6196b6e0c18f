//! External Secrets' metrics, names and labels as dashboards and alerts know them. Durations are nanoseconds, as in the peer.
//! Specification: ESO §13.1, §13.2.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};
use providers::reach::CountCalls;

use crate::metrics::register;
use crate::observer::{Observer, Passed};

/// The counters of one process.
pub struct Counts {
    calls: IntCounterVec,
    errors: IntCounterVec,
    provider_calls: IntCounterVec,
    kinds: Vec<(&'static str, Kind)>,
    /// What the series of an object carry of its labels, where they do: with other labels they are other series.
    carried: Option<Mutex<HashMap<Object, Vec<String>>>>,
}

/// An object: row, namespace, name.
type Object = (&'static str, String, String);

/// The recommended labels, and what they are called in metrics.
const CARRIED: [(&str, &str); 6] = [
    ("app.kubernetes.io/name", "app_kubernetes_io_name"),
    ("app.kubernetes.io/instance", "app_kubernetes_io_instance"),
    ("app.kubernetes.io/version", "app_kubernetes_io_version"),
    ("app.kubernetes.io/component", "app_kubernetes_io_component"),
    ("app.kubernetes.io/part-of", "app_kubernetes_io_part_of"),
    ("app.kubernetes.io/managed-by", "app_kubernetes_io_managed_by"),
];

struct Kind {
    condition: GaugeVec,
    duration: GaugeVec,
}

/// The rows that have metrics of their own.
const KINDS: [&str; 6] =
    ["externalsecret", "secretstore", "clustersecretstore", "pushsecret", "clusterexternalsecret", "clusterpushsecret"];

impl Counts {
    /// Counters in this registry; whether they carry the recommended labels of their objects.
    #[must_use]
    pub fn new(registry: &Registry, tells_labels: bool) -> Self {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels).expect("a constant name is valid"))
        };
        let gauge = |name: String, help: &str, labels: &[&str]| {
            register(registry, GaugeVec::new(Opts::new(name, help), labels).expect("a constant name is valid"))
        };
        let more = if tells_labels { CARRIED.map(|(_, label)| label).to_vec() } else { Vec::new() };
        let labels = ["name", "namespace"].into_iter().chain(more.clone()).collect::<Vec<_>>();
        let kinds = KINDS.map(|kind| {
            let all = ["name", "namespace", "condition", "status"].into_iter().chain(more.clone()).collect::<Vec<_>>();
            let condition = gauge(format!("{kind}_status_condition"), "The status condition of the object", &all);
            let duration = gauge(format!("{kind}_reconcile_duration"), "Nanoseconds of the last pass", &labels);
            (kind, Kind { condition, duration })
        });
        Self {
            calls: counter(
                "externalsecret_sync_calls_total",
                "Total number of the External Secret sync calls",
                &labels,
            ),
            errors: counter(
                "externalsecret_sync_calls_error",
                "Total number of the External Secret sync errors",
                &labels,
            ),
            provider_calls: counter(
                "externalsecret_provider_api_calls_count",
                "Number of API calls towards the secret provider",
                &["provider", "call", "status"],
            ),
            kinds: kinds.into_iter().collect(),
            carried: tells_labels.then(Mutex::default),
        }
    }

    /// What the series of this pass carry of the object's labels; those with its former labels go.
    fn carried(&self, pass: &Passed<'_>) -> Vec<String> {
        let Some(carried) = &self.carried else { return Vec::new() };
        let text = |label: &str| pass.labels.and_then(|labels| labels.get(label)).cloned().unwrap_or_default();
        let now: Vec<String> = CARRIED.iter().map(|(label, _)| text(label)).collect();
        let object = (pass.row, pass.namespace.to_owned(), pass.name.to_owned());
        let before = carried.lock().unwrap_or_else(PoisonError::into_inner).insert(object, now.clone());
        if let Some(before) = before.filter(|before| *before != now) {
            self.remove(pass.row, pass.namespace, pass.name, &before);
        }
        now
    }

    /// Removes an object's series. One that was never there cannot be removed, which is fine.
    fn remove(&self, row: &str, namespace: &str, name: &str, more: &[String]) {
        let Some(kind) = self.kind(row) else { return };
        let more = || more.iter().map(String::as_str);
        let labels: Vec<&str> = [name, namespace].into_iter().chain(more()).collect();
        let _ = kind.duration.remove_label_values(&labels);
        for (condition, status) in [("Ready", "True"), ("Ready", "False"), ("Deleted", "True"), ("Deleted", "False")] {
            let all: Vec<&str> = [name, namespace, condition, status].into_iter().chain(more()).collect();
            let _ = kind.condition.remove_label_values(&all);
        }
        if row == "externalsecret" {
            let _ = self.calls.remove_label_values(&labels);
            let _ = self.errors.remove_label_values(&labels);
        }
    }

    fn kind(&self, row: &str) -> Option<&Kind> {
        self.kinds.iter().find(|(name, _)| *name == row).map(|(_, kind)| kind)
    }
}

impl Observer for Counts {
    #[expect(clippy::cast_precision_loss, reason = "the peer's durations are floats, too")]
    fn passed(&self, pass: &Passed<'_>) {
        let Some(kind) = self.kind(pass.row) else { return };
        let more = self.carried(pass);
        let more = || more.iter().map(String::as_str);
        let labels: Vec<&str> = [pass.name, pass.namespace].into_iter().chain(more()).collect();
        kind.duration.with_label_values(&labels).set(pass.took.as_nanos() as f64);
        if pass.row == "externalsecret" {
            self.calls.with_label_values(&labels).inc();
            if pass.failed {
                self.errors.with_label_values(&labels).inc();
            }
        }
        for condition in pass.status["conditions"].as_array().into_iter().flatten() {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            for status in ["True", "False"] {
                let value = if text("status") == status { 1.0 } else { 0.0 };
                let all = [pass.name, pass.namespace, text("type"), status];
                let all: Vec<&str> = all.into_iter().chain(more()).collect();
                kind.condition.with_label_values(&all).set(value);
            }
        }
    }

    fn gone(&self, row: &'static str, namespace: &str, name: &str) {
        let known = self.carried.as_ref().and_then(|carried| {
            let object = (row, namespace.to_owned(), name.to_owned());
            carried.lock().unwrap_or_else(PoisonError::into_inner).remove(&object)
        });
        self.remove(row, namespace, name, &known.unwrap_or_default());
    }
}

impl CountCalls for Counts {
    fn count(&self, provider: &'static str, call: &'static str, succeeded: bool) {
        let status = if succeeded { "success" } else { "error" };
        self.provider_calls.with_label_values(&[provider, call, status]).inc();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pass_is_counted_and_its_series_go_with_the_object() {
        let registry = Registry::new();
        let counts = Counts::new(&registry, false);
        let status = json!({"conditions": [{"type": "Ready", "status": "False"}]});
        let took = std::time::Duration::from_millis(2);
        counts.passed(&Passed {
            row: "externalsecret",
            namespace: "n",
            name: "db",
            labels: None,
            status: &status,
            failed: true,
            took,
        });
        counts.count("HashiCorp/Vault", "ReadSecretData", true);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        for line in [
            r#"externalsecret_sync_calls_error{name="db",namespace="n"} 1"#,
            r#"externalsecret_status_condition{condition="Ready",name="db",namespace="n",status="False"} 1"#,
            r#"externalsecret_status_condition{condition="Ready",name="db",namespace="n",status="True"} 0"#,
            r#"externalsecret_reconcile_duration{name="db",namespace="n"} 2000000"#,
            r#"externalsecret_provider_api_calls_count{call="ReadSecretData",provider="HashiCorp/Vault",status="success"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        counts.gone("externalsecret", "n", "db");
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        assert!(!text.contains(r#"name="db""#), "{text}");
    }

    #[test]
    fn series_carry_the_recommended_labels_where_they_shall() {
        let registry = Registry::new();
        let counts = Counts::new(&registry, true);
        let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let pass = |team: &str| {
            let labels = [("app.kubernetes.io/part-of".to_owned(), team.to_owned())].into();
            counts.passed(&Passed {
                row: "secretstore",
                namespace: "n",
                name: "s",
                labels: Some(&labels),
                status: &status,
                failed: false,
                took: std::time::Duration::from_millis(1),
            });
            prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written")
        };
        let text = pass("shop");
        let line = r#"secretstore_status_condition{app_kubernetes_io_component="",app_kubernetes_io_instance="",app_kubernetes_io_managed_by="",app_kubernetes_io_name="",app_kubernetes_io_part_of="shop",app_kubernetes_io_version="",condition="Ready",name="s",namespace="n",status="True"} 1"#;
        assert!(text.contains(line), "{text}");
        let text = pass("bank");
        assert!(text.contains("bank") && !text.contains("shop"), "with other labels they are other series: {text}");
        counts.gone("secretstore", "n", "s");
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        assert!(!text.contains(r#"name="s""#), "{text}");
    }
}
