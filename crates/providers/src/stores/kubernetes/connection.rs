//! How a store reaches its API server: whom it trusts, as whom it appears, and a client that lives as long as its token. A
//! kubeconfig of a tenant is taken as data only: programs and files that it names would be ours, not the tenant's.
//! Specification: ESO §10.9, Appendix A.

use std::time::Duration;

use base::credentials::Selector;
use base::encoding::Base64;
use base::{Credentials, Fault, SecretBytes, Tenant};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::client_of;
use crate::kubeconfig;
use crate::reach::OwnCluster;
use crate::selectors::{self, CaProvider, SecretKeySelector, ServiceAccountSelector, authorities};
use crate::settings::Checked;

/// How a cluster is spoken to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Settings {
    /// The API server.
    #[serde(default)]
    server: Server,
    /// A kubeconfig, instead of server and auth.
    #[serde(default)]
    auth_ref: Option<SecretKeySelector>,
    /// As whom we appear.
    #[serde(default)]
    auth: Option<AuthSettings>,
    /// The namespace of the Secrets.
    #[serde(default = "default_namespace")]
    pub remote_namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Server {
    /// Its address.
    #[serde(default)]
    url: Option<String>,
    /// Authorities, as PEM in base64.
    #[serde(default)]
    ca_bundle: Option<String>,
    /// Where the authorities lie.
    #[serde(default)]
    ca_provider: Option<CaProvider>,
}

