//! Where a server is and how it is spoken to: address, namespace, headers, TLS, deadline and retries. It sends calls with
//! whatever token it is given and keeps none; [`crate::vault::Session`] does.
//!
//! Specification: VSO §4.1, §8.1, §17.2; ESO §10.5 (`headers`, `forwardInconsistent`, `readYourWrites`).

use std::sync::Arc;
use std::time::Duration;

use base::{Fault, SecretText};
use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::client::Client;
use crate::proxy::Proxy;
use crate::request::{Redirects, Request};
use crate::retry::Retry;
use crate::tls::Tls;
use crate::vault::call::Call;
use crate::vault::rate::{Rate, Turns};
use crate::vault::replication::States;
use crate::vault::response::Response;

/// How a server is spoken to. Only the address has no default.
#[derive(Clone)]
pub struct Settings {
    /// The base URL; a path in it is kept.
    pub address: String,
    /// The namespace of calls; empty for the root.
    pub namespace: String,
    /// Headers of every call. `X-Vault-Namespace` is refused: it would lead a tenant's token elsewhere.
    pub headers: Vec<(String, String)>,
    /// Whom we trust and as whom we appear.
    pub tls: Tls,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often a call is asked again.
    pub retry: Retry,
    /// Sends along what replicas must have seen to answer with our own writes.
    pub read_your_writes: bool,
    /// Asks standbys that are behind to forward the call to the active node.
    pub forward_inconsistent: bool,
    /// Follows the redirect of a standby to the active node.
    pub follow_standby: bool,
    /// How many calls a second are made at most.
    pub rate: Option<Rate>,
    /// The proxies for this server alone, instead of the client's.
    pub proxy: Option<Proxy>,
    /// Who is told of each call.
    pub counter: Option<Arc<dyn CountCalls>>,
}

/// What a call is, to whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It asks for a token.
    Login,
    /// It has the token live longer.
    Renew,
    /// It reads.
    Read,
    /// It writes.
    Write,
}

impl Operation {
    fn of(call: &Call, token: Option<&SecretText>) -> Self {
        let path = call.path();
        if token.is_none() && path.starts_with("auth/") {
            Self::Login
        } else if path == "auth/token/renew-self" {
            Self::Renew
        } else if call.method == http::Method::GET {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// Is told of each call and how it went: VSO's `vso_client_operations_*` (VSO §14).
pub trait CountCalls: Send + Sync {
    /// A call has ended.
    fn called(&self, operation: Operation, took: Duration, succeeded: bool);
}

impl Settings {
    /// The peers' defaults: a minute of time, two more tries.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            namespace: String::new(),
            headers: Vec::new(),
            tls: Tls::default(),
            timeout: Duration::from_secs(60),
            retry: Retry::vault(),
            read_your_writes: false,
            forward_inconsistent: false,
            follow_standby: true,
            rate: None,
            proxy: None,
            counter: None,
        }
    }
}

/// A server that can be asked.
pub struct Connection {
    client: Client,
    address: Url,
    settings: Settings,
    states: States,
    turns: Option<Turns>,
}

impl Connection {
    /// Checks the settings; nothing is asked yet.
    ///
    /// # Errors
    /// The address is no http or https URL, or a header is the namespace's.
    pub fn open(client: &Client, settings: Settings) -> Result<Self, Fault> {
        let wrong = || Fault::wrong(format!("cannot use `{}` as the address of Vault", shown(&settings.address)));
        if settings.address.is_empty() {
            return Err(Fault::wrong("cannot connect to Vault: its address is empty"));
        }
        let mut address = Url::parse(&settings.address).map_err(|error| wrong().because(error))?;
        if !matches!(address.scheme(), "http" | "https") || address.host().is_none() {
            return Err(wrong().because("only http:// and https:// addresses can be called"));
        }
        // Vault knows no basic authentication, and whatever stands here would be quoted by every refusal.
        let _ = (address.set_username(""), address.set_password(None));
        if let Some((name, _)) = settings.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(NAMESPACE)) {
            return Err(Fault::wrong(format!("setting header \"{name}\" on VaultConnection is not permitted"))
                .hint("name the namespace in the field for it"));
        }
        let client = client.with_tls(&settings.tls);
        let client = settings.proxy.clone().map_or(client.clone(), |proxy| client.with_proxy(proxy));
        let turns = settings.rate.map(Turns::new);
        Ok(Self { client, address, settings, states: States::default(), turns })
    }

