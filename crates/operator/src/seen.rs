//! Secrets and ConfigMaps reduced to what may stand in a cache: names, labels, owners, version, and a keyed digest of the
//! data that answers "has it changed?"; where Reloader runs also the hash that it publishes. The values are digested while the
//! JSON streams by and are never kept.
//! Specification: design §8 "Where values live", §11.4.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use base::SecretBytes;
use base::encoding::Base64;
use base::fingerprint::{Fingerprint, FingerprintKey};
use k8s_openapi::api::core::v1;
use kube::Resource as _;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use plan::Address;
use plan::present::OwnerRef;
use plan::reload::hash;
use plan::write::Resource;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::cache::Kept;
use crate::subject::Subject;

/// A Secret or ConfigMap as it stands in the cache; `H` says which of the two.
#[derive(Clone, Debug)]
pub struct Seen<H> {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations, without the long ones that no rule of ours reads.
    pub annotations: BTreeMap<String, String>,
    /// Its owners.
    pub owners: Vec<OwnerRef>,
    /// A Secret's type.
    pub kind: String,
    /// Equal data, equal fingerprint.
    pub data: Fingerprint,
    /// Reloader's hash of the data (RL §7), where it is wanted and was at hand.
    pub published: Option<[u8; 20]>,
    /// Whether it refuses changes.
    pub immutable: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    of: PhantomData<H>,
}

/// Marks a Secret.
#[derive(Clone, Copy, Debug)]
pub enum OfSecret {}
/// Marks a ConfigMap.
#[derive(Clone, Copy, Debug)]
pub enum OfConfigMap {}

/// A Secret in the cache.
pub type SeenSecret = Seen<OfSecret>;
/// A ConfigMap in the cache.
pub type SeenConfigMap = Seen<OfConfigMap>;

/// Which kind a marker stands for.
pub trait Marker: Send + Sync + fmt::Debug + Clone + 'static {
    /// The API's own type, for group, version, kind and plural.
    type Api: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>;
    /// Whether its `data` comes in base64.
    const IS_ENCODED: bool;
}

impl Marker for OfSecret {
    type Api = v1::Secret;
    const IS_ENCODED: bool = true;
}

impl Marker for OfConfigMap {
    type Api = v1::ConfigMap;
    const IS_ENCODED: bool = false;
}

/// Longer annotations are dropped: `last-applied-configuration` alone may hold the whole object, values included.
const ANNOTATION_BYTES: usize = 512;

/// The key of all fingerprints of this process.
static KEY: OnceLock<FingerprintKey> = OnceLock::new();

/// Whether the published hash is computed, too: only Reloader needs it.
static PUBLISHES: AtomicBool = AtomicBool::new(false);

/// From now on objects carry their published hash.
pub fn publish() {
    PUBLISHES.store(true, Ordering::Relaxed);
}

/// Sets the process's key, once; the driver draws it before the first watch.
pub fn set_key(key: FingerprintKey) {
    let _ = KEY.set(key);
}

/// The process's key. A process that never set one (a unit test) uses a fixed key.
pub fn key() -> &'static FingerprintKey {
    KEY.get_or_init(|| FingerprintKey::new([0x5a; 32]))
}

/// The fingerprint of a Secret's data, as the cache computes it.
#[must_use]
pub fn fingerprint_of(data: &base::SecretMap) -> Fingerprint {
    let mut digest = key().digest();
    for (name, value) in data.iter() {
        digest.part(name.as_bytes());
        digest.part(Base64::Standard.encode(value.expose()).as_bytes());
    }
    digest.part(b"");
    digest.finish()
}

/// The object as it comes: its values are already digested when this exists.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "H: Marker"))]
pub struct Digested<H> {
    metadata: ObjectMeta,
    #[serde(default)]
    data: DataDigest<H>,
    #[serde(default)]
    binary_data: DataDigest<H>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(skip)]
    of: PhantomData<H>,
}

/// A digest of named values, made while they stream by. The API server writes maps sorted by key (Go's JSON does).
#[derive(Clone, Copy, Debug)]
struct DataDigest<H> {
    fingerprint: Fingerprint,
    published: Option<[u8; 20]>,
    of: PhantomData<H>,
}

impl<H> Default for DataDigest<H> {
    fn default() -> Self {
        let published = PUBLISHES.load(Ordering::Relaxed).then(|| hash::of_joined(Vec::new()));
        Self { fingerprint: key().digest().with(b"").finish(), published, of: PhantomData }
    }
}

impl<'de, H: Marker> Deserialize<'de> for DataDigest<H> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(DigestVisitor(PhantomData))
    }
}

struct DigestVisitor<H>(PhantomData<H>);

