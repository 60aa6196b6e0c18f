//! Whose keys count when nobody says: the order of AWS' SDKs. Variables, a web identity, the shared files, the container's and
//! the machine's metadata service (whose protocols are reqsign's). A profile named for this session comes before variables.
//!
//! Specification: VALS §11, ESO §10.1; `AWS_EC2_METADATA_DISABLED` keeps the last one closed.

use std::time::Duration;

use base::{Fault, Kind, SecretText, Timestamp};
use bytes::Bytes;
use reqsign_aws_v4::{ECSCredentialProvider, IMDSv2CredentialProvider};
use reqsign_core::{Context, ProvideCredential, StaticEnv};
use serde::Deserialize;

use crate::aws::caller::Caller;
use crate::aws::credentials::Credentials;
use crate::aws::endpoint::Endpoints;
use crate::aws::profile::{First, Profiles};
use crate::aws::roles::{self, Role};
use crate::client::Client;
use crate::environment::{Environment, ReadFile, Surroundings};
use crate::program::Program;
use crate::request::Request;
use crate::retry::Retry;

/// The profile that counts for a session, and the shared files it stands in.
pub(crate) struct Profile {
    profiles: Profiles,
    name: String,
}

impl Profile {
    /// Reads the files; `profile` is the session's own.
    pub(crate) fn read(profile: Option<&str>, surroundings: &Surroundings) -> Result<Self, Fault> {
        let name = profile.or_else(|| named(&surroundings.environment)).unwrap_or("default").to_owned();
        Ok(Self { profiles: profiles(surroundings)?, name })
    }

    /// The addresses that it sets.
    pub(crate) fn endpoints(&self, environment: &Environment) -> Result<Endpoints, Fault> {
        if environment.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            return Ok(Endpoints::default());
        }
        self.profiles.endpoints(&self.name)
    }
}

/// Whether the shared files have a profile of that name.
///
/// # Errors
/// One of them cannot be read.
pub fn knows_profile(name: &str, surroundings: &Surroundings) -> Result<bool, Fault> {
    Ok(profiles(surroundings)?.contains(name))
}

