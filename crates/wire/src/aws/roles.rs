//! Roles that are assumed one after the other, each with the keys that the one before has given, or with a token.
//! Specification: ESO §10.1 (`additionalRoles`, `role`, `externalID`, session tags), VALS §11.4, SOPS §5.3 (`KEYARN+ROLEARN`).

use base::{Fault, SecretText};
use serde::Deserialize;

use crate::aws::call::Call;
use crate::aws::caller::Caller;
use crate::aws::credentials::Credentials;
use crate::aws::endpoint::STS;
use crate::aws::sts::{self, Keys, VERSION};

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
pub(crate) async fn assume(caller: &Caller, mut keys: Credentials, roles: &[Role]) -> Result<Credentials, Fault> {
    for role in roles {
        keys = assume_one(caller, &keys, role)
            .await
            .map_err(|fault| fault.within(format!("cannot assume role `{}`", role.arn)))?;
    }
    Ok(keys)
}

/// The keys of a role, for whoever holds `keys`.
async fn assume_one(caller: &Caller, keys: &Credentials, role: &Role) -> Result<Credentials, Fault> {
    let mut form: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| form.push((name.to_owned(), value.to_owned()));
    add("Action", "AssumeRole");
    add(VERSION.0, VERSION.1);
    add("RoleArn", &role.arn);
    add("RoleSessionName", role.session_name());
    if !role.external_id.is_empty() {
        add("ExternalId", &role.external_id);
    }
    if let Some(seconds) = role.duration_seconds {
        add("DurationSeconds", &seconds.to_string());
    }
    for (index, (key, value)) in role.tags.iter().enumerate() {
        add(&format!("Tags.member.{}.Key", index + 1), key);
        add(&format!("Tags.member.{}.Value", index + 1), value);
    }
    for (index, key) in role.transitive_tag_keys.iter().enumerate() {
        add(&format!("TransitiveTagKeys.member.{}", index + 1), key);
    }
    let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // Another session of the role is another set of keys and nothing else: it may be asked twice.
    let call = Call::form(STS, &form).idempotent();
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "AssumeRoleResult")]
        result: Keys,
    }
    sts::read::<Envelope>(&call, &caller.call(&call, keys).await?)?.result.credentials()
}

/// The keys of a role, for whoever holds a token that the role trusts.
pub(crate) async fn assume_with_web_identity(
    caller: &Caller,
    role: &Role,
    token: &SecretText,
) -> Result<Credentials, Fault> {
    let duration = role.duration_seconds.map(|seconds| seconds.to_string());
    let mut form = vec![
        ("Action", "AssumeRoleWithWebIdentity"),
        VERSION,
        ("RoleArn", role.arn.as_str()),
        ("RoleSessionName", role.session_name()),
        ("WebIdentityToken", token.expose()),
    ];
    form.extend(duration.as_deref().map(|seconds| ("DurationSeconds", seconds)));
    let call = Call::form(STS, &form).idempotent().hide(token);
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "AssumeRoleWithWebIdentityResult")]
        result: Keys,
    }
    sts::read::<Envelope>(&call, &caller.call_unsigned(&call).await?)?.result.credentials()
}
