//! External Secrets Operator's command line: the controller's flags, log form and addresses. The webhook (`webhook`) and the
//! certificate controller (`certcontroller`) are processes of their own behind a first word. Specification: ESO §12.1.

mod certcontroller;
mod webhook;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::Fault;
use base::duration::GoDuration;
use http::StatusCode;
use operator::cache::Scope;
use operator::cluster::Cluster;
use operator::controllers;
use operator::external_secrets::Settings;
use operator::feature::FeatureName;
use operator::leader::Election;
use operator::listener::guard::Guard;
use operator::listener::tls::{Files, Tls, Version};
use operator::listener::{Listener, Routes, text};
use operator::process::Process;
use operator::shared::Clock;
use operator::store_rules::{ClusterStores, StoreRules};
use operator::world::stores::Providers;
use plan::Delimiters;
use wire::Environment;

use super::guarded_metrics_route;
use crate::argv::{self, ArgvError, Flag, Grammar, Parsed, switch, value};
use crate::logs::{Form, To};
use crate::{Call, Exit, Failure, cluster, logs, reach};

/// What every process of External Secrets takes.
const COMMON: &[Flag] = &[
    value("metrics-addr", "where metrics are served (:8080)"),
    switch("metrics-secure", "serve metrics over TLS"),
    switch("metrics-auth", "ask the API server who may scrape; needs the ClusterRole system:auth-delegator"),
    value("metrics-cert-dir", "where the certificate of the metrics lies; without it one is made"),
    value("metrics-cert-name", "its file (tls.crt)"),
    value("metrics-key-name", "its key's file (tls.key)"),
    switch("enable-http2", "accepted: HTTP/1 is served"),
    value("loglevel", "debug, info, warn, error, dpanic, panic or fatal (info)"),
    value("zap-time-encoding", "epoch, millis or nano for a number of seconds (epoch), else a date"),
];

/// What the controller takes beyond them.
const FLAGS: &[Flag] = &[
    value("live-addr", "where /healthz and /readyz are served (:8082)"),
    value("controller-class", "the class of stores that is served (default)"),
    switch("enable-leader-election", "elect a leader among several replicas"),
    value("leader-election-id", "the lease's name (external-secrets-controller)"),
    value("leader-election-lease-duration", "how long a lease holds (15s)"),
    value("leader-election-renew-deadline", "how long the leader tries to renew (10s)"),
    value("leader-election-retry-period", "how often a lease is tried (2s)"),
    value("concurrent", "how many objects are worked on at once (1; ours works on ten at least)"),
    value("client-qps", "accepted"),
    value("client-burst", "accepted"),
    value("namespace", "watch this namespace only"),
    switch("enable-secret-store-reconciler", "validate SecretStores (true)"),
    switch("enable-cluster-store-reconciler", "validate ClusterSecretStores (true)"),
    switch("enable-cluster-external-secret-reconciler", "stamp out ClusterExternalSecrets (true)"),
    switch("enable-push-secret-reconciler", "push PushSecrets (true)"),
    switch("enable-cluster-push-secret-reconciler", "stamp out ClusterPushSecrets (true)"),
    switch("enable-secrets-caching", "accepted: values are never cached"),
    switch("enable-configmaps-caching", "accepted: values are never cached"),
    switch("enable-managed-secrets-caching", "accepted: values are never cached"),
    switch("enable-secret-api-read-on-cache-mismatch", "accepted"),
    value("store-requeue-interval", "how often stores are validated (5m)"),
    switch("enable-flood-gate", "leave a store alone that is not ready (true)"),
    switch("enable-generator-state", "accepted"),
    switch("enable-extended-metric-labels", "metrics carry the recommended labels of their objects"),
    switch("unsafe-allow-generic-targets", "not supported: write other kinds than Secrets"),
    switch("enable-vault-token-cache", "accepted: tokens are always kept and renewed"),
    value("vault-token-cache-size", "accepted"),
    switch("experimental-enable-vault-token-cache", "accepted"),
    value("experimental-vault-token-cache-size", "accepted"),
    switch("experimental-enable-doppler-oidc-cache", "accepted"),
    value("experimental-doppler-oidc-cache-size", "accepted"),
    value("doppler-etag-cache-size", "accepted"),
    value("pulumi-oidc-cache-size", "accepted"),
    value("generator-gc-grace-period", "accepted"),
    value("template-left-delimiter", "what opens an action in templates ({{)"),
    value("template-right-delimiter", "what closes an action in templates (}})"),
];

/// Runs the controller until it is asked to end.
///
/// # Errors
/// The command line is wrong, a port is taken, or there is no cluster.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    match call.args.first().map(String::as_str) {
        Some("webhook") => webhook::run(call),
        Some("certcontroller") => certcontroller::run(call),
        _ => control(call),
    }
}

