//! `external-secrets webhook`: the validating webhook as a process, with the peer's flags, ports and probes. Its rules are
//! `operator::external_secrets::admission`. Specification: ESO §6.14, §9, §12.2.

use std::path::PathBuf;
use std::time::Duration;

use base::duration::GoDuration;
use base::{Fault, Timestamp};
use http::StatusCode;
use operator::cluster::Cluster;
use operator::external_secrets::admission;
use operator::external_secrets::serving_certificate::vouched;
use operator::listener::tls::{Files, Tls, Version};
use operator::listener::{Listener, Routes, text};
use tokio::sync::watch;

use super::{Flag, Parsed, guard, guarded_metrics_route, metrics_listener, read, value};
use crate::{Call, Exit, Failure, cluster};

/// Beyond those that every process takes.
const FLAGS: &[Flag] = &[
    value("port", "where the webhook is served (10250)"),
    value("dns-name", "the name that its certificate must bear (localhost)"),
    value("cert-dir", "where ca.crt, tls.crt and tls.key lie (/tmp/k8s-webhook-server/serving-certs)"),
    value("healthz-addr", "where /healthz and /readyz are served (:8081)"),
    value("check-interval", "how often the certificate is looked at (5m)"),
    value("lookahead-interval", "for how long it must still hold (2160h)"),
    value("tls-ciphers", "accepted: only ciphers that are thought safe are spoken"),
    value("tls-min-version", "the oldest TLS that is spoken, 1.2 at least (1.2)"),
];

/// How long somebody may take to make the certificate.
const PATIENCE: Duration = Duration::from_secs(120);

/// Serves until it is asked to end.
///
/// # Errors
/// The command line is wrong, a port is taken, or no good certificate came in time.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match read(call, "external-secrets webhook", FLAGS, 1)? {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let minimum = match parsed.value("tls-min-version").unwrap_or("1.2") {
        "" | "1.0" | "1.1" | "1.2" => Version::Tls12,
        "1.3" => Version::Tls13,
        other => return Err(Fault::wrong(format!("there is no TLS version `{other}`")).hint("use 1.2 or 1.3").into()),
    };
    cluster::block_on(serve(parsed, minimum))?;
    Ok(Exit::SUCCESS)
}

/// The certificate that the webhook appears with, and what it must be good for.
struct Certificate {
    folder: PathBuf,
    name: String,
    ahead: jiff::SignedDuration,
}

impl Certificate {
    fn of(parsed: &Parsed) -> Self {
        Self {
            folder: parsed.value("cert-dir").unwrap_or("/tmp/k8s-webhook-server/serving-certs").into(),
            name: parsed.value("dns-name").unwrap_or("localhost").to_owned(),
            ahead: duration(parsed, "lookahead-interval", 2160 * 3600).to_signed(),
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let read = |name: &str| crate::files::read(&self.folder.join(name));
        let at = Timestamp::now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX);
        vouched(&read("ca.crt")?, &read("tls.crt")?, &self.name, at)
    }

    fn tls(&self, minimum: Version) -> Result<Tls, Fault> {
        self.check()?;
        let files = Files { certificate: self.folder.join("tls.crt"), key: self.folder.join("tls.key") };
        Tls::of_files(files, minimum)
    }

    /// Waits for a good certificate: the certificate controller may still be at work.
    async fn awaited(&self, minimum: Version) -> Result<Tls, Fault> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.tls(minimum) {
                Ok(tls) => return Ok(tls),
                Err(fault) if tokio::time::Instant::now() >= until => return Err(fault),
                Err(fault) => tracing::info!(error = fault.chain(), "waiting for the certificate"),
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
}

fn duration(parsed: &Parsed, flag: &str, default_seconds: i64) -> GoDuration {
    // Its form was checked with all others.
    parsed
        .value(flag)
        .and_then(|text| GoDuration::parse(text).ok())
        .unwrap_or(GoDuration::from_seconds(default_seconds))
}

async fn serve(parsed: Parsed, minimum: Version) -> Result<(), Fault> {
    let end = cluster::asked_to_end()?;
    let guard =
        if parsed.is_set("metrics-auth") { guard(&parsed, &Cluster::new(cluster::client().await?)) } else { None };
    let metrics_listener = metrics_listener(&parsed).await?;
    let health_listener = Listener::bind(parsed.value("healthz-addr").unwrap_or(":8081")).await?;
    let listener = Listener::bind(&format!(":{}", parsed.value("port").unwrap_or("10250"))).await?;
    let ready = watch::Sender::new(false);
    let metrics = guarded_metrics_route(Routes::default(), Vec::new(), guard);
    tokio::spawn(metrics_listener.serve(metrics, std::future::pending()));
    tokio::spawn(health_listener.serve(health(&ready, "certs"), std::future::pending()));
    tokio::pin!(end);
    let certificate = Certificate::of(&parsed);
    let tls = tokio::select! {
        tls = certificate.awaited(minimum) => tls?,
        () = &mut end => return Ok(()),
    };
    ready.send_replace(true);
    tracing::info!(name = certificate.name, "serving the webhook");
    let interval = duration(&parsed, "check-interval", 300).to_std().max(Duration::from_secs(1));
    let looking = async {
        loop {
            tokio::time::sleep(interval).await;
            let checked = certificate.check();
            if let Err(fault) = &checked {
                tracing::error!(error = fault.chain(), "the certificate must be renewed");
            }
            ready.send_replace(checked.is_ok());
        }
    };
    tokio::select! {
        () = listener.secured(Some(tls)).serve(admission::routes(Routes::default()), end) => {}
        () = looking => {}
    }
    Ok(())
}

/// The probes: alive from the start, ready when what the check is named for is.
pub(super) fn health(ready: &watch::Sender<bool>, check: &'static str) -> Routes {
    let ready = ready.subscribe();
    Routes::default().with("/healthz", |_| async { text(StatusCode::OK, "ok") }).with("/readyz", move |_| {
        let is_ready = *ready.borrow();
        async move {
            if is_ready {
                text(StatusCode::OK, "ok")
            } else {
                text(StatusCode::INTERNAL_SERVER_ERROR, format!("[-]{check} failed: not ready yet\n"))
            }
        }
    })
}
