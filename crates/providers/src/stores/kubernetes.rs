//! Secrets and ConfigMaps of a cluster, as references name them: `ref+k8s://v1/Secret/NAMESPACE/NAME[/KEY]`. The cluster is the
//! kubeconfig's, or our own where there is none. API: GET of one object; limits: the API server's. A resource's store is in
//! `kubernetes/store`, and how it reaches its server in `kubernetes/connection`.
//! Specification: VALS §10.7; ESO §10.9.

mod connection;
mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::encoding::Base64;
use base::{Fault, Kind, Opening, SecretBytes, SecretMap, SecretText, SecretValue, limit};
use document::{Branch, Node};
use http_body_util::{BodyExt as _, Limited};
use kube::api::GetParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Request;
use schemars::schema_for;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use source::{Locator, Payload, SecretsClient, select};

use self::connection::Settings;
use crate::kubeconfig;
use crate::reach::Reach;
use crate::row::{Asked, Client, Maintenance, Row, TextDoor};
use crate::settings;

/// The row.
pub const ROW: Row = Row {
    name: "kubernetes",
    keys: &["kubernetes"],
    access: store::ACCESS,
    maintenance: Maintenance::Maintained,
    schema: || schema_for!(Settings),
    check: settings::check::<Settings>,
    open: Some(store::open),
    references: &[TextDoor {
        scheme: "k8s",
        options: &["kubeConfigPath", "kubeContext", "inCluster"],
        is_local: false,
        open,
        locate,
        text,
        tree,
    }],
};

/// Where an object is, and its key if the path names one.
struct Place<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    key: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn parse(path: &'a str) -> Result<Self, Fault> {
        let parts: Vec<&str> = path.split('/').collect();
        let (version, kind, namespace, name, key) = match parts[..] {
            [version, kind, namespace, name] => (version, kind, namespace, name, None),
            [version, kind, namespace, name, key] => (version, kind, namespace, name, Some(key)),
            _ => {
                return Err(Fault::wrong(format!(
                    "Invalid path {path}. Path must be in the format <apiVersion>/<kind>/<namespace>/<name>[/<key>]"
                )));
            }
        };
        if version != "v1" {
            return Err(Fault::wrong(format!(
                "Invalid apiVersion {version}. Only apiVersion v1 is supported at this time."
            )));
        }
        if !matches!(kind, "Secret" | "ConfigMap") {
            return Err(Fault::wrong("The specified kind is not valid. Valid kinds: Secret, ConfigMap"));
        }
        Ok(Self { kind, namespace, name, key })
    }
}

struct ClusterClient(kube::Client);

fn open<'a>(asked: &'a Asked<'a>, reach: &'a Reach) -> Opening<'a, Client> {
    Box::pin(async move {
        let client = match kubeconfig(asked)? {
            Some(kubeconfig) => {
                let context = asked.option("kubeContext").map(str::to_owned);
                let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
                let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
                client_of(config.map_err(|error| Fault::wrong("cannot use the kubeconfig").because(error))?)?
            }
            None => match &reach.cluster {
                Some(own) => own.client.clone(),
                None => client_of(kube::Config::incluster().map_err(|error| {
                    Fault::wrong("cannot find a cluster: there is no kubeconfig, and this is no pod of one")
                        .because(error)
                        .hint("name the kubeconfig in kubeConfigPath or KUBECONFIG, or put it to ~/.kube/config")
                })?)?,
            },
        };
        Ok(Arc::new(ClusterClient(client)) as Client)
    })
}

/// A client without hidden retries.
fn client_of(mut config: kube::Config) -> Result<kube::Client, Fault> {
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(30));
    kube::Client::try_from(config).map_err(|error| Fault::wrong("cannot make a client for the cluster").because(error))
}

/// The kubeconfig that option, variable or home name; none means the cluster we run in.
fn kubeconfig(asked: &Asked<'_>) -> Result<Option<Kubeconfig>, Fault> {
    if asked.has("inCluster") {
        return Ok(None);
    }
    if let Some(path) = asked.option("kubeConfigPath") {
        return read(path, &format!("kubeConfigPath URI parameter is set but path {path} does not exist.")).map(Some);
    }
    if let Some(paths) = asked.environment.value("KUBECONFIG") {
        let missing = format!("KUBECONFIG environment variable is set but path {paths} does not exist.");
        let mut merged: Option<Kubeconfig> = None;
        for path in paths.split(':').filter(|path| !path.is_empty()) {
            let next = read(path, &missing)?;
            merged = Some(match merged {
                None => next,
                Some(before) => {
                    before.merge(next).map_err(|error| Fault::wrong("cannot join the kubeconfigs").because(error))?
                }
            });
        }
        return Ok(merged);
    }
    let home = asked.environment.value("HOME").map(|home| format!("{home}/.kube/config"));
    home.filter(|path| Path::new(path).exists()).map(|path| read(&path, "there is no kubeconfig")).transpose()
}

fn read(path: &str, missing: &str) -> Result<Kubeconfig, Fault> {
    if !Path::new(path).exists() {
        return Err(Fault::wrong(missing));
    }
    Kubeconfig::read_from(path)
        .map_err(|error| Fault::wrong(format!("cannot read kubeconfig {path}")).because(kubeconfig::told(&error)))
}

fn locate(asked: &Asked<'_>) -> Result<Locator, Fault> {
    let path = asked.reference.place();
    let place = Place::parse(path.trim_end_matches('/'))?;
    Ok(Locator::of(format!("{}/{}/{}", place.kind, place.namespace, place.name)))
}

