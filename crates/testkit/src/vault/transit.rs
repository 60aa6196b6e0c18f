//! A transit engine that keeps nothing secret: a ciphertext names its key and holds its plaintext, so that a test can
//! tell which key was used. Specification: VSO §17.3, SOPS §5 (hc_vault).

use std::collections::BTreeSet;

use base::encoding::Base64;
use serde_json::json;

use super::ask::Ask;
use super::envelope;
use crate::http::Answer;

/// The names of the keys.
pub struct Keys(BTreeSet<String>);

impl Keys {
    pub fn new(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }
}

pub fn answer(keys: &mut Keys, ask: &Ask<'_>, path: &str, serial: u64) -> Answer {
    match (ask.method(), path.split_once('/')) {
        ("PUT", Some(("encrypt", key))) => {
            let Some(plain) = Base64::Standard.decode(ask.text("plaintext").as_bytes()) else {
                return envelope::error(400, "failed to base64-decode plaintext");
            };
            keys.0.insert(key.to_owned());
            let hidden: Vec<u8> = [key.as_bytes(), b"\0", plain.expose()].concat();
            let ciphertext = format!("vault:v1:{}", Base64::Standard.encode(&hidden));
            envelope::data(serial, json!({ "ciphertext": ciphertext, "key_version": 1 }))
        }
        ("PUT", Some(("decrypt", key))) if !keys.0.contains(key) => envelope::error(400, "encryption key not found"),
        ("PUT", Some(("decrypt", key))) => {
            let hidden = ask.text("ciphertext").strip_prefix("vault:v1:").unwrap_or_default();
            let hidden = Base64::Standard.decode(hidden.as_bytes());
            let own = [key.as_bytes(), b"\0"].concat();
            match hidden.as_ref().and_then(|hidden| hidden.expose().strip_prefix(own.as_slice())) {
                Some(plain) => envelope::data(serial, json!({ "plaintext": Base64::Standard.encode(plain) })),
                None => envelope::error(400, "invalid ciphertext: cipher: message authentication failed"),
            }
        }
        _ => envelope::unsupported_path(),
    }
}
