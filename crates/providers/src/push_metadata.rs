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

const API_VERSION: &str = "kubernetes.external-secrets.io/v1alpha1";
const KIND: &str = "PushSecretMetadata";
