//! Secrets of an API server as a store: read, searched by name and labels, pushed to. What stands on a Secret beside what is
//! pushed stays. API: Secrets of one namespace, and the review of our own rules; limits: the API server's.
//! Specification: ESO §10.9.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::encoding::Base64;
use base::fault::found;
use base::{Credentials, Fault, Opening, SecretBytes, SecretMap, SecretText, SecretValue};
use document::json::{Compact, compact_value};
use kube::api::{DeleteParams, GetParams, ListParams, PostParams};
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use source::{
    Find, Locator, MetadataPolicy, Payload, PushEntry, PushSource, Pushed, RemotePlace, SecretsClient, Validity,
    select as rules,
};

use super::connection::{Connection, Settings};
use super::{Refusal, answer, texts};
use crate::reach::{Calls, Reach};
use crate::row::{Access, Client};
use crate::{push_metadata, referent, settings};

/// What the store can do.
pub const ACCESS: Access = Access {
    read: true,
    write: true,
    find_name: true,
    find_tags: true,
    find_path: false,
    metadata: true,
    not_found: true,
    referent: true,
};

/// The label of its calls in metrics (ESO §13.2).
const PROVIDER: &str = "Kubernetes";
/// How many Secrets a page of a search has.
const PAGE: u32 = 250;

/// Opens a store.
pub fn open<'a>(value: &'a Value, reach: &'a Reach, credentials: Credentials) -> Opening<'a, Client> {
    Box::pin(async move {
        let settings: Settings = settings::checked(value, credentials.tenant())?;
        if let Some(client) = referent::client(credentials.tenant(), settings.selectors().iter()) {
            return Ok(client);
        }
        let connection = settings.connect(reach.cluster.as_ref(), &credentials).await?;
        let (namespace, calls) = (settings.remote_namespace, Arc::clone(&reach.calls));
        let is_cluster_scoped = credentials.tenant().is_cluster_scoped();
        Ok(Arc::new(Store { connection, namespace, is_cluster_scoped, calls }) as Client)
    })
}

struct Store {
    connection: Connection,
    namespace: String,
    is_cluster_scoped: bool,
    calls: Arc<Calls>,
}

/// A Secret, as far as it is read.
#[derive(Deserialize)]
struct Held {
    metadata: Meta,
    #[serde(default, deserialize_with = "texts")]
    data: BTreeMap<String, SecretText>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Held {
    fn values(&self) -> Result<SecretMap, Fault> {
        let decoded = |(key, text): (&String, &SecretText)| {
            let bytes = Base64::Standard.decode(text.expose().as_bytes());
            let bytes = bytes.ok_or_else(|| {
                Fault::unreachable(format!("the data of Secret `{}` are not base64", self.metadata.name))
            });
            bytes.map(|bytes| (key.clone(), bytes))
        };
        self.data.iter().map(decoded).collect()
    }
}

/// What a user says about a pushed Secret.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    #[serde(default)]
    target_merge_policy: MergePolicy,
    /// The source's own labels do not come along with what is pushed: there is nothing to merge with.
    #[serde(default, rename = "sourceMergePolicy")]
    _source_merge_policy: MergePolicy,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    remote_namespace: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum MergePolicy {
    #[default]
    Merge,
    Replace,
    Ignore,
}

/// One request, made for each client that it is tried with.
type Ask<'a> = &'a (dyn Fn() -> Result<http::Request<Vec<u8>>, kube::core::request::Error> + Send + Sync);

impl Store {
    /// Asks the API server and counts the call. A token that it does not take any more is got anew once. `object` is the Secret
    /// that is asked for, empty where it is none in particular.
    async fn ask<T: DeserializeOwned>(
        &self,
        name: &'static str,
        object: &str,
        attempt: &str,
        ask: Ask<'_>,
    ) -> Result<T, Fault> {
        let mut again = true;
        let answer = loop {
            let request = ask().map_err(|error| Fault::wrong(attempt).because(error))?;
            let client = self.connection.client().await?;
            match answer(&client, request).await {
                Err(Refusal::Said { code: 401, .. }) if again && self.connection.renew().await => again = false,
                other => break other,
            }
        };
        let answer = answer.map_err(|refusal| refusal.of_object(object).within(attempt));
        self.calls.counted(PROVIDER, name, answer)
    }

