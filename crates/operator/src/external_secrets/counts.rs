//! External Secrets' metrics, names and labels as dashboards and alerts know them. Durations are nanoseconds, as in the peer.
//! Specification: ESO §13.1, §13.2.

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
}

struct Kind {
    condition: GaugeVec,
    duration: GaugeVec,
}

/// The rows that have metrics of their own.
const KINDS: [&str; 6] =
    ["externalsecret", "secretstore", "clustersecretstore", "pushsecret", "clusterexternalsecret", "clusterpushsecret"];

impl Counts {
    /// Counters in this registry.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels).expect("a constant name is valid"))
        };
        let gauge = |name: String, help: &str, labels: &[&str]| {
            register(registry, GaugeVec::new(Opts::new(name, help), labels).expect("a constant name is valid"))
        };
        let kinds = KINDS.map(|kind| {
            let labels = ["name", "namespace", "condition", "status"];
            let condition = gauge(format!("{kind}_status_condition"), "The status condition of the object", &labels);
            let duration = gauge(format!("{kind}_reconcile_duration"), "Nanoseconds of the last pass", &labels[..2]);
            (kind, Kind { condition, duration })
        });
        let labels = ["name", "namespace"];
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
        let labels = [pass.name, pass.namespace];
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
                kind.condition.with_label_values(&[pass.name, pass.namespace, text("type"), status]).set(value);
            }
        }
    }

    fn gone(&self, row: &'static str, namespace: &str, name: &str) {
        let Some(kind) = self.kind(row) else { return };
        // A series that was never there cannot be removed, which is fine.
        let _ = kind.duration.remove_label_values(&[name, namespace]);
        for (condition, status) in [("Ready", "True"), ("Ready", "False"), ("Deleted", "True"), ("Deleted", "False")] {
            let _ = kind.condition.remove_label_values(&[name, namespace, condition, status]);
        }
        if row == "externalsecret" {
            let _ = self.calls.remove_label_values(&[name, namespace]);
            let _ = self.errors.remove_label_values(&[name, namespace]);
        }
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
        let counts = Counts::new(&registry);
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
}
