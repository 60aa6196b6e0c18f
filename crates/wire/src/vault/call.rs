//! One request to Vault and what came back. The JSON of an answer is kept as it came, so that numbers stay as they were written
//! (`1.50`, `12345678901234567890`); its parts are slices of it. A refusal is typed, because callers branch on its text.
//!
//! Specification: VSO §17.1 (envelope, errors), §17.2 (headers), §17.3 (paths).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use base::{Fault, Kind, SecretBytes, SecretText};
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::answer::{self, Answer};

/// One request below `/v1/`.
#[derive(Clone)]
pub struct Call {
    pub(crate) method: Method,
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<SecretBytes>,
    /// Whether each text in the body is a secret, so that no fault may quote it.
    secret_body: bool,
    pub(crate) media_type: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) namespace: Option<String>,
    pub(crate) idempotent: bool,
    pub(crate) hidden: Vec<SecretText>,
}

impl Call {
    /// Reads a path. It may be asked twice; where reading makes something (`database/creds/…`), say [`Self::once`].
    #[must_use]
    pub fn read(path: &str) -> Self {
        Self::new(Method::GET, path, true)
    }

    /// Lists a folder: `GET …?list=true`, which passes every proxy.
    #[must_use]
    pub fn list(path: &str) -> Self {
        Self::new(Method::GET, path, true).query("list", "true")
    }

    /// Writes secret JSON to a path: no fault quotes a text of it. It is not asked twice after it may have been carried out,
    /// unless [`Self::idempotent`].
    #[must_use]
    pub fn write(path: &str, body: SecretBytes) -> Self {
        Self { body: Some(body), secret_body: true, ..Self::new(Method::PUT, path, false) }
    }

    /// As [`Self::write`], for a body that a fault may quote (a role, a name, a lease); single secrets of it are [`Self::hide`]'s.
    ///
    /// # Errors
    /// The body cannot be JSON.
    pub fn write_json(path: &str, body: &impl serde::Serialize) -> Result<Self, Fault> {
        let body =
            serde_json::to_vec(body).map_err(|_| Fault::bug(format!("cannot write the body for `{path}` as JSON")))?;
        Ok(Self { secret_body: false, ..Self::write(path, SecretBytes::new(body)) })
    }

    /// Writes to a path without a body.
    #[must_use]
    pub fn write_nothing(path: &str) -> Self {
        Self::new(Method::PUT, path, false)
    }

    /// Merges secret JSON into what stands at a path.
    #[must_use]
    pub fn patch(path: &str, body: SecretBytes) -> Self {
        let call = Self::new(Method::PATCH, path, false);
        Self { body: Some(body), secret_body: true, media_type: "application/merge-patch+json", ..call }
    }

    /// Deletes a path.
    #[must_use]
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path, true)
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a segment to the path; a slash in it stays part of the segment.
    #[must_use]
    pub fn segment(mut self, segment: &str) -> Self {
        self.segments.push(segment.to_owned());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// In this namespace instead of the connection's; `""` is the root.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Has the answer wrapped: it holds a token that unwraps it once, within this time (`60s`).
    #[must_use]
    pub fn wrap(self, time_to_live: &str) -> Self {
        self.header("X-Vault-Wrap-TTL", time_to_live)
    }

    /// May be asked twice: writing it again changes nothing.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Must not be asked twice: each answer makes something.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.idempotent = false;
        self
    }

    /// A text that no fault may quote, should the server send it back.
    #[must_use]
    pub fn hide(mut self, secret: &SecretText) -> Self {
        self.hidden.push(secret.clone());
        self
    }

    /// The path as it is asked, without `/v1/`.
    #[must_use]
    pub fn path(&self) -> String {
        self.segments.join("/")
    }

    /// Slashes at the ends and doubled ones carry no meaning (VSO §16), as in Go's `path.Join`.
    fn new(method: Method, path: &str, idempotent: bool) -> Self {
        Self {
            method,
            segments: path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect(),
            query: Vec::new(),
            body: None,
            secret_body: false,
            media_type: "application/json",
            headers: Vec::new(),
            namespace: None,
            idempotent,
            hidden: Vec::new(),
        }
    }
}

