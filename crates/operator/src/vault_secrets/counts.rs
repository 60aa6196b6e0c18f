//! Vault Secrets' metrics, names and labels as dashboards and alerts know them: clients of Vault, their calls, and how each object
//! stands. Series of an object go with it. `vso_secret_expiration_timestamp_seconds` is ours. Specification: VSO §14.

use std::time::Duration;

use prometheus::{
    Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use serde_json::Value;
use wire::vault::connection::Operation;

use super::{Persistence, Settings};
use crate::metrics::register;
use crate::observer::{Observer, Passed};
use crate::world::vault::{CountClients, Storing};

/// The counters of one process.
pub struct Counts {
    seconds: HistogramVec,
    calls: IntCounterVec,
    errors: IntCounterVec,
    factory_seconds: HistogramVec,
    factory_requests: IntCounterVec,
    factory_errors: IntCounterVec,
    open: IntGauge,
    hits: IntCounter,
    misses: IntCounter,
    evictions: Gauge,
    clones: Clones,
    storage: Storage,
    resources: IntGaugeVec,
    expirations: IntGaugeVec,
}

/// Clients in other namespaces than that of their login.
struct Clones {
    hits: IntCounter,
    misses: IntCounter,
    evictions: Gauge,
}

/// Clients that are stored.
struct Storage {
    length: IntGauge,
    requests: IntCounterVec,
    request_errors: IntCounterVec,
    operations: IntCounterVec,
    operation_errors: IntCounterVec,
}

/// Rows whose objects have a state; to tell the last two is ours.
const RESOURCES: [&str; 6] = [
    "vaultauth",
    "vaultconnection",
    "vaultpkisecret",
    "secrettransformation",
    "vaultstaticsecret",
    "vaultdynamicsecret",
];

/// The peer's buckets.
const BUCKETS: [f64; 32] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5,
    1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0,
];
const LAST_BUCKET: f64 = 10.0;

/// The component that opens clients, in the peer's word.
const FACTORY: &str = "vaultClientFactory";

impl Counts {
    /// Counters in this registry.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels).expect("a constant name is valid"))
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntGaugeVec::new(Opts::new(name, help), labels).expect("a constant name is valid"))
        };
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            let buckets = BUCKETS.into_iter().chain([LAST_BUCKET]).collect();
            let opts = HistogramOpts::new(name, help).buckets(buckets);
            register(registry, HistogramVec::new(opts, labels).expect("a constant name is valid"))
        };
        let single =
            |name: &str, help: &str| register(registry, IntCounter::new(name, help).expect("a constant name is valid"));
        tell_build(registry);
        let of_call = ["operation", "vault_connection"];
        Self {
            seconds: histogram("vso_client_operations_time_seconds", "Length of time per Vault operation", &of_call),
            calls: counter("vso_client_operations_total", "Number of Vault operations", &of_call),
            errors: counter("vso_client_operations_errors_total", "Number of failed Vault operations", &of_call),
            factory_seconds: histogram(
                "vso_client_factory_operations_time_seconds",
                "Length of time per operation of the client factory",
                &["component", "operation"],
            ),
            factory_requests: counter(
                "vso_client_factory_requests_total",
                "Number of requests to the client factory",
                &["operation"],
            ),
            factory_errors: counter(
                "vso_client_factory_requests_errors_total",
                "Number of failed requests to the client factory",
                &["operation"],
            ),
            open: register(
                registry,
                IntGauge::new("vso_client_cache_length", "Number of open clients").expect("a constant name is valid"),
            ),
            hits: single("vso_client_cache_hits", "Number of requests that an open client answered"),
            misses: single("vso_client_cache_misses", "Number of requests that opened a client"),
            evictions: register(
                registry,
                Gauge::new("vso_client_cache_evictions", "Number of clients that were forgotten")
                    .expect("a constant name is valid"),
            ),
            clones: Clones::new(registry),
            storage: Storage::new(registry),
            resources: gauge(
                "controller_resource_status",
                "Status of the object: 1 is well, 0 is not",
                &["controller", "name", "namespace"],
            ),
            expirations: gauge(
                "vso_secret_expiration_timestamp_seconds",
                "When the lease or certificate ends, in unix seconds",
                &["controller", "name", "namespace"],
            ),
        }
    }
}

impl Clones {
    fn new(registry: &Registry) -> Self {
        let single =
            |name: &str, help: &str| register(registry, IntCounter::new(name, help).expect("a constant name is valid"));
        let evictions = Gauge::new("vso_client_clone_cache_evictions", "Number of clones that were forgotten");
        Self {
            hits: single("vso_client_clone_cache_hits", "Number of requests that a known clone answered"),
            misses: single("vso_client_clone_cache_misses", "Number of requests that made a clone"),
            evictions: register(registry, evictions.expect("a constant name is valid")),
        }
    }
}

