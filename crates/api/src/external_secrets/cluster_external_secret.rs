//! ClusterExternalSecret: an ExternalSecret for every namespace that is selected. The spec that is stamped out stays raw
//! JSON, so that fields which a newer CRD has and we do not know are not lost. Specification: ESO §5.3, §6.10.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use super::external_secret::{ExternalSecret, ExternalSecretSpec};
use super::names;
use super::stamp::{ChildMetadata, FailedNamespace, Stamp};
use crate::meta::{Condition, Filled as _, LabelSelector};
use crate::shape;

/// The ExternalSecret, and the namespaces that get it.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ClusterExternalSecret",
    plural = "clusterexternalsecrets",
    shortname = "ces",
    category = "external-secrets",
    status = "ClusterExternalSecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterExternalSecretSpec {
    /// The spec of each ExternalSecret.
    #[schemars(with = "ExternalSecretSpec")]
    pub external_secret_spec: Value,
    /// The name of each ExternalSecret; that of this object if empty.
    #[schemars(with = "Option<shape::Dns253>")]
    pub external_secret_name: Option<String>,
    /// Labels and annotations of each ExternalSecret.
    pub external_secret_metadata: Option<ChildMetadata>,
    /// Deprecated: use namespaceSelectors.
    pub namespace_selector: Option<LabelSelector>,
    /// Namespaces by label; the selectors are alternatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace_selectors: Vec<LabelSelector>,
    /// Deprecated: use namespaceSelectors with kubernetes.io/metadata.name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::Dns63>")]
    pub namespaces: Vec<String>,
    /// How often the namespaces are looked at again, as a Go duration.
    pub refresh_time: Option<String>,
}

/// Which namespaces have it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterExternalSecretStatus {
    /// The name of the ExternalSecrets.
    pub external_secret_name: Option<String>,
    /// Namespaces that could not get it, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_namespaces: Vec<FailedNamespace>,
    /// Namespaces that have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisioned_namespaces: Vec<String>,
    /// Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::ClusterCondition>")]
    pub conditions: Vec<Condition>,
}

impl Stamp for ClusterExternalSecret {
    type Child = ExternalSecret;
    type ChildSpec = ExternalSecretSpec;

    const SPEC: &'static str = "spec.externalSecretSpec";
    const TAKEN: &'static str = "external secret already exists in namespace";
    const NAMESPACE_FINALIZER_PREFIX: Option<&'static str> = Some(names::NAMESPACE_FINALIZER_PREFIX);

    fn child_spec(&self) -> &Value {
        &self.spec.external_secret_spec
    }

    fn named(&self) -> Option<&str> {
        self.spec.external_secret_name.filled()
    }

    fn child_metadata(&self) -> Option<&ChildMetadata> {
        self.spec.external_secret_metadata.as_ref()
    }

    /// The deprecated one included.
    fn namespace_selectors(&self) -> impl Iterator<Item = &LabelSelector> {
        self.spec.namespace_selector.iter().chain(&self.spec.namespace_selectors)
    }

    fn namespaces(&self) -> &[String] {
        &self.spec.namespaces
    }

    fn refreshed_every(&self) -> Option<&str> {
        self.spec.refresh_time.filled()
    }

    fn provisioned_namespaces(&self) -> &[String] {
        self.status.as_ref().map(|status| status.provisioned_namespaces.as_slice()).unwrap_or_default()
    }

    fn told(&self, provisioned: Vec<String>, failed: Vec<FailedNamespace>, ready: Condition) -> Value {
        let status = ClusterExternalSecretStatus {
            external_secret_name: Some(self.child_name().to_owned()),
            failed_namespaces: failed,
            provisioned_namespaces: provisioned,
            conditions: vec![ready],
        };
        serde_json::to_value(status).unwrap_or_default()
    }
}