/// As whom we appear: one of them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthSettings {
    #[serde(default)]
    cert: Option<CertAuth>,
    #[serde(default)]
    service_account: Option<ServiceAccountSelector>,
    #[serde(default)]
    token: Option<TokenAuth>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertAuth {
    client_cert: SecretKeySelector,
    client_key: SecretKeySelector,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenAuth {
    bearer_token: SecretKeySelector,
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// How long the tokens of a ServiceAccount live.
const TOKEN_SECONDS: u32 = 3600;
/// When they are got anew; an API server may give a shorter life, and says 401 then.
const RENEW_AFTER: Duration = Duration::from_secs(45 * 60);

impl Checked for Settings {
    const PROVIDER: &'static str = "kubernetes";

    fn check(&self, tenant: &Tenant) -> Vec<Fault> {
        let mut faults = Vec::new();
        let has_authorities = self.server.ca_bundle.as_deref().is_some_and(|bundle| !bundle.is_empty());
        if self.auth_ref.is_none() {
            if !has_authorities && self.server.ca_provider.is_none() {
                faults.push(Fault::wrong("a CABundle or CAProvider is required"));
            }
            let auth = self.auth.clone().unwrap_or_default();
            let methods = [auth.cert.is_some(), auth.service_account.is_some(), auth.token.is_some()];
            if methods.iter().filter(|is_set| **is_set).count() != 1 {
                faults.push(Fault::wrong(
                    "exactly one of cert, serviceAccount and token must be set in auth, or authRef",
                ));
            }
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if self.remote_namespace.is_empty() || !self.remote_namespace.bytes().all(fits) {
            faults.push(Fault::wrong(format!("`{}` is no name of a namespace", self.remote_namespace)));
        }
        faults.extend(selectors::foreign(&self.selectors(), tenant));
        faults.extend(self.server.ca_provider.as_ref().and_then(|provider| provider.check(tenant)));
        faults
    }
}

impl Settings {
    /// All selectors of credentials.
    pub fn selectors(&self) -> Vec<Selector> {
        let auth = self.auth.clone().unwrap_or_default();
        let (certificate, key) = auth.cert.map(|cert| (cert.client_cert, cert.client_key)).unzip();
        let token = auth.token.map(|token| token.bearer_token);
        let secrets = [self.auth_ref.clone(), certificate, key, token];
        let account = auth.service_account.map(|account| account.selector());
        secrets.into_iter().flatten().map(|secret| secret.selector()).chain(account).collect()
    }

    /// The connection that these settings describe.
    pub async fn connect(&self, own: Option<&OwnCluster>, credentials: &Credentials) -> Result<Connection, Fault> {
        if let Some(kubeconfig) = &self.auth_ref {
            let text = credentials.secret_text(&kubeconfig.or_key("config")).await?;
            return Connection::fixed(config_of(text.expose()).await?);
        }
        let mut config = match (self.server.elsewhere(), own) {
            (Some(url), _) => kube::Config::new(address(url)?),
            (None, Some(OwnCluster { server: Some(server), .. })) => server.clone(),
            (None, Some(OwnCluster { client, server: None })) => return Ok(Connection::of(client.clone())),
            (None, None) => {
                return Err(Fault::wrong("the store means the cluster that Keywright runs in, and it runs in none")
                    .hint("set `server.url`"));
            }
        };
        let bundle =
            authorities(self.server.ca_bundle.as_deref(), self.server.ca_provider.as_ref(), credentials).await?;
        if let Some(bundle) = bundle {
            config.root_cert_file = None;
            config.root_cert = Some(certificates(&bundle)?);
        }
        let auth = self.auth.clone().unwrap_or_default();
        if let Some(cert) = &auth.cert {
            let certificate = credentials.secret_key(&cert.client_cert.selector()).await?;
            let key = credentials.secret_key(&cert.client_key.selector()).await?;
            config.auth_info.client_certificate_data = Some(Base64::Standard.encode(certificate.expose()));
            config.auth_info.client_key_data = Some(Base64::Standard.encode(key.expose()).into());
            return Connection::fixed(config);
        }
        if let Some(token) = &auth.token {
            let token = credentials.secret_text(&token.bearer_token.selector()).await?.trimmed();
            config.auth_info.token = Some(token.into_exposed().into());
            return Connection::fixed(config);
        }
        let account = auth.service_account.ok_or_else(|| Fault::wrong("no auth method is set"))?;
        // The account itself is looked at now: it is part of what tells connections apart.
        credentials.service_account(&account.selector()).await?;
        let account =
            Account { selector: account.selector(), audiences: account.audiences, credentials: credentials.clone() };
        Ok(Connection { made: Some((config, account)), held: Mutex::default() })
    }
}

/// A cluster that can be asked.
pub(super) struct Connection {
    /// From what clients are made anew; none where one is good for ever.
    made: Option<(kube::Config, Account)>,
    held: Mutex<Option<(kube::Client, Instant)>>,
}

/// Whose tokens open the door.
struct Account {
    selector: Selector,
    audiences: Vec<String>,
    credentials: Credentials,
}

impl Connection {
    fn fixed(config: kube::Config) -> Result<Self, Fault> {
        client_of(config).map(Self::of)
    }

    fn of(client: kube::Client) -> Self {
        Self { made: None, held: Mutex::new(Some((client, Instant::now()))) }
    }

    /// A client whose token is good; however many ask at once, it is made once.
    pub async fn client(&self) -> Result<kube::Client, Fault> {
        let mut held = self.held.lock().await;
        let is_good = |since: &Instant| self.made.is_none() || since.elapsed() < RENEW_AFTER;
        if let Some((client, _)) = held.as_ref().filter(|(_, since)| is_good(since)) {
            return Ok(client.clone());
        }
        let (config, account) =
            self.made.as_ref().ok_or_else(|| Fault::bug("a client that is good for ever was lost"))?;
        let Account { selector, audiences, credentials } = account;
        let token = credentials.token(selector, audiences, TOKEN_SECONDS).await?;
        let mut config = config.clone();
        config.auth_info = AuthInfo { token: Some(token.into_exposed().into()), ..AuthInfo::default() };
        let client = client_of(config)?;
        *held = Some((client.clone(), Instant::now()));
        Ok(client)
    }

    /// Forgets a client whose token was not taken; answers whether another may be.
    pub async fn renew(&self) -> bool {
        if self.made.is_some() {
            *self.held.lock().await = None;
        }
        self.made.is_some()
    }
}

impl Server {
    /// The address, where it is not that of the own cluster: the API's default, and the names that every cluster gives to its own
    /// API server, mean the one that Keywright itself is connected to.
    fn elsewhere(&self) -> Option<&str> {
        const OWN: [&str; 3] = ["kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        let url = self.url.as_deref().filter(|url| !url.is_empty())?;
        let host = url.strip_prefix("https://").unwrap_or(url).trim_end_matches('/');
        let host = host.strip_suffix(":443").unwrap_or(host);
        (!OWN.contains(&host)).then_some(url)
    }
}

fn address(url: &str) -> Result<http::Uri, Fault> {
    let whole = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    let parsed: Option<http::Uri> = whole.parse().ok();
    parsed
        .filter(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")))
        .ok_or_else(|| Fault::wrong(format!("cannot use `{url}` as the address of an API server")))
}

/// The certificates of a bundle: PEM, or base64 of PEM.
fn certificates(bundle: &SecretBytes) -> Result<Vec<Vec<u8>>, Fault> {
    let none = || Fault::wrong("no valid certificates found in CA cert data");
    let unwrapped = Base64::Standard.decode(bundle.expose().trim_ascii());
    let text = unwrapped.as_ref().unwrap_or(bundle).to_text().ok_or_else(none)?;
    let blocks = text.expose().split("-----BEGIN CERTIFICATE-----").skip(1);
    let decoded = blocks.filter_map(|block| {
        let body: String = block.split("-----END").next()?.split_whitespace().collect();
        Base64::Standard.decode(body.as_bytes()).map(SecretBytes::into_exposed)
    });
    let found: Vec<Vec<u8>> = decoded.collect();
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

/// The connection of a kubeconfig's current context.
async fn config_of(text: &str) -> Result<kube::Config, Fault> {
    let kubeconfig = Kubeconfig::from_yaml(text)
        .map_err(|error| Fault::wrong("cannot read the kubeconfig").because(kubeconfig::told(&error)))?;
    let users = kubeconfig.auth_infos.iter().filter_map(|named| named.auth_info.as_ref());
    let reaches_out = |user: &AuthInfo| {
        user.exec.is_some()
            || user.auth_provider.is_some()
            || user.token_file.is_some()
            || user.client_certificate.is_some()
            || user.client_key.is_some()
    };
    let clusters = kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref());
    if users.into_iter().any(reaches_out) || clusters.into_iter().any(|one| one.certificate_authority.is_some()) {
        return Err(Fault::denied("a store's kubeconfig may not name programs or files")
            .hint("put tokens and certificates into it (`token`, `…-data`)"));
    }
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    config.map_err(|error| Fault::wrong("cannot use the kubeconfig").because(error))
}