/// The session's own region, else the variables', else the profile's.
pub(crate) fn region(own: Option<&str>, environment: &Environment, profile: Option<&Profile>) -> Result<String, Fault> {
    own.filter(|region| !region.is_empty())
        .or_else(|| environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
        .or_else(|| profile.and_then(|profile| profile.profiles.region(&profile.name)))
        .map(str::to_owned)
        .ok_or_else(|| {
            Fault::wrong("cannot call AWS: no region is set").hint("set the region in the settings, or AWS_REGION")
        })
}

/// The profile that the variables name.
fn named(environment: &Environment) -> Option<&str> {
    environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
}

/// The shared files, where they are there.
fn profiles(surroundings: &Surroundings) -> Result<Profiles, Fault> {
    let environment = &surroundings.environment;
    let home = environment.first(&["HOME", "USERPROFILE"]);
    let read = |variable: &str, name: &str| -> Result<Option<SecretText>, Fault> {
        let Some(path) = environment
            .value(variable)
            .map(|path| match (path.strip_prefix("~/"), home) {
                (Some(rest), Some(home)) => format!("{home}/{rest}"),
                _ => path.to_owned(),
            })
            .or_else(|| home.map(|home| format!("{home}/.aws/{name}")))
        else {
            return Ok(None);
        };
        match (surroundings.read_file)(&path) {
            Ok(bytes) => {
                bytes.to_text().map(Some).ok_or_else(|| Fault::wrong(format!("AWS file `{path}` is not text")))
            }
            Err(fault) if fault.kind() == Kind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    };
    let (config, credentials) =
        (read("AWS_CONFIG_FILE", "config")?, read("AWS_SHARED_CREDENTIALS_FILE", "credentials")?);
    Profiles::parse(config.as_ref().map(SecretText::expose), credentials.as_ref().map(SecretText::expose))
}

/// The keys that count when nobody says.
pub(crate) async fn default(
    caller: &Caller,
    surroundings: &Surroundings,
    profile: Option<&str>,
) -> Result<Credentials, Fault> {
    let environment = &surroundings.environment;
    if profile.is_none() {
        if let Some(keys) = from_environment(surroundings) {
            return Ok(keys);
        }
        if let (Some(token_file), Some(arn)) =
            (environment.value("AWS_WEB_IDENTITY_TOKEN_FILE"), environment.value("AWS_ROLE_ARN"))
        {
            let session_name = environment.value("AWS_ROLE_SESSION_NAME").unwrap_or_default().to_owned();
            return web_identity(caller, surroundings, &Role { session_name, ..Role::new(arn) }, token_file).await;
        }
    }
    let profiles = profiles(surroundings)?;
    let chosen = profile.or_else(|| named(environment));
    let name = chosen.unwrap_or("default");
    if chosen.is_none() && !profiles.contains(name) {
        return metadata(caller, surroundings).await;
    }
    let resolved = profiles.resolve(name)?;
    let keys = match resolved.first {
        First::Keys(keys) => keys,
        First::Environment => from_environment(surroundings).ok_or_else(|| {
            Fault::wrong(format!("AWS profile `{name}` wants the keys of the variables, which are not set"))
        })?,
        First::Container => container(caller, surroundings).await?.ok_or_else(none)?,
        First::Instance => instance(caller, surroundings).await?.ok_or_else(none)?,
        First::WebIdentity { role, token_file } => web_identity(caller, surroundings, &role, &token_file).await?,
        First::Process(command) => process(name, command).await?,
        First::Unspecified => metadata(caller, surroundings).await?,
    };
    roles::assume(caller, keys, &resolved.roles).await
}

fn from_environment(surroundings: &Surroundings) -> Option<Credentials> {
    let value = |names: &[&str]| surroundings.environment.first(names);
    Some(Credentials {
        access_key_id: value(&["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"])?.to_owned(),
        secret_access_key: value(&["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"])?.into(),
        session_token: value(&["AWS_SESSION_TOKEN"]).map(SecretText::from),
        expires_at: None,
    })
}

async fn web_identity(
    caller: &Caller,
    surroundings: &Surroundings,
    role: &Role,
    token_file: &str,
) -> Result<Credentials, Fault> {
    let attempt = || format!("cannot assume role `{}` with the token in `{token_file}`", role.arn);
    let token = (surroundings.read_file)(token_file).map_err(|fault| fault.within(attempt()))?;
    let token = token.to_text().ok_or_else(|| Fault::wrong(attempt()).because("the token is not text"))?.trimmed();
    roles::assume_with_web_identity(caller, role, &token).await.map_err(|fault| fault.within(attempt()))
}

/// A program of the user's own configuration that prints keys; as in the SDKs, a shell reads the line.
async fn process(profile: &str, command: String) -> Result<Credentials, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Printed {
        version: u32,
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
        expiration: Option<Timestamp>,
    }
    let attempt = format!("cannot get keys from the credential process of AWS profile `{profile}`");
    let printed = Program::new("sh").arguments(["-c", command.as_str()]).answer().await?.accepted(&attempt)?;
    // The parser's message is left out: it quotes what it could not read.
    let printed: Printed = serde_json::from_slice(printed.expose()).map_err(|_| {
        Fault::wrong(attempt.clone()).because("it printed something else than the JSON of AWS' interface")
    })?;
    if printed.version != 1 {
        return Err(Fault::wrong(attempt).because(format!("it speaks version {} of AWS' interface", printed.version)));
    }
    Ok(Credentials {
        access_key_id: printed.access_key_id,
        secret_access_key: printed.secret_access_key.into(),
        session_token: printed.session_token.map(SecretText::new),
        expires_at: printed.expiration,
    })
}

async fn metadata(caller: &Caller, surroundings: &Surroundings) -> Result<Credentials, Fault> {
    match container(caller, surroundings).await? {
        Some(keys) => Ok(keys),
        None => instance(caller, surroundings).await?.ok_or_else(none),
    }
}

fn none() -> Fault {
    Fault::wrong("cannot call AWS: no credentials were found")
        .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
}

async fn container(caller: &Caller, surroundings: &Surroundings) -> Result<Option<Credentials>, Fault> {
    provided(caller, surroundings, &ECSCredentialProvider::new(), "container").await
}

async fn instance(caller: &Caller, surroundings: &Surroundings) -> Result<Option<Credentials>, Fault> {
    if surroundings.environment.is_true("AWS_EC2_METADATA_DISABLED") {
        return Ok(None);
    }
    match provided(caller, surroundings, &IMDSv2CredentialProvider::new(), "machine").await {
        // Most machines have no such service: then nobody has keys, which is the message that helps.
        Err(fault) if fault.kind() == Kind::Unreachable => Err(none().because(fault)),
        other => other,
    }
}

async fn provided<P>(
    caller: &Caller,
    surroundings: &Surroundings,
    provider: &P,
    whose: &str,
) -> Result<Option<Credentials>, Fault>
where
    P: ProvideCredential<Credential = reqsign_aws_v4::Credential>,
{
    let envs = surroundings.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let context = Context::new()
        .with_env(StaticEnv { home_dir: None, envs })
        .with_file_read(Files(surroundings.read_file.clone()))
        .with_http_send(Metadata(caller.client.clone()));
    // The library's text is left out: it quotes bodies.
    let provided = provider.provide_credential(&context).await.map_err(|error| {
        Fault::unreachable(format!("cannot get keys from the metadata service of this {whose}"))
            .because(error.kind().to_string())
    })?;
    Ok(provided.map(|keys| Credentials {
        access_key_id: keys.access_key_id,
        secret_access_key: keys.secret_access_key.into(),
        session_token: keys.session_token.map(SecretText::new),
        expires_at: keys.expires_in.and_then(|end| Timestamp::from_second(end.as_second()).ok()),
    }))
}

/// The surroundings' files, for reqsign.
struct Files(ReadFile);

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

impl reqsign_core::FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let read = (self.0)(path).map(base::SecretBytes::into_exposed);
        read.map_err(|fault| reqsign_core::Error::config_invalid(fault.chain()))
    }
}

/// Our client, for reqsign; a metadata service is near or not there.
struct Metadata(Client);

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metadata")
    }
}

impl reqsign_core::HttpSend for Metadata {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |fault: Fault| reqsign_core::Error::unexpected(fault.chain());
        let (parts, body) = request.into_parts();
        let mut ours =
            Request::new(parts.method, &parts.uri.to_string()).map_err(failed)?.direct().timeout(METADATA_TIMEOUT);
        ours.headers = parts.headers;
        ours.body = Some(body);
        let retry = Retry::standard().with(1, Some(Duration::from_millis(200)));
        let answer = self.0.send(&ours, &retry).await.map_err(failed)?;
        let mut response = http::Response::new(Bytes::from(answer.body.into_exposed()));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

const METADATA_TIMEOUT: Duration = Duration::from_secs(2);
