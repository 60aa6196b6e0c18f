//! AWS: the row of its stores and schemes, and the sessions that references open. What a store reads and writes is in its own
//! file below; a resource's settings are in `aws/settings`; keys, roles, endpoints and signatures are `wire::aws`'s. API: one JSON
//! call each; limits: the service's. Specification: VALS §10.2, §11; ESO §10.1.

mod asking;
pub mod parameter_store;
mod push;
pub mod secrets_manager;
pub(in crate::stores) mod settings;

use std::sync::Arc;

use base::{Credentials, Fault, Opening};
use schemars::schema_for;
use serde_json::Value;
use wire::aws::{Identity, Role, Session, Settings, knows_profile};

use self::asking::Asking;
use self::settings::{Service, Settings as StoreSettings};
use crate::reach::Reach;
use crate::referent;
use crate::row::{Access, Asked, Client, Maintenance, Row};
use crate::settings::{check, checked};

/// The row.
pub const ROW: Row = Row {
    name: "aws",
    keys: &["aws"],
    access: Access {
        read: true,
        write: true,
        find_name: true,
        find_tags: true,
        find_path: true,
        metadata: true,
        not_found: true,
        referent: true,
    },
    maintenance: Maintenance::Maintained,
    schema: || schema_for!(StoreSettings),
    check: check::<StoreSettings>,
    open: Some(open),
    references: &[secrets_manager::DOOR, parameter_store::DOOR],
};

fn open<'a>(value: &'a Value, reach: &'a Reach, credentials: Credentials) -> Opening<'a, Client> {
    Box::pin(async move {
        let settings: StoreSettings = checked(value, credentials.tenant())?;
        if let Some(client) = referent::client(credentials.tenant(), settings.selectors().iter()) {
            return Ok(client);
        }
        let session = settings.session(reach, &credentials).await?;
        let calls = Arc::clone(&reach.calls);
        let StoreSettings { service, prefix, secrets_manager: deletion, .. } = settings;
        let prefix = prefix.unwrap_or_default();
        Ok(match service {
            Service::SecretsManager => {
                let asking = Asking { session, calls, provider: "AWS/SecretsManager" };
                secrets_manager::store::client(asking, prefix, deletion.unwrap_or_default(), credentials)
            }
            Service::ParameterStore => {
                parameter_store::store::client(Asking { session, calls, provider: "AWS/ParameterStore" }, prefix)
            }
            Service::CertificateManager => {
                return Err(Fault::wrong("the store of AWS Certificate Manager is not built yet")
                    .hint("Secrets Manager and Parameter Store are"));
            }
        })
    })
}

/// The session that options and variables describe. A profile that does not exist is no error: the same documents are evaluated
/// by people, who have it, and by machines, whose keys come from elsewhere (VALS §11.3).
fn session(asked: &Asked<'_>, reach: &Reach) -> Result<Arc<Session>, Fault> {
    let mut surroundings = reach.surroundings.clone();
    let environment = &surroundings.environment;
    let forced = environment.value("AWS_PROFILE").filter(|_| environment.is_true("FORCE_AWS_PROFILE"));
    let mut profile = asked.option("profile").or(forced).map(str::to_owned);
    if let Some(name) = &profile
        && !knows_profile(name, &surroundings)?
    {
        tracing::warn!("there is no AWS profile `{name}`; whoever else has keys is asked");
        surroundings.environment =
            environment.iter().filter(|(name, _)| !matches!(*name, "AWS_PROFILE" | "AWS_DEFAULT_PROFILE")).collect();
        profile = None;
    }
    let settings = Settings {
        region: asked.option("region").map(str::to_owned),
        identity: Identity::Default { profile },
        roles: asked.option("role_arn").map(Role::new).into_iter().collect(),
        ..Settings::new()
    };
    Session::open(&reach.http, settings, surroundings)
}

#[cfg(test)]
mod tests;
