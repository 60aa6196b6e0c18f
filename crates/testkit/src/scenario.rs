//! Objects in, run, objects out. A scenario is written once and runs on the sandbox or on a real kube-apiserver; it
//! notes itself in the file that `KEYWRIGHT_SCENARIOS` names, which `cargo xtask test` counts.
//! `$NS` in manifests is the scenario's namespace. Specification: design §15.

#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::ops::Deref;
use std::time::Duration;

use sandbox::Sandbox;
use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::Cluster;

/// Names the file that scenarios note themselves in.
const SCENARIOS: &str = "KEYWRIGHT_SCENARIOS";

/// How long an outcome may take: the sandbox answers at once; a real cluster's controllers take their time.
const WITHIN: Duration = Duration::from_secs(10);
const REAL_WITHIN: Duration = Duration::from_secs(40);

/// A running scenario; it derefs to its cluster.
pub struct Scenario {
    cluster: Cluster,
    feature: String,
}

impl Deref for Scenario {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

/// Which object is meant: `v1 Secret db`.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub api_version: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
}

impl<'a> Named<'a> {
    #[must_use]
    pub fn new(api_version: &'a str, kind: &'a str, name: &'a str) -> Self {
        Self { api_version, kind, name }
    }

    #[must_use]
    pub fn secret(name: &'a str) -> Self {
        Self::new("v1", "Secret", name)
    }

    #[must_use]
    pub fn config_map(name: &'a str) -> Self {
        Self::new("v1", "ConfigMap", name)
    }

    #[must_use]
    pub fn deployment(name: &'a str) -> Self {
        Self::new("apps/v1", "Deployment", name)
    }
}

impl Scenario {
    /// Begins on the cluster that the environment names.
    pub async fn begin(feature: &str, name: &str) -> Self {
        let cluster = Cluster::new(name).await;
        let scenario = Self { cluster, feature: feature.to_owned() };
        scenario.note(name);
        scenario
    }

    /// Begins on a sandbox, whatever the environment says: for scenarios about troubles, time or request budgets.
    pub async fn in_memory(feature: &str, name: &str, sandbox: Sandbox) -> Self {
        let scenario = Self { cluster: Cluster::memory(name, sandbox).await, feature: feature.to_owned() };
        scenario.note(name);
        scenario
    }

    /// Notes a row of a table that ended well: objects of its own, and an outcome of its own, on a stage that it shares.
    pub fn note(&self, name: &str) {
        note(if self.is_real() { "apiserver" } else { "memory" }, &self.feature, name);
    }

    /// Creates every object of a YAML stream, in its order, and answers them as they stand.
    ///
    /// # Panics
    /// If the text is no YAML or the server refuses an object.
    pub async fn given(&self, manifests: &str) -> Vec<Value> {
        let mut made = Vec::new();
        for object in self.read(manifests) {
            let named = format!("{} {}", object["kind"], object["metadata"]["name"]);
            made.push(self.create(&object).await.unwrap_or_else(|error| panic!("cannot create {named}: {error}")));
        }
        made
    }

    /// Replaces every object of a YAML stream.
    ///
    /// # Panics
    /// If the text is no YAML or the server refuses an object.
    pub async fn changed(&self, manifests: &str) {
        for object in self.read(manifests) {
            let named = format!("{} {}", object["kind"], object["metadata"]["name"]);
            self.replace(&object).await.unwrap_or_else(|error| panic!("cannot replace {named}: {error}"));
        }
    }

    fn read(&self, manifests: &str) -> Vec<Value> {
        documents(&manifests.replace("$NS", self.namespace()))
    }

