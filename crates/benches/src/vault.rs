//! A counting proxy before the lab's OpenBao, and what the rows put into it. Each connection is forwarded on one of its own, so
//! that the proxy is a hop and not a pool. Not here: TLS, since the lab's OpenBao speaks none.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex as AsyncMutex;

/// One request that came through.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub at: Timestamp,
}

/// The proxy.
pub struct Vault {
    pub address: String,
    upstream: String,
    token: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: tokio::task::JoinHandle<()>,
}

type Upstream = hyper::client::conn::http1::SendRequest<Full<Bytes>>;

impl Vault {
    /// A proxy before the lab's OpenBao.
    pub async fn start() -> Result<Self, String> {
        let missing = |_| "the lab has no OpenBao".to_owned();
        let upstream = std::env::var("KEYWRIGHT_LAB_VAULT").map_err(missing)?;
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let token = std::env::var("KEYWRIGHT_LAB_VAULT_TOKEN").map_err(missing)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| format!("cannot listen: {error}"))?;
        let address = listener.local_addr().map_err(|error| format!("cannot listen: {error}"))?;
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (to, notes) = (upstream.clone(), Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, to.clone(), Arc::clone(&notes)));
            }
        });
        Ok(Self { address: format!("http://{address}"), upstream, token, asked, serving })
    }

    /// Takes what was asked since the last time.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks OpenBao itself, past the counter.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Result<Value, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot {method} `{path}` at OpenBao: {error}");
        let mut upstream = connect(&self.upstream).await?;
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .header("host", &self.upstream)
            .header("x-vault-token", &self.token)
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| failed(&error))?;
        let answer = upstream.send_request(request).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
        if !status.is_success() {
            return Err(failed(&format!("{status} {}", String::from_utf8_lossy(&body))));
        }
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Puts one secret of one property.
    pub async fn put(&self, value: &str) -> Result<(), String> {
        self.ask("PUT", "secret/data/bench", json!({ "data": { "password": value } })).await.map(drop)
    }

    /// A login by role: its id and its secret.
    pub async fn role(&self) -> Result<(String, String), String> {
        // It is there already if a row before has asked for it.
        let _ = self.ask("POST", "sys/auth/approle", json!({ "type": "approle" })).await;
        let policy = "path \"secret/*\" { capabilities = [\"read\", \"list\"] }";
        self.ask("PUT", "sys/policies/acl/bench", json!({ "policy": policy })).await?;
        let settings = json!({ "token_policies": "bench", "token_ttl": "1h" });
        self.ask("POST", "auth/approle/role/bench", settings).await?;
        let text = |answer: &Value, name: &str| answer["data"][name].as_str().unwrap_or_default().to_owned();
        let id = self.ask("GET", "auth/approle/role/bench/role-id", json!({})).await?;
        let secret = self.ask("POST", "auth/approle/role/bench/secret-id", json!({})).await?;
        Ok((text(&id, "role_id"), text(&secret, "secret_id")))
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The reads of values among what was asked.
pub fn reads(asked: &[Asked]) -> Vec<&Asked> {
    asked.iter().filter(|one| one.method == "GET" && one.path.starts_with("/v1/secret/data/")).collect()
}

/// The logins among what was asked.
pub fn logins(asked: &[Asked]) -> usize {
    asked.iter().filter(|one| one.path.ends_with("/login")).count()
}

async fn connect(to: &str) -> Result<Upstream, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot reach OpenBao: {error}");
    let stream = TcpStream::connect(to).await.map_err(|error| failed(&error))?;
    stream.set_nodelay(true).map_err(|error| failed(&error))?;
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn forward(stream: TcpStream, to: String, notes: Arc<Mutex<Vec<Asked>>>) {
    // The proxied programs wait for each answer; a delayed acknowledgement would cost them 40 ms.
    let _ = stream.set_nodelay(true);
    let Ok(upstream) = connect(&to).await else { return };
    let upstream = AsyncMutex::new(upstream);
    let service = service_fn(|request: Request<Incoming>| {
        let (path, method) = (request.uri().path().to_owned(), request.method().to_string());
        let note = Asked { method, path, at: Timestamp::now() };
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        pass(request, &upstream)
    });
    // A client that hangs up has its answer.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn pass(
    request: Request<Incoming>,
    upstream: &AsyncMutex<Upstream>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let answer = upstream.lock().await.send_request(Request::from_parts(head, Full::new(body))).await;
    match answer {
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
        }
        Err(_) => {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(answer)
        }
    }
}
