//! Reloader's command line. Every failure ends with 1, flag errors with `Error: …` and the usage on stderr.
//! `--coalesce-window`, `--restart-burst` and `--restart-interval` are ours, `--is-openshift` is the peer's next version's. Specification: RL §4.1–§4.4, §5.1, §14, §15, §22.1.

mod meta_info;
mod selector;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::reload::ResourceKind;
use base::duration::GoDuration;
use base::{Fault, SecretText};
use http::StatusCode;
use operator::cache::Scope;
use operator::cluster::{Call, JSON};
use operator::controllers;
use operator::feature::FeatureName;
use operator::leader::Election;
use operator::listener::{Listener, Routes, text};
use operator::process::Process;
use operator::reloader::Settings;
use operator::reloader::alerts::Alerts;
use operator::reloader::readiness::readiness;
use operator::reloader::webhook::Webhook;
use operator::requests::Requests;
use operator::shared::{Clock, Shared};
use plan::reload::alert::Sink;
use plan::reload::rate::Limit;
use plan::reload::{Kind, Strategy};
use tokio::sync::watch;
use wire::Environment;
use wire::proxy::Proxy;

use super::metrics_route;
use crate::argv::{self, ArgvError, Flag, Grammar, Parsed, switch, value};
use crate::logs::{Form, To};
use crate::{Exit, Failure, cluster, logs};

const FLAGS: &[Flag] = &[
    switch("auto-reload-all", "treat workloads without an auto annotation as opted in"),
    value("auto-annotation", "key of the annotation that reloads for everything referenced"),
    value("configmap-annotation", "key of the annotation that names ConfigMaps"),
    value("secret-annotation", "key of the annotation that names Secrets"),
    value("configmap-auto-annotation", "key of the annotation that reloads for referenced ConfigMaps"),
    value("secret-auto-annotation", "key of the annotation that reloads for referenced Secrets"),
    value("secretproviderclass-annotation", "key of the annotation that names SecretProviderClasses"),
    value(
        "secretproviderclass-auto-annotation",
        "key of the annotation that reloads for mounted SecretProviderClasses",
    ),
    value("configmap-exclude-annotation", "key of the annotation that leaves ConfigMaps out"),
    value("secret-exclude-annotation", "key of the annotation that leaves Secrets out"),
    value("secretproviderclass-exclude-annotation", "key of the annotation that leaves SecretProviderClasses out"),
    value("auto-search-annotation", "key of the annotation that opts into search mode"),
    value("search-match-annotation", "key of the annotation that makes a resource eligible for search mode"),
    value("ignore-annotation", "key of the annotation that makes a resource reload nothing"),
    value("pause-deployment-annotation", "key of the annotation that gathers changes for a time"),
    value("pause-deployment-time-annotation", "key of the annotation that says since when a Deployment is paused"),
    value("reload-strategy", "env-vars (default) or annotations"),
    value("reload-on-create", "reload when a resource is created"),
    value("reload-on-delete", "reload when a resource is deleted"),
    switch("sync-after-restart", "with reload-on-create: what is there at the start counts as created"),
    value("is-Argo-Rollouts", "reload Argo Rollouts, too"),
    value("is-openshift", "reload OpenShift's DeploymentConfigs, too: true, false (default) or auto"),
    switch("enable-ha", "elect a leader among several replicas"),
    switch("enable-csi-integration", "react to rotations by the Secrets Store CSI driver"),
    value("resources-to-ignore", "configmaps or secrets"),
    value("ignored-workload-types", "jobs, cronjobs or both"),
    value("namespaces", "watch these namespaces only"),
    value("namespaces-to-ignore", "leave these namespaces alone"),
    value("namespace-selector", "watch namespaces with these labels only"),
    value("resource-label-selector", "watch ConfigMaps and Secrets with these labels only"),
    value("webhook-url", "send a request there instead of reloading"),
    value("log-format", "json, or logfmt where empty"),
    value("log-level", "trace, debug, info, warn, error, fatal or panic"),
    switch("enable-pprof", "accepted; this program has no Go profiles to serve"),
    value("pprof-addr", "accepted"),
    value("leader-election-lease-duration", "how long a lease holds (15s)"),
    value("leader-election-renew-deadline", "how long the leader tries to renew (10s)"),
    value("leader-election-retry-period", "how often a lease is tried (2s)"),
    value("coalesce-window", "gather the causes of one workload for this long (0s)"),
    value("restart-burst", "how often one workload may restart without a break (200); 0 sets no limit"),
    value("restart-interval", "after that, it restarts once in this time (30s)"),
];

