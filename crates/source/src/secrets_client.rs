//! The port to one secret manager: an opened, authenticated connection. `fetch` is the only read that costs calls and is
//! joined with other users' reads; `select` and `entries` are pure, because each service has its own rule for them.
//! Specification: ESO §10.0; design §6, §9. Implemented by `providers/stores/*`.

use base::{Fault, Opening, SecretBytes, SecretMap, SecretValue};

use crate::{Find, Locator, Payload};

/// A connection to one provider.
pub trait SecretsClient: Send + Sync {
    /// Reads one secret.
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload>;

    /// One value out of what was read. Pure.
    ///
    /// # Errors
    /// The property is not there, or the payload is not of the form that a property needs.
    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault>;

    /// All entries of what was read (`extract`). Pure.
    ///
    /// # Errors
    /// The payload is no map.
    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault>;

    /// Searches by name, tags or path; the answer maps the provider's names to values.
    fn find<'a>(&'a self, _query: &'a Find) -> Opening<'a, SecretMap> {
        cannot("find secrets")
    }

    /// Stores a value.
    fn push<'a>(&'a self, _entry: &'a PushEntry) -> Opening<'a, Pushed> {
        cannot("push secrets")
    }

    /// Deletes a value that we stored; a foreign one is left alone.
    fn delete<'a>(&'a self, _at: &'a RemotePlace) -> Opening<'a, ()> {
        cannot("delete secrets")
    }

    /// Whether there is a value at that place.
    fn exists<'a>(&'a self, _at: &'a RemotePlace) -> Opening<'a, bool> {
        cannot("say whether a secret exists")
    }

    /// Whether the settings and credentials work, as far as this provider can tell.
    fn validate(&self) -> Opening<'_, Validity> {
        Box::pin(async { Ok(Validity::Ready) })
    }

    /// Gives back what was taken for this connection (a token that is ours).
    fn close(&self) -> Opening<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Where a pushed value lies at the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemotePlace {
    /// The secret's name or path.
    pub key: String,
    /// A part of it; never an empty text.
    pub property: Option<String>,
}

/// What is pushed: a value or a whole Secret, with the user's metadata document.
#[derive(Clone)]
pub struct PushEntry {
    /// Where to.
    pub at: RemotePlace,
    /// What.
    pub source: PushSource,
    /// `spec.data[].metadata`, unread; each provider checks its own form.
    pub metadata: Option<serde_json::Value>,
}

/// The value to push.
#[derive(Clone)]
pub enum PushSource {
    /// One key's bytes.
    Bytes(SecretBytes),
    /// A whole Secret: its type, and its data.
    Secret {
        /// The Secret's type.
        kind: String,
        /// Its data, after the template and the conversion of keys.
        data: SecretMap,
    },
}

/// How a push ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The provider holds the value now.
    Stored,
    /// The provider held it already.
    Unchanged,
}

/// What validation found.
#[derive(Debug)]
pub enum Validity {
    /// It works, or this provider has nothing to check.
    Ready,
    /// Nobody can tell yet, and nothing failed: credentials that come from the consumer's namespace.
    Unknown,
    /// Nobody can tell because the check itself failed.
    Undetermined(Fault),
}

fn cannot<'a, T: 'a>(what: &str) -> Opening<'a, T> {
    let fault = Fault::wrong(format!("this provider cannot {what}"));
    Box::pin(async move { Err(fault) })
}
