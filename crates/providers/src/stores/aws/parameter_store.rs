//! Systems Manager's Parameter Store: reading one parameter, or all below a path. References reach it as `ref+awsssm://PATH`; a
//! fragment means the parameters below, unless `mode=singleparam`. What stores do beside reading is in `parameter_store/store`.
//! Specification: VALS §10.2 (awsssm), §10.14; ESO §10.3.

pub(super) mod store;

use std::sync::Arc;

use base::{Fault, Opening, SecretBytes, SecretMap, SecretText, SecretValue};
use document::edit::set;
use document::path::Step;
use document::{Branch, Node, Path};
use serde::Deserialize;
use serde_json::json;
use source::{Locator, Payload, SecretsClient};

use super::asking::Asking;
use super::secrets_manager::secret;
use crate::reach::Reach;
use crate::row::{Asked, Client, TextDoor};
use crate::{json as one_text, yaml};

/// The text's door.
pub const DOOR: TextDoor = TextDoor {
    scheme: "awsssm",
    options: &["region", "profile", "role_arn", "version", "mode", "recursive"],
    is_local: false,
    open,
    locate,
    text,
    tree,
};

/// Reads parameters, whoever asks for them.
pub struct ParameterStore {
    asking: Asking,
}

impl ParameterStore {
    /// Reads by asking so.
    #[must_use]
    pub(super) fn new(asking: Asking) -> Self {
        Self { asking }
    }

    /// The value of a parameter, decrypted.
    ///
    /// # Errors
    /// There is no such parameter or version (not found); or the service refuses.
    pub async fn read(&self, at: &Locator) -> Result<SecretBytes, Fault> {
        let name = match &at.version {
            Some(version) => format!("{}:{version}", at.key),
            None => at.key.clone(),
        };
        let body = json!({ "Name": name, "WithDecryption": true });
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Told {
            parameter: Parameter,
        }
        let answer = self.asking.read("AmazonSSM.GetParameter", &body).await?;
        let told: Told = answer.json(&format!("cannot read parameter `{}`", at.key))?;
        // A parameter always has a value: this is no answer of the service.
        let missing = || Fault::unreachable("datasource.ssm.Get() out.Parameter.Value is nil");
        told.parameter.value.map(SecretBytes::from).ok_or_else(missing)
    }

    /// All parameters below a path, decrypted, by their whole names.
    ///
    /// # Errors
    /// The service refuses.
    pub async fn read_below(&self, path: &str, recursive: bool) -> Result<SecretMap, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Page {
            // Always there, if empty: an answer without it is no list of nothing.
            parameters: Vec<Parameter>,
            #[serde(default)]
            next_token: Option<String>,
        }
        let mut found = SecretMap::new();
        let take = |page: Page| {
            for Parameter { name, value } in page.parameters {
                if let Some(value) = value {
                    found.insert(name, value);
                }
            }
            Ok(page.next_token)
        };
        let body = json!({ "Path": path, "Recursive": recursive, "WithDecryption": true, "MaxResults": 10 });
        let attempt = format!("cannot read parameters below `{path}`");
        self.asking.pages("AmazonSSM.GetParametersByPath", body, &attempt, take).await?;
        Ok(found)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "secret")]
    value: Option<SecretText>,
}

fn open<'a>(asked: &'a Asked<'a>, reach: &'a Reach) -> Opening<'a, Client> {
    Box::pin(async move {
        let (session, calls) = (super::session(asked, reach)?, Arc::clone(&reach.calls));
        let store = ParameterStore::new(Asking { session, calls, provider: "AWS/ParameterStore" });
        Ok(Arc::new(Referred { store, is_recursive: asked.is_true("recursive") }) as Client)
    })
}

/// The parameter, or with a trailing slash all below it.
fn locate(asked: &Asked<'_>) -> Result<Locator, Fault> {
    let place = asked.reference.place();
    // An ARN names a parameter as it stands.
    let rooted = if place.starts_with('/') || place.starts_with("arn:") { place } else { format!("/{place}") };
    if reads_below(asked) {
        return Ok(Locator::of(format!("{}/", rooted.trim_end_matches('/'))));
    }
    let version = match asked.version("version") {
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(text.to_owned()),
        Some(_) => return Err(Fault::wrong("version can't be converted to Int")),
        None => None,
    };
    Ok(Locator { version, ..Locator::of(rooted.trim_end_matches('/')) })
}

fn reads_below(asked: &Asked<'_>) -> bool {
    !asked.reference.fragment.is_empty() && asked.option("mode") != Some("singleparam")
}

fn text(asked: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    yaml::text(asked, payload)
}

/// The parameters below the path as a tree: what is deeper counts before a value on the way to it.
fn tree(asked: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    let parameters = match payload {
        Payload::Bytes(text) => return yaml::parsed(text),
        Payload::Map(parameters) => parameters,
    };
    let below = locate(asked)?.key;
    let mut branch = Branch::default();
    for (name, value) in parameters.iter() {
        let relative = name.strip_prefix(&below).unwrap_or(name);
        let steps = relative.split('/').map(|step| Step::Key(step.to_owned())).collect();
        set(&mut branch, &Path { steps }, Node::text(value.clone()))?;
    }
    Ok(Node::Branch(branch))
}

/// The client of references: a path with a trailing slash is all below it.
struct Referred {
    store: ParameterStore,
    is_recursive: bool,
}

impl Referred {
    async fn read(&self, at: &Locator) -> Result<Payload, Fault> {
        let Some(path) = at.key.strip_suffix('/') else {
            let value = self.store.read(at).await;
            return value.map(Payload::Bytes).map_err(|fault| fault.within("get parameter"));
        };
        let path = if path.is_empty() { "/" } else { path };
        let found = self.store.read_below(path, self.is_recursive).await;
        let found = found.map_err(|fault| fault.within("ssm: get parameters by path"))?;
        if found.is_empty() {
            return Err(Fault::not_found("ssm: out.Parameters is empty"));
        }
        Ok(Payload::Map(found))
    }
}

impl SecretsClient for Referred {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(self.read(at))
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        one_text::select(at, payload, property)
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        one_text::entries(at, payload, property)
    }
}