/// Where Reloader serves; fixed in the peer.
const ADDRESS: &str = ":9090";

/// What was typed, checked.
struct Checked {
    settings: Settings,
    scopes: Vec<Scope>,
    election: Option<Election>,
    form: Form,
    level: tracing::Level,
    warnings: Vec<String>,
    webhook: Option<(wire::Client, SecretText)>,
    alerts: Option<AlertSettings>,
    meta_info: Option<MetaInfo>,
    /// Whether the cluster is asked if it knows DeploymentConfigs.
    asks_openshift: bool,
}

/// Where alerts go.
struct AlertSettings {
    client: wire::Client,
    sink: Sink,
    url: Option<SecretText>,
    info: String,
}

/// What the process says of itself, and in which namespace.
struct MetaInfo {
    namespace: String,
    data: meta_info::Data,
}

/// Runs Reloader until it is asked to end.
///
/// # Errors
/// The command line is wrong, the port is taken, or there is no cluster.
pub fn run(call: &mut crate::Call) -> Result<Exit, Failure> {
    let parsed = match argv::parse(Grammar::Pflag, FLAGS, &call.args) {
        Ok(parsed) => parsed,
        Err(ArgvError::Help { .. }) => {
            call.ui.data(argv::usage("reloader", FLAGS).as_bytes())?;
            return Ok(Exit::SUCCESS);
        }
        Err(error) => {
            call.ui.note(&format!("Error: {error}\n{}", argv::usage("reloader", FLAGS)));
            return Ok(Exit::FAILURE);
        }
    };
    let checked = check(&parsed, &call.environment)?;
    logs::start(checked.form, To::Stderr, checked.level);
    cluster::block_on(serve(checked))?;
    Ok(Exit::SUCCESS)
}

async fn serve(mut checked: Checked) -> Result<(), Fault> {
    let end = cluster::asked_to_end()?;
    tracing::info!("Starting Reloader");
    checked.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let (client, requests) = cluster::counted_client().await?;
    let listener = Listener::bind(ADDRESS).await?;
    if checked.asks_openshift {
        let path = "/apis/apps.openshift.io/v1";
        checked.settings.has_deployment_configs = has(&operator::cluster::Cluster::new(client.clone()), path).await;
    }
    tell_watches(&checked.settings, &checked.scopes);
    let mut process = Process::new(client, checked.scopes, Clock::System, cluster::seed()?);
    process.shared().remember(checked.settings.clone());
    if let Some((client, url)) = checked.webhook {
        process.shared().remember(Webhook::new(client, url));
    }
    if let Some(AlertSettings { client, sink, url, info }) = checked.alerts {
        process.shared().remember(Alerts::start(client, sink, url, info));
    }
    process.add(FeatureName::Reloader, 10, checked.election, |driver| controllers::reloader(driver, &checked.settings));
    if let Some(MetaInfo { namespace, data }) = checked.meta_info {
        let shared = Arc::clone(process.shared());
        tokio::spawn(async move {
            if let Err(fault) = operator::reloader::meta_info::publish(shared.cluster(), &namespace, &data).await {
                tracing::warn!("Failed to create or update the meta info ConfigMap: {}", fault.chain());
            }
        });
    }
    tokio::spawn(tell_surroundings(Arc::clone(process.shared())));
    let routes = routes(&process, &requests);
    tokio::spawn(listener.serve(routes, std::future::pending()));
    process.run(end).await;
    Ok(())
}

