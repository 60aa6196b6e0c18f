//! Sealed values: encrypted so that only the holder of a sealing key can open them, and only under the namespace and
//! name they were sealed for. Wire format and key handling are those of Sealed Secrets, bit for bit.
//! Not here: custom resources (`api`), what becomes of an opened value (`plan`), where keys are stored (`operator`).
//! Specification: SS §5, §10.4.
#![warn(missing_docs)]

pub mod scope;
pub mod sealed;

pub mod certificate;
pub mod hybrid;
pub mod key_set;

mod block;
#[cfg(test)]
mod vectors;

pub use certificate::{Certificate, NewKey};
pub use hybrid::{KeyFingerprint, PrivateKey, PublicKey};
pub use key_set::{KeySet, Opened, SealingKey};
pub use scope::{Label, Scope};
pub use sealed::Sealed;
