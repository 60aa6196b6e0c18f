//! OpenBao under its own key: KV version 1 and 2, read and searched. It asks as the store of Vault does (`vault/engine`) and has
//! rules of its own: fewer ways to log in, a property is a key of the secret and no path, a search stays in one folder, and
//! nothing is written. Users may keep the key `vault` for an OpenBao server. API: `/v1/<mount>`; limits: the server's.
//! Specification: ESO §10.6.

use std::sync::Arc;

use base::{Credentials, Fault, Opening, SecretMap, SecretValue, Tenant};
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use source::{Find, Locator, MetadataPolicy, Payload, SecretsClient, Validity, select as rules};
use wire::vault::Call;

use super::vault::engine::{Engine, folder};
use super::vault::kv::{Mount, Version};
use super::vault::settings::{AppRole, AuthSettings, Named, Settings as VaultSettings};
use crate::reach::Reach;
use crate::referent;
use crate::row::{Access, Client, Maintenance, Row};
use crate::selectors::{CaProvider, SecretKeySelector};
use crate::settings::{self, Checked};

/// The row.
pub const ROW: Row = Row {
    name: "openBao",
    keys: &["openBao"],
    access: Access {
        read: true,
        write: false,
        find_name: true,
        find_tags: false,
        find_path: true,
        metadata: false,
        not_found: true,
        referent: false,
    },
    maintenance: Maintenance::Maintained,
    schema: || schema_for!(Settings),
    check: settings::check::<Settings>,
    open: Some(open),
    references: &[],
};

/// The label of its calls in metrics.
const PROVIDER: &str = "OpenBao";

/// How an OpenBao server is spoken to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The address of the server.
    server: String,
    /// The mount of the KV engine; `kv` by default.
    #[serde(default)]
    path: Option<String>,
    /// The version of the KV engine.
    #[serde(default)]
    version: Version,
    /// The namespace.
    #[serde(default)]
    namespace: Option<String>,
    /// Authorities, as PEM in base64.
    #[serde(default)]
    ca_bundle: Option<String>,
    /// Where the authorities lie.
    #[serde(default)]
    ca_provider: Option<CaProvider>,
    /// How to log in.
    #[serde(default)]
    auth: Option<Login>,
}

/// How to log in: one of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Login {
    #[serde(default)]
    app_role: Option<AppRole>,
    /// The namespace of the login, where it is another.
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    token_secret_ref: Option<SecretKeySelector>,
    #[serde(default)]
    user_pass: Option<Named>,
}

impl Checked for Settings {
    const PROVIDER: &'static str = "openBao";

    fn check(&self, tenant: &Tenant) -> Vec<Fault> {
        let mut faults = Vec::new();
        let login = self.auth.clone().unwrap_or_default();
        let methods = [login.app_role.is_some(), login.token_secret_ref.is_some(), login.user_pass.is_some()];
        if methods.iter().filter(|is_set| **is_set).count() != 1 {
            let all = "exactly one of the fields in [appRole tokenSecretRef userPass] must be set";
            faults.push(Fault::wrong(all));
        }
        if self.ca_bundle.is_some() && self.ca_provider.is_some() {
            faults.push(Fault::wrong("at most one of the fields in [caBundle caProvider] may be set"));
        }
        let settings = self.clone().into_vault();
        // Its store lends no credentials of its users: a cluster store names every namespace.
        let nameless = settings.selectors().into_iter().find(|selector| selector.namespace.is_none());
        if tenant.is_cluster_scoped() && nameless.is_some() {
            faults.push(Fault::wrong("cluster scope requires namespace"));
        }
        faults.extend(settings.check(tenant));
        faults
    }
}

impl Settings {
    /// The same, in the words of the store of Vault.
    fn into_vault(self) -> VaultSettings {
        let login = self.auth.unwrap_or_default();
        VaultSettings {
            server: self.server,
            path: Some(self.path.unwrap_or_else(|| "kv".to_owned())),
            version: self.version,
            namespace: self.namespace,
            ca_bundle: self.ca_bundle,
            ca_provider: self.ca_provider,
            auth: Some(AuthSettings {
                namespace: login.namespace,
                token_secret_ref: login.token_secret_ref,
                app_role: login.app_role,
                user_pass: login.user_pass,
                ..AuthSettings::default()
            }),
            ..VaultSettings::default()
        }
    }
}

