//! Stores whose credentials lie in the namespaces of their users: with nobody in particular to open them for, they can neither be
//! opened nor judged. Validation gets this client instead, which says so. Specification: ESO §2 "Referent authentication".

use std::sync::Arc;

use base::credentials::Selector;
use base::{Fault, Opening, SecretMap, SecretValue, Tenant};
use source::{Locator, Payload, SecretsClient, Validity};

use crate::row::Client;

/// Stands in for a client, where a ClusterSecretStore leaves the namespace of a credential to its users, and there is none.
#[must_use]
pub fn client<'a>(tenant: &Tenant, mut selectors: impl Iterator<Item = &'a Selector>) -> Option<Client> {
    let is_open = |selector: &Selector| selector.namespace.as_deref().unwrap_or_default().is_empty();
    let waits = tenant.is_cluster_scoped() && tenant.consumer.is_empty() && selectors.any(is_open);
    waits.then(|| Arc::new(Unjudged) as Client)
}

struct Unjudged;

fn nobody() -> Fault {
    Fault::bug("a store whose credentials are its users' was used for nobody")
}

impl SecretsClient for Unjudged {
    fn fetch<'a>(&'a self, _: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async { Err(nobody()) })
    }

    fn select(&self, _: &Locator, _: &Payload, _: Option<&str>) -> Result<SecretValue, Fault> {
        Err(nobody())
    }

    fn entries(&self, _: &Locator, _: &Payload, _: Option<&str>) -> Result<SecretMap, Fault> {
        Err(nobody())
    }

    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async { Ok(Validity::Unknown) })
    }
}
