//! A row: one kind of place that holds values, and everything that is read off it – the union in the store's schema, the
//! scheme list, the capability matrix, the docs page, metric labels, and the contract test that every row must pass.
//! Specification: design §9; ESO §10.0.

use std::sync::Arc;

use base::{Credentials, Fault, Opening, Tenant, truth};
use document::Node;
use schemars::Schema;
use serde_json::Value;
use source::{Generator, Locator, Payload, Reference, SecretsClient};
use wire::Environment;

use crate::reach::Reach;

/// An opened connection to a provider.
pub type Client = Arc<dyn SecretsClient>;

/// Opens a client from a resource's settings.
pub type Open = for<'a> fn(&'a Value, &'a Reach, Credentials) -> Opening<'a, Client>;

/// One kind of place that holds values.
pub struct Row {
    /// Its name in messages and docs.
    pub name: &'static str,
    /// The keys of `spec.provider` that mean it.
    pub keys: &'static [&'static str],
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
    /// The text's doors, one a scheme; none for a place that only resources reach.
    pub references: &'static [TextDoor],
}

/// The text's door: what `ref+SCHEME://…` means. Opening and locating are apart, so that references with the same options
/// share one client and its login, and those to one place share one read. Specification: VALS §5.6, §5.7.
pub struct TextDoor {
    /// The scheme.
    pub scheme: &'static str,
    /// The options it reads; others are told to the user.
    pub options: &'static [&'static str],
    /// Whether it answers without waiting, so that a command line needs no runtime for it.
    pub is_local: bool,
    /// Opens a client from the options and the environment, whatever the reference points at.
    pub open: for<'a> fn(&'a Asked<'a>, &'a Reach) -> Opening<'a, Client>,
    /// What one call fetches for the reference. Pure.
    pub locate: fn(&Asked<'_>) -> Result<Locator, Fault>,
    /// The value of a reference without a fragment. Pure.
    pub text: fn(&Asked<'_>, &Payload) -> Result<Node, Fault>,
    /// The document that the steps of a fragment lead through. Pure.
    pub tree: fn(&Asked<'_>, &Payload) -> Result<Node, Fault>,
}

/// A reference that is asked for, with the variables that stand in for options it does not give.
pub struct Asked<'a> {
    /// The reference.
    pub reference: &'a Reference,
    /// The variables.
    pub environment: &'a Environment,
}

impl Asked<'_> {
    /// An option's text: the reference's, else that of `VALS_NAME`.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.given(name).or_else(|| self.environment.value(&format!("VALS_{}", name.to_ascii_uppercase())))
    }

    /// As [`Self::option`], where the variable counts only if it is a whole number: `VALS_VERSION` is in many an image the
    /// version of something else.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&str> {
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        self.given(name).or_else(|| self.option(name).filter(is_number))
    }

    /// An option that the reference itself gives.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        self.reference.option(name).filter(|value| !value.is_empty())
    }

    /// Whether the reference gives an option, whatever its value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.reference.option(name).is_some()
    }

    /// Whether an option says yes.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.option(name).is_some_and(truth::is_yes)
    }
}

impl Row {
    /// A place that only references reach.
    #[must_use]
    pub const fn of_references(name: &'static str, references: &'static [TextDoor]) -> Self {
        Self {
            name,
            keys: &[],
            access: Access::READS,
            maintenance: Maintenance::Maintained,
            schema: Schema::default,
            check: |_, _| Vec::new(),
            open: None,
            references,
        }
    }
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
    /// Values can be read, and a missing one is told from other failures; nothing else.
    pub const READS: Self = Self {
        read: true,
        write: false,
        find_name: false,
        find_tags: false,
        find_path: false,
        metadata: false,
        not_found: true,
        referent: false,
    };

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

/// One kind of generator. What else the API calls it stands in `api::generators`.
pub struct GeneratorRow {
    /// Its kind in manifests: `Password`.
    pub kind: &'static str,
    /// The schema of its `spec`.
    pub schema: fn() -> Schema,
    /// Opens it.
    pub open: OpenGenerator,
}
