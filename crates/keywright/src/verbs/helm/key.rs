//! Keys that a URL brings along: an age identity or a PGP key, from a file or a Secret of Kubernetes. Identities stay in
//! memory; gpg gets a home of its own for them. Specification: HS §6.2 (prefix), §9, §16 (S4, S14).

use std::path::{Component, Path};

use base::encoding::Base64;
use base::{Fault, Kind, SecretBytes};
use serde_json::Value;

use super::gpg_home::GpgHome;
use super::pure::url::Key;
use super::{Work, accepted, told};
use crate::{Failure, cluster};

/// Checks that the key of a URL lies where keys may lie.
///
/// # Errors
/// It lies elsewhere.
pub fn check_place(work: &Work<'_>, key: Key, place: &str) -> Result<(), Failure> {
    let Some(prefix) = work.environment.value("HELM_SECRETS_KEY_LOCATION_PREFIX").filter(|_| key.is_file()) else {
        return Ok(());
    };
    let real = |path: &str| std::fs::canonicalize(path);
    let leads_out = Path::new(place).components().any(|part| part == Component::ParentDir)
        || match (real(prefix), real(place)) {
            (Ok(folder), Ok(file)) => folder.is_dir() && !file.starts_with(folder),
            _ => false,
        };
    if !place.starts_with(prefix) || leads_out {
        return Err(told(Fault::denied(format!("Key location '{place}' is not allowed"))));
    }
    Ok(())
}

/// Makes the key usable for this run; what is answered must live as long as it is used.
///
/// # Errors
/// The key cannot be had.
pub fn import(work: &mut Work<'_>, key: Key, place: &str) -> Result<Option<GpgHome>, Failure> {
    match key {
        Key::Age => {
            work.set("SOPS_AGE_KEY_FILE", place);
            Ok(None)
        }
        Key::AgeKubernetes => {
            let wrong =
                |name: &str, data_key: &str| format!("Couldn't find key {data_key} in kubernetes secret {name}");
            let identity = of_kubernetes(work, place, wrong).map_err(told)?;
            let identity = identity.to_text().ok_or_else(|| told(Fault::wrong("the age identity is no text")))?;
            let mut known = work.environment.value("SOPS_AGE_KEY").unwrap_or_default().to_owned();
            known.push('\n');
            known.push_str(identity.expose());
            work.set("SOPS_AGE_KEY", &known);
            Ok(None)
        }
        Key::Gpg => GpgHome::with_files(work, &[place.to_owned()]).map(Some),
        Key::GpgKubernetes => {
            let wrong = |name: &str, data_key: &str| format!("Couldn't find key {data_key} in secret {name}");
            let bytes = of_kubernetes(work, place, wrong).map_err(told)?;
            GpgHome::with_key(work, bytes).map(Some)
        }
    }
}

/// `[namespace/]name#key` of a Secret.
fn of_kubernetes(work: &Work<'_>, place: &str, wrong: impl Fn(&str, &str) -> String) -> Result<SecretBytes, Fault> {
    let (secret, data_key) = place.split_once('#').unwrap_or((place, ""));
    let (namespace, name) = match secret.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, secret),
    };
    let answer = match pinned(work, namespace, name) {
        Some(answer) => answer,
        None => cluster::block_on(read(namespace, name)),
    };
    let answer =
        answer.map_err(|fault| Fault::not_found(format!("Couldn't get kubernetes secret {secret}")).because(fault))?;
    let encoded = answer.get("data").and_then(|data| data.get(data_key)).and_then(Value::as_str);
    let decoded = encoded.and_then(|text| Base64::Standard.decode(text.as_bytes()));
    decoded.ok_or_else(|| Fault::not_found(wrong(secret, data_key)))
}

async fn read(namespace: Option<&str>, name: &str) -> Result<Value, Fault> {
    let client = cluster::client().await?;
    let namespace = namespace.unwrap_or(client.default_namespace());
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
    let request = http::Request::get(path).body(Vec::new());
    let request = request.map_err(|error| Fault::wrong("the name names no Secret").because(error))?;
    client.request(request).await.map_err(|error| Fault::unreachable("the cluster does not give it").because(error))
}

/// What a pinned kubectl answers; nothing where none is pinned, or the pinned one is not there.
fn pinned(work: &Work<'_>, namespace: Option<&str>, name: &str) -> Option<Result<Value, Fault>> {
    let kubectl = work.program(&["HELM_SECRETS_KUBECTL_PATH"])?;
    let words = namespace.into_iter().flat_map(|namespace| ["--namespace", namespace]);
    let output = kubectl.arguments(words).arguments(["get", "secret", "--output", "json", "--", name]).run();
    match output {
        Ok(output) => {
            let said = output.stderr.trim().to_owned();
            Some(accepted(output, "kubectl failed", said).and_then(|text| {
                serde_json::from_slice(text.expose()).map_err(|_| Fault::wrong("kubectl did not print JSON"))
            }))
        }
        Err(fault) if fault.kind() == Kind::NotFound => None,
        Err(fault) => Some(Err(fault)),
    }
}
