//! Secrets Manager as a store: read, searched, pushed to. What we push bears our tag; whatever does not is never written and
//! never deleted. A resource policy and replicas are touched only where the user's metadata speaks of them.
//! Specification: ESO §10.2.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::credentials::Selector;
use base::encoding::Base64;
use base::{Credentials, Fault, Kind, Opening, SecretBytes, SecretMap, SecretValue};
use futures::stream::{StreamExt as _, TryStreamExt as _, iter};
use serde::Deserialize;
use serde_json::{Value, json};
use source::{
    Find, Locator, MetadataPolicy, Payload, PushEntry, Pushed, RemotePlace, SecretsClient, Validity, select as rules,
};

use super::{Held, SecretsManager, missing_if_deleted};
use crate::push_metadata;
use crate::row::Client;
use crate::stores::aws::asking::Asking;
use crate::stores::aws::push::{self, MANAGED_BY, Tag, bytes_of, is_ours, listed, tag_map};
use crate::stores::aws::settings::Deletion;
use crate::{json as one_text, settings};

/// How many secrets of a search are read at once.
const AT_ONCE: usize = 8;
/// The peer's token of a creation: whoever creates the same secret again creates it once.
const CREATION_TOKEN: &str = "00000000-0000-0000-0000-000000000001";

/// The client of a store.
pub fn client(asking: Asking, prefix: String, deletion: Deletion, credentials: Credentials) -> Client {
    let values = SecretsManager::new(asking.clone());
    Arc::new(Store { asking, values, prefix, deletion, credentials })
}

struct Store {
    asking: Asking,
    values: SecretsManager,
    prefix: String,
    deletion: Deletion,
    credentials: Credentials,
}

/// What a user says about a pushed secret.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    tags: Option<BTreeMap<String, String>>,
    description: Option<String>,
    #[serde(default)]
    secret_push_format: Form,
    kms_key_id: Option<String>,
    resource_policy: Option<Policy>,
    replication_locations: Option<Vec<String>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    String,
    #[default]
    Binary,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policy {
    #[serde(default)]
    block_public_policy: Option<bool>,
    policy_source_ref: PolicySource,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicySource {
    kind: crate::selectors::CaHolder,
    name: String,
    key: String,
}

/// What the service says of a secret beside its value.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    replication_status: Vec<Replica>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Replica {
    region: String,
}

impl Described {
    fn regions(&self) -> Vec<&str> {
        self.replication_status.iter().map(|replica| replica.region.as_str()).collect()
    }
}

impl Store {
    fn id(&self, key: &str) -> String {
        [self.prefix.as_str(), key].concat()
    }

    async fn describe(&self, key: &str) -> Result<Described, Fault> {
        let asked = self.asking.read("secretsmanager.DescribeSecret", &json!({ "SecretId": self.id(key) })).await;
        asked.map_err(|fault| missing_if_deleted(key, fault))?.json(&format!("cannot read what secret `{key}` is"))
    }

    async fn read(&self, at: &Locator) -> Result<SecretBytes, Fault> {
        if at.metadata == MetadataPolicy::Fetch {
            let tags = tag_map(&self.describe(&at.key).await?.tags);
            return Ok(SecretBytes::from(json!(tags).to_string()));
        }
        let whole = Locator { key: self.id(&at.key), ..at.clone() };
        self.values.read(&whole).await
    }

    async fn find_all(&self, query: &Find) -> Result<SecretMap, Fault> {
        let mut filters = Vec::new();
        if let Some(path) = query.path.as_deref().filter(|path| !path.is_empty()) {
            filters.push(json!({ "Key": "name", "Values": [path] }));
        }
        if let Some(name) = &query.name {
            let name = settings::pattern(name)?;
            let names = if filters.is_empty() { self.names().await? } else { Vec::new() };
            if !filters.is_empty() {
                let mut found = self.batch(&filters).await?;
                found.retain(|key| name.is_match(key));
                return Ok(found);
            }
            return self.read_each(names.into_iter().filter(|key| name.is_match(key))).await;
        }
        if query.tags.is_empty() {
            return Err(Fault::wrong("unexpected find operator").hint("set `find.name` or `find.tags`"));
        }
        for (key, value) in &query.tags {
            filters.push(json!({ "Key": "tag-key", "Values": [key] }));
            filters.push(json!({ "Key": "tag-value", "Values": [value] }));
        }
        self.batch(&filters).await
    }

