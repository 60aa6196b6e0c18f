//! Requests of kubeseal to the controller, through the API server's service proxy: certificate, verify, rotate. Every request ends:
//! after 30 seconds unless told otherwise. How the cluster is found is in `connection`. Specification: SS §9.5, §12.4.

use std::time::Duration;

use base::Fault;
use base::fault::root_cause;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;

/// The largest answer: the controller takes 10 MiB, and sealed values are larger than plain ones.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How often a request is repeated that the controller puts off with 429, as the peer's client does.
const TRIES: usize = 10;
/// The longest wait that a `Retry-After` can ask for.
const LONGEST_WAIT_SECONDS: u64 = 30;

/// The controller, behind the API server's service proxy.
pub struct Controller {
    pub(super) client: kube::Client,
    /// The API server's URL, for messages.
    pub(super) server: String,
    pub(super) timeout: Option<Duration>,
    pub(super) service: String,
    pub(super) namespace: String,
}

/// An answer of the controller.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Vec<u8>,
}

/// What of a Service is asked for.
#[derive(Deserialize)]
struct Service {
    spec: ServiceSpec,
}

#[derive(Deserialize)]
struct ServiceSpec {
    #[serde(default)]
    ports: Vec<Port>,
}

#[derive(Deserialize)]
struct Port {
    #[serde(default)]
    name: String,
}

/// The API server's way to say no.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

impl Controller {
    /// The certificate to seal with, as the controller serves it.
    ///
    /// # Errors
    /// The Service is not there, or the controller does not answer.
    pub async fn certificate(&self) -> Result<Vec<u8>, Fault> {
        let port = self.port().await?;
        let path = self.path(&port, "v1/cert.pem");
        let answer = self.send(Method::GET, &path, "application/x-pem-file, */*", Vec::new()).await;
        let answer = answer.map_err(|fault| fault.within("cannot fetch certificate"))?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let what = format!("get services http:{}:{port}", self.service);
        Err(self.refused(&answer, &what).within("cannot fetch certificate"))
    }

    /// Hands an object to the controller's `verify` or `rotate`; any status is an answer.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn ask(&self, port: &str, verb: &str, object: Vec<u8>) -> Result<Answer, Fault> {
        self.send(Method::POST, &self.path(port, &format!("v1/{verb}")), "application/json, */*", object).await
    }

    /// What an unexpected answer to [`Self::ask`] is told as.
    #[must_use]
    pub fn refusal(&self, port: &str, answer: &Answer) -> Fault {
        self.refused(answer, &format!("post services http:{}:{port}", self.service))
    }

    /// A refusal, with a word to whoever wonders where the token went.
    fn refused(&self, answer: &Answer, what: &str) -> Fault {
        let fault = refusal(answer, what);
        match fault.kind() {
            base::Kind::Denied if self.server.starts_with("http://") => {
                fault.hint("tokens and passwords are never sent over plain http")
            }
            _ => fault,
        }
    }

    /// The name of the Service's first port, which the proxy's path needs.
    ///
    /// # Errors
    /// The Service is not there, or nobody answers; the message names the flags that say which it is.
    pub async fn port(&self) -> Result<String, Fault> {
        let advice = "Please, use the flag --controller-name and --controller-namespace to set up the name and namespace of the sealed secrets controller";
        let cannot = |fault: &Fault| {
            let told =
                Fault::new(fault.kind(), format!("cannot get sealed secret service: {}.\n{advice}", fault.chain()));
            match fault.advice() {
                Some(hint) => told.hint(hint),
                None => told,
            }
        };
        let path = format!("/api/v1/namespaces/{}/services/{}", self.namespace, self.service);
        let answer =
            self.send(Method::GET, &path, "application/json", Vec::new()).await.map_err(|fault| cannot(&fault))?;
        if !answer.status.is_success() {
            return Err(cannot(&self.refused(&answer, &format!("get services {}", self.service))));
        }
        let service: Service = serde_json::from_slice(&answer.body)
            .map_err(|error| cannot(&Fault::unreachable("cannot understand the Service").because(error)))?;
        Ok(service.spec.ports.into_iter().next().map(|port| port.name).unwrap_or_default())
    }

    fn path(&self, port: &str, end: &str) -> String {
        format!("/api/v1/namespaces/{}/services/http:{}:{port}/proxy/{end}", self.namespace, self.service)
    }

    /// One request, repeated while the other side says 429.
    async fn send(&self, method: Method, path: &str, accept: &str, body: Vec<u8>) -> Result<Answer, Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (answer, wait) = self.once(&method, path, accept, body.clone()).await?;
            match wait {
                Some(wait) if tries < TRIES => tokio::time::sleep(wait).await,
                _ => return Ok(answer),
            }
        }
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> Result<(Answer, Option<Duration>), Fault> {
        let verb = if *method == Method::GET { "Get" } else { "Post" };
        let failed = || Fault::unreachable(format!("{verb} \"{}{path}\"", self.server));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json")
            .body(kube::client::Body::from(body))
            .map_err(|error| failed().because(error))?;
        let work = async {
            let answer = self.client.send(request).await.map_err(|error| failed().because(root_cause(&error)))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| failed().because(error))?;
            let wait = parts.headers.get(header::RETRY_AFTER).filter(|_| parts.status == StatusCode::TOO_MANY_REQUESTS);
            let answer = Answer { status: parts.status, body: body.to_bytes().to_vec() };
            Ok((answer, wait.and_then(seconds)))
        };
        let Some(timeout) = self.timeout else { return work.await };
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
            Err(failed().because(format!("no answer in {} s", timeout.as_secs())).hint(
                "the API server may not reach the controller's port (private cluster, network policy); \
                 give the certificate with --cert FILE|URL",
            ))
        })
    }
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    let seconds = value.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT_SECONDS)))
}

/// The API's own sentence, or that of kubectl's library where the body is none; such a body is then told as a hint.
fn refusal(answer: &Answer, what: &str) -> Fault {
    let said = serde_json::from_slice::<Refusal>(&answer.body).unwrap_or_default().message;
    let kind = match answer.status {
        StatusCode::NOT_FOUND => base::Kind::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => base::Kind::Denied,
        StatusCode::TOO_MANY_REQUESTS => base::Kind::Busy,
        _ => base::Kind::Unreachable,
    };
    if !said.is_empty() {
        return Fault::new(kind, said);
    }
    let body = String::from_utf8_lossy(&answer.body);
    let body = body.trim();
    let text = match answer.status.as_u16() {
        400 => "the server rejected our request for an unknown reason",
        401 => "the server has asked for the client to provide credentials",
        403 | 406 | 415 if !body.is_empty() => body,
        403 => "the server does not allow access to the requested resource",
        404 => "the server could not find the requested resource",
        405 => "the server does not allow this method on the requested resource",
        409 => "the server reported a conflict",
        422 => "the server rejected our request due to an error in our request",
        429 => "the server has received too many requests and has asked us to try again later",
        503 => "the server is currently unable to handle the request",
        504 => {
            "the server was unable to return a response in the time allotted, but may still be processing the request"
        }
        500.. => &format!("an error on the server (\"{body}\") has prevented the request from succeeding"),
        code => &format!("the server responded with the status code {code} but did not return more information"),
    };
    let fault = Fault::new(kind, format!("{text} ({what})"));
    if body.is_empty() || text.contains(body) { fault } else { fault.hint(body.to_owned()) }
}
