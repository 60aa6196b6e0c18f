//! The Sealed Secrets controller's command line: flags, each also as `SEALED_SECRETS_<NAME>`, two listeners, slog lines. Without
//! a lease, since the peer's role has none. From KUBECONFIG as well as in-cluster, which the peer cannot.
//! Specification: SS §10.1, §10.2, §10.3, §10.5, §12, §13.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::duration::GoDuration;
use base::{Fault, Kind, Timestamp};
use http::StatusCode;
use operator::cache::Scope;
use operator::controllers;
use operator::feature::FeatureName;
use operator::listener::{Listener, Routes, text};
use operator::process::Process;
use operator::sealed_secrets::{self, Keys, Settings};
use operator::shared::Clock;
use plan::Address;
use plan::write::Resource;
use tokio::signal::unix::{SignalKind, signal};
use wire::Environment;

use super::metrics_route;
use crate::argv::{self, ArgvError, Flag, Grammar, Parsed, switch, value};
use crate::logs::{Form, To};
use crate::{Call, Exit, Failure, cluster, logs};

const FLAGS: &[Flag] = &[
    value("key-prefix", "what names of keys' Secrets start with (sealed-secrets-key)"),
    value("key-size", "bits of new keys (4096)"),
    value("key-ttl", "how long certificates of new keys are valid (87600h0m0s)"),
    value("my-cn", "common name of certificates"),
    value("key-renew-period", "how long after the newest key the next is made; 0 makes none (720h0m0s)"),
    value("rotate-period", "deprecated: please use key-renew-period instead"),
    value("key-cutoff-time", "a newest key older than this is followed by a new one at the start (RFC1123Z)"),
    value("key-order-priority", "CertNotBefore (default) or SecretCreationTimestamp"),
    value("privatekey-annotations", "annotations of new keys' Secrets, k=v by comma"),
    value("privatekey-labels", "labels of new keys' Secrets, k=v by comma"),
    switch("accept-deprecated-v1-data", "open objects of clients before 0.7, too (true)"),
    switch("all-namespaces", "look at all namespaces, or at the own one only (true)"),
    value("additional-namespaces", "look at the own namespace and at these, by comma"),
    value("label-selector", "look at SealedSecrets with these labels only"),
    value("rate-limit", "requests a second of one client to verify and rotate (2)"),
    value("rate-limit-burst", "how many more than one at once (2)"),
    switch("update-status", "write statuses (true)"),
    switch("skip-recreate", "do not make deleted Secrets again"),
    switch("watch-for-secrets", "accepted: keys are always watched"),
    switch("old-gc-behavior", "delete the Secret of a deleted SealedSecret ourselves, too, where it was its own"),
    value("max-unseal-retries", "accepted: what may heal is tried again without an end, ever slower"),
    value("kubeclient-qps", "accepted"),
    value("kubeclient-burst", "accepted"),
    switch("log-info-stdout", "INFO to stdout, the rest to stderr (true)"),
    value("log-level", "DEBUG, INFO, WARN or ERROR (INFO)"),
    value("log-format", "text or json (text)"),
    value("listen-addr", "where /v1 and /healthz are served (:8080)"),
    value("listen-metrics-addr", "where /metrics is served (:8081)"),
    value("read-timeout", "accepted"),
    value("write-timeout", "accepted"),
    switch("metrics-omit-secret-labels", "no series of single SealedSecrets"),
    switch("version", "print the version"),
];

/// What scripts that ask the peer's controller for its version get.
const PEER_VERSION: &str = "v0.40.0";
/// The longest `--key-prefix` (SS §10.2).
const PREFIX_LENGTH: usize = 245;

/// What was typed and what the environment says; the command line wins.
struct Given<'a> {
    parsed: Parsed,
    environment: &'a Environment,
}

/// What was asked for, checked.
struct Checked {
    settings: Settings,
    wide: bool,
    additional: BTreeSet<String>,
    address: String,
    metrics_address: String,
    workers: usize,
}

