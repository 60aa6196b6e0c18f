//! ExternalSecret: which values of which stores become which Secret. v1 and v1beta1 are this one type.
//! Specification: ESO §3, §5.2.

use std::collections::BTreeMap;

use base::{Fault, duration::GoDuration};
use kube_derive::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_with_macros::skip_serializing_none;

use super::rewrite::Rewrite;
pub use super::strategies::{ConversionStrategy, DecodingStrategy, MetadataPolicy, NullBytePolicy};
use super::target::{CreationPolicy, DeletionPolicy, ExternalSecretTarget};
use super::template::ExternalSecretTemplate;
use crate::generators::GENERATORS;
use crate::meta::{self, Condition, Filled as _, Time};
use crate::shape;

/// What an ExternalSecret asks for.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ExternalSecret",
    plural = "externalsecrets",
    shortname = "es",
    category = "external-secrets",
    namespaced,
    status = "ExternalSecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretSpec {
    /// The store that all entries use unless they name their own.
    pub secret_store_ref: Option<StoreRef>,
    /// When values are read again: CreatedOnce, Periodic or OnChange.
    pub refresh_policy: Option<RefreshPolicy>,
    /// How often values are read again, as a Go duration; 0 means once.
    #[schemars(default = "one_hour")]
    pub refresh_interval: Option<String>,
    /// When periodic refreshes are allowed or denied.
    pub sync_windows: Option<SyncWindows>,
    /// The Secret that is written.
    #[serde(default)]
    pub target: ExternalSecretTarget,
    /// Single values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<ExternalSecretData>,
    /// Whole secrets, searches and generators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_from: Vec<ExternalSecretDataFrom>,
}

fn one_hour() -> Option<String> {
    Some("1h0m0s".to_owned())
}

/// When values are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RefreshPolicy {
    CreatedOnce,
    Periodic,
    OnChange,
}

/// A store, by name.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreRef {
    /// The name of the store.
    #[schemars(with = "Option<shape::Dns253>")]
    pub name: Option<String>,
    /// SecretStore (default) or ClusterSecretStore.
    pub kind: Option<StoreKind>,
}

/// The two kinds of stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StoreKind {
    #[default]
    SecretStore,
    ClusterSecretStore,
}

impl StoreKind {
    /// The word in manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretStore => "SecretStore",
            Self::ClusterSecretStore => "ClusterSecretStore",
        }
    }
}

impl StoreRef {
    /// Kind and name; an empty kind means SecretStore.
    pub fn target(&self) -> (StoreKind, &str) {
        (self.kind.unwrap_or_default(), self.name.filled().unwrap_or_default())
    }
}

/// Times at which periodic refreshes are allowed or denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncWindows {
    /// Whether the windows allow or deny.
    pub kind: SyncWindowKind,
    /// The windows.
    #[schemars(length(min = 1))]
    pub windows: Vec<SyncWindow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncWindowKind {
    Allow,
    Deny,
}

/// One window: when it opens, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncWindow {
    /// When it opens, as five cron fields in UTC or a descriptor.
    #[schemars(with = "shape::CronSchedule")]
    pub schedule: String,
    /// How long it is open, as a Go duration.
    pub duration: String,
}

/// One value.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretData {
    /// The key in the Secret.
    #[schemars(with = "shape::SecretKey")]
    pub secret_key: String,
    /// Which value.
    pub remote_ref: ExternalSecretDataRemoteRef,
    /// A store of its own.
    pub source_ref: Option<StoreSourceRef>,
}

/// Which value at the provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretDataRemoteRef {
    /// The name or path of the secret.
    pub key: String,
    /// A part of it.
    pub property: Option<String>,
    /// A version of it.
    pub version: Option<String>,
    /// Whether the value or its tags are read.
    pub metadata_policy: Option<MetadataPolicy>,
    /// How keys that Kubernetes refuses are changed.
    pub conversion_strategy: Option<ConversionStrategy>,
    /// How values are decoded.
    pub decoding_strategy: Option<DecodingStrategy>,
    /// Whether values with null bytes are refused.
    pub null_byte_policy: Option<NullBytePolicy>,
}

/// A store for one entry of data.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct StoreSourceRef {
    /// The store.
    pub store_ref: Option<StoreRef>,
    /// Ignored here.
    pub generator_ref: Option<GeneratorRef>,
}

/// A store or a generator for one entry of dataFrom.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct StoreGeneratorSourceRef {
    /// The store.
    pub store_ref: Option<StoreRef>,
    /// The generator.
    pub generator_ref: Option<GeneratorRef>,
}