impl<'de, H: Marker> Visitor<'de> for DigestVisitor<H> {
    type Value = DataDigest<H>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of names to values")
    }

    fn visit_unit<E>(self) -> Result<DataDigest<H>, E> {
        Ok(DataDigest::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DataDigest<H>, A::Error> {
        let mut digest = key().digest();
        let mut entries = PUBLISHES.load(Ordering::Relaxed).then(Vec::new);
        while let Some((name, value)) = map.next_entry::<Cow<'_, str>, Option<Borrowed<'_>>>()? {
            let value = value.map(|text| text.0).unwrap_or_default();
            digest.part(name.as_bytes());
            digest.part(value.as_bytes());
            entries = entries.and_then(|mut all| {
                all.push(entry::<H>(&name, &value)?);
                Some(all)
            });
        }
        digest.part(b"");
        let published = entries.map(|all| hash::of_joined(all.iter().map(SecretBytes::expose).collect()));
        Ok(DataDigest { fingerprint: digest.finish(), published, of: PhantomData })
    }
}

/// An entry as Reloader hashes it, wiped afterwards; none where it is not the base64 that it should be.
fn entry<H: Marker>(name: &str, value: &str) -> Option<SecretBytes> {
    if !H::IS_ENCODED {
        return Some(SecretBytes::new(hash::joined(name, value.as_bytes())));
    }
    let decoded = Base64::Standard.decode(value.as_bytes())?;
    Some(SecretBytes::new(hash::joined(name, decoded.expose())))
}

/// A text that borrows from the input where it can, so that values are not copied.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl<H: Marker> kube::Resource for Digested<H> {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        H::Api::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        H::Api::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        H::Api::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        H::Api::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<H: Marker> Kept for Seen<H> {
    type Wire = Digested<H>;

    fn keep(wire: Digested<H>) -> Result<Self, String> {
        let meta = wire.metadata;
        let mut annotations = meta.annotations.unwrap_or_default();
        annotations.retain(|_, value| value.len() <= ANNOTATION_BYTES);
        let owners = meta.owner_references.unwrap_or_default().into_iter().map(|owner| OwnerRef {
            api_version: owner.api_version,
            kind: owner.kind,
            name: owner.name,
            uid: owner.uid,
            controller: owner.controller,
            block_owner_deletion: owner.block_owner_deletion,
        });
        let (text, binary) = (wire.data.fingerprint, wire.binary_data.fingerprint);
        // The hash is over texts and binary entries together, sorted as one: with both it needs the object itself.
        let (data, published) = if binary == DataDigest::<H>::default().fingerprint {
            (text, wire.data.published)
        } else {
            (key().digest().with(text.as_bytes()).with(binary.as_bytes()).finish(), None)
        };
        Ok(Self {
            namespace: meta.namespace.unwrap_or_default().into(),
            name: meta.name.unwrap_or_default().into(),
            uid: meta.uid.unwrap_or_default(),
            resource_version: meta.resource_version.unwrap_or_default(),
            labels: meta.labels.unwrap_or_default(),
            annotations,
            owners: owners.collect(),
            kind: wire.r#type.unwrap_or_default(),
            data,
            published,
            immutable: wire.immutable.unwrap_or(false),
            deleting: meta.deletion_timestamp.is_some(),
            of: PhantomData,
        })
    }

    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

impl<H: Marker> Subject for Seen<H> {
    fn address(&self) -> Address {
        let (group, version) = (H::Api::group(&()), H::Api::version(&()));
        let resource = Resource::new(&group, &version, &H::Api::kind(&()), &H::Api::plural(&()));
        Address::new(resource, &*self.namespace, &*self.name)
    }

    fn uid(&self) -> &str {
        &self.uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(data: &str) -> SeenSecret {
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"Secret","data":{data},"type":"Opaque",
                "metadata":{{"name":"a","namespace":"b","annotations":{{"long":"{}","short":"x"}}}}}}"#,
            "y".repeat(600)
        );
        SeenSecret::keep(serde_json::from_str(&text).expect("a Secret")).expect("it is kept")
    }

    #[test]
    fn the_digest_tells_changes_and_equals_the_one_of_a_map() {
        let seen = secret(r#"{"p":"czNjcjN0"}"#);
        assert_eq!(seen.data, fingerprint_of(&[("p", "s3cr3t")].into_iter().collect()));
        assert_ne!(seen.data, secret(r#"{"p":"czNjcjN1"}"#).data);
        assert_eq!(secret("null").data, secret("{}").data);
        assert_eq!(secret("null").data, fingerprint_of(&base::SecretMap::new()));
    }

    #[test]
    fn the_published_hash_is_that_of_the_decoded_data() {
        publish();
        assert_eq!(
            secret(r#"{"password":"aHVudGVyMg==","user":"YWRtaW4="}"#).published.map(hex::encode).as_deref(),
            Some("40a4a8b97a438eafc2e54768f96e1d4895cf4a0c")
        );
        let empty = Some("da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned());
        assert_eq!(secret("null").published.map(hex::encode), empty);
        assert_eq!(secret(r#"{"a":"no base64"}"#).published, None, "it is read then");
        let map = |rest: &str| {
            let text = format!(r#"{{"metadata":{{"name":"a"}}{rest}}}"#);
            SeenConfigMap::keep(serde_json::from_str(&text).expect("a ConfigMap"))
                .expect("it is kept")
                .published
                .map(hex::encode)
        };
        assert_eq!(map(""), empty);
        let texts = [("a", "1"), ("a-b", "2")];
        let none: [(&str, &[u8]); 0] = [];
        let expected = hash::of_config_map(texts.into_iter(), none.into_iter());
        assert_eq!(map(r#","data":{"a":"1","a-b":"2"}"#), Some(expected));
        assert_eq!(map(r#","data":{"a":"1"},"binaryData":{"b":"AP8="}"#), None, "it is read then");
    }

    #[test]
    fn long_annotations_are_not_kept() {
        assert_eq!(secret("{}").annotations.keys().collect::<Vec<_>>(), ["short"]);
    }

    #[test]
    fn binary_data_of_a_config_map_counts() {
        let read = |binary: &str| {
            let text = format!(r#"{{"metadata":{{"name":"a"}},"data":{{"k":"v"}},"binaryData":{binary}}}"#);
            SeenConfigMap::keep(serde_json::from_str(&text).expect("a ConfigMap")).expect("it is kept").data
        };
        assert_ne!(read(r#"{"b":"AP8="}"#), read(r#"{"b":"AP4="}"#));
        assert_ne!(read(r#"{"b":"AP8="}"#), read("{}"));
    }
}