    /// The names of all secrets.
    async fn names(&self) -> Result<Vec<String>, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Page {
            // Always there, if empty: an answer without it is no list of nothing.
            secret_list: Vec<Listed>,
            #[serde(default)]
            next_token: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            name: String,
        }
        let (mut names, mut next) = (Vec::new(), None::<String>);
        loop {
            let mut body = json!({ "MaxResults": 100 });
            if let Some(token) = &next {
                body["NextToken"] = json!(token);
            }
            let answer = self.asking.read("secretsmanager.ListSecrets", &body).await?;
            let page: Page = answer.json("cannot list secrets")?;
            names.extend(page.secret_list.into_iter().map(|listed| listed.name));
            // The same token twice would be asked for ever.
            next = match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) if next.as_ref() != Some(&token) => Some(token),
                _ => return Ok(names),
            };
        }
    }

    /// The values of these secrets, whole names; one that was deleted meanwhile is left out.
    async fn read_each(&self, names: impl Iterator<Item = String>) -> Result<SecretMap, Fault> {
        let reads = iter(names).map(|name| async move {
            match self.values.read(&Locator::of(name.as_str())).await {
                Ok(value) => Ok(Some((name, value))),
                Err(fault) if fault.kind() == Kind::NotFound => Ok(None),
                Err(fault) => Err(fault),
            }
        });
        let found: Vec<Option<(String, SecretBytes)>> = reads.buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The values of all secrets that pass the filters, in as few calls as the service allows.
    async fn batch(&self, filters: &[Value]) -> Result<SecretMap, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Page {
            // Always there, if empty: an answer without it is no list of nothing.
            secret_values: Vec<Named>,
            #[serde(default)]
            errors: Vec<Failed>,
            #[serde(default)]
            next_token: Option<String>,
        }
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "Name")]
            name: String,
            #[serde(flatten)]
            held: Held,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Failed {
            #[serde(default)]
            secret_id: String,
            #[serde(default)]
            error_code: String,
        }
        let (mut found, mut next) = (SecretMap::new(), None::<String>);
        loop {
            let mut body = json!({ "Filters": filters, "MaxResults": 20 });
            if let Some(token) = &next {
                body["NextToken"] = json!(token);
            }
            let answer = self.asking.read("secretsmanager.BatchGetSecretValue", &body).await?;
            let page: Page = answer.json("cannot read secrets")?;
            // Half of what was searched for is no answer: the target would lose keys.
            let failed = page.errors.into_iter().find(|failed| failed.error_code != "ResourceNotFoundException");
            if let Some(Failed { secret_id, error_code }) = failed {
                let kind = if error_code.starts_with("AccessDenied") { Kind::Denied } else { Kind::Unreachable };
                return Err(Fault::new(kind, format!("cannot read secret `{secret_id}`")).because(error_code));
            }
            for Named { name, held } in page.secret_values {
                let value = held.bytes(&name)?;
                found.insert(name, value);
            }
            next = match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) if next.as_ref() != Some(&token) => Some(token),
                _ => return Ok(found),
            };
        }
    }

    async fn push_entry(&self, entry: &PushEntry) -> Result<Pushed, Fault> {
        let metadata: Metadata = push_metadata::read(entry.metadata.as_ref())?;
        let value = bytes_of(&entry.source)?;
        let key = &entry.at.key;
        let property = entry.at.property.as_deref().filter(|property| !property.is_empty());
        let described = match self.describe(key).await {
            Ok(described) => described,
            Err(fault) if fault.kind() == Kind::NotFound => {
                let value = match property {
                    Some(property) => push::with_property(None, property, &value)?,
                    None => value,
                };
                return self.create(key, &value, &metadata).await;
            }
            Err(fault) => return Err(fault),
        };
        let standing_tags = tag_map(&described.tags);
        if !is_ours(&standing_tags) {
            return Err(
                Fault::conflict(format!("cannot push to `{key}`")).because("secret not managed by external-secrets")
            );
        }
        let mut pushed = self.describe_anew(key, &metadata, &described, &standing_tags).await?;
        let standing = match self.read(&Locator::of(key.as_str())).await {
            Ok(standing) => Some(standing),
            // A secret that was made and never got a value.
            Err(fault) if fault.kind() == Kind::NotFound => None,
            Err(fault) => return Err(fault),
        };
        let value = match property {
            Some(property) => push::with_property(standing.as_ref(), property, &value)?,
            None => value,
        };
        if standing.as_ref() != Some(&value) {
            let mut body = json!({ "SecretId": self.id(key), "ClientRequestToken": uuid::Uuid::new_v4().to_string() });
            add_value(&mut body, &value, metadata.secret_push_format)?;
            self.asking.read("secretsmanager.PutSecretValue", &body).await?;
            pushed = Pushed::Stored;
        }
        Ok(pushed)
    }

    async fn create(&self, key: &str, value: &SecretBytes, metadata: &Metadata) -> Result<Pushed, Fault> {
        let mut tags = metadata.tags.clone().unwrap_or_default();
        tags.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
        let mut body = json!({
            "Name": self.id(key),
            "ClientRequestToken": CREATION_TOKEN,
            "Description": metadata.description.as_deref().unwrap_or("secret 'managed-by:external-secrets'"),
            "KmsKeyId": metadata.kms_key_id.as_deref().unwrap_or("alias/aws/secretsmanager"),
            "Tags": listed(&tags),
        });
        add_value(&mut body, value, metadata.secret_push_format)?;
        if let Some(regions) = metadata.replication_locations.as_ref().filter(|regions| !regions.is_empty()) {
            body["AddReplicaRegions"] = regions.iter().map(|region| json!({ "Region": region })).collect();
        }
        self.asking.read("secretsmanager.CreateSecret", &body).await?;
        self.set_policy(key, metadata).await?;
        Ok(Pushed::Stored)
    }

    /// Tags, policy and replicas as the metadata want them, where they speak of them.
    async fn describe_anew(
        &self,
        key: &str,
        metadata: &Metadata,
        described: &Described,
        standing: &BTreeMap<String, String>,
    ) -> Result<Pushed, Fault> {
        let (id, mut changed) = (self.id(key), false);
        if let Some(tags) = &metadata.tags {
            let (gone, set) = push::changes(standing, tags);
            if !gone.is_empty() {
                let body = json!({ "SecretId": id, "TagKeys": gone });
                self.asking.read("secretsmanager.UntagResource", &body).await?;
                changed = true;
            }
            if !set.is_empty() {
                let body = json!({ "SecretId": id, "Tags": listed(&set) });
                self.asking.read("secretsmanager.TagResource", &body).await?;
                changed = true;
            }
        }
        changed |= self.set_policy(key, metadata).await?;
        if let Some(wanted) = &metadata.replication_locations {
            let standing = described.regions();
            let gone: Vec<&&str> = standing.iter().filter(|region| !wanted.iter().any(|one| one == *region)).collect();
            if !gone.is_empty() {
                let body = json!({ "SecretId": id, "RemoveReplicaRegions": gone });
                self.asking.read("secretsmanager.RemoveRegionsFromReplication", &body).await?;
                changed = true;
            }
            let new = wanted.iter().filter(|region| !standing.contains(&region.as_str()));
            let new: Vec<Value> = new.map(|region| json!({ "Region": region })).collect();
            if !new.is_empty() {
                let body = json!({ "SecretId": id, "AddReplicaRegions": new });
                self.asking.write("secretsmanager.ReplicateSecretToRegions", &body).await?;
                changed = true;
            }
        }
        Ok(if changed { Pushed::Stored } else { Pushed::Unchanged })
    }

    /// The policy that the metadata name; one that they do not speak of stays (the peer deletes it, #6806).
    async fn set_policy(&self, key: &str, metadata: &Metadata) -> Result<bool, Fault> {
        let Some(Policy { block_public_policy, policy_source_ref: from }) = &metadata.resource_policy else {
            return Ok(false);
        };
        let at = Selector { name: from.name.clone(), namespace: None, key: Some(from.key.clone()) };
        let read = match from.kind {
            crate::selectors::CaHolder::Secret => self.credentials.secret_key(&at).await,
            crate::selectors::CaHolder::ConfigMap => self.credentials.config_key(&at).await,
        };
        let wanted = read.map_err(|fault| fault.within("failed to get resource policy"))?;
        let wanted_json: Value = serde_json::from_slice(wanted.expose())
            .map_err(|_| Fault::wrong(format!("the resource policy in `{}` is no JSON", from.name)))?;
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Standing {
            #[serde(default)]
            resource_policy: Option<String>,
        }
        let id = self.id(key);
        let answer = self.asking.read("secretsmanager.GetResourcePolicy", &json!({ "SecretId": id })).await?;
        let Standing { resource_policy } = answer.json(&format!("cannot read the policy of secret `{key}`"))?;
        if resource_policy.and_then(|text| serde_json::from_str::<Value>(&text).ok()) == Some(wanted_json) {
            return Ok(false);
        }
        let mut body = json!({ "SecretId": id, "ResourcePolicy": String::from_utf8_lossy(wanted.expose()) });
        if let Some(block) = block_public_policy {
            body["BlockPublicPolicy"] = json!(block);
        }
        self.asking.read("secretsmanager.PutResourcePolicy", &body).await?;
        Ok(true)
    }

    async fn delete_entry(&self, at: &RemotePlace) -> Result<(), Fault> {
        let described = match self.describe(&at.key).await {
            Ok(described) => described,
            Err(fault) if fault.kind() == Kind::NotFound => return Ok(()),
            Err(fault) => return Err(fault),
        };
        if !is_ours(&tag_map(&described.tags)) {
            return Ok(());
        }
        let standing = match self.read(&Locator::of(at.key.as_str())).await {
            Ok(standing) => standing,
            // It waits for its deletion already.
            Err(fault) if fault.kind() == Kind::NotFound => return Ok(()),
            Err(fault) => return Err(fault),
        };
        let id = self.id(&at.key);
        // Other entries may have pushed other properties: the secret goes with the last of them.
        let property = at.property.as_deref().filter(|property| !property.is_empty());
        if let Some(rest) = property.map(|property| push::without_property(&standing, property)).transpose()?.flatten()
        {
            if rest != standing {
                let mut body = json!({ "SecretId": id, "ClientRequestToken": uuid::Uuid::new_v4().to_string() });
                add_value(&mut body, &rest, Form::Binary)?;
                self.asking.read("secretsmanager.PutSecretValue", &body).await?;
            }
            return Ok(());
        }
        let regions = described.regions();
        if !regions.is_empty() {
            let body = json!({ "SecretId": id, "RemoveReplicaRegions": regions });
            self.asking.read("secretsmanager.RemoveRegionsFromReplication", &body).await?;
        }
        let mut body = json!({ "SecretId": id });
        if self.deletion.force_delete_without_recovery {
            body["ForceDeleteWithoutRecovery"] = json!(true);
        } else if self.deletion.recovery_window_in_days != 0 {
            body["RecoveryWindowInDays"] = json!(self.deletion.recovery_window_in_days);
        }
        self.asking.read("secretsmanager.DeleteSecret", &body).await.map(drop)
    }
}

/// Adds a value to a request, as text or as bytes.
fn add_value(body: &mut Value, value: &SecretBytes, form: Form) -> Result<(), Fault> {
    match form {
        Form::String => {
            let text = value.to_text().ok_or_else(|| {
                Fault::wrong("the value is not text, so it cannot be pushed as a string")
                    .hint("leave `secretPushFormat` away")
            })?;
            body["SecretString"] = json!(text.expose());
        }
        Form::Binary => body["SecretBinary"] = json!(Base64::Standard.encode(value.expose())),
    }
    Ok(())
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
            match (self.read(&Locator::of(at.key.as_str())).await, at.property.as_deref()) {
                (Ok(json), Some(property)) if !property.is_empty() => {
                    Ok(rules::property(json.expose(), property).is_some())
                }
                (Ok(_), _) => Ok(true),
                (Err(fault), _) if fault.kind() == Kind::NotFound => Ok(false),
                (Err(fault), _) => Err(fault),
            }
        })
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move { self.asking.session.credentials().await.map(|_| Validity::Ready) })
    }
}
