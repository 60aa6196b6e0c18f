//! AWS: the row of its stores and schemes, and the sessions that references open. What a store reads and writes is in its own
//! file below; keys, roles, endpoints and signatures are `wire::aws`'s. API: one JSON call each; limits: the service's.
//! Specification: VALS §10.2, §11; ESO §10.1.

pub mod parameter_store;
pub mod secrets_manager;

use std::sync::Arc;

use base::Fault;
use wire::aws::{Identity, Role, Session, Settings, knows_profile};

use crate::reach::Reach;
use crate::row::{Asked, Row};

/// The row.
pub const ROW: Row = Row::of_references("aws", &[secrets_manager::DOOR, parameter_store::DOOR]);

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
