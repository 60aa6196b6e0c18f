//! ClusterPushSecret: a PushSecret for every namespace that is selected. The spec that is stamped out stays raw JSON,
//! so that fields which a newer CRD has and we do not know are not lost. Specification: ESO §5.5, §6.12.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use super::push_secret::{PushSecret, PushSecretSpec};
use super::stamp::{ChildMetadata, FailedNamespace, Stamp};
use crate::meta::{Condition, Filled as _, LabelSelector};
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

impl Stamp for ClusterPushSecret {
    type Child = PushSecret;
    type ChildSpec = PushSecretSpec;

    const SPEC: &'static str = "spec.pushSecretSpec";
    const TAKEN: &'static str = "push secret already exists in namespace";

    fn child_spec(&self) -> &Value {
        &self.spec.push_secret_spec
    }

    fn named(&self) -> Option<&str> {
        self.spec.push_secret_name.filled()
    }

    fn child_metadata(&self) -> Option<&ChildMetadata> {
        self.spec.push_secret_metadata.as_ref()
    }

    fn namespace_selectors(&self) -> impl Iterator<Item = &LabelSelector> {
        self.spec.namespace_selectors.iter()
    }

    fn refreshed_every(&self) -> Option<&str> {
        self.spec.refresh_time.filled()
    }

    fn provisioned_namespaces(&self) -> &[String] {
        self.status.as_ref().map(|status| status.provisioned_namespaces.as_slice()).unwrap_or_default()
    }

    fn told(&self, provisioned: Vec<String>, failed: Vec<FailedNamespace>, ready: Condition) -> Value {
        let status = ClusterPushSecretStatus {
            push_secret_name: Some(self.child_name().to_owned()),
            provisioned_namespaces: provisioned,
            failed_namespaces: failed,
            conditions: vec![ready],
        };
        serde_json::to_value(status).unwrap_or_default()
    }
}
