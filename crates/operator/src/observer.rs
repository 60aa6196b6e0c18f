//! Who counts what passes come to, under the peer's own metric names: one per feature, in its folder. The families that every
//! controller has are `metrics`'. Specification: design §14.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// A pass that has ended.
pub struct Passed<'a> {
    /// The row.
    pub row: &'static str,
    /// The object's namespace.
    pub namespace: &'a str,
    /// The object's name.
    pub name: &'a str,
    /// The object's labels.
    pub labels: Option<&'a BTreeMap<String, String>>,
    /// Its status as it stands after the pass.
    pub status: &'a Value,
    /// Whether the pass failed.
    pub failed: bool,
    /// How long it took.
    pub took: Duration,
}

/// Counts.
pub trait Observer: Send + Sync {
    /// A pass has ended.
    fn passed(&self, pass: &Passed<'_>);

    /// An object is gone; its series go with it.
    fn gone(&self, row: &'static str, namespace: &str, name: &str);
}
