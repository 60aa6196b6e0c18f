//! What the process says of itself in the meta-info ConfigMap: what it is, how it was started, where it runs. Keys stand in the
//! peer's order; the web hook's address may hold a token and is left out. Specification: RL §15.6.

use std::collections::BTreeMap;

use api::reload::ResourceKind;
use operator::reloader::Settings;
use plan::reload::{Kind, Strategy};
use serde_json::{Value, json};
use wire::Environment;

use super::list;
use crate::argv::Parsed;

/// The ConfigMap's entries.
pub(super) type Data = BTreeMap<&'static str, String>;

/// The entries for a process that was started so.
pub(super) fn data(parsed: &Parsed, environment: &Environment, settings: &Settings) -> Data {
    let variable = |name: &str| json!(environment.value(name).unwrap_or_default());
    let build: [(&str, Value); 5] = [
        ("goVersion", json!("")),
        ("releaseVersion", json!(env!("CARGO_PKG_VERSION"))),
        ("commitHash", json!("unknown")),
        ("commitTime", json!("0001-01-01T00:00:00Z")),
        ("edition", json!("oss")),
    ];
    let deployment = [("name", variable("RELOADER_DEPLOYMENT_NAME")), ("namespace", variable("RELOADER_NAMESPACE"))];
    [
        ("buildInfo", written(build)),
        ("reloaderOptions", written(keys(settings).into_iter().chain(options(parsed, settings)))),
        ("deploymentInfo", written(deployment)),
    ]
    .into()
}

fn keys(settings: &Settings) -> [(&'static str, Value); 17] {
    let keys = &settings.options.keys;
    [
        ("autoReloadAll", json!(settings.options.auto_reload_all)),
        ("configmapUpdateOnChangeAnnotation", json!(keys.configmap)),
        ("secretUpdateOnChangeAnnotation", json!(keys.secret)),
        ("secretProviderClassUpdateOnChangeAnnotation", json!(keys.provider_class)),
        ("reloaderAutoAnnotation", json!(keys.auto)),
        ("ignoreResourceAnnotation", json!(keys.ignore)),
        ("configmapReloaderAutoAnnotation", json!(keys.configmap_auto)),
        ("secretReloaderAutoAnnotation", json!(keys.secret_auto)),
        ("secretProviderClassReloaderAutoAnnotation", json!(keys.provider_class_auto)),
        ("configmapExcludeReloaderAnnotation", json!(keys.configmap_exclude)),
        ("secretExcludeReloaderAnnotation", json!(keys.secret_exclude)),
        ("secretProviderClassExcludeReloaderAnnotation", json!(keys.provider_class_exclude)),
        ("autoSearchAnnotation", json!(keys.search)),
        ("searchMatchAnnotation", json!(keys.matches)),
        ("rolloutStrategyAnnotation", json!(keys.rollout_strategy)),
        ("pauseDeploymentAnnotation", json!(keys.pause_period)),
        ("pauseDeploymentTimeAnnotation", json!(keys.paused_at)),
    ]
}

fn options(parsed: &Parsed, settings: &Settings) -> [(&'static str, Value); 17] {
    let options = &settings.options;
    let text = |flag: &str, default: &str| json!(parsed.value(flag).unwrap_or(default));
    let resource = |kind: &ResourceKind| if *kind == ResourceKind::Secret { "secrets" } else { "configmaps" };
    let workload = |kind: &Kind| if *kind == Kind::Job { "jobs" } else { "cronjobs" };
    let strategy = if options.strategy == Strategy::EnvVars { "env-vars" } else { "annotations" };
    let webhook = if parsed.value("webhook-url").unwrap_or_default().is_empty() { "" } else { "(set)" };
    [
        ("logFormat", text("log-format", "")),
        ("logLevel", text("log-level", "info")),
        ("isArgoRollouts", json!(settings.has_rollouts)),
        ("reloadStrategy", json!(strategy)),
        ("reloadOnCreate", json!(options.on_create)),
        ("reloadOnDelete", json!(options.on_delete)),
        ("syncAfterRestart", json!(parsed.is_set("sync-after-restart"))),
        ("enableHA", json!(parsed.is_set("enable-ha"))),
        ("enableCSIIntegration", json!(settings.has_provider_classes)),
        ("webhookUrl", json!(webhook)),
        ("resourcesToIgnore", settings.ignored_resources.iter().map(resource).collect()),
        ("workloadTypesToIgnore", options.ignored.iter().map(workload).collect()),
        ("namespaceSelectors", list(parsed, "namespace-selector").into()),
        ("resourceSelectors", list(parsed, "resource-label-selector").into()),
        ("namespacesToIgnore", list(parsed, "namespaces-to-ignore").into()),
        ("enablePProf", json!(parsed.is_set("enable-pprof"))),
        ("pprofAddr", text("pprof-addr", ":6060")),
    ]
}

/// Compact JSON whose keys keep their order.
fn written(fields: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argv::{self, Grammar};

    #[test]
    fn the_options_stand_in_the_peers_order_without_the_address() {
        let words = ["--webhook-url=https://x/token", "--reload-on-create=1", "--namespaces-to-ignore=a, b"];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let parsed = argv::parse(Grammar::Pflag, super::super::FLAGS, &words).expect("known flags");
        let environment = [("RELOADER_NAMESPACE", "ops"), ("RELOADER_DEPLOYMENT_NAME", "rl")].into_iter().collect();
        let mut settings = Settings::default();
        settings.options.on_create = true;
        let data = data(&parsed, &environment, &settings);
        let options = &data["reloaderOptions"];
        assert!(options.starts_with(
            r#"{"autoReloadAll":false,"configmapUpdateOnChangeAnnotation":"configmap.reloader.stakater.com/reload","#
        ));
        assert!(options.contains(r#""logFormat":"","logLevel":"info","isArgoRollouts":false,"reloadStrategy":"env-vars","reloadOnCreate":true,"#));
        assert!(options.contains(r#""webhookUrl":"(set)","resourcesToIgnore":[],"workloadTypesToIgnore":[],"#));
        assert!(
            options.ends_with(r#""namespacesToIgnore":["a","b"],"enablePProf":false,"pprofAddr":":6060"}"#),
            "{options}"
        );
        assert!(!options.contains("token"));
        assert_eq!(data["deploymentInfo"], r#"{"name":"rl","namespace":"ops"}"#);
    }
}
