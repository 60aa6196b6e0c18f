//! HashiCorp Vault (and OpenBao under this name): KV version 1 and 2, read, searched and pushed. The session – login, renewal,
//! re-login on 403 – is `wire::vault`'s and shared by all reads of one opened store. Settings and login methods are in
//! `vault/settings`, paths in `vault/kv`. API: `/v1/sys` and `/v1/<mount>`; limits: the server's.
//! Specification: ESO §10.5.

mod kv;
mod reference;
mod settings;

use std::sync::Arc;

use base::{Credentials, Fault, Kind, Opening, SecretBytes, SecretMap, SecretValue, Tenant};
use regex::Regex;
use schemars::schema_for;
use serde_json::{Map, Value, json};
use source::{
    Find, Locator, MetadataPolicy, Payload, PushEntry, PushSource, Pushed, RemotePlace, SecretsClient, Validity,
    select as rules,
};
use wire::vault::{Call, Session};

use self::kv::{Mount, Version};
use self::settings::Settings;
use crate::reach::{Calls, Reach};
use crate::row::{Access, Client, Maintenance, Row};

/// The row.
pub const ROW: Row = Row {
    name: "vault",
    keys: &["vault"],
    access: Access {
        read: true,
        write: true,
        find_name: true,
        find_tags: true,
        find_path: true,
        metadata: true,
        not_found: true,
        referent: true,
    },
    maintenance: Maintenance::Maintained,
    schema: || schema_for!(Settings),
    check,
    open: Some(open),
    references: reference::DOORS,
};

/// The label of its calls in metrics (ESO §13.2).
const PROVIDER: &str = "HashiCorp/Vault";
/// The mark of secrets that we pushed, in their custom metadata.
const MANAGED_BY: (&str, &str) = ("managed-by", "external-secrets");

struct VaultClient {
    session: Arc<Session>,
    mount: Mount,
    requires_cas: bool,
    is_referent: bool,
    calls: Arc<Calls>,
}

fn check(value: &Value, tenant: &Tenant) -> Vec<Fault> {
    match crate::settings::read::<Settings>("vault", value) {
        Ok(settings) => settings.check(tenant),
        Err(fault) => vec![fault],
    }
}

fn open<'a>(value: &'a Value, reach: &'a Reach, credentials: Credentials) -> Opening<'a, Client> {
    Box::pin(async move {
        let settings: Settings = crate::settings::read("vault", value)?;
        let is_referent = credentials.tenant().consumer.is_empty() && settings.is_referent(credentials.tenant());
        let mount = Mount::new(settings.path.clone(), settings.version);
        let requires_cas = settings.check_and_set.as_ref().is_some_and(|cas| cas.required);
        let session = settings.session(reach, credentials).await?;
        let calls = Arc::clone(&reach.calls);
        Ok(Arc::new(VaultClient { session, mount, requires_cas, is_referent, calls }) as Client)
    })
}

impl VaultClient {
    /// Asks Vault and counts the call.
    async fn ask(&self, name: &'static str, call: &Call) -> Result<wire::vault::Response, Fault> {
        let answer = self.session.call(call).await;
        let worked = answer.as_ref().map_or_else(|fault| fault.kind() == Kind::NotFound, |_| true);
        self.calls.count(PROVIDER, name, worked);
        answer
    }