fn control(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match read(call, "external-secrets", FLAGS, 0)? {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let settings = check(&parsed)?;
    cluster::block_on(serve(parsed, settings, call.environment.clone()))?;
    Ok(Exit::SUCCESS)
}

/// Reads a command line behind so many words, by these flags and the common ones, and starts the log; or how the process ends at
/// once: after help, or what is wrong.
fn read(call: &mut Call, program: &str, flags: &[Flag], words: usize) -> Result<Result<Parsed, Exit>, Failure> {
    let flags = [COMMON, flags].concat();
    let read = argv::parse(Grammar::Pflag, &flags, &call.args[words..]);
    let wrong = match read.map(|parsed| (check_values(&parsed), parsed)) {
        Ok((Ok((level, form)), parsed)) => {
            logs::start(form, To::Stderr, level);
            return Ok(Ok(parsed));
        }
        Err(ArgvError::Help { .. }) => {
            call.ui.data(argv::usage(program, &flags).as_bytes())?;
            return Ok(Err(Exit::SUCCESS));
        }
        Ok((Err(fault), _)) => fault.chain(),
        Err(error) => error.to_string(),
    };
    call.ui.note(&format!("Error: {wrong}\n{}", argv::usage(program, &flags)));
    Ok(Err(Exit::FAILURE))
}

/// Flags whose values are whole numbers.
const NUMBERS: [&str; 9] = [
    "port",
    "concurrent",
    "client-qps",
    "client-burst",
    "vault-token-cache-size",
    "experimental-vault-token-cache-size",
    "experimental-doppler-oidc-cache-size",
    "doppler-etag-cache-size",
    "pulumi-oidc-cache-size",
];
/// Flags whose values are durations.
const DURATIONS: [&str; 8] = [
    "check-interval",
    "lookahead-interval",
    "crd-requeue-interval",
    "store-requeue-interval",
    "generator-gc-grace-period",
    "leader-election-lease-duration",
    "leader-election-renew-deadline",
    "leader-election-retry-period",
];

/// Checks values by their form, also those that change nothing here: a typing error is told where it is made.
fn check_values(parsed: &Parsed) -> Result<(tracing::Level, Form), Fault> {
    let invalid = |flag: &str, text: &str| Fault::wrong(format!("invalid argument {text:?} for \"--{flag}\" flag"));
    for flag in NUMBERS {
        if let Some(text) = parsed.value(flag).filter(|text| text.parse::<i64>().is_err()) {
            return Err(invalid(flag, text).because(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")));
        }
    }
    for flag in DURATIONS {
        let Some(text) = parsed.value(flag) else { continue };
        GoDuration::parse(text).map_err(|error| invalid(flag, text).because(error))?;
    }
    let time = parsed.value("zap-time-encoding").filter(|text| !text.is_empty()).unwrap_or("epoch");
    let form = Form::of_zap_time(time)
        .ok_or_else(|| invalid("zap-time-encoding", time).because("there is no such form of a time"))?;
    let level = match parsed.value("loglevel").unwrap_or("info") {
        "debug" => tracing::Level::DEBUG,
        "info" | "" => tracing::Level::INFO,
        "warn" => tracing::Level::WARN,
        "error" | "dpanic" | "panic" | "fatal" => tracing::Level::ERROR,
        text => return Err(invalid("loglevel", text).because(format!("unrecognized level: {text:?}"))),
    };
    Ok((level, form))
}

fn store_rules(parsed: &Parsed) -> StoreRules {
    let is_on = |flag: &str| !parsed.has(flag) || parsed.is_set(flag);
    StoreRules {
        cluster_stores: match (is_on("enable-cluster-store-reconciler"), parsed.value("namespace").unwrap_or_default())
        {
            (true, _) => ClusterStores::Served,
            (false, "") => ClusterStores::Left,
            (false, _) => ClusterStores::Refused,
        },
        has_flood_gate: is_on("enable-flood-gate"),
    }
}

fn check(parsed: &Parsed) -> Result<Settings, Fault> {
    if parsed.is_set("unsafe-allow-generic-targets") {
        return Err(Fault::wrong("`--unsafe-allow-generic-targets` is not built yet").hint("leave the flag away"));
    }
    let is_on = |flag: &str| !parsed.has(flag) || parsed.is_set(flag);
    let interval = parsed.value("store-requeue-interval").unwrap_or("5m");
    Ok(Settings {
        store_interval: GoDuration::parse(interval)
            .map_err(|error| Fault::wrong("invalid --store-requeue-interval").because(error))?,
        validates_stores: is_on("enable-secret-store-reconciler"),
        validates_cluster_stores: is_on("enable-cluster-store-reconciler"),
        pushes: is_on("enable-push-secret-reconciler"),
        stamps: is_on("enable-cluster-external-secret-reconciler"),
        stamps_pushes: is_on("enable-cluster-push-secret-reconciler"),
        tells_labels: parsed.is_set("enable-extended-metric-labels"),
    })
}

async fn serve(parsed: Parsed, settings: Settings, environment: Environment) -> Result<(), Fault> {
    let end = cluster::asked_to_end()?;
    let cluster = cluster::own().await?;
    let metrics_listener = metrics_listener(&parsed).await?;
    let health_listener = Listener::bind(parsed.value("live-addr").unwrap_or(":8082")).await?;
    let namespaces: BTreeSet<&str> = parsed.value("namespace").filter(|name| !name.is_empty()).into_iter().collect();
    let scopes = match namespaces.first() {
        Some(name) => vec![Scope::Namespace((*name).to_owned())],
        None => vec![Scope::Cluster],
    };
    let election = election(&parsed, &environment)?;
    let class = parsed.value("controller-class").unwrap_or("default").to_owned();
    let workers = parsed.value("concurrent").and_then(|text| text.parse().ok()).unwrap_or(1).max(10);
    let mut process = Process::new(cluster.client.clone(), scopes, Clock::System, cluster::seed()?);
    process.shared().remember(Providers::new(reach::of_operator(environment, cluster), class));
    process.shared().remember(settings.clone());
    process.shared().remember(store_rules(&parsed));
    let delimiter = |flag: &str| parsed.value(flag).unwrap_or_default().to_owned();
    process.shared().remember(Delimiters {
        left: delimiter("template-left-delimiter"),
        right: delimiter("template-right-delimiter"),
    });
    let feature = FeatureName::ExternalSecrets;
    process.add(feature, workers, election, |driver| controllers::external_secrets(driver, &settings));
    let all = process.metrics(feature).into_iter().collect();
    let metrics = guarded_metrics_route(Routes::default(), all, guard(&parsed, process.shared().cluster()));
    let health = Routes::default()
        .with("/healthz", |_| async { text(StatusCode::OK, "ok") })
        .with("/readyz", |_| async { text(StatusCode::OK, "ok") });
    tokio::spawn(metrics_listener.serve(metrics, std::future::pending()));
    tokio::spawn(health_listener.serve(health, std::future::pending()));
    process.run(end).await;
    Ok(())
}

/// Where metrics are served: over TLS where that is wanted.
async fn metrics_listener(parsed: &Parsed) -> Result<Listener, Fault> {
    let tls = match parsed.value("metrics-cert-dir").filter(|folder| !folder.is_empty()) {
        _ if !parsed.is_set("metrics-secure") => None,
        None => Some(Tls::unverifiable()?),
        Some(folder) => {
            let file = |flag: &str, default: &str| Path::new(folder).join(parsed.value(flag).unwrap_or(default));
            let files =
                Files { certificate: file("metrics-cert-name", "tls.crt"), key: file("metrics-key-name", "tls.key") };
            Some(Tls::of_files(files, Version::Tls12)?)
        }
    };
    Ok(Listener::bind(parsed.value("metrics-addr").unwrap_or(":8080")).await?.secured(tls))
}

/// Who watches over the metrics, where somebody shall.
fn guard(parsed: &Parsed, cluster: &Cluster) -> Option<Arc<Guard>> {
    parsed.is_set("metrics-auth").then(|| Guard::new(cluster.clone()))
}

fn election(parsed: &Parsed, environment: &Environment) -> Result<Option<Election>, Fault> {
    if !parsed.is_set("enable-leader-election") {
        return Ok(None);
    }
    let name = parsed.value("leader-election-id").unwrap_or(FeatureName::ExternalSecrets.lease());
    let mut election = candidate(environment, name);
    let read = |flag: &str, default: Duration| match parsed.value(flag) {
        None => Ok(default),
        Some(text) => GoDuration::parse(text)
            .map(GoDuration::to_std)
            .map_err(|error| Fault::wrong(format!("invalid --{flag}")).because(error)),
    };
    election.lease_duration = read("leader-election-lease-duration", election.lease_duration)?;
    election.renew_deadline = read("leader-election-renew-deadline", election.renew_deadline)?;
    election.retry_period = read("leader-election-retry-period", election.retry_period)?;
    election.check()?;
    Ok(Some(election))
}

/// A lease of the pod's namespace, and us as a candidate for it.
fn candidate(environment: &Environment, lease: &str) -> Election {
    let told = environment.first(&["POD_NAMESPACE"]).map(str::to_owned);
    let namespace = told.or_else(cluster::pod_namespace).unwrap_or_else(|| "default".to_owned());
    let host = environment.first(&["POD_NAME", "HOSTNAME"]).unwrap_or("external-secrets");
    Election::new(namespace, lease, format!("{host}_{}", std::process::id()))
}
