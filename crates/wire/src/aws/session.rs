//! Whose keys count, and the calls made with them. Keys that end are got anew two minutes before; however many calls need them
//! at once, they are got once.
//!
//! Specification: ESO §10.1 (order of authentication, roles), VALS §11, design §5 (sessions are shared by their credentials).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::{Fault, SecretText, Timestamp};

use crate::answer::Answer;
use crate::aws::call::{self, Call, is_transient};
use crate::aws::chain;
use crate::aws::endpoint::{Endpoints, STS};
use crate::aws::roles::{self, Role};
use crate::aws::sts;
use crate::client::Client;
use crate::environment::Surroundings;
use crate::request::Request;
use crate::retry::{Retry, Tries};
use crate::secret_source::SecretSource;

/// Keys that sign calls.
#[derive(Clone)]
pub struct Credentials {
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretText,
    /// What temporary keys carry beside them.
    pub session_token: Option<SecretText>,
    /// When they end; none: they do not.
    pub expires_at: Option<Timestamp>,
}

impl Credentials {
    /// Whether they are good for calls that begin now.
    #[must_use]
    pub fn are_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end.duration_since(now) > jiff::SignedDuration::from_secs(REFRESH_SECONDS))
    }

    pub(crate) fn for_signing(&self) -> reqsign_aws_v4::Credential {
        reqsign_aws_v4::Credential {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.expose().to_owned(),
            session_token: self.session_token.as_ref().map(|token| token.expose().to_owned()),
            // We judge ourselves; a clock that is ahead must not keep us from asking.
            expires_in: None,
        }
    }
}

/// How long before their end keys are got anew: more than any call takes, retries included.
const REFRESH_SECONDS: i64 = 120;

/// Who we are before any role is assumed.
#[derive(Clone)]
pub enum Identity {
    /// Whoever the surroundings say, in the order of the SDKs: variables, web identity, shared files, container, instance.
    Default {
        /// The profile that counts instead of variables, as where a user named it for this session.
        profile: Option<String>,
    },
    /// Given keys.
    Keys {
        /// The key's name.
        access_key_id: SecretSource,
        /// The key.
        secret_access_key: SecretSource,
        /// What temporary keys carry beside them.
        session_token: Option<SecretSource>,
    },
    /// A role that trusts a token, such as a ServiceAccount's (IRSA).
    WebIdentity {
        /// The role; its external id and tags do not count here.
        role: Role,
        /// The token.
        token: SecretSource,
    },
}

/// What a session is opened with.
#[derive(Clone)]
pub struct Settings {
    /// The region; else the surroundings' (`AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's).
    pub region: Option<String>,
    /// Who we are first.
    pub identity: Identity,
    /// The roles that are assumed from there, in order.
    pub roles: Vec<Role>,
    /// Addresses that count instead of AWS' own, before those of the variables and the profile.
    pub endpoints: Endpoints,
    /// How often a call is asked again.
    pub retry: Retry,
    /// How long one try may take.
    pub timeout: Duration,
}

