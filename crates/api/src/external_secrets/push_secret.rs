//! PushSecret: which values of a Secret (or of a generator) are stored at which providers. Specification: ESO §5.5, §6.11.
//! What is pushed and deleted is `plan`'s.

use std::collections::BTreeMap;

use base::{Fault, duration::GoDuration};
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use super::external_secret::{GeneratorRef, StoreKind};
use super::rewrite::{RegexpRewrite, TransformRewrite};
use super::template::ExternalSecretTemplate;
use crate::meta::{self, Condition, Filled as _, LabelSelector, Time};
use crate::shape;

/// What is pushed, and where.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1alpha1",
    kind = "PushSecret",
    plural = "pushsecrets",
    shortname = "ps",
    category = "external-secrets",
    namespaced,
    status = "PushSecretStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretSpec {
    /// How often values are pushed again, as a Go duration; 0 means only after changes.
    #[schemars(default = "one_hour")]
    pub refresh_interval: Option<String>,
    /// The stores that values are pushed to.
    pub secret_store_refs: Vec<PushSecretStoreRef>,
    /// Whether what exists at the provider is replaced.
    #[serde(default)]
    pub update_policy: UpdatePolicy,
    /// Whether what was pushed is deleted with the PushSecret.
    #[serde(default)]
    pub deletion_policy: PushDeletionPolicy,
    /// Where values come from.
    pub selector: PushSecretSelector,
    /// Single values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<PushSecretData>,
    /// Many values at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_to: Vec<PushSecretDataTo>,
    /// How values are made from those of the source.
    pub template: Option<ExternalSecretTemplate>,
}

fn one_hour() -> Option<String> {
    Some("1h0m0s".to_owned())
}

/// A store by name, or stores by label.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretStoreRef {
    /// The name of the store.
    #[schemars(with = "Option<shape::Dns253>")]
    pub name: Option<String>,
    /// SecretStore or ClusterSecretStore.
    #[serde(default)]
    pub kind: StoreKind,
    /// Stores by label.
    pub label_selector: Option<LabelSelector>,
}

impl PushSecretStoreRef {
    /// The store's name, unless it is chosen by label.
    pub fn name(&self) -> Option<&str> {
        self.name.filled()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdatePolicy {
    #[default]
    Replace,
    IfNotExists,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PushDeletionPolicy {
    Delete,
    #[default]
    None,
}

/// Exactly one source.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct PushSecretSelector {
    /// A Secret of the namespace, or several.
    pub secret: Option<PushSecretSecret>,
    /// A generator.
    pub generator_ref: Option<GeneratorRef>,
}

/// Secrets of the namespace by name or label.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PushSecretSecret {
    /// The name of the Secret.
    #[schemars(with = "Option<shape::Dns253>")]
    pub name: Option<String>,
    /// Secrets by label.
    pub selector: Option<LabelSelector>,
}

/// One value and where it goes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretData {
    /// The key in the Secret, and the place at the provider.
    #[serde(rename = "match")]
    pub match_: PushSecretMatch,
    /// Settings of the provider for this value.
    #[schemars(with = "Option<shape::AnyJson>")]
    pub metadata: Option<Value>,
    /// How keys are changed before they are matched.
    #[serde(default)]
    pub conversion_strategy: PushConversionStrategy,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretMatch {
    /// The key in the Secret; the whole Secret if empty.
    pub secret_key: Option<String>,
    /// The place at the provider.
    pub remote_ref: PushSecretRemoteRef,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretRemoteRef {
    /// The name or path at the provider.
    pub remote_key: String,
    /// A part of it.
    pub property: Option<String>,
}

impl PushSecretRemoteRef {
    /// Its key in `status.syncedPushSecrets`: `remoteKey`, or `remoteKey/property`.
    pub fn status_key(&self) -> String {
        match self.property.filled() {
            Some(property) => format!("{}/{property}", self.remote_key),
            None => self.remote_key.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PushConversionStrategy {
    #[default]
    None,
    ReverseUnicode,
}

/// Many values to one store: one by one, or as one JSON object.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.storeRef) && (has(self.storeRef.name) || has(self.storeRef.labelSelector))",
        "message": "storeRef must specify either name or labelSelector",
    },
    {
        "rule": "!has(self.remoteKey) || !has(self.rewrite) || size(self.rewrite) == 0",
        "message": "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)",
    },
]))]
pub struct PushSecretDataTo {
    /// One of the stores of the spec.
    pub store_ref: Option<PushSecretStoreRef>,
    /// If set, all matching values become one JSON object there.
    pub remote_key: Option<String>,
    /// Which keys are pushed; all if empty.
    #[serde(rename = "match")]
    pub match_: Option<DataToMatch>,
    /// How keys become names at the provider, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrite: Vec<KeyRewrite>,
    /// Settings of the provider for these values.
    #[schemars(with = "Option<shape::AnyJson>")]
    pub metadata: Option<Value>,
    /// How keys are changed before they are matched.
    #[serde(default)]
    pub conversion_strategy: PushConversionStrategy,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataToMatch {
    /// A regular expression (RE2).
    pub regexp: Option<String>,
}

/// One step of rewriting names.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "has(self.regexp) != has(self.transform)",
    "message": "exactly one of regexp or transform must be set",
}]))]
pub struct KeyRewrite {
    /// Names are replaced by a regular expression.
    pub regexp: Option<RegexpRewrite>,
    /// Names are rendered by a template.
    pub transform: Option<TransformRewrite>,
}

