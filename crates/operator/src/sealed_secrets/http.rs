//! The HTTP that kubeseal asks: the newest certificate, health, and whether or how values can be sealed anew. `/v1/verify` and
//! `/v1/rotate` open only, never render, and say of what they cannot open nothing but that (SS §12.2, §17).
//! Specification: SS §12, §13.1.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use base::Fault;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use plan::sealed_secret::{Opener, reseal, verify};

use super::counts::Counts;
use super::limit::{Client, Limiter, Verdict};
use super::{Keys, Settings};
use crate::heavy;
use crate::listener::{Answer, Origin, Routes, text, typed};
use crate::shared::Shared;

/// The largest body that is read (SS §12, since 0.39).
const BODY_BYTES: usize = 10 * 1024 * 1024;

struct Door {
    keys: Arc<Keys>,
    counts: Option<Arc<Counts>>,
    limiter: Limiter,
    accepts_legacy: bool,
}

/// What is asked with a SealedSecret in the body.
#[derive(Clone, Copy)]
enum Question {
    Verify,
    Rotate,
}

/// Adds the controller's paths; none where the feature does not run.
#[must_use]
pub fn routes(routes: Routes, shared: &Arc<Shared>) -> Routes {
    let Ok(settings) = shared.recall::<Settings>() else { return routes };
    let door = Arc::new(Door {
        keys: shared.memory::<Keys>(),
        counts: shared.recall::<Counts>().ok(),
        limiter: Limiter::new(settings.rate_limit, settings.rate_limit_burst),
        accepts_legacy: settings.accepts_legacy,
    });
    let (verifying, rotating) = (Arc::clone(&door), Arc::clone(&door));
    routes
        .with("/v1/cert.pem", move |request| {
            let door = Arc::clone(&door);
            async move { door.counted("/v1/cert.pem", request.method().as_str(), async { door.certificate() }).await }
        })
        .with("/v1/verify", move |request| {
            let door = Arc::clone(&verifying);
            async move { door.asked("/v1/verify", request, Question::Verify).await }
        })
        .with("/v1/rotate", move |request| {
            let door = Arc::clone(&rotating);
            async move { door.asked("/v1/rotate", request, Question::Rotate).await }
        })
}

impl Door {
    fn certificate(&self) -> Answer {
        let keys = self.keys.current();
        match keys.newest().and_then(|key| key.certificate.as_ref()) {
            Some(certificate) => typed(StatusCode::OK, "application/x-pem-file", certificate.pem().to_owned()),
            None => {
                tracing::error!("cannot get certificates");
                text(StatusCode::INTERNAL_SERVER_ERROR, "cannot get certificate\n")
            }
        }
    }

    async fn asked(self: Arc<Self>, path: &'static str, request: Request<Incoming>, question: Question) -> Answer {
        let method = request.method().as_str().to_owned();
        let door = Arc::clone(&self);
        self.counted(path, &method, async move {
            let verdict = door.limiter.ask(path, client_of(&request), Instant::now());
            let mut answer = match verdict.refused_for {
                Some(_) => text(StatusCode::TOO_MANY_REQUESTS, "limit exceeded\n"),
                None => match door.answer(request, question).await {
                    Ok(answer) => answer,
                    Err(status) => text(status, Bytes::new()),
                },
            };
            tell_limit(answer.headers_mut(), verdict);
            answer
        })
        .await
    }

    async fn counted(&self, path: &'static str, method: &str, answering: impl Future<Output = Answer>) -> Answer {
        let begun = Instant::now();
        let answer = answering.await;
        if let Some(counts) = &self.counts {
            counts.answered(path, method, answer.status(), begun.elapsed());
        }
        answer
    }

