//! The cluster behind an address, for what brings a client of its own: the real server's, or a small server before the sandbox
//! that takes tokens for the rights their accounts were given. No TLS before the sandbox.
//! Specification: ESO §10.9; design §15.

use std::convert::Infallible;

use base::encoding::Base64;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::client::Body;
use sandbox::{Role, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Accounts, Cluster, Side};

/// Where the cluster is, and whom to trust. The server before the sandbox ends with it.
pub struct Address {
    /// `https://…`, before the sandbox `http://127.0.0.1:PORT`.
    pub url: String,
    /// Its authorities, as a store's `caBundle` wants them: PEM in base64.
    pub ca_bundle: String,
    listening: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Address {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

impl Cluster {
    /// The address of this cluster.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn address(&self) -> Address {
        let pem = |der: &[u8]| {
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", Base64::Standard.encode(der))
        };
        let bundle = |text: String| Base64::Standard.encode(text.as_bytes());
        match &self.side {
            Side::Real(config) => {
                let roots = config.root_cert.iter().flatten().map(|der| pem(der)).collect();
                Address { url: config.cluster_url.to_string(), ca_bundle: bundle(roots), listening: None }
            }
            Side::Memory(sandbox) => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
                let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
                let authority =
                    rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
                let listening = tokio::spawn(listen(listener, sandbox.clone(), self.accounts.clone()));
                Address { url, ca_bundle: bundle(pem(authority.cert.der())), listening: Some(listening) }
            }
        }
    }

    /// A ServiceAccount of the test's namespace with these rights there.
    ///
    /// # Panics
    /// If the server refuses it.
    pub async fn account(&self, name: &str, rules: &[PolicyRule]) {
        let made = |object: Value| async move {
            self.create(&object).await.unwrap_or_else(|error| panic!("cannot make the account {name}: {error}"));
        };
        let meta = json!({ "name": name, "namespace": self.namespace });
        made(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta })).await;
        if self.is_real() {
            let group = "rbac.authorization.k8s.io";
            let version = format!("{group}/v1");
            made(json!({ "apiVersion": version, "kind": "Role", "metadata": meta, "rules": rules })).await;
            made(json!({
                "apiVersion": version, "kind": "RoleBinding", "metadata": meta,
                "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": self.namespace }],
                "roleRef": { "apiGroup": group, "kind": "Role", "name": name },
            }))
            .await;
        }
        let role = Role::new(format!("system:serviceaccount:{}:{name}", self.namespace)).within(&self.namespace, rules);
        self.accounts.lock().expect("nobody panics while holding the accounts").insert(name.to_owned(), role);
    }
}

async fn listen(listener: TcpListener, sandbox: Sandbox, accounts: Accounts) {
    while let Ok((stream, _)) = listener.accept().await {
        let (sandbox, accounts) = (sandbox.clone(), accounts.clone());
        let service = service_fn(move |request| {
            let (sandbox, accounts) = (sandbox.clone(), accounts.clone());
            async move { Ok::<_, Infallible>(pass(request, &sandbox, &accounts).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

/// Hands a request to the sandbox, under the role of whoever's token it carries.
async fn pass(request: http::Request<Incoming>, sandbox: &Sandbox, accounts: &Accounts) -> http::Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let token = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let account = token.and_then(|text| account_of(text.strip_prefix("Bearer ")?));
    let role = account.and_then(|name| accounts.lock().expect("nobody panics while holding them").get(&name).cloned());
    let Some(role) = role else {
        return told(
            401,
            json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized",
            "reason": "Unauthorized", "code": 401 })
            .to_string()
            .into(),
        );
    };
    let mut own = http::Request::builder().method(parts.method).uri(parts.uri);
    if let Some(kind) = parts.headers.get("content-type") {
        own = own.header("content-type", kind);
    }
    let own = own.body(Body::from(body.to_vec())).expect("a request that came in is one");
    match sandbox.client_as(role).send(own).await {
        Ok(answer) => {
            let code = answer.status().as_u16();
            told(code, answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default())
        }
        Err(error) => told(500, error.to_string().into()),
    }
}

fn told(code: u16, body: Bytes) -> http::Response<Full<Bytes>> {
    let mut answer = http::Response::new(Full::new(body));
    *answer.status_mut() = http::StatusCode::from_u16(code).expect("a code of HTTP");
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    answer
}

/// The account that a token says it is of.
fn account_of(token: &str) -> Option<String> {
    let claims = Base64::RawUrl.decode(token.split('.').nth(1)?.as_bytes())?;
    let claims: Value = serde_json::from_slice(claims.expose()).ok()?;
    claims["sub"].as_str()?.rsplit(':').next().map(str::to_owned)
}
