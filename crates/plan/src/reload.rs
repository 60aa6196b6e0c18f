//! Reloader's decisions: which workloads a changed resource concerns (`rules`, on the reduced `workload`), what is written
//! to them (`strategy`, `jobs`, `pause`), the hash that marks it (`hash`), how often (`rate`), and what a chat is told (`alert`). Pure: who lists, gets and patches is `operator`.
//! Specification: RL §7–§11, §13, §17.

pub mod alert;
pub mod hash;
pub mod jobs;
pub mod pause;
pub mod rate;
pub mod rules;
pub mod strategy;
pub mod workload;

use std::collections::BTreeSet;

use api::reload::{Keys, ResourceKind};
use base::Timestamp;

pub use jobs::Again;
pub use rules::{Hit, Notice};
pub use strategy::Edit;
pub use workload::{Container, Kind, Volume, Workload};

/// What the process was told by its flags, as far as decisions depend on it (RL §4.1).
#[derive(Clone, Debug)]
pub struct Options {
    /// The annotation keys.
    pub keys: Keys,
    /// How the template is marked.
    pub strategy: Strategy,
    /// Whether workloads without an auto annotation count as opted in.
    pub auto_reload_all: bool,
    /// Whether a created resource reloads.
    pub on_create: bool,
    /// Whether a deleted resource reloads.
    pub on_delete: bool,
    /// Kinds of workloads that are left alone.
    pub ignored: BTreeSet<Kind>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            strategy: Strategy::EnvVars,
            auto_reload_all: false,
            on_create: false,
            on_delete: false,
            ignored: BTreeSet::new(),
        }
    }
}

/// The two ways to mark a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A `STAKATER_` variable in the target container.
    EnvVars,
    /// The `last-reloaded-from` annotation.
    Annotations,
}

/// What happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Its data changed, or it was created; the published hash of the data.
    Data(String),
    /// It was deleted.
    Deleted,
}

/// A change of a resource that may concern workloads of its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The type of the resource.
    pub kind: ResourceKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether the resource says that it never reloads anything.
    pub is_ignored: bool,
    /// Whether the resource is eligible for search mode.
    pub is_match: bool,
    /// What happened.
    pub happened: Happened,
}

/// Why a workload is to be edited: one resource's latest state. Causes of one resource replace each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The type of the resource.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// What happened to it last.
    pub happened: Happened,
    /// Whether it is named, so that the pod spec need not reference it.
    pub is_named: bool,
    /// When it was seen.
    pub seen: Timestamp,
}

impl Cause {
    /// The cause that a hit makes of a change.
    #[must_use]
    pub fn new(change: &Change, hit: &Hit, seen: Timestamp) -> Self {
        Self {
            kind: change.kind,
            name: change.name.clone(),
            happened: change.happened.clone(),
            is_named: hit.is_named,
            seen,
        }
    }

    /// The hash to publish; a deletion has the marker's (RL §7, §10.4).
    #[must_use]
    pub fn hash(&self) -> String {
        match &self.happened {
            Happened::Data(hash) => hash.clone(),
            Happened::Deleted => hash::of_marker(),
        }
    }
}

/// The event and log line of a reload (RL §15.2).
#[must_use]
pub fn reloaded_message(cause: &Cause, namespace: &str, workload: &str, kind: Kind) -> String {
    format!(
        "Changes detected in '{}' of type '{}' in namespace '{namespace}', Updated '{workload}' of type '{}' in namespace '{namespace}'",
        cause.name,
        cause.kind.token(),
        kind.as_str()
    )
}

/// The log line of a reload, which people search for; it differs from the event in a comma (RL §15.3).
#[must_use]
pub fn reloaded_line(cause: &Cause, namespace: &str, workload: &str, kind: Kind) -> String {
    format!(
        "Changes detected in '{}' of type '{}' in namespace '{namespace}'; updated '{workload}' of type '{}' in namespace '{namespace}'",
        cause.name,
        cause.kind.token(),
        kind.as_str()
    )
}

/// The event of a reload that failed (RL §15.2).
#[must_use]
pub fn failed_message(namespace: &str, workload: &str, kind: Kind, error: &str) -> String {
    format!("Update for '{workload}' of type '{}' in namespace '{namespace}' failed with error {error}", kind.as_str())
}

#[cfg(test)]
mod tests;
