//! Which value is meant (`RemoteRef`), what one call fetches for it (`Locator`), what came back (`Payload`), and the
//! search by name, tags or path (`Find`). Fetching and selecting are apart, so that one read serves many properties
//! and many users. Specification: ESO §5.2 (remoteRef, find), design §9.

use std::collections::BTreeMap;

use base::{SecretBytes, SecretMap};

/// Which value: key, property and version, in the words of `spec.data[].remoteRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RemoteRef {
    /// The secret's name or path at the provider.
    pub key: String,
    /// A part of it: an entry, a path into JSON.
    pub property: Option<String>,
    /// A version or stage; none means the current one.
    pub version: Option<String>,
    /// Whether the secret itself or what is said about it is wanted.
    pub metadata: MetadataPolicy,
}

/// `metadataPolicy`: the secret's value, or its tags and labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetadataPolicy {
    /// The value.
    #[default]
    None,
    /// Tags, labels, custom metadata – whatever the provider keeps beside the value.
    Fetch,
}

impl RemoteRef {
    /// What a call has to fetch for this reference.
    #[must_use]
    pub fn locator(&self) -> Locator {
        Locator { key: self.key.clone(), version: self.version.clone(), metadata: self.metadata }
    }
}

/// What one call fetches: the reference without its property. Equal locators of one client are one read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Locator {
    /// The secret's name or path at the provider.
    pub key: String,
    /// A version or stage; none means the current one.
    pub version: Option<String>,
    /// Whether the value or its metadata is fetched.
    pub metadata: MetadataPolicy,
}

impl Locator {
    /// The current value of that key.
    #[must_use]
    pub fn of(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }
}

/// What came back from one call, unread. It may be shared by many users and is wiped with the last of them.
pub enum Payload {
    /// One value: bytes or text, JSON more often than not.
    Bytes(SecretBytes),
    /// Named values, as a Kubernetes Secret holds them.
    Map(SecretMap),
}

impl Payload {
    /// One value.
    #[must_use]
    pub fn bytes(bytes: impl Into<SecretBytes>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// How many bytes it holds: the bound of what is kept for joined reads.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Map(map) => map.iter().map(|(name, value)| name.len() + value.len()).sum(),
        }
    }
}

/// A search: `spec.dataFrom[].find`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Find {
    /// Where to search; its meaning is the provider's.
    pub path: Option<String>,
    /// A regular expression on names.
    pub name: Option<String>,
    /// Tags that must all be there.
    pub tags: BTreeMap<String, String>,
}
