//! On what credentials were issued: the request, the login and the destination on one side, what users touch to force a sync on
//! the other. An edit of anything else (`renewalPercent`, restart targets, `revoke`) issues nothing.
//! Specification: VSO §7.4.1, §22 row 6.

use std::collections::BTreeMap;

use api::hashicorp::VaultDynamicSecret;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The digests of what an object's credentials were issued on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    request: [u8; 32],
    touch: [u8; 32],
}

/// What has changed since credentials were issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nobody remembers: the process is younger than the credentials.
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

/// The basis of an object, whose SecretTransformations stand at these generations.
#[must_use]
pub fn basis(o: &VaultDynamicSecret, transformations: &BTreeMap<String, i64>) -> Basis {
    let spec = &o.spec;
    let request = json!([
        spec.vault_auth_ref,
        spec.namespace,
        spec.mount,
        spec.path,
        spec.request_http_method,
        spec.params,
        spec.allow_static_creds,
        spec.destination
    ]);
    let mut annotations = o.metadata.annotations.clone().unwrap_or_default();
    annotations.remove(LAST_APPLIED);
    let labels = o.metadata.labels.clone().unwrap_or_default();
    let touch = json!([labels, annotations, transformations]);
    let digest = |value: serde_json::Value| Sha256::digest(value.to_string().as_bytes()).into();
    Basis { request: digest(request), touch: digest(touch) }
}

impl Basis {
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
