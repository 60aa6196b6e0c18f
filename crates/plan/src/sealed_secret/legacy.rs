//! The Secret inside an object of clients before 0.7: one value that is a whole manifest, JSON or YAML. Type, labels and
//! annotations come from it; name and namespace never do. Specification: SS §8.

use std::collections::BTreeMap;

use base::encoding::Base64;
use base::{Fault, SecretBytes, SecretMap};
use document::json::Compact;
use document::{Dialect, Node, ReadOptions, RepeatedKeys, json, yaml};
use serde::Deserialize;

/// The Secret, as far as it is used.
pub(super) struct LegacySecret {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) finalizers: Vec<String>,
    pub(super) kind: String,
    pub(super) immutable: Option<bool>,
    pub(super) data: SecretMap,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Manifest {
    metadata: Metadata,
    r#type: Option<String>,
    immutable: Option<bool>,
    data: Option<BTreeMap<String, Option<String>>>,
    string_data: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
}

impl LegacySecret {
    /// Reads the opened value.
    ///
    /// # Errors
    /// It is no manifest of a Secret. The message tells nothing of it.
    pub(super) fn read(value: &SecretBytes) -> Result<Self, Fault> {
        let unreadable = || Fault::wrong("the deprecated field 'data' holds no Secret");
        let manifest: Manifest =
            serde_json::from_slice(&as_json(value).ok_or_else(unreadable)?).map_err(|_| unreadable())?;
        let mut data = SecretMap::new();
        for (key, text) in manifest.data.unwrap_or_default() {
            let value = Base64::Standard.decode_or_place(text.unwrap_or_default().as_bytes());
            data.insert(key, value.map_err(|_| unreadable())?);
        }
        data.extend(manifest.string_data.unwrap_or_default().into_iter().collect());
        Ok(Self {
            labels: manifest.metadata.labels.unwrap_or_default(),
            annotations: manifest.metadata.annotations.unwrap_or_default(),
            finalizers: manifest.metadata.finalizers.unwrap_or_default(),
            kind: manifest.r#type.unwrap_or_default(),
            immutable: manifest.immutable,
            data,
        })
    }
}

/// The one document of a JSON or YAML text, as JSON; `None` where it is neither or more than one.
pub(super) fn as_json(text: &SecretBytes) -> Option<Vec<u8>> {
    if text.expose().iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return Some(text.expose().to_vec());
    }
    let options = ReadOptions { dialect: Dialect::Go2, repeated_keys: RepeatedKeys::Refuse, ..ReadOptions::default() };
    let [Node::Branch(branch)] = <[Node; 1]>::try_from(yaml::read_values(text.expose(), &options).ok()?).ok()? else {
        return None;
    };
    json::compact(&Node::Branch(branch), &Compact::default()).ok()
}