/// What Vault answered: the whole body as it came, and where its parts are. Also a 404 that carries data or warnings is one
/// (a deleted version, a path of the wrong KV version).
pub struct Response {
    /// The status.
    pub status: u16,
    /// The request's id at the server.
    pub request_id: String,
    /// The lease; empty where there is none.
    pub lease_id: String,
    /// Whether the lease can be renewed.
    pub renewable: bool,
    /// Seconds of the lease.
    pub lease_duration: u64,
    /// What the server warns of.
    pub warnings: Vec<String>,
    body: SecretBytes,
    data: Option<Range<usize>>,
    auth: Option<Range<usize>>,
    wrap_info: Option<Range<usize>>,
}

#[derive(Default, Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    request_id: Option<Cow<'a, str>>,
    #[serde(default)]
    lease_id: Option<Cow<'a, str>>,
    #[serde(default)]
    renewable: Option<bool>,
    #[serde(default)]
    lease_duration: Option<u64>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default)]
    errors: Option<Vec<String>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    auth: Option<&'a RawValue>,
    #[serde(borrow, default)]
    wrap_info: Option<&'a RawValue>,
}

impl Response {
    /// The whole body as it came.
    #[must_use]
    pub fn body(&self) -> &SecretBytes {
        &self.body
    }

    /// The JSON of `data`, where it is there and not null.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        self.part(self.data.as_ref())
    }

    /// The JSON of one member of `data`, where it is there and not null: `data` and `metadata` of KV version 2.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&[u8]> {
        members(self.data()?)?
            .into_iter()
            .rev()
            .find(|(key, json)| key == name && *json != b"null")
            .map(|(_, json)| json)
    }

    /// The JSON of `auth`, where it is there and not null.
    #[must_use]
    pub fn auth(&self) -> Option<&[u8]> {
        self.part(self.auth.as_ref())
    }

    /// The JSON of `wrap_info`, where it is there and not null.
    #[must_use]
    pub fn wrap_info(&self) -> Option<&[u8]> {
        self.part(self.wrap_info.as_ref())
    }

    /// `data` as a type.
    ///
    /// # Errors
    /// There is none, or it is not what was expected; the message never says what stands there.
    pub fn data_as<T: DeserializeOwned>(&self, attempt: &str) -> Result<T, Fault> {
        let data =
            self.data().ok_or_else(|| Fault::unreachable(attempt).because("the answer of Vault holds no data"))?;
        serde_json::from_slice(data).map_err(|_| {
            Fault::unreachable(attempt).because("the data in the answer of Vault are not what was expected")
        })
    }

    /// Reads a body that was kept.
    ///
    /// # Errors
    /// It is no answer of Vault.
    pub fn stored(body: SecretBytes, attempt: &str) -> Result<Self, Fault> {
        let nonsense = || Fault::wrong(attempt).because("what was stored is no answer of Vault");
        let envelope = serde_json::from_slice::<Envelope<'_>>(body.expose()).map_err(|_| nonsense())?;
        let parts = Self::of(200, envelope, body.expose());
        Ok(Self { body, ..parts })
    }

    fn part(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        self.body.expose().get(range?.clone())
    }

    /// Reads an answer, for the call that was asked.
    pub(crate) fn read(answer: Answer, call: &Call, url: &str, namespace: &str) -> Result<Self, Fault> {
        let status = answer.status;
        if status.is_redirection() {
            return Err(answer.refusal(&format!("cannot ask Vault for `{}`", call.path())));
        }
        let text = answer.body.expose();
        let (empty, parsed) = (text.trim_ascii().is_empty(), serde_json::from_slice::<Envelope<'_>>(text));
        let carries = |envelope: &Envelope<'_>| envelope.data.is_some() || envelope.warnings.is_some();
        let is_answer = status.is_success() || (status.as_u16() == 404 && parsed.as_ref().is_ok_and(carries));
        if !is_answer {
            let errors = parsed.ok().and_then(|envelope| envelope.errors);
            return Err(Refusal::new(&answer, call, url, namespace, errors).into_fault(call));
        }
        if empty {
            return Ok(Self::of(status.as_u16(), Envelope::default(), text));
        }
        match parsed {
            Ok(envelope) => {
                let parts = Self::of(status.as_u16(), envelope, text);
                Ok(Self { body: answer.body, ..parts })
            }
            Err(error) => Err(answer.nonsense(&format!("cannot ask Vault for `{}`", call.path()), &error)),
        }
    }

    /// What an envelope says and where its parts stand in `text`; the body itself is for the caller to add.
    fn of(status: u16, envelope: Envelope<'_>, text: &[u8]) -> Self {
        let place = |part: Option<&RawValue>| part.map(|part| range_in(text, part.get()));
        Self {
            status,
            request_id: envelope.request_id.unwrap_or_default().into_owned(),
            lease_id: envelope.lease_id.unwrap_or_default().into_owned(),
            renewable: envelope.renewable.unwrap_or_default(),
            lease_duration: envelope.lease_duration.unwrap_or_default(),
            warnings: envelope.warnings.unwrap_or_default(),
            data: place(envelope.data),
            auth: place(envelope.auth),
            wrap_info: place(envelope.wrap_info),
            body: SecretBytes::default(),
        }
    }
}