    fn path(&self) -> String {
        path_in(&self.namespace)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str, name: &str) -> Result<T, Fault> {
        let attempt = format!("cannot read Secret `{name}`");
        // The name becomes part of a path: nothing but a name may stand there.
        if !is_name(name) {
            return Err(Fault::wrong(attempt).because("this is no name of a Secret"));
        }
        self.ask("GetSecret", name, &attempt, &|| Request::new(path).get(name, &GetParams::default())).await
    }

    async fn fetch_one(&self, at: &Locator) -> Result<Payload, Fault> {
        let held: Held = self.read(&self.path(), &at.key).await?;
        if held.metadata.name != at.key {
            return Err(Fault::unreachable(format!("cannot read Secret `{}`", at.key))
                .because("the API server answered with another object"));
        }
        if at.metadata == MetadataPolicy::None {
            return held.values().map(Payload::Map);
        }
        let Meta { labels, annotations, .. } = held.metadata;
        Ok(Payload::bytes(json!({ "labels": labels, "annotations": annotations }).to_string()))
    }

    async fn find_all(&self, query: &Find) -> Result<SecretMap, Fault> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            metadata: ListMeta,
            // Always there, if empty: an answer without it is no list of nothing.
            items: Vec<Held>,
        }
        #[derive(Default, Deserialize)]
        struct ListMeta {
            #[serde(default, rename = "continue")]
            next: Option<String>,
        }
        if query.name.is_none() && query.tags.is_empty() {
            return Err(Fault::wrong("unexpected find operator").hint("set `find.name` or `find.tags`"));
        }
        let name = query.name.as_deref().map(settings::pattern).transpose()?;
        let labels: Vec<String> = query.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut parameters = ListParams::default().limit(PAGE);
        if !labels.is_empty() {
            parameters = parameters.labels(&labels.join(","));
        }
        let mut all = SecretMap::new();
        loop {
            let path = self.path();
            let page: List = self
                .ask("ListSecrets", "", "cannot list Secrets", &|| Request::new(path.as_str()).list(&parameters))
                .await?;
            for held in page.items {
                if name.as_ref().is_none_or(|name| name.is_match(&held.metadata.name)) {
                    all.insert(held.metadata.name.clone(), whole(&held.values()?)?);
                }
            }
            match page.metadata.next.filter(|next| !next.is_empty()) {
                Some(next) => parameters = parameters.continue_token(&next),
                None => return Ok(all),
            }
        }
    }

    async fn push_entry(&self, entry: &PushEntry) -> Result<Pushed, Fault> {
        let metadata: Metadata = push_metadata::read(entry.metadata.as_ref())?;
        let name = &entry.at.key;
        let path = match metadata.remote_namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
            Some(namespace) if !is_name(namespace) => {
                return Err(Fault::wrong(format!("`{namespace}` is no name of a namespace")));
            }
            Some(namespace) if self.is_cluster_scoped || namespace == self.namespace => path_in(namespace),
            Some(_) => return Err(Fault::denied("remoteNamespace is only for a ClusterSecretStore")),
            None => self.path(),
        };
        let property = entry.at.property.as_deref();
        let (kind, pushed) = match (&entry.source, property) {
            (PushSource::Bytes(_), None) => {
                let needs = "requires property in RemoteRef to push secret value if secret key is defined";
                return Err(Fault::wrong(needs));
            }
            (PushSource::Bytes(bytes), Some(property)) => ("Opaque", SecretMap::from_iter([(property, bytes.clone())])),
            (PushSource::Secret { data, .. }, Some(property)) => {
                ("Opaque", SecretMap::from_iter([(property, rules::object_of(data)?)]))
            }
            (PushSource::Secret { kind, data }, None) => (kind.as_str(), data.clone()),
        };
        let data: Map<String, Value> =
            pushed.iter().map(|(key, value)| (key.clone(), json!(Base64::Standard.encode(value.expose())))).collect();
        let Some(standing) = found::<Value>(self.read(&path, name).await)? else {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "type": kind, "data": data,
                "metadata": { "name": name, "labels": metadata.labels, "annotations": metadata.annotations },
            });
            return self.create(&path, name, &secret).await;
        };
        let mut wanted = standing.clone();
        match property {
            // Whoever pushes single values shares the Secret with others.
            Some(_) => object(&mut wanted["data"]).extend(data),
            None => wanted["data"] = Value::Object(data),
        }
        metadata.set_on(&mut wanted);
        if wanted == standing {
            return Ok(Pushed::Unchanged);
        }
        self.replace(&path, name, &wanted).await?;
        Ok(Pushed::Stored)
    }

    async fn create(&self, path: &str, name: &str, secret: &Value) -> Result<Pushed, Fault> {
        let (attempt, body) = (format!("cannot create Secret `{name}`"), secret.to_string());
        let ask = || Request::new(path).create(&PostParams::default(), body.clone().into_bytes());
        self.ask::<Value>("CreateSecret", "", &attempt, &ask).await?;
        Ok(Pushed::Stored)
    }

    /// Replaces the Secret that was read: whoever changed it meanwhile makes this a conflict.
    async fn replace(&self, path: &str, name: &str, secret: &Value) -> Result<(), Fault> {
        let (attempt, body) = (format!("cannot update Secret `{name}`"), secret.to_string());
        let ask = || Request::new(path).replace(name, &PostParams::default(), body.clone().into_bytes());
        self.ask::<Value>("UpdateSecret", name, &attempt, &ask).await.map(drop)
    }

    async fn delete_entry(&self, at: &RemotePlace) -> Result<(), Fault> {
        let (path, name) = (self.path(), &at.key);
        let Some(mut standing) = found::<Value>(self.read(&path, name).await)? else { return Ok(()) };
        if let Some(property) = &at.property {
            let data = object(&mut standing["data"]);
            if data.remove(property).is_none() {
                return Ok(());
            }
            if !data.is_empty() {
                return self.replace(&path, name, &standing).await;
            }
        }
        let attempt = format!("cannot delete Secret `{name}`");
        let ask = || Request::new(path.as_str()).delete(name, &DeleteParams::default());
        found(self.ask::<Value>("DeleteSecret", name, &attempt, &ask).await).map(drop)
    }

    /// Whether our own rules let us read Secrets.
    async fn may_read(&self) -> Result<bool, Fault> {
        #[derive(Deserialize)]
        struct Review {
            status: Status,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            #[serde(default)]
            resource_rules: Vec<Rule>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Rule {
            #[serde(default)]
            verbs: Vec<String>,
            #[serde(default)]
            api_groups: Vec<String>,
            #[serde(default)]
            resources: Vec<String>,
        }
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
            "spec": { "namespace": self.namespace },
        });
        let ask = || {
            Request::new("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews")
                .create(&PostParams::default(), body.to_string().into_bytes())
        };
        let review: Review = self.ask("CreateSelfSubjectRulesReview", "", "cannot review what we may do", &ask).await?;
        let has = |list: &[String], wanted: &str| list.iter().any(|one| one == wanted || one == "*");
        let allows =
            |rule: &Rule| has(&rule.verbs, "get") && has(&rule.api_groups, "") && has(&rule.resources, "secrets");
        Ok(review.status.resource_rules.iter().any(allows))
    }
}