    async fn answer(&self, request: Request<Incoming>, question: Question) -> Result<Answer, StatusCode> {
        let body = Limited::new(request.into_body(), BODY_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => StatusCode::PAYLOAD_TOO_LARGE,
            None => StatusCode::BAD_REQUEST,
        })?;
        let failed = |message: &'static str, status| {
            move |fault: Fault| {
                tracing::error!(error = fault.chain(), "{message}");
                status
            }
        };
        let (unread, unopened, refusal) = match question {
            Question::Verify => ("Error handling /v1/verify request", "Error validating secret", StatusCode::CONFLICT),
            // Not 409: kubeseal would say no more than that it could not, and the peer answers so, too.
            Question::Rotate => {
                ("Error handling /v1/rotate request", "Error rotating secret", StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        let object = reseal::read(&body.to_bytes()).map_err(failed(unread, StatusCode::INTERNAL_SERVER_ERROR))?;
        let (keys, accepts_legacy) = (self.keys.loaded().await, self.accepts_legacy);
        let work = heavy::compute(move || {
            let opener = Opener { accepts_legacy, ..Opener::new(&keys) };
            match question {
                Question::Verify => verify(&object, &opener).map(|()| text(StatusCode::OK, Bytes::new())),
                Question::Rotate => rotated(&object, &opener),
            }
        });
        let answer = work.await.map_err(failed(unread, StatusCode::INTERNAL_SERVER_ERROR))?;
        answer.map_err(failed(unopened, refusal))
    }
}

/// The object sealed for the newest key, without kind and apiVersion: kubeseal puts its own in front.
fn rotated(object: &api::SealedSecret, opener: &Opener<'_>) -> Result<Answer, Fault> {
    let certificate = opener.keys.newest().and_then(|key| key.certificate.as_ref());
    let certificate = certificate.ok_or_else(|| Fault::wrong("there is no key to seal with"))?;
    let resealed = plan::sealed_secret::reseal(object, opener, certificate.public_key())?;
    let mut json =
        serde_json::to_value(&resealed).map_err(|error| Fault::bug("cannot write the SealedSecret").because(error))?;
    if let Some(fields) = json.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    Ok(typed(StatusCode::OK, "application/json", json.to_string()))
}

/// Who asks: the other end of the connection, and whom the last proxy says that it forwards for; what a client wrote itself
/// stands further left. What is no address is no claim.
fn client_of<B>(request: &Request<B>) -> Client {
    let Origin(address) = request.extensions().get::<Origin>().copied().unwrap_or(Origin(IpAddr::from([0, 0, 0, 0])));
    let forwarded = request.headers().get_all("x-forwarded-for").iter().next_back();
    let last = forwarded.and_then(|value| value.to_str().ok()).and_then(|list| list.rsplit(',').next());
    let read = |text: &str| {
        let text = text.trim();
        text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|at| at.ip())).ok()
    };
    Client { address, forwarded: last.and_then(read).map(|address| address.to_canonical()) }
}

fn tell_limit(headers: &mut HeaderMap, verdict: Verdict) {
    let up = |wait: std::time::Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    headers.insert("x-ratelimit-limit", HeaderValue::from(verdict.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(verdict.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(up(verdict.reset)));
    if let Some(wait) = verdict.refused_for {
        headers.insert("retry-after", HeaderValue::from(up(wait)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_the_connections_end_and_what_the_last_proxy_says() {
        let (own, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([192, 0, 2, 7]));
        for (lists, forwarded) in [
            (&[][..], None),
            (&["192.0.2.7"], Some(other)),
            (&["1.1.1.1, 192.0.2.7 "], Some(other)),
            (&["1.1.1.1", "192.0.2.7"], Some(other)),
            (&["192.0.2.7:4711"], Some(other)),
            (&["::ffff:192.0.2.7"], Some(other)),
            (&["1.1.1.1, unknown"], None),
            (&["1.1.1.1,"], None),
            (&["\u{fc}"], None),
        ] {
            let mut request = Request::new(());
            request.extensions_mut().insert(Origin(own));
            for list in lists {
                let value = HeaderValue::from_bytes(list.as_bytes()).expect("a header's value");
                request.headers_mut().append("x-forwarded-for", value);
            }
            assert_eq!(client_of(&request), Client { address: own, forwarded }, "{lists:?}");
        }
    }
}
