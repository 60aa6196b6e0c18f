//! The envelope of `PushSecret.spec.data[].metadata`: a kind, a version, and in `spec` what the provider asks for. Unknown fields
//! are refused everywhere; without an envelope the provider's defaults count. Specification: ESO §5.1 "PushSecretMetadata".

use base::Fault;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope<T> {
    api_version: String,
    kind: String,
    spec: T,
}

/// What the user says about a pushed value.
///
/// # Errors
/// It is not the envelope, or a field of it is unknown or of the wrong type.
pub fn read<T: DeserializeOwned + Default>(metadata: Option<&Value>) -> Result<T, Fault> {
    let Some(metadata) = metadata.filter(|metadata| !metadata.is_null()) else { return Ok(T::default()) };
    let wrong = || Fault::wrong("failed to parse PushSecret metadata");
    let envelope: Envelope<T> = Envelope::deserialize(metadata).map_err(|error| wrong().because(error))?;
    if (envelope.api_version.as_str(), envelope.kind.as_str()) != (API_VERSION, KIND) {
        return Err(wrong().because(format!("it is no {KIND} of {API_VERSION}")));
    }
    Ok(envelope.spec)
}

/// For a provider that asks for nothing: the envelope may stand there, and what it says must be empty.
///
/// # Errors
/// As [`read`]; every field is unknown.
pub fn expect_nothing(metadata: Option<&Value>) -> Result<(), Fault> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    read(metadata).map(|Nothing {}| ())
}

const API_VERSION: &str = "kubernetes.external-secrets.io/v1alpha1";
const KIND: &str = "PushSecretMetadata";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        tags: Vec<String>,
    }

    fn envelope(spec: &Value) -> Value {
        json!({"apiVersion": API_VERSION, "kind": KIND, "spec": spec})
    }

    #[test]
    fn what_nobody_asked_for_is_refused_everywhere() {
        let with = |field: &str, value: Value| {
            let mut all = envelope(&json!({"tags": []}));
            all[field] = value;
            all
        };
        for (metadata, told) in [
            (envelope(&json!({"tags": ["a"]})), ""),
            (Value::Null, ""),
            (envelope(&json!({"tagz": ["a"]})), "unknown field `tagz`"),
            (envelope(&json!({"tags": "a"})), "invalid type"),
            (with("more", json!(1)), "unknown field `more`"),
            (with("kind", json!("Other")), "it is no PushSecretMetadata of kubernetes.external-secrets.io/v1alpha1"),
            (with("apiVersion", json!("v1")), "it is no PushSecretMetadata of kubernetes.external-secrets.io/v1alpha1"),
            (json!({"tags": ["a"]}), "unknown field `tags`"),
            (json!({}), "missing field"),
            (json!("text"), "invalid type"),
        ] {
            let fault = read::<Asked>(Some(&metadata)).err().map(|fault| fault.chain()).unwrap_or_default();
            let expected =
                if told.is_empty() { String::new() } else { format!("failed to parse PushSecret metadata: {told}") };
            assert!(fault.starts_with(&expected) && fault.is_empty() == told.is_empty(), "{metadata}: {fault}");
        }
        assert_eq!(
            read::<Asked>(Some(&envelope(&json!({"tags": ["a"]})))).map(|asked| asked.tags).ok(),
            Some(vec!["a".to_owned()])
        );
        let nothing = |spec: Value| expect_nothing(Some(&envelope(&spec))).map_err(|fault| fault.chain());
        assert_eq!((expect_nothing(None).is_ok(), nothing(json!({}))), (true, Ok(())));
        let refused = nothing(json!({"tags": []})).err().unwrap_or_default();
        assert!(refused.starts_with("failed to parse PushSecret metadata: unknown field `tags`"), "{refused}");
    }
}
