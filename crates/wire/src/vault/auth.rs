//! How a token is got: one variant per method, each with what its login sends. The secrets of a login are asked for when it
//! happens, and none of them is ever part of a fault.
//!
//! Specification: VSO §8.2–8.6 and §17.3, ESO §10.5, VALS §10.1. `gcp` is not here yet: whoever reads settings says so.

use base::encoding::Base64;
use base::fingerprint::Digest;
use base::{Fault, SecretText};
use serde_json::json;

use crate::aws;
use crate::secret_source::SecretSource;
use crate::vault::call::Call;

/// How a token is got. Mounts are paths without `auth/`.
#[derive(Clone)]
pub enum Auth {
    /// It is given; nothing is logged in, renewed or revoked.
    Token(SecretSource),
    /// Role and secret id; a role without one needs no secret.
    AppRole {
        /// The mount, `approle` by default.
        mount: String,
        /// Who.
        role_id: SecretSource,
        /// The proof.
        secret_id: Option<SecretSource>,
    },
    /// A ServiceAccount's token, which the server has reviewed.
    Kubernetes {
        /// The mount, `kubernetes` by default.
        mount: String,
        /// As whom.
        role: String,
        /// The token.
        jwt: SecretSource,
    },
    /// A signed token, which the server verifies.
    Jwt {
        /// The mount, `jwt` by default.
        mount: String,
        /// As whom; empty for the mount's default role.
        role: String,
        /// The token.
        jwt: SecretSource,
    },
    /// A name and a password kept by the server.
    UserPass {
        /// The mount, `userpass` by default.
        mount: String,
        /// Who.
        username: String,
        /// The proof.
        password: SecretSource,
    },
    /// A name and a password of a directory.
    Ldap {
        /// The mount, `ldap` by default.
        mount: String,
        /// Who.
        username: String,
        /// The proof.
        password: SecretSource,
    },
    /// The client certificate of the connection's TLS settings.
    Cert {
        /// The mount, `cert` by default.
        mount: String,
        /// As whom; empty: whichever role fits.
        role: String,
    },
    /// A signed question to AWS, which the server asks in our name.
    AwsIam(Box<AwsIam>),
}

/// What an AWS IAM login needs.
#[derive(Clone)]
pub struct AwsIam {
    /// The mount, `aws` by default.
    pub mount: String,
    /// As whom.
    pub role: String,
    /// What the server wants to see in `X-Vault-AWS-IAM-Server-ID`; empty: nothing.
    pub server_id: String,
    /// Whose keys sign, for which region, at which STS.
    pub session: std::sync::Arc<aws::Session>,
}

impl Auth {
    /// Whether a login can give a new token.
    #[must_use]
    pub fn logs_in(&self) -> bool {
        !matches!(self, Self::Token(_))
    }