impl Settings {
    /// The SDKs' defaults: the default chain, no roles, three tries.
    #[must_use]
    pub fn new() -> Self {
        Self {
            region: None,
            identity: Identity::Default { profile: None },
            roles: Vec::new(),
            endpoints: Endpoints::default(),
            retry: Retry { transient: is_transient, ..Retry::standard() },
            timeout: crate::request::TIMEOUT,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// Keys that are kept, and the calls made with them.
pub struct Session {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) surroundings: Surroundings,
    region: String,
    /// Times that no keys were got: tells those who waited for such a failure from those who come later.
    failures: AtomicU64,
    held: tokio::sync::Mutex<Held>,
}

#[derive(Default)]
struct Held {
    keys: Option<Credentials>,
    failed: Option<(u64, Arc<Fault>)>,
}

impl Session {
    /// A session that gets its keys when it is first used.
    ///
    /// # Errors
    /// Nobody says which region, or a shared file or a variable of AWS cannot be read.
    pub fn open(client: &Client, mut settings: Settings, surroundings: Surroundings) -> Result<Arc<Self>, Fault> {
        let shared = chain::Shared::read(&settings, &surroundings)?;
        let region = shared.region(&settings, &surroundings.environment)?;
        let set = Endpoints::of(&surroundings.environment)?;
        settings.endpoints = settings.endpoints.or(set).or(shared.endpoints(&surroundings.environment)?);
        let (failures, held) = (AtomicU64::new(0), tokio::sync::Mutex::default());
        Ok(Arc::new(Self { client: client.clone(), settings, surroundings, region, failures, held }))
    }

    /// The region of its calls.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The addresses that count instead of AWS' own.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.settings.endpoints
    }

    /// Calls a service.
    ///
    /// # Errors
    /// There are no keys, no answer came, or the service refused: then [`crate::aws::refusal`] finds its code in the fault.
    pub async fn call(&self, call: &Call) -> Result<Answer, Fault> {
        let keys = self.credentials().await?;
        self.call_with(call, &keys).await
    }

    /// The keys at the end of the chain, got if need be: `Validate` of a store asks for nothing else.
    ///
    /// # Errors
    /// There are none, or a role cannot be assumed.
    pub async fn credentials(&self) -> Result<Credentials, Fault> {
        let seen = self.failures.load(Ordering::Acquire);
        let mut held = self.held.lock().await;
        if let Some(keys) = held.keys.as_ref().filter(|keys| keys.are_fresh(Timestamp::now())) {
            return Ok(keys.clone());
        }
        if let Some((_, fault)) = held.failed.as_ref().filter(|(number, _)| *number > seen) {
            return Err(Fault::shared(fault));
        }
        match self.end_of_chain().await {
            Ok(keys) => {
                *held = Held { keys: Some(keys.clone()), failed: None };
                Ok(keys)
            }
            Err(fault) => {
                let (fault, number) = (Arc::new(fault), self.failures.fetch_add(1, Ordering::AcqRel) + 1);
                *held = Held { keys: None, failed: Some((number, Arc::clone(&fault))) };
                Err(Fault::shared(&fault))
            }
        }
    }

    /// The proof of who we are, for others to ask STS with: a signed `GetCallerIdentity`.
    ///
    /// # Errors
    /// There are no keys.
    pub async fn identity_proof(&self, server_id: &str) -> Result<IdentityProof, Fault> {
        let keys = self.credentials().await?;
        let url = self.settings.endpoints.url(STS, &self.region)?;
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let mut request = Request::to(http::Method::POST, url.clone())?
            .body("application/x-www-form-urlencoded; charset=utf-8", body)
            .header("x-amz-content-sha256", IDENTITY_BODY_SHA256);
        if !server_id.is_empty() {
            request = request.header("x-vault-aws-iam-server-id", server_id);
        }
        request.check()?;
        let headers = call::signed_headers(&request, STS, &self.region, &keys).await?;
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), SecretText::from(value.to_str().unwrap_or_default())))
            .collect();
        Ok(IdentityProof { url: url.to_string(), body: body.to_owned(), headers })
    }

    pub(crate) async fn call_with(&self, call: &Call, keys: &Credentials) -> Result<Answer, Fault> {
        let mut tries = Tries::new(&self.settings.retry, call.idempotent);
        let begun = Instant::now();
        let url = self.settings.endpoints.url(call.service, &self.region)?;
        loop {
            // Signed anew each time: a signature is good for some minutes only.
            let request = call.signed(&url, &self.region, keys).await?.timeout(self.settings.timeout);
            let outcome = self.client.try_once(&request).await;
            match self.client.next_wait(&mut tries, &outcome, begun) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return outcome.settle().and_then(|answer| call.accepted(answer)),
            }
        }
    }

    pub(crate) async fn call_unsigned(&self, call: &Call) -> Result<Answer, Fault> {
        let url = self.settings.endpoints.url(call.service, &self.region)?;
        let request = call.request(&url)?.timeout(self.settings.timeout);
        call.accepted(self.client.send(&request, &self.settings.retry).await?)
    }

    async fn end_of_chain(&self) -> Result<Credentials, Fault> {
        let first = self.first().await?;
        roles::assume(self, first, &self.settings.roles).await
    }

    async fn first(&self) -> Result<Credentials, Fault> {
        match &self.settings.identity {
            Identity::Default { profile } => chain::default(self, profile.as_deref()).await,
            Identity::Keys { access_key_id, secret_access_key, session_token } => {
                let session_token = match session_token {
                    Some(token) => Some(token.text().await?.trimmed()).filter(|token| !token.is_empty()),
                    None => None,
                };
                let access_key_id = access_key_id.text().await?.trimmed().into_exposed();
                let secret_access_key = secret_access_key.text().await?.trimmed();
                if access_key_id.is_empty() || secret_access_key.is_empty() {
                    return Err(Fault::wrong("cannot sign calls to AWS: the access key is empty"));
                }
                Ok(Credentials { access_key_id, secret_access_key, session_token, expires_at: None })
            }
            Identity::WebIdentity { role, token } => {
                let token = token.text().await?.trimmed();
                sts::assume_role_with_web_identity(self, role, &token)
                    .await
                    .map_err(|fault| fault.within(format!("cannot assume role `{}` with a web identity", role.arn)))
            }
        }
    }
}

/// The SHA-256 of the only body of an identity proof.
const IDENTITY_BODY_SHA256: &str = "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843";

/// A signed question to STS.
pub struct IdentityProof {
    /// Where it would be asked.
    pub url: String,
    /// Its body.
    pub body: String,
    /// Its headers, the signature among them.
    pub headers: Vec<(String, SecretText)>,
}

#[cfg(test)]
mod tests;
