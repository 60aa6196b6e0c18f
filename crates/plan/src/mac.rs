//! VSO's `secretMAC`: HMAC-SHA-256 over the data as compact JSON, keys sorted, values in base64. The key lives in the cluster and
//! is the peer's, so that a swap changes no status. Specification: VSO §10.3, §10.4.

use base::SecretMap;
use base::encoding::Base64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The MAC of a Secret's data, as the status holds it.
#[must_use]
pub fn mac(key: &[u8], data: &SecretMap) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(b"{");
    for (place, (name, value)) in data.iter().enumerate() {
        if place > 0 {
            mac.update(b",");
        }
        mac.update(serde_json::Value::from(name.as_str()).to_string().as_bytes());
        mac.update(b":\"");
        mac.update(Base64::Standard.encode(value.expose()).as_bytes());
        mac.update(b"\"");
    }
    mac.update(b"}");
    Base64::Standard.encode(&mac.finalize().into_bytes())
}

/// Whether a stored MAC is that of this data; a stored one that is no MAC is of nothing.
#[must_use]
pub fn is_mac_of(stored: &str, key: &[u8], data: &SecretMap) -> bool {
    use subtle::ConstantTimeEq as _;
    stored.as_bytes().ct_eq(mac(key, data).as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example() {
        let key: Vec<u8> = (0..16).collect();
        let data = [
            ("_raw", r#"{"data":{"password":"s3cr3t","username":"alice"}}"#),
            ("password", "s3cr3t"),
            ("username", "alice"),
        ];
        let data: SecretMap = data.into_iter().collect();
        assert_eq!(mac(&key, &data), "OaRZo5SpNUsrMOhITdFrXJpKB5ycZsCM6U2dIEmS1N4=");
        assert!(is_mac_of("OaRZo5SpNUsrMOhITdFrXJpKB5ycZsCM6U2dIEmS1N4=", &key, &data));
        assert!(!is_mac_of("", &key, &data));
    }
}
