//! The one door to the API server: raw requests through kube's client, answers as bytes, failures as faults. Scripts read
//! through [`crate::World`]; only the effects' hands and the caches come here.
//! Not kube's typed `Api`: its `Secret` can be shown, and the peers' patches are bytes that must arrive as they are.

use std::time::Duration;

use base::{Fault, Kind};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use plan::Address;
use plan::write::Resource;
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

/// The largest answer we take: a page of 250 Secrets of 1 MiB does not come through here, single objects do.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How long an answer may take: the API server itself gives up after a minute, and its own sentence shall reach us. Watches do
/// not come through here; kube ends the idle ones.
const PATIENCE: Duration = Duration::from_secs(70);

/// A connection to one cluster.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
}

/// What is asked of the API server.
pub struct Call<'a> {
    /// GET, POST, …
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The body's media type.
    pub media: &'a str,
    /// The body.
    pub body: Vec<u8>,
}

/// The API's way to say no.
#[derive(Default, Deserialize)]
struct StatusAnswer {
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
}

/// JSON, the media type of everything but patches.
pub const JSON: &str = "application/json";

impl Cluster {
    /// Wraps a client.
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// kube's client, for watches and for providers that talk to this cluster.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Sends a request and takes the answer whole.
    ///
    /// # Errors
    /// The server is away, does not answer in time or says no; the fault's cause is its own sentence.
    pub async fn call(&self, call: Call<'_>) -> Result<Bytes, Fault> {
        let attempt = format!("cannot {} `{}`", call.method, path_of(&call.path));
        let answered = tokio::time::timeout(PATIENCE, self.answer(call, &attempt)).await;
        let late = |_| format!("the API server did not answer within {} seconds", PATIENCE.as_secs());
        answered.map_err(late).unwrap_or_else(|late| Err(Fault::unreachable(attempt).because(late)))
    }

    async fn answer(&self, call: Call<'_>, attempt: &str) -> Result<Bytes, Fault> {
        let request = Request::builder()
            .method(call.method)
            .uri(&call.path)
            .header(http::header::CONTENT_TYPE, call.media)
            .header(http::header::ACCEPT, JSON)
            .body(kube::client::Body::from(call.body))
            .map_err(|error| Fault::bug(attempt).because(error))?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| Fault::unreachable(attempt).because(error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| Fault::unreachable(attempt).because(error))?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(refusal(attempt, status, &body)) }
    }

    /// GETs an object; `None` where there is none of that name.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn read(&self, at: &Address) -> Result<Option<Bytes>, Fault> {
        let path = object_path(at, None);
        match self.call(Call { method: Method::GET, path, media: JSON, body: Vec::new() }).await {
            Ok(body) => Ok(Some(body)),
            Err(fault) if fault.kind() == Kind::NotFound => Ok(None),
            Err(fault) => Err(fault.about(at.object())),
        }
    }

    /// GETs an object and reads it into a type; `None` where there is none of that name.
    ///
    /// # Errors
    /// As [`Self::call`], or the answer is not of that type.
    pub async fn read_as<T: for<'de> Deserialize<'de>>(&self, at: &Address) -> Result<Option<T>, Fault> {
        let Some(body) = self.read(at).await? else { return Ok(None) };
        parse(&body, &at.object().to_string()).map(Some)
    }

    /// LISTs a collection, page by page; without a namespace that of the whole cluster.
    ///
    /// # Errors
    /// As [`Self::call`], or the objects are not of that type.
    pub async fn list_as<T: for<'de> Deserialize<'de>>(
        &self,
        resource: &Resource,
        namespace: &str,
    ) -> Result<Vec<T>, Fault> {
        let collection = collection_path(resource, namespace);
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let mut path = format!("{collection}?limit={PAGE}");
            if !token.is_empty() {
                path.extend(["&continue=", &byte_serialize(token.as_bytes()).collect::<String>()]);
            }
            let call = Call { method: Method::GET, path, media: JSON, body: Vec::new() };
            let page: Page<T> = parse(&self.call(call).await?, &format!("list of {}", resource.plural))?;
            all.extend(page.items);
            token = page.metadata.token.unwrap_or_default();
            if token.is_empty() {
                return Ok(all);
            }
        }
    }
}

