//! For tests only: a cluster that is the sandbox or a real kube-apiserver, and small servers on 127.0.0.1 that stand in
//! for Vault and AWS, count what they are asked and misbehave when told to. Everything ends when it is dropped.
//!
//! No production crate depends on it, and dry crates do not use it even in their tests.
//! Specification: design §15, §19 (testkit); VSO §17, ESO §10.1–10.5, VALS §10.14.

pub mod aws;
pub mod canary;
pub mod clock;
pub mod cluster;
pub mod entropy;
pub mod http;
pub mod peer_role;
pub mod peers;
pub mod process;
pub mod scenario;
pub mod vault;

pub use aws::Aws;
pub use cluster::Cluster;
pub use http::Server;
pub use peer_role::peer_role;
pub use sandbox::Sandbox;
pub use scenario::Scenario;
pub use vault::Vault;

#[cfg(test)]
mod tests;
