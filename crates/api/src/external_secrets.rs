//! External Secrets Operator's group `external-secrets.io`: its kinds, one file each, and what they share.
//! v1 and v1beta1 of a kind are one Rust type: the versions differ in API defaults only (`kinds`).
//! Specification: ESO §3, §5.

pub mod cluster_external_secret;
pub mod cluster_push_secret;
pub mod external_secret;
pub mod names;
pub mod push_secret;
pub mod rewrite;
pub mod secret_store;
pub mod stamp;
pub mod strategies;
pub mod target;
pub mod template;

pub use cluster_external_secret::ClusterExternalSecret;
pub use cluster_push_secret::ClusterPushSecret;
pub use external_secret::{
    ExternalSecret, ExternalSecretSpec, ExternalSecretStatus, GeneratorRef, StoreKind, StoreRef,
};
pub use push_secret::{PushSecret, PushSecretData, PushSecretSpec, PushSecretStatus};
pub use rewrite::Rewrite;
pub use secret_store::{ClusterSecretStore, SecretStore, SecretStoreSpec, SecretStoreStatus, Store};
pub use stamp::Stamp;
pub use target::{CreationPolicy, DeletionPolicy, ExternalSecretTarget};
pub use template::{ExternalSecretTemplate, TemplateFrom};

#[cfg(test)]
mod tests;
