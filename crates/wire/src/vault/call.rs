//! One request to Vault, as a value: what is asked, where, and whether it may be asked twice. What comes back is in `response`,
//! what a refusal says in `refusal`; sending is the connection's.
//!
//! Specification: VSO §17.2 (headers), §17.3 (paths).

use base::{Fault, SecretBytes, SecretText};
use http::Method;

/// One request below `/v1/`.
#[derive(Clone)]
pub struct Call {
    pub(crate) method: Method,
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<SecretBytes>,
    /// Whether each text in the body is a secret, so that no fault may quote it.
    pub(crate) secret_body: bool,
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
