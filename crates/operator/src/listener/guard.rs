//! Who may ask: a bearer's token is shown to the API server, and then whether its user may read that path. Answers hold for a
//! minute, so that a scrape costs the API server nothing. Specification: ESO §12.1 (`--metrics-auth`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::fingerprint::Fingerprint;
use base::{Fault, SecretText};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, text};
use crate::cluster::{Call, Cluster, JSON, parse};
use crate::seen::key;

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(60);
/// How many answers are kept: strangers with ever new tokens shall not fill the memory.
const MANY: usize = 1000;

/// Asks the API server, and remembers.
pub struct Guard {
    cluster: Cluster,
    known: Mutex<HashMap<Fingerprint, (Instant, StatusCode)>>,
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Value,
}

impl Guard {
    /// A guard that asks this cluster.
    #[must_use]
    pub fn new(cluster: Cluster) -> Arc<Self> {
        Arc::new(Self { cluster, known: Mutex::default() })
    }

    /// The refusal, unless whoever asks may read the path.
    pub async fn refusal(&self, headers: &HeaderMap, path: &str) -> Option<Answer> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Some(text(StatusCode::UNAUTHORIZED, "Unauthorized"));
        };
        let asked = key().digest().with(token.as_bytes()).with(path.as_bytes()).finish();
        let status = match self.remembered(asked) {
            Some(status) => status,
            None => match self.ask(&SecretText::from(token), path).await {
                Ok(status) => self.remember(asked, status),
                Err(fault) => {
                    tracing::error!(error = fault.chain(), "cannot ask who may read the metrics");
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            },
        };
        match status {
            StatusCode::OK => None,
            StatusCode::UNAUTHORIZED => Some(text(status, "Unauthorized")),
            StatusCode::FORBIDDEN => Some(text(status, "Authorization denied")),
            _ => Some(text(status, "Authentication failed")),
        }
    }

    fn remembered(&self, asked: Fingerprint) -> Option<StatusCode> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&asked).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, status)| *status)
    }

    fn remember(&self, asked: Fingerprint, status: StatusCode) -> StatusCode {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.clear();
        }
        known.insert(asked, (Instant::now(), status));
        status
    }

    async fn ask(&self, token: &SecretText, path: &str) -> Result<StatusCode, Fault> {
        let spec = json!({"token": token.expose()});
        let review = self.review("authentication.k8s.io", "TokenReview", "tokenreviews", spec).await?;
        if review["authenticated"] != json!(true) {
            return Ok(StatusCode::UNAUTHORIZED);
        }
        let user = &review["user"];
        let spec = json!({"user": user["username"], "uid": user["uid"], "groups": user["groups"],
            "extra": user["extra"], "nonResourceAttributes": {"path": path, "verb": "get"}});
        let review = self.review("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", spec).await?;
        Ok(if review["allowed"] == json!(true) { StatusCode::OK } else { StatusCode::FORBIDDEN })
    }

    async fn review(&self, group: &str, kind: &str, plural: &str, spec: Value) -> Result<Value, Fault> {
        let body = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec}).to_string().into_bytes();
        let path = format!("/apis/{group}/v1/{plural}");
        let answer = self.cluster.call(Call { method: Method::POST, path, media: JSON, body }).await?;
        parse::<Review>(&answer, kind).map(|review| review.status)
    }
}
