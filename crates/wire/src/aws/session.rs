//! Whose keys count, and the calls made with them. Keys that end are got anew two minutes before; however many calls need them
//! at once, they are got once.
//!
//! Specification: ESO §10.1 (order of authentication, roles), VALS §11, design §5 (sessions are shared by their credentials).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::{Fault, Timestamp};

use crate::answer::Answer;
use crate::aws::call::{Call, is_transient};
use crate::aws::caller::Caller;
use crate::aws::chain;
use crate::aws::credentials::Credentials;
use crate::aws::endpoint::Endpoints;
use crate::aws::roles::{self, Role};
use crate::aws::sts::{self, CallerIdentity, IdentityProof, SessionTokenParameters};
use crate::client::Client;
use crate::environment::Surroundings;
use crate::retry::Retry;
use crate::secret_source::SecretSource;

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
    caller: Caller,
    identity: Identity,
    roles: Vec<Role>,
    surroundings: Surroundings,
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
    pub fn open(client: &Client, settings: Settings, surroundings: Surroundings) -> Result<Arc<Self>, Fault> {
        let Settings { region, identity, roles, endpoints, retry, timeout } = settings;
        let environment = &surroundings.environment;
        let profile = match &identity {
            Identity::Default { profile } => Some(chain::Profile::read(profile.as_deref(), &surroundings)?),
            Identity::Keys { .. } | Identity::WebIdentity { .. } => None,
        };
        let region = chain::region(region.as_deref(), environment, profile.as_ref())?;
        let set = endpoints.or(Endpoints::of(environment)?);
        let endpoints =
            profile.map_or(Ok(set.clone()), |profile| Ok::<_, Fault>(set.or(profile.endpoints(environment)?)))?;
        let caller = Caller { client: client.clone(), region, endpoints, retry, timeout };
        let (failures, held) = (AtomicU64::new(0), tokio::sync::Mutex::default());
        Ok(Arc::new(Self { caller, identity, roles, surroundings, failures, held }))
    }

    /// The region of its calls.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.caller.region
    }

    /// The addresses that count instead of AWS' own.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.caller.endpoints
    }

    /// Calls a service.
    ///
    /// # Errors
    /// There are no keys, no answer came, or the service refused: then [`Fault::cause`] finds the [`Refusal`](crate::aws::Refusal).
    pub async fn call(&self, call: &Call) -> Result<Answer, Fault> {
        let keys = self.credentials().await?;
        self.caller.call(call, &keys).await
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
                let (fault, number) = (Arc::new(fault.of_access()), self.failures.fetch_add(1, Ordering::AcqRel) + 1);
                *held = Held { keys: None, failed: Some((number, Arc::clone(&fault))) };
                Err(Fault::shared(&fault))
            }
        }
    }

    /// Who the keys belong to.
    ///
    /// # Errors
    /// There are no keys, or the service refused.
    pub async fn caller_identity(&self) -> Result<CallerIdentity, Fault> {
        sts::caller_identity(&self.caller, &self.credentials().await?).await
    }

    /// Temporary keys of the same identity.
    ///
    /// # Errors
    /// There are no keys, or the service refused.
    pub async fn session_token(&self, parameters: &SessionTokenParameters) -> Result<Credentials, Fault> {
        sts::session_token(&self.caller, &self.credentials().await?, parameters).await
    }

    /// The proof of who we are, for others to ask STS with.
    ///
    /// # Errors
    /// There are no keys.
    pub async fn identity_proof(&self, server_id: &str) -> Result<IdentityProof, Fault> {
        sts::identity_proof(&self.caller, &self.credentials().await?, server_id).await
    }

    async fn end_of_chain(&self) -> Result<Credentials, Fault> {
        let first = self.first().await?;
        roles::assume(&self.caller, first, &self.roles).await
    }

    async fn first(&self) -> Result<Credentials, Fault> {
        match &self.identity {
            Identity::Default { profile } => chain::default(&self.caller, &self.surroundings, profile.as_deref()).await,
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
                roles::assume_with_web_identity(&self.caller, role, &token)
                    .await
                    .map_err(|fault| fault.within(format!("cannot assume role `{}` with a web identity", role.arn)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
