//! Vault Secrets Operator's group `secrets.hashicorp.com`: its kinds, one file each, and how they refer to each other.
//! All are namespaced, v1beta1, without short names; durations are one number and one unit.
//! Specification: VSO §4, §5.

pub mod csi_secrets;
pub mod destination;
pub mod hcp;
pub mod names;
pub mod reference;
pub mod rollout_target;
pub mod secret_transformation;
pub mod vault_auth;
pub mod vault_auth_global;
pub mod vault_connection;
pub mod vault_dynamic_secret;
pub mod vault_pki_secret;
pub mod vault_static_secret;

pub use csi_secrets::CSISecrets;
pub use destination::{Destination, Transformation, TransformationRef};
pub use hcp::{HCPAuth, HCPVaultSecretsApp};
pub use reference::{Reference, Syncable};
pub use rollout_target::{RolloutRestartTarget, RolloutTargetKind};
pub use secret_transformation::SecretTransformation;
pub use vault_auth::{AuthMethod, VaultAuth};
pub use vault_auth_global::VaultAuthGlobal;
pub use vault_connection::VaultConnection;
pub use vault_dynamic_secret::VaultDynamicSecret;
pub use vault_pki_secret::VaultPKISecret;
pub use vault_static_secret::VaultStaticSecret;

#[cfg(test)]
mod tests;