/// What is served: liveness and metrics as the peer, and readiness.
fn routes(process: &Process, requests: &Requests) -> Routes {
    let has_lost = process.leads(FeatureName::Reloader).map(lost_lead).unwrap_or_default();
    let routes = Routes::default().with("/live", move |_| {
        let has_lost = has_lost.load(Ordering::Relaxed);
        async move {
            if has_lost { text(StatusCode::INTERNAL_SERVER_ERROR, "") } else { text(StatusCode::OK, "alive") }
        }
    });
    let shared = Arc::clone(process.shared());
    let routes = routes.with("/readyz", move |_| {
        let (is_ready, told) = readiness(&shared);
        let code = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        async move { text(code, told) }
    });
    let metrics = process.metrics(FeatureName::Reloader);
    if let Some(metrics) = &metrics {
        requests.show(metrics);
    }
    metrics_route(routes, metrics.into_iter().collect())
}

/// Says what is watched where, in the words that people look for (RL §4.4).
fn tell_watches(settings: &Settings, scopes: &[Scope]) {
    let watches = |kind: ResourceKind| !settings.ignored_resources.contains(&kind);
    let types = [
        ("configmaps", watches(ResourceKind::ConfigMap)),
        ("secrets", watches(ResourceKind::Secret)),
        ("namespaces", settings.namespace_selector.is_some()),
        ("secretproviderclasspodstatuses", settings.has_provider_classes),
    ];
    for scope in scopes {
        let namespace = if let Scope::Namespace(name) = scope { name } else { "" };
        for (resources, _) in types.iter().filter(|(_, is_watched)| *is_watched) {
            tracing::info!("created controller for: {resources}");
            tracing::info!("Starting Controller to watch resource type: {resources} in namespace: {namespace}");
        }
    }
}

/// Says what the cluster is and has, as far as it answers; nothing depends on it (RL §4.4).
async fn tell_surroundings(shared: Arc<Shared>) {
    let is_openshift = has(shared.cluster(), "/apis/project.openshift.io").await;
    tracing::info!("Environment: {}", if is_openshift { "Openshift" } else { "Kubernetes" });
    let has_driver = has(shared.cluster(), "/apis/secrets-store.csi.x-k8s.io/v1").await;
    tracing::info!("CSI provider {}", if has_driver { "is installed" } else { "is not installed" });
}

/// Whether the API server answers there.
async fn has(cluster: &operator::cluster::Cluster, path: &str) -> bool {
    let call = Call { method: http::Method::GET, path: path.to_owned(), media: JSON, body: Vec::new() };
    cluster.call(call).await.is_ok()
}

/// Becomes true once leadership was had and lost, and stays so: the kubelet starts such a process anew (RL §14).
fn lost_lead(mut leads: watch::Receiver<bool>) -> Arc<AtomicBool> {
    let has_lost = Arc::new(AtomicBool::new(false));
    let tells = Arc::clone(&has_lost);
    tokio::spawn(async move {
        // An error means that the process ends.
        if leads.wait_for(|leads| *leads).await.is_ok() && leads.wait_for(|leads| !leads).await.is_ok() {
            tells.store(true, Ordering::Relaxed);
        }
    });
    has_lost
}

