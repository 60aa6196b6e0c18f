//! Roles that are assumed one after the other, each with the keys that the one before has given.
//! Specification: ESO §10.1 (`additionalRoles`, `role`, `externalID`, session tags), VALS §11.4, SOPS §5.3 (`KEYARN+ROLEARN`).

use base::Fault;

use crate::aws::session::{Credentials, Session};
use crate::aws::sts;

/// A role to assume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// How the session is called in AWS' logs; empty: `keywright`.
    pub session_name: String,
    /// What the role's trust policy wants to see; empty: nothing.
    pub external_id: String,
    /// Tags of the session.
    pub tags: Vec<(String, String)>,
    /// The tags that following roles inherit.
    pub transitive_tag_keys: Vec<String>,
    /// How long the keys live; the role's own default if not set.
    pub duration_seconds: Option<u32>,
}

impl Role {
    /// A role with nothing but its ARN.
    #[must_use]
    pub fn new(arn: impl Into<String>) -> Self {
        Self { arn: arn.into(), ..Self::default() }
    }

    /// How the session is called in AWS' logs.
    #[must_use]
    pub fn session_name(&self) -> &str {
        if self.session_name.is_empty() { "keywright" } else { &self.session_name }
    }
}

/// The keys at the end of the chain.
pub(crate) async fn assume(session: &Session, mut keys: Credentials, roles: &[Role]) -> Result<Credentials, Fault> {
    for role in roles {
        keys = sts::assume_role(session, &keys, role)
            .await
            .map_err(|fault| fault.within(format!("cannot assume role `{}`", role.arn)))?;
    }
    Ok(keys)
}
