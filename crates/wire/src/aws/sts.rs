//! The Security Token Service: one identity for another, who we are, and the signed question by which Vault learns it.
//! Answers are XML; what they hold is never quoted.
//!
//! Specification: ESO §10.1, §11 (STSSessionToken), VSO §8.5, VALS §10.14; AWS STS API 2011-06-15.

use base::{Fault, SecretText, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::aws::call::{self, Call};
use crate::aws::endpoint::STS;
use crate::aws::roles::Role;
use crate::aws::session::{Credentials, Session};

const VERSION: (&str, &str) = ("Version", "2011-06-15");

/// Who the keys belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CallerIdentity {
    /// The account.
    pub account: String,
    /// The ARN of user or session.
    pub arn: String,
    /// The unique id of user or session.
    pub user_id: String,
}

/// Who the session's keys belong to.
///
/// # Errors
/// There are no keys, or the service refused.
pub async fn caller_identity(session: &Session) -> Result<CallerIdentity, Fault> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "GetCallerIdentityResult")]
        result: CallerIdentity,
    }
    let call = Call::form(STS, &[("Action", "GetCallerIdentity"), VERSION]).idempotent();
    Ok(read::<Envelope>(&call, &session.call(&call).await?)?.result)
}

/// What a session token may be limited by.
#[derive(Clone, Default)]
pub struct SessionTokenParameters {
    /// How long it lives.
    pub duration_seconds: Option<u32>,
    /// The device of the second factor.
    pub serial_number: Option<String>,
    /// What the device shows.
    pub token_code: Option<String>,
}

/// Temporary keys of the same identity.
///
/// # Errors
/// There are no keys, or the service refused.
pub async fn session_token(session: &Session, parameters: &SessionTokenParameters) -> Result<Credentials, Fault> {
    let duration = parameters.duration_seconds.map(|seconds| seconds.to_string());
    let mut form = vec![("Action", "GetSessionToken"), VERSION];
    form.extend(duration.as_deref().map(|seconds| ("DurationSeconds", seconds)));
    form.extend(parameters.serial_number.as_deref().map(|number| ("SerialNumber", number)));
    form.extend(parameters.token_code.as_deref().map(|code| ("TokenCode", code)));
    let mut call = Call::form(STS, &form);
    if let Some(code) = &parameters.token_code {
        call = call.hide(&SecretText::from(code.as_str()));
    }
    let answer = session.call(&call).await?;
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "GetSessionTokenResult")]
        result: Keys,
    }
    read::<Envelope>(&call, &answer)?.result.credentials()
}

/// The keys of a role, for whoever holds `keys`.
pub(crate) async fn assume_role(session: &Session, keys: &Credentials, role: &Role) -> Result<Credentials, Fault> {
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
    read::<Envelope>(&call, &session.call_with(&call, keys).await?)?.result.credentials()
}

/// The keys of a role, for whoever holds a token that the role trusts.
pub(crate) async fn assume_role_with_web_identity(
    session: &Session,
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
    read::<Envelope>(&call, &session.call_unsigned(&call).await?)?.result.credentials()
}

#[derive(Deserialize)]
struct Keys {
    #[serde(rename = "Credentials")]
    credentials: KeysXml,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeysXml {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

impl Keys {
    fn credentials(self) -> Result<Credentials, Fault> {
        let KeysXml { access_key_id, secret_access_key, session_token, expiration } = self.credentials;
        let expires_at: Timestamp = expiration
            .parse()
            .map_err(|_| Fault::unreachable("cannot read the keys that STS gave: their end is no time"))?;
        Ok(Credentials {
            access_key_id,
            secret_access_key: secret_access_key.into(),
            session_token: Some(SecretText::new(session_token)).filter(|token| !token.is_empty()),
            expires_at: Some(expires_at),
        })
    }
}

fn read<T: DeserializeOwned>(call: &Call, answer: &Answer) -> Result<T, Fault> {
    // The parser's message is left out: it quotes what it could not read.
    quick_xml::de::from_str(call::text(&answer.body)).map_err(|_| {
        Fault::unreachable(format!("cannot read the answer of sts {}: not the XML that was expected", call.operation))
    })
}

#[cfg(test)]
mod tests;