fn check(parsed: &Parsed, environment: &Environment) -> Result<Checked, Fault> {
    let mut warnings = Vec::new();
    let mut settings = Settings::default();
    set_keys(parsed, &mut settings);
    let options = &mut settings.options;
    options.auto_reload_all = parsed.is_set("auto-reload-all");
    options.on_create = is_true(parsed, "reload-on-create");
    options.on_delete = is_true(parsed, "reload-on-delete");
    options.strategy = match parsed.value("reload-strategy").unwrap_or("env-vars") {
        "env-vars" => Strategy::EnvVars,
        "annotations" => Strategy::Annotations,
        _ => return Err(Fault::wrong("reload-strategy must be one of: env-vars, annotations")),
    };
    options.ignored = ignored_kinds(parsed)?;
    settings.has_rollouts = is_true(parsed, "is-Argo-Rollouts");
    let openshift = parsed.value("is-openshift").unwrap_or("false");
    settings.has_deployment_configs = match openshift {
        "auto" => false,
        word => base::truth::parse(word)
            .ok_or_else(|| Fault::wrong(format!("`--is-openshift` takes true, false or auto, not `{word}`")))?,
    };
    settings.ignored_resources = ignored_resources(parsed)?;
    settings.resource_selector = selector_of(parsed, "resource-label-selector")?;
    settings.namespace_selector = selector_of(parsed, "namespace-selector")?;
    settings.ignored_namespaces = list(parsed, "namespaces-to-ignore").into_iter().collect();
    settings.replays_start = parsed.is_set("sync-after-restart");
    settings.coalesce_window = duration(parsed, "coalesce-window", Duration::ZERO)?;
    settings.limit = limit(parsed)?;
    settings.counts_by_namespace = environment.value("METRICS_COUNT_BY_NAMESPACE") == Some("enabled");
    settings.has_provider_classes = parsed.is_set("enable-csi-integration");
    let scopes = scopes(parsed, environment, &mut settings, &mut warnings);
    let election = election(parsed, environment)?;
    let (form, level) = log_settings(parsed, &mut warnings);
    let meta_info = environment.value("RELOADER_NAMESPACE").map(|namespace| MetaInfo {
        namespace: namespace.to_owned(),
        data: meta_info::data(parsed, environment, &settings),
    });
    if meta_info.is_none() {
        warnings.push("RELOADER_NAMESPACE is not set, so no meta info ConfigMap is written".to_owned());
    }
    let webhook = webhook(parsed, environment)?;
    let alerts = alerts(environment)?;
    let asks_openshift = openshift == "auto";
    Ok(Checked { settings, scopes, election, form, level, warnings, webhook, alerts, meta_info, asks_openshift })
}

fn limit(parsed: &Parsed) -> Result<Limit, Fault> {
    let mut limit = Limit::default();
    if let Some(text) = parsed.value("restart-burst") {
        let wrong = |error| Fault::wrong(format!("`--restart-burst` takes a number, not `{text}`")).because(error);
        limit.burst = text.parse().map_err(wrong)?;
    }
    let interval = duration(parsed, "restart-interval", limit.interval.to_std())?;
    limit.interval = GoDuration::from_nanoseconds(i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX));
    Ok(limit)
}

fn http_client(environment: &Environment) -> Result<wire::Client, Fault> {
    let proxy = Proxy::of(environment)?;
    Ok(wire::Client::new(wire::client::Settings { proxy, ..wire::client::Settings::default() }))
}

fn webhook(parsed: &Parsed, environment: &Environment) -> Result<Option<(wire::Client, SecretText)>, Fault> {
    let Some(url) = parsed.value("webhook-url").filter(|url| !url.is_empty()) else { return Ok(None) };
    // Read once here, so that a broken address is told at the start and not at the first change.
    wire::Request::post(url).map_err(|fault| fault.within("cannot use `--webhook-url`"))?;
    Ok(Some((http_client(environment)?, SecretText::from(url))))
}

/// Alerts, if the environment wants them (RL §4.2).
fn alerts(environment: &Environment) -> Result<Option<AlertSettings>, Fault> {
    let value = |name: &str| environment.value(name).map(str::trim).filter(|text| !text.is_empty());
    if value("ALERT_ON_RELOAD") != Some("true") {
        return Ok(None);
    }
    let client = http_client(environment)?;
    let client = match value("ALERT_WEBHOOK_PROXY") {
        Some(proxy) => client.with_proxy(Proxy::always(proxy)?),
        None => client,
    };
    Ok(Some(AlertSettings {
        client,
        sink: Sink::named(value("ALERT_SINK").unwrap_or_default()),
        url: value("ALERT_WEBHOOK_URL").map(SecretText::from),
        info: value("ALERT_ADDITIONAL_INFO").unwrap_or_default().to_owned(),
    }))
}

