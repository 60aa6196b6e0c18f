//! The ground of the house: what every floor may rely on – values that cannot be shown, faults, limits,
//! names, Go's durations, encodings, keyed digests, and the port to credentials.
//!
//! It asks nobody: no clock, no files, no network. Randomness and time are parameters of those who need them.
//! Specification: design §6, §8, §13.
#![warn(missing_docs)]

pub mod credentials;
pub mod duration;
pub mod encoding;
pub mod fault;
pub mod fingerprint;
pub mod limit;
pub mod name;
pub mod secret;
pub mod truth;

pub use credentials::{Credentials, Tenant};
pub use fault::{Fault, Kind};
pub use name::ObjectRef;
pub use secret::{SecretBytes, SecretMap, SecretText, SecretValue};

/// A boxed future, so that ports stay object-safe without a macro.
pub type Opening<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A moment in UTC with nanoseconds; decisions get it as a parameter and never ask for it.
pub type Timestamp = jiff::Timestamp;
