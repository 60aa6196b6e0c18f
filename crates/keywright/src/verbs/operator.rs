//! `keywright operator`: all features in one process, from KUBECONFIG or in-cluster, with one listener and a lease each. The
//! small cluster's way; on a larger one each feature runs by its own name under its own rights. Specification: design §7.

use std::sync::Arc;

use base::Fault;
use http::StatusCode;
use operator::cache::Scope;
use operator::controllers;
use operator::external_secrets;
use operator::feature::FeatureName;
use operator::leader::Election;
use operator::listener::{Listener, Routes, text};
use operator::metrics::Metrics;
use operator::process::Process;
use operator::reloader;
use operator::sealed_secrets;
use operator::shared::Clock;
use operator::vault_secrets;
use operator::world::stores::Providers;
use wire::Environment;

use crate::argv::{self, ArgvError, Flag, Grammar, value};
use crate::logs::{Form, To};
use crate::personalities::metrics_route;
use crate::{Call, Exit, Failure, cluster, logs, reach};

const FLAGS: &[Flag] = &[
    value("features", "which features to run, by comma; all by default"),
    value("listen-addr", "where metrics and health are served (:8080)"),
    value("log-format", "text or json"),
    value("log-level", "debug, info, warn or error"),
];

/// How many passes of one feature run at once: they wait for the network, not for the processor.
const WORKERS: usize = 10;

/// Runs the operator until it is asked to end.
///
/// # Errors
/// The command line is wrong, or there is no cluster.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match argv::parse(Grammar::Pflag, FLAGS, &call.args) {
        Ok(parsed) => parsed,
        Err(ArgvError::Help { .. }) => {
            call.ui.data(argv::usage("keywright operator", FLAGS).as_bytes())?;
            return Ok(Exit::SUCCESS);
        }
        Err(ArgvError::Wrong(text)) => return Err(Failure::new(2, Fault::wrong(text))),
    };
    let features = features(parsed.value("features"))?;
    let level = match parsed.value("log-level").unwrap_or("info") {
        "debug" => tracing::Level::DEBUG,
        "warn" => tracing::Level::WARN,
        "error" => tracing::Level::ERROR,
        _ => tracing::Level::INFO,
    };
    let form = match parsed.value("log-format").unwrap_or("text") {
        "json" => Form::SlogJson,
        _ => Form::Slog,
    };
    logs::start(form, To::Stderr, level);
    let address = parsed.value("listen-addr").unwrap_or(":8080").to_owned();
    cluster::block_on(serve(features, address, call.environment.clone()))?;
    Ok(Exit::SUCCESS)
}

fn features(text: Option<&str>) -> Result<Vec<FeatureName>, Fault> {
    let Some(text) = text else { return Ok(FeatureName::ALL.to_vec()) };
    let feature = |word: &str| {
        FeatureName::ALL.into_iter().find(|feature| feature.as_str() == word.trim()).ok_or_else(|| {
            let all: Vec<&str> = FeatureName::ALL.iter().map(|feature| feature.as_str()).collect();
            Fault::wrong(format!("there is no feature `{}`", word.trim()))
                .hint(format!("choose from {}", all.join(", ")))
        })
    };
    text.split(',').map(feature).collect()
}

/// Puts the features into a process, without settings of their own.
pub(super) fn add_features(
    process: &mut Process,
    features: &[FeatureName],
    namespace: &str,
    election: impl Fn(FeatureName) -> Option<Election>,
) {
    for feature in features.iter().copied() {
        match feature {
            FeatureName::ExternalSecrets => {
                let settings = external_secrets::Settings::default();
                process.shared().remember(settings.clone());
                process.add(feature, WORKERS, election(feature), |driver| {
                    controllers::external_secrets(driver, &settings)
                });
            }
            FeatureName::Reloader => {
                let settings = reloader::Settings::default();
                process.shared().remember(settings.clone());
                process.add(feature, WORKERS, election(feature), |driver| controllers::reloader(driver, &settings));
            }
            FeatureName::SealedSecrets => {
                let settings = sealed_secrets::Settings::new(namespace);
                process.shared().remember(settings.clone());
                process.add(feature, WORKERS, election(feature), controllers::sealed_secrets);
                if let Some(leads) = process.leads(feature) {
                    tokio::spawn(sealed_secrets::keys::keep(Arc::clone(process.shared()), settings, leads));
                }
            }
            FeatureName::VaultSecrets => {
                vault_secrets::prepare(process.shared(), vault_secrets::Settings::new(namespace));
                process.add(feature, WORKERS, election(feature), controllers::vault_secrets);
            }
        }
    }
}

async fn serve(features: Vec<FeatureName>, address: String, environment: Environment) -> Result<(), Fault> {
    let end = cluster::asked_to_end()?;
    let cluster = cluster::own().await?;
    let listener = Listener::bind(&address).await?;
    let mut process = Process::new(cluster.client.clone(), vec![Scope::Cluster], Clock::System, cluster::seed()?);
    process.shared().remember(Providers::new(reach::of_operator(environment.clone(), cluster), "default"));
    let namespace = own_namespace(&environment);
    add_features(&mut process, &features, &namespace, |feature| Some(election(feature, &environment)));
    let all: Vec<Arc<Metrics>> = features.iter().filter_map(|feature| process.metrics(*feature)).collect();
    tracing::info!(features = features.iter().map(|feature| feature.as_str()).collect::<Vec<_>>().join(","), "started");
    let routes = Routes::default()
        .with("/healthz", |_| async { text(StatusCode::OK, "ok\n") })
        .with("/readyz", |_| async { text(StatusCode::OK, "ok\n") });
    let routes = metrics_route(routes, all);
    let routes = sealed_secrets::http::routes(routes, process.shared());
    tokio::spawn(listener.serve(routes, std::future::pending()));
    process.run(end).await;
    Ok(())
}

/// The namespace in which leases and sealing keys lie.
pub(super) fn own_namespace(environment: &Environment) -> String {
    let told = environment.first(&["POD_NAMESPACE", "OPERATOR_NAMESPACE"]).map(str::to_owned);
    told.or_else(cluster::pod_namespace).unwrap_or_else(|| "default".to_owned())
}

/// The feature's lease, in our own namespace.
fn election(feature: FeatureName, environment: &Environment) -> Election {
    let namespace = own_namespace(environment);
    let host = environment.first(&["POD_NAME", "HOSTNAME"]).unwrap_or("keywright");
    Election::new(namespace, feature.lease(), format!("{host}_{}", std::process::id()))
}
