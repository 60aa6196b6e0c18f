//! The chart `charts/keywright`: a Deployment for each feature under its generated role, and the definitions. What differs
//! between the features stands in one table; how a Deployment looks stands in one template beside it. The values' schema is read off their
//! defaults, so that a misspelt or foreign value is told instead of overlooked.
//! Specification: design §7; ESO §12.4, SS §14, RL §16, VSO §14.

mod settings;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::kinds::crds;
use base::Fault;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use operator::feature::FeatureName;
use operator::roles::Line;
use serde_json::{Map, Value, json};

use self::settings::Setting;
use super::Files;
use super::granted::{Granted, Part};
use crate::verbs::crds::unions;

/// One feature's Deployment.
struct Workload {
    feature: FeatureName,
    /// Its key in the chart's values.
    key: &'static str,
    /// The word that calls it.
    command: &'static str,
    args: &'static [&'static str],
    /// Variables from fields of the pod.
    environment: &'static [(&'static str, &'static str)],
    ports: &'static [(&'static str, u16)],
    /// The port of the probes, and the paths.
    probes: (&'static str, &'static str, &'static str),
    /// The name of the port that serves metrics.
    metrics: &'static str,
    /// How it is confined to namespaces: template text that sets `$namespaces`, and the words where it holds some.
    confined: (&'static str, &'static [&'static str]),
    /// Values that become words of its command line.
    settings: &'static [Setting],
    /// More objects, as template text.
    extra: &'static str,
    /// More values, as YAML below the feature's key.
    values: &'static str,
}

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

const WORKLOADS: [Workload; 4] = [
    Workload {
        feature: FeatureName::ExternalSecrets,
        key: "externalSecrets",
        command: "external-secrets",
        args: &["--enable-leader-election=true"],
        environment: &[("POD_NAME", NAME), ("POD_NAMESPACE", NAMESPACE)],
        ports: &[("metrics", 8080), ("health", 8082)],
        probes: ("health", "/healthz", "/readyz"),
        metrics: "metrics",
        confined: (
            r#"{{- $namespaces := ternary (list .scopedNamespace) list (ne .scopedNamespace "") }}"#,
            &[
                "--namespace={{ first $namespaces }}",
                "--enable-cluster-store-reconciler=false",
                "--enable-cluster-external-secret-reconciler=false",
                "--enable-cluster-push-secret-reconciler=false",
            ],
        ),
        settings: &[],
        extra: "",
        values: "  # The one namespace that is watched, with a Role there; all with a ClusterRole if empty.\n  scopedNamespace: \"\"\n",
    },
    Workload {
        feature: FeatureName::Reloader,
        key: "reloader",
        command: "reloader",
        args: &["--enable-ha=true"],
        environment: &[("POD_NAME", NAME), ("POD_NAMESPACE", NAMESPACE), ("RELOADER_NAMESPACE", NAMESPACE)],
        ports: &[("http", 9090)],
        probes: ("http", "/live", "/readyz"),
        metrics: "http",
        confined: (
            "{{- if and .ignoreSecrets .ignoreConfigMaps }}\n\
             {{- fail \"reloader.ignoreSecrets and reloader.ignoreConfigMaps: nothing is left to watch\" }}\n{{- end }}\n\
             {{- $namespaces := list }}\n{{- if or .namespaces (not .watchGlobally) }}\n\
             {{- $namespaces = append .namespaces $.Release.Namespace | uniq | sortAlpha }}\n{{- end }}",
            &[r#"--namespaces={{ join "," $namespaces }}"#],
        ),
        settings: settings::RELOADER,
        extra: "",
        values: "  # All namespaces with a ClusterRole; or the own one and those that are named, with a Role in each.\n  watchGlobally: true\n  namespaces: []\n",
    },
    Workload {
        feature: FeatureName::SealedSecrets,
        key: "sealedSecrets",
        command: "controller",
        args: &["--update-status"],
        environment: &[("MY_POD_NAME", NAME), ("MY_POD_NAMESPACE", NAMESPACE), ("POD_NAMESPACE", NAMESPACE)],
        ports: &[("http", 8080), ("metrics", 8081)],
        probes: ("http", "/healthz", "/healthz"),
        metrics: "metrics",
        confined: (
            "{{- if gt (int .replicas) 1 }}\n\
             {{- fail \"sealedSecrets.replicas: the controller takes no lease, so there can be only one\" }}\n{{- end }}\n\
             {{- $namespaces := list }}\n{{- if .additionalNamespaces }}\n\
             {{- $namespaces = append .additionalNamespaces $.Release.Namespace | uniq | sortAlpha }}\n{{- end }}",
            &["--all-namespaces=false", r#"--additional-namespaces={{ join "," $namespaces }}"#],
        ),
        settings: &[],
        extra: include_str!("chart/sealed_secrets_service.yaml"),
        values: "  # The namespaces that are watched beside the own one, with a Role in each; all with a ClusterRole if empty.\n  additionalNamespaces: []\n  service:\n    # Where kubeseal looks for the certificate.\n    name: sealed-secrets-controller\n",
    },
    Workload {
        feature: FeatureName::VaultSecrets,
        key: "vaultSecrets",
        command: "vault-secrets-operator",
        args: &["--leader-elect", "--metrics-bind-address=:8080", "--health-probe-bind-address=:8081"],
        environment: &[
            ("OPERATOR_POD_NAME", NAME),
            ("OPERATOR_POD_UID", "metadata.uid"),
            ("OPERATOR_NAMESPACE", NAMESPACE),
        ],
        ports: &[("metrics", 8080), ("health", 8081)],
        probes: ("health", "/healthz", "/readyz"),
        metrics: "metrics",
        confined: ("{{- $namespaces := list }}", &[]),
        settings: &[],
        extra: "",
        values: "",
    },
];

/// The values of one feature; `KEY` is its key.
const VALUES: &str = include_str!("chart/feature_values.yaml");

/// Objects among the values whose members are the cluster's to know.
const OPEN: [&str; 2] = ["podSecurityContext", "securityContext"];

/// Every file of the chart.
pub fn files(granted: &[Granted]) -> Result<Files, Fault> {
    let mut files = Files::new();
    let mut add = |path: &str, text: String| files.insert(format!("charts/keywright/{path}"), text);
    let version = env!("CARGO_PKG_VERSION");
    add(
        "Chart.yaml",
        format!(
            "apiVersion: v2\nname: keywright\ndescription: Carries secrets from Git and from secret managers into Kubernetes workloads\n\
             type: application\nversion: {version}\nappVersion: {version:?}\n"
        ),
    );
    add("templates/_helpers.tpl", include_str!("chart/_helpers.tpl").to_owned());
    let mut values = include_str!("chart/values.yaml").to_owned();
    for granted in granted {
        let workload =
            WORKLOADS.iter().find(|each| each.feature == granted.feature).expect("every feature has its line");
        add(&format!("templates/{}.yaml", granted.feature.as_str()), template(workload, granted));
        values.push_str(&VALUES.replace("KEY", workload.key));
        values.push_str(workload.values);
        values.push_str(&settings::values(workload.settings));
    }
    let definitions = crds(&unions());
    add("templates/aggregate.yaml", aggregate(&definitions));
    add("values.schema.json", schema(&values)?);
    add("values.yaml", values);
    for crd in definitions {
        let name = crd.metadata.name.as_deref().unwrap_or_default();
        let text =
            serde_saphyr::to_string(&crd).map_err(|error| Fault::bug("cannot write a definition").because(error))?;
        add(&format!("crds/{name}.yaml"), text);
    }
    Ok(files)
}

fn template(workload: &Workload, granted: &Granted) -> String {
    let (probed, live, ready) = workload.probes;
    let lines = |lines: Vec<String>| lines.join("\n");
    let mut args: Vec<String> = workload.args.iter().map(|arg| format!("            - {arg:?}")).collect();
    let (namespaces, confining) = workload.confined;
    if !confining.is_empty() {
        let words = confining.iter().map(|word| format!("            - {word}"));
        args.push(format!(
            "            {{{{- if $namespaces }}}}\n{}\n            {{{{- end }}}}",
            lines(words.collect())
        ));
    }
    args.extend(settings::args(workload.settings));
    let ports = workload
        .ports
        .iter()
        .map(|(name, port)| format!("            - name: {name}\n              containerPort: {port}"));
    let environment = workload.environment.iter().map(|(name, path)| {
        format!(
            "            - name: {name}\n              valueFrom:\n                fieldRef:\n                  fieldPath: {path}"
        )
    });
    let environment = environment.chain(settings::variables(workload.settings));
    let port = workload.ports.iter().find(|(name, _)| *name == workload.metrics).expect("the port is among them").1;
    let parts: Vec<String> = granted.parts.iter().map(part).collect();
    let filled = [
        ("@NAMESPACES@", namespaces.to_owned()),
        ("@KEY@", workload.key.to_owned()),
        ("@FEATURE@", workload.feature.as_str().to_owned()),
        ("@COMMAND@", workload.command.to_owned()),
        ("@EVERYWHERE@", rules(&granted.role.everywhere) + &parts.concat()),
        ("@LOCAL@", rules(&granted.role.local).replace('\n', "\n  ")),
        ("@ARGS@", lines(args)),
        ("@ENVIRONMENT@", lines(environment.collect())),
        ("@PORTS@", lines(ports.collect())),
        ("@LIVE@", live.to_owned()),
        ("@READY@", ready.to_owned()),
        ("@PROBED@", probed.to_owned()),
        ("@METRICS@", workload.metrics.to_owned()),
        ("@METRICS_PORT@", port.to_string()),
        ("@EXTRA@\n", workload.extra.to_owned()),
    ];
    filled.iter().fold(include_str!("chart/feature.yaml").to_owned(), |text, (mark, with)| text.replace(mark, with))
}

/// Rules that depend on a value, or on the flag of it among the arguments.
fn part(part: &Part) -> String {
    let Part { switch, lines } = part;
    let condition = match switch.brings {
        true => format!("or .{} (contains {:?} (join \" \" .args))", switch.value, switch.flag),
        false => format!("not .{}", switch.value),
    };
    format!("\n{{{{- if {condition} }}}}\n{}\n{{{{- end }}}}", rules(lines))
}

/// The rules of a role as YAML.
fn rules(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&rule(line.group, &line.resources, &line.verbs));
    }
    text.truncate(text.trim_end().len());
    text
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> String {
    let words = |words: &[&str]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    let (resources, verbs) = (words(resources), words(verbs));
    format!("- apiGroups: [{group:?}]\n  resources: [{resources}]\n  verbs: [{verbs}]\n")
}

/// Roles that add our kinds to the cluster's own `view`, `edit` and `admin`. Kinds of the whole cluster are its administrators', and what
/// operators remember of generators is theirs.
fn aggregate(definitions: &[CustomResourceDefinition]) -> String {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for spec in definitions
        .iter()
        .map(|crd| &crd.spec)
        .filter(|spec| spec.scope == "Namespaced" && spec.names.kind != "GeneratorState")
    {
        groups.entry(&spec.group).or_default().push(&spec.names.plural);
    }
    let mut text = String::from("{{- if .Values.aggregateRoles }}\n");
    let see: &[&str] = &["get", "list", "watch"];
    let write: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
    for (name, verbs, into) in [("view", see, &["view", "edit", "admin"][..]), ("edit", write, &["edit", "admin"][..])]
    {
        let labels: Vec<String> =
            into.iter().map(|role| format!("    rbac.authorization.k8s.io/aggregate-to-{role}: \"true\"\n")).collect();
        let rules: Vec<String> = groups
            .iter()
            .map(|(group, plurals)| format!("  {}", rule(group, plurals, verbs).trim_end().replace('\n', "\n  ")))
            .collect();
        write!(
            text,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {{{{ include \"keywright.name\" . }}}}-{name}\n\
             \x20 labels:\n    {{{{- include \"keywright.labels\" (list . \"roles\") | nindent 4 }}}}\n{}rules:\n{}\n",
            labels.concat(),
            rules.join("\n")
        )
        .expect("a String takes any text");
    }
    text + "{{- end }}\n"
}

/// What values may look like, read off their defaults.
fn schema(values: &str) -> Result<String, Fault> {
    let values: Value = serde_saphyr::from_str(values)
        .map_err(|error| Fault::bug("the chart's own values are no YAML").because(error))?;
    let mut schema = shape("", &values);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    // Helm's own, for whoever nests this chart in another.
    schema["properties"]["global"] = json!({ "type": "object" });
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Fault::bug("cannot write the schema of values").because(error))?;
    Ok(text + "\n")
}

fn shape(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) if members.is_empty() || OPEN.contains(&name) => json!({ "type": "object" }),
        Value::Object(members) => {
            let properties: Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), shape(name, value))).collect();
            json!({ "type": "object", "additionalProperties": false, "properties": properties })
        }
        Value::Array(_) => json!({ "type": "array" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(_) => json!({ "type": "integer" }),
        // A tag or a period of digits alone is a number for YAML.
        Value::String(_) | Value::Null => json!({ "type": ["string", "number"] }),
    }
}
