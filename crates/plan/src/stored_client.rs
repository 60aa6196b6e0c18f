//! A client of Vault as it lies in the cluster, so that the next process – ours or the peer's – goes on with its token and the
//! leases on it: a Secret's name and labels, the answer of the login, plain or encrypted by Vault, and a MAC over them. Who reads and
//! writes it is `operator/vault_secrets/stored_clients`. Specification: VSO §8.9.

use api::hashicorp::vault_auth::StorageEncryption;
use api::hashicorp::{VaultAuth, names};
use base::encoding::Base64;
use base::{Fault, SecretBytes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::vault_call::{VaultAnswer, VaultCall, joined};
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

/// What the Secret of a client holds.
pub enum Content {
    /// The answer of the login.
    Login(SecretBytes),
    /// The same, as Vault's transit engine has encrypted it.
    Encrypted {
        /// What came back from the engine, as JSON.
        envelope: SecretBytes,
        /// The VaultAuth with the key.
        auth: String,
    },
}

impl StoredClient {
    /// The name of its Secret.
    #[must_use]
    pub fn name(&self) -> String {
        format!("vso-cc-{}", self.cache_key)
    }

    /// Its Secret.
    #[must_use]
    pub fn target(&self, namespace: &str, content: Content, key: &[u8]) -> Target {
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
        let secret = match content {
            Content::Login(login) => login,
            Content::Encrypted { envelope, auth } => {
                let (label, yes) = names::STORED_CLIENT_ENCRYPTED;
                target.labels.insert(label.to_owned(), yes.to_owned());
                target.labels.insert(names::STORED_CLIENT_TRANSIT.to_owned(), auth);
                envelope
            }
        };
        target.data.insert("messageMAC", SecretBytes::from(&*self.mac(&secret, key).finalize().into_bytes()));
        target.data.insert("secret", secret);
        target
    }

    /// What its Secret holds.
    ///
    /// # Errors
    /// It is not whole, or somebody has changed it.
    pub fn content(&self, present: &Present, key: &[u8]) -> Result<Content, Fault> {
        let attempt = || Fault::wrong(format!("cannot take up the client stored in Secret {}", present.name));
        let part =
            |name: &str| present.data.value(name).ok_or_else(|| attempt().because(format!("it has no key `{name}`")));
        let (secret, mac) = (part("secret")?, part("messageMAC")?);
        if self.mac(secret, key).verify_slice(mac.expose()).is_err() {
            return Err(attempt().because("its MAC is not that of its content"));
        }
        let label = |name: &str| present.labels.get(name).map(String::as_str).unwrap_or_default();
        let (encrypted, yes) = names::STORED_CLIENT_ENCRYPTED;
        Ok(match label(encrypted) == yes {
            true => {
                Content::Encrypted { envelope: secret.clone(), auth: label(names::STORED_CLIENT_TRANSIT).to_owned() }
            }
            false => Content::Login(secret.clone()),
        })
    }

    fn mac(&self, secret: &SecretBytes, key: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(self.name().as_bytes());
        mac.update(self.cache_key.as_bytes());
        mac.update(secret.expose());
        mac
    }
}

/// The one VaultAuth of the operator's namespace under whose key clients are encrypted.
///
/// # Errors
/// There is none, there are several, or it names no key.
pub fn encryption_auth<T: AsRef<VaultAuth>>(auths: Vec<T>, operator: &str) -> Result<T, Fault> {
    let (label, yes) = names::STORAGE_ENCRYPTION_LABEL;
    let is_marked = |auth: &VaultAuth| {
        let labels = auth.metadata.labels.as_ref();
        auth.metadata.namespace.as_deref() == Some(operator)
            && labels.and_then(|labels| labels.get(label)).is_some_and(|text| text == yes)
    };
    let mut marked: Vec<T> = auths.into_iter().filter(|auth| is_marked(auth.as_ref())).collect();
    let found = marked.len();
    let hint = || format!("label one VaultAuth in namespace `{operator}` with `{label}: \"{yes}\"`");
    match marked.pop().filter(|_| found == 1) {
        None => {
            let text = format!("invalid VaultAuth for storage encryption, found={found}, required=1");
            Err(Fault::wrong(text).hint(hint()))
        }
        Some(auth) if encryption(auth.as_ref()).is_none() => {
            let name = auth.as_ref().metadata.name.as_deref().unwrap_or_default();
            let text = format!("invalid VaultAuth \"{operator}/{name}\", no StorageEncryption configured");
            Err(Fault::wrong(text).hint("set `mount` and `keyName` of its `storageEncryption`"))
        }
        Some(auth) => Ok(auth),
    }
}

/// The key that a VaultAuth names.
#[must_use]
pub fn encryption(auth: &VaultAuth) -> Option<&StorageEncryption> {
    let named = auth.spec.storage_encryption.as_ref();
    named.filter(|key| !key.mount.trim_matches('/').is_empty() && !key.key_name.is_empty())
}

/// Has the transit engine encrypt the answer of a login.
#[must_use]
pub fn encrypt(key: &StorageEncryption, login: &SecretBytes) -> VaultCall {
    transit("encrypt", key, ("plaintext", Base64::Standard.encode(login.expose())))
}

/// Has the transit engine decrypt it again.
///
/// # Errors
/// The envelope is none.
pub fn decrypt(key: &StorageEncryption, envelope: &SecretBytes) -> Result<VaultCall, Fault> {
    let envelope = Envelope::read(envelope, "cannot read an encrypted client")?;
    Ok(transit("decrypt", key, ("ciphertext", envelope.ciphertext)))
}

/// What the engine has encrypted, as the Secret holds it.
///
/// # Errors
/// The answer holds no ciphertext.
pub fn encrypted(answer: &VaultAnswer) -> Result<SecretBytes, Fault> {
    let attempt = "cannot encrypt a client: odd answer from the transit engine";
    let data = answer.data.as_ref().ok_or_else(|| Fault::wrong(attempt))?;
    let envelope = serde_json::to_vec(&Envelope::read(data, attempt)?);
    envelope.map(SecretBytes::new).map_err(|_| Fault::bug(attempt))
}

/// What the engine has decrypted.
///
/// # Errors
/// The answer holds no plaintext.
pub fn decrypted(answer: &VaultAnswer) -> Result<SecretBytes, Fault> {
    #[derive(Deserialize)]
    struct Plain {
        plaintext: String,
    }
    let odd = || Fault::wrong("cannot decrypt a client: odd answer from the transit engine");
    let data = answer.data.as_ref().ok_or_else(odd)?;
    let plain: Plain = serde_json::from_slice(data.expose()).map_err(|_| odd())?;
    Base64::Standard.decode(plain.plaintext.as_bytes()).ok_or_else(odd)
}

/// What the transit engine answers, and what lies in the Secret, in the peer's order.
#[derive(Serialize, Deserialize)]
struct Envelope {
    ciphertext: String,
    #[serde(default)]
    key_version: i64,
}

impl Envelope {
    /// What cannot be read is not told: it may be a token.
    fn read(json: &SecretBytes, attempt: &'static str) -> Result<Self, Fault> {
        serde_json::from_slice(json.expose()).map_err(|_| Fault::wrong(attempt))
    }
}

fn transit(verb: &str, key: &StorageEncryption, (field, text): (&str, String)) -> VaultCall {
    let mut body = Map::new();
    body.insert("name".to_owned(), Value::String(key.key_name.clone()));
    body.insert(field.to_owned(), Value::String(text));
    let path = joined(&[&key.mount, verb, &key.key_name]);
    // Encrypting twice makes two ciphertexts and nothing else.
    VaultCall { repeatable: true, ..VaultCall::write(path, body, None) }
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
        let login = SecretBytes::from(r#"{"auth":{"client_token":"t"}}"#);
        let target = client().target("vso", Content::Login(login), &KEY);
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
        let content = client().content(&present(target), &KEY);
        assert!(matches!(content, Ok(Content::Login(login)) if login.expose() == br#"{"auth":{"client_token":"t"}}"#));
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
        ];
        for (case, expected) in cases {
            let mut target = client().target("vso", Content::Login(SecretBytes::from("{}")), &KEY);
            let mut key = &KEY[..];
            match case {
                "other login" => target.data.insert("secret", SecretBytes::from("{ }")),
                "other MAC" => target.data.insert("messageMAC", SecretBytes::from("x")),
                "other key" => key = &KEY[1..],
                "no login" => drop(target.data.remove("secret")),
                _ => drop(target.data.remove("messageMAC")),
            }
            let told = client().content(&present(target), key).err().map(|fault| fault.chain()).unwrap_or_default();
            assert!(told.ends_with(expected), "{case}: {told}");
        }
    }

    fn key() -> StorageEncryption {
        StorageEncryption { mount: "/transit/".to_owned(), key_name: "vso".to_owned() }
    }

    fn answer(data: &str) -> VaultAnswer {
        VaultAnswer { status: 200, data: Some(SecretBytes::from(data)), ..VaultAnswer::default() }
    }

    #[test]
    fn an_encrypted_client_is_the_peers() {
        let login = SecretBytes::from("{}");
        let call = encrypt(&key(), &login);
        assert_eq!(call.path, "transit/encrypt/vso");
        assert_eq!(Value::Object(call.body), serde_json::json!({"name": "vso", "plaintext": "e30="}));
        let envelope = encrypted(&answer(r#"{"key_version":1,"ciphertext":"vault:v1:AA==","more":true}"#));
        let envelope = envelope.map_err(|fault| fault.chain()).expect("it is an envelope");
        assert_eq!(envelope.expose(), br#"{"ciphertext":"vault:v1:AA==","key_version":1}"#);
        let call = decrypt(&key(), &envelope).map_err(|fault| fault.chain()).expect("it is an envelope");
        assert_eq!(call.path, "transit/decrypt/vso");
        assert_eq!(Value::Object(call.body), serde_json::json!({"name": "vso", "ciphertext": "vault:v1:AA=="}));
        let plain = decrypted(&answer(r#"{"plaintext":"e30="}"#));
        assert!(plain.is_ok_and(|plain| plain.expose() == b"{}"));

        let target = client().target("vso", Content::Encrypted { envelope, auth: "key".to_owned() }, &KEY);
        let label = |name: &str| target.labels.get(name).map(String::as_str);
        assert_eq!((label("encrypted"), label("vaultTransitRef")), (Some("true"), Some("key")));
        let content = client().content(&present(target), &KEY);
        assert!(matches!(content, Ok(Content::Encrypted { auth, .. }) if auth == "key"));
    }

    #[test]
    fn odd_answers_of_the_transit_engine_are_refused_and_not_told() {
        for odd in ["", "{}", r#"{"ciphertext":1}"#, r#"{"plaintext":"%"}"#, r#"{"plaintext":["canary"]}"#] {
            let faults = [
                encrypted(&answer(odd)).err(),
                decrypted(&answer(odd)).err(),
                decrypt(&key(), &SecretBytes::from(odd)).err(),
            ];
            for fault in faults {
                let text = fault.map(|fault| fault.chain()).unwrap_or_default();
                assert!(text.starts_with("cannot ") && !text.contains("canary"), "{odd}: {text}");
            }
        }
    }

    #[test]
    fn one_auth_holds_the_key() {
        let auth = |namespace: &str, name: &str, label: &str, mount: &str| -> Box<VaultAuth> {
            let spec =
                serde_json::json!({"method": "kubernetes", "storageEncryption": {"mount": mount, "keyName": "k"}});
            let labels = serde_json::json!({"cacheStorageEncryption": label});
            let auth = serde_json::json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultAuth",
                "metadata": {"namespace": namespace, "name": name, "labels": labels}, "spec": spec});
            serde_json::from_value(auth).expect("it is a VaultAuth")
        };
        let good = || auth("vso", "a", "true", "transit");
        let cases = [
            ("none", vec![], "invalid VaultAuth for storage encryption, found=0, required=1"),
            ("elsewhere", vec![auth("n", "a", "true", "t")], "found=0, required=1"),
            ("other label", vec![auth("vso", "a", "yes", "t")], "found=0, required=1"),
            ("two", vec![good(), auth("vso", "b", "true", "t")], "found=2, required=1"),
            ("no mount", vec![auth("vso", "a", "true", "/")], "no StorageEncryption configured"),
            ("one among others", vec![auth("n", "x", "true", "t"), good(), auth("vso", "c", "", "t")], ""),
        ];
        for (case, auths, expected) in cases {
            let told = encryption_auth(auths, "vso").err().map(|fault| fault.chain()).unwrap_or_default();
            assert!(told.ends_with(expected) && told.is_empty() == expected.is_empty(), "{case}: {told}");
        }
    }
}
