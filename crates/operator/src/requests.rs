//! Counts what is asked of the API server under client-go's names, as a layer under kube's client: `rest_client_*`.
//! A watch is counted and not timed: it lasts as long as the server likes. Specification: RL §15.1; ESO §13.1.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use kube::client::Body;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};
use tower::{Layer, Service};

use crate::metrics::{Metrics, register};

const SECONDS: [f64; 9] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

/// The counters, and the layer that feeds them.
#[derive(Clone)]
pub struct Requests {
    host: Arc<str>,
    total: IntCounterVec,
    seconds: HistogramVec,
}

impl Requests {
    /// Counters for the API server at this host and port. No registry shows them yet: a client is made before the features are.
    #[must_use]
    pub fn new(host: &str) -> Self {
        let total = Opts::new(
            "rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host.",
        );
        let seconds = HistogramOpts::new(
            "rest_client_request_duration_seconds",
            "Request latency in seconds. Broken down by verb, and host.",
        );
        Self {
            host: host.into(),
            total: IntCounterVec::new(total, &["code", "method", "host"]).expect("a constant name is valid"),
            seconds: HistogramVec::new(seconds.buckets(SECONDS.to_vec()), &["verb", "host"])
                .expect("a constant name is valid"),
        }
    }

    /// Shows them among these metrics.
    pub fn show(&self, metrics: &Metrics) {
        register(metrics.registry(), self.total.clone());
        register(metrics.registry(), self.seconds.clone());
    }

    fn answered(&self, asked: &Asked, code: &str) {
        self.total.with_label_values(&[code, &*asked.method, &*self.host]).inc();
        if !asked.is_watch {
            let took = asked.at.elapsed().as_secs_f64();
            self.seconds.with_label_values(&[&*asked.method, &*self.host]).observe(took);
        }
    }
}

/// What is remembered of a request until it is answered.
struct Asked {
    method: String,
    is_watch: bool,
    at: Instant,
}

impl Asked {
    fn of(request: &Request<Body>) -> Self {
        let is_watch = request
            .uri()
            .query()
            .is_some_and(|query| query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1")));
        Self { method: request.method().to_string(), is_watch, at: Instant::now() }
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: self.clone() }
    }
}

/// A client's service that is counted.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (requests, asked) = (self.requests.clone(), Asked::of(&request));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            // client-go's own word where there was no answer.
            let code =
                answer.as_ref().map_or_else(|_| "<error>".to_owned(), |answer| answer.status().as_str().to_owned());
            requests.answered(&asked, &code);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn requests_are_counted_by_their_answers_and_watches_are_not_timed() {
        let metrics = Metrics::new();
        let requests = Requests::new("10.0.0.1:443");
        requests.show(&metrics);
        let answer = |request: Request<Body>| async move {
            let code = if request.uri().path().ends_with("/gone") { 404 } else { 200 };
            if request.method() == "DELETE" {
                return Err("away");
            }
            Ok(Response::builder().status(code).body(()).expect("it can be answered"))
        };
        let service = requests.layer(tower::service_fn(answer));
        for (method, path) in
            [("GET", "/api/v1/pods"), ("GET", "/api/v1/gone"), ("GET", "/api/v1/pods?watch=true&x=y"), ("DELETE", "/x")]
        {
            let request = Request::builder().method(method).uri(path);
            let _ = service.clone().oneshot(request.body(Body::empty()).expect("it is one")).await;
        }
        let text = String::from_utf8(metrics.text().expect("it can be written")).expect("it is text");
        for line in [
            r#"rest_client_requests_total{code="200",host="10.0.0.1:443",method="GET"} 2"#,
            r#"rest_client_requests_total{code="404",host="10.0.0.1:443",method="GET"} 1"#,
            r#"rest_client_requests_total{code="<error>",host="10.0.0.1:443",method="DELETE"} 1"#,
            r#"rest_client_request_duration_seconds_count{host="10.0.0.1:443",verb="GET"} 2"#,
            r#"rest_client_request_duration_seconds_bucket{host="10.0.0.1:443",verb="GET",le="30"} 2"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
