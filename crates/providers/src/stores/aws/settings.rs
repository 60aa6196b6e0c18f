//! The settings of the `aws` provider, their checks, and the session that they describe: whose keys count first, then the roles
//! that are assumed one after the other. Keys that lie in Secrets are read when the store is opened, so that their change is
//! noticed; ServiceAccount tokens are asked for each time keys are got. Specification: ESO §10.1, Appendix A.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::credentials::Selector;
use base::{Credentials, Fault, Tenant};
use schemars::JsonSchema;
use serde::Deserialize;
use wire::SecretSource;
use wire::aws::{self, Identity, Role, Session};

use crate::reach::Reach;
use crate::selectors::{self, SecretKeySelector, ServiceAccountSelector};
use crate::settings::Checked;

/// How AWS is spoken to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Settings {
    /// Which service holds the values.
    pub service: Service,
    /// The region.
    region: String,
    /// Whose keys count; by default those of the surroundings.
    #[serde(default)]
    auth: Option<AuthSettings>,
    /// The role that is assumed last.
    #[serde(default)]
    role: Option<String>,
    /// Roles that are assumed before it, in order.
    #[serde(default)]
    additional_roles: Vec<String>,
    /// What the last role's trust policy wants to see.
    #[serde(default, rename = "externalID")]
    external_id: Option<String>,
    /// Tags of the last role's session.
    #[serde(default)]
    session_tags: Vec<Tag>,
    /// Whether the session is tagged with the store and the namespace that it is used from.
    #[serde(default)]
    session_tags_policy: TagsPolicy,
    /// Tags beside those, with the policy Custom.
    #[serde(default)]
    custom_session_tags: BTreeMap<String, String>,
    /// Tags that further roles inherit.
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
    /// Stands before every key.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How secrets of Secrets Manager are deleted.
    #[serde(default)]
    pub secrets_manager: Option<Deletion>,
}

/// A service that holds values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Service {
    SecretsManager,
    ParameterStore,
    CertificateManager,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

/// Which tags a session gets by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
enum TagsPolicy {
    #[default]
    None,
    Simple,
    Custom,
}

/// How secrets of Secrets Manager are deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Deletion {
    /// At once and for good.
    #[serde(default)]
    pub force_delete_without_recovery: bool,
    /// After so many days; 0 for the service's own number.
    #[serde(default)]
    pub recovery_window_in_days: i64,
}

/// Whose keys count: a ServiceAccount's role, or given keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::stores) struct AuthSettings {
    #[serde(default)]
    pub jwt: Option<Jwt>,
    #[serde(default)]
    pub secret_ref: Option<Keys>,
}

/// A ServiceAccount whose annotation names a role (IRSA).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::stores) struct Jwt {
    #[serde(default)]
    service_account_ref: Option<ServiceAccountSelector>,
}

/// Where keys lie.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::stores) struct Keys {
    #[serde(default, rename = "accessKeyIDSecretRef")]
    access_key_id: Option<SecretKeySelector>,
    #[serde(default, rename = "secretAccessKeySecretRef")]
    secret_access_key: Option<SecretKeySelector>,
    #[serde(default, rename = "sessionTokenSecretRef")]
    session_token: Option<SecretKeySelector>,
}

/// How the sessions of roles are called in AWS' logs, as the peer calls them.
const SESSION_NAME: &str = "external-secrets-provider-aws";
/// The annotation that names a ServiceAccount's role.
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
/// The annotation that names the audience of its tokens.
const AUDIENCE_ANNOTATION: &str = "eks.amazonaws.com/audience";
const AUDIENCE: &str = "sts.amazonaws.com";
/// How long a token lives that is shown to STS at once.
const TOKEN_SECONDS: u32 = 600;

impl AuthSettings {
    /// All selectors of credentials.
    pub fn selectors(&self) -> Vec<Selector> {
        let keys = self.secret_ref.iter().flat_map(|keys| {
            [keys.access_key_id.as_ref(), keys.secret_access_key.as_ref(), keys.session_token.as_ref()]
        });
        let account = self.jwt.iter().filter_map(|jwt| jwt.service_account_ref.as_ref());
        keys.flatten().map(SecretKeySelector::selector).chain(account.map(ServiceAccountSelector::selector)).collect()
    }

    /// Who we are before any role is assumed.
    pub async fn identity(&self, credentials: &Credentials) -> Result<Identity, Fault> {
        if let Some(account) = self.jwt.as_ref().and_then(|jwt| jwt.service_account_ref.as_ref()) {
            return web_identity(account, credentials).await;
        }
        let Some(keys) = &self.secret_ref else { return Ok(Identity::Default { profile: None }) };
        let value = async |selector: &Option<SecretKeySelector>, field: &str| {
            let selector = selector.as_ref().ok_or_else(|| Fault::wrong(format!("secretRef needs {field}")))?;
            let text = credentials.secret_text(&selector.selector()).await;
            let text = text.map_err(|fault| fault.within(format!("could not fetch {field}")))?;
            Ok::<_, Fault>(SecretSource::Value(text.trimmed()))
        };
        let session_token = match &keys.session_token {
            None => None,
            some => Some(value(some, "sessionTokenSecretRef").await?),
        };
        Ok(Identity::Keys {
            access_key_id: value(&keys.access_key_id, "accessKeyIDSecretRef").await?,
            secret_access_key: value(&keys.secret_access_key, "secretAccessKeySecretRef").await?,
            session_token,
        })
    }
}