/// Runs the controller until it is asked to end.
///
/// # Errors
/// The command line is wrong, a port is taken, or there is no cluster.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match argv::parse(Grammar::Pflag, FLAGS, &call.args) {
        Ok(parsed) => parsed,
        Err(ArgvError::Help { .. }) => {
            call.ui.note(&argv::usage("controller", FLAGS));
            return Ok(Exit::SUCCESS);
        }
        Err(error) => {
            call.ui.note(&format!("{error}\n{}", argv::usage("controller", FLAGS)));
            return Ok(Exit(2));
        }
    };
    if parsed.is_set("version") {
        let ours = env!("CARGO_PKG_VERSION");
        call.ui.data(format!("controller version: {PEER_VERSION} (keywright {ours})\n").as_bytes())?;
        return Ok(Exit::SUCCESS);
    }
    let environment = call.environment.clone();
    let given = Given { parsed, environment: &environment };
    // As with a flag that is unknown.
    let checked = check(&given).map_err(|fault| Failure::new(2, fault))?;
    start_logs(&given)?;
    cluster::block_on(serve(checked))?;
    Ok(Exit::SUCCESS)
}

impl Given<'_> {
    fn value(&self, flag: &str) -> Option<&str> {
        let variable = format!("SEALED_SECRETS_{}", flag.replace('-', "_").to_uppercase());
        self.parsed.value(flag).or_else(|| self.environment.value(&variable))
    }

    fn filled(&self, flag: &str) -> Option<&str> {
        self.value(flag).filter(|text| !text.is_empty())
    }

    fn read<T>(&self, flag: &str, default: T, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
        let Some(text) = self.value(flag) else { return Ok(default) };
        read(text).ok_or_else(|| Fault::wrong(format!("invalid argument {text:?} for \"--{flag}\" flag")))
    }

    fn is_on(&self, flag: &str, default: bool) -> Result<bool, Fault> {
        self.read(flag, default, base::truth::parse)
    }

    fn number(&self, flag: &str, default: u32) -> Result<u32, Fault> {
        self.read(flag, default, |text| text.parse().ok())
    }

    fn duration(&self, flag: &str, default: GoDuration) -> Result<GoDuration, Fault> {
        self.read(flag, default, |text| GoDuration::parse(text).ok())
    }

    /// `k=v,k2=v2`; what stands behind a second `=` is left out, as in the peer.
    fn pairs(&self, flag: &str) -> Result<BTreeMap<String, String>, Fault> {
        let pair = |piece: &str| {
            let mut words = piece.split('=').map(str::trim);
            match (words.next(), words.next()) {
                (Some(key), Some(value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
                _ => Err(Fault::wrong(format!("`--{flag}` holds `{piece}`, which is no key=value"))),
            }
        };
        self.filled(flag).into_iter().flat_map(|text| text.split(',')).map(pair).collect()
    }
}

fn check(given: &Given<'_>) -> Result<Checked, Fault> {
    let defaults = Settings::new(own_namespace(given.environment));
    let renew = given.duration("rotate-period", defaults.renew_period)?;
    let settings = Settings {
        key_prefix: prefix(given.value("key-prefix").unwrap_or(&defaults.key_prefix))?,
        key_bits: key_bits(given.number("key-size", defaults.key_bits)?)?,
        key_valid_for: given.duration("key-ttl", defaults.key_valid_for)?,
        common_name: given.value("my-cn").unwrap_or_default().to_owned(),
        renew_period: given.duration("key-renew-period", renew)?,
        cutoff: given.filled("key-cutoff-time").map(moment).transpose()?,
        orders_by_certificate: given.value("key-order-priority") != Some("SecretCreationTimestamp"),
        writes_status: given.is_on("update-status", true)?,
        recreates: !given.is_on("skip-recreate", false)?,
        accepts_legacy: given.is_on("accept-deprecated-v1-data", true)?,
        collects: given.is_on("old-gc-behavior", false)?,
        key_labels: given.pairs("privatekey-labels")?,
        key_annotations: given.pairs("privatekey-annotations")?,
        selector: given.filled("label-selector").map(str::to_owned),
        rate_limit: given.number("rate-limit", defaults.rate_limit)?,
        rate_limit_burst: given.number("rate-limit-burst", defaults.rate_limit_burst)?,
        tells_objects: !given.is_on("metrics-omit-secret-labels", false)?,
        namespace: defaults.namespace,
    };
    let listed = given.filled("additional-namespaces").into_iter().flat_map(|text| text.split(','));
    let additional = listed.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Ok(Checked {
        settings,
        wide: given.is_on("all-namespaces", true)?,
        additional,
        address: given.value("listen-addr").unwrap_or(":8080").to_owned(),
        metrics_address: given.value("listen-metrics-addr").unwrap_or(":8081").to_owned(),
        workers: 10,
    })
}

/// A size that no key can have is told at the start, not at the first renewal.
fn key_bits(bits: u32) -> Result<u32, Fault> {
    if ![2048, 3072, 4096, 8192].contains(&bits) {
        return Err(Fault::wrong(format!("cannot make sealing keys of {bits} bits (`--key-size`)"))
            .hint("use 2048, 3072, 4096 or 8192"));
    }
    Ok(bits)
}

fn prefix(text: &str) -> Result<String, Fault> {
    let is_legal = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if let Some(letter) = text.chars().find(|letter| !is_legal(*letter)) {
        return Err(Fault::wrong(format!("name contains illegal character {letter}")));
    }
    if text.len() > PREFIX_LENGTH {
        return Err(Fault::wrong(format!(
            "name is too long, must be shorter than {PREFIX_LENGTH}, got {}",
            text.len()
        )));
    }
    Ok(text.to_owned())
}

/// RFC1123 with a numeric zone: `Mon, 02 Jan 2006 15:04:05 -0700`.
fn moment(text: &str) -> Result<Timestamp, Fault> {
    let parsed = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S %z", text).and_then(|parsed| parsed.to_timestamp());
    parsed.map_err(|error| {
        Fault::wrong(format!("cannot read `--key-cutoff-time` {text:?}"))
            .because(error)
            .hint("write it as `Mon, 02 Jan 2006 15:04:05 -0700`")
    })
}

/// Where the keys lie: POD_NAMESPACE, else the pod's own, else `default`.
fn own_namespace(environment: &Environment) -> String {
    if let Some(name) = environment.first(&["POD_NAMESPACE"]) {
        return name.to_owned();
    }
    crate::cluster::pod_namespace().unwrap_or_else(|| "default".to_owned())
}

fn start_logs(given: &Given<'_>) -> Result<(), Fault> {
    let level = match given.value("log-level").unwrap_or_default().to_ascii_uppercase().as_str() {
        "DEBUG" => tracing::Level::DEBUG,
        "WARN" => tracing::Level::WARN,
        "ERROR" => tracing::Level::ERROR,
        _ => tracing::Level::INFO,
    };
    let form = if given.value("log-format") == Some("json") { Form::SlogJson } else { Form::Slog };
    let to = if given.is_on("log-info-stdout", true)? { To::Split } else { To::Stderr };
    logs::start(form, to, level);
    tracing::info!(version = PEER_VERSION, "Starting sealed-secrets controller");
    if let Some(order) = given.value("key-order-priority")
        && !["CertNotBefore", "SecretCreationTimestamp"].contains(&order)
    {
        tracing::error!(
            keyOrderPriority = order,
            "Invalid keyOrderPriority. Use CertNotBefore or SecretCreationTimestamp"
        );
    }
    Ok(())
}

async fn serve(checked: Checked) -> Result<(), Fault> {
    let end = cluster::asked_to_end()?;
    let client = cluster::client().await?;
    let listener = Listener::bind(&checked.address).await?;
    let metrics_listener = Listener::bind(&checked.metrics_address).await?;
    let scopes = scopes(&checked, &client).await?;
    let mut process = Process::new(client, scopes, Clock::System, cluster::seed()?);
    let shared = Arc::clone(process.shared());
    shared.remember(checked.settings.clone());
    let feature = FeatureName::SealedSecrets;
    process.add(feature, checked.workers, None, controllers::sealed_secrets);
    let keys = shared.memory::<Keys>();
    if let Some(leads) = process.leads(feature) {
        tracing::info!("Searching for existing private keys");
        tokio::spawn(sealed_secrets::keys::keep(Arc::clone(&shared), checked.settings, leads));
    }
    make_keys_on_signal(Arc::clone(&keys))?;
    let ready = Arc::clone(&keys);
    let routes = Routes::default().with("/healthz", |_| async { text(StatusCode::OK, "ok\n") }).with("/readyz", {
        move |_| {
            let is_ready = ready.are_loaded();
            async move {
                if is_ready {
                    text(StatusCode::OK, "ok\n")
                } else {
                    text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
                }
            }
        }
    });
    let routes = sealed_secrets::http::routes(routes, &shared);
    let metrics = metrics_route(Routes::default(), process.metrics(feature).into_iter().collect());
    tracing::info!(addr = checked.address, "HTTP server serving");
    tracing::info!(addr = checked.metrics_address, "HTTP metrics server serving");
    tokio::spawn(listener.serve(routes, std::future::pending()));
    tokio::spawn(metrics_listener.serve(metrics, std::future::pending()));
    process.run(end).await;
    tracing::info!("Shutting down controller");
    Ok(())
}

/// Where SealedSecrets are looked for (SS §10.5). A namespace that we may not ask for is watched all the same.
async fn scopes(checked: &Checked, client: &kube::Client) -> Result<Vec<Scope>, Fault> {
    if checked.wide && checked.additional.is_empty() {
        return Ok(vec![Scope::Cluster]);
    }
    let own = checked.settings.namespace.clone();
    let cluster = operator::cluster::Cluster::new(client.clone());
    let mut scopes = vec![Scope::Namespace(own.clone())];
    for namespace in checked.additional.iter().filter(|name| **name != own) {
        let at = Address::new(Resource::new("", "v1", "Namespace", "namespaces"), "", namespace.clone());
        match cluster.read(&at).await {
            Ok(None) => {
                tracing::error!(namespace, "namespace doesn't exist");
                continue;
            }
            Err(fault) if fault.kind() != Kind::Denied => return Err(fault),
            Err(fault) => tracing::warn!(namespace, error = fault.chain(), "the namespace cannot be looked up"),
            Ok(Some(_)) => {}
        }
        tracing::info!(namespace, "Starting informer");
        scopes.push(Scope::Namespace(namespace.clone()));
    }
    Ok(scopes)
}

/// SIGUSR1 makes a key at once, also where renewal is off (SS §10.3).
fn make_keys_on_signal(keys: Arc<Keys>) -> Result<(), Fault> {
    let asked = signal(SignalKind::user_defined1());
    let mut asked = asked.map_err(|error| Fault::unreachable("cannot listen to signals").because(error))?;
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            keys.want_new();
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(line: &str, environment: &[(&str, &str)]) -> Result<Checked, String> {
        let words: Vec<String> = line.split('|').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let parsed = argv::parse(Grammar::Pflag, FLAGS, &words).map_err(|error| error.to_string())?;
        let environment = environment.iter().copied().collect();
        check(&Given { parsed, environment: &environment }).map_err(|fault| fault.chain())
    }

    #[test]
    fn flags_and_environment_become_settings() {
        let line = "--update-status|--key-prefix|shop|--listen-addr|:9|--key-renew-period=0|--privatekey-labels=a=b,c=d=e|--key-cutoff-time=Mon, 02 Jan 2006 15:04:05 -0700";
        let environment = [("POD_NAMESPACE", "own"), ("SEALED_SECRETS_KEY_SIZE", "2048")];
        let found = checked(line, &environment).expect("a good line");
        let settings = &found.settings;
        assert_eq!((settings.namespace.as_str(), settings.key_prefix.as_str()), ("own", "shop"));
        assert_eq!((settings.key_bits, found.address.as_str(), found.metrics_address.as_str()), (2048, ":9", ":8081"));
        assert_eq!(settings.renew_period, GoDuration::ZERO);
        assert_eq!(settings.key_labels["c"], "d", "only what stands between the first and the second `=`");
        assert_eq!(settings.cutoff.map(|moment| moment.to_string()).as_deref(), Some("2006-01-02T22:04:05Z"));
        assert!(settings.writes_status && found.wide && settings.accepts_legacy && settings.recreates);
        let found = checked("--update-status=false|--additional-namespaces=a, b,a", &[]).expect("a good line");
        assert!(!found.settings.writes_status);
        assert_eq!(found.additional, ["a", "b"].map(str::to_owned).into());
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, told) in [
            ("--key-prefix=A", "name contains illegal character A"),
            ("--privatekey-labels=foo", "`--privatekey-labels` holds `foo`, which is no key=value"),
            ("--key-renew-period=30d", "invalid argument \"30d\" for \"--key-renew-period\" flag"),
            ("--bogus", "unknown flag: --bogus"),
            ("--key-size=1024", "cannot make sealing keys of 1024 bits (`--key-size`)"),
        ] {
            assert_eq!(checked(line, &[]).err().as_deref(), Some(told), "{line}");
        }
        let junk = checked("--key-cutoff-time=yesterday", &[]).err().expect("no moment");
        assert!(junk.starts_with("cannot read `--key-cutoff-time` \"yesterday\""), "{junk}");
        let long = checked(&format!("--key-prefix={}", "a".repeat(246)), &[]).err();
        assert_eq!(long.as_deref(), Some("name is too long, must be shorter than 245, got 246"));
    }
}
