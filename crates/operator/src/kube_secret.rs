//! Kubernetes' Secret on the wire, between JSON and [`Present`] / [`Target`]. Values are decoded straight into hidden
//! types; k8s-openapi's `Secret` can be shown and is not used. Specification: design §8.

use std::collections::BTreeMap;

use base::encoding::Base64;
use base::{Fault, SecretBytes, SecretMap};
use plan::present::Managed;
use plan::present::OwnerRef;
use plan::{Present, Target};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

/// Reads the API server's answer.
///
/// # Errors
/// It is no Secret.
pub fn read(body: &[u8]) -> Result<Present, Fault> {
    crate::cluster::parse::<Wire>(body, "Secret").map(Wire::into_present)
}

/// The body of a POST or PUT of this target; a PUT names the version that it replaces.
#[must_use]
pub fn body(target: &Target, replaces: Option<&Present>) -> Vec<u8> {
    let mut metadata = Map::new();
    let mut set = |name: &str, value: Value| metadata.insert(name.to_owned(), value);
    set("name", json!(target.name));
    set("namespace", json!(target.namespace));
    if !target.labels.is_empty() {
        set("labels", json!(target.labels));
    }
    if !target.annotations.is_empty() {
        set("annotations", json!(target.annotations));
    }
    if !target.finalizers.is_empty() {
        set("finalizers", json!(target.finalizers));
    }
    if !target.owners.is_empty() {
        set("ownerReferences", json!(target.owners));
    }
    if let Some(present) = replaces {
        set("uid", json!(present.uid));
        set("resourceVersion", json!(present.resource_version));
    }
    let data: Map<String, Value> =
        target.data.iter().map(|(key, value)| (key.clone(), json!(Base64::Standard.encode(value.expose())))).collect();
    let mut secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data });
    if !target.kind.is_empty() {
        secret["type"] = json!(target.kind);
    }
    let immutable = target.immutable.or(replaces.map(|present| present.immutable)).unwrap_or(false);
    if immutable {
        secret["immutable"] = json!(true);
    }
    secret.to_string().into_bytes()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    metadata: Meta,
    #[serde(default)]
    data: Option<BTreeMap<String, Encoded>>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    immutable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    namespace: String,
    name: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    finalizers: Option<Vec<String>>,
    #[serde(default)]
    owner_references: Option<Vec<OwnerRef>>,
    #[serde(default)]
    deletion_timestamp: Option<String>,
    #[serde(default)]
    managed_fields: Option<Vec<ManagedFields>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManagedFields {
    #[serde(default)]
    manager: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    fields_v1: Value,
}

/// A base64 value that is decoded while it is read.
struct Encoded(SecretBytes);

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(from)?.unwrap_or_default();
        let bytes = Base64::Standard.decode(text.as_bytes());
        bytes.map(Self).ok_or_else(|| D::Error::custom("a value of the Secret is not base64"))
    }
}

impl Wire {
    fn into_present(self) -> Present {
        let meta = self.metadata;
        let data: SecretMap =
            self.data.unwrap_or_default().into_iter().map(|(key, Encoded(value))| (key, value)).collect();
        Present {
            namespace: meta.namespace,
            name: meta.name,
            uid: meta.uid,
            resource_version: meta.resource_version,
            kind: self.r#type.unwrap_or_else(|| "Opaque".to_owned()),
            labels: meta.labels.unwrap_or_default(),
            annotations: meta.annotations.unwrap_or_default(),
            finalizers: meta.finalizers.unwrap_or_default(),
            owners: meta.owner_references.unwrap_or_default(),
            data,
            immutable: self.immutable.unwrap_or(false),
            deleting: meta.deletion_timestamp.is_some(),
            managed: meta.managed_fields.unwrap_or_default().into_iter().map(managed).collect(),
        }
    }
}

fn managed(fields: ManagedFields) -> Managed {
    let keys = |pointer: &str| {
        let under = fields.fields_v1.pointer(pointer).and_then(Value::as_object);
        under.into_iter().flatten().filter_map(|(key, _)| key.strip_prefix("f:").map(str::to_owned)).collect()
    };
    Managed {
        data: keys("/f:data"),
        labels: keys("/f:metadata/f:labels"),
        annotations: keys("/f:metadata/f:annotations"),
        manager: fields.manager,
        operation: fields.operation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_written_again_is_the_same() {
        let body = br#"{"kind":"Secret","apiVersion":"v1","type":"Opaque","immutable":true,
            "metadata":{"name":"db","namespace":"demo","uid":"u","resourceVersion":"7","labels":{"a":"b"},
              "ownerReferences":[{"apiVersion":"x/v1","kind":"X","name":"x","uid":"y","controller":true}],
              "managedFields":[{"manager":"m","operation":"Update","fieldsV1":{"f:data":{".":{},"f:p":{}},
                "f:metadata":{"f:labels":{"f:a":{}}}}}]},
            "data":{"p":"czNjcjN0","empty":""}}"#;
        let present = read(body).unwrap();
        assert!(present.data.value("p") == Some(&SecretBytes::from("s3cr3t")) && present.data.contains("empty"));
        assert_eq!(present.managed[0].data.iter().collect::<Vec<_>>(), ["p"]);
        assert_eq!(present.managed[0].labels.len(), 1);
        let target = Target {
            kind: "Opaque".into(),
            labels: present.labels.clone(),
            owners: present.owners.clone(),
            data: present.data.clone(),
            ..Target::new("demo", "db")
        };
        assert!(target.is_like(&present));
        let again = read(&super::body(&target, Some(&present))).unwrap();
        assert!(target.is_like(&again) && again.resource_version == "7" && again.immutable);
    }
}
