//! The values of the chart that become words of Reloader's command line: the names are those of the peer's chart, so that a team's
//! values go on to hold. Specification: RL §16.

use std::fmt::Write as _;

/// What a value looks like, and what becomes of it.
pub enum Becomes {
    /// A switch: these words, if it is on.
    Words(&'static str),
    /// A text: the value of this flag, unless it is empty.
    Flag(&'static str),
    /// A switch: this variable gets this value, if it is on.
    Variable(&'static str, &'static str),
}

/// One value.
pub struct Setting {
    pub value: &'static str,
    pub becomes: Becomes,
    pub about: &'static str,
}

const fn words(value: &'static str, words: &'static str, about: &'static str) -> Setting {
    Setting { value, becomes: Becomes::Words(words), about }
}

const fn flag(value: &'static str, flag: &'static str, about: &'static str) -> Setting {
    Setting { value, becomes: Becomes::Flag(flag), about }
}

pub const RELOADER: &[Setting] = &[
    words("autoReloadAll", "--auto-reload-all=true", "Workloads without an auto annotation count as opted in."),
    words("isArgoRollouts", "--is-Argo-Rollouts=true", "Argo Rollouts are reloaded, too."),
    words("isOpenshift", "--is-openshift=true", "OpenShift's DeploymentConfigs are reloaded, too."),
    words("enableCSIIntegration", "--enable-csi-integration=true", "Rotations by the Secrets Store CSI driver reload."),
    words("ignoreSecrets", "--resources-to-ignore=secrets", "Secrets are not watched; not together with the next."),
    words("ignoreConfigMaps", "--resources-to-ignore=configmaps", "ConfigMaps are not watched."),
    words("ignoreJobs", "--ignored-workload-types=jobs", "Jobs are left alone."),
    words("ignoreCronJobs", "--ignored-workload-types=cronjobs", "CronJobs are left alone."),
    words("reloadOnCreate", "--reload-on-create=true", "A ConfigMap or Secret that is created reloads."),
    words("reloadOnDelete", "--reload-on-delete=true", "One that is deleted reloads."),
    words("syncAfterRestart", "--sync-after-restart=true", "What is there at the start counts as created."),
    flag("reloadStrategy", "--reload-strategy", "env-vars (default) or annotations."),
    flag("ignoreNamespaces", "--namespaces-to-ignore", "Namespaces that are left alone, by comma."),
    flag("namespaceSelector", "--namespace-selector", "Namespaces with these labels only."),
    flag("resourceLabelSelector", "--resource-label-selector", "ConfigMaps and Secrets with these labels only."),
    flag("webhookUrl", "--webhook-url", "A request is sent there in the place of reloads."),
    flag("coalesceWindow", "--coalesce-window", "Changes for one workload are gathered for this long."),
    flag("restartBurst", "--restart-burst", "How often one workload may restart without a break (200)."),
    flag("restartInterval", "--restart-interval", "After that, it restarts once in this time (30s)."),
    flag("logFormat", "--log-format", "json, or logfmt where empty."),
    flag("logLevel", "--log-level", "trace, debug, info (default), warn or error."),
    Setting {
        value: "enableMetricsByNamespace",
        becomes: Becomes::Variable("METRICS_COUNT_BY_NAMESPACE", "enabled"),
        about: "Reloads are counted by namespace, too.",
    },
];

/// The peer's names of its own annotations in `custom_annotations`, and the flags that set their keys.
const KEYS: [(&str, &str); 10] = [
    ("auto", "auto-annotation"),
    ("configmap", "configmap-annotation"),
    ("secret", "secret-annotation"),
    ("configmap_auto", "configmap-auto-annotation"),
    ("secret_auto", "secret-auto-annotation"),
    ("search", "auto-search-annotation"),
    ("match", "search-match-annotation"),
    ("ignore", "ignore-annotation"),
    ("pausePeriod", "pause-deployment-annotation"),
    ("pauseTime", "pause-deployment-time-annotation"),
];

/// The values with their defaults, as YAML below the feature's key.
pub fn values(settings: &[Setting]) -> String {
    let mut text = String::new();
    for Setting { value, becomes, about } in settings {
        let default = if matches!(becomes, Becomes::Flag(_)) { "\"\"" } else { "false" };
        let _ = writeln!(text, "  # {about}\n  {value}: {default}");
    }
    if !settings.is_empty() {
        let names: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
        let _ = writeln!(text, "  # Other keys of annotations: {}.\n  custom_annotations: {{}}", names.join(", "));
    }
    text
}

/// The words of the command line, as template text.
pub fn args(settings: &[Setting]) -> Vec<String> {
    let mut args: Vec<String> = settings.iter().filter_map(arg).collect();
    if !settings.is_empty() {
        args.extend(KEYS.iter().map(|(name, flag)| {
            format!(
                "            {{{{- with .custom_annotations.{name} }}}}\n            - {{{{ printf \"--{flag}=%v\" . | quote }}}}\n            {{{{- end }}}}"
            )
        }));
    }
    args
}

fn arg(setting: &Setting) -> Option<String> {
    let value = setting.value;
    Some(match setting.becomes {
        Becomes::Words(words) => {
            format!("            {{{{- if .{value} }}}}\n            - {words:?}\n            {{{{- end }}}}")
        }
        Becomes::Flag(flag) => {
            // The peer's chart has a word for no flag here.
            let nothing = if value == "reloadStrategy" { " \"default\"" } else { "" };
            format!(
                "            {{{{- if not (has (toString .{value}) (list \"\" \"<nil>\"{nothing})) }}}}\n            - {{{{ printf \"{flag}=%v\" .{value} | quote }}}}\n            {{{{- end }}}}"
            )
        }
        Becomes::Variable(..) => return None,
    })
}

/// The variables, as template text.
pub fn variables(settings: &[Setting]) -> Vec<String> {
    let variable = |setting: &Setting| match setting.becomes {
        Becomes::Variable(name, value) => Some(format!(
            "            {{{{- if .{} }}}}\n            - name: {name}\n              value: {value}\n            {{{{- end }}}}",
            setting.value
        )),
        _ => None,
    };
    settings.iter().filter_map(variable).collect()
}