/// Where `part`, which was borrowed from `whole`, stands in it.
fn range_in(whole: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// The members of a JSON object in their order, each as the JSON that stands there; nothing where it is no object.
#[must_use]
pub fn members(json: &[u8]) -> Option<Vec<(String, &[u8])>> {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(String, &'de [u8])>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::with_capacity(map.size_hint().unwrap_or(0));
            while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                members.push((name, value.get().as_bytes()));
            }
            Ok(members)
        }
    }
    serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_slice(json), Members).ok()
}

/// What a login (or a renewed token) brings: the block `auth` of an answer (VSO §17.3).
#[derive(Clone)]
pub struct AuthBlock {
    /// The token.
    pub client_token: SecretText,
    /// Its accessor; empty for batch tokens.
    pub accessor: String,
    /// Its policies.
    pub policies: Vec<String>,
    /// What the method says about who logged in.
    pub metadata: BTreeMap<String, String>,
    /// Seconds it lives; 0: for ever.
    pub lease_duration: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// `service` or `batch`.
    pub token_type: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthJson {
    client_token: Option<String>,
    accessor: Option<String>,
    policies: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, Option<String>>>,
    lease_duration: Option<u64>,
    renewable: Option<bool>,
    token_type: Option<String>,
    mfa_requirement: Option<serde::de::IgnoredAny>,
}

impl AuthBlock {
    /// What is known of a token that somebody has given us: nothing.
    pub(crate) fn given(client_token: SecretText) -> Self {
        Self {
            client_token,
            accessor: String::new(),
            policies: Vec::new(),
            metadata: BTreeMap::new(),
            lease_duration: 0,
            renewable: false,
            token_type: String::new(),
        }
    }

