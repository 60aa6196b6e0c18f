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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response};

    use super::*;

    /// A cluster that knows one token, and lets its user read `/metrics` only; it counts what it is asked.
    fn cluster(asked: Arc<AtomicUsize>) -> Cluster {
        use http_body_util::BodyExt as _;
        let answering = tower::service_fn(move |request: Request<kube::client::Body>| {
            let asked = Arc::clone(&asked);
            async move {
                asked.fetch_add(1, Ordering::SeqCst);
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.expect("it is whole").to_bytes();
                let spec: Value = serde_json::from_slice::<Value>(&body).expect("it is JSON")["spec"].take();
                let status = if path.ends_with("tokenreviews") {
                    json!({"authenticated": spec["token"] == "good", "user": {"username": "scraper"}})
                } else {
                    json!({"allowed": spec["user"] == "scraper" && spec["nonResourceAttributes"]["path"] == "/metrics"})
                };
                let answer = json!({ "status": status }).to_string().into_bytes();
                Ok::<_, std::convert::Infallible>(Response::new(kube::client::Body::from(answer)))
            }
        });
        Cluster::new(kube::Client::new(answering, "default"))
    }

    #[tokio::test]
    async fn only_whom_the_cluster_lets_may_read_and_it_is_asked_once_a_minute() {
        let asked = Arc::new(AtomicUsize::new(0));
        let guard = Guard::new(cluster(Arc::clone(&asked)));
        for (bearer, path, expected, calls) in [
            ("", "/metrics", Some(StatusCode::UNAUTHORIZED), 0),
            ("Basic good", "/metrics", Some(StatusCode::UNAUTHORIZED), 0),
            ("Bearer bad", "/metrics", Some(StatusCode::UNAUTHORIZED), 1),
            ("Bearer good", "/metrics", None, 3),
            ("Bearer good", "/metrics", None, 3),
            ("Bearer good", "/other", Some(StatusCode::FORBIDDEN), 5),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, bearer.parse().expect("a test's own header"));
            let refusal = guard.refusal(&headers, path).await.map(|answer| answer.status());
            assert_eq!((refusal, asked.load(Ordering::SeqCst)), (expected, calls), "{bearer} {path}");
        }
    }
}
