//! What came back: status, headers and a body that cannot be shown. A refusal becomes a [`Fault`] of the kind that decides the
//! reaction; of its body only the reason in a known JSON shape (or a short plain text) is quoted, cut, and with every secret of
//! the request taken out. Parsers' messages are never quoted, because they quote the value they could not read.

use std::time::Duration;

use base::fault::{Fault, Kind};
use base::{SecretBytes, SecretText, Timestamp, limit};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

/// What came back.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, never longer than the request allowed.
    pub body: SecretBytes,
    pub(crate) place: String,
    pub(crate) hidden: Vec<SecretText>,
}

impl Answer {
    /// The answer again if the other side did what was asked, else a fault that says so; `attempt` names the object.
    ///
    /// # Errors
    /// The status is not 2xx.
    pub fn accepted(self, attempt: &str) -> Result<Self, Fault> {
        if self.status.is_success() { Ok(self) } else { Err(self.refusal(attempt)) }
    }

    /// The fault that this answer is, taken as a refusal.
    #[must_use]
    pub fn refusal(&self, attempt: &str) -> Fault {
        let mut text = format!("{} answered {}", self.place, status_text(self.status));
        if self.status.is_redirection() {
            text.push_str(", a redirect that is not followed");
        } else if let Some(reason) = self.reason() {
            text.push_str(": ");
            text.push_str(&reason);
        }
        Fault::new(kind(self.status), attempt).because(text)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is not what was expected; the message says where, never what stands there.
    pub fn json<T: DeserializeOwned>(&self, attempt: &str) -> Result<T, Fault> {
        serde_json::from_slice(self.body.expose()).map_err(|error| self.nonsense(attempt, &error))
    }

    /// A header's value, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the other side asks us to stay away, in seconds or as a date.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
    }

    /// Method and URL that answered, as faults may say it.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A text of the other side made fit for a fault: secrets of the request taken out, control characters too, and cut.
    #[must_use]
    pub fn quotable(&self, text: &str) -> String {
        quotable(text, &self.hidden)
    }

    /// The fault for a body that is not the JSON that was expected.
    #[must_use]
    pub fn nonsense(&self, attempt: &str, error: &serde_json::Error) -> Fault {
        Fault::unreachable(attempt).because(format!(
            "{} answered {}, but line {} column {} of it is not what was expected",
            self.place,
            status_text(self.status),
            error.line(),
            error.column()
        ))
    }

    /// The reason that the other side gives, where it gives one in a known way.
    fn reason(&self) -> Option<String> {
        let bytes = self.body.expose();
        let reason = match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(json) => reason_in(&json)?,
            Err(_) => self.first_line()?.to_owned(),
        };
        Some(self.quotable(reason.trim())).filter(|reason| !reason.is_empty())
    }

    /// The first line of what a server says that speaks plain text ("Client sent an HTTP request to an HTTPS server.").
    pub(crate) fn first_line(&self) -> Option<&str> {
        let is_plain = self.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/plain"));
        let line = std::str::from_utf8(self.body.expose()).ok().filter(|_| is_plain)?.lines().next()?.trim();
        Some(line).filter(|line| !line.is_empty())
    }
}

/// The kind of fault that a status means for an API that says nothing better.
#[must_use]
pub fn kind(status: StatusCode) -> Kind {
    match status.as_u16() {
        401 | 403 => Kind::Denied,
        404 | 410 => Kind::NotFound,
        409 | 412 => Kind::Conflict,
        408 | 425 | 429 | 503 => Kind::Busy,
        500..=599 => Kind::Unreachable,
        _ => Kind::Wrong,
    }
}

/// As [`Answer::quotable`], for whoever has the secrets at hand.
#[must_use]
pub fn quotable(text: &str, hidden: &[SecretText]) -> String {
    let mut text = text.to_owned();
    for secret in hidden.iter().map(SecretText::expose).filter(|secret| secret.len() >= SHORTEST_HIDDEN) {
        text = text.replace(secret, "****");
    }
    text.chars()
        .take(limit::REASON_CHARACTERS)
        .map(|character| if character.is_control() && !matches!(character, '\n' | '\t') { ' ' } else { character })
        .collect()
}

/// A shorter text is a word like any other: taking it out would hide the message and not the secret.
const SHORTEST_HIDDEN: usize = 4;

fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// `errors` (Vault, GitLab, 1Password), `error` as text or object (Google, Azure, OAuth), `message` (AWS, Kubernetes, most).
fn reason_in(json: &serde_json::Value) -> Option<String> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    if let Some(errors) = json.get("errors").and_then(serde_json::Value::as_array) {
        let all: Vec<_> =
            errors.iter().filter_map(|error| text(error).or_else(|| text(error.get("message")?))).collect();
        return Some(all.join("; ")).filter(|all| !all.is_empty());
    }
    let error = json.get("error");
    text(json.get("error_description").unwrap_or(&serde_json::Value::Null))
        .or_else(|| text(error?.get("message")?))
        .or_else(|| text(error?))
        .or_else(|| ["message", "Message", "errorMessage", "detail"].iter().find_map(|name| text(json.get(name)?)))
}

#[cfg(test)]
mod tests;
