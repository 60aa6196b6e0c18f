//! What the API server says when it refuses: code, reason, text and details, word for word, because our own code and
//! our users' scripts read these texts. It decides nothing; whoever refuses picks the constructor.
//! Specification: design §19 (sandbox), ESO §15, SS §11.3.

use serde_json::{Value, json};

use crate::kinds::Kind;

/// Why an update with an old resourceVersion is refused.
pub const STALE: &str = "the object has been modified; please apply your changes to the latest version and try again";

/// A failing answer: the HTTP code and the fields of its `Status`.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    details: Value,
    pub retry_after_seconds: Option<u32>,
    plain: bool,
}

/// One field that is wrong, as `field: what` in the message and as a cause in the details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub field: String,
    reason: &'static str,
    text: String,
}

impl Cause {
    /// `field: Invalid value: "value": why`; the value is quoted as Go does.
    pub fn invalid(field: impl Into<String>, value: &str, why: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", text: format!("Invalid value: {value:?}: {why}") }
    }

    /// As `invalid`, but the value is a number and stands there bare.
    pub fn invalid_number(field: impl Into<String>, value: i64, why: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", text: format!("Invalid value: {value}: {why}") }
    }

    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", text: format!("Forbidden: {why}") }
    }

    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let text = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self { field: field.into(), reason: "FieldValueRequired", text }
    }

    pub fn too_long(field: impl Into<String>, limit_bytes: usize) -> Self {
        let text = format!("Too long: may not be more than {limit_bytes} bytes");
        Self { field: field.into(), reason: "FieldValueTooLong", text }
    }
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: String) -> Self {
        Self { code, reason, message, details: Value::Null, retry_after_seconds: None, plain: false }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = json!({ "name": name, "group": kind.group, "kind": kind.plural });
        self
    }

    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", kind.resource())).about(kind, name)
    }

    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", kind.resource())).about(kind, name)
    }

    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// 409 of a delete that insists on another uid or version; told of the kind, not of the resource.
    pub fn precondition(kind: &Kind, name: &str, what: &str, (wanted, found): (&str, &str), guess: &str) -> Self {
        let why =
            format!("the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). {guess}");
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.full());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The conflict of a resource whose kind nobody looked up.
    pub fn conflict_of(group: &str, resource: &str, name: &str) -> Self {
        let full = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        let mut refusal =
            Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {full} {name:?}: {STALE}"));
        refusal.details = json!({ "name": name, "group": group, "kind": resource });
        refusal
    }

    /// 422 with one or many causes; several are listed in brackets, each once.
    pub fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let texts: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.text)).collect();
        let all = if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
        let mut refusal = Self::new(422, "Invalid", format!("{} {name:?} is invalid: {all}", kind.full()));
        let listed: Vec<Value> = causes
            .iter()
            .map(|cause| json!({ "reason": cause.reason, "message": cause.text, "field": cause.field }))
            .collect();
        refusal.details = json!({ "name": name, "group": kind.group, "kind": kind.kind, "causes": listed });
        refusal
    }

    /// A JSON patch that cannot be applied: the text says little, the cause says why.
    pub fn unprocessable(why: &str) -> Self {
        let mut refusal =
            Self::new(422, "Invalid", "the server rejected our request due to an error in our request".to_owned());
        refusal.details = json!({ "causes": [{ "reason": "UnexpectedServerResponse", "message": why }] });
        refusal
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message.into())
    }

    /// `secrets "x" is forbidden: …`; without a name the quotes are left out.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let full = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        let subject = if name.is_empty() { full } else { format!("{full} {name:?}") };
        let mut refusal = Self::new(403, "Forbidden", format!("{subject} is forbidden: {why}"));
        refusal.details = json!({ "name": name, "group": group, "kind": resource });
        refusal
    }

    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message.into())
    }

    pub fn internal(message: impl Into<String>) -> Self {
        let message = message.into();
        let mut refusal = Self::new(500, "InternalError", message.clone());
        refusal.details = json!({ "causes": [{ "message": message }] });
        refusal
    }

    /// 500 of a kind that the server has no reason for.
    pub fn unnamed(message: impl Into<String>) -> Self {
        Self::new(500, "", message.into())
    }

    /// 422 of a custom resource that is replaced without a resourceVersion: told of the resource, not of the kind.
    pub fn unversioned(kind: &Kind, name: &str) -> Self {
        let cause = Cause::invalid_number("metadata.resourceVersion", 0, "must be specified for an update");
        let mut refusal = Self::invalid(kind, name, &[cause]);
        refusal.message = refusal.message.replacen(&kind.kind, &kind.plural, 1);
        refusal
    }

    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        let mut refusal = Self::new(429, "TooManyRequests", "too many requests, please try again later".to_owned());
        refusal.details = json!({ "retryAfterSeconds": retry_after_seconds });
        refusal.retry_after_seconds = Some(retry_after_seconds);
        refusal
    }

    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(504, "Timeout", message.into())
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message.into())
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource".to_owned())
    }

    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit_bytes}"))
    }

    pub fn unsupported_media_type(accepted: &str) -> Self {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// What a real server speaks and the sandbox does not.
    pub fn no_apply() -> Self {
        Self::new(415, "UnsupportedMediaType", "the sandbox speaks no server-side apply".to_owned())
    }

    /// A resource that no table knows. The API server answers plain text there, so that clients see the bare 404.
    pub fn unknown_path() -> Self {
        Self { plain: true, ..Self::new(404, "NotFound", "404 page not found".to_owned()) }
    }

    /// The body of the answer.
    pub fn body(&self) -> Vec<u8> {
        if self.plain { format!("{}\n", self.message).into_bytes() } else { self.status().to_string().into_bytes() }
    }

    pub fn content_type(&self) -> &'static str {
        if self.plain { "text/plain; charset=utf-8" } else { "application/json" }
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}
