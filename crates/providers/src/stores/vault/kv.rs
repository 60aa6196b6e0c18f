//! Where a key lies in a KV engine of version 1 or 2. Pure. Specification: ESO §10.5 "Path rules".
//! Not here: what is asked at those paths.

use base::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

/// The version of a KV engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Version {
    V1,
    #[default]
    V2,
}

/// A KV engine: its mount, if the store names one, and its version.
pub(in crate::stores) struct Mount {
    path: Option<String>,
    pub version: Version,
}

impl Mount {
    pub fn new(path: Option<String>, version: Version) -> Self {
        let path = path.map(|path| path.trim_matches('/').to_owned()).filter(|path| !path.is_empty());
        Self { path, version }
    }

    /// The key without what repeats mount and `data/`.
    fn bare<'a>(&self, mount: &str, key: &'a str) -> &'a str {
        let key = key.trim_start_matches('/');
        let key = key.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')).unwrap_or(key);
        match self.version {
            Version::V1 => key,
            Version::V2 => key.strip_prefix("data/").unwrap_or(key),
        }
    }

    /// The path below `/v1/` that reads and writes a key.
    pub fn data_path(&self, key: &str) -> String {
        match (&self.path, self.version) {
            (Some(mount), Version::V1) => format!("{mount}/{}", self.bare(mount, key)),
            (Some(mount), Version::V2) => format!("{mount}/data/{}", self.bare(mount, key)),
            (None, Version::V1) => key.trim_start_matches('/').to_owned(),
            (None, Version::V2) => {
                let key = key.trim_start_matches('/');
                match key.split_once('/') {
                    Some((mount, rest)) if !key.contains("/data/") => format!("{mount}/data/{rest}"),
                    _ => key.to_owned(),
                }
            }
        }
    }

    /// The path that reads and writes a key's metadata.
    pub fn metadata_path(&self, key: &str) -> Result<String, Fault> {
        match (&self.path, self.version) {
            (_, Version::V1) => Err(Fault::wrong("kv version v1 keeps no metadata")),
            (Some(mount), Version::V2) => Ok(format!("{mount}/metadata/{}", self.bare(mount, key))),
            (None, Version::V2) => {
                let path = self.data_path(key);
                if path.contains("/data/") {
                    Ok(path.replacen("/data/", "/metadata/", 1))
                } else {
                    Err(Fault::wrong(format!("cannot tell the metadata path of `{key}`"))
                        .hint("set `path`, the mount, in the store"))
                }
            }
        }
    }

    /// The path that lists a folder (with its trailing `/`, or empty for all).
    pub fn list_path(&self, folder: &str) -> Result<String, Fault> {
        let mount = self
            .path
            .as_deref()
            .ok_or_else(|| Fault::wrong("cannot search without a mount").hint("set `path`, the mount, in the store"))?;
        Ok(match self.version {
            Version::V1 => format!("{mount}/{folder}"),
            Version::V2 => format!("{mount}/metadata/{folder}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_where_the_peer_looks_for_them() {
        use Version::{V1, V2};
        for (mount, version, key, data, metadata) in [
            (Some("kv"), V2, "app/db", "kv/data/app/db", Some("kv/metadata/app/db")),
            (Some("kv"), V2, "kv/data/app/db", "kv/data/app/db", Some("kv/metadata/app/db")),
            (Some("kv"), V2, "kv/app/db", "kv/data/app/db", Some("kv/metadata/app/db")),
            (Some("kv/"), V1, "kv/app/db", "kv/app/db", None),
            (Some("kv"), V1, "data/app", "kv/data/app", None),
            (None, V2, "kv/app/db", "kv/data/app/db", Some("kv/metadata/app/db")),
            (None, V2, "kv/data/app/db", "kv/data/app/db", Some("kv/metadata/app/db")),
            (None, V2, "kv", "kv", None),
            (None, V1, "kv/app", "kv/app", None),
        ] {
            let place = Mount::new(mount.map(str::to_owned), version);
            assert_eq!(place.data_path(key), data, "{mount:?} {version:?} {key}");
            assert_eq!(place.metadata_path(key).ok().as_deref(), metadata, "{mount:?} {version:?} {key}");
        }
    }
}