fn set_keys(parsed: &Parsed, settings: &mut Settings) {
    let keys = &mut settings.options.keys;
    for (flag, key) in [
        ("auto-annotation", &mut keys.auto),
        ("configmap-annotation", &mut keys.configmap),
        ("secret-annotation", &mut keys.secret),
        ("configmap-auto-annotation", &mut keys.configmap_auto),
        ("secret-auto-annotation", &mut keys.secret_auto),
        // The peer's next version has flags for these, too (RL §22.2).
        ("secretproviderclass-annotation", &mut keys.provider_class),
        ("secretproviderclass-auto-annotation", &mut keys.provider_class_auto),
        ("configmap-exclude-annotation", &mut keys.configmap_exclude),
        ("secret-exclude-annotation", &mut keys.secret_exclude),
        ("secretproviderclass-exclude-annotation", &mut keys.provider_class_exclude),
        ("auto-search-annotation", &mut keys.search),
        ("search-match-annotation", &mut keys.matches),
        ("ignore-annotation", &mut keys.ignore),
        ("pause-deployment-annotation", &mut keys.pause_period),
        ("pause-deployment-time-annotation", &mut keys.paused_at),
    ] {
        if let Some(value) = parsed.value(flag).filter(|value| !value.is_empty()) {
            value.clone_into(key);
        }
    }
}

/// Every spelling of true counts, not only `true` as in the peer (RL §4.1).
fn is_true(parsed: &Parsed, flag: &str) -> bool {
    parsed.value(flag).and_then(base::truth::parse).unwrap_or(false)
}

/// A list flag: CSV, repeatable, quotes group commas; elements are trimmed.
fn list(parsed: &Parsed, flag: &str) -> Vec<String> {
    let mut elements = Vec::new();
    for text in parsed.values(flag) {
        let (mut element, mut quoted) = (String::new(), false);
        for character in text.chars() {
            match character {
                '"' => quoted = !quoted,
                ',' if !quoted => elements.push(std::mem::take(&mut element)),
                other => element.push(other),
            }
        }
        elements.push(element);
    }
    elements.into_iter().map(|element| element.trim().to_owned()).filter(|element| !element.is_empty()).collect()
}

fn ignored_kinds(parsed: &Parsed) -> Result<BTreeSet<Kind>, Fault> {
    let kind = |word: String| match word.as_str() {
        "jobs" => Ok(Kind::Job),
        "cronjobs" => Ok(Kind::CronJob),
        _ => Err(Fault::wrong(format!("`--ignored-workload-types` takes jobs and cronjobs, not `{word}`"))),
    };
    list(parsed, "ignored-workload-types").into_iter().map(kind).collect()
}

fn ignored_resources(parsed: &Parsed) -> Result<BTreeSet<ResourceKind>, Fault> {
    let words = list(parsed, "resources-to-ignore");
    if words.len() > 1 {
        return Err(Fault::wrong("`--resources-to-ignore` takes configmaps or secrets, not both"));
    }
    let kind = |word: String| match word.to_ascii_lowercase().as_str() {
        "configmaps" => Ok(ResourceKind::ConfigMap),
        "secrets" => Ok(ResourceKind::Secret),
        _ => Err(Fault::wrong(format!("`--resources-to-ignore` only accepts configmaps or secrets, not `{word}`"))),
    };
    words.into_iter().map(kind).collect()
}

fn selector_of(parsed: &Parsed, flag: &str) -> Result<Option<String>, Fault> {
    selector::of_pieces(flag, list(parsed, flag))
}

/// Scoped, single or global mode (RL §5.1).
fn scopes(
    parsed: &Parsed,
    environment: &Environment,
    settings: &mut Settings,
    warnings: &mut Vec<String>,
) -> Vec<Scope> {
    let mut named: BTreeSet<String> = list(parsed, "namespaces").into_iter().collect();
    if named.is_empty() {
        named.extend(environment.value("KUBERNETES_NAMESPACE").map(str::to_owned));
    }
    if !named.is_empty() {
        if !std::mem::take(&mut settings.ignored_namespaces).is_empty() {
            warnings.push("`--namespaces-to-ignore` has no effect where namespaces are named".to_owned());
        }
        if settings.namespace_selector.take().is_some() {
            warnings.push("`--namespace-selector` has no effect where namespaces are named".to_owned());
        }
        return named.into_iter().map(Scope::Namespace).collect();
    }
    let mut warning = "KUBERNETES_NAMESPACE is unset, will detect changes in all namespaces".to_owned();
    if !settings.ignored_namespaces.is_empty() {
        let names: Vec<&str> = settings.ignored_namespaces.iter().map(String::as_str).collect();
        warning.push_str(&format!(" except: {}", names.join(", ")));
    }
    warnings.push(warning + ".");
    if let Some(labels) = &settings.resource_selector {
        warnings.push(format!(
            "resource-label-selector is set, will only detect changes of resources with these labels: {labels}."
        ));
    }
    if let Some(labels) = &settings.namespace_selector {
        warnings.push(format!(
            "namespace-selector is set, will only detect changes in namespaces with these labels: {labels}."
        ));
    }
    vec![Scope::Cluster]
}

