//! The process's HTTP: metrics, health and what a feature adds (Sealed Secrets' `/v1`). HTTP/1 only, as the peers serve it;
//! bodies and headers are limited, and a slow client cannot hold a connection for ever.
//! With a certificate it is HTTPS (`tls`).

pub mod guard;
pub mod tls;

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base::Fault;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tls::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// An answer.
pub type Answer = Response<Full<Bytes>>;
type Handling = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Handler = Arc<dyn Fn(Request<Incoming>) -> Handling + Send + Sync>;

/// Where a request's connection comes from: an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Origin(pub IpAddr);

/// How long a client may take for its request's head.
const HEAD_SECONDS: u64 = 120;

/// Routes by exact path.
#[derive(Clone, Default)]
pub struct Routes(Vec<(&'static str, Handler)>);

impl Routes {
    /// Adds a route.
    #[must_use]
    pub fn with<F, R>(mut self, path: &'static str, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.0.push((path, Arc::new(move |request| Box::pin(handler(request)))));
        self
    }

    async fn answer(self, request: Request<Incoming>) -> Answer {
        let handler = self.0.iter().find(|(path, _)| *path == request.uri().path());
        match handler {
            Some((_, handler)) => handler(request).await,
            // Go's own words for an unknown path.
            None => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }
}

/// A bound listener; bound before it serves, so that a taken port is told at the start.
pub struct Listener {
    socket: TcpListener,
    tls: Option<Tls>,
}

impl Listener {
    /// Binds an address in Go's form: `:8080` means all interfaces.
    ///
    /// # Errors
    /// The address is no address, or taken.
    pub async fn bind(address: &str) -> Result<Self, Fault> {
        let attempt = || format!("cannot listen on `{address}`");
        let full = if address.starts_with(':') { format!("[::]{address}") } else { address.to_owned() };
        let bound = match TcpListener::bind(&full).await {
            // A machine without IPv6.
            Err(_) if address.starts_with(':') => TcpListener::bind(format!("0.0.0.0{address}")).await,
            other => other,
        };
        let socket = bound.map_err(|error| Fault::wrong(attempt()).because(error))?;
        Ok(Self { socket, tls: None })
    }

    /// The same over TLS only.
    #[must_use]
    pub fn secured(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// The address that it got, which tells the port where `:0` was asked for.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> Result<SocketAddr, Fault> {
        self.socket
            .local_addr()
            .map_err(|error| Fault::unreachable("cannot tell the listener's address").because(error))
    }

    /// Serves until `end` resolves.
    pub async fn serve(self, routes: Routes, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = &mut end => return,
            };
            let Ok((stream, client)) = accepted else {
                // Out of file descriptors: give others time to close.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let origin = Origin(client.ip().to_canonical());
            match &self.tls {
                None => drop(tokio::spawn(connection(stream, origin, routes.clone()))),
                Some(tls) => {
                    let (shaken, routes) = (tls.shake_hands(stream), routes.clone());
                    tokio::spawn(async move {
                        match shaken.await {
                            Ok(stream) => connection(stream, origin, routes).await,
                            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
                        }
                    });
                }
            }
        }
    }
}

/// Serves one connection until its client is done.
async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, origin: Origin, routes: Routes) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(origin);
        let routes = routes.clone();
        async move { Ok::<_, std::convert::Infallible>(routes.answer(request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEAD_SECONDS))
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// An answer of plain text.
#[must_use]
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, "text/plain; charset=utf-8", body)
}

/// An answer of a media type.
#[must_use]
pub fn typed(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media));
    answer
}
