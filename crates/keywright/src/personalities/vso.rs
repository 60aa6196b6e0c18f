//! Vault Secrets Operator's command line: flags with one dash or two, environment that wins over them, JSON logs, addresses and
//! the lease. Where tokens are to be stored encrypted, the VaultAuth with the key must be there soon. Specification: VSO §8.9, §13.

use std::time::Duration;

use base::Fault;
use base::duration::GoDuration;
use http::StatusCode;
use operator::cache::Scope;
use operator::cluster::Cluster;
use operator::controllers;
use operator::feature::FeatureName;
use operator::leader::Election;
use operator::listener::{Listener, Routes, text};
use operator::process::Process;
use operator::shared::Clock;
use operator::vault_secrets::{self, Persistence, Settings};
use operator::world::stores::Providers;
use plan::horizon;
use serde_json::json;
use wire::Environment;

use super::metrics_route;
use crate::argv::{self, ArgvError, Flag, Grammar, Parsed, switch, value};
use crate::logs::{Form, To};
use crate::{Call, Exit, Failure, cluster, logs, reach};

const FLAGS: &[Flag] = &[
    value("metrics-bind-address", "where metrics are served (:8080); empty serves none"),
    value("health-probe-bind-address", "where /healthz and /readyz are served (:8081)"),
    switch("leader-elect", "elect a leader among several replicas (true)"),
    value("kubeconfig", "the file that names the cluster; else KUBECONFIG, else in-cluster"),
    switch("version", "print the version and end"),
    value("output", "the form of --version: yaml or json"),
    value("client-cache-size", "how many clients of Vault are kept at most (10000)"),
    value("client-cache-num-locks", "accepted"),
    value(
        "client-cache-persistence-model",
        "none (default), direct-unencrypted, or direct-encrypted by Vault's transit engine",
    ),
    value("max-concurrent-reconciles", "how many objects are worked on at once (100)"),
    value("max-concurrent-reconciles-vds", "accepted"),
    value("global-transformation-options", "exclude-raw leaves _raw out everywhere"),
    value("global-vault-auth-options", "allow-default-globals (default) lets a VaultAuthGlobal called default be used"),
    value("backoff-initial-interval", "the first wait after Vault has failed (5s)"),
    value("backoff-max-interval", "the longest wait (60s)"),
    value("backoff-max-elapsed-time", "accepted: the longest wait is kept for ever"),
    value("backoff-randomization-factor", "how far waits are spread (0.5)"),
    value("backoff-multiplier", "what each further failure multiplies the wait with (1.5)"),
    value("kube-client-qps", "accepted"),
    value("kube-client-burst", "accepted"),
    value("min-refresh-after-hvsa", "accepted"),
    switch("uninstall", "take our finalizers off every object, and end"),
    value("pre-delete-hook-timeout-seconds", "how long --uninstall may take (60)"),
    switch("zap-devel", "accepted"),
    value("zap-encoder", "json or console, accepted: logs are JSON"),
    value("zap-log-level", "debug, info, error, panic or a number (info)"),
    value("zap-stacktrace-level", "info, error or panic, accepted"),
    value("zap-time-encoding", "epoch, millis or nano for a number of seconds, else a date (rfc3339)"),
];

/// Runs the operator until it is asked to end.
///
/// # Errors
/// The command line or the environment is wrong, a port is taken, or there is no cluster.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let refuse = |call: &mut Call, text: &str| {
        call.ui.note(&format!("{text}\n{}", argv::go_usage(NAME, FLAGS)));
        Ok(Exit(2))
    };
    let parsed = match argv::parse(Grammar::GoFlag, FLAGS, &call.args) {
        Ok(parsed) => parsed,
        Err(ArgvError::Help { .. }) => {
            call.ui.note(&argv::go_usage(NAME, FLAGS));
            return Ok(Exit::SUCCESS);
        }
        Err(error) => return refuse(call, &error.to_string()),
    };
    if let Some(wrong) = unreadable(&parsed) {
        return refuse(call, &wrong);
    }
    if parsed.is_set("version") {
        return version(call, &parsed);
    }
    if parsed.is_set("uninstall") {
        logs::start(form(&parsed), To::Stderr, level("info"));
        cluster::block_on(uninstall(&parsed))?;
        return Ok(Exit::SUCCESS);
    }
    let options = Options { parsed: &parsed, environment: &call.environment };
    let settings = options.check()?;
    let workers = options.number("max-concurrent-reconciles", "VSO_MAX_CONCURRENT_RECONCILES", 100)?;
    logs::start(form(&parsed), To::Stderr, level(parsed.value("zap-log-level").unwrap_or("info")));
    let environment = call.environment.clone();
    cluster::block_on(serve(parsed, settings, workers, environment))?;
    Ok(Exit::SUCCESS)
}