    /// The method's name as the peers' settings have it.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::AppRole { .. } => "appRole",
            Self::Kubernetes { .. } => "kubernetes",
            Self::Jwt { .. } => "jwt",
            Self::UserPass { .. } => "userPass",
            Self::Ldap { .. } => "ldap",
            Self::Cert { .. } => "cert",
            Self::AwsIam(_) => "aws",
        }
    }

    /// Adds to a digest as whom it logs in, where, and what proves it; nothing where that cannot be told without asking.
    pub(crate) fn identify(&self, digest: Digest) -> Option<Digest> {
        let at = |mount: &str, who: &str| {
            digest.with(self.method().as_bytes()).with(mount.trim_matches('/').as_bytes()).with(who.as_bytes())
        };
        match self {
            Self::Token(token) => token.identify(at("", "")),
            Self::AppRole { mount, role_id, secret_id } => {
                let digest = role_id.identify(at(mount, ""))?;
                match secret_id {
                    Some(secret_id) => secret_id.identify(digest),
                    None => Some(digest),
                }
            }
            Self::Kubernetes { mount, role, jwt } | Self::Jwt { mount, role, jwt } => jwt.identify(at(mount, role)),
            Self::UserPass { mount, username, password } | Self::Ldap { mount, username, password } => {
                password.identify(at(mount, username))
            }
            // The certificate is part of the connection's TLS settings.
            Self::Cert { mount, role } => Some(at(mount, role)),
            Self::AwsIam(_) => None,
        }
    }

    /// The call that logs in.
    ///
    /// # Errors
    /// A secret of it cannot be had, or is empty.
    pub(crate) async fn login(&self) -> Result<Call, Fault> {
        match self {
            Self::Token(_) => Err(Fault::bug("a given token cannot log in")),
            Self::AppRole { mount, role_id, secret_id } => {
                let role_id = asked("role id", role_id).await?;
                let Some(secret_id) = secret_id else {
                    return login(mount, &json!({"role_id": role_id.expose()}), &[]);
                };
                let secret_id = asked("secret id", secret_id).await?;
                login(
                    mount,
                    &json!({"role_id": role_id.expose(), "secret_id": secret_id.expose()}),
                    &[role_id, secret_id],
                )
            }
            Self::Kubernetes { mount, role, jwt } => {
                let jwt = asked("ServiceAccount token", jwt).await?;
                login(mount, &json!({"role": role, "jwt": jwt.expose()}), &[jwt])
            }
            Self::Jwt { mount, role, jwt } => {
                let jwt = asked("token", jwt).await?;
                let body = if role.is_empty() {
                    json!({"jwt": jwt.expose()})
                } else {
                    json!({"role": role, "jwt": jwt.expose()})
                };
                login(mount, &body, &[jwt])
            }
            Self::UserPass { mount, username, password } | Self::Ldap { mount, username, password } => {
                let password = asked("password", password).await?;
                Ok(login(mount, &json!({"password": password.expose()}), &[password])?.segment(username))
            }
            Self::Cert { mount, role } if role.is_empty() => login(mount, &json!({}), &[]),
            Self::Cert { mount, role } => login(mount, &json!({"name": role}), &[]),
            Self::AwsIam(iam) => iam.login().await,
        }
    }
}

impl AwsIam {
    /// The server repeats the signed question at STS and learns who signed it (VSO §8.5).
    async fn login(&self) -> Result<Call, Fault> {
        let proof = self.session.identity_proof(&self.server_id).await?;
        let mut headers = serde_json::Map::new();
        for (name, value) in &proof.headers {
            headers.insert(name.clone(), json!([value.expose()]));
        }
        let headers = serde_json::Value::Object(headers).to_string();
        let headers = SecretText::new(Base64::Standard.encode(headers.as_bytes()));
        let body = json!({
            "role": self.role,
            "iam_http_request_method": "POST",
            "iam_request_url": Base64::Standard.encode(proof.url.as_bytes()),
            "iam_request_body": Base64::Standard.encode(proof.body.as_bytes()),
            "iam_request_headers": headers.expose(),
        });
        let mut hidden: Vec<_> = proof.headers.into_iter().map(|(_, value)| value).collect();
        hidden.push(headers);
        login(&self.mount, &body, &hidden)
    }
}

async fn asked(what: &str, source: &SecretSource) -> Result<SecretText, Fault> {
    // Files end with a line break; no secret of a login does.
    let text = source.text().await?.trimmed();
    if text.is_empty() { Err(Fault::wrong(format!("cannot log in to Vault: the {what} is empty"))) } else { Ok(text) }
}

fn login(mount: &str, body: &serde_json::Value, hidden: &[SecretText]) -> Result<Call, Fault> {
    let mount = mount.trim_matches('/');
    if mount.is_empty() {
        return Err(Fault::wrong("cannot log in to Vault: the mount of the auth method is empty"));
    }
    let path = format!("auth/{mount}/login");
    // Another login is another token and nothing else: it may be asked twice.
    let call = Call::write_json(&path, body)?.idempotent();
    Ok(hidden.iter().fold(call, Call::hide))
}
