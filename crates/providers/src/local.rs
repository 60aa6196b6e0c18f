//! Clients of places on this machine, which answer at once: one function from a locator to what stands there.

use std::sync::Arc;

use base::{Fault, Opening, SecretMap, SecretValue};
use source::{Locator, Payload, SecretsClient};

use crate::json;
use crate::row::Client;

type Read = dyn Fn(&Locator) -> Result<Payload, Fault> + Send + Sync;

/// A client whose read is this function.
#[must_use]
pub fn client(read: impl Fn(&Locator) -> Result<Payload, Fault> + Send + Sync + 'static) -> Client {
    Arc::new(Local(Box::new(read)))
}

struct Local(Box<Read>);

impl SecretsClient for Local {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(std::future::ready((self.0)(at)))
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        json::select(at, payload, property)
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        json::entries(at, payload, property)
    }
}