    /// Waits until the object is there and fits, and answers it.
    ///
    /// # Panics
    /// If it does not in time; the panic shows the object as it stands then (but never a Secret's data).
    pub async fn eventually(&self, named: Named<'_>, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + self.within();
        loop {
            let found = self.find(named.api_version, named.kind, named.name).await.expect("the cluster answers");
            match found {
                Some(object) if fits(&object) => return object,
                found if Instant::now() > until => panic!("{named:?} did not come to fit: {}", shown(found)),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Waits until the object holds every field of this YAML; a field that is null must not be there.
    ///
    /// # Panics
    /// If it does not in time.
    pub async fn becomes(&self, named: Named<'_>, expected: &str) -> Value {
        let expected = documents(&expected.replace("$NS", self.namespace())).pop().unwrap_or_default();
        self.eventually(named, |object| holds(object, &expected)).await
    }

    /// Waits until the object is gone.
    ///
    /// # Panics
    /// If it stays.
    pub async fn vanishes(&self, named: Named<'_>) {
        let until = Instant::now() + self.within();
        while let Some(object) =
            self.find(named.api_version, named.kind, named.name).await.expect("the cluster answers")
        {
            assert!(Instant::now() < until, "{named:?} stays: {}", shown(Some(object)));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Watches that nothing of this kind changes for so long: negative cases state their wait (lab §4).
    ///
    /// # Panics
    /// If something changes.
    pub async fn stays_quiet(&self, api_version: &str, kind: &str, wait: Duration) {
        let versions = |objects: &[Value]| -> Vec<Value> {
            objects.iter().map(|object| object["metadata"]["resourceVersion"].clone()).collect()
        };
        let before = versions(&self.list(api_version, kind).await.expect("the cluster answers"));
        tokio::time::sleep(wait).await;
        let after = versions(&self.list(api_version, kind).await.expect("the cluster answers"));
        assert_eq!(before, after, "{kind} changed within {wait:?}");
    }

    /// Takes away what the scenario made outside of its namespace.
    pub async fn end(self) {
        self.cluster.end().await;
    }

    fn within(&self) -> Duration {
        if self.is_real() { REAL_WITHIN } else { WITHIN }
    }
}

/// The documents of a YAML stream.
///
/// # Panics
/// If the text is no YAML.
#[must_use]
pub fn documents(text: &str) -> Vec<Value> {
    let parsed: Vec<Value> = serde_saphyr::from_multiple(text).expect("a stream of YAML documents");
    parsed.into_iter().filter(|document| !document.is_null()).collect()
}

/// One typed object from YAML.
///
/// # Panics
/// If the text is no such object.
#[must_use]
pub fn object<T: serde::de::DeserializeOwned>(text: &str) -> T {
    let value = documents(text).pop().unwrap_or_default();
    T::deserialize(value).expect("an object of this type")
}

/// Whether the object holds every field of `expected`; null means "not there". Lists are compared whole, item by item.
#[must_use]
pub fn holds(object: &Value, expected: &Value) -> bool {
    match (object, expected) {
        (Value::Object(has), Value::Object(wants)) => wants.iter().all(|(key, want)| match (has.get(key), want) {
            (None | Some(Value::Null), want) => want.is_null(),
            (Some(found), want) => holds(found, want),
        }),
        (Value::Array(has), Value::Array(wants)) => {
            has.len() == wants.len() && has.iter().zip(wants).all(|(found, want)| holds(found, want))
        }
        _ => object == expected,
    }
}

/// An object for a panic's text; the values of a Secret are left out.
fn shown(found: Option<Value>) -> String {
    let Some(mut object) = found else { return "it is not there".to_owned() };
    if object["kind"] == "Secret" {
        for value in object["data"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
            *value = Value::from("…");
        }
    }
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("managedFields");
    }
    serde_json::to_string_pretty(&object).unwrap_or_default()
}

/// One line per scenario: `<memory|apiserver> <feature> <name>`.
fn note(side: &str, feature: &str, name: &str) {
    let Some(path) = std::env::var_os(SCENARIOS) else { return };
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let mut file = opened.expect("the file of scenarios can be written");
    // One write: tests run side by side, and pieces of their lines must not mix.
    let line = format!("{side} {feature} {}\n", name.replace(char::is_whitespace, "-"));
    file.write_all(line.as_bytes()).expect("the file of scenarios can be written");
}