/// How the last push went, and what is stored where.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretStatus {
    /// Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::StoreCondition>")]
    pub conditions: Vec<Condition>,
    /// When values were last pushed.
    #[schemars(with = "Option<shape::NullableTime>")]
    pub refresh_time: Option<Time>,
    /// The generation, labels and annotations that were last synced.
    pub synced_resource_version: Option<String>,
    /// What was pushed, by store and place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub synced_push_secrets: SyncedPushSecrets,
}

/// Entries by `<StoreKind>/<storeName>` and by `<remoteKey>[/<property>]`.
pub type SyncedPushSecrets = BTreeMap<String, BTreeMap<String, PushSecretData>>;

/// The only source of a PushSecret.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PushSource<'a> {
    /// A Secret of the namespace.
    Secret(&'a str),
    /// All Secrets of the namespace with these labels.
    Selector(&'a LabelSelector),
    /// A generator.
    Generator(&'a GeneratorRef),
}

impl PushSecret {
    /// The stores that it names or selects.
    pub fn store_refs(&self) -> &[PushSecretStoreRef] {
        &self.spec.secret_store_refs
    }

    /// Where its values come from; none if the selector is empty.
    pub fn source(&self) -> Option<PushSource<'_>> {
        let selector = &self.spec.selector;
        if let Some(secret) = &selector.secret {
            let named = secret.name.filled().map(PushSource::Secret);
            return named.or(secret.selector.as_ref().map(PushSource::Selector));
        }
        selector.generator_ref.as_ref().map(PushSource::Generator)
    }

    /// How often values are pushed again; none counts as the API's default, one hour.
    ///
    /// # Errors
    /// The interval is no Go duration.
    pub fn refresh_interval(&self) -> Result<GoDuration, Fault> {
        let text = self.spec.refresh_interval.filled().unwrap_or("1h");
        GoDuration::parse(text).map_err(|error| meta::unreadable(self, "spec.refreshInterval", error))
    }

    /// Whether what was pushed is deleted with it: that is when it needs its finalizer.
    pub fn deletes(&self) -> bool {
        self.spec.deletion_policy == PushDeletionPolicy::Delete
    }

    /// Whether what stands at its place is left as it is.
    pub fn keeps_existing(&self) -> bool {
        self.spec.update_policy == UpdatePolicy::IfNotExists
    }

    /// How its values are made, if not as they are.
    pub fn template(&self) -> Option<&ExternalSecretTemplate> {
        self.spec.template.as_ref()
    }

    /// Rules that push many values.
    pub fn data_to(&self) -> &[PushSecretDataTo] {
        &self.spec.data_to
    }

    /// What is known to be stored.
    pub fn synced(&self) -> impl Iterator<Item = (&str, &str, &PushSecretData)> {
        let stores = self.status.iter().flat_map(|status| &status.synced_push_secrets);
        stores.flat_map(|(store, entries)| entries.iter().map(|(key, data)| (store.as_str(), key.as_str(), data)))
    }

    /// The conditions as they stand.
    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }
}