    /// The JSON of a secret's data. A deleted version answers without data and counts as missing.
    async fn read(&self, at: &Locator) -> Result<SecretBytes, Fault> {
        let path = self.mount.data_path(&at.key);
        let mut call = Call::read(&path);
        if let Some(version) = &at.version {
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
        data.map(SecretBytes::from).ok_or_else(missing)
    }

    /// What is said about a secret: its custom metadata, with the three fields that the peer adds.
    async fn read_metadata(&self, key: &str) -> Result<Map<String, Value>, Fault> {
        let path = self.mount.metadata_path(key)?;
        let answer = self.ask("ReadSecretData", &Call::read(&path)).await?;
        let all: Map<String, Value> = answer.data_as(&format!("cannot read the metadata of `{key}`"))?;
        let mut metadata = match all.get("custom_metadata") {
            Some(Value::Object(custom)) => custom.clone(),
            _ => Map::new(),
        };
        for field in ["created_time", "current_version", "delete_version_after"] {
            if let Some(value) = all.get(field) {
                metadata.insert(field.to_owned(), value.clone());
            }
        }
        Ok(metadata)
    }

    /// All secrets below a folder, by their path below the mount.
    async fn list(&self, folder: &str, found: &mut Vec<String>) -> Result<(), Fault> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let answer = match self.ask("ListSecrets", &Call::list(&self.mount.list_path(&folder)?)).await {
                Err(fault) if fault.kind() == Kind::NotFound && folder.is_empty() => continue,
                other => other?,
            };
            #[derive(serde::Deserialize)]
            struct Keys {
                keys: Vec<String>,
            }
            let Keys { keys } = answer.data_as(&format!("cannot list `{folder}`"))?;
            for key in keys {
                let path = format!("{folder}{key}");
                if key.ends_with('/') { folders.push(path) } else { found.push(path) }
            }
        }
        Ok(())
    }

    async fn find_all(&self, query: &Find) -> Result<SecretMap, Fault> {
        if query.name.is_none() && query.tags.is_empty() {
            return Err(Fault::wrong("unexpected find operator").hint("set `find.name` or `find.tags`"));
        }
        if !query.tags.is_empty() && self.mount.version == Version::V1 {
            return Err(Fault::wrong("cannot perform find by tag operations with kv version v1"));
        }
        let name = query.name.as_deref().map(crate::settings::pattern).transpose()?;
        let folder = match query.path.as_deref().unwrap_or_default().trim_matches('/') {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let mut paths = Vec::new();
        self.list(&folder, &mut paths).await?;
        paths.retain(|path| name.as_ref().is_none_or(|name: &Regex| name.is_match(path)));
        let mut found = SecretMap::new();
        for path in paths {
            if !query.tags.is_empty() && !self.has_tags(&path, query).await? {
                continue;
            }
            match self.read(&Locator::of(path.as_str())).await {
                Ok(data) => found.insert(path, data),
                // Deleted since it was listed, or a version without data.
                Err(fault) if fault.kind() == Kind::NotFound => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }

    async fn has_tags(&self, path: &str, query: &Find) -> Result<bool, Fault> {
        let metadata = self.read_metadata(path).await?;
        Ok(query.tags.iter().all(|(tag, value)| metadata.get(tag).and_then(Value::as_str) == Some(value)))
    }

    /// What stands at a place: its fields, and whether it is ours.
    async fn standing(&self, key: &str) -> Result<Option<(Map<String, Value>, bool)>, Fault> {
        let data = match self.read(&Locator::of(key)).await {
            Ok(data) => data,
            Err(fault) if fault.kind() == Kind::NotFound => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let mut fields: Map<String, Value> = serde_json::from_slice(data.expose())
            .map_err(|_| Fault::wrong(format!("the secret `{key}` in Vault is no map of fields")))?;
        let metadata = match self.mount.version {
            Version::V1 => match fields.remove("custom_metadata") {
                Some(Value::Object(metadata)) => metadata,
                _ => Map::new(),
            },
            Version::V2 => self.read_metadata(key).await?,
        };
        let is_ours = metadata.get(MANAGED_BY.0).and_then(Value::as_str) == Some(MANAGED_BY.1);
        Ok(Some((fields, is_ours)))
    }

    async fn write(&self, key: &str, mut fields: Map<String, Value>) -> Result<(), Fault> {
        let custom = json!({ MANAGED_BY.0: MANAGED_BY.1 });
        let body = match self.mount.version {
            Version::V1 => {
                fields.insert("custom_metadata".to_owned(), custom);
                Value::Object(fields)
            }
            Version::V2 => {
                let cas = if self.requires_cas { self.current_version(key).await? } else { None };
                let path = self.mount.metadata_path(key)?;
                let metadata = Call::write_json(&path, &json!({ "custom_metadata": custom }))?.idempotent();
                self.ask("WriteSecretData", &metadata).await?;
                match cas {
                    Some(version) => json!({ "data": fields, "options": { "cas": version } }),
                    None => json!({ "data": fields }),
                }
            }
        };
        let call = Call::write(&self.mount.data_path(key), SecretBytes::from(body.to_string()));
        self.ask("WriteSecretData", &call).await.map(drop)
    }

    /// The version that a check-and-set write replaces; 0 for a new secret.
    async fn current_version(&self, key: &str) -> Result<Option<u64>, Fault> {
        match self.read_metadata(key).await {
            Ok(metadata) => Ok(Some(metadata.get("current_version").and_then(Value::as_u64).unwrap_or(0))),
            Err(fault) if fault.kind() == Kind::NotFound => Ok(Some(0)),
            Err(fault) => Err(fault),
        }
    }

    async fn push_entry(&self, entry: &PushEntry) -> Result<Pushed, Fault> {
        let key = &entry.at.key;
        let standing = self.standing(key).await?;
        if standing.as_ref().is_some_and(|(_, is_ours)| !is_ours) {
            return Err(
                Fault::conflict(format!("cannot push to `{key}`")).because("secret not managed by external-secrets")
            );
        }
        let before = standing.map(|(fields, _)| fields);
        let fields = match (&entry.at.property, &entry.source) {
            (Some(property), source) => {
                let mut fields = before.clone().unwrap_or_default();
                fields.insert(property.clone(), Value::from(text_of(source)?));
                fields
            }
            (None, source) => serde_json::from_str(&text_of(source)?)
                .map_err(|_| Fault::wrong("error unmarshalling vault secret: the value is no JSON object"))?,
        };
        if before.as_ref() == Some(&fields) {
            return Ok(Pushed::Unchanged);
        }
        self.write(key, fields).await?;
        Ok(Pushed::Stored)
    }

    async fn delete_entry(&self, at: &RemotePlace) -> Result<(), Fault> {
        let Some((mut fields, is_ours)) = self.standing(&at.key).await? else { return Ok(()) };
        if !is_ours {
            return Ok(());
        }
        if let Some(property) = &at.property {
            if fields.remove(property).is_none() {
                return Ok(());
            }
            if !fields.is_empty() {
                return self.write(&at.key, fields).await;
            }
        }
        self.ask("DeleteSecret", &Call::delete(&self.mount.data_path(&at.key))).await?;
        if self.mount.version == Version::V2 {
            self.ask("DeleteSecret", &Call::delete(&self.mount.metadata_path(&at.key)?)).await?;
        }
        Ok(())
    }
}

/// A pushed value as text, since Vault's fields are JSON.
fn text_of(source: &PushSource) -> Result<String, Fault> {
    let bytes = match source {
        PushSource::Bytes(bytes) => bytes.clone(),
        PushSource::Secret { data, .. } => rules::object_of(data)?,
    };
    let text = bytes.to_text().ok_or_else(|| Fault::wrong("the value is not text, so Vault cannot hold it"))?;
    Ok(text.into_exposed())
}

impl SecretsClient for VaultClient {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move {
            if at.metadata == MetadataPolicy::None {
                return self.read(at).await.map(Payload::Bytes);
            }
            if self.mount.version == Version::V1 {
                return Err(Fault::wrong("cannot perform metadata fetch operations with kv version v1"));
            }
            let metadata = self.read_metadata(&at.key).await?;
            Ok(Payload::bytes(Value::Object(metadata).to_string()))
        })
    }

    fn select(&self, _: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        let Payload::Bytes(json) = payload else { return Err(Fault::bug("Vault's payload is one JSON text")) };
        match property {
            None => Ok(SecretValue::Bytes(json.clone())),
            Some(property) => rules::property(json.expose(), property)
                .ok_or_else(|| Fault::wrong(format!("cannot find secret data for key: \"{property}\""))),
        }
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        let value = rules::bytes(&self.select(at, payload, property)?);
        rules::entries(value.expose())
            .ok_or_else(|| Fault::wrong(format!("the secret `{}` in Vault is no map of fields", at.key)))
    }

    fn find<'a>(&'a self, query: &'a Find) -> Opening<'a, SecretMap> {
        Box::pin(self.find_all(query))
    }

    fn push<'a>(&'a self, entry: &'a PushEntry) -> Opening<'a, Pushed> {
        Box::pin(self.push_entry(entry))
    }

    fn delete<'a>(&'a self, at: &'a RemotePlace) -> Opening<'a, ()> {
        Box::pin(self.delete_entry(at))
    }

    fn exists<'a>(&'a self, at: &'a RemotePlace) -> Opening<'a, bool> {
        Box::pin(async move {
            match (self.read(&Locator::of(at.key.as_str())).await, &at.property) {
                (Ok(_), None) => Ok(true),
                (Ok(json), Some(property)) => Ok(rules::property(json.expose(), property).is_some()),
                (Err(fault), _) if fault.kind() == Kind::NotFound => Ok(false),
                (Err(fault), _) => Err(fault),
            }
        })
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move {
            if self.is_referent {
                return Ok(Validity::Unknown);
            }
            let answer = self.session.lookup_self().await;
            self.calls.count(PROVIDER, "LookupSelf", answer.is_ok());
            answer.map(|_| Validity::Ready).map_err(|fault| fault.within("invalid vault credentials"))
        })
    }

    fn close(&self) -> Opening<'_, ()> {
        Box::pin(self.session.close())
    }
}

#[cfg(test)]
mod tests;
