//! `external-secrets certcontroller`: the certificate controller as a process, with the peer's flags and probes. What it does is
//! `operator::external_secrets::webhook_certificates`. Specification: ESO §6.14, §12.2.

use std::time::Duration;

use base::Fault;
use base::duration::GoDuration;
use operator::cluster::Cluster;
use operator::external_secrets::webhook_certificates::{self, Place, Webhook};
use operator::leader;
use operator::listener::{Listener, Routes};
use operator::shared::Clock;
use tokio::sync::watch;
use wire::Environment;

use super::webhook::health;
use super::{Flag, Parsed, candidate, guard, guarded_metrics_route, metrics_listener, read, switch, value};
use crate::{Call, Exit, Failure, cluster};

/// Beyond those that every process takes.
const FLAGS: &[Flag] = &[
    value("crd-requeue-interval", "how often CRDs are looked at (5m)"),
    value("service-name", "the webhook's Service (external-secrets-webhook)"),
    value("service-namespace", "its namespace (default)"),
    value("secret-name", "the Secret with the webhook's certificate (external-secrets-webhook)"),
    value("secret-namespace", "its namespace (default)"),
    value("crd-names", "CRDs that may ask for a conversion webhook"),
    switch("enable-partial-cache", "accepted: nothing is cached"),
    value("healthz-addr", "where /healthz and /readyz are served (:8081)"),
    switch("enable-leader-election", "elect a leader among several replicas"),
];

/// The name of the lease.
const LEASE: &str = "crd-certs-controller";
/// The peer's Service and Secret, and its CRDs that once had a conversion webhook.
const NAME: &str = "external-secrets-webhook";
const CRDS: [&str; 3] = [
    "externalsecrets.external-secrets.io",
    "clustersecretstores.external-secrets.io",
    "secretstores.external-secrets.io",
];

/// Looks after the certificate until it is asked to end.
///
/// # Errors
/// The command line is wrong, a port is taken, or there is no cluster.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match read(call, "external-secrets certcontroller", FLAGS, 1)? {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    cluster::block_on(serve(parsed, call.environment.clone()))?;
    Ok(Exit::SUCCESS)
}

fn webhook(parsed: &Parsed) -> Webhook {
    let place = |what: &str| Place {
        namespace: parsed.value(&format!("{what}-namespace")).unwrap_or("default").to_owned(),
        name: parsed.value(&format!("{what}-name")).unwrap_or(NAME).to_owned(),
    };
    let named = parsed.values("crd-names").iter().flat_map(|names| names.split(','));
    let named: Vec<String> = named.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let interval = parsed.value("crd-requeue-interval").and_then(|text| GoDuration::parse(text).ok());
    Webhook {
        service: place("service"),
        secret: place("secret"),
        crds: if parsed.has("crd-names") { named } else { CRDS.map(str::to_owned).to_vec() },
        crd_interval: interval.map_or(Duration::from_secs(300), GoDuration::to_std),
    }
}

async fn serve(parsed: Parsed, environment: Environment) -> Result<(), Fault> {
    let end = cluster::asked_to_end()?;
    let cluster = Cluster::new(cluster::client().await?);
    let metrics_listener = metrics_listener(&parsed).await?;
    let health_listener = Listener::bind(parsed.value("healthz-addr").unwrap_or(":8081")).await?;
    let ready = watch::Sender::new(false);
    let metrics = guarded_metrics_route(Routes::default(), Vec::new(), guard(&parsed, &cluster));
    tokio::spawn(metrics_listener.serve(metrics, std::future::pending()));
    tokio::spawn(health_listener.serve(health(&ready, "crd-inject"), std::future::pending()));
    let election = parsed.is_set("enable-leader-election").then(|| candidate(&environment, LEASE));
    let leads = watch::Sender::new(election.is_none());
    if let Some(election) = election.clone() {
        tokio::spawn(leader::run(cluster.clone(), Clock::System, election, leads.clone()));
    }
    let keeping =
        webhook_certificates::keep(cluster.clone(), Clock::System, webhook(&parsed), leads.subscribe(), ready);
    tokio::select! {
        () = keeping => {}
        () = end => {}
    }
    if let Some(election) = election.filter(|_| *leads.borrow()) {
        leader::release(&cluster, &Clock::System, &election).await;
    }
    Ok(())
}
