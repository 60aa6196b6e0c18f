//! Secrets Manager: values and versions, tags, lists and batches, deletion, policy, replicas.
//! Specification: ESO §10.2.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ACCOUNT, Call, REGION, State, Wrong, page, seconds, tag_list, tag_map};

/// A page of ListSecrets and of BatchGetSecretValue.
const PAGE: usize = 20;
const LARGEST_PAGE: u64 = 100;
/// Random-looking end of an ARN; the same for all, so that tests can write it down.
const ARN_END: &str = "AbCdEf";

/// One secret.
pub struct Secret {
    /// Version id → value; in order of writing.
    versions: Vec<(String, Value)>,
    /// Stage → version id.
    stages: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    description: String,
    kms_key: String,
    policy: Option<String>,
    replicas: Vec<String>,
    deleted: bool,
    region: String,
    created: Value,
}

impl Secret {
    pub fn current_text(&self) -> Option<String> {
        self.value("AWSCURRENT", "").and_then(|(_, value)| value["SecretString"].as_str().map(str::to_owned))
    }

    fn value(&self, stage: &str, id: &str) -> Option<(&str, &Value)> {
        let id = if id.is_empty() { self.stages.get(stage)?.as_str() } else { id };
        self.versions.iter().find(|(known, _)| known == id).map(|(id, value)| (id.as_str(), value))
    }

    fn stages_of(&self, id: &str) -> Vec<&str> {
        self.stages.iter().filter(|(_, version)| *version == id).map(|(stage, _)| stage.as_str()).collect()
    }

    /// A new version becomes the current one, the current the previous.
    fn write(&mut self, id: String, value: Value) {
        if let Some(current) = self.stages.insert("AWSCURRENT".to_owned(), id.clone()) {
            self.stages.insert("AWSPREVIOUS".to_owned(), current);
        }
        self.versions.push((id, value));
    }
}

fn arn(region: &str, name: &str) -> String {
    format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{name}-{ARN_END}")
}