const NAME: &str = "vault-secrets-operator";

/// A flag, whether its value can be read, and how Go refuses one that cannot.
type FormRow = (&'static str, fn(&str) -> bool, &'static str);

const FORMS: &[FormRow] = &[
    ("client-cache-size", is_whole, "parse error"),
    ("client-cache-num-locks", is_whole, "parse error"),
    ("max-concurrent-reconciles", is_whole, "parse error"),
    ("max-concurrent-reconciles-vds", is_whole, "parse error"),
    ("kube-client-burst", is_whole, "parse error"),
    ("pre-delete-hook-timeout-seconds", is_whole, "parse error"),
    ("kube-client-qps", is_number, "parse error"),
    ("backoff-randomization-factor", is_number, "parse error"),
    ("backoff-multiplier", is_number, "parse error"),
    ("backoff-initial-interval", is_span, "parse error"),
    ("backoff-max-interval", is_span, "parse error"),
    ("backoff-max-elapsed-time", is_span, "parse error"),
    ("min-refresh-after-hvsa", is_span, "parse error"),
    ("zap-encoder", |text| matches!(text, "json" | "console"), "invalid encoder value"),
    ("zap-log-level", is_level, "invalid log level"),
    ("zap-stacktrace-level", |text| matches!(text, "info" | "error" | "panic"), "invalid stacktrace level"),
    ("zap-time-encoding", |text| Form::of_zap_time(text).is_some(), "invalid time-encoding value"),
];

/// Go's `ParseInt` with base 0: signs and underscores are not worth taking.
fn is_whole(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn is_span(text: &str) -> bool {
    GoDuration::parse(text).is_ok()
}

fn is_level(text: &str) -> bool {
    matches!(text, "debug" | "info" | "error" | "panic") || text.parse::<u8>().is_ok_and(|number| number > 0)
}

/// The first flag whose value cannot be read, in Go's words.
fn unreadable(parsed: &Parsed) -> Option<String> {
    FORMS.iter().find_map(|(flag, can_read, why)| {
        let text = parsed.value(flag).filter(|text| !can_read(text))?;
        Some(format!("invalid value {text:?} for flag -{flag}: {why}"))
    })
}

fn form(parsed: &Parsed) -> Form {
    parsed.value("zap-time-encoding").and_then(Form::of_zap_time).unwrap_or(Form::ZapDated)
}

fn level(text: &str) -> tracing::Level {
    match text {
        "debug" => tracing::Level::DEBUG,
        "error" | "panic" => tracing::Level::ERROR,
        number if number.parse::<u8>().is_ok_and(|number| number > 0) => tracing::Level::DEBUG,
        _ => tracing::Level::INFO,
    }
}

/// The build as Kubernetes tools tell theirs.
fn version(call: &mut Call, parsed: &Parsed) -> Result<Exit, Failure> {
    let number = env!("CARGO_PKG_VERSION");
    let mut parts = number.split('.');
    let fields = [
        ("major", parts.next().unwrap_or_default()),
        ("minor", parts.next().unwrap_or_default()),
        ("gitVersion", number),
        ("gitCommit", ""),
        ("gitTreeState", ""),
        ("buildDate", ""),
        ("goVersion", ""),
        ("compiler", "rustc"),
        ("platform", std::env::consts::ARCH),
    ];
    let output = call.environment.value("VSO_OUTPUT_FORMAT").or(parsed.value("output")).unwrap_or_default().to_owned();
    let text = match output.as_str() {
        "json" => {
            let map: serde_json::Map<_, _> =
                fields.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
            serde_json::to_string_pretty(&map).map_err(|error| Fault::bug("cannot write the version").because(error))?
        }
        "yaml" => fields.iter().map(|(key, value)| format!("{key}: {value:?}\n")).collect(),
        "" => format!("{}\n", fields.map(|(key, value)| format!("{key}={value:?}")).join(" ")),
        _ => {
            call.ui.note("--output should be either 'yaml' or 'json'");
            return Ok(Exit::FAILURE);
        }
    };
    call.ui.data(text.as_bytes())?;
    Ok(Exit::SUCCESS)
}

/// Flags under the environment that wins over them.
struct Options<'a> {
    parsed: &'a Parsed,
    environment: &'a Environment,
}

