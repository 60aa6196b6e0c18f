//! The published hash: SHA-1 over `key=value` strings, sorted as whole strings and joined with `;`. It is the peer's to the
//! byte, so that swapping binaries rolls nothing. It is ambiguous (`a="1;b=2"` equals `a="1", b="2"`), so whether data has
//! changed is judged by the caches' keyed digest instead. Specification: RL §7.

use base::SecretMap;
use base::encoding::Base64;
use sha1::{Digest as _, Sha1};

/// The hash of a Secret's data.
#[must_use]
pub fn of_secret(data: &SecretMap) -> String {
    let parts: Vec<Vec<u8>> = data.iter().map(|(key, value)| joined(key, value.expose())).collect();
    of_parts(&parts)
}

/// The hash of a ConfigMap: texts as they are, binary entries as base64.
#[must_use]
pub fn of_config_map<'a>(
    data: impl Iterator<Item = (&'a str, &'a str)>,
    binary: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let texts = data.map(|(key, text)| joined(key, text.as_bytes()));
    let binaries = binary.map(|(key, bytes)| joined(key, Base64::Standard.encode(bytes).as_bytes()));
    of_parts(&texts.chain(binaries).collect::<Vec<_>>())
}

/// The hash of a SecretProviderClass's objects, by id and version.
#[must_use]
pub fn of_provider_class<'a>(class: &str, objects: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut parts: Vec<Vec<u8>> = objects.map(|(id, version)| joined(id, version.as_bytes())).collect();
    parts.push(joined("SecretProviderClassName", class.as_bytes()));
    of_parts(&parts)
}

/// The hash that marks a deletion.
#[must_use]
pub fn of_marker() -> String {
    hex::encode(Sha1::digest(api::reload::names::DELETE_MARKER))
}

/// An entry as it is hashed.
#[must_use]
pub fn joined(key: &str, value: &[u8]) -> Vec<u8> {
    let mut part = Vec::with_capacity(key.len() + 1 + value.len());
    part.extend_from_slice(key.as_bytes());
    part.push(b'=');
    part.extend_from_slice(value);
    part
}

fn of_parts(parts: &[Vec<u8>]) -> String {
    hex::encode(of_joined(parts.iter().map(Vec::as_slice).collect()))
}

/// The hash of [`joined`] entries, in whatever order they come: for whoever hashes data as it streams by.
#[must_use]
pub fn of_joined(mut parts: Vec<&[u8]>) -> [u8; 20] {
    parts.sort_unstable();
    let mut digest = Sha1::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            digest.update(b";");
        }
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_specification() {
        let none: [(&str, &[u8]); 0] = [];
        assert_eq!(of_secret(&SecretMap::new()), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let texts = [("app.conf", "x=1"), ("a", "1"), ("a-b", "2"), ("a1", "3")];
        let binaries: [(&str, &[u8]); 1] = [("bin", &[0x00, 0xff])];
        assert_eq!(of_config_map(texts.into_iter(), binaries.into_iter()), "e6970a30916b415adc7e61fcb3ce94257e9a2e0f");
        let secret = [("user", "admin"), ("password", "hunter2")].into_iter().collect();
        assert_eq!(of_secret(&secret), "40a4a8b97a438eafc2e54768f96e1d4895cf4a0c");
        assert_eq!(
            of_provider_class("vault-db", [("db-password", "v2")].into_iter()),
            "dc5f3f526f72cfa8db81bc16bf2600ae70f0210d"
        );
        assert_eq!(of_marker(), "aae45badef99284e4dae01d6046154ea9d99532f");
        let ambiguous = "f83e99e324ba68ccc373a58ef1eb42f8ab88646a";
        assert_eq!(of_config_map([("a", "1;b=2")].into_iter(), none.into_iter()), ambiguous);
        assert_eq!(of_config_map([("a", "1"), ("b", "2")].into_iter(), none.into_iter()), ambiguous);
    }
}
