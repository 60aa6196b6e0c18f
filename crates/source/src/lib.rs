//! Where a value comes from, as text and as type: references, what one call fetches, and the two ports behind which
//! secret managers and generators stand. Everything here is pure; who implements the ports is `providers`.
//! Specification: design §4.1, §6, §9; VALS §5; ESO §10.0.
#![warn(missing_docs)]

pub mod envsubst;
pub mod expand;
pub mod generator;
pub mod reference;
pub mod remote_ref;
pub mod secrets_client;
pub mod select;

pub use generator::{Generator, Made};
pub use reference::Reference;
pub use remote_ref::{Find, Locator, MetadataPolicy, Payload, RemoteRef};
pub use secrets_client::{PushEntry, PushSource, Pushed, RemotePlace, SecretsClient, Validity};
