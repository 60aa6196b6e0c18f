//! What ClusterExternalSecret and ClusterPushSecret have in common: they stamp an object of another kind out into every
//! namespace that is selected. What is stamped out stays raw JSON. Specification: ESO §5.3, §5.5, §6.10, §6.12.

use base::{Fault, duration::GoDuration};
pub use kube_core::Resource;
pub use kube_core::object::HasSpec;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use crate::meta::{self, Condition, LabelSelector, Labels};

/// A kind of the cluster that stamps out objects of another kind, one a namespace.
pub trait Stamp: Resource<DynamicType = ()> + Sized {
    /// What is stamped out.
    type Child: Resource<DynamicType = ()> + HasSpec<Spec = Self::ChildSpec> + DeserializeOwned;
    /// Its spec.
    type ChildSpec: DeserializeOwned + PartialEq;

    /// Where the spec that is stamped out stands.
    const SPEC: &'static str;
    /// The reason of a namespace that has an object of that name already.
    const TAKEN: &'static str;
    /// The finalizer that the peer puts on its namespaces, if it does; the object's name follows.
    const NAMESPACE_FINALIZER_PREFIX: Option<&'static str> = None;

    /// The spec of each child, as it was written.
    fn child_spec(&self) -> &Value;

    /// The name of each child, if one is given.
    fn named(&self) -> Option<&str>;

    /// Labels and annotations of each child.
    fn child_metadata(&self) -> Option<&ChildMetadata>;

    /// Namespaces by label; the selectors are alternatives.
    fn namespace_selectors(&self) -> impl Iterator<Item = &LabelSelector>;

    /// Namespaces by name.
    fn namespaces(&self) -> &[String] {
        &[]
    }

    /// `spec.refreshTime` as it was written.
    fn refreshed_every(&self) -> Option<&str>;

    /// The namespaces that have it, as of the last pass.
    fn provisioned_namespaces(&self) -> &[String];

    /// The status that tells this.
    fn told(&self, provisioned: Vec<String>, failed: Vec<FailedNamespace>, ready: Condition) -> Value;

    /// The name of each child: that of this object, unless another is given.
    fn child_name(&self) -> &str {
        self.named().or(self.meta().name.as_deref()).unwrap_or_default()
    }

    /// How often the namespaces are looked at again, where it says so itself.
    ///
    /// # Errors
    /// The text is no Go duration.
    fn refresh_time(&self) -> Result<Option<GoDuration>, Fault> {
        let parse = |text| GoDuration::parse(text).map_err(|error| meta::unreadable(self, "spec.refreshTime", error));
        self.refreshed_every().map(parse).transpose()
    }
}

/// Labels and annotations of what is stamped out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChildMetadata {
    /// Annotations.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// Labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// A namespace that could not get it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FailedNamespace {
    /// The namespace.
    pub namespace: String,
    /// Why it failed.
    pub reason: Option<String>,
}
