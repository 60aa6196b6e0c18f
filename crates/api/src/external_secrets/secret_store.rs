//! SecretStore and ClusterSecretStore: the resources that configure a provider. The provider's settings are one key and its
//! raw value here; the emitted CRD closes the union. v1 and v1beta1 are one type. Specification: ESO §3, §5.4, §6.8.

use base::{Fault, ObjectRef, duration::GoDuration};
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with_macros::skip_serializing_none;

use super::external_secret::StoreKind;
use crate::meta::{Condition, Filled as _, LabelSelector, condition};
use crate::shape;

/// What a store says.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "SecretStore",
    plural = "secretstores",
    shortname = "ss",
    category = "external-secrets",
    namespaced,
    status = "SecretStoreStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["provider"]))]
pub struct SecretStoreSpec {
    /// The class of the controller that takes this store; empty means any.
    pub controller: Option<String>,
    /// The provider: exactly one key.
    #[schemars(with = "shape::AnyObject")]
    #[serde(default)]
    pub provider: Value,
    /// How often failed calls are tried again.
    pub retry_settings: Option<RetrySettings>,
    /// How often the store is validated: seconds, or a Go duration.
    #[schemars(with = "Option<shape::IntOrDuration>")]
    pub refresh_interval: Option<Value>,
    /// From which namespaces a ClusterSecretStore may be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<StoreCondition>,
}

/// The spec of a ClusterSecretStore, which is the same.
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "external-secrets.io",
    version = "v1",
    kind = "ClusterSecretStore",
    plural = "clustersecretstores",
    shortname = "css",
    category = "external-secrets",
    status = "SecretStoreStatus",
    derive = "PartialEq",
    schema = "disabled",
    crates(kube_core = "kube_core")
)]
pub struct ClusterSecretStoreSpec {
    /// The spec, field by field that of a SecretStore.
    #[serde(flatten)]
    pub store: SecretStoreSpec,
}

/// The keys of `spec.provider` that the peer's v1 or v1beta1 knows (ESO App. A; `alibaba` and `device42` are v1beta1's).
pub const PROVIDERS: &[&str] = &[
    "akeyless",
    "alibaba",
    "aws",
    "azurekv",
    "barbican",
    "beyondtrust",
    "beyondtrustworkloadcredentials",
    "bitwardensecretsmanager",
    "chef",
    "cloudrusm",
    "conjur",
    "crd",
    "delinea",
    "device42",
    "doppler",
    "dvls",
    "fake",
    "fortanix",
    "gcpsm",
    "github",
    "gitlab",
    "ibm",
    "infisical",
    "keepersecurity",
    "kubernetes",
    "nebiusmysterybox",
    "ngrok",
    "onboardbase",
    "onepassword",
    "onepasswordSDK",
    "openBao",
    "oracle",
    "ovh",
    "passbolt",
    "passworddepot",
    "previder",
    "pulumi",
    "scaleway",
    "secretserver",
    "senhasegura",
    "vault",
    "volcengine",
    "webhook",
    "yandexcertificatemanager",
    "yandexlockbox",
];

/// How often failed calls are tried again.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetrySettings {
    /// How often.
    pub max_retries: Option<i32>,
    /// How long to wait in between, as a Go duration.
    pub retry_interval: Option<String>,
}

/// Namespaces from which a ClusterSecretStore may be used: selector, names or expressions.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreCondition {
    /// Namespaces by their labels.
    pub namespace_selector: Option<LabelSelector>,
    /// Namespaces by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::Dns63>")]
    pub namespaces: Vec<String>,
    /// Namespaces by expressions on their name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace_regexes: Vec<String>,
}

/// What is known of a store.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretStoreStatus {
    /// Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<shape::StoreCondition>")]
    pub conditions: Vec<Condition>,
    /// ReadOnly, WriteOnly or ReadWrite.
    pub capabilities: Option<String>,
}

/// A store of either kind, as far as whoever uses it must know.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// Which kind.
    pub kind: StoreKind,
    /// Its name.
    pub name: String,
    /// Its namespace, empty for a ClusterSecretStore.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// What it says.
    pub spec: SecretStoreSpec,
    /// Its Ready condition: none if it was never validated.
    pub ready: Option<bool>,
    /// Whether it is being deleted.
    pub is_deleting: bool,
}

impl Store {
    /// The store's name for messages and tenants.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new(self.kind.as_str(), self.namespace.clone(), self.name.clone())
    }

    /// From which namespaces it may be used.
    #[must_use]
    pub fn conditions(&self) -> &[StoreCondition] {
        &self.spec.conditions
    }

    /// How often it is validated, where it says so itself.
    ///
    /// # Errors
    /// The interval is neither seconds nor a Go duration.
    pub fn refresh_interval(&self) -> Result<Option<GoDuration>, Fault> {
        let wrong = |cause: String| {
            Fault::wrong(format!("cannot read `spec.refreshInterval` of {}", self.object())).because(cause)
        };
        match &self.spec.refresh_interval {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => number
                .as_i64()
                .map(|seconds| Some(GoDuration::from_seconds(seconds)))
                .ok_or_else(|| wrong(number.to_string())),
            Some(Value::String(text)) => match text.parse::<i64>() {
                Ok(seconds) => Ok(Some(GoDuration::from_seconds(seconds))),
                Err(_) => GoDuration::parse(text).map(Some).map_err(|error| wrong(error.to_string())),
            },
            Some(_) => Err(wrong("it is neither a number nor a text".to_owned())),
        }
    }

    /// The provider's key with its settings.
    pub fn provider(&self) -> &Value {
        &self.spec.provider
    }

    /// The controller class that it asks for.
    pub fn class(&self) -> Option<&str> {
        self.spec.controller.filled()
    }
}

fn ready_of(status: Option<&SecretStoreStatus>) -> Option<bool> {
    condition(&status?.conditions, "Ready").map(Condition::is_true)
}

impl From<&SecretStore> for Store {
    fn from(store: &SecretStore) -> Self {
        Self {
            kind: StoreKind::SecretStore,
            name: store.metadata.name.clone().unwrap_or_default(),
            namespace: store.metadata.namespace.clone().unwrap_or_default(),
            uid: store.metadata.uid.clone().unwrap_or_default(),
            generation: store.metadata.generation.unwrap_or_default(),
            spec: store.spec.clone(),
            ready: ready_of(store.status.as_ref()),
            is_deleting: store.metadata.deletion_timestamp.is_some(),
        }
    }
}

impl From<&ClusterSecretStore> for Store {
    fn from(store: &ClusterSecretStore) -> Self {
        Self {
            kind: StoreKind::ClusterSecretStore,
            name: store.metadata.name.clone().unwrap_or_default(),
            namespace: String::new(),
            uid: store.metadata.uid.clone().unwrap_or_default(),
            generation: store.metadata.generation.unwrap_or_default(),
            spec: store.spec.store.clone(),
            ready: ready_of(store.status.as_ref()),
            is_deleting: store.metadata.deletion_timestamp.is_some(),
        }
    }
}