fn election(parsed: &Parsed, environment: &Environment) -> Result<Option<Election>, Fault> {
    if !parsed.is_set("enable-ha") {
        return Ok(None);
    }
    let needed = |name: &str| {
        let missing = || Fault::wrong(format!("{name} not set, cannot run in HA mode without {name} set"));
        environment.value(name).map(str::to_owned).ok_or_else(missing)
    };
    let (identity, namespace) = (needed("POD_NAME")?, needed("POD_NAMESPACE")?);
    let mut election = Election::new(namespace, FeatureName::Reloader.lease(), identity);
    election.lease_duration = duration(parsed, "leader-election-lease-duration", election.lease_duration)?;
    election.renew_deadline = duration(parsed, "leader-election-renew-deadline", election.renew_deadline)?;
    election.retry_period = duration(parsed, "leader-election-retry-period", election.retry_period)?;
    election.check()?;
    Ok(Some(election))
}

fn duration(parsed: &Parsed, flag: &str, default: Duration) -> Result<Duration, Fault> {
    let Some(text) = parsed.value(flag) else { return Ok(default) };
    let duration = GoDuration::parse(text)
        .map_err(|error| Fault::wrong(format!("invalid argument {text:?} for \"--{flag}\" flag")).because(error))?;
    Ok(duration.to_std())
}

