//! A KV engine that is asked and whose calls are counted: what the stores of Vault and OpenBao have in common. Reading, listing
//! and what is said about a secret; what a store allows, and how a property is chosen, is in its own file.
//! Specification: ESO §10.5, §10.6; §13.2 (names of calls).

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Fault, Kind, SecretBytes, SecretMap};
use serde::Deserialize;
use serde_json::{Map, Value};
use source::Locator;
use wire::vault::{Call, Response, Session};

use super::kv::{Mount, Version};
use crate::reach::Calls;
use crate::searched;

/// A KV engine.
pub(in crate::stores) struct Engine {
    /// Who keeps the token.
    pub session: Arc<Session>,
    /// Where the engine lies.
    pub mount: Mount,
    /// Where calls are counted.
    pub calls: Arc<Calls>,
    /// Under which provider they are counted.
    pub provider: &'static str,
}

impl Engine {
    /// Asks the server and counts the call.
    pub async fn ask(&self, name: &'static str, call: &Call) -> Result<Response, Fault> {
        self.calls.counted(self.provider, name, self.session.call(call).await)
    }

    /// The JSON of a secret's data. A deleted version answers without data and counts as missing.
    pub async fn read(&self, at: &Locator) -> Result<SecretBytes, Fault> {
        let path = self.mount.data_path(&at.key);
        let mut call = Call::read(&path);
        if let Some(version) = at.version.as_deref().filter(|version| !version.is_empty()) {
            call = call.query("version", version);
        }
        let missing = || Fault::not_found(format!("cannot find secret `{}` in Vault", at.key));
        let answer = self.ask("ReadSecretData", &call).await.map_err(|fault| match fault.kind() {
            Kind::NotFound => missing().because(fault),
            _ => fault,
        })?;
        let data = match self.mount.version {
            Version::V1 => answer.data(),
            Version::V2 => answer.member("data"),
        };
        match data {
            Some(data) if data.starts_with(b"{") => Ok(SecretBytes::from(data)),
            Some(_) => Err(Fault::unreachable(format!("cannot read secret `{}` in Vault", at.key))
                .because("the data in the answer are no map of fields")),
            // Of a deleted version the server tells what it was. Whatever else holds no data is no answer about the secret.
            None if answer.member("metadata").is_some() => Err(missing()),
            None => Err(without_data(&at.key, &answer)),
        }
    }

    /// What is said about a secret, as the server has it.
    pub async fn read_metadata(&self, key: &str) -> Result<Map<String, Value>, Fault> {
        let path = self.mount.metadata_path(key)?;
        let answer = self.ask("ReadSecretData", &Call::read(&path)).await?;
        answer.data_as(&format!("cannot read the metadata of `{key}`"))
    }

    /// The secrets of a folder (empty, or with its `/` at the end), by their path below the mount; of the folders below it, too,
    /// if it is searched in depth. A folder that is not there is not found.
    pub async fn list(&self, folder: &str, in_depth: bool) -> Result<Vec<String>, Fault> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<String>,
        }
        let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
        while let Some(next) = folders.pop() {
            let answer = match self.ask("ListSecrets", &Call::list(&self.mount.list_path(&next)?)).await {
                // Emptied since it was listed.
                Err(fault) if fault.kind() == Kind::NotFound && next != folder => continue,
                other => other?,
            };
            let Keys { keys } = answer.data_as(&format!("cannot list `{next}`"))?;
            for key in keys {
                let path = format!("{next}{key}");
                match (key.ends_with('/'), in_depth) {
                    (true, true) => folders.push(path),
                    (true, false) => {}
                    (false, _) => found.push(path),
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The data of many secrets.
    pub async fn read_all(&self, paths: Vec<String>) -> Result<SecretMap, Fault> {
        let read = |path: String| async move { self.read(&Locator::of(path)).await };
        Ok(searched::read_each(paths, read).await?.into_iter().collect())
    }

    /// Those of many secrets whose custom metadata has all of these entries.
    pub async fn with_tags(&self, paths: Vec<String>, tags: &BTreeMap<String, String>) -> Result<Vec<String>, Fault> {
        let read = |path: String| async move { self.read_metadata(&path).await };
        let mut found = searched::read_each(paths, read).await?;
        found.retain(|(_, metadata)| tags.iter().all(|(tag, value)| custom(metadata, tag) == Some(value)));
        Ok(found.into_iter().map(|(path, _)| path).collect())
    }
}

/// The fault of an answer that holds no secret: the server warns of a path that its engine does not have (that of the other
/// version of KV), or something in between has answered.
fn without_data(key: &str, answer: &Response) -> Fault {
    let attempt = format!("cannot read secret `{key}` in Vault");
    match answer.warnings.as_slice() {
        [] => Fault::unreachable(attempt).because("the answer holds no data"),
        warnings => Fault::wrong(attempt).because(warnings.join("; ")).hint("set `version` to that of the engine"),
    }
}

/// An entry of a secret's custom metadata.
pub(in crate::stores) fn custom<'a>(metadata: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    metadata.get("custom_metadata")?.get(name)?.as_str()
}

/// The folder that `find.path` names: empty, or with a `/` at its end only.
pub(in crate::stores) fn folder(path: Option<&str>) -> String {
    match path.unwrap_or_default().trim_matches('/') {
        "" => String::new(),
        path => format!("{path}/"),
    }
}
