//! On what credentials or a certificate were issued: what is asked for, as whom and for where on one side, what users touch to
//! force a sync on the other. An edit of anything else (restart targets, `revoke`, when it is renewed) issues nothing.
//! Specification: VSO §7.4.1, §7.5, §22 row 6.

use std::collections::BTreeMap;

use api::hashicorp::Syncable;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The digests of what was issued on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    request: [u8; 32],
    touch: [u8; 32],
}

/// What has changed since something was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nobody remembers: the process is younger than what was issued.
    Unknown,
    /// Nothing that matters.
    Nothing,
    /// What is asked for, as whom, or where it goes.
    Asked,
    /// Labels, annotations or a transformation.
    Touched,
}

/// What `kubectl apply` writes at every edit, whatever it edits.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Basis {
    /// The basis of an object: its `request`, and its marks with the generations of its SecretTransformations.
    #[must_use]
    pub fn new<O: Syncable>(o: &O, request: &Value, transformations: &BTreeMap<String, i64>) -> Self {
        let mut annotations = o.meta().annotations.clone().unwrap_or_default();
        annotations.remove(LAST_APPLIED);
        let labels = o.meta().labels.clone().unwrap_or_default();
        let touch = json!([labels, annotations, transformations]);
        let digest = |value: &Value| Sha256::digest(value.to_string().as_bytes()).into();
        Self { request: digest(request), touch: digest(&touch) }
    }

    /// What has changed from the known basis to this one.
    #[must_use]
    pub fn change(&self, known: Option<&Self>) -> Change {
        match known {
            None => Change::Unknown,
            Some(known) if known.touch != self.touch => Change::Touched,
            Some(known) if known.request != self.request => Change::Asked,
            Some(_) => Change::Nothing,
        }
    }
}
