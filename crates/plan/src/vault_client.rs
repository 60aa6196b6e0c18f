//! Who asks Vault: the key of a client in the cache and the id of its token, as the peer writes both into statuses, so that a
//! swap changes none. Not here: how a token is got (`vault_auth`) and who keeps it (`wire/vault`).
//! Specification: VSO §8.7, §8.8.

use api::hashicorp::AuthMethod;
use api::hashicorp::vault_static_secret::VaultClientMeta;
use base::Fault;
use blake2::{Blake2b, Digest as _};
use sha2::Sha256;

/// An object as the key knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// The uid.
    pub uid: String,
    /// The generation.
    pub generation: i64,
}

/// The key of a client: method and a digest of VaultAuth, VaultConnection and whoever provides the credentials.
///
/// # Errors
/// A uid is none, or two are the same.
pub fn cache_key(
    method: AuthMethod,
    auth: &Version,
    connection: &Version,
    provider_uid: &str,
) -> Result<String, Fault> {
    let uids = [auth.uid.as_str(), connection.uid.as_str(), provider_uid];
    if let Some(odd) = uids.iter().find(|uid| uid.len() != 36) {
        return Err(Fault::wrong(format!("invalid UID length {}, must be 36", odd.len())));
    }
    if uids[0] == uids[1] || uids[1] == uids[2] || uids[0] == uids[2] {
        return Err(Fault::wrong("duplicate UID"));
    }
    let text = format!("{}-{}.{}-{}.{provider_uid}", auth.uid, auth.generation, connection.uid, connection.generation);
    let digest = Sha256::digest(text.as_bytes());
    let method = method.as_str().to_lowercase();
    Ok(format!("{method}-{}{}", hex::encode(&digest[..7]), hex::encode(&digest[28..])))
}

/// The key of a client that uses another's token in another namespace.
#[must_use]
pub fn cloned_key(parent: &str, namespace: Option<&str>) -> String {
    match namespace.map(|namespace| namespace.trim_matches('/')).filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => format!("{parent}-{namespace}"),
        None => parent.to_owned(),
    }
}

/// The id of a token by its accessor; batch tokens have none.
#[must_use]
pub fn client_id(accessor: &str) -> String {
    if accessor.is_empty() {
        return String::new();
    }
    hex::encode(Blake2b::<blake2::digest::consts::U32>::digest(accessor.as_bytes()))
}

/// The client as a status names it.
#[must_use]
pub fn meta(cache_key: &str, id: &str) -> VaultClientMeta {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    VaultClientMeta { cache_key: filled(cache_key), id: filled(id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTH: &str = "11111111-1111-4111-8111-111111111111";
    const CONNECTION: &str = "22222222-2222-4222-8222-222222222222";
    const PROVIDER: &str = "33333333-3333-4333-8333-333333333333";

    fn key(auth: &str, provider: &str) -> Result<String, String> {
        let version = |uid: &str, generation| Version { uid: uid.into(), generation };
        cache_key(AuthMethod::Kubernetes, &version(auth, 1), &version(CONNECTION, 3), provider)
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_worked_examples() {
        assert_eq!(key(AUTH, PROVIDER).as_deref(), Ok("kubernetes-0ff15ea1cbf2e4c4402db2"));
        assert_eq!(key(AUTH, AUTH), Err("duplicate UID".to_owned()));
        assert_eq!(key("1", PROVIDER), Err("invalid UID length 1, must be 36".to_owned()));
        let id = "bfde56ee92a3707f36aec20d71061a8bb7f5f9e41b5c8211656cd4a2cd7e0a3c";
        assert_eq!(client_id("wpJVgAQC4dbEDLjWDo0XcoSP"), id);
        assert_eq!(client_id(""), "");
        assert_eq!(cloned_key("approle-1", Some("team/")), "approle-1-team");
    }
}