impl Options<'_> {
    fn value(&self, flag: &str, variable: &str) -> Option<&str> {
        self.environment.value(variable).filter(|value| !value.is_empty()).or(self.parsed.value(flag))
    }

    fn read<T>(&self, flag: &str, variable: &str, default: T, parse: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
        let Some(text) = self.value(flag, variable) else { return Ok(default) };
        parse(text).ok_or_else(|| {
            if self.environment.value(variable).is_some_and(|value| !value.is_empty()) {
                let text = format!("{variable}: `{text}` cannot be used");
                Fault::wrong(format!("Failed to process environment variable options: {text:?}"))
            } else {
                Fault::wrong(format!("invalid value `{text}` for --{flag}"))
            }
        })
    }

    fn number(&self, flag: &str, variable: &str, default: usize) -> Result<usize, Fault> {
        let read = self.read(flag, variable, default, |text| text.parse().ok())?;
        Ok(if read > 0 { read } else { default })
    }

    fn listed(&self, flag: &str, variable: &str, default: &str, known: &str) -> Result<bool, Fault> {
        let text = self.value(flag, variable).unwrap_or(default);
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        match words.iter().find(|word| **word != known) {
            Some(odd) => {
                Err(Fault::wrong(format!("unsupported value `{odd}` for --{flag}")).hint(format!("it takes `{known}`")))
            }
            None => Ok(!words.is_empty()),
        }
    }

    fn check(&self) -> Result<Settings, Fault> {
        let model =
            self.value("client-cache-persistence-model", "VSO_CLIENT_CACHE_PERSISTENCE_MODEL").unwrap_or("none");
        let persistence = match model {
            "none" => Persistence::None,
            "direct-unencrypted" => Persistence::Plain,
            "direct-encrypted" => Persistence::Encrypted,
            _ => return Err(Fault::wrong(format!("invalid client cache persistence model `{model}`"))),
        };
        let span = |flag, variable, seconds| {
            self.read(flag, variable, GoDuration::from_seconds(seconds), |text| GoDuration::parse(text).ok())
        };
        let fraction = |flag, variable, default, least: f64| {
            self.read(flag, variable, default, |text| text.parse().ok().filter(|number: &f64| *number >= least))
        };
        // Only looked at, so that a typo is told.
        for (flag, variable) in LOOKED_AT {
            self.read(flag, variable, 0.0, |text| text.parse().ok())?;
        }
        span("backoff-max-elapsed-time", "VSO_BACKOFF_MAX_ELAPSED_TIME", 0)?;
        // The pod's own comes first: another would miss the key of the keyed digest, and every object would sync again.
        let told = || self.environment.first(&["OPERATOR_NAMESPACE", "POD_NAMESPACE"]).map(str::to_owned);
        let namespace = cluster::pod_namespace().or_else(told).unwrap_or_else(|| "default".to_owned());
        let mut settings = Settings::new(namespace);
        settings.clients = self.number("client-cache-size", "VSO_CLIENT_CACHE_SIZE", settings.clients)?;
        settings.persistence = persistence;
        settings.pod_uid = self.environment.first(&["OPERATOR_POD_UID"]).map_or_else(
            || std::fs::read_to_string(POD_UID_FILE).map(|text| text.trim().to_owned()).unwrap_or_default(),
            str::to_owned,
        );
        settings.excludes_raw =
            self.listed("global-transformation-options", "VSO_GLOBAL_TRANSFORMATION_OPTIONS", "", "exclude-raw")?;
        settings.allows_default_globals = self.listed(
            "global-vault-auth-options",
            "VSO_GLOBAL_VAULT_AUTH_OPTIONS",
            "allow-default-globals",
            "allow-default-globals",
        )?;
        settings.backoff = horizon::backoff(
            span("backoff-initial-interval", "VSO_BACKOFF_INITIAL_INTERVAL", 5)?,
            span("backoff-max-interval", "VSO_BACKOFF_MAX_INTERVAL", 60)?,
            fraction("backoff-multiplier", "VSO_BACKOFF_MULTIPLIER", 1.5, f64::MIN_POSITIVE)?,
            fraction("backoff-randomization-factor", "VSO_BACKOFF_RANDOMIZATION_FACTOR", 0.5, 0.0)?,
        );
        for (label, flag, variable) in TOLD {
            if let Some(text) = self.value(flag, variable) {
                settings.told.insert(label, text.to_owned());
            }
        }
        Ok(settings)
    }
}

/// Numbers that change nothing here.
const LOOKED_AT: [(&str, &str); 3] = [
    ("client-cache-num-locks", "VSO_CLIENT_CACHE_NUM_LOCKS"),
    ("kube-client-qps", "VSO_KUBE_CLIENT_QPS"),
    ("kube-client-burst", "VSO_KUBE_CLIENT_BURST"),
];

