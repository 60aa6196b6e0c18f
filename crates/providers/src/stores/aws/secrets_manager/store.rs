//! Secrets Manager as a store: read, searched, pushed to. What we push bears our tag; whatever does not is never written and
//! never deleted. A resource policy and replicas are touched only where the user's metadata speaks of them.
//! Specification: ESO §10.2.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::credentials::Selector;
use base::encoding::Base64;
use base::fault::found;
use base::{Credentials, Fault, Kind, Opening, SecretBytes, SecretMap, SecretValue};
use serde::Deserialize;
use serde_json::{Value, json};
use source::{Find, Locator, MetadataPolicy, Payload, PushEntry, Pushed, RemotePlace, SecretsClient, Validity};

use super::{Held, SecretsManager, missing_if_deleted};
use crate::push_metadata;
use crate::row::Client;
use crate::selectors::KeyHolder;
use crate::stores::aws::asking::Asking;
use crate::stores::aws::push::{self, MANAGED_BY, Tag, bytes_of, is_ours, listed, tag_map};
use crate::stores::aws::settings::Deletion;
use crate::{json as one_text, searched, settings};

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
    kind: KeyHolder,
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
            if filters.is_empty() {
                let mut names = self.names().await?;
                names.retain(|key| name.is_match(key));
                return self.read_all(names).await;
            }
            let mut below = self.batch(&filters).await?;
            below.retain(|key| name.is_match(key));
            return Ok(below);
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
        let mut names = Vec::new();
        let take = |page: Page| {
            names.extend(page.secret_list.into_iter().map(|listed| listed.name));
            Ok(page.next_token)
        };
        let body = json!({ "MaxResults": 100 });
        self.asking.pages("secretsmanager.ListSecrets", body, "cannot list secrets", take).await?;
        Ok(names)
    }

    /// The values of these secrets, whole names.
    async fn read_all(&self, names: Vec<String>) -> Result<SecretMap, Fault> {
        let read = |name: String| async move { self.values.read(&Locator::of(name)).await };
        Ok(searched::read_each(names, read).await?.into_iter().collect())
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
        let mut all = SecretMap::new();
        let take = |page: Page| {
            // Half of what was searched for is no answer: the target would lose keys.
            let failed = page.errors.into_iter().find(|failed| failed.error_code != "ResourceNotFoundException");
            if let Some(Failed { secret_id, error_code }) = failed {
                let kind = if error_code.starts_with("AccessDenied") { Kind::Denied } else { Kind::Unreachable };
                return Err(Fault::new(kind, format!("cannot read secret `{secret_id}`")).because(error_code));
            }
            for Named { name, held } in page.secret_values {
                let value = held.bytes(&name)?;
                all.insert(name, value);
            }
            Ok(page.next_token)
        };
        let body = json!({ "Filters": filters, "MaxResults": 20 });
        self.asking.pages("secretsmanager.BatchGetSecretValue", body, "cannot read secrets", take).await?;
        Ok(all)
    }

    async fn push_entry(&self, entry: &PushEntry) -> Result<Pushed, Fault> {
        let metadata: Metadata = push_metadata::read(entry.metadata.as_ref())?;
        let value = bytes_of(&entry.source)?;
        let key = &entry.at.key;
        let wanted = |standing: Option<&SecretBytes>| match &entry.at.property {
            Some(property) => push::with_property(standing, property, &value),
            None => Ok(value.clone()),
        };
        let Some(described) = found(self.describe(key).await)? else {
            return self.create(key, &wanted(None)?, &metadata).await;
        };
        let standing_tags = tag_map(&described.tags);
        if !is_ours(&standing_tags) {
            return Err(
                Fault::conflict(format!("cannot push to `{key}`")).because("secret not managed by external-secrets")
            );
        }
        let mut pushed = self.describe_anew(key, &metadata, &described, &standing_tags).await?;
        // None: it was made and never got a value.
        let standing = found(self.read(&Locator::of(key.as_str())).await)?;
        let value = wanted(standing.as_ref())?;
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
        let read = self.credentials.key(from.kind.into(), &at).await;
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
        let Some(described) = found(self.describe(&at.key).await)? else { return Ok(()) };
        if !is_ours(&tag_map(&described.tags)) {
            return Ok(());
        }
        // None: it waits for its deletion already.
        let Some(standing) = found(self.read(&Locator::of(at.key.as_str())).await)? else { return Ok(()) };
        let id = self.id(&at.key);
        // Other entries may have pushed other properties: the secret goes with the last of them.
        if let Some(rest) =
            at.property.as_ref().map(|property| push::without_property(&standing, property)).transpose()?.flatten()
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
            let standing = found(self.read(&Locator::of(at.key.as_str())).await)?;
            Ok(standing.is_some_and(|standing| one_text::holds(&standing, at.property.as_deref())))
        })
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move { self.asking.session.credentials().await.map(|_| Validity::Ready) })
    }
}
