//! The chart `charts/keywright`: a Deployment for each feature under its generated role, and the definitions. What differs
//! between the features stands in one table; how a Deployment looks stands in one template beside it.
//! Specification: design §7; ESO §12.4, SS §14, RL §16, VSO §14.

use std::fmt::Write as _;

use api::kinds::crds;
use base::Fault;
use operator::feature::FeatureName;
use operator::roles::{Line, Role};

use super::Files;
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
        extra: "",
        values: "",
    },
    Workload {
        feature: FeatureName::Reloader,
        key: "reloader",
        command: "reloader",
        args: &["--enable-ha=true"],
        environment: &[("POD_NAME", NAME), ("POD_NAMESPACE", NAMESPACE), ("RELOADER_NAMESPACE", NAMESPACE)],
        ports: &[("http", 9090)],
        probes: ("http", "/live", "/metrics"),
        extra: "",
        values: "",
    },
    Workload {
        feature: FeatureName::SealedSecrets,
        key: "sealedSecrets",
        command: "controller",
        args: &["--update-status"],
        environment: &[("MY_POD_NAME", NAME), ("MY_POD_NAMESPACE", NAMESPACE), ("POD_NAMESPACE", NAMESPACE)],
        ports: &[("http", 8080), ("metrics", 8081)],
        probes: ("http", "/healthz", "/healthz"),
        extra: include_str!("chart/sealed_secrets_service.yaml"),
        values: "  service:\n    # Where kubeseal looks for the certificate.\n    name: sealed-secrets-controller\n",
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
        extra: "",
        values: "",
    },
];

/// The values of one feature; `KEY` is its key.
const VALUES: &str = "
KEY:
  enabled: true
  replicas: 1
  # More words of the command line, and more variables.
  args: []
  env: []
  podLabels: {}
  resources: {}
  serviceAccount:
    annotations: {}
";

/// Every file of the chart.
pub fn files(roles: &[(FeatureName, Role)]) -> Result<Files, Fault> {
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
    for (feature, role) in roles {
        let workload = WORKLOADS.iter().find(|each| each.feature == *feature).expect("every feature has its line");
        add(&format!("templates/{}.yaml", feature.as_str()), template(workload, role));
        values.push_str(&VALUES.replace("KEY", workload.key));
        values.push_str(workload.values);
    }
    add("values.yaml", values);
    for crd in crds(&unions()) {
        let name = crd.metadata.name.as_deref().unwrap_or_default();
        let text =
            serde_saphyr::to_string(&crd).map_err(|error| Fault::bug("cannot write a definition").because(error))?;
        add(&format!("crds/{name}.yaml"), text);
    }
    Ok(files)
}

fn template(workload: &Workload, role: &Role) -> String {
    let (probed, live, ready) = workload.probes;
    let lines = |lines: Vec<String>| lines.join("\n");
    let args = workload.args.iter().map(|arg| format!("            - {arg:?}"));
    let ports = workload
        .ports
        .iter()
        .map(|(name, port)| format!("            - name: {name}\n              containerPort: {port}"));
    let environment = workload.environment.iter().map(|(name, path)| {
        format!(
            "            - name: {name}\n              valueFrom:\n                fieldRef:\n                  fieldPath: {path}"
        )
    });
    let filled = [
        ("@KEY@", workload.key.to_owned()),
        ("@FEATURE@", workload.feature.as_str().to_owned()),
        ("@COMMAND@", workload.command.to_owned()),
        ("@EVERYWHERE@", rules(&role.everywhere)),
        ("@LOCAL@", rules(&role.local)),
        ("@ARGS@", lines(args.collect())),
        ("@ENVIRONMENT@", lines(environment.collect())),
        ("@PORTS@", lines(ports.collect())),
        ("@LIVE@", live.to_owned()),
        ("@READY@", ready.to_owned()),
        ("@PROBED@", probed.to_owned()),
        ("@EXTRA@\n", workload.extra.to_owned()),
    ];
    filled.iter().fold(include_str!("chart/feature.yaml").to_owned(), |text, (mark, with)| text.replace(mark, with))
}

/// The rules of a role as YAML.
fn rules(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let words = |words: &[&str]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        write!(
            text,
            "  - apiGroups: [{:?}]\n    resources: [{}]\n    verbs: [{}]\n",
            line.group,
            words(&line.resources),
            words(&line.verbs)
        )
        .expect("a String takes any text");
    }
    text.truncate(text.trim_end().len());
    text
}