/// A generator of the namespace, or a ClusterGenerator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorRef {
    /// The API version of the generator.
    #[serde(default = "generators_v1alpha1")]
    pub api_version: String,
    /// The kind of the generator.
    #[schemars(schema_with = "generator_kinds")]
    pub kind: String,
    /// The name of the generator.
    #[schemars(with = "shape::Dns253")]
    pub name: String,
}

/// The kinds that make values, and ClusterGenerator for all of them.
fn generator_kinds(_: &mut SchemaGenerator) -> Schema {
    let kinds = GENERATORS.iter().map(|generator| generator.kind);
    json_schema!({ "type": "string", "enum": kinds.chain(["ClusterGenerator"]).collect::<Vec<_>>() })
}

fn generators_v1alpha1() -> String {
    "generators.external-secrets.io/v1alpha1".to_owned()
}

/// Many values at once.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretDataFrom {
    /// All entries of one secret.
    pub extract: Option<ExternalSecretDataRemoteRef>,
    /// All secrets that a search finds.
    pub find: Option<ExternalSecretFind>,
    /// How keys are rewritten, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrite: Vec<Rewrite>,
    /// A store or generator of its own.
    pub source_ref: Option<StoreGeneratorSourceRef>,
}

/// A search.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretFind {
    /// Where to search.
    pub path: Option<String>,
    /// What names must match.
    pub name: Option<FindName>,
    /// Tags that secrets must carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How keys that Kubernetes refuses are changed.
    pub conversion_strategy: Option<ConversionStrategy>,
    /// How values are decoded.
    pub decoding_strategy: Option<DecodingStrategy>,
    /// Whether values with null bytes are refused.
    pub null_byte_policy: Option<NullBytePolicy>,
}

/// A condition on names.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindName {
    /// A regular expression.
    pub regexp: Option<String>,
}

/// What is known of an ExternalSecret.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretStatus {
    /// The Secret that was written.
    pub binding: Option<Binding>,
    /// Ready, or Deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::ExternalSecretCondition>")]
    pub conditions: Vec<Condition>,
    /// When values were last read.
    #[schemars(with = "Option<shape::NullableTime>")]
    pub refresh_time: Option<Time>,
    /// The generation, labels and annotations that were last synced.
    pub synced_resource_version: Option<String>,
}

/// The name of the Secret, for Service Binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Binding {
    /// The name.
    #[serde(default)]
    pub name: String,
}

impl ExternalSecret {
    /// The name of the target.
    pub fn target_name(&self) -> &str {
        let own = self.metadata.name.as_deref().unwrap_or_default();
        self.spec.target.name.filled().unwrap_or(own)
    }

    /// How often it is refreshed; none counts as the API's default, one hour.
    ///
    /// # Errors
    /// The interval is no Go duration.
    pub fn refresh_interval(&self) -> Result<GoDuration, Fault> {
        let text = self.spec.refresh_interval.filled().unwrap_or("1h");
        GoDuration::parse(text).map_err(|error| meta::unreadable(self, "spec.refreshInterval", error))
    }

    /// Every store that some entry uses, without repetitions, in order of first use.
    pub fn store_refs(&self) -> Vec<(StoreKind, &str)> {
        let own = self.spec.secret_store_ref.iter();
        let data = self.spec.data.iter().filter_map(|entry| entry.source_ref.as_ref()?.store_ref.as_ref());
        let from = self.spec.data_from.iter().filter_map(|entry| entry.source_ref.as_ref()?.store_ref.as_ref());
        let mut refs = Vec::new();
        for target in own.chain(data).chain(from).map(StoreRef::target).filter(|(_, name)| !name.is_empty()) {
            if !refs.contains(&target) {
                refs.push(target);
            }
        }
        refs
    }

    /// The generators of dataFrom, with the place of their entry.
    pub fn generator_refs(&self) -> impl Iterator<Item = (usize, &GeneratorRef)> {
        let entries = self.spec.data_from.iter().enumerate();
        entries.filter_map(|(place, entry)| Some((place, entry.source_ref.as_ref()?.generator_ref.as_ref()?)))
    }

    /// Who makes and owns the target.
    pub fn creation_policy(&self) -> CreationPolicy {
        self.spec.target.creation_policy
    }

    /// What happens to the target when the values are gone.
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.spec.target.deletion_policy
    }

    /// The template, where there is one.
    pub fn template(&self) -> Option<&ExternalSecretTemplate> {
        self.spec.target.template.as_ref()
    }

    /// The conditions as they stand.
    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }
}