/// Objects per page of a LIST.
const PAGE: usize = 250;

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    token: Option<String>,
}

/// Reads an answer into a type.
///
/// # Errors
/// The answer is not of that type: the server speaks another version than we do.
pub fn parse<T: for<'de> Deserialize<'de>>(body: &[u8], what: &str) -> Result<T, Fault> {
    // serde_json quotes no value in its messages, only places and types.
    serde_json::from_slice(body)
        .map_err(|error| Fault::unreachable(format!("cannot understand the API server's {what}")).because(error))
}

/// The path of a collection, in a namespace or in the cluster.
#[must_use]
pub fn collection_path(resource: &Resource, namespace: &str) -> String {
    let root = if resource.group.is_empty() { "/api/" } else { "/apis/" };
    let scope = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    format!("{root}{}{scope}/{}", resource.api_version(), resource.plural)
}

/// The path of an object or of a subresource of it.
#[must_use]
pub fn object_path(at: &Address, subresource: Option<&str>) -> String {
    let path = format!("{}/{}", collection_path(&at.resource, &at.namespace), at.name);
    match subresource {
        Some(part) => format!("{path}/{part}"),
        None => path,
    }
}

fn path_of(path_and_query: &str) -> &str {
    path_and_query.split('?').next().unwrap_or_default()
}

fn refusal(attempt: &str, status: StatusCode, body: &[u8]) -> Fault {
    let said: StatusAnswer = serde_json::from_slice(body).unwrap_or_default();
    let kind = match (status.as_u16(), said.reason.as_str()) {
        (404, _) => Kind::NotFound,
        (401 | 403, _) => Kind::Denied,
        (409, _) => Kind::Conflict,
        (429, _) | (_, "TooManyRequests") => Kind::Busy,
        (400 | 405 | 406 | 413 | 415 | 422, _) => Kind::Wrong,
        _ => Kind::Unreachable,
    };
    let cause = if said.message.is_empty() { format!("the API server answered {status}") } else { said.message };
    Fault::new(kind, attempt).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let secret = Address::secret("demo", "db");
        assert_eq!(object_path(&secret, None), "/api/v1/namespaces/demo/secrets/db");
        let store = Resource::new("external-secrets.io", "v1", "ClusterSecretStore", "clustersecretstores");
        assert_eq!(
            object_path(&Address::new(store, "", "vault"), Some("status")),
            "/apis/external-secrets.io/v1/clustersecretstores/vault/status"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_given_up() {
        let silent = tower::service_fn(|_: Request<kube::client::Body>| {
            std::future::pending::<Result<http::Response<kube::client::Body>, std::convert::Infallible>>()
        });
        let cluster = Cluster::new(kube::Client::new(silent, "default"));
        let fault = cluster.read(&Address::secret("demo", "db")).await.expect_err("nobody answers");
        assert_eq!(fault.kind(), Kind::Unreachable);
        let sentence =
            "cannot GET `/api/v1/namespaces/demo/secrets/db`: the API server did not answer within 70 seconds";
        assert_eq!(fault.chain(), sentence);
    }

    #[test]
    fn a_refusal_keeps_the_servers_sentence_as_cause() {
        let body = br#"{"kind":"Status","reason":"Forbidden","message":"secrets \"x\" is forbidden","code":403}"#;
        let fault = refusal("cannot GET `/x`", StatusCode::FORBIDDEN, body);
        assert_eq!(fault.kind(), Kind::Denied);
        assert_eq!(fault.chain(), "cannot GET `/x`: secrets \"x\" is forbidden");
    }
}
