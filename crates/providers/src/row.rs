//! A row: one kind of place that holds values, and everything that is read off it – the union in the store's schema, the
//! scheme list, the capability matrix, the docs page, metric labels, and the contract test that every row must pass.
//! Specification: design §9; ESO §10.0.

use std::sync::Arc;

use base::{Credentials, Fault, Opening, Tenant};
use schemars::Schema;
use serde_json::Value;
use source::{Generator, Locator, SecretsClient};

use crate::reach::Reach;

/// An opened connection to a provider.
pub type Client = Arc<dyn SecretsClient>;

/// Opens a client from a resource's settings.
pub type Open = for<'a> fn(&'a Value, &'a Reach, Credentials) -> Opening<'a, Client>;

/// Opens a client from a reference's options and the environment, and says what the reference points at.
pub type OpenReference = for<'a> fn(&'a source::Reference, &'a Reach, Credentials) -> Opening<'a, (Client, Locator)>;

/// One kind of place that holds values.
pub struct Row {
    /// Its name in messages and docs.
    pub name: &'static str,
    /// The keys of `spec.provider` that mean it.
    pub keys: &'static [&'static str],
    /// The schemes of references that mean it: `ref+SCHEME://`.
    pub schemes: &'static [&'static str],
    /// What it can do.
    pub access: Access,
    /// Whether its peer is looked after.
    pub maintenance: Maintenance,
    /// The schema of its settings, for the CRD and the docs page.
    pub schema: fn() -> Schema,
    /// What admission finds wrong with settings.
    pub check: fn(&Value, &Tenant) -> Vec<Fault>,
    /// The resource's door; none for a place that only references reach.
    pub open: Option<Open>,
    /// The text's door; none for a place that only resources reach.
    pub open_reference: Option<OpenReference>,
}

/// What a place can do: a line of the capability matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Values can be read.
    pub read: bool,
    /// Values can be stored.
    pub write: bool,
    /// Search by name.
    pub find_name: bool,
    /// Search by tags.
    pub find_tags: bool,
    /// Search below a path.
    pub find_path: bool,
    /// What is said about a value can be read (`metadataPolicy: Fetch`).
    pub metadata: bool,
    /// A missing value is told from other failures, so that `deletionPolicy` works.
    pub not_found: bool,
    /// Credentials may come from the consumer's namespace.
    pub referent: bool,
}

impl Access {
    /// The word in a store's `status.capabilities`.
    #[must_use]
    pub fn capabilities(self) -> &'static str {
        match (self.read, self.write) {
            (false, true) => "WriteOnly",
            (true, true) => "ReadWrite",
            _ => "ReadOnly",
        }
    }
}

/// Whether the peer looks after a provider (ESO §6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maintenance {
    /// It does.
    Maintained,
    /// It does not: stores that use it are warned.
    Unmaintained,
    /// It will go.
    Deprecated,
}

/// Opens a generator from a resource's `spec`.
pub type OpenGenerator = for<'a> fn(&'a Value, &'a Reach, Credentials) -> Opening<'a, Arc<dyn Generator>>;

/// One kind of generator.
pub struct GeneratorRow {
    /// Its kind in manifests: `Password`.
    pub kind: &'static str,
    /// Its plural in the API.
    pub plural: &'static str,
    /// The field of a ClusterGenerator that holds its settings: `passwordSpec`.
    pub field: &'static str,
    /// The schema of its `spec`.
    pub schema: fn() -> Schema,
    /// Opens it; none where we do not make this kind yet.
    pub open: Option<OpenGenerator>,
}
