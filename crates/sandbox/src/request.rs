//! An HTTP request read as the API server reads it: verb, group, version, resource, namespace, name, subresource and the
//! parameters. Nothing is looked up here; a role and a trouble judge by these words alone.
//! Specification: design §19 (service), Kubernetes' API concepts.

use std::collections::BTreeMap;

use http::{Method, Uri};

/// What is asked of which resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    pub group: String,
    pub version: String,
    pub resource: String,
    /// Empty, or `status`, `token`.
    pub subresource: String,
    /// Empty for cluster-wide requests.
    pub namespace: String,
    pub name: String,
}

impl Attributes {
    /// `secrets`, `serviceaccounts/token`: as rules name it.
    pub fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`.
    Resources(String, String),
    Resource(Attributes),
    Unknown,
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub fn parse(uri: &Uri) -> Self {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub fn is_true(&self, key: &str) -> bool {
        matches!(self.text(key), "true" | "1")
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.text(key).parse().ok()
    }
}

/// Reads method and path.
pub fn route(method: &Method, uri: &Uri, parameters: &Parameters) -> Route {
    let steps: Vec<String> = uri.path().split('/').filter(|step| !step.is_empty()).map(unescape).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    match steps.as_slice() {
        ["version"] => Route::Version,
        ["healthz" | "livez" | "readyz"] => Route::Health,
        ["api"] => Route::CoreVersions,
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group((*group).to_owned()),
        ["api", version] => Route::Resources(String::new(), (*version).to_owned()),
        ["apis", group, version] => Route::Resources((*group).to_owned(), (*version).to_owned()),
        ["api", version, rest @ ..] => resource(method, "", version, rest, parameters),
        ["apis", group, version, rest @ ..] => resource(method, group, version, rest, parameters),
        _ => Route::Unknown,
    }
}

fn unescape(step: &str) -> String {
    percent_encoding::percent_decode_str(step).decode_utf8_lossy().into_owned()
}

fn resource(method: &Method, group: &str, version: &str, rest: &[&str], parameters: &Parameters) -> Route {
    let (namespace, resource, name, subresource) = match rest {
        ["namespaces", name, sub @ ("status" | "finalize")] => ("", "namespaces", *name, *sub),
        ["namespaces", namespace, resource] => (*namespace, *resource, "", ""),
        ["namespaces", namespace, resource, name] => (*namespace, *resource, *name, ""),
        ["namespaces", namespace, resource, name, sub] => (*namespace, *resource, *name, *sub),
        [resource] => ("", *resource, "", ""),
        [resource, name] => ("", *resource, *name, ""),
        [resource, name, sub] => ("", *resource, *name, *sub),
        _ => return Route::Unknown,
    };
    let Some(verb) = verb(method, name, parameters) else { return Route::Unknown };
    Route::Resource(Attributes {
        verb: verb.to_owned(),
        group: group.to_owned(),
        version: version.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

fn verb(method: &Method, name: &str, parameters: &Parameters) -> Option<&'static str> {
    match (method.as_str(), name.is_empty()) {
        ("GET", _) if parameters.is_true("watch") => Some("watch"),
        ("GET", true) => Some("list"),
        ("GET", false) => Some("get"),
        ("POST", _) => Some("create"),
        ("PUT", _) => Some("update"),
        ("PATCH", _) => Some("patch"),
        ("DELETE", true) => Some("deletecollection"),
        ("DELETE", false) => Some("delete"),
        _ => None,
    }
}
