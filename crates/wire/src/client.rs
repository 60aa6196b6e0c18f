//! The one HTTP client: connections are pooled by what they trust, each try has a deadline and each answer a limit, redirects
//! are followed only where the request allows it, and retries share one budget. It knows no service; `aws` and `vault` sit on it.
//!
//! A process makes one [`Client`] and asks it for others with [`Client::with_tls`]; equal settings share their connections.
//! Specification: design §1 and §8.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use base::{Fault, Kind, SecretBytes};
use http::header::{HOST, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::answer::Answer;
use crate::proxy::Proxy;
use crate::request::{Redirects, Request, place};
use crate::retry::{Budget, Moment, Outcome, Retry, Tries};
use crate::tls::{self, Tls};

/// Who we say we are, to the API server too: its audit log and the managers of fields name it.
pub const USER_AGENT: &str = concat!("keywright/", env!("CARGO_PKG_VERSION"));

/// How connections are made.
#[derive(Clone)]
pub struct Settings {
    /// Who we say we are.
    pub user_agent: String,
    /// Which requests go through a proxy.
    pub proxy: Proxy,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: USER_AGENT.to_owned(),
            proxy: Proxy::default(),
            connect_timeout: Duration::from_secs(10),
            // Shorter than the idle time of the usual load balancers (60 s), so that we close before they do.
            idle_timeout: Duration::from_secs(50),
        }
    }
}

/// The HTTP client, for one set of TLS settings; clones share everything.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    tls: Tls,
    digest: [u8; 32],
    /// Keeps the pools that this client has used from being closed; those of dropped clients go with them.
    held: Arc<Mutex<Vec<Arc<reqwest::Client>>>>,
}

struct Shared {
    settings: Settings,
    pools: Mutex<HashMap<Pool, Weak<reqwest::Client>>>,
    budget: Budget,
}

/// What connections must have in common to be shared.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Pool {
    /// None without TLS: reading the system's roots takes longer than most requests, and fails where there are none.
    tls: Option<[u8; 32]>,
    direct: bool,
    /// The host that is really called where a certificate for another name is expected.
    host: Option<String>,
}