impl Storage {
    fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str| {
            let opts = Opts::new(format!("vso_client_cache_storage_{name}"), help);
            register(registry, IntCounterVec::new(opts, &["operation"]).expect("a constant name is valid"))
        };
        let length = IntGauge::new("vso_client_cache_storage_length", "Number of stored clients");
        Self {
            length: register(registry, length.expect("a constant name is valid")),
            requests: counter("requests_total", "Number of requests to the store of clients"),
            request_errors: counter("requests_errors_total", "Number of failed requests to the store of clients"),
            operations: counter("operations_total", "Number of operations on stored clients"),
            operation_errors: counter("operations_errors_total", "Number of failed operations on stored clients"),
        }
    }
}

fn tell_build(registry: &Registry) {
    let labels = [
        "major",
        "minor",
        "git_version",
        "git_commit",
        "git_tree_state",
        "build_date",
        "go_version",
        "compiler",
        "platform",
    ];
    let built = Opts::new("vso_build_info", "Build information");
    let built = register(registry, IntGaugeVec::new(built, &labels).expect("a constant name is valid"));
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    let version = env!("CARGO_PKG_VERSION");
    built.with_label_values(&[major, minor, version, "", "", "", "", "rustc", &platform]).set(1);
}

/// Tells how the process was configured.
pub fn tell_runtime(registry: &Registry, settings: &Settings) {
    let (labels, words): (Vec<&str>, Vec<&str>) =
        settings.told.iter().map(|(label, word)| (*label, word.as_str())).unzip();
    let opts = Opts::new("vso_runtime_config", "How the operator was configured");
    let config = register(registry, IntGaugeVec::new(opts, &labels).expect("a constant name is valid"));
    config.with_label_values(&words).set(1);
    let size = IntGauge::new("vso_client_cache_size", "Number of clients that are kept at most");
    let size = register(registry, size.expect("a constant name is valid"));
    size.set(i64::try_from(settings.clients).unwrap_or(i64::MAX));
    let opts = Opts::new("vso_client_cache_storage_config", "How clients are stored");
    let storage = IntGaugeVec::new(opts, &["enforce_encryption"]).expect("a constant name is valid");
    let enforced = (settings.persistence == Persistence::Encrypted).to_string();
    register(registry, storage).with_label_values(&[&enforced]).set(1);
}

fn storing_word(what: Storing) -> &'static str {
    match what {
        Storing::Store => "store",
        Storing::Restore => "restore",
        Storing::Prune => "prune",
        Storing::Delete => "delete",
        Storing::Purge => "purge",
    }
}

fn count_storing(all: &IntCounterVec, failed: &IntCounterVec, what: Storing, succeeded: bool) {
    let labels = [storing_word(what)];
    all.with_label_values(&labels).inc();
    if !succeeded {
        failed.with_label_values(&labels).inc();
    }
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Login => "login",
        Operation::Renew => "renew",
        Operation::Read => "read",
        Operation::Write => "write",
    }
}

/// Whether an object is well: what its status says itself, or its condition `Ready`.
fn is_well(status: &Value) -> Option<bool> {
    status["valid"].as_bool().or_else(|| {
        let conditions = status["conditions"].as_array()?;
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
        Some(ready["status"] == "True")
    })
}

/// The unix second in which a certificate or a lease ends.
fn expiration(row: &str, status: &Value) -> Option<i64> {
    let lease = || {
        let seconds = status["secretLease"]["duration"].as_i64().filter(|seconds| *seconds > 0)?;
        Some(status["lastRenewalTime"].as_i64()? + seconds)
    };
    match row {
        "vaultpkisecret" => status["expiration"].as_i64(),
        "vaultdynamicsecret" => lease(),
        _ => None,
    }
}

impl Observer for Counts {
    fn passed(&self, pass: &Passed<'_>) {
        if !RESOURCES.contains(&pass.row) {
            return;
        }
        let labels = [pass.row, pass.name, pass.namespace];
        if let Some(well) = is_well(pass.status) {
            self.resources.with_label_values(&labels).set(i64::from(well));
        }
        if let Some(second) = expiration(pass.row, pass.status) {
            self.expirations.with_label_values(&labels).set(second);
        }
    }

    fn gone(&self, row: &'static str, namespace: &str, name: &str) {
        // A series that was never there cannot be removed, which is fine.
        let _ = self.resources.remove_label_values(&[row, name, namespace]);
        let _ = self.expirations.remove_label_values(&[row, name, namespace]);
    }
}

impl CountClients for Counts {
    fn called(&self, connection: &str, operation: Operation, took: Duration, succeeded: bool) {
        let labels = [word(operation), connection];
        self.seconds.with_label_values(&labels).observe(took.as_secs_f64());
        self.calls.with_label_values(&labels).inc();
        if !succeeded {
            self.errors.with_label_values(&labels).inc();
        }
    }

