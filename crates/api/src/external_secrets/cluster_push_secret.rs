//! ClusterPushSecret: a PushSecret for every namespace that is selected. The spec that is stamped out stays raw JSON.
//! Only the type is here yet; no controller acts on it. Specification: ESO §5.5, §6.12.

use base::{Fault, duration::GoDuration};
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use super::cluster_external_secret::{ChildMetadata, FailedNamespace};
use super::push_secret::PushSecretSpec;
use crate::meta::{self, Condition, Filled as _, LabelSelector};
use crate::shape;

/// The PushSecret, and the namespaces that get it.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1alpha1",
    kind = "ClusterPushSecret",
    plural = "clusterpushsecrets",
    category = "external-secrets",
    status = "ClusterPushSecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPushSecretSpec {
    /// The spec of each PushSecret.
    #[schemars(with = "PushSecretSpec")]
    pub push_secret_spec: Value,
    /// The name of each PushSecret; that of this object if empty.
    #[schemars(with = "Option<shape::Dns253>")]
    pub push_secret_name: Option<String>,
    /// Labels and annotations of each PushSecret.
    pub push_secret_metadata: Option<ChildMetadata>,
    /// Namespaces by label; the selectors are alternatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace_selectors: Vec<LabelSelector>,
    /// How often the namespaces are looked at again, as a Go duration.
    pub refresh_time: Option<String>,
}

/// Which namespaces have it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPushSecretStatus {
    /// The name of the PushSecrets.
    pub push_secret_name: Option<String>,
    /// Namespaces that have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisioned_namespaces: Vec<String>,
    /// Namespaces that could not get it, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_namespaces: Vec<FailedNamespace>,
    /// Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::StoreCondition>")]
    pub conditions: Vec<Condition>,
}

impl ClusterPushSecret {
    /// The spec of each PushSecret, as it was written.
    pub fn child_spec(&self) -> &Value {
        &self.spec.push_secret_spec
    }

    /// The name of each PushSecret.
    pub fn child_name(&self) -> &str {
        self.spec.push_secret_name.filled().or(self.metadata.name.as_deref()).unwrap_or_default()
    }

    /// How often the namespaces are looked at again, where it says so itself.
    ///
    /// # Errors
    /// The text is no Go duration.
    pub fn refresh_time(&self) -> Result<Option<GoDuration>, Fault> {
        let parse = |text| GoDuration::parse(text).map_err(|error| meta::unreadable(self, "spec.refreshTime", error));
        self.spec.refresh_time.filled().map(parse).transpose()
    }
}