impl Metadata {
    /// Labels and annotations as the user wants them, on a Secret that stands.
    fn set_on(&self, secret: &mut Value) {
        if self.target_merge_policy == MergePolicy::Ignore {
            return;
        }
        for (field, wanted) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            let meta = object(&mut secret["metadata"]);
            if self.target_merge_policy == MergePolicy::Replace {
                meta.remove(field);
            }
            if !wanted.is_empty() {
                let standing = object(meta.entry(field).or_insert_with(|| json!({})));
                standing.extend(wanted.iter().map(|(key, value)| (key.clone(), json!(value))));
            }
        }
    }
}

/// Whether a text can be the name of an object.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('.') && !text.ends_with('.')
}

fn path_in(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets")
}

/// The members of a JSON object; what is none becomes an empty one.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object a moment ago")
}

/// A whole Secret as one JSON object of texts, as the peer reads it: bytes that are no text become U+FFFD.
fn whole(data: &SecretMap) -> Result<SecretBytes, Fault> {
    let entries = data.iter().map(|(key, value)| (key.clone(), SecretValue::Bytes(value.clone()))).collect();
    let style = Compact { is_sorted: true, escapes_html: false, is_lossy: true };
    compact_value(&SecretValue::Map(entries), &style).map(SecretBytes::new)
}

