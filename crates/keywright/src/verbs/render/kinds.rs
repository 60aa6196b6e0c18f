//! The table of kinds that a render knows: what becomes a Secret, what is only read on the way, what may change, and what it
//! leaves to an operator. Everything else is none of its business. Not here: what a kind means (`api`).

use base::Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a render does with a kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It becomes a Secret, and is not written itself.
    Source {
        /// The condition that says whether it did.
        condition: &'static str,
        /// Whether a secret manager is asked.
        is_remote: bool,
    },
    /// It is read on the way to a Secret, and means nothing without the operator that reads it.
    Setting,
    /// It may be made or changed.
    Plain,
    /// Only an operator can do its work.
    Operators(&'static str),
}

/// One kind.
pub struct Row {
    /// The API group.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Whether it lives in a namespace.
    pub is_namespaced: bool,
    /// What is done with it.
    pub role: Role,
    /// Whether an object is one of this kind.
    pub check: fn(&Value) -> Result<(), Fault>,
}

const ESO: &str = api::external_secrets::names::GROUP;
const VSO: &str = api::hashicorp::names::GROUP;
const LEASE: &str = "its values live as long as a lease that only an operator renews";

const EXTERNAL: Role = Role::Source { condition: "Ready", is_remote: true };
const VAULT: Role = Role::Source { condition: "SecretSynced", is_remote: true };
const SEALED: Role = Role::Source { condition: api::sealed_secret::names::SYNCED, is_remote: false };

/// All of them.
const ROWS: &[Row] = &[
    row(ESO, "ExternalSecret", true, EXTERNAL, typed::<api::ExternalSecret>),
    row(ESO, "SecretStore", true, Role::Setting, typed::<api::SecretStore>),
    row(ESO, "ClusterSecretStore", false, Role::Setting, typed::<api::ClusterSecretStore>),
    row(ESO, "ClusterExternalSecret", false, Role::Operators("its namespaces are known in a cluster only"), any),
    row(VSO, "VaultStaticSecret", true, VAULT, typed::<api::VaultStaticSecret>),
    row(VSO, "VaultConnection", true, Role::Setting, typed::<api::VaultConnection>),
    row(VSO, "VaultAuth", true, Role::Setting, typed::<api::VaultAuth>),
    row(VSO, "VaultAuthGlobal", true, Role::Setting, typed::<api::VaultAuthGlobal>),
    row(VSO, "SecretTransformation", true, Role::Setting, typed::<api::SecretTransformation>),
    row(VSO, "VaultDynamicSecret", true, Role::Operators(LEASE), any),
    row(VSO, "VaultPKISecret", true, Role::Operators(LEASE), any),
    row(api::sealed_secret::names::GROUP, "SealedSecret", true, SEALED, typed::<api::SealedSecret>),
    row("", "Namespace", false, Role::Plain, any),
    row("", "Secret", true, Role::Plain, any),
    row("", "ConfigMap", true, Role::Plain, any),
    row("", "ServiceAccount", true, Role::Plain, any),
    row("apps", "Deployment", true, Role::Plain, any),
    row("apps", "StatefulSet", true, Role::Plain, any),
    row("apps", "DaemonSet", true, Role::Plain, any),
];

const fn row(
    group: &'static str,
    kind: &'static str,
    is_namespaced: bool,
    role: Role,
    check: fn(&Value) -> Result<(), Fault>,
) -> Row {
    Row { group, kind, is_namespaced, role, check }
}

/// The row of an object, if a render knows its kind.
pub fn of(api_version: &str, kind: &str) -> Option<&'static Row> {
    let group = group_of(api_version);
    ROWS.iter().find(|row| row.group == group && row.kind == kind)
}

/// The group of an `apiVersion`.
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn any(_: &Value) -> Result<(), Fault> {
    Ok(())
}

fn typed<T: DeserializeOwned>(object: &Value) -> Result<(), Fault> {
    // None of the kinds that are checked holds a value in the clear.
    T::deserialize(object).map(drop).map_err(|error| Fault::wrong("it is damaged").because(error))
}
