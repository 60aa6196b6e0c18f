//! HashiCorp Vault (and OpenBao under this name): KV version 1 and 2, read, searched and pushed. The session – login, renewal,
//! re-login on 403 – is `wire::vault`'s and shared by all reads of one opened store. Settings and login methods are in
//! `vault/settings`, paths in `vault/kv`. API: `/v1/sys` and `/v1/<mount>`; limits: the server's.
//! Specification: ESO §10.5.

pub(super) mod engine;
pub(super) mod kv;
mod reference;
pub(crate) mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::fault::found;
use base::{Credentials, Fault, Opening, SecretBytes, SecretMap, SecretValue};
use schemars::schema_for;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use source::{
    Find, Locator, MetadataPolicy, Payload, PushEntry, PushSource, Pushed, RemotePlace, SecretsClient, Validity,
    select as rules,
};
use wire::vault::Call;

use self::engine::{Engine, custom, folder};
use self::kv::{Mount, Version};
use self::settings::Settings;
use crate::json;
use crate::push_metadata;
use crate::reach::Reach;
use crate::referent;
use crate::row::{Access, Client, Maintenance, Row};
use crate::settings::{Checked, check, pattern, read};

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
    check: check::<Settings>,
    open: Some(open),
    references: reference::DOORS,
};

/// The label of its calls in metrics (ESO §13.2).
pub(crate) const PROVIDER: &str = "HashiCorp/Vault";
/// The mark of secrets that we pushed, in their custom metadata.
const MANAGED_BY: (&str, &str) = ("managed-by", "external-secrets");

/// The fields of a secret, each as the JSON that stands there: what a push leaves alone is written back as it was.
type Fields = BTreeMap<String, Box<RawValue>>;

struct VaultClient {
    engine: Engine,
    requires_cas: bool,
}

/// What stands at a place, for whoever wants to write or delete there.
struct Standing {
    /// Its fields; none: there is no secret, or its latest version is deleted.
    fields: Option<Fields>,
    /// What is said about it; none: nobody ever wrote there.
    metadata: Option<Map<String, Value>>,
}

impl Standing {
    fn is_ours(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| custom(metadata, MANAGED_BY.0) == Some(MANAGED_BY.1))
    }

    /// The version that a write replaces; 0 for a new secret.
    fn version(&self) -> u64 {
        let version = self.metadata.as_ref().and_then(|metadata| metadata.get("current_version"));
        version.and_then(Value::as_u64).unwrap_or(0)
    }
}

fn open<'a>(value: &'a Value, reach: &'a Reach, credentials: Credentials) -> Opening<'a, Client> {
    Box::pin(async move {
        let settings: Settings = read(Settings::PROVIDER, value)?;
        if let Some(client) = referent::client(credentials.tenant(), settings.selectors().iter()) {
            return Ok(client);
        }
        let mount = Mount::new(settings.path.clone(), settings.version);
        let requires_cas = settings.check_and_set.as_ref().is_some_and(|cas| cas.required);
        let session = settings.session(reach, credentials).await?;
        let engine = Engine { session, mount, calls: Arc::clone(&reach.calls), provider: PROVIDER };
        Ok(Arc::new(VaultClient { engine, requires_cas }) as Client)
    })
}

impl VaultClient {
    fn version(&self) -> Version {
        self.engine.mount.version
    }

    /// What users may read of a secret's metadata: their own, with the three fields that the peer adds.
    async fn read_metadata(&self, key: &str) -> Result<SecretBytes, Fault> {
        if self.version() == Version::V1 {
            return Err(Fault::wrong("cannot perform metadata fetch operations with kv version v1"));
        }
        let all = self.engine.read_metadata(key).await?;
        let mut metadata = match all.get("custom_metadata") {
            Some(Value::Object(custom)) => custom.clone(),
            _ => Map::new(),
        };
        for field in ["created_time", "current_version", "delete_version_after"] {
            if let Some(value) = all.get(field) {
                metadata.insert(field.to_owned(), value.clone());
            }
        }
        Ok(SecretBytes::from(Value::Object(metadata).to_string()))
    }

    async fn find_all(&self, query: &Find) -> Result<SecretMap, Fault> {
        // With neither name nor tags all secrets are found: a path alone is a search, too.
        if !query.tags.is_empty() && self.version() == Version::V1 {
            return Err(Fault::wrong("cannot perform find by tag operations with kv version v1"));
        }
        let name = query.name.as_deref().map(pattern).transpose()?;
        let mut paths = self.engine.list(&folder(query.path.as_deref()), true).await?;
        paths.retain(|path| name.as_ref().is_none_or(|name| name.is_match(path)));
        if !query.tags.is_empty() {
            paths = self.engine.with_tags(paths, &query.tags).await?;
        }
        self.engine.read_all(paths).await
    }

    /// What stands at a place.
    async fn standing(&self, key: &str) -> Result<Standing, Fault> {
        let data = found(self.engine.read(&Locator::of(key)).await)?;
        let mut fields: Option<Fields> = data
            .map(|data| serde_json::from_slice(data.expose()))
            .transpose()
            .map_err(|_| Fault::wrong(format!("the secret `{key}` in Vault is no map of fields")))?;
        let metadata = match self.version() {
            Version::V1 => {
                let own = fields.as_mut().and_then(|fields| fields.remove("custom_metadata"));
                let own: Value = own.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
                fields.is_some().then(|| Map::from_iter([("custom_metadata".to_owned(), own)]))
            }
            Version::V2 => found(self.engine.read_metadata(key).await)?,
        };
        Ok(Standing { fields, metadata })
    }

