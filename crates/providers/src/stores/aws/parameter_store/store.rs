//! Parameter Store as a store: read, searched, pushed to. What we push bears our tag; whatever does not is never written and
//! never deleted. Specification: ESO §10.3.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::fault::found;
use base::{Fault, Kind, Opening, SecretBytes, SecretMap, SecretValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use source::{Find, Locator, MetadataPolicy, Payload, PushEntry, Pushed, RemotePlace, SecretsClient, Validity};

use super::ParameterStore;
use crate::push_metadata;
use crate::row::Client;
use crate::stores::aws::asking::Asking;
use crate::stores::aws::push::{self, MANAGED_BY, Tag, bytes_of, is_ours, listed, tag_map};
use crate::{json as one_text, searched, settings};

/// The client of a store.
pub fn client(asking: Asking, prefix: String) -> Client {
    let values = ParameterStore::new(asking.clone());
    Arc::new(Store { asking, values, prefix })
}

struct Store {
    asking: Asking,
    values: ParameterStore,
    prefix: String,
}

/// What a user says about a pushed parameter.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    #[serde(default)]
    secret_type: Form,
    #[serde(rename = "kmsKeyID")]
    kms_key_id: Option<String>,
    tier: Option<Tier>,
    /// Ours are decoded always: kept so that the peer's manifests are understood.
    #[serde(default, rename = "encodeAsDecoded")]
    _encode_as_decoded: bool,
    tags: Option<BTreeMap<String, String>>,
    description: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
enum Form {
    #[default]
    String,
    StringList,
    SecureString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    r#type: String,
    #[serde(default)]
    policies: Option<Value>,
}

impl Store {
    fn name(&self, key: &str) -> String {
        [self.prefix.as_str(), key].concat()
    }

    async fn read(&self, at: &Locator) -> Result<SecretBytes, Fault> {
        if at.metadata == MetadataPolicy::Fetch {
            let tags = self.tags(&at.key).await?;
            return Ok(SecretBytes::from(json!(tags).to_string()));
        }
        self.values.read(&Locator { key: self.name(&at.key), ..at.clone() }).await
    }

    async fn tags(&self, key: &str) -> Result<BTreeMap<String, String>, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Told {
            #[serde(default)]
            tag_list: Vec<Tag>,
        }
        let body = json!({ "ResourceType": "Parameter", "ResourceId": self.name(key) });
        let asked = self.asking.read("AmazonSSM.ListTagsForResource", &body).await;
        let answer = asked.map_err(|fault| {
            // What is no resource is a parameter that is not there.
            let is_missing =
                fault.cause::<wire::aws::Refusal>().is_some_and(|refusal| refusal.code == "InvalidResourceId");
            if is_missing { Fault::not_found(format!("cannot find parameter `{key}`")).because(fault) } else { fault }
        })?;
        let told: Told = answer.json(&format!("cannot read the tags of parameter `{key}`"))?;
        Ok(tag_map(&told.tag_list))
    }

    async fn find_all(&self, query: &Find) -> Result<SecretMap, Fault> {
        let path = query.path.as_deref().filter(|path| !path.is_empty());
        if let Some(name) = &query.name {
            let name = settings::pattern(name)?;
            let mut found = match self.values.read_below(path.unwrap_or("/"), true).await {
                Ok(found) => found,
                // Whoever may not read trees may be allowed to list names and read each.
                Err(fault) if fault.kind() == Kind::Denied => {
                    let filters = path.map(below).into_iter().collect();
                    let mut names = self.names(filters).await?;
                    names.retain(|key| name.is_match(key));
                    return self.read_all(names).await;
                }
                Err(fault) => return Err(fault),
            };
            found.retain(|key| name.is_match(key));
            return Ok(found);
        }
        if query.tags.is_empty() {
            return Err(Fault::wrong("unexpected find operator").hint("set `find.name` or `find.tags`"));
        }
        let tag = |(key, value): (&String, &String)| json!({ "Key": format!("tag:{key}"), "Option": "Equals", "Values": [value] });
        let filters = query.tags.iter().map(tag).chain(path.map(below)).collect();
        let names = self.names(filters).await?;
        self.read_all(names).await
    }

    async fn names(&self, filters: Vec<Value>) -> Result<Vec<String>, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Page {
            // Always there, if empty: an answer without it is no list of nothing.
            parameters: Vec<Listed>,
            #[serde(default)]
            next_token: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            name: String,
        }
        let mut names = Vec::new();
        let take = |page: Page| {
            names.extend(page.parameters.into_iter().map(|listed| listed.name));
            Ok(page.next_token)
        };
        let body = json!({ "ParameterFilters": filters, "MaxResults": 50 });
        self.asking.pages("AmazonSSM.DescribeParameters", body, "cannot list parameters", take).await?;
        Ok(names)
    }

    /// The values of these parameters, whole names.
    async fn read_all(&self, names: Vec<String>) -> Result<SecretMap, Fault> {
        let read = |name: String| async move { self.values.read(&Locator::of(name)).await };
        Ok(searched::read_each(names, read).await?.into_iter().collect())
    }

    async fn standing(&self, key: &str) -> Result<Option<SecretBytes>, Fault> {
        found(self.read(&Locator::of(key)).await)
    }

    async fn push_entry(&self, entry: &PushEntry) -> Result<Pushed, Fault> {
        let metadata: Metadata = push_metadata::read(entry.metadata.as_ref())?;
        let key = &entry.at.key;
        let standing = self.standing(key).await?;
        let tags = if standing.is_some() { self.tags(key).await? } else { BTreeMap::new() };
        if standing.is_some() && !is_ours(&tags) {
            return Err(
                Fault::conflict(format!("cannot push to `{key}`")).because("secret not managed by external-secrets")
            );
        }
        let value = bytes_of(&entry.source)?;
        let value = match &entry.at.property {
            Some(property) => push::with_property(standing.as_ref(), property, &value)?,
            None => value,
        };
        let mut pushed = Pushed::Unchanged;
        if standing.as_ref() != Some(&value) {
            self.put(key, &value, &metadata, standing.is_some()).await?;
            pushed = Pushed::Stored;
        }
        // The service takes tags with a new parameter only; later they are a call of their own.
        let Some(wanted) = metadata.tags.filter(|_| standing.is_some()) else { return Ok(pushed) };
        let (gone, set) = push::changes(&tags, &wanted);
        let at = |what: &str, value: Value| json!({ "ResourceType": "Parameter", "ResourceId": self.name(key), what: value });
        if !gone.is_empty() {
            self.asking.read("AmazonSSM.RemoveTagsFromResource", &at("TagKeys", json!(gone))).await?;
            pushed = Pushed::Stored;
        }
        if !set.is_empty() {
            self.asking.read("AmazonSSM.AddTagsToResource", &at("Tags", json!(listed(&set)))).await?;
            pushed = Pushed::Stored;
        }
        Ok(pushed)
    }

    async fn put(&self, key: &str, value: &SecretBytes, metadata: &Metadata, exists: bool) -> Result<(), Fault> {
        let text =
            value.to_text().ok_or_else(|| Fault::wrong("the value is not text, so a parameter cannot hold it"))?;
        let mut body = json!({
            "Name": self.name(key), "Value": text.expose(), "Type": metadata.secret_type,
            "Overwrite": exists,
        });
        if let Some(description) = &metadata.description {
            body["Description"] = json!(description);
        }
        if metadata.secret_type == Form::SecureString {
            body["KeyId"] = json!(metadata.kms_key_id.as_deref().unwrap_or("alias/aws/ssm"));
        }
        if let Some(Tier { r#type, policies }) = &metadata.tier {
            body["Tier"] = json!(r#type);
            if let Some(policies) = policies {
                // The API wants a text that holds JSON; manifests may say it either way.
                let text = policies.as_str().map_or_else(|| policies.to_string(), str::to_owned);
                body["Policies"] = json!(text);
            }
        }
        if !exists {
            let mut tags = metadata.tags.clone().unwrap_or_default();
            tags.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
            body["Tags"] = json!(listed(&tags));
        }
        self.asking.write("AmazonSSM.PutParameter", &body).await.map(drop)
    }

    async fn delete_entry(&self, at: &RemotePlace) -> Result<(), Fault> {
        let Some(standing) = self.standing(&at.key).await? else { return Ok(()) };
        if !is_ours(&self.tags(&at.key).await?) {
            return Ok(());
        }
        // Other entries may have pushed other properties: the parameter goes with the last of them.
        if let Some(rest) =
            at.property.as_ref().map(|property| push::without_property(&standing, property)).transpose()?.flatten()
        {
            if rest != standing {
                let text = rest.to_text().ok_or_else(|| Fault::bug("JSON is text"))?;
                // Without a type the parameter keeps its own.
                let body = json!({ "Name": self.name(&at.key), "Value": text.expose(), "Overwrite": true });
                self.asking.write("AmazonSSM.PutParameter", &body).await?;
            }
            return Ok(());
        }
        self.asking.read("AmazonSSM.DeleteParameter", &json!({ "Name": self.name(&at.key) })).await.map(drop)
    }
}

fn below(path: &str) -> Value {
    json!({ "Key": "Path", "Option": "Recursive", "Values": [path] })
}

impl SecretsClient for Store {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move { self.read(at).await.map(Payload::Bytes) })
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        one_text::select(at, payload, property)
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        one_text::entries(at, payload, property)
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
            let standing = self.standing(&at.key).await?;
            Ok(standing.is_some_and(|standing| one_text::holds(&standing, at.property.as_deref())))
        })
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move { self.asking.session.credentials().await.map(|_| Validity::Ready) })
    }
}
