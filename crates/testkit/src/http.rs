//! An HTTP server on 127.0.0.1 for tests: it answers by a function, remembers and counts what it was asked, and
//! misbehaves when told to (refuses, hangs, answers nonsense, hangs up). It ends when it is dropped.
//! `Recorded` is the same with a table of answers. No TLS. Specification: design §19 (testkit: http).

mod recorded;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub use recorded::Recorded;

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    /// Percent-escapes are kept.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// A header's text; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as the fields of a form.
    #[must_use]
    pub fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What goes back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    #[must_use]
    pub fn new(code: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { code, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    #[must_use]
    pub fn json(code: u16, value: &Value) -> Self {
        Self::new(code, "application/json", value.to_string())
    }

    #[must_use]
    pub fn empty(code: u16) -> Self {
        Self { code, headers: Vec::new(), body: Bytes::new() }
    }

    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// How a server lets its clients down.
#[derive(Clone, Debug)]
pub enum Misbehaviour {
    /// This answer instead of the true one.
    Say(Answer),
    /// 200 and bytes that are no answer at all.
    Nonsense,
    /// No answer ever.
    Hang,
    /// The true answer, late.
    Late(Duration),
    /// The connection ends without an answer.
    HangUp,
    /// The work is done, and the connection ends without an answer.
    LoseAnswer,
}

/// A misbehaviour for requests whose path begins so.
#[derive(Debug)]
struct Told {
    method: String,
    prefix: String,
    times: u32,
    how: Misbehaviour,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    told: Mutex<Vec<Told>>,
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().expect("nobody panics while holding the requests")
    }

    fn told(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock().expect("nobody panics while holding the misbehaviours")
    }

    fn misbehaviour(&self, asked: &Asked) -> Option<Misbehaviour> {
        let mut told = self.told();
        let fits = |one: &Told| {
            (one.method == "*" || one.method == asked.method.as_str()) && asked.path.starts_with(&one.prefix)
        };
        let at = told.iter().position(fits)?;
        told[at].times -= 1;
        if told[at].times == 0 { Some(told.remove(at).how) } else { Some(told[at].how.clone()) }
    }
}

type Answering = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// A running server.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropping it ends the listener and every open connection.
    _alive: watch::Sender<()>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1 and answers by this function.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (alive, ends) = watch::channel(());
        tokio::spawn(listen(listener, Arc::clone(&shared), Arc::new(answer), ends));
        Self { address, shared, _alive: alive }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Asked> {
        self.shared.asked().clone()
    }

    /// How many requests had this method (`*`: any) and exactly this path.
    #[must_use]
    pub fn count(&self, method: &str, path: &str) -> usize {
        let fits = |asked: &&Asked| (method == "*" || method == asked.method.as_str()) && asked.path == path;
        self.shared.asked().iter().filter(fits).count()
    }

    /// How often each method and path was asked.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for asked in self.shared.asked().iter() {
            *counts.entry(format!("{} {}", asked.method, asked.path)).or_default() += 1;
        }
        counts
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        self.shared.asked().clear();
    }

    /// The next so many requests of this method (`*`: any) whose path begins so are let down.
    pub fn misbehave(&self, method: &str, prefix: &str, times: u32, how: Misbehaviour) {
        if times > 0 {
            let (method, prefix) = (method.to_owned(), prefix.to_owned());
            self.shared.told().push(Told { method, prefix, times, how });
        }
    }

    /// From now on the server keeps its true answers.
    pub fn behave(&self) {
        self.shared.told().clear();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, answer: Answering, mut ends: watch::Receiver<()>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, Arc::clone(&shared), Arc::clone(&answer), ends.clone()));
                }
                Err(_) => return,
            },
            _ = ends.changed() => return,
        }
    }
}

/// Serves one connection until it ends, or hangs up with it.
async fn serve(stream: TcpStream, shared: Arc<Shared>, answer: Answering, mut ends: watch::Receiver<()>) {
    let (hang_up, mut hung_up) = watch::channel(false);
    let hang_up = Arc::new(hang_up);
    let service = service_fn(move |request| {
        let (shared, answer, hang_up) = (Arc::clone(&shared), Arc::clone(&answer), Arc::clone(&hang_up));
        async move { Ok::<_, Infallible>(respond(request, &shared, &answer, &hang_up).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that breaks off is no fault of the server.
        _ = connection => {}
        _ = ends.changed() => {}
        _ = hung_up.wait_for(|now| *now) => {}
    }
}

async fn respond(
    request: Request<Incoming>,
    shared: &Shared,
    answer: &Answering,
    hang_up: &watch::Sender<bool>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let path = parts.uri.path().to_owned();
    let asked = Asked { method: parts.method, path, query, headers: parts.headers, body };
    shared.asked().push(asked.clone());
    match shared.misbehaviour(&asked) {
        None => write(answer(&asked)),
        Some(Misbehaviour::Say(instead)) => write(instead),
        Some(Misbehaviour::Nonsense) => write(Answer::new(200, "application/json", &b"\x00<not-json"[..])),
        Some(Misbehaviour::Late(by)) => {
            tokio::time::sleep(by).await;
            write(answer(&asked))
        }
        Some(Misbehaviour::Hang) => std::future::pending().await,
        Some(Misbehaviour::HangUp) => end(hang_up).await,
        Some(Misbehaviour::LoseAnswer) => {
            answer(&asked);
            end(hang_up).await
        }
    }
}

async fn end(hang_up: &watch::Sender<bool>) -> Response<Full<Bytes>> {
    hang_up.send_replace(true);
    std::future::pending().await
}

fn write(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.code).expect("a code of HTTP");
    for (name, value) in &answer.headers {
        let name: ::http::HeaderName = name.parse().expect("a header's name");
        response.headers_mut().append(name, value.parse().expect("a header's value"));
    }
    response
}
