//! VaultDynamicSecret: whatever Vault answers on a path, asked anew each time – database accounts, cloud keys, certificates.
//! Settings and session are those of the `vault` store. The session stays open, because what a token made dies with it.
//! The lease is neither renewed nor revoked; its end moves the next refresh forward. API: `/v1/<path>`. Specification: ESO §11.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Credentials, Fault, Opening, SecretMap, Timestamp};
use jiff::SignedDuration;
use rand_core::CryptoRng;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use source::{Generator, Made, select};
use wire::vault::{Call, Response, Session};

use crate::reach::{Calls, Reach, Retrying};
use crate::row::GeneratorRow;
use crate::stores::vault::{PROVIDER, settings};

/// The row.
pub const ROW: GeneratorRow = GeneratorRow { kind: "VaultDynamicSecret", schema: || schema_for!(Spec), open };

/// Where, how, and what of the answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The controller class that serves it.
    #[expect(dead_code, reason = "the schema has it, and the operator reads it off every generator")]
    controller: Option<String>,
    /// An answer without data is none that fails.
    #[serde(default)]
    allow_empty_response: bool,
    /// What stands behind the path of a GET.
    #[serde(default)]
    get_parameters: BTreeMap<String, Vec<String>>,
    /// GET, LIST or DELETE; anything else writes.
    #[serde(default)]
    method: Option<String>,
    /// What is written.
    #[serde(default)]
    parameters: Option<Value>,
    /// The path below `/v1/`.
    path: String,
    /// The server and how to log in.
    provider: settings::Settings,
    /// Which part of the answer is wanted.
    #[serde(default)]
    result_type: ResultType,
    /// How often failed calls are asked again.
    #[serde(default)]
    retry_settings: Option<RetrySettings>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RetrySettings {
    max_retries: Option<i32>,
    retry_interval: Option<String>,
}

/// Which part of the answer is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
enum ResultType {
    #[default]
    Data,
    Auth,
    Raw,
}

struct Maker {
    spec: Spec,
    session: Arc<Session>,
    calls: Arc<Calls>,
}

fn open<'a>(spec: &'a Value, reach: &'a Reach, credentials: Credentials) -> Opening<'a, Arc<dyn Generator>> {
    Box::pin(async move {
        let spec: Spec = super::read("VaultDynamicSecret", spec)?;
        let said = spec.retry_settings.as_ref();
        let retrying = said.map(|said| Retrying::of(said.max_retries, said.retry_interval.as_deref())).transpose()?;
        let session = spec.provider.session(&Reach { retrying, ..reach.clone() }, credentials).await?;
        Ok(Arc::new(Maker { spec, session, calls: Arc::clone(&reach.calls) }) as Arc<dyn Generator>)
    })
}

impl Generator for Maker {
    fn make<'a>(&'a self, now: Timestamp, _: &'a mut (dyn CryptoRng + Send)) -> Opening<'a, Made> {
        Box::pin(async move {
            let (name, call) = self.spec.call()?;
            let answer = self.calls.counted(PROVIDER, name, self.session.call(&call).await)?;
            Ok(Made { values: self.spec.values(&answer)?, state: None, expires: self.spec.end(&answer, now) })
        })
    }
}

impl Spec {
    /// The request, and what metrics call it.
    fn call(&self) -> Result<(&'static str, Call), Fault> {
        Ok(match self.method.as_deref() {
            Some("GET") => {
                // Reading makes something here, so it is not asked twice.
                let parameters =
                    self.get_parameters.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one)));
                let call = parameters.fold(Call::read(&self.path).once(), |call, (name, one)| call.query(name, one));
                ("ReadSecretData", call)
            }
            Some("LIST") => ("ListSecrets", Call::list(&self.path)),
            Some("DELETE") => ("DeleteSecret", Call::delete(&self.path)),
            _ => (
                "WriteSecretData",
                match &self.parameters {
                    Some(parameters) => Call::write_json(&self.path, parameters)?,
                    None => Call::write_nothing(&self.path),
                },
            ),
        })
    }

    /// The wanted part of the answer, as keys and values.
    fn values(&self, answer: &Response) -> Result<SecretMap, Fault> {
        let part = match self.result_type {
            ResultType::Data => answer.data(),
            ResultType::Auth => answer.auth(),
            ResultType::Raw => Some(answer.body().expose()).filter(|body| !body.is_empty()),
        };
        match part.and_then(select::fields) {
            Some(values) if !values.is_empty() || self.allow_empty_response => Ok(values),
            None if part.is_some() => Err(Fault::wrong(format!("the answer of Vault on `{}` is no map", self.path))),
            _ if self.allow_empty_response => Ok(SecretMap::new()),
            _ => Err(Fault::wrong("empty response from Vault").hint("set `allowEmptyResponse: true` if that is meant")),
        }
    }

    /// When the values end, as the server says.
    fn end(&self, answer: &Response, now: Timestamp) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Lease {
            #[serde(default)]
            lease_duration: u64,
        }
        let of_auth = answer.auth().and_then(|auth| serde_json::from_slice::<Lease>(auth).ok());
        let seconds = match (self.result_type, of_auth) {
            (ResultType::Data, _) | (_, None) => answer.lease_duration,
            (ResultType::Auth | ResultType::Raw, Some(lease)) => lease.lease_duration,
        };
        let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        now.checked_add(SignedDuration::from_secs(seconds)).ok()
    }
}

#[cfg(test)]
mod tests;