fn text(asked: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    let path = asked.reference.place();
    let place = Place::parse(path.trim_end_matches('/'))?;
    let data = data_of(payload)?;
    let Some(key) = place.key else { return select::object_of(data).map(Node::text) };
    let missing = || Fault::not_found(format!("Key {key} does not exist in {}/{}", place.namespace, place.name));
    data.value(key).map(|value| Node::text(value.clone())).ok_or_else(missing)
}

fn tree(_: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    let mut branch = Branch::default();
    data_of(payload)?.iter().for_each(|(key, value)| branch.push(key.as_str(), Node::text(value.clone())));
    Ok(Node::Branch(branch))
}

fn data_of(payload: &Payload) -> Result<&SecretMap, Fault> {
    match payload {
        Payload::Map(data) => Ok(data),
        Payload::Bytes(_) => Err(Fault::bug("the payload of a cluster's object is its data")),
    }
}

/// What of an object holds values. `binaryData` of a ConfigMap is not among them.
#[derive(Deserialize)]
struct Held {
    #[serde(default, deserialize_with = "texts")]
    data: BTreeMap<String, SecretText>,
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, SecretText>, D::Error> {
    let texts = Option::<BTreeMap<String, Option<String>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(texts.into_iter().map(|(key, text)| (key, SecretText::new(text.unwrap_or_default()))).collect())
}

impl ClusterClient {
    async fn read(&self, at: &Locator) -> Result<SecretMap, Fault> {
        let parts: Vec<&str> = at.key.split('/').collect();
        let [kind, namespace, name] = parts[..] else { return Err(Fault::bug("a place of a cluster has three parts")) };
        let failed = |fault: Fault| fault.within(format!("Unable to get {kind} {namespace}/{name}"));
        let plural = if kind == "Secret" { "secrets" } else { "configmaps" };
        let request = Request::new(format!("/api/v1/namespaces/{namespace}/{plural}"))
            .get(name, &GetParams::default())
            .map_err(|error| failed(Fault::wrong("the name is none").because(error)))?;
        let held: Held = answer(&self.0, request).await.map_err(|refusal| failed(refusal.of_object(name)))?;
        let decoded = |text: &SecretText| match kind {
            "Secret" => Base64::Standard
                .decode(text.expose().as_bytes())
                .ok_or_else(|| failed(Fault::unreachable("the data is not base64"))),
            _ => Ok(SecretBytes::from(text.expose())),
        };
        held.data.iter().map(|(key, text)| Ok((key.clone(), decoded(text)?))).collect()
    }
}

/// How long a server may take for an answer: one that takes the connection and says nothing must not hold a worker for ever.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a server did not give what it was asked for.
enum Refusal {
    /// It says no, in the API's own words.
    Said { code: u16, reason: String, message: String, name: String },
    /// It says something else, or nothing.
    Failed(Fault),
}

impl Refusal {
    /// The fault of a request about an object (an empty name: about none in particular). "Not found" is one only in the API's own
    /// words for this very object: a wrong address or a page of something in between must never look like a deleted Secret.
    fn of_object(self, object: &str) -> Fault {
        let (code, reason, message, name) = match self {
            Self::Failed(fault) => return fault,
            Self::Said { code, reason, message, name } => (code, reason, message, name),
        };
        let kind = match code {
            404 if reason == "NotFound" && !object.is_empty() && name == object => Kind::NotFound,
            401 | 403 => Kind::Denied,
            409 => Kind::Conflict,
            429 => Kind::Busy,
            400 | 422 => Kind::Wrong,
            _ => Kind::Unreachable,
        };
        let cause = if message.is_empty() { format!("it answered {code}") } else { message };
        Fault::new(kind, "the API server did not answer with it").because(cause)
    }

    fn said(status: http::StatusCode, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Status {
            reason: String,
            message: String,
            details: Option<Details>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Details {
            name: String,
        }
        let Status { reason, message, details } = serde_json::from_slice(body).unwrap_or_default();
        Self::Said { code: status.as_u16(), reason, message, name: details.unwrap_or_default().name }
    }
}

/// Asks a server, within its time and up to the size of an answer that is worth reading.
async fn answer<T: DeserializeOwned>(client: &kube::Client, request: http::Request<Vec<u8>>) -> Result<T, Refusal> {
    let failed = |cause: base::fault::Cause| {
        Refusal::Failed(Fault::unreachable("the API server did not answer with it").because(cause))
    };
    let asked = async {
        let answer = client.send(request.map(kube::client::Body::from)).await.map_err(|error| failed(error.into()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), limit::ANSWER_BYTES).collect().await.map_err(failed)?.to_bytes();
        if !status.is_success() {
            return Err(Refusal::said(status, &body));
        }
        // serde_json names places and types; a value could only be quoted where it has the wrong type.
        serde_json::from_slice(&body).map_err(|error| {
            failed(format!("line {} column {} of it is not what was expected", error.line(), error.column()).into())
        })
    };
    let waited = tokio::time::timeout(TIMEOUT, asked).await;
    waited.unwrap_or_else(|_| Err(failed(format!("it took longer than {} seconds", TIMEOUT.as_secs()).into())))
}

impl SecretsClient for ClusterClient {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move { self.read(at).await.map(Payload::Map) })
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        let data = data_of(payload)?;
        let Some(property) = property else { return select::object_of(data).map(SecretValue::Bytes) };
        let missing = || Fault::wrong(format!("property {property} does not exist in data of secret {}", at.key));
        data.value(property).cloned().map(SecretValue::Bytes).ok_or_else(missing)
    }

    fn entries(&self, _: &Locator, payload: &Payload, _: Option<&str>) -> Result<SecretMap, Fault> {
        data_of(payload).cloned()
    }
}

#[cfg(test)]
mod tests;
