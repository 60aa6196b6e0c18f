//! Vault and OpenBao, which speak the same language: [`call`] is one request, [`response`] and [`refusal`] what comes back,
//! [`auth`] how a token is got, [`connection`] where a server is and how it is spoken to, [`session`] who keeps the token,
//! [`sessions`] who shares one.
//!
//! What paths mean (KV versions, leases, certificates) is the callers' business.
//! Specification: VSO §8 and §17, ESO §10.5, VALS §10.1.

pub mod auth;
pub mod call;
pub mod connection;
pub mod rate;
pub mod refusal;
pub mod response;
pub mod session;
pub mod sessions;
pub mod variables;

mod replication;
#[cfg(test)]
mod tests;
mod token;

pub use auth::Auth;
pub use call::Call;
pub use connection::Connection;
pub use refusal::Refusal;
pub use response::{Response, members};
pub use session::Session;
pub use sessions::Sessions;
