//! What `/v1/verify` and `/v1/rotate` decide: whether the values can be opened, and the same object with its values sealed for
//! the newest key. Both open only: a template that ran here would let anybody ask what the values are (SS §12.2).
//! Scope, name and namespace come from the object's own metadata. Specification: SS §12, §12.1, §15.

use api::SealedSecret;
use api::meta::ObjectMeta;
use api::sealed_secret::{SecretTemplate, names};
use base::{Fault, SecretBytes, SecretMap};
use seal::{PublicKey, Scope};

use super::legacy::{LegacySecret, as_json};
use super::opening::{Content, Failures, Opener, label, scope};

/// Reads the object that a request carries, JSON or YAML.
///
/// # Errors
/// It is no SealedSecret, or there are more than one.
pub fn read(body: &[u8]) -> Result<SealedSecret, Fault> {
    let json =
        as_json(&SecretBytes::from(body)).ok_or_else(|| Fault::wrong("cannot read the request as one object"))?;
    let mut object: serde_json::Value =
        serde_json::from_slice(&json).map_err(|error| Fault::wrong("cannot read the request").because(error))?;
    let says = |name: &str| object.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    match (says("apiVersion").as_str(), says("kind").as_str()) {
        (_, "") => Err(Fault::wrong("Object 'Kind' is missing")),
        (names::API_VERSION, names::KIND) => {
            // As the peer's types have it: what is not there is empty.
            for part in ["metadata", "spec"] {
                if object[part].is_null() {
                    object[part] = serde_json::json!({});
                }
            }
            serde_json::from_value(object).map_err(|error| Fault::wrong("cannot read the SealedSecret").because(error))
        }
        (version, kind) => Err(Fault::wrong(format!("expected a SealedSecret but found {version} {kind}"))),
    }
}

/// Whether every value can be opened.
///
/// # Errors
/// The aggregate of what cannot, by key.
pub fn verify(ss: &SealedSecret, opener: &Opener<'_>) -> Result<(), Fault> {
    open(ss, opener).map(drop)
}

/// The object with every value sealed anew. Everything that the template says stays, but its scope, which is made the
/// authenticated one, and fields that only a server writes. An object of an old client becomes one of today.
///
/// # Errors
/// As [`verify`].
pub fn reseal(ss: &SealedSecret, opener: &Opener<'_>, key: &PublicKey) -> Result<SealedSecret, Fault> {
    let label = label(ss);
    let mut resealed = SealedSecret::new("", ss.spec.clone());
    resealed.metadata = carried(&ss.metadata);
    let values = match open(ss, opener)? {
        Content::Values(values) => values,
        Content::Legacy(value) => {
            let secret = LegacySecret::read(&value)?;
            let mut metadata = carried(&ss.metadata);
            metadata.labels = Some(secret.labels).filter(|labels| !labels.is_empty());
            metadata.annotations = Some(secret.annotations);
            metadata.finalizers = Some(secret.finalizers).filter(|finalizers| !finalizers.is_empty());
            resealed.spec.data = None;
            resealed.spec.template = Some(SecretTemplate {
                metadata: Some(metadata),
                type_: Some(secret.kind).filter(|kind| !kind.is_empty()),
                immutable: secret.immutable,
                data: None,
            });
            secret.data
        }
    };
    resealed.spec.encrypted_data = sealed(&values, key, &label)?;
    align(&mut resealed, scope(ss));
    Ok(resealed)
}

fn open(ss: &SealedSecret, opener: &Opener<'_>) -> Result<Content, Fault> {
    let mut failures = Failures::default();
    let (content, _) = opener.open(ss, &mut failures)?;
    failures.into_result()?;
    Ok(content)
}

fn sealed(
    values: &SecretMap,
    key: &PublicKey,
    label: &seal::Label,
) -> Result<std::collections::BTreeMap<String, String>, Fault> {
    values.iter().map(|(name, value)| Ok((name.clone(), key.seal(label, value)?.to_text()))).collect()
}

/// What of an object's metadata belongs into a file.
fn carried(metadata: &ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        labels: metadata.labels.clone(),
        annotations: without_last_applied(metadata),
        ..ObjectMeta::default()
    }
}

fn without_last_applied(metadata: &ObjectMeta) -> Option<std::collections::BTreeMap<String, String>> {
    let mut annotations = metadata.annotations.clone()?;
    annotations.retain(|name, _| !names::LAST_APPLIED.contains(&name.as_str()));
    Some(annotations).filter(|annotations| !annotations.is_empty())
}

/// Makes the template's scope the real one, and takes the server's fields out of it.
fn align(resealed: &mut SealedSecret, scope: Scope) {
    let template = resealed.spec.template.get_or_insert_default();
    let metadata = template.metadata.get_or_insert_default();
    let mut annotations = without_last_applied(metadata).unwrap_or_default();
    annotations.remove(names::CLUSTER_WIDE);
    annotations.remove(names::NAMESPACE_WIDE);
    let mark = match scope {
        Scope::Strict => None,
        Scope::NamespaceWide => Some(names::NAMESPACE_WIDE),
        Scope::ClusterWide => Some(names::CLUSTER_WIDE),
    };
    annotations.extend(mark.map(|mark| (mark.to_owned(), "true".to_owned())));
    *metadata = ObjectMeta {
        name: metadata.name.take(),
        generate_name: metadata.generate_name.take(),
        namespace: metadata.namespace.take(),
        labels: metadata.labels.take(),
        annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        finalizers: metadata.finalizers.take(),
        ..ObjectMeta::default()
    };
}
