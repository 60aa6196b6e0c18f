//! AWS without its SDK: [`session`] knows whose keys count and makes calls with them, [`call`] is one signed call, [`caller`] how
//! calls are sent, [`endpoint`] where services live, [`sts`] and [`roles`] turn one identity into another, [`profile`] reads the
//! shared files. Signatures and the metadata services' protocols are reqsign's. What the services' answers mean is the business
//! of `providers`.
//!
//! Specification: ESO §10.1, VALS §10.2 and §11.

pub mod call;
pub mod caller;
pub mod credentials;
pub mod endpoint;
pub mod profile;
pub mod roles;
pub mod session;
pub mod sts;

mod chain;

pub use call::{Call, Refusal};
pub use chain::knows_profile;
pub use credentials::Credentials;
pub use endpoint::{Endpoints, Service};
pub use roles::Role;
pub use session::{Identity, Session, Settings};