fn open<'a>(value: &'a Value, reach: &'a Reach, credentials: Credentials) -> Opening<'a, Client> {
    Box::pin(async move {
        let settings = settings::checked::<Settings>(value, credentials.tenant())?.into_vault();
        if let Some(client) = referent::client(credentials.tenant(), settings.selectors().iter()) {
            return Ok(client);
        }
        let path = settings.path.clone().unwrap_or_default();
        let mount = Mount::new(settings.path.clone(), settings.version);
        let session = settings.session(reach, credentials).await?;
        let engine = Engine { session, mount, calls: Arc::clone(&reach.calls), provider: PROVIDER };
        Ok(Arc::new(OpenBaoClient { engine, path }) as Client)
    })
}

struct OpenBaoClient {
    engine: Engine,
    path: String,
}

impl OpenBaoClient {
    async fn find_all(&self, query: &Find) -> Result<SecretMap, Fault> {
        let name = match (&query.name, query.tags.is_empty()) {
            (Some(name), true) => settings::pattern(name)?,
            _ => return Err(Fault::wrong("unexpected find operator").hint("OpenBao's store finds by name only")),
        };
        let folder = folder(query.path.as_deref());
        let mut paths = self.engine.list(&folder, false).await?;
        paths.retain(|path| name.is_match(path.strip_prefix(&folder).unwrap_or(path)));
        self.engine.read_all(paths).await
    }

    /// Reads what stands at the mount, and whether it is what the store says.
    async fn look(&self) -> Result<(), Fault> {
        #[derive(Deserialize)]
        struct Mounted {
            r#type: String,
            #[serde(default)]
            options: Option<Options>,
        }
        #[derive(Deserialize)]
        struct Options {
            #[serde(default)]
            version: Option<String>,
        }
        let attempt = format!("cannot read what is mounted at `{}`", self.path);
        let call = Call::read(&format!("sys/internal/ui/mounts/{}", self.path.trim_matches('/')));
        let answer = self.engine.ask("ReadMount", &call).await.map_err(|fault| fault.within(attempt.as_str()))?;
        let mounted: Mounted = answer.data_as(&attempt)?;
        if mounted.r#type != "kv" {
            let told = format!("the engine at `{}` is `{}` and no key-value engine", self.path, mounted.r#type);
            return Err(Fault::wrong(told));
        }
        let version = match mounted.options.and_then(|options| options.version).as_deref() {
            Some("2") => Version::V2,
            _ => Version::V1,
        };
        if version != self.engine.mount.version {
            let told = format!("the engine at `{}` has another version than the store says", self.path);
            return Err(Fault::wrong(told).hint("set `version` to that of the engine"));
        }
        Ok(())
    }
}

impl SecretsClient for OpenBaoClient {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move {
            if at.metadata != MetadataPolicy::None {
                return Err(Fault::wrong("OpenBao's store reads no metadata").hint("use the provider `vault` for it"));
            }
            self.engine.read(at).await.map(Payload::Bytes)
        })
    }

    fn select(&self, _: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        let Payload::Bytes(json) = payload else { return Err(Fault::bug("OpenBao's payload is one JSON text")) };
        let Some(property) = property.filter(|property| !property.is_empty()) else {
            return Ok(SecretValue::Bytes(json.clone()));
        };
        let text = std::str::from_utf8(json.expose()).unwrap_or_default();
        rules::exact(text, property)
            .ok_or_else(|| Fault::wrong(format!("cannot find secret data for key: \"{property}\"")))
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        let value = rules::bytes(&self.select(at, payload, property)?);
        rules::entries(value.expose())
            .ok_or_else(|| Fault::wrong(format!("the secret `{}` in OpenBao is no map of fields", at.key)))
    }

    fn find<'a>(&'a self, query: &'a Find) -> Opening<'a, SecretMap> {
        Box::pin(self.find_all(query))
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async move { self.look().await.map(|()| Validity::Ready) })
    }

    fn close(&self) -> Opening<'_, ()> {
        Box::pin(self.engine.session.close())
    }
}

#[cfg(test)]
mod tests;
