//! Secrets Manager: reading a secret's value. References reach it as `ref+awssecrets://NAME_OR_ARN`.
//! What stores do beside it is in `secrets_manager/store`. Specification: VALS §10.2 (awssecrets), §10.14; ESO §10.2 "GetSecret".

pub(super) mod store;

use std::sync::Arc;

use base::encoding::Base64;
use base::{Fault, Kind, Opening, SecretBytes, SecretMap, SecretText, SecretValue};
use document::{Branch, Node};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use source::{Locator, Payload, SecretsClient};
use wire::aws::Refusal;

use super::asking::Asking;
use crate::reach::Reach;
use crate::row::{Asked, Client, TextDoor};
use crate::{json as one_text, yaml};

/// The text's door.
pub const DOOR: TextDoor = TextDoor {
    scheme: "awssecrets",
    options: &["region", "profile", "role_arn", "version_stage", "version_id"],
    is_local: false,
    open,
    locate,
    text,
    tree,
};

/// Reads values, whoever asks for them.
pub struct SecretsManager {
    asking: Asking,
}

/// A version: an id (`uuid/…`) or a stage.
const ID: &str = "uuid/";

impl SecretsManager {
    /// Reads by asking so.
    #[must_use]
    pub(super) fn new(asking: Asking) -> Self {
        Self { asking }
    }

    /// The value of a secret: its text, else its bytes.
    ///
    /// # Errors
    /// There is no such secret or version, or it is being deleted (not found); or the service refuses.
    pub async fn read(&self, at: &Locator) -> Result<SecretBytes, Fault> {
        let mut body = json!({ "SecretId": at.key });
        match at.version.as_deref().map(|version| (version, version.strip_prefix(ID))) {
            Some((_, Some(id))) => body["VersionId"] = id.into(),
            Some((stage, None)) => body["VersionStage"] = stage.into(),
            None => {}
        }
        let asked = self.asking.read("secretsmanager.GetSecretValue", &body).await;
        let answer = asked.map_err(|fault| missing_if_deleted(&at.key, fault))?;
        let held: Held = answer.json(&format!("cannot read secret `{}`", at.key))?;
        held.bytes(&at.key)
    }
}

/// A secret that waits for its deletion is not there any more; the service says it in two ways.
fn missing_if_deleted(key: &str, fault: Fault) -> Fault {
    let is_deleted = fault.cause::<Refusal>().is_some_and(|refusal| {
        matches!(refusal.code.as_str(), "InvalidRequestException" | "InvalidParameterException")
            && refusal.message.contains("marked for deletion")
    });
    if is_deleted { Fault::not_found(format!("cannot find secret `{key}`")).because(fault) } else { fault }
}

/// A value as the service tells it.
#[derive(Deserialize)]
struct Held {
    #[serde(rename = "SecretString", default, deserialize_with = "secret")]
    string: Option<SecretText>,
    #[serde(rename = "SecretBinary", default, deserialize_with = "secret")]
    binary: Option<SecretText>,
}

impl Held {
    fn bytes(self, key: &str) -> Result<SecretBytes, Fault> {
        match (self.string, self.binary) {
            (Some(text), _) => Ok(text.into()),
            (None, Some(bytes)) => Base64::Standard
                .decode(bytes.expose().as_bytes())
                .ok_or_else(|| Fault::unreachable(format!("the bytes of secret `{key}` are not base64"))),
            (None, None) => {
                // A secret without a value is refused by the service: this is no answer of it.
                Err(Fault::unreachable("awssecrets: get secret value: no SecretString nor SecretBinary is set"))
            }
        }
    }
}

/// A text that is wiped with its last user.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretText::new))
}

fn open<'a>(asked: &'a Asked<'a>, reach: &'a Reach) -> Opening<'a, Client> {
    Box::pin(async move {
        let (session, calls) = (super::session(asked, reach)?, Arc::clone(&reach.calls));
        let asking = Asking { session, calls, provider: "AWS/SecretsManager" };
        Ok(Arc::new(Referred(SecretsManager::new(asking))) as Client)
    })
}

fn locate(asked: &Asked<'_>) -> Result<Locator, Fault> {
    let by_id = asked.option("version_id").map(|id| format!("{ID}{id}"));
    let version = by_id.or_else(|| asked.option("version_stage").map(str::to_owned));
    Ok(Locator { version, ..Locator::of(asked.reference.place()) })
}

fn text(asked: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    match payload {
        Payload::Bytes(_) => yaml::text(asked, payload),
        Payload::Map(_) => {
            Err(Fault::not_found(format!("get parameter: cannot find secret `{}`", asked.reference.place()))
                .hint("there are parts of it only, which a fragment can name"))
        }
    }
}

fn tree(_: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    match payload {
        Payload::Bytes(text) => yaml::parsed(text),
        Payload::Map(parts) => {
            let mut branch = Branch::default();
            parts.iter().for_each(|(name, value)| branch.push(name.as_str(), Node::text(value.clone())));
            Ok(Node::Branch(branch))
        }
    }
}

/// The client of references: where there is no secret of the name, one in parts may be described by `NAME/meta`.
struct Referred(SecretsManager);

/// The key of the parts' names in `NAME/meta`.
const META_KEY: &str = "github.com/helmfile/vals";

impl Referred {
    async fn read(&self, at: &Locator) -> Result<Payload, Fault> {
        let fault = match self.0.read(at).await {
            Ok(value) => return Ok(Payload::Bytes(value)),
            Err(fault) if fault.kind() == Kind::NotFound => fault.within("get parameter"),
            Err(fault) => return Err(fault.within("get parameter")),
        };
        let Ok(meta) = self.0.read(&Locator::of(format!("{}/meta", at.key))).await else { return Err(fault) };
        let meta = SecretValue::from(yaml::parsed(&meta)?);
        let Some(SecretValue::List(names)) = meta.entry(META_KEY) else { return Err(fault) };
        let mut parts = SecretMap::new();
        for name in names {
            // What is listed are names: they are part of the places, and no values.
            let SecretValue::Text(name) = name else { continue };
            let place = [at.key.as_str(), name.expose()].join("/");
            let part = self.0.read(&Locator::of(place)).await;
            parts.insert(name.expose(), part.map_err(|fault| fault.within("get parameter"))?);
        }
        Ok(Payload::Map(parts))
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
