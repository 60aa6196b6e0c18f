//! Schema shapes that the peers' CRDs share: `#[schemars(with = "…")]` markers for texts with a pattern, integers
//! without a format, free JSON and the peers' conditions. They are never constructed; the fields stay plain Rust types.
//! Specification: ESO notation and §5.1; VSO §4.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// For `#[schemars(default = "…")]`: a field that Rust reads with a default which the API does not have.
pub(crate) fn no_default() -> Option<()> {
    None
}

/// Declares marker types with their schema.
macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident => $schema:tt)*) => {$(
        $(#[$doc])*
        pub(crate) enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

shapes! {
    /// ESO's `dns253`: a name of an object.
    Dns253 => {
        "type": "string", "minLength": 1, "maxLength": 253,
        "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    }
    /// ESO's `dns63`: a name of a namespace.
    Dns63 => { "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" }
    /// ESO's `seckey`: a key of a Secret.
    SecretKey => { "type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[-._a-zA-Z0-9]+$" }
    /// Five cron fields or a descriptor (ESO §5.2).
    CronSchedule => {
        "type": "string", "minLength": 1,
        "pattern": r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every [^\s]+.*|[^\s]+( [^\s]+){4})$",
    }
    /// VSO's duration: one number, one unit.
    VaultDuration => { "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(s|m|h))$" }
    /// The same with days, as PKI's `ttl` takes it.
    VaultTtl => { "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(s|m|h|d))$" }
    /// Go's `int`: no format.
    Int => { "type": "integer" }
    /// `[]byte`: base64 in JSON.
    Bytes => { "type": "string", "format": "byte" }
    /// Any JSON value.
    AnyJson => { "x-kubernetes-preserve-unknown-fields": true }
    /// A moment that the peer writes as null while it is unset.
    NullableTime => { "type": "string", "format": "date-time", "nullable": true }
    /// An object of any shape.
    AnyObject => { "type": "object", "x-kubernetes-preserve-unknown-fields": true }
    /// Seconds as a number, or a Go duration as a text.
    IntOrDuration => { "anyOf": [{ "type": "integer" }, { "type": "string" }], "x-kubernetes-int-or-string": true }
    /// metav1.Condition as Kubernetes' own markers describe it (VSO).
    MetaCondition => {
        "type": "object",
        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
        "properties": {
            "lastTransitionTime": { "type": "string", "format": "date-time" },
            "message": { "type": "string", "maxLength": 32768 },
            "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
            "reason": {
                "type": "string", "minLength": 1, "maxLength": 1024,
                "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            },
            "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
            "type": {
                "type": "string", "maxLength": 316,
                "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
            },
        },
    }
    /// The condition of stores, PushSecret and GeneratorState (ESO §5.4, §5.5).
    StoreCondition => {
        "type": "object",
        "required": ["status", "type"],
        "properties": {
            "lastTransitionTime": { "type": "string", "format": "date-time" },
            "message": { "type": "string" },
            "reason": { "type": "string" },
            "status": { "type": "string" },
            "type": { "type": "string" },
        },
    }
    /// ExternalSecret's condition: a closed list of types (ESO §5.2).
    ExternalSecretCondition => {
        "type": "object",
        "required": ["status", "type"],
        "properties": {
            "lastTransitionTime": { "type": "string", "format": "date-time" },
            "message": { "type": "string" },
            "reason": { "type": "string" },
            "status": { "type": "string" },
            "type": { "type": "string", "enum": ["Ready", "Deleted"] },
        },
    }
    /// The condition of the cluster-wide kinds: no reason, no time (ESO §5.3).
    ClusterCondition => {
        "type": "object",
        "required": ["status", "type"],
        "properties": {
            "message": { "type": "string" },
            "status": { "type": "string" },
            "type": { "type": "string" },
        },
    }
    /// SealedSecret's condition (SS §3.1).
    SealedSecretCondition => {
        "type": "object",
        "required": ["status", "type"],
        "properties": {
            "lastTransitionTime": { "type": "string", "format": "date-time" },
            "lastUpdateTime": { "type": "string", "format": "date-time" },
            "message": { "type": "string" },
            "reason": { "type": "string" },
            "status": { "type": "string" },
            "type": { "type": "string" },
        },
    }
}