impl Client {
    /// A client that trusts the system's roots. Nothing is opened before the first request.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let shared = Shared { settings, pools: Mutex::default(), budget: Budget::default() };
        Self::with(Arc::new(shared), Tls::default())
    }

    /// A client with these TLS settings that shares proxies, budget and – where settings are equal – connections with this one.
    #[must_use]
    pub fn with_tls(&self, tls: &Tls) -> Self {
        Self::with(Arc::clone(&self.shared), tls.clone())
    }

    /// A client that goes through these proxies instead, with pools of its own.
    #[must_use]
    pub fn with_proxy(&self, proxy: Proxy) -> Self {
        let settings = Settings { proxy, ..self.shared.settings.clone() };
        let shared = Shared { settings, pools: Mutex::default(), budget: Budget::default() };
        Self::with(Arc::new(shared), self.tls.clone())
    }

    /// Sends the request, as often as `retry` allows. Any status is an answer; only its absence is a fault.
    ///
    /// # Errors
    /// The request is broken, or no whole answer came in time.
    pub async fn send(&self, request: &Request, retry: &Retry) -> Result<Answer, Fault> {
        let mut tries = Tries::new(retry, request.idempotent);
        let begun = Instant::now();
        loop {
            let outcome = self.try_once(request).await;
            match self.next_wait(&mut tries, &outcome, begun) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return outcome.settle(),
            }
        }
    }

    /// One try. Whoever must build the request anew for each (a signature with a date) loops over this and [`Self::next_wait`].
    pub async fn try_once(&self, request: &Request) -> Outcome {
        match self.follow(request).await {
            Ok(answer) => Outcome::Answered(answer),
            Err(lost) => lost,
        }
    }

    /// How long to wait before the next try; `None`: this was the last.
    pub fn next_wait(&self, tries: &mut Tries<'_>, outcome: &Outcome, begun: Instant) -> Option<Duration> {
        let moment = Moment { now: jiff::Timestamp::now(), elapsed: begun.elapsed(), draw: rand::random() };
        tries.next(outcome, moment, &self.shared.budget)
    }

    fn with(shared: Arc<Shared>, tls: Tls) -> Self {
        let digest = tls.digest();
        Self { shared, tls, digest, held: Arc::default() }
    }

    async fn follow(&self, request: &Request) -> Result<Answer, Outcome> {
        request.check().map_err(lost_for_good)?;
        let (mut method, mut url, mut headers) = (request.method.clone(), request.url.clone(), request.headers.clone());
        for hop in 0.. {
            let answer = self.exchange(request, &method, &url, &headers).await?;
            let Some(next) = redirect(request.redirects, hop, &answer, &url) else {
                return Ok(answer);
            };
            // 303 asks for the result of what was done; 301 and 302 are what old servers say for it.
            let changes = match answer.status {
                StatusCode::SEE_OTHER => true,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
                _ => false,
            };
            if changes && request.redirects != Redirects::VaultStandby {
                method = Method::GET;
            }
            if request.redirects == Redirects::AnyHost && !is_same_host(&url, &next) {
                headers = HeaderMap::new();
            }
            url = next;
        }
        unreachable!("every policy ends after a fixed number of hops")
    }

    async fn exchange(
        &self,
        request: &Request,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Answer, Outcome> {
        let client = self.pool(request, url).map_err(lost_for_good)?;
        let target = self.named(url).map_err(lost_for_good)?;
        let mut call = client.request(method.clone(), target.clone()).headers(headers.clone());
        if target != *url {
            call = call.header(HOST, authority(url));
        }
        if let Some(body) = request.body.as_ref().filter(|_| *method != Method::GET || request.method == Method::GET) {
            call = call.body(body.clone());
        }
        let place = place(method, url);
        let response = call.timeout(request.timeout).send().await.map_err(|error| lost(&place, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response, request.answer_limit, &place).await?;
        Ok(Answer { status, headers, body, place, hidden: request.hidden.clone() })
    }

    /// The URL with the name that the certificate shall have.
    fn named(&self, url: &Url) -> Result<Url, Fault> {
        let Some(name) = self.tls.server_name().filter(|_| url.scheme() == "https") else {
            return Ok(url.clone());
        };
        let mut named = url.clone();
        named
            .set_host(Some(name))
            .map_err(|error| Fault::wrong(format!("cannot use `{name}` as TLS server name")).because(error))?;
        Ok(named)
    }

    fn pool(&self, request: &Request, url: &Url) -> Result<Arc<reqwest::Client>, Fault> {
        let host = self.tls.server_name().filter(|_| url.scheme() == "https").and(url.host_str());
        let proxied = !request.direct && self.shared.settings.proxy.for_url(url).is_some();
        if proxied && host.is_some() {
            return Err(Fault::wrong(format!("cannot verify `{}` under another name through a proxy", authority(url)))
                .hint("name the host in NO_PROXY or leave the TLS server name out"));
        }
        // Without a proxy there is nothing to keep apart.
        let direct = request.direct && !self.shared.settings.proxy.is_none();
        let tls = (url.scheme() == "https" || proxied).then_some(self.digest);
        let key = Pool { tls, direct, host: host.map(str::to_owned) };
        let mut pools = self.shared.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = pools.get(&key).and_then(Weak::upgrade) {
            self.hold(&client);
            return Ok(client);
        }
        let client = Arc::new(self.open(&key)?);
        pools.retain(|_, client| client.strong_count() > 0);
        pools.insert(key, Arc::downgrade(&client));
        self.hold(&client);
        Ok(client)
    }

    fn hold(&self, client: &Arc<reqwest::Client>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.iter().any(|known| Arc::ptr_eq(known, client)) {
            held.push(Arc::clone(client));
        }
    }

    fn open(&self, pool: &Pool) -> Result<reqwest::Client, Fault> {
        tls::install();
        let settings = &self.shared.settings;
        let mut builder = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(settings.idle_timeout)
            .no_proxy();
        if !pool.direct && !settings.proxy.is_none() {
            let proxy = settings.proxy.clone();
            builder = builder.proxy(reqwest::Proxy::custom(move |url| proxy.for_url(url).cloned()));
        }
        if let Some(host) = &pool.host {
            // Under HTTP/2 the name in the URL would be sent as the host, too.
            builder = builder.dns_resolver(Renamed(host.as_str().into())).http1_only();
        }
        let builder = match pool.tls {
            Some(_) => self.tls.apply(builder)?,
            None => builder.tls_certs_only([]),
        };
        builder.build().map_err(|error| Fault::wrong("cannot open an HTTP client").because(error.without_url()))
    }
}

/// Resolves every name to the addresses of the host that is really meant.
struct Renamed(Arc<str>);

impl reqwest::dns::Resolve for Renamed {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = Arc::clone(&self.0);
        Box::pin(async move {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((bare, 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// The body, read until its end or the limit, whatever length it announces.
async fn read(mut response: reqwest::Response, limit: usize, place: &str) -> Result<SecretBytes, Outcome> {
    let too_long = || {
        let text = format!("{place} answered more than {limit} bytes");
        Outcome::Lost { fault: Fault::unreachable(text), sent: true, again: false }
    };
    let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_long());
    }
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(place, error))? {
        if body.len() + chunk.len() > limit {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(SecretBytes::new(body))
}

fn lost_for_good(fault: Fault) -> Outcome {
    Outcome::Lost { fault, sent: false, again: false }
}

fn lost(place: &str, error: reqwest::Error) -> Outcome {
    let unsent = error.is_connect();
    let said = if error.is_timeout() {
        "did not answer in time"
    } else if unsent {
        "cannot be reached"
    } else {
        "broke off its answer"
    };
    let (reason, distrusted) = root(&error.without_url());
    Outcome::Lost {
        fault: Fault::new(Kind::Unreachable, format!("{place} {said}")).because(reason),
        sent: !unsent,
        // Another try meets the same certificate.
        again: !distrusted,
    }
}

/// The innermost cause, which is the one that tells something, and whether it is the other side's certificate.
fn root(error: &reqwest::Error) -> (String, bool) {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    let mut distrusted = false;
    loop {
        distrusted |= matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
        // An I/O error leaves out the error that it holds when it is asked for its source.
        let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match held.map(|held| held as &(dyn std::error::Error + 'static)).or_else(|| cause.source()) {
            Some(source) => cause = source,
            None => return (cause.to_string(), distrusted),
        }
    }
}

/// Where this answer leads, if the policy lets us go there.
fn redirect(policy: Redirects, hop: usize, answer: &Answer, from: &Url) -> Option<Url> {
    let code = answer.status.as_u16();
    if policy == Redirects::Refuse || !matches!(code, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = from.join(answer.header(LOCATION.as_str())?).ok()?;
    let no_downgrade = to.scheme() == from.scheme() || (from.scheme() == "http" && to.scheme() == "https");
    let allowed = match policy {
        Redirects::Refuse => false,
        Redirects::SameHost => hop < MOST_HOPS && is_same_host(from, &to),
        Redirects::AnyHost => hop < MOST_HOPS && no_downgrade,
        Redirects::VaultStandby => {
            let same_name = to.host() == from.host();
            hop == 0 && no_downgrade && matches!(code, 301 | 302 | 307) && (same_name || code == 307)
        }
    };
    allowed.then_some(to)
}

fn is_same_host(one: &Url, other: &Url) -> bool {
    one.host() == other.host()
        && one.scheme() == other.scheme()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// More hops are a loop.
const MOST_HOPS: usize = 5;

fn authority(url: &Url) -> String {
    match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    }
}

#[cfg(test)]
mod tests;