/// The role of a ServiceAccount, with its tokens as the proof.
async fn web_identity(account: &ServiceAccountSelector, credentials: &Credentials) -> Result<Identity, Fault> {
    let selector = account.selector();
    let found = credentials.service_account(&selector).await?;
    let role = found.annotations.get(ROLE_ANNOTATION).filter(|role| !role.is_empty());
    let role = role.ok_or_else(|| {
        Fault::wrong(format!("an IAM role must be associated with service account {}", account.name))
            .hint("annotate it with `eks.amazonaws.com/role-arn`")
    })?;
    let audience = found.annotations.get(AUDIENCE_ANNOTATION).map_or(AUDIENCE, String::as_str);
    let mut audiences = vec![audience.to_owned()];
    audiences.extend(account.audiences.iter().cloned());
    // The audiences are part of what tells connections apart, and so is the role.
    credentials.note(role);
    let credentials = credentials.clone();
    let token = SecretSource::ask(move || {
        let (credentials, selector, audiences) = (credentials.clone(), selector.clone(), audiences.clone());
        Box::pin(async move { credentials.token(&selector, &audiences, TOKEN_SECONDS).await })
    });
    let role = Role { session_name: SESSION_NAME.to_owned(), ..Role::new(role) };
    Ok(Identity::WebIdentity { role, token })
}

impl Checked for Settings {
    const PROVIDER: &'static str = "aws";

    fn check(&self, tenant: &Tenant) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !is_region(&self.region) {
            faults.push(Fault::wrong(format!("region not found: {}", self.region)));
        }
        faults.extend(selectors::foreign(&self.selectors(), tenant));
        if let Some(Deletion { force_delete_without_recovery, recovery_window_in_days: days }) = self.secrets_manager {
            if force_delete_without_recovery && days != 0 {
                faults.push(Fault::wrong("forceDeleteWithoutRecovery conflicts with recoveryWindowInDays"));
            } else if days != 0 && !(7..=30).contains(&days) {
                faults.push(Fault::wrong("recoveryWindowInDays must be between 7 and 30 days"));
            }
        }
        let reserved = ["esoNamespace", "esoStoreName", "esoStoreKind"];
        if reserved.iter().any(|tag| self.custom_session_tags.contains_key(*tag)) {
            faults.push(Fault::wrong(
                "customSessionTags cannot contain automatically injected reserved keys: esoNamespace, esoStoreName, esoStoreKind",
            ));
        }
        faults
    }
}

impl Settings {
    /// All selectors of credentials.
    pub fn selectors(&self) -> Vec<Selector> {
        self.auth.as_ref().map(AuthSettings::selectors).unwrap_or_default()
    }

    /// The session that these settings describe.
    pub async fn session(&self, reach: &Reach, credentials: &Credentials) -> Result<Arc<Session>, Fault> {
        let identity = self.auth.clone().unwrap_or_default().identity(credentials).await?;
        let named = |arn: &String| Role { session_name: SESSION_NAME.to_owned(), ..Role::new(arn) };
        let mut roles: Vec<Role> = self.additional_roles.iter().map(named).collect();
        if let Some(role) = self.role.as_ref().filter(|role| !role.is_empty()) {
            roles.push(Role {
                external_id: self.external_id.clone().unwrap_or_default(),
                tags: self.tags(credentials),
                transitive_tag_keys: self.transitive_tag_keys.clone(),
                ..named(role)
            });
        }
        let plain = aws::Settings::new();
        let retry = reach.retry(plain.retry, RETRIES);
        let settings = aws::Settings { region: Some(self.region.clone()), identity, roles, retry, ..plain };
        Session::open(&reach.http, settings, reach.surroundings.clone())
    }

    /// The tags of the last role's session. With those of the store the connection is its user's alone.
    fn tags(&self, credentials: &Credentials) -> Vec<(String, String)> {
        let given = self.session_tags.iter().map(|Tag { key, value }| (key.clone(), value.clone()));
        let mut tags: BTreeMap<String, String> = given.collect();
        if self.session_tags_policy == TagsPolicy::Custom {
            tags.extend(self.custom_session_tags.clone());
        }
        if self.session_tags_policy != TagsPolicy::None {
            credentials.bind();
            let tenant = credentials.tenant();
            let namespace = if tenant.is_cluster_scoped() { &tenant.consumer } else { &tenant.holder.namespace };
            tags.insert("esoStoreName".to_owned(), tenant.holder.name.clone());
            tags.insert("esoStoreKind".to_owned(), tenant.holder.kind.clone());
            // STS takes no empty value: while the store is validated for nobody, the tag is left out.
            if !namespace.is_empty() {
                tags.insert("esoNamespace".to_owned(), namespace.clone());
            }
        }
        tags.into_iter().collect()
    }
}

/// How often a call is asked again for whoever only says how long to wait.
const RETRIES: u32 = 3;

/// Whether a text has the form of a region: `eu-central-1`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, names)) if names.len() >= 2 => {
            names.iter().all(letters) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}
