//! The Kubernetes types: one file a kind with its schema and its short accessors, the peers' fixed names, and
//! Reloader's annotations as typed rules. `kinds` is the one table of all kinds; `crd` turns types into definitions.
//!
//! It decides nothing and asks nobody; it knows kube's schema half (`kube-core`, `kube-derive`), never its client.
//! Specification: ESO §3, §5; VSO §4; SS §3, §4; RL §8.1; design §9, §10, §19.

pub mod crd;
pub mod external_secrets;
pub mod generators;
pub mod hashicorp;
pub mod kinds;
pub mod meta;
pub mod reload;
pub mod sealed_secret;
mod shape;

pub use external_secrets::{
    ClusterExternalSecret, ClusterPushSecret, ClusterSecretStore, ExternalSecret, PushSecret, SecretStore,
};
pub use generators::{ClusterGenerator, GeneratorState};
pub use hashicorp::{
    SecretTransformation, VaultAuth, VaultAuthGlobal, VaultConnection, VaultDynamicSecret, VaultPKISecret,
    VaultStaticSecret,
};
pub use sealed_secret::SealedSecret;
