//! The Security Token Service: who we are, temporary keys of our own, and the signed question by which Vault learns it.
//! Roles are in [`crate::aws::roles`]. Answers are XML; what they hold is never quoted.
//!
//! Specification: ESO §10.1, §11 (STSSessionToken), VSO §8.5, VALS §10.14; AWS STS API 2011-06-15.

use base::{Fault, SecretText, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::aws::call::{self, Call};
use crate::aws::caller::Caller;
use crate::aws::credentials::Credentials;
use crate::aws::endpoint::STS;
use crate::request::Request;

/// The API's version, which every call names.
pub(crate) const VERSION: (&str, &str) = ("Version", "2011-06-15");

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

/// Who holds `keys`.
///
/// # Errors
/// The service refused.
pub async fn caller_identity(caller: &Caller, keys: &Credentials) -> Result<CallerIdentity, Fault> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "GetCallerIdentityResult")]
        result: CallerIdentity,
    }
    let call = Call::form(STS, &[("Action", "GetCallerIdentity"), VERSION]).idempotent();
    Ok(read::<Envelope>(&call, &caller.call(&call, keys).await?)?.result)
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
/// The service refused.
pub async fn session_token(
    caller: &Caller,
    keys: &Credentials,
    parameters: &SessionTokenParameters,
) -> Result<Credentials, Fault> {
    let duration = parameters.duration_seconds.map(|seconds| seconds.to_string());
    let mut form = vec![("Action", "GetSessionToken"), VERSION];
    form.extend(duration.as_deref().map(|seconds| ("DurationSeconds", seconds)));
    form.extend(parameters.serial_number.as_deref().map(|number| ("SerialNumber", number)));
    form.extend(parameters.token_code.as_deref().map(|code| ("TokenCode", code)));
    let mut call = Call::form(STS, &form);
    if let Some(code) = &parameters.token_code {
        call = call.hide(&SecretText::from(code.as_str()));
    }
    let answer = caller.call(&call, keys).await?;
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "GetSessionTokenResult")]
        result: Keys,
    }
    read::<Envelope>(&call, &answer)?.result.credentials()
}

/// A signed question to STS.
pub struct IdentityProof {
    /// Where it would be asked.
    pub url: String,
    /// Its body.
    pub body: String,
    /// Its headers, the signature among them.
    pub headers: Vec<(String, SecretText)>,
}

/// The proof of who holds `keys`, for others to ask STS with: a signed `GetCallerIdentity`.
///
/// # Errors
/// The server id cannot be a header.
pub async fn identity_proof(caller: &Caller, keys: &Credentials, server_id: &str) -> Result<IdentityProof, Fault> {
    let url = caller.endpoints.url(STS, &caller.region)?;
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let mut request = Request::to(http::Method::POST, url.clone())?
        .body("application/x-www-form-urlencoded; charset=utf-8", body)
        .header("x-amz-content-sha256", IDENTITY_BODY_SHA256);
    if !server_id.is_empty() {
        request = request.header("x-vault-aws-iam-server-id", server_id);
    }
    request.check()?;
    let headers = call::signed_headers(&request, STS, &caller.region, keys).await?;
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), SecretText::from(value.to_str().unwrap_or_default())))
        .collect();
    Ok(IdentityProof { url: url.to_string(), body: body.to_owned(), headers })
}

/// The SHA-256 of the only body of an identity proof.
const IDENTITY_BODY_SHA256: &str = "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843";

/// Keys as answers of STS carry them.
#[derive(Deserialize)]
pub(crate) struct Keys {
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
    /// The keys, if their end is a time.
    pub(crate) fn credentials(self) -> Result<Credentials, Fault> {
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

/// Reads an answer of STS.
pub(crate) fn read<T: DeserializeOwned>(call: &Call, answer: &Answer) -> Result<T, Fault> {
    // The parser's message is left out: it quotes what it could not read.
    quick_xml::de::from_str(call::text(&answer.body)).map_err(|_| {
        Fault::unreachable(format!("cannot read the answer of sts {}: not the XML that was expected", call.operation))
    })
}

#[cfg(test)]
mod tests;
