//! A client of Vault as it lies in the cluster, so that the next process – ours or the peer's – goes on with its token and the
//! leases on it: a Secret's name and labels, the answer of the login, and a MAC over them. Who reads and writes it is
//! `operator/vault_secrets/stored_clients`. Specification: VSO §8.9.

use api::hashicorp::names;
use base::{Fault, SecretBytes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::vault_client::Version;
use crate::{Present, Target};

/// A client as its Secret names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClient {
    /// Its key.
    pub cache_key: String,
    /// The namespace of the VaultAuth, and its version.
    pub auth: (String, Version),
    /// The namespace of the VaultConnection, and its version.
    pub connection: (String, Version),
    /// The namespace of whoever provides the credentials, and its uid.
    pub provider: (String, String),
}

impl StoredClient {
    /// The name of its Secret.
    #[must_use]
    pub fn name(&self) -> String {
        format!("vso-cc-{}", self.cache_key)
    }

    /// Its Secret, with the answer of a login.
    #[must_use]
    pub fn target(&self, namespace: &str, login: SecretBytes, key: &[u8]) -> Target {
        let mut target = Target::new(namespace, self.name());
        target.kind = "Opaque".to_owned();
        target.immutable = Some(true);
        let fixed = names::STORED_CLIENT_LABELS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = [
            ("cacheKey", self.cache_key.clone()),
            ("auth/namespace", self.auth.0.clone()),
            (names::STORED_CLIENT_AUTH, self.auth.1.uid.clone()),
            ("auth/generation", self.auth.1.generation.to_string()),
            ("connection/namespace", self.connection.0.clone()),
            ("connection/UID", self.connection.1.uid.clone()),
            ("connection/generation", self.connection.1.generation.to_string()),
            ("provider/UID", self.provider.1.clone()),
            ("provider/namespace", self.provider.0.clone()),
        ];
        target.labels = fixed.into_iter().chain(own.map(|(name, value)| (name.to_owned(), value))).collect();
        target.data.insert("messageMAC", SecretBytes::from(&*self.mac(&login, key).finalize().into_bytes()));
        target.data.insert("secret", login);
        target
    }

    /// The answer of the login that its Secret holds.
    ///
    /// # Errors
    /// It is not whole, somebody has changed it, or it is encrypted.
    pub fn login(&self, present: &Present, key: &[u8]) -> Result<SecretBytes, Fault> {
        let attempt = || Fault::wrong(format!("cannot take up the client stored in Secret {}", present.name));
        let part =
            |name: &str| present.data.value(name).ok_or_else(|| attempt().because(format!("it has no key `{name}`")));
        let (login, mac) = (part("secret")?, part("messageMAC")?);
        if self.mac(login, key).verify_slice(mac.expose()).is_err() {
            return Err(attempt().because("its MAC is not that of its content"));
        }
        if present.labels.get("encrypted").is_some_and(|text| text == "true") {
            return Err(attempt().because("it is encrypted, which is not built yet"));
        }
        Ok(login.clone())
    }

    fn mac(&self, login: &SecretBytes, key: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(self.name().as_bytes());
        mac.update(self.cache_key.as_bytes());
        mac.update(login.expose());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn client() -> StoredClient {
        let version = |uid: &str, generation| Version { uid: uid.to_owned(), generation };
        StoredClient {
            cache_key: "kubernetes-0ff15ea1cbf2e4c4402db2".to_owned(),
            auth: ("t1".to_owned(), version("a", 1)),
            connection: ("t1".to_owned(), version("c", 3)),
            provider: ("t1".to_owned(), "p".to_owned()),
        }
    }

    fn present(target: Target) -> Present {
        Present { name: target.name, labels: target.labels, data: target.data, ..Present::default() }
    }

    #[test]
    fn a_stored_client_is_the_peers() {
        let target = client().target("vso", SecretBytes::from(r#"{"auth":{"client_token":"t"}}"#), &KEY);
        assert_eq!((target.name.as_str(), target.immutable), ("vso-cc-kubernetes-0ff15ea1cbf2e4c4402db2", Some(true)));
        let labels: Vec<_> = target.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = [
            "app.kubernetes.io/component=client-cache-storage",
            "app.kubernetes.io/managed-by=vso",
            "app.kubernetes.io/name=vault-secrets-operator",
            "auth/UID=a",
            "auth/generation=1",
            "auth/namespace=t1",
            "cacheKey=kubernetes-0ff15ea1cbf2e4c4402db2",
            "connection/UID=c",
            "connection/generation=3",
            "connection/namespace=t1",
            "provider/UID=p",
            "provider/namespace=t1",
        ];
        assert_eq!(labels, expected);
        let mac = hex::encode(target.data.value("messageMAC").expect("it is there").expose());
        assert_eq!(mac, "9c7dd2414e3612465c962524d2ff62d4ef9e257c251cee2c9bda15df2cdf7c97");
        let login = client().login(&present(target), &KEY).map_err(|fault| fault.chain());
        assert!(login.is_ok_and(|login| login.expose() == br#"{"auth":{"client_token":"t"}}"#));
    }

    #[test]
    fn what_was_changed_or_is_not_whole_is_not_taken_up() {
        let changed = "its MAC is not that of its content";
        let cases = [
            ("other login", changed),
            ("other MAC", changed),
            ("other key", changed),
            ("no login", "it has no key `secret`"),
            ("no MAC", "it has no key `messageMAC`"),
            ("encrypted", "it is encrypted, which is not built yet"),
        ];
        for (case, expected) in cases {
            let mut target = client().target("vso", SecretBytes::from("{}"), &KEY);
            let mut key = &KEY[..];
            match case {
                "other login" => target.data.insert("secret", SecretBytes::from("{ }")),
                "other MAC" => target.data.insert("messageMAC", SecretBytes::from("x")),
                "other key" => key = &KEY[1..],
                "no login" => drop(target.data.remove("secret")),
                "no MAC" => drop(target.data.remove("messageMAC")),
                _ => drop(target.labels.insert("encrypted".to_owned(), "true".to_owned())),
            }
            let told = client().login(&present(target), key).err().map(|fault| fault.chain()).unwrap_or_default();
            assert!(told.ends_with(expected), "{case}: {told}");
        }
    }
}
