//! One call to a service of AWS: the JSON protocol 1.1 (most services) or the query protocol (STS), with the hash of the body
//! that reqsign's signature needs. A refusal is typed, because callers branch on its code; request ids are taken out of its
//! text, so that an event of the same failure stays the same event.
//!
//! Specification: VALS §10.14, ESO §10.1.

use std::fmt;

use base::{Fault, Kind, SecretBytes, SecretText};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use reqsign_core::SignRequest as _;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::answer::{self, Answer};
use crate::aws::credentials::Credentials;
use crate::aws::endpoint::Service;
use crate::request::Request;

/// One call.
#[derive(Clone)]
pub struct Call {
    pub(crate) service: Service,
    pub(crate) operation: String,
    media_type: &'static str,
    target: Option<HeaderValue>,
    body: Bytes,
    pub(crate) idempotent: bool,
    hidden: Vec<SecretText>,
}

impl Call {
    /// A call of the JSON protocol 1.1: `secretsmanager.GetSecretValue` and its body.
    #[must_use]
    pub fn json(service: Service, target: &'static str, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("bodies are made of maps with text keys");
        Self {
            service,
            operation: target.rsplit('.').next().unwrap_or(target).to_owned(),
            media_type: "application/x-amz-json-1.1",
            target: Some(HeaderValue::from_static(target)),
            body: body.into(),
            idempotent: false,
            hidden: Vec::new(),
        }
    }

    /// A call of the query protocol: a form with `Action` and `Version`.
    #[must_use]
    pub fn form(service: Service, parameters: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let operation = parameters.iter().find(|(name, _)| *name == "Action").map_or("", |(_, value)| value);
        Self {
            service,
            operation: operation.to_owned(),
            media_type: "application/x-www-form-urlencoded",
            target: None,
            body: body.into(),
            idempotent: false,
            hidden: Vec::new(),
        }
    }

    /// May be asked twice: it only reads, or the service knows the repetition by a token.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// A text that no fault may quote, should the service send it back.
    #[must_use]
    pub fn hide(mut self, secret: &SecretText) -> Self {
        self.hidden.push(secret.clone());
        self
    }

    /// The call as a request to this address, not signed: STS' web identity calls need no keys.
    pub(crate) fn request(&self, url: &Url) -> Result<Request, Fault> {
        let mut request = Request::to(Method::POST, url.clone())?.body(self.media_type, self.body.clone());
        if let Some(target) = &self.target {
            request = request.header("x-amz-target", target.to_str().unwrap_or_default());
        }
        if self.idempotent {
            request = request.idempotent();
        }
        Ok(self.hidden.iter().fold(request, Request::hide))
    }

    /// The call as a request that is signed with these keys, now.
    pub(crate) async fn signed(&self, url: &Url, region: &str, keys: &Credentials) -> Result<Request, Fault> {
        let mut request = self.request(url)?;
        let hash = hex::encode(Sha256::digest(&self.body));
        request.headers.insert("x-amz-content-sha256", header(&hash)?);
        request.headers = signed_headers(&request, self.service, region, keys).await?;
        let hidden = [Some(&keys.secret_access_key), keys.session_token.as_ref()];
        Ok(hidden.into_iter().flatten().fold(request, Request::hide))
    }

    /// The fault that this answer is, if it is no success.
    pub(crate) fn accepted(&self, answer: Answer) -> Result<Answer, Fault> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let refusal = Refusal::of(self, &answer);
        let attempt = format!("cannot call {} {}", self.service.signing, self.operation);
        Err(Fault::new(refusal.kind(), attempt).because(refusal))
    }
}

/// The request's headers with the signature among them.
pub(crate) async fn signed_headers(
    request: &Request,
    service: Service,
    region: &str,
    keys: &Credentials,
) -> Result<HeaderMap, Fault> {
    let failed = |fault: Fault| fault.within(format!("cannot sign a call to {}", service.signing));
    let mut unsigned = http::Request::builder().method(request.method.clone()).uri(request.url.as_str());
    if let Some(headers) = unsigned.headers_mut() {
        headers.clone_from(&request.headers);
    }
    let (mut parts, ()) =
        unsigned.body(()).map_err(|error| failed(Fault::wrong("bad address").because(error)))?.into_parts();
    let credential = keys.for_signing();
    reqsign_aws_v4::RequestSigner::new(service.signing, region)
        .sign_request(&reqsign_core::Context::new(), &mut parts, Some(&credential), None)
        .await
        .map_err(|error| failed(Fault::wrong(error.kind().to_string())))?;
    Ok(parts.headers)
}

fn header(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|error| Fault::bug("a header of ours is none").because(error))
}