    /// Reads the block of an answer.
    ///
    /// # Errors
    /// The answer holds none, it holds no token, or the login wants a second factor.
    pub fn of(response: &Response, attempt: &str) -> Result<Self, Fault> {
        let nothing = || Fault::unreachable(attempt).because("the answer of Vault holds no token");
        let block: AuthJson = serde_json::from_slice(response.auth().ok_or_else(nothing)?).map_err(|_| nothing())?;
        let token = SecretText::new(block.client_token.unwrap_or_default());
        if token.is_empty() {
            return Err(match block.mfa_requirement {
                Some(_) => Fault::wrong(attempt)
                    .because("the login wants a second factor")
                    .hint("exempt this role from multi-factor authentication"),
                None => nothing(),
            });
        }
        let metadata = block.metadata.unwrap_or_default();
        Ok(Self {
            client_token: token,
            accessor: block.accessor.unwrap_or_default(),
            policies: block.policies.unwrap_or_default(),
            metadata: metadata.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect(),
            lease_duration: block.lease_duration.unwrap_or_default(),
            renewable: block.renewable.unwrap_or_default(),
            token_type: block.token_type.unwrap_or_default(),
        })
    }
}

/// Vault said no. Its text is the one of Vault's own client, which people search for (`Code: 403`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The namespace; empty for the root.
    pub namespace: String,
    /// The status.
    pub status: u16,
    /// What the server says, each without the secrets of the request.
    pub errors: Vec<String>,
    /// Whether the body was Vault's own error document, and not a page of something in between.
    pub is_vaults: bool,
}

impl Refusal {
    /// Whether one of the errors holds this text.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.errors.iter().any(|error| error.contains(text))
    }

    fn new(answer: &Answer, call: &Call, url: &str, namespace: &str, errors: Option<Vec<String>>) -> Self {
        let mut hidden = answer.hidden.clone();
        if let Some(body) = call.body.as_ref().filter(|_| call.secret_body) {
            collect_texts(&serde_json::from_slice(body.expose()).unwrap_or_default(), &mut hidden);
            // A text that holds another one is taken out first.
            hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
        let is_vaults = errors.is_some();
        let errors = errors.unwrap_or_else(|| answer.first_line().map(str::to_owned).into_iter().collect());
        Self {
            method: call.method.to_string(),
            url: answer::quotable(url, &hidden),
            namespace: namespace.to_owned(),
            status: answer.status.as_u16(),
            errors: errors.iter().map(|error| answer::quotable(error, &hidden)).collect(),
            is_vaults,
        }
    }

    /// The kind of fault. A 404 is "the secret does not exist" only in Vault's own words for it: an ingress that does not know
    /// the host, a mount or a namespace that is not there must never look like a deleted secret.
    fn kind(&self) -> Kind {
        match self.status {
            404 if !self.is_vaults => Kind::Unreachable,
            404 if !self.errors.is_empty() => Kind::Wrong,
            400 if self.says("check-and-set parameter did not match") => Kind::Conflict,
            412 | 472 | 473 => Kind::Busy,
            status => http::StatusCode::from_u16(status).map_or(Kind::Unreachable, answer::kind),
        }
    }

    fn into_fault(self, call: &Call) -> Fault {
        let fault = Fault::new(self.kind(), format!("cannot ask Vault for `{}`", call.path()));
        let fault = if self.says("Vault is sealed") { fault.hint("unseal the server") } else { fault };
        fault.because(self)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error making API request.\n\nURL: {} {}\n", self.method, self.url)?;
        if !self.namespace.is_empty() {
            writeln!(f, "Namespace: {}", self.namespace)?;
        }
        writeln!(f, "Code: {}. Errors:", self.status)?;
        self.errors.iter().try_for_each(|error| write!(f, "\n* {error}"))
    }
}

impl std::error::Error for Refusal {}

/// Each text and number in a JSON value.
fn collect_texts(value: &serde_json::Value, texts: &mut Vec<SecretText>) {
    match value {
        serde_json::Value::String(text) => texts.push(SecretText::from(text.as_str())),
        serde_json::Value::Number(number) => texts.push(SecretText::new(number.to_string())),
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect_texts(value, texts)),
        serde_json::Value::Object(entries) => entries.values().for_each(|value| collect_texts(value, texts)),
        serde_json::Value::Null | serde_json::Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests;
