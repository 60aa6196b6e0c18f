//! The HTTP that kubeseal asks: the newest certificate, and health. `/v1/verify` and `/v1/rotate` are not built yet and say so.
//! Specification: SS §12.

use std::sync::Arc;

use http::StatusCode;
use seal::SealingKey;

use super::Keys;
use crate::listener::{Routes, text, typed};
use crate::shared::Shared;

/// Adds the controller's paths.
#[must_use]
pub fn routes(routes: Routes, shared: &Arc<Shared>) -> Routes {
    let keys = shared.memory::<Keys>();
    routes
        .with("/v1/cert.pem", move |_| {
            let certificate = keys.current().newest().and_then(certificate_of);
            async move {
                match certificate {
                    Some(pem) => typed(StatusCode::OK, "application/x-pem-file", pem),
                    None => text(StatusCode::INTERNAL_SERVER_ERROR, "cannot get certificate\n"),
                }
            }
        })
        .with("/v1/verify", |_| async { text(StatusCode::NOT_IMPLEMENTED, "verify is not built yet\n") })
        .with("/v1/rotate", |_| async { text(StatusCode::NOT_IMPLEMENTED, "rotate is not built yet\n") })
}

fn certificate_of(key: &SealingKey) -> Option<String> {
    key.certificate.as_ref().map(|certificate| certificate.pem().to_owned())
}
