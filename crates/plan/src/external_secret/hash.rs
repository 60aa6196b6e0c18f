//! ESO's hashes, byte for byte: SHA3-224 in lower-case hex over Go's `%+v` text of a value. The same algorithms before 0.17
//! were MD5; a stored MD5 is recognised by its length, so that the change of form never causes a read or a new password.
//! Specification: ESO §7.1–§7.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::external_secrets::names;
use api::meta::ObjectMeta;
use base::SecretMap;
use md5::Md5;
use sha3::{Digest as _, Sha3_224};

/// The hash of a Secret's data, as its annotation holds it.
#[must_use]
pub fn of_data(data: &SecretMap) -> String {
    let mut digest = Sha3_224::new();
    feed(data, |part| digest.update(part));
    hex::encode(digest.finalize())
}

/// Whether a stored hash is that of this data, in today's form or the old one.
#[must_use]
pub fn is_of_data(stored: &str, data: &SecretMap) -> bool {
    if stored.len() != MD5_LENGTH {
        return stored == of_data(data);
    }
    let mut digest = Md5::new();
    feed(data, |part| digest.update(part));
    stored == hex::encode(digest.finalize())
}

/// What a stored hash of the old form is recognised by.
const MD5_LENGTH: usize = 32;

/// Go's `%+v` of a map of byte slices, piece by piece: `map[a:[1 2] b:[]]`.
fn feed(data: &SecretMap, mut part: impl FnMut(&[u8])) {
    part(b"map[");
    let mut number = String::new();
    for (place, (key, value)) in data.iter().enumerate() {
        if place > 0 {
            part(b" ");
        }
        part(key.as_bytes());
        part(b":[");
        for (place, byte) in value.expose().iter().enumerate() {
            number.clear();
            let space = if place > 0 { " " } else { "" };
            let _ = write!(number, "{space}{byte}");
            part(number.as_bytes());
        }
        part(b"]");
    }
    part(b"]");
}

/// The hash of a text.
#[must_use]
pub fn of_text(text: &str) -> String {
    hex::encode(Sha3_224::digest(text))
}

/// The label value that names a target's owner.
#[must_use]
pub fn created_by(namespace: &str, name: &str) -> String {
    of_text(&format!("{namespace}/{name}"))
}

/// `status.syncedResourceVersion`: the generation and a hash of labels and annotations.
#[must_use]
pub fn version_of(meta: &ObjectMeta) -> String {
    format!("{}-{}", meta.generation.unwrap_or_default(), of_text(&version_text(meta)))
}

/// Whether a stored version is the present one, in today's form or the old one.
#[must_use]
pub fn is_version_of(stored: &str, meta: &ObjectMeta) -> bool {
    let Some((generation, hash)) = stored.split_once('-') else { return false };
    if generation != meta.generation.unwrap_or_default().to_string() {
        return false;
    }
    let text = version_text(meta);
    if hash.len() == MD5_LENGTH { hash == hex::encode(Md5::digest(&text)) } else { hash == of_text(&text) }
}

fn version_text(meta: &ObjectMeta) -> String {
    let map = |map: Option<&BTreeMap<String, String>>| {
        let entries: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("map[{}]", entries.join(" "))
    };
    format!("{{annotations:{} labels:{}}}", map(meta.annotations.as_ref()), map(meta.labels.as_ref()))
}

/// The field manager of an ExternalSecret's writes: its name, or the hash of it where that would be too long.
#[must_use]
pub fn manager(name: &str) -> String {
    let plain = format!("{}{name}", names::MANAGER_PREFIX);
    if plain.len() > 63 { hashed_manager(name) } else { plain }
}

/// Both forms of the field manager: the peer read only one of them for names of 28 to 63 characters.
#[must_use]
pub fn managers(name: &str) -> [String; 2] {
    [format!("{}{name}", names::MANAGER_PREFIX), hashed_manager(name)]
}

fn hashed_manager(name: &str) -> String {
    format!("{}sha3/{}", names::MANAGER_PREFIX, of_text(name))
}

#[cfg(test)]
mod tests {
    use api::ExternalSecret;

    use super::*;

    fn data(pairs: &[(&str, &str)]) -> SecretMap {
        pairs.iter().copied().collect()
    }

    #[test]
    fn the_vectors_of_the_specification() {
        for (pairs, expected) in [
            (
                &[("password", "hunter2"), ("username", "app")][..],
                "654a809364c987ed950c0997471a726c23b32ae9abb9be2a25b2cf05",
            ),
            (&[("foo", "value1"), ("bar", "value2")], "1bed8bcbcb4547ffe19a19cd47d9078e84aa6598266d86b99f992d64"),
            (&[("a", "")], "b4267d3031c382774d3148a47147cc308a0e534ac8381b5d58565df8"),
            (&[], "74a974446e359fb3e6baff9bd0058950e6edd0f040888d9989b0a11b"),
        ] {
            assert_eq!(of_data(&data(pairs)), expected, "{pairs:?}");
            assert!(is_of_data(expected, &data(pairs)));
        }
        assert_eq!(of_text("<nil>"), "c461202a18e99215f121936fb2452e03843828e448a00a53f285a6fc");
        assert_eq!(of_text("hello there"), "f78681ec611ebaeea0689bff6c7812a83ff98a7faba986d9af76c999");
        assert_eq!(created_by("demo", "db"), "c3c1175f9808effdecd2cacf2329fdbbaf3678575e56b711f43b12c1");
    }

    #[test]
    fn the_version_hashes_labels_and_annotations() {
        let mut es = ExternalSecret::new("db", Default::default());
        es.metadata.generation = Some(1);
        let plain = version_of(&es.metadata);
        assert_eq!(plain, "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2");
        assert!(is_version_of(&plain, &es.metadata));
        es.metadata.annotations = Some([("force-sync".to_owned(), "1700000000".to_owned())].into());
        es.metadata.labels = Some([("app".to_owned(), "web".to_owned())].into());
        assert_eq!(version_of(&es.metadata), "1-662a7f5d7a59bf1c982558c35fec9b5bc13bd2da0f80a2160ae3825b");
        assert!(!is_version_of(&plain, &es.metadata));
    }

    #[test]
    fn an_old_hash_is_recognised() {
        let map = data(&[("a", "")]);
        assert!(is_of_data(&hex::encode(Md5::digest("map[a:[]]")), &map));
        let es = ExternalSecret::new("db", Default::default());
        let old = format!("0-{}", hex::encode(Md5::digest("{annotations:map[] labels:map[]}")));
        assert!(is_version_of(&old, &es.metadata));
    }

    #[test]
    fn long_names_have_a_hashed_manager() {
        assert_eq!(manager("db"), "externalsecrets.external-secrets.io/db");
        assert!(manager(&"x".repeat(28)).contains("/sha3/"));
        assert!(!manager(&"x".repeat(27)).contains("/sha3/"));
    }
}
