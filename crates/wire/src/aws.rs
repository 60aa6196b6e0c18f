//! AWS without its SDK: [`session`] knows whose keys count, [`call`] signs and sends, [`sts`] and [`roles`] turn one identity
//! into another, [`profile`] reads the shared files, [`endpoint`] knows where a service lives. Signatures and the metadata
//! services' protocols are reqsign's. What the services' answers mean is the business of `providers`.
//!
//! Specification: ESO §10.1, VALS §10.2 and §11.

pub mod call;
pub mod endpoint;
pub mod profile;
pub mod roles;
pub mod session;
pub mod sts;

mod chain;

pub use call::{Call, Refusal, refusal};
pub use endpoint::{Endpoints, Service};
pub use roles::Role;
pub use session::{Credentials, Identity, Session, Settings};