/// A service said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The service and the operation.
    pub operation: String,
    /// The status.
    pub status: u16,
    /// The code that callers branch on, without a namespace: `ResourceNotFoundException`; empty where there is none.
    pub code: String,
    /// What the service says, without the secrets of the request and without request ids.
    pub message: String,
}

impl Refusal {
    fn of(call: &Call, answer: &Answer) -> Self {
        let (code, message) = said(answer);
        Self {
            operation: call.operation.clone(),
            status: answer.status.as_u16(),
            code,
            message: without_request_id(&answer.quotable(&message)),
        }
    }

    fn kind(&self) -> Kind {
        let named = |names: &[&str]| names.contains(&self.code.as_str());
        if is_throttle(&self.code) {
            Kind::Busy
        } else if named(&NOT_FOUND) {
            Kind::NotFound
        } else if named(&DENIED) {
            Kind::Denied
        } else if named(&CONFLICT) {
            Kind::Conflict
        } else {
            match self.status {
                // A 404 that is not the service's own word for it is an address where no such service lives.
                404 if self.code.is_empty() => Kind::Unreachable,
                // Another word than those above is about something else than the value: a bucket, an operation.
                404 => Kind::Wrong,
                status => http::StatusCode::from_u16(status).map_or(Kind::Unreachable, answer::kind),
            }
        }
    }
}

const NOT_FOUND: [&str; 6] = [
    "ResourceNotFoundException",
    "ParameterNotFound",
    "ParameterVersionNotFound",
    "NotFoundException",
    "NoSuchKey",
    "NoSuchEntity",
];
const DENIED: [&str; 14] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidIdentityToken",
    "NotAuthorized",
];
const CONFLICT: [&str; 3] = ["ResourceExistsException", "ParameterAlreadyExists", "ConcurrentModificationException"];

fn is_throttle(code: &str) -> bool {
    code.starts_with("Throttl")
        || matches!(
            code,
            "TooManyRequestsException"
                | "RequestLimitExceeded"
                | "ProvisionedThroughputExceededException"
                | "RequestThrottled"
                | "RequestThrottledException"
                | "SlowDown"
                | "TooManyUpdates"
                | "IDPCommunicationError"
        )
}

/// Whether an answer is worth another try: AWS says "slow down" with a 400.
#[must_use]
pub fn is_transient(answer: &Answer) -> bool {
    crate::retry::is_transient(answer) || (answer.status.is_client_error() && is_throttle(&said(answer).0))
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => write!(f, "{} answered {}", self.operation, self.status),
            ("", message) => write!(f, "{} answered {}: {message}", self.operation, self.status),
            (code, "") => f.write_str(code),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Code and message of a refusal, in JSON or XML.
fn said(answer: &Answer) -> (String, String) {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Json {
        #[serde(rename = "__type")]
        kind: Option<String>,
        code: Option<String>,
        message: Option<String>,
        // Some services say it twice, so this is no alias of the other.
        #[serde(rename = "Message")]
        title_message: Option<String>,
    }
    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Xml {
        error: Option<XmlError>,
        code: Option<String>,
        message: Option<String>,
    }
    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct XmlError {
        code: String,
        message: String,
    }
    let short =
        |code: &str| code.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default().to_owned();
    let named = answer.header("x-amzn-errortype").map(short).filter(|code| !code.is_empty());
    if let Ok(json) = serde_json::from_slice::<Json>(answer.body.expose()) {
        let code = named.or_else(|| json.kind.or(json.code).as_deref().map(short));
        return (code.unwrap_or_default(), json.message.or(json.title_message).unwrap_or_default());
    }
    let text = std::str::from_utf8(answer.body.expose()).unwrap_or_default();
    let xml: Xml = quick_xml::de::from_str(text).unwrap_or_default();
    let (code, message) = match xml.error {
        Some(error) => (error.code, error.message),
        None => (xml.code.unwrap_or_default(), xml.message.unwrap_or_default()),
    };
    (named.unwrap_or(code), message)
}

/// The text without "request id: …", which differs each time.
fn without_request_id(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let Some(start) = ["request id:", "requestid:"].iter().find_map(|mark| lower.find(mark)) else {
        return message.to_owned();
    };
    let rest = &message[start..];
    let mark = rest.find(':').map_or(rest.len(), |colon| colon + 1);
    let id = rest[mark..].trim_start();
    let after = &id[id.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(id.len())..];
    format!("{}{}", message[..start].trim_end_matches([' ', ',', '(', ';']), after.trim_start_matches(')'))
}

/// A body of an answer as text, for XML.
pub(crate) fn text(body: &SecretBytes) -> &str {
    std::str::from_utf8(body.expose()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