fn absent() -> Wrong {
    Wrong::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn being_deleted(attempt: &str) -> Wrong {
    let message =
        format!("You can't perform this operation on the secret because it was marked for deletion. ({attempt})");
    Wrong::new("InvalidRequestException", message)
}

/// The value part of a request.
fn given(call: &Call) -> Value {
    let mut value = json!({});
    for key in ["SecretString", "SecretBinary"] {
        if let Some(part) = call.body.get(key).filter(|part| !part.is_null()) {
            value[key] = part.clone();
        }
    }
    value
}

impl State {
    pub fn put_secret(&mut self, name: &str, value: Value) {
        let id = self.version_id();
        let created = seconds(self.clock.now());
        let secret = self.secrets.entry(name.to_owned()).or_insert_with(|| empty(REGION, created));
        secret.deleted = false;
        secret.write(id, value);
    }

    fn version_id(&mut self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.next())
    }

    pub fn ask_secrets(&mut self, call: &Call) -> Result<Value, Wrong> {
        match call.operation.as_str() {
            "GetSecretValue" => self.read_secret(call),
            "BatchGetSecretValue" => Ok(self.read_batch(call)),
            "DescribeSecret" => self.describe_secret(call),
            "ListSecrets" => Ok(self.list_secrets(call)),
            "CreateSecret" => self.create_secret(call),
            "PutSecretValue" | "UpdateSecret" => self.write_secret(call),
            "DeleteSecret" => self.delete_secret(call),
            "TagResource" | "UntagResource" => self.tag_secret(call),
            "GetResourcePolicy" | "PutResourcePolicy" | "DeleteResourcePolicy" => self.policy(call),
            "ReplicateSecretToRegions" | "RemoveRegionsFromReplication" => self.replicate(call),
            other => Err(Wrong::new("UnknownOperationException", format!("{other} is not served here"))),
        }
    }

    /// The name that an id means: a name, a whole ARN, or an ARN without its end.
    fn secret_name(&self, id: &str) -> Option<String> {
        let Some(rest) = id.strip_prefix("arn:aws:secretsmanager:") else {
            return self.secrets.contains_key(id).then(|| id.to_owned());
        };
        let name = rest.splitn(4, ':').nth(3)?;
        let bare = name.strip_suffix(&format!("-{ARN_END}")).unwrap_or(name);
        self.secrets.contains_key(bare).then(|| bare.to_owned())
    }

    fn secret_of(&mut self, call: &Call) -> Result<(String, &mut Secret), Wrong> {
        let name = self.secret_name(call.text("SecretId")).ok_or_else(absent)?;
        let secret = self.secrets.get_mut(&name).ok_or_else(absent)?;
        Ok((name, secret))
    }

    fn read_secret(&mut self, call: &Call) -> Result<Value, Wrong> {
        let (name, secret) = self.secret_of(call)?;
        if secret.deleted {
            return Err(being_deleted("GetSecretValue"));
        }
        let stage = if call.text("VersionStage").is_empty() { "AWSCURRENT" } else { call.text("VersionStage") };
        told(&name, secret, stage, call.text("VersionId")).ok_or_else(|| {
            let wanted = if call.text("VersionId").is_empty() {
                format!("staging label: {stage}")
            } else {
                format!("VersionId: {}", call.text("VersionId"))
            };
            let message = format!("Secrets Manager can't find the specified secret value for {wanted}");
            Wrong::new("ResourceNotFoundException", message)
        })
    }

    fn read_batch(&self, call: &Call) -> Value {
        let listed: Vec<&str> = call.items("SecretIdList").iter().filter_map(Value::as_str).collect();
        let names: Vec<String> = if listed.is_empty() {
            self.matching(call)
        } else {
            listed.iter().filter_map(|id| self.secret_name(id)).collect()
        };
        let missing: Vec<Value> = listed
            .iter()
            .filter(|id| self.secret_name(id).is_none())
            .map(|id| json!({ "SecretId": id, "ErrorCode": "ResourceNotFoundException", "Message": absent().message }))
            .collect();
        let (names, next) = page(&names, call.text("NextToken"), page_size(call));
        let values = names.iter().filter_map(|name| told(name, &self.secrets[name], "AWSCURRENT", ""));
        let mut answer = json!({ "SecretValues": values.collect::<Vec<_>>(), "Errors": missing });
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        answer
    }

    /// Names that pass every filter, in order.
    fn matching(&self, call: &Call) -> Vec<String> {
        let filters = call.items("Filters");
        let alive = self.secrets.iter().filter(|(_, secret)| !secret.deleted);
        let fits = |name: &str, secret: &Secret| filters.iter().all(|filter| passes(filter, name, secret));
        alive.filter(|(name, secret)| fits(name, secret)).map(|(name, _)| name.clone()).collect()
    }

    fn list_secrets(&self, call: &Call) -> Value {
        let (names, next) = page(&self.matching(call), call.text("NextToken"), page_size(call));
        let listed: Vec<Value> = names.iter().map(|name| described(name, &self.secrets[name])).collect();
        let mut answer = json!({ "SecretList": listed });
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        answer
    }

    fn describe_secret(&mut self, call: &Call) -> Result<Value, Wrong> {
        let now = seconds(call.now);
        let (name, secret) = self.secret_of(call)?;
        let mut told = described(&name, secret);
        if secret.deleted {
            told["DeletedDate"] = now;
        }
        Ok(told)
    }

    fn create_secret(&mut self, call: &Call) -> Result<Value, Wrong> {
        let name = call.text("Name").to_owned();
        match self.secrets.get(&name) {
            Some(secret) if secret.deleted => {
                let message =
                    "You can't create this secret because a secret with this name is already scheduled for deletion.";
                return Err(Wrong::new("InvalidRequestException", message));
            }
            Some(_) => {
                let message = format!("The operation failed because the secret {name} already exists.");
                return Err(Wrong::new("ResourceExistsException", message));
            }
            None => {}
        }
        let mut secret = empty(&call.region, seconds(call.now));
        secret.tags.extend(tag_map(call.items("Tags")));
        secret.description = call.text("Description").to_owned();
        secret.kms_key = call.text("KmsKeyId").to_owned();
        let id = self.token(call);
        secret.write(id.clone(), given(call));
        let told = json!({ "ARN": arn(&secret.region, &name), "Name": name, "VersionId": id });
        self.secrets.insert(name, secret);
        Ok(told)
    }

    /// The client's own version id, or a new one.
    fn token(&mut self, call: &Call) -> String {
        let given = call.text("ClientRequestToken");
        if given.is_empty() { self.version_id() } else { given.to_owned() }
    }

    fn write_secret(&mut self, call: &Call) -> Result<Value, Wrong> {
        let id = self.token(call);
        let (name, secret) = self.secret_of(call)?;
        if secret.deleted {
            return Err(being_deleted("PutSecretValue"));
        }
        let value = given(call);
        match secret.versions.iter().find(|(known, _)| *known == id) {
            Some((_, same)) if *same == value => {}
            Some(_) => {
                let message = format!(
                    "You can't use ClientRequestToken {id} because that value is already in use for a version of secret {}.",
                    arn(&secret.region, &name)
                );
                return Err(Wrong::new("ResourceExistsException", message));
            }
            None => secret.write(id.clone(), value),
        }
        Ok(
            json!({ "ARN": arn(&secret.region, &name), "Name": name, "VersionId": id, "VersionStages": secret.stages_of(&id) }),
        )
    }

    fn delete_secret(&mut self, call: &Call) -> Result<Value, Wrong> {
        let (now, force) = (seconds(call.now), call.body["ForceDeleteWithoutRecovery"] == true);
        if force && call.body["RecoveryWindowInDays"].is_number() {
            let message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
            return Err(Wrong::new("InvalidParameterException", message));
        }
        let (name, secret) = self.secret_of(call)?;
        if !secret.replicas.is_empty() {
            let message = "You can't delete secret that still has replicas.";
            return Err(Wrong::new("InvalidRequestException", message));
        }
        let told = json!({ "ARN": arn(&secret.region, &name), "Name": name, "DeletionDate": now });
        secret.deleted = true;
        if force {
            self.secrets.remove(&name);
        }
        Ok(told)
    }

    fn tag_secret(&mut self, call: &Call) -> Result<Value, Wrong> {
        let (_, secret) = self.secret_of(call)?;
        if call.operation == "TagResource" {
            secret.tags.extend(tag_map(call.items("Tags")));
        } else {
            let gone: Vec<&str> = call.items("TagKeys").iter().filter_map(Value::as_str).collect();
            secret.tags.retain(|key, _| !gone.contains(&key.as_str()));
        }
        Ok(json!({}))
    }

    fn policy(&mut self, call: &Call) -> Result<Value, Wrong> {
        let (name, secret) = self.secret_of(call)?;
        match call.operation.as_str() {
            "PutResourcePolicy" => secret.policy = Some(call.text("ResourcePolicy").to_owned()),
            "DeleteResourcePolicy" => secret.policy = None,
            _ => {}
        }
        let mut told = json!({ "ARN": arn(&secret.region, &name), "Name": name });
        if let Some(policy) = &secret.policy {
            told["ResourcePolicy"] = json!(policy);
        }
        Ok(told)
    }

    fn replicate(&mut self, call: &Call) -> Result<Value, Wrong> {
        let (name, secret) = self.secret_of(call)?;
        let added = call.items("AddReplicaRegions").iter().filter_map(|one| one["Region"].as_str());
        secret.replicas.extend(added.map(str::to_owned));
        let gone: Vec<&str> = call.items("RemoveReplicaRegions").iter().filter_map(Value::as_str).collect();
        secret.replicas.retain(|region| !gone.contains(&region.as_str()));
        Ok(json!({ "ARN": arn(&secret.region, &name), "ReplicationStatus": replication(secret) }))
    }
}