fn log_settings(parsed: &Parsed, warnings: &mut Vec<String>) -> (Form, tracing::Level) {
    let form = match parsed.value("log-format").unwrap_or_default() {
        "" => Form::Logrus,
        "json" => Form::LogrusJson,
        other => {
            warnings.push(format!("`--log-format` takes json or nothing, not `{other}`"));
            Form::Logrus
        }
    };
    let level = match parsed.value("log-level").unwrap_or("info") {
        "trace" => tracing::Level::TRACE,
        "debug" => tracing::Level::DEBUG,
        "info" => tracing::Level::INFO,
        "warn" | "warning" => tracing::Level::WARN,
        "error" | "fatal" | "panic" => tracing::Level::ERROR,
        other => {
            warnings.push(format!("`--log-level` does not know `{other}`, so it stays info"));
            tracing::Level::INFO
        }
    };
    (form, level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(line: &str, environment: &[(&str, &str)]) -> Result<Checked, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let parsed = argv::parse(Grammar::Pflag, FLAGS, &words).map_err(|error| error.to_string())?;
        check(&parsed, &environment.iter().copied().collect()).map_err(|fault| fault.chain())
    }

    #[test]
    fn modes_go_list_then_environment_then_global() {
        let scopes = |line, environment: &[(&str, &str)]| checked(line, environment).map(|c| c.scopes);
        let one = |name: &str| Scope::Namespace(name.to_owned());
        assert_eq!(scopes("--namespaces=b,a,a", &[("KUBERNETES_NAMESPACE", "x")]), Ok(vec![one("a"), one("b")]));
        assert_eq!(scopes("--namespaces=", &[("KUBERNETES_NAMESPACE", "x")]), Ok(vec![one("x")]));
        assert_eq!(scopes("", &[]), Ok(vec![Scope::Cluster]));
    }

    #[test]
    fn wrong_settings_are_told_at_the_start() {
        for (line, expected) in [
            ("--reload-strategy=x", "reload-strategy must be one of: env-vars, annotations"),
            (
                "--resources-to-ignore=configMaps,secrets",
                "`--resources-to-ignore` takes configmaps or secrets, not both",
            ),
            ("--resources-to-ignore=x", "`--resources-to-ignore` only accepts configmaps or secrets, not `x`"),
            ("--ignored-workload-types=Jobs", "`--ignored-workload-types` takes jobs and cronjobs, not `Jobs`"),
            ("--enable-ha", "POD_NAME not set, cannot run in HA mode without POD_NAME set"),
            (
                "--enable-ha --leader-election-lease-duration=5s",
                "POD_NAME not set, cannot run in HA mode without POD_NAME set",
            ),
            ("--is-argo-rollouts=true", "unknown flag: --is-argo-rollouts"),
            ("--is-openshift=maybe", "`--is-openshift` takes true, false or auto, not `maybe`"),
            ("--restart-burst=-1", "`--restart-burst` takes a number, not `-1`: invalid digit found in string"),
            (
                "--resource-label-selector=a!=*",
                "`--resource-label-selector` holds `a!=*`, which is no label selector: `*` cannot be the value of a label",
            ),
        ] {
            assert_eq!(checked(line, &[]).map(drop), Err(expected.to_owned()), "{line}");
        }
        assert!(checked("--resources-to-ignore=sEcrets", &[]).is_ok());
    }

    #[test]
    fn filters_of_namespaces_are_for_all_namespaces_only() {
        let line = "--namespace-selector=team:shop,tier:* --namespaces-to-ignore=a,b";
        let global = checked(line, &[]).expect("it is right");
        assert_eq!(global.settings.namespace_selector.as_deref(), Some("team=shop,tier"));
        assert_eq!(global.settings.ignored_namespaces.len(), 2);
        let single = checked(line, &[("KUBERNETES_NAMESPACE", "x")]).expect("it is right");
        assert!(single.settings.namespace_selector.is_none() && single.settings.ignored_namespaces.is_empty());
        let told = single.warnings.iter().filter(|warning| warning.contains("has no effect")).count();
        assert_eq!(told, 2, "{:?}", single.warnings);
    }

    #[test]
    fn alerts_the_web_hook_and_the_meta_info_come_from_outside() {
        let plain = checked("", &[("ALERT_ON_RELOAD", "yes"), ("ALERT_WEBHOOK_URL", "http://x")]).expect("it is right");
        assert!(plain.alerts.is_none() && plain.webhook.is_none() && plain.meta_info.is_none());
        assert!(!plain.settings.counts_by_namespace);
        let variables = [
            ("ALERT_ON_RELOAD", "true"),
            ("ALERT_SINK", " Teams "),
            ("ALERT_WEBHOOK_URL", " http://x "),
            ("ALERT_WEBHOOK_PROXY", "http://127.0.0.1:1"),
            ("ALERT_ADDITIONAL_INFO", " eu-1 "),
            ("METRICS_COUNT_BY_NAMESPACE", "enabled"),
            ("RELOADER_NAMESPACE", "ops"),
        ];
        let full = checked("--webhook-url=https://hook/token --is-Argo-Rollouts=T", &variables).expect("it is right");
        let alerts = full.alerts.expect("they are asked for");
        assert_eq!((alerts.sink, &*alerts.info), (Sink::Teams, "eu-1"));
        assert_eq!(alerts.url.as_ref().map(SecretText::expose), Some("http://x"));
        assert!(!full.settings.has_deployment_configs && !full.asks_openshift);
        let openshift = |word| {
            checked(&format!("--is-openshift={word}"), &[]).map(|checked| checked.settings.has_deployment_configs)
        };
        assert_eq!((openshift("T"), openshift("auto"), openshift("0")), (Ok(true), Ok(false), Ok(false)));
        assert!(full.webhook.is_some() && full.settings.counts_by_namespace && full.settings.has_rollouts);
        assert_eq!(full.meta_info.map(|info| info.namespace).as_deref(), Some("ops"));
        let wrong = checked("--webhook-url=ftp://hook/token", &[]).map(drop).expect_err("it cannot be asked");
        assert!(wrong.starts_with("cannot use `--webhook-url`") && !wrong.contains("token"), "{wrong}");
    }
}
