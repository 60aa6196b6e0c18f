//! The peers' operators by their own command lines: flags, environment, log form, exit codes, addresses. Each file turns what
//! was typed into a feature's settings and runs the process; what the feature does is in `operator`.

pub mod eso;
mod process_metrics;
pub mod reloader;
pub mod sealed;
pub mod vso;

use std::sync::Arc;

use base::Fault;
use http::StatusCode;
use operator::listener::{Routes, text, typed};
use operator::metrics::Metrics;

/// Serves metrics under `/metrics`.
#[must_use]
pub fn metrics_route(routes: Routes, all: Vec<Arc<Metrics>>) -> Routes {
    routes.with("/metrics", move |_| {
        let texts: Result<Vec<Vec<u8>>, Fault> = all.iter().map(|metrics| metrics.text()).collect();
        async move {
            match texts {
                Ok(mut texts) => {
                    texts.push(process_metrics::read().into_bytes());
                    typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", texts.concat())
                }
                Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n"),
            }
        }
    })
}
