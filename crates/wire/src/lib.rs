//! One way to talk to the world: one HTTP client with deadlines, limits, retries and no redirects into the blue; sessions at
//! AWS and Vault; programs whose answer we want. It knows how to ask, never what for: stores and keys are in `providers`.
//!
//! Nothing here reads the environment, a file or a name of this machine by itself: settings are filled by the caller, and what
//! a session may see beside them is a [`environment::Surroundings`]. Values are `SecretBytes`; no fault carries one.
//! Specification: design §1, §8 and §19; VSO §8 and §17; ESO §10.1 and §10.5; VALS §10.1, §10.2, §11.

pub mod answer;
pub mod aws;
pub mod client;
pub mod environment;
pub mod program;
pub mod proxy;
pub mod request;
pub mod retry;
pub mod secret_source;
pub mod tls;
pub mod vault;

pub use answer::Answer;
pub use client::Client;
pub use environment::{Environment, Surroundings};
pub use program::Program;
pub use request::Request;
pub use retry::Retry;
pub use secret_source::SecretSource;
pub use tls::Tls;

#[cfg(test)]
mod stand_in;
