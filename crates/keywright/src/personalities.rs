//! The peers' operators by their own command lines: flags, environment, log form, exit codes, addresses. Each file turns what
//! was typed into a feature's settings and runs the process; what the feature does is in `operator`.

pub mod eso;
pub mod reloader;
pub mod sealed;
pub mod vso;

use std::sync::Arc;

use base::Fault;
use http::StatusCode;
use operator::listener::guard::Guard;
use operator::listener::{Routes, text, typed};
use operator::metrics::{self, Metrics};

/// Serves metrics, and the process' own, under `/metrics`.
#[must_use]
pub fn metrics_route(routes: Routes, all: Vec<Arc<Metrics>>) -> Routes {
    guarded_metrics_route(routes, all, None)
}

/// The same for those whom a guard lets in.
fn guarded_metrics_route(routes: Routes, all: Vec<Arc<Metrics>>, guard: Option<Arc<Guard>>) -> Routes {
    routes.with("/metrics", move |request| {
        let texts = all.iter().map(|metrics| metrics.text()).chain([metrics::of_process()]);
        let texts: Result<Vec<Vec<u8>>, Fault> = texts.collect();
        let guard = guard.clone();
        async move {
            if let Some(guard) = guard
                && let Some(refusal) = guard.refusal(request.headers(), "/metrics").await
            {
                return refusal;
            }
            match texts {
                Ok(texts) => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", texts.concat()),
                Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n"),
            }
        }
    })
}