    /// Writes fields, and before them our mark where it is missing; what else is said about the secret stays.
    async fn write(&self, key: &str, standing: &Standing, mut fields: Fields) -> Result<(), Fault> {
        let mut custom = match standing.metadata.as_ref().and_then(|metadata| metadata.get("custom_metadata")) {
            Some(Value::Object(custom)) => custom.clone(),
            _ => Map::new(),
        };
        custom.insert(MANAGED_BY.0.to_owned(), Value::from(MANAGED_BY.1));
        let body = match self.version() {
            Version::V1 => {
                fields.insert("custom_metadata".to_owned(), raw(&Value::Object(custom)));
                serde_json::to_string(&fields)
            }
            Version::V2 => {
                if !standing.is_ours() {
                    let path = self.engine.mount.metadata_path(key)?;
                    let metadata = Call::write_json(&path, &json!({ "custom_metadata": custom }))?.idempotent();
                    self.engine.ask("WriteSecretData", &metadata).await?;
                }
                let mut body: BTreeMap<&str, Box<RawValue>> = BTreeMap::from([("data", raw(&fields))]);
                if self.requires_cas {
                    body.insert("options", raw(&json!({ "cas": standing.version() })));
                }
                serde_json::to_string(&body)
            }
        };
        let body = body.map_err(|_| Fault::bug("fields that were read from JSON are JSON"))?;
        let call = Call::write(&self.engine.mount.data_path(key), SecretBytes::from(body));
        self.engine.ask("WriteSecretData", &call).await.map(drop)
    }

    async fn push_entry(&self, entry: &PushEntry) -> Result<Pushed, Fault> {
        push_metadata::expect_nothing(entry.metadata.as_ref())?;
        let key = &entry.at.key;
        let text = text_of(&entry.source)?;
        let standing = self.standing(key).await?;
        if standing.fields.is_some() && !standing.is_ours() {
            return Err(
                Fault::conflict(format!("cannot push to `{key}`")).because("secret not managed by external-secrets")
            );
        }
        let fields: Fields = match &entry.at.property {
            Some(property) => {
                let mut fields = standing.fields.clone().unwrap_or_default();
                fields.insert(property.clone(), raw(&text));
                fields
            }
            None => serde_json::from_str(&text)
                .map_err(|_| Fault::wrong("error unmarshalling vault secret: the value is no JSON object"))?,
        };
        if standing.fields.as_ref().is_some_and(|before| are_equal(before, &fields)) {
            return Ok(Pushed::Unchanged);
        }
        self.write(key, &standing, fields).await?;
        Ok(Pushed::Stored)
    }

    async fn delete_entry(&self, at: &RemotePlace) -> Result<(), Fault> {
        let mut standing = self.standing(&at.key).await?;
        let Some(mut fields) = standing.fields.take().filter(|_| standing.is_ours()) else { return Ok(()) };
        if let Some(property) = &at.property {
            if fields.remove(property).is_none() {
                return Ok(());
            }
            if !fields.is_empty() {
                return self.write(&at.key, &standing, fields).await;
            }
        }
        self.engine.ask("DeleteSecret", &Call::delete(&self.engine.mount.data_path(&at.key))).await?;
        if self.version() == Version::V2 {
            self.engine.ask("DeleteSecret", &Call::delete(&self.engine.mount.metadata_path(&at.key)?)).await?;
        }
        Ok(())
    }
}

fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("texts and JSON values have a form in JSON")
}

/// Whether two secrets say the same, however their JSON is laid out.
fn are_equal(left: &Fields, right: &Fields) -> bool {
    let parsed = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    left.len() == right.len()
        && left.iter().zip(right).all(|((name, value), (other_name, other))| {
            name == other_name && (value.get() == other.get() || parsed(value) == parsed(other))
        })
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
            let read = match at.metadata {
                MetadataPolicy::None => self.engine.read(at).await,
                MetadataPolicy::Fetch => self.read_metadata(&at.key).await,
            };
            read.map(Payload::Bytes)
        })
    }

    fn select(&self, _: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        let Payload::Bytes(json) = payload else { return Err(Fault::bug("Vault's payload is one JSON text")) };
        match property.filter(|property| !property.is_empty()) {
            None => Ok(SecretValue::Bytes(json.clone())),
            Some(property) => rules::property(json.expose(), property)
                .ok_or_else(|| Fault::wrong(format!("cannot find secret data for key: \"{property}\""))),
        }
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        let value = rules::bytes(&self.select(at, payload, property)?);
        rules::fields(value.expose())
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
            let standing = found(self.engine.read(&Locator::of(at.key.as_str())).await)?;
            Ok(standing.is_some_and(|standing| json::holds(&standing, at.property.as_deref())))
        })
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move {
            let answer = self.engine.calls.counted(PROVIDER, "LookupSelf", self.engine.session.lookup_self().await);
            answer.map(|_| Validity::Ready).map_err(|fault| fault.within("invalid vault credentials"))
        })
    }

    fn close(&self) -> Opening<'_, ()> {
        Box::pin(self.engine.session.close())
    }
}

#[cfg(test)]
mod tests;
