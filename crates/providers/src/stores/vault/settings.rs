//! The settings of the `vault` provider, their checks, and the session that they describe. Credentials that lie in Secrets are
//! read when the store is opened, so that their change is noticed; ServiceAccount tokens are asked for at each login.
//! Specification: ESO §10.5, Appendix A.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::credentials::Selector;
use base::{Credentials, Fault, SecretText, Tenant};
use schemars::JsonSchema;
use serde::Deserialize;
use wire::vault::session::Keeping;
use wire::vault::{Auth, Connection, Session, connection};
use wire::{SecretSource, Tls};

use super::kv::Version;
use crate::reach::Reach;
use crate::selectors::{self, CaProvider, SecretKeySelector, ServiceAccountSelector, authorities};
use crate::settings::Checked;

/// How a Vault server is spoken to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    /// The address of the server.
    pub server: String,
    /// The mount of the KV engine.
    #[serde(default)]
    pub path: Option<String>,
    /// The version of the KV engine.
    #[serde(default)]
    pub version: Version,
    /// The Vault namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Authorities, as PEM in base64.
    #[serde(default)]
    pub ca_bundle: Option<String>,
    /// Where the authorities lie.
    #[serde(default)]
    pub ca_provider: Option<CaProvider>,
    /// The client certificate.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// How to log in.
    #[serde(default)]
    pub auth: Option<AuthSettings>,
    /// Reads see our own writes.
    #[serde(default)]
    pub read_your_writes: Option<bool>,
    /// Standbys that are behind forward reads.
    #[serde(default)]
    pub forward_inconsistent: Option<bool>,
    /// Headers of every call.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Pushes replace only the version that they have seen.
    #[serde(default)]
    pub check_and_set: Option<CheckAndSet>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClientTls {
    #[serde(default)]
    cert_secret_ref: Option<SecretKeySelector>,
    #[serde(default)]
    key_secret_ref: Option<SecretKeySelector>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckAndSet {
    #[serde(default)]
    pub required: bool,
}

/// How to log in: the first that is set.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AuthSettings {
    /// The namespace of the login, where it is another.
    #[serde(default)]
    pub namespace: Option<String>,
    #[serde(default)]
    pub token_secret_ref: Option<SecretKeySelector>,
    #[serde(default)]
    pub app_role: Option<AppRole>,
    #[serde(default)]
    pub kubernetes: Option<Kubernetes>,
    #[serde(default)]
    pub ldap: Option<Named>,
    #[serde(default)]
    pub user_pass: Option<Named>,
    #[serde(default)]
    pub jwt: Option<Jwt>,
    #[serde(default)]
    pub cert: Option<Cert>,
    #[serde(default)]
    pub iam: Option<serde_json::Value>,
    #[serde(default)]
    pub gcp: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AppRole {
    #[serde(default = "approle")]
    path: String,
    #[serde(default)]
    role_id: Option<String>,
    #[serde(default)]
    role_ref: Option<SecretKeySelector>,
    secret_ref: SecretKeySelector,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kubernetes {
    #[serde(default = "kubernetes")]
    mount_path: String,
    role: String,
    #[serde(default)]
    secret_ref: Option<SecretKeySelector>,
    #[serde(default)]
    service_account_ref: Option<ServiceAccountSelector>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Named {
    #[serde(default)]
    path: Option<String>,
    username: String,
    #[serde(default)]
    secret_ref: Option<SecretKeySelector>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Jwt {
    #[serde(default = "jwt")]
    path: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    secret_ref: Option<SecretKeySelector>,
    #[serde(default)]
    kubernetes_service_account_token: Option<AccountToken>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountToken {
    service_account_ref: ServiceAccountSelector,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    expiration_seconds: Option<i64>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Cert {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    client_cert: Option<SecretKeySelector>,
    #[serde(default)]
    secret_ref: Option<SecretKeySelector>,
    #[serde(default)]
    vault_role: Option<String>,
}

fn approle() -> String {
    "approle".to_owned()
}

fn kubernetes() -> String {
    "kubernetes".to_owned()
}

fn jwt() -> String {
    "jwt".to_owned()
}

/// The peer's lifetime of the tokens that it logs in with.
const TOKEN_SECONDS: u32 = 600;
/// Where a pod's own token lies.
pub const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

impl Checked for Settings {
    const PROVIDER: &'static str = "vault";

    fn check(&self, tenant: &Tenant) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(app_role) = self.auth.as_ref().and_then(|auth| auth.app_role.as_ref()) {
            let has_id = app_role.role_id.as_ref().is_some_and(|id| !id.is_empty());
            if has_id == app_role.role_ref.is_some() {
                faults.push(Fault::wrong("exactly one of roleId and roleRef must be set for appRole"));
            }
        }
        faults.extend(selectors::foreign(&self.selectors(), tenant));
        faults.extend(self.ca_provider.as_ref().and_then(|provider| provider.check(tenant)));
        faults
    }
}

impl Settings {
    /// All selectors of credentials.
    pub fn selectors(&self) -> Vec<Selector> {
        let tls = self.tls.iter().flat_map(|tls| [tls.cert_secret_ref.as_ref(), tls.key_secret_ref.as_ref()]);
        let mut all = self.auth.as_ref().map(AuthSettings::selectors).unwrap_or_default();
        all.extend(tls.flatten().map(SecretKeySelector::selector));
        all
    }

    /// The session that these settings describe; whoever else proves the same to the same server shares its login.
    pub async fn session(&self, reach: &Reach, credentials: Credentials) -> Result<Arc<Session>, Fault> {
        let mut settings = connection::Settings::new(&*self.server);
        settings.namespace = self.namespace.clone().unwrap_or_default();
        settings.headers = self.headers.clone().into_iter().collect();
        settings.read_your_writes = self.read_your_writes.unwrap_or(false);
        // Who asks for a wait without saying how often is not served again (ESO §10.5).
        settings.retry = reach.retry(settings.retry, 0);
        settings.forward_inconsistent = self.forward_inconsistent.unwrap_or(false);
        let bundle = authorities(self.ca_bundle.as_deref(), self.ca_provider.as_ref(), &credentials).await?;
        if let Some(bundle) = bundle {
            settings.tls = settings.tls.with_authorities(bundle.expose())?;
        }
        settings.tls = self.with_identity(settings.tls, &credentials).await?;
        let auth = self.auth.clone().unwrap_or_default();
        let keeping = Keeping { login_namespace: auth.namespace.clone(), login_headers: Vec::new(), renew: true };
        let auth = auth.method(reach, credentials).await?;
        Ok(reach.vault.open(Connection::open(&reach.http, settings)?, auth, keeping))
    }

    async fn with_identity(&self, tls: Tls, credentials: &Credentials) -> Result<Tls, Fault> {
        let by_tls =
            self.tls.as_ref().and_then(|tls| Some((tls.cert_secret_ref.as_ref()?, tls.key_secret_ref.as_ref()?)));
        let cert = self.auth.as_ref().and_then(|auth| auth.cert.as_ref());
        let by_auth = cert.and_then(|cert| Some((cert.client_cert.as_ref()?, cert.secret_ref.as_ref()?)));
        let Some((certificate, key)) = by_auth.or(by_tls) else { return Ok(tls) };
        let certificate = credentials.secret_key(&certificate.or_key("tls.crt")).await?;
        let key = credentials.secret_key(&key.or_key("tls.key")).await?;
        tls.with_identity(certificate.expose(), &key)
    }
}

impl AuthSettings {
    /// All selectors of the methods that are set.
    fn selectors(&self) -> Vec<Selector> {
        let secrets = [
            self.token_secret_ref.as_ref(),
            self.app_role.as_ref().map(|method| &method.secret_ref),
            self.app_role.as_ref().and_then(|method| method.role_ref.as_ref()),
            self.kubernetes.as_ref().and_then(|method| method.secret_ref.as_ref()),
            self.ldap.as_ref().and_then(|method| method.secret_ref.as_ref()),
            self.user_pass.as_ref().and_then(|method| method.secret_ref.as_ref()),
            self.jwt.as_ref().and_then(|method| method.secret_ref.as_ref()),
            self.cert.as_ref().and_then(|method| method.secret_ref.as_ref()),
            self.cert.as_ref().and_then(|method| method.client_cert.as_ref()),
        ];
        let accounts = [
            self.kubernetes.as_ref().and_then(|method| method.service_account_ref.as_ref()),
            self.jwt
                .as_ref()
                .and_then(|method| Some(&method.kubernetes_service_account_token.as_ref()?.service_account_ref)),
        ];
        let secrets = secrets.into_iter().flatten().map(SecretKeySelector::selector);
        secrets.chain(accounts.into_iter().flatten().map(ServiceAccountSelector::selector)).collect()
    }

    /// The first method that is set, in the peer's order.
    #[expect(clippy::too_many_lines, reason = "one short branch per method, in an order that matters")]
    async fn method(self, reach: &Reach, credentials: Credentials) -> Result<Auth, Fault> {
        let value = async |selector: &SecretKeySelector, key: &str| {
            let text = credentials.secret_text(&selector.or_key(key)).await?;
            Ok::<_, Fault>(SecretSource::Value(text.trimmed()))
        };
        if let Some(token) = &self.token_secret_ref {
            return Ok(Auth::Token(value(token, "token").await?));
        }
        if let Some(method) = self.app_role {
            let role_id = match (&method.role_id, &method.role_ref) {
                (Some(id), _) if !id.is_empty() => SecretSource::from(id.trim()),
                (_, Some(selector)) => value(selector, "").await?,
                _ => return Err(Fault::wrong("appRole needs roleId or roleRef")),
            };
            let secret_id = Some(value(&method.secret_ref, "").await?);
            return Ok(Auth::AppRole { mount: method.path, role_id, secret_id });
        }
        if let Some(method) = self.kubernetes {
            let jwt = match (&method.service_account_ref, &method.secret_ref) {
                (Some(account), _) => {
                    account_token(account, account.audiences.clone(), TOKEN_SECONDS, &credentials).await?
                }
                (None, Some(secret)) => value(secret, "token").await?,
                (None, None) => pod_token(reach),
            };
            return Ok(Auth::Kubernetes { mount: method.mount_path, role: method.role, jwt });
        }
        if let Some(method) = self.ldap {
            let password = password(&method, &credentials).await?;
            let mount = method.path.unwrap_or_else(|| "ldap".to_owned());
            return Ok(Auth::Ldap { mount, username: method.username, password });
        }
        if let Some(method) = self.user_pass {
            let password = password(&method, &credentials).await?;
            let mount = method.path.unwrap_or_else(|| "userpass".to_owned());
            return Ok(Auth::UserPass { mount, username: method.username, password });
        }
        if let Some(method) = self.jwt {
            let jwt = match (&method.kubernetes_service_account_token, &method.secret_ref) {
                (Some(token), _) => {
                    let mut audiences = token.audiences.clone();
                    if audiences.is_empty() {
                        audiences.push("vault".to_owned());
                    }
                    audiences.extend(token.service_account_ref.audiences.iter().cloned());
                    let seconds = token.expiration_seconds.and_then(|seconds| u32::try_from(seconds).ok());
                    account_token(&token.service_account_ref, audiences, seconds.unwrap_or(TOKEN_SECONDS), &credentials)
                        .await?
                }
                (None, Some(secret)) => value(secret, "jwt").await?,
                (None, None) => return Err(Fault::wrong("jwt needs secretRef or kubernetesServiceAccountToken")),
            };
            return Ok(Auth::Jwt { mount: method.path, role: method.role.unwrap_or_default(), jwt });
        }
        if let Some(method) = self.cert {
            let mount = method.path.unwrap_or_else(|| "cert".to_owned());
            return Ok(Auth::Cert { mount, role: method.vault_role.unwrap_or_default() });
        }
        if self.iam.is_some() || self.gcp.is_some() {
            let method = if self.iam.is_some() { "iam" } else { "gcp" };
            return Err(Fault::wrong(format!("logging in to Vault with `{method}` is not built yet"))
                .hint("use kubernetes, jwt or appRole"));
        }
        Err(Fault::wrong("cannot log in to Vault: no auth method is set").hint("set one under `auth`"))
    }
}

async fn password(method: &Named, credentials: &Credentials) -> Result<SecretSource, Fault> {
    let selector = method.secret_ref.as_ref().ok_or_else(|| Fault::wrong("the password needs secretRef"))?;
    let text = credentials.secret_text(&selector.or_key("password")).await?;
    Ok(SecretSource::Value(text.trimmed()))
}

/// A fresh token of a ServiceAccount for each login. The account itself is looked at now: it is part of the join key.
async fn account_token(
    account: &ServiceAccountSelector,
    audiences: Vec<String>,
    seconds: u32,
    credentials: &Credentials,
) -> Result<SecretSource, Fault> {
    let selector = account.selector();
    let uid = credentials.service_account(&selector).await?.uid;
    let (credentials, wanted) = (credentials.clone(), audiences.clone());
    Ok(SecretSource::of_account(&uid, &audiences, move || {
        let (credentials, selector, audiences) = (credentials.clone(), selector.clone(), wanted.clone());
        Box::pin(async move { credentials.token(&selector, &audiences, seconds).await })
    }))
}

/// The token file of our own pod, read at each login since kubelets replace it.
fn pod_token(reach: &Reach) -> SecretSource {
    let read_file = Arc::clone(&reach.surroundings.read_file);
    SecretSource::of_pod(move || {
        let bytes = read_file(POD_TOKEN);
        Box::pin(async move {
            let text: Option<SecretText> = bytes?.to_text();
            text.map(|text| text.trimmed()).ok_or_else(|| Fault::wrong(format!("`{POD_TOKEN}` is not text")))
        })
    })
}
