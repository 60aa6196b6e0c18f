//! The table of kinds: what the sandbox serves from the start, and what a CustomResourceDefinition adds. A row says how
//! a kind is called, whether it lives in namespaces, and which of the API server's habits it has.
//! It holds no schemas: nothing is defaulted, pruned or checked by type. Specification: design §19, §15.

use serde_json::{Map, Value};

/// How one kind is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: String,
    /// Served versions, the preferred one first; all show the same object.
    pub versions: Vec<String>,
    pub kind: String,
    pub plural: String,
    pub short_names: Vec<String>,
    pub namespaced: bool,
    /// It has a `/status` subresource, and the main resource leaves status alone.
    pub status: bool,
    /// The server counts `metadata.generation`.
    pub generation: bool,
    /// Compiled into the API server: strategic merge is spoken, items of lists carry no type.
    pub builtin: bool,
    /// A PUT without resourceVersion is taken as "whatever stands there".
    pub unconditional_update: bool,
}

impl Kind {
    /// `secrets`, `externalsecrets.external-secrets.io`: as error texts name it.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Secret`, `ExternalSecret.external-secrets.io`: as other error texts name it.
    pub fn full(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// `v1`, `apps/v1`.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }

    pub fn preferred(&self) -> &str {
        self.versions.first().map_or("v1", String::as_str)
    }

    /// A custom kind of which no more is known than its name: one version, without a status subresource.
    pub fn custom(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Self {
            group: group.to_owned(),
            versions: vec![version.to_owned()],
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            short_names: Vec::new(),
            namespaced,
            status: false,
            generation: true,
            builtin: false,
            unconditional_update: false,
        }
    }

    /// The kind that a CustomResourceDefinition (as JSON) describes; `None` if it lacks what every one has.
    pub fn from_crd(crd: &Map<String, Value>) -> Option<Self> {
        let spec = crd.get("spec")?;
        let names = spec.get("names")?;
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let versions: Vec<&Value> = spec
            .get("versions")?
            .as_array()?
            .iter()
            .filter(|version| version["served"] != Value::Bool(false))
            .collect();
        let mut named: Vec<String> = versions.iter().filter_map(|version| text(version, "name")).collect();
        named.sort_by_key(|name| std::cmp::Reverse(age(name)));
        let status = versions.iter().any(|version| !version["subresources"]["status"].is_null());
        let short_names = names["shortNames"].as_array().into_iter().flatten();
        Some(Self {
            group: text(spec, "group")?,
            versions: named,
            kind: text(names, "kind")?,
            plural: text(names, "plural")?,
            short_names: short_names.filter_map(Value::as_str).map(str::to_owned).collect(),
            namespaced: spec["scope"] == "Namespaced",
            status,
            generation: true,
            builtin: false,
            unconditional_update: false,
        })
    }
}

/// Orders versions as Kubernetes does: stable before beta before alpha, higher numbers first.
fn age(version: &str) -> (u8, u32, u32) {
    let numbers = version.strip_prefix('v').unwrap_or(version);
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    if let Some((major, minor)) = numbers.split_once("beta") {
        return (1, number(major), number(minor));
    }
    if let Some((major, minor)) = numbers.split_once("alpha") {
        return (0, number(major), number(minor));
    }
    (2, number(numbers), 0)
}

/// One line of the table below: group, version, kind, plural, short name, habits.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

/// Habits: `n` namespaced, `s` status subresource, `g` generation, `c` a PUT must carry resourceVersion.
const BUILTIN: &[Line] = &[
    ("", "v1", "Namespace", "namespaces", "ns", "s"),
    ("", "v1", "Node", "nodes", "no", "s"),
    ("", "v1", "Secret", "secrets", "", "n"),
    ("", "v1", "ConfigMap", "configmaps", "cm", "n"),
    ("", "v1", "ServiceAccount", "serviceaccounts", "sa", "n"),
    ("", "v1", "Service", "services", "svc", "ns"),
    ("", "v1", "Pod", "pods", "po", "nsg"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", "ns"),
    ("", "v1", "Event", "events", "ev", "n"),
    ("apps", "v1", "Deployment", "deployments", "deploy", "nsg"),
    ("apps", "v1", "StatefulSet", "statefulsets", "sts", "nsg"),
    ("apps", "v1", "DaemonSet", "daemonsets", "ds", "nsg"),
    ("apps", "v1", "ReplicaSet", "replicasets", "rs", "nsg"),
    ("batch", "v1", "Job", "jobs", "", "nsg"),
    ("batch", "v1", "CronJob", "cronjobs", "cj", "nsg"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", "ing", "nsg"),
    ("coordination.k8s.io", "v1", "Lease", "leases", "", "nc"),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "", "ng"),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", "", "n"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", "n"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", ""),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd", "sgc"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "",
        "g",
    ),
];

/// The kinds that every sandbox serves.
pub fn builtin() -> impl Iterator<Item = Kind> {
    BUILTIN.iter().map(|(group, version, kind, plural, short, habits)| Kind {
        group: (*group).to_owned(),
        versions: vec![(*version).to_owned()],
        kind: (*kind).to_owned(),
        plural: (*plural).to_owned(),
        short_names: if short.is_empty() { Vec::new() } else { vec![(*short).to_owned()] },
        namespaced: habits.contains('n'),
        status: habits.contains('s'),
        generation: habits.contains('g'),
        builtin: true,
        unconditional_update: !habits.contains('c'),
    })
}
