//! What Vault answers. The JSON of an answer is kept as it came, so that numbers stay as they were written (`1.50`,
//! `12345678901234567890`); its parts are slices of it. What a login brings is a part, too.
//!
//! Specification: VSO §17.1 (envelope), §17.3 (what a login brings).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use base::{Fault, SecretBytes, SecretText};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::answer::Answer;
use crate::vault::call::Call;
use crate::vault::refusal::Refusal;

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