    /// The settings it was opened with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The server's address, as faults may say it.
    #[must_use]
    pub fn place(&self) -> &str {
        self.address.as_str().trim_end_matches('/')
    }

    /// Sends a call with this token, or with none.
    ///
    /// # Errors
    /// No answer came, or Vault refused: then [`Fault::cause`] finds the [`Refusal`](crate::vault::Refusal).
    pub async fn send(&self, call: &Call, token: Option<&SecretText>) -> Result<Response, Fault> {
        let begun = Instant::now();
        let result = self.exchange(call, token).await;
        if let Some(counter) = &self.settings.counter {
            counter.called(Operation::of(call, token), begun.elapsed(), result.is_ok());
        }
        result
    }

    async fn exchange(&self, call: &Call, token: Option<&SecretText>) -> Result<Response, Fault> {
        let url = self.url(call)?;
        let namespace = call.namespace.as_deref().unwrap_or(&self.settings.namespace).trim_matches('/');
        let shown = url.to_string();
        let request = self.request(call, url, namespace, token)?;
        if let Some(turns) = &self.turns {
            turns.wait().await;
        }
        let answer = self
            .client
            .send(&request, &self.settings.retry)
            .await
            .map_err(|fault| fault.within(format!("cannot ask Vault for `{}`", call.path())))?;
        if self.settings.read_your_writes {
            answer
                .headers
                .get_all(INDEX)
                .iter()
                .filter_map(|state| state.to_str().ok())
                .for_each(|state| self.states.note(state));
        }
        Response::read(answer, call, &shown, namespace)
    }

    fn request(&self, call: &Call, url: Url, namespace: &str, token: Option<&SecretText>) -> Result<Request, Fault> {
        let mut request = Request::to(call.method.clone(), url)?
            .timeout(self.settings.timeout)
            .redirects(if self.settings.follow_standby { Redirects::VaultStandby } else { Redirects::Refuse })
            .header("X-Vault-Request", "true");
        request = if call.idempotent { request.idempotent() } else { request.once() };
        for (name, value) in self.settings.headers.iter().chain(&call.headers) {
            request = request.header(name, value);
        }
        if !namespace.is_empty() {
            request = request.header(NAMESPACE, namespace);
        }
        if self.settings.forward_inconsistent {
            request = request.header("X-Vault-Inconsistent", "forward-active-node");
        }
        for state in if self.settings.read_your_writes { self.states.current() } else { Vec::new() } {
            request = request.add_header(INDEX, &state);
        }
        if let Some(token) = token {
            request = request.secret_header("X-Vault-Token", token);
        }
        for secret in &call.hidden {
            request = request.hide(secret);
        }
        Ok(match &call.body {
            Some(body) => request.body(call.media_type, Bytes::copy_from_slice(body.expose())),
            None => request,
        })
    }

    fn url(&self, call: &Call) -> Result<Url, Fault> {
        // `..` would leave the mount that a policy or a rule was checked for; the URL library would drop it silently.
        if call.segments.iter().any(|segment| matches!(segment.as_str(), "." | "..")) {
            return Err(Fault::wrong(format!(
                "cannot ask Vault for `{}`: a path must not hold `.` or `..`",
                call.path()
            )));
        }
        let mut url = self.address.clone();
        url.path_segments_mut()
            .map_err(|()| Fault::wrong("cannot use this address of Vault as a base"))?
            .pop_if_empty()
            .push("v1")
            .extend(&call.segments);
        url.set_query(None);
        url.set_fragment(None);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }
}

/// The header that names a namespace.
const NAMESPACE: &str = "X-Vault-Namespace";
/// The header with a replication state.
const INDEX: &str = "x-vault-index";

/// An address as it may be told: a password in it is not.
fn shown(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => address.to_owned(),
    }
}