/// A name and, behind a dot, a path into its value: the whole text as a name counts first, then the shortest name.
fn walk<T>(property: &str, exact: impl Fn(&str) -> Option<T>, deeper: impl Fn(&str, &str) -> Option<T>) -> Option<T> {
    let splits = property.match_indices('.').map(|(at, _)| (&property[..at], &property[at + 1..]));
    exact(property).or_else(|| splits.into_iter().find_map(|(name, path)| deeper(name, path)))
}

impl SecretsClient for Store {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(self.fetch_one(at))
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        let property = property.filter(|property| !property.is_empty());
        match (payload, property) {
            (Payload::Map(data), None) => whole(data).map(SecretValue::Bytes),
            (Payload::Bytes(json), None) => Ok(SecretValue::Bytes(json.clone())),
            (Payload::Map(data), Some(property)) => walk(
                property,
                |name| data.value(name).cloned().map(SecretValue::Bytes),
                |name, path| rules::property(data.value(name)?.expose(), path),
            )
            .ok_or_else(|| {
                Fault::wrong(format!("property {property} does not exist in data of secret \"{}\"", at.key))
            }),
            (Payload::Bytes(json), Some(property)) => {
                let missing =
                    || Fault::wrong(format!("property {property} does not exist in metadata of secret \"{}\"", at.key));
                let (kind, rest) = property.split_once('.').unwrap_or((property, ""));
                let text = std::str::from_utf8(json.expose()).unwrap_or_default();
                let all = rules::exact(text, kind).filter(|_| matches!(kind, "labels" | "annotations"));
                let all = all.ok_or_else(missing)?;
                if rest.is_empty() {
                    return Ok(all);
                }
                let all = rules::bytes(&all);
                let text = std::str::from_utf8(all.expose()).unwrap_or_default();
                walk(
                    rest,
                    |name| rules::exact(text, name),
                    |name, path| rules::property(rules::bytes(&rules::exact(text, name)?).expose(), path),
                )
                .ok_or_else(missing)
            }
        }
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        let property = property.filter(|property| !property.is_empty());
        if let (Payload::Map(data), None) = (payload, property) {
            return Ok(data.clone());
        }
        let value = rules::bytes(&self.select(at, payload, property)?);
        rules::entries(value.expose())
            .ok_or_else(|| Fault::wrong(format!("unable to unmarshal secret {}: it is no JSON object", at.key)))
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
            let held = found(self.read::<Held>(&self.path(), &at.key).await)?;
            let has = |held: &Held| at.property.as_ref().is_none_or(|property| held.data.contains_key(property));
            Ok(held.as_ref().is_some_and(has))
        })
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move {
            match self.may_read().await {
                Ok(true) => Ok(Validity::Ready),
                Ok(false) => Err(Fault::denied("client is not allowed to get secrets")),
                Err(fault) if fault.kind().is_transient() => {
                    Ok(Validity::Undetermined(fault.within("could not verify if client is valid")))
                }
                Err(fault) => Err(fault),
            }
        })
    }
}