/// Which flags `vso_runtime_config` tells, by its labels.
const TOLD: [(&str, &str, &str); 10] = [
    ("backoffInitialInterval", "backoff-initial-interval", "VSO_BACKOFF_INITIAL_INTERVAL"),
    ("backoffMaxInterval", "backoff-max-interval", "VSO_BACKOFF_MAX_INTERVAL"),
    ("backoffMaxElapsedTime", "backoff-max-elapsed-time", "VSO_BACKOFF_MAX_ELAPSED_TIME"),
    ("backoffRandomizationFactor", "backoff-randomization-factor", "VSO_BACKOFF_RANDOMIZATION_FACTOR"),
    ("backoffMultiplier", "backoff-multiplier", "VSO_BACKOFF_MULTIPLIER"),
    ("clientCachePersistenceModel", "client-cache-persistence-model", "VSO_CLIENT_CACHE_PERSISTENCE_MODEL"),
    ("clientCacheSize", "client-cache-size", "VSO_CLIENT_CACHE_SIZE"),
    ("globalTransformationOptions", "global-transformation-options", "VSO_GLOBAL_TRANSFORMATION_OPTIONS"),
    ("globalVaultAuthOptions", "global-vault-auth-options", "VSO_GLOBAL_VAULT_AUTH_OPTIONS"),
    ("maxConcurrentReconciles", "max-concurrent-reconciles", "VSO_MAX_CONCURRENT_RECONCILES"),
];

/// Where the peer's chart mounts the uid of the pod.
const POD_UID_FILE: &str = "/var/run/podinfo/uid";

async fn serve(parsed: Parsed, settings: Settings, workers: usize, environment: Environment) -> Result<(), Fault> {
    let mut end = Box::pin(cluster::asked_to_end()?);
    let cluster = cluster::own_from(parsed.value("kubeconfig")).await?;
    let metrics_listener = listener(parsed.value("metrics-bind-address").unwrap_or(":8080")).await?;
    let health_listener = listener(parsed.value("health-probe-bind-address").unwrap_or(":8081")).await?;
    let feature = FeatureName::VaultSecrets;
    let is_elected = !parsed.has("leader-elect") || parsed.is_set("leader-elect");
    let election = is_elected.then(|| {
        let host =
            environment.first(&["OPERATOR_POD_NAME", "POD_NAME", "HOSTNAME"]).unwrap_or("vault-secrets-operator");
        Election::new(&*settings.namespace, feature.lease(), format!("{host}_{}", std::process::id()))
    });
    let mut process = Process::new(cluster.client.clone(), vec![Scope::Cluster], Clock::System, cluster::seed()?);
    process.shared().remember(Providers::new(reach::of_operator(environment, cluster), "default"));
    vault_secrets::prepare(process.shared(), settings.clone());
    process.add(feature, workers, election, controllers::vault_secrets);
    if let Some(listener) = metrics_listener {
        let metrics = metrics_route(Routes::default(), process.metrics(feature).into_iter().collect());
        tokio::spawn(listener.serve(metrics, std::future::pending()));
    }
    let health = Routes::default()
        .with("/healthz", |_| async { text(StatusCode::OK, "ok") })
        .with("/readyz", |_| async { text(StatusCode::OK, "ok") });
    if let Some(listener) = health_listener {
        tokio::spawn(listener.serve(health, std::future::pending()));
    }
    let cluster = process.shared().cluster().clone();
    tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        there = vault_secrets::stored_clients::await_key(&cluster, &settings, KEY_TIME) => there?,
    }
    let leads = process.leads(feature).filter(|_| is_elected);
    tokio::select! {
        biased;
        () = process.run(end) => Ok(()),
        () = lost(leads) => Err(Fault::conflict("leader election lost")),
    }
}

/// How long the VaultAuth with the key for stored clients may take to be there.
const KEY_TIME: Duration = Duration::from_secs(90);

/// What the chart's hook runs before everything goes.
async fn uninstall(parsed: &Parsed) -> Result<(), Fault> {
    let seconds = parsed.value("pre-delete-hook-timeout-seconds").and_then(|text| text.parse().ok()).unwrap_or(60);
    let done = async {
        let client = cluster::client_from(parsed.value("kubeconfig")).await?;
        vault_secrets::uninstall::uninstall(&Cluster::new(client)).await
    };
    let late = |_| Fault::unreachable(format!("the finalizers could not be taken off within {seconds} s"));
    let freed = tokio::time::timeout(Duration::from_secs(seconds), done).await.map_err(late)??;
    tracing::info!(objects = freed, "finalizers were taken off");
    Ok(())
}

/// Resolves when the lease is lost, once it was held: the peer ends then, so that the next one begins afresh.
async fn lost(leads: Option<tokio::sync::watch::Receiver<bool>>) {
    if let Some(mut leads) = leads
        && leads.wait_for(|leads| *leads).await.is_ok()
        && leads.wait_for(|leads| !*leads).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Nothing, or a zero, serves nothing.
async fn listener(address: &str) -> Result<Option<Listener>, Fault> {
    if matches!(address, "" | "0") { Ok(None) } else { Listener::bind(address).await.map(Some) }
}
