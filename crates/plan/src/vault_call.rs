//! One request to Vault and what came back, as decisions see them. Reading is asked through the world; what makes, prolongs or
//! ends something at the server is an effect, [`Ask`], and can be told instead of done. The hands are `operator/effects/vault`.
//! Specification: VSO §8.1, §17.

use base::{Fault, Kind, ObjectRef, SecretBytes};
use serde_json::{Map, Value};

use crate::{Describe, Line};

/// How a path is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reading.
    Get,
    /// Writing; the server treats POST the same.
    Put,
}

/// One request below `/v1/`. Its body may hold values, so it cannot be shown.
#[derive(Clone, PartialEq)]
pub struct VaultCall {
    /// How.
    pub method: Method,
    /// Where.
    pub path: String,
    /// Parameters behind the path.
    pub query: Vec<(&'static str, String)>,
    /// The body of a write; an empty one sends none.
    pub body: Map<String, Value>,
    /// In which namespace, where it is not that of the login.
    pub namespace: Option<String>,
    /// Whether it may be asked twice: it makes nothing.
    pub repeatable: bool,
}

impl VaultCall {
    /// Reads a path, which makes nothing.
    #[must_use]
    pub fn read(path: String, namespace: Option<&str>) -> Self {
        let namespace = namespace.map(str::to_owned);
        Self { method: Method::Get, path, query: Vec::new(), body: Map::new(), namespace, repeatable: true }
    }

    /// Writes to a path, once.
    #[must_use]
    pub fn write(path: impl Into<String>, body: Map<String, Value>, namespace: Option<&str>) -> Self {
        Self { method: Method::Put, body, repeatable: false, ..Self::read(path.into(), namespace) }
    }
}

/// What came back.
#[derive(Clone, Default)]
pub struct VaultAnswer {
    /// The status; a 404 that carries data or warnings is an answer.
    pub status: u16,
    /// The request's id at the server.
    pub request_id: String,
    /// The lease; empty where there is none.
    pub lease_id: String,
    /// Whether the lease can be renewed.
    pub renewable: bool,
    /// Seconds of the lease.
    pub lease_duration: i64,
    /// What the server warns of.
    pub warnings: Vec<String>,
    /// The JSON of `data`, where it is not null.
    pub data: Option<SecretBytes>,
}

/// A request that makes, prolongs or ends something at the server.
#[derive(Clone)]
pub struct Ask {
    /// The request.
    pub call: VaultCall,
    /// On whose behalf.
    pub about: ObjectRef,
    /// What it is for, for `explain`.
    pub why: String,
}

impl Describe for Ask {
    fn describe(&self) -> Vec<Line> {
        vec![Line::on(self.about.clone(), format!("{} (`{}`)", self.why, self.call.path))]
    }
}

/// Whether the server does not know the lease (any more): nothing is left to renew.
#[must_use]
pub fn is_lease_gone(fault: &Fault) -> bool {
    let text = fault.chain();
    fault.kind() == Kind::Wrong
        && ["lease not found", "lease expired", "invalid lease"].iter().any(|gone| text.contains(gone))
}

/// Mount and path as one path; slashes at the ends carry no meaning (VSO §16).
#[must_use]
pub fn joined(parts: &[&str]) -> String {
    let trimmed: Vec<&str> = parts.iter().map(|part| part.trim_matches('/')).filter(|part| !part.is_empty()).collect();
    trimmed.join("/")
}