    fn asked(&self, was_open: bool, open: usize) {
        if was_open {
            self.hits.inc();
        } else {
            self.misses.inc();
        }
        self.open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    fn made(&self, what: &'static str, took: Duration, succeeded: bool) {
        self.factory_seconds.with_label_values(&[FACTORY, what]).observe(took.as_secs_f64());
        self.factory_requests.with_label_values(&[what]).inc();
        if !succeeded {
            self.factory_errors.with_label_values(&[what]).inc();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the peer's evictions are a float, too")]
    fn forgot(&self, clients: usize, open: usize) {
        self.evictions.add(clients as f64);
        self.open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    fn cloned(&self, was_known: bool) {
        if was_known {
            self.clones.hits.inc();
        } else {
            self.clones.misses.inc();
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the peer's evictions are a float, too")]
    fn forgot_clones(&self, clones: usize) {
        self.clones.evictions.add(clones as f64);
    }

    fn store_asked(&self, what: Storing, succeeded: bool) {
        count_storing(&self.storage.requests, &self.storage.request_errors, what, succeeded);
    }

    fn store_did(&self, what: Storing, succeeded: bool) {
        count_storing(&self.storage.operations, &self.storage.operation_errors, what, succeeded);
    }

    fn stored(&self, clients: usize) {
        self.storage.length.set(i64::try_from(clients).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_and_calls_are_counted_and_series_go_with_their_object() {
        let registry = Registry::new();
        let counts = Counts::new(&registry);
        tell_runtime(&registry, &Settings::new("vso"));
        let text = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        let took = Duration::from_millis(2);
        let pass = |row: &'static str, status: Value| {
            let name = "db";
            counts.passed(&Passed { row, namespace: "n", name, labels: None, status: &status, failed: false, took });
        };
        pass("vaultpkisecret", json!({"valid": true, "expiration": 1000}));
        pass("vaultauth", json!({"valid": false}));
        pass("vaultstaticsecret", json!({"conditions": [{"type": "Ready", "status": "True"}]}));
        pass("vaultdynamicsecret", json!({"lastRenewalTime": 10, "secretLease": {"duration": 50}}));
        pass("vaultauthglobal", json!({"valid": true}));
        counts.called("n/bao", Operation::Login, took, true);
        counts.called("n/bao", Operation::Read, took, false);
        counts.asked(false, 1);
        counts.asked(true, 1);
        counts.made("get", took, true);
        counts.forgot(1, 0);
        let scrape = text();
        for line in [
            r#"controller_resource_status{controller="vaultpkisecret",name="db",namespace="n"} 1"#,
            r#"controller_resource_status{controller="vaultauth",name="db",namespace="n"} 0"#,
            r#"controller_resource_status{controller="vaultstaticsecret",name="db",namespace="n"} 1"#,
            r#"vso_secret_expiration_timestamp_seconds{controller="vaultpkisecret",name="db",namespace="n"} 1000"#,
            r#"vso_secret_expiration_timestamp_seconds{controller="vaultdynamicsecret",name="db",namespace="n"} 60"#,
            r#"vso_client_operations_total{operation="login",vault_connection="n/bao"} 1"#,
            r#"vso_client_operations_errors_total{operation="read",vault_connection="n/bao"} 1"#,
            r#"vso_client_operations_time_seconds_bucket{operation="login",vault_connection="n/bao",le="0.005"} 1"#,
            r#"vso_client_factory_requests_total{operation="get"} 1"#,
            r#"backoffMultiplier="1.5",backoffRandomizationFactor="0.5",clientCachePersistenceModel="none""#,
            "vso_client_cache_hits 1",
            "vso_client_cache_misses 1",
            "vso_client_cache_evictions 1",
            "vso_client_cache_length 0",
            "vso_client_cache_size 10000",
        ] {
            assert!(scrape.contains(line), "{line} in {scrape}");
        }
        assert!(!scrape.contains("vaultauthglobal") && scrape.contains("vso_build_info{"), "{scrape}");
        counts.gone("vaultpkisecret", "n", "db");
        assert!(!text().contains(r#"controller="vaultpkisecret""#));
    }

    #[test]
    fn clones_and_stored_clients_are_counted() {
        let registry = Registry::new();
        let counts = Counts::new(&registry);
        tell_runtime(&registry, &Settings::new("vso"));
        counts.cloned(false);
        counts.cloned(true);
        counts.cloned(true);
        counts.forgot_clones(1);
        counts.stored(3);
        counts.store_asked(Storing::Prune, true);
        counts.store_did(Storing::Prune, true);
        counts.store_did(Storing::Prune, false);
        counts.store_asked(Storing::Restore, false);
        let scrape = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("it can be written");
        for line in [
            "vso_client_clone_cache_hits 2",
            "vso_client_clone_cache_misses 1",
            "vso_client_clone_cache_evictions 1",
            r#"vso_client_cache_storage_config{enforce_encryption="false"} 1"#,
            "vso_client_cache_storage_length 3",
            r#"vso_client_cache_storage_requests_total{operation="prune"} 1"#,
            r#"vso_client_cache_storage_requests_errors_total{operation="restore"} 1"#,
            r#"vso_client_cache_storage_operations_total{operation="prune"} 2"#,
            r#"vso_client_cache_storage_operations_errors_total{operation="prune"} 1"#,
        ] {
            assert!(scrape.contains(line), "{line} in {scrape}");
        }
    }
}
