//! Vault said no. A refusal is typed, because callers branch on its text; and none of its texts holds a secret of the request.
//!
//! Specification: VSO §17.1 (errors).

use std::fmt;

use base::{Fault, Kind, SecretText};

use crate::answer::{self, Answer};
use crate::vault::call::Call;

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

    pub(super) fn new(answer: &Answer, call: &Call, url: &str, namespace: &str, errors: Option<Vec<String>>) -> Self {
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

    pub(super) fn into_fault(self, call: &Call) -> Fault {
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