fn empty(region: &str, created: Value) -> Secret {
    Secret {
        versions: Vec::new(),
        stages: BTreeMap::new(),
        tags: BTreeMap::new(),
        description: String::new(),
        kms_key: String::new(),
        policy: None,
        replicas: Vec::new(),
        deleted: false,
        region: region.to_owned(),
        created,
    }
}

fn page_size(call: &Call) -> usize {
    let asked = call.body["MaxResults"].as_u64().map(|size| size.min(LARGEST_PAGE));
    asked.and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE)
}

fn told(name: &str, secret: &Secret, stage: &str, id: &str) -> Option<Value> {
    let (id, value) = secret.value(stage, id)?;
    let mut told = value.clone();
    let more = json!({
        "ARN": arn(&secret.region, name), "Name": name, "VersionId": id, "VersionStages": secret.stages_of(id),
        "CreatedDate": secret.created,
    });
    told.as_object_mut()?.extend(more.as_object()?.clone());
    Some(told)
}

fn described(name: &str, secret: &Secret) -> Value {
    let ids = secret.versions.iter().map(|(id, _)| (id.clone(), json!(secret.stages_of(id))));
    let stages: serde_json::Map<String, Value> = ids.filter(|(_, stages)| stages != &json!([])).collect();
    json!({
        "ARN": arn(&secret.region, name), "Name": name, "Tags": tag_list(&secret.tags), "VersionIdsToStages": stages,
        "Description": secret.description, "KmsKeyId": secret.kms_key, "CreatedDate": secret.created,
        "ReplicationStatus": replication(secret),
    })
}

fn replication(secret: &Secret) -> Vec<Value> {
    secret.replicas.iter().map(|region| json!({ "Region": region, "Status": "InSync" })).collect()
}

/// Filters are prefixes; one that begins with `!` is turned round.
fn passes(filter: &Value, name: &str, secret: &Secret) -> bool {
    let wanted: Vec<&str> = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let any = |texts: &[&str]| {
        wanted.iter().any(|value| match value.strip_prefix('!') {
            Some(not) => !texts.iter().any(|text| text.starts_with(not)),
            None => texts.iter().any(|text| text.starts_with(value)),
        })
    };
    match filter["Key"].as_str().unwrap_or_default() {
        "name" => any(&[name]),
        "description" => any(&[&secret.description]),
        "tag-key" => any(&secret.tags.keys().map(String::as_str).collect::<Vec<_>>()),
        "tag-value" => any(&secret.tags.values().map(String::as_str).collect::<Vec<_>>()),
        _ => false,
    }
}
