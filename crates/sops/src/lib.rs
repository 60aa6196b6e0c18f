//! Encrypted files as SOPS writes them: which leaves are encrypted and how, the MAC over all, the metadata with its
//! master keys, the rules that choose them, and the port to whoever wraps the file's key. Dry: no file, clock, network
//! or process is asked here; keys are reached through [`KeyService`], randomness and time are parameters.
//! A file's way through these modules is in design §4.2. Specification: SOPS §4, §5, §7.1, §8.2, §9, §10, §13, §14.
#![warn(missing_docs)]

pub mod cipher;
pub mod encrypted;
mod mac;
pub mod plaintext;
pub mod select;
pub mod stash;

pub mod data_key;
pub mod group;
pub mod key_service;
pub mod master_key;
pub mod metadata;
pub mod recovery;
pub mod rules;
pub mod shamir;
pub mod wrapping;

pub mod open;

mod field;
mod rfc3339;
pub mod rotate;
pub mod update_keys;

pub use data_key::DataKey;
pub use encrypted::{Count, CryptFault, DecryptedDocument, EncryptedDocument, MacCheck, ReadFault};
pub use group::{DecryptionOrder, KeyGroup};
pub use key_service::{KeyService, at_once};
pub use master_key::{KeyType, KmsOptions, Lock, MasterKey};
pub use metadata::{Metadata, VERSION};
pub use open::{OpenFault, open};
pub use recovery::Recovery;
pub use rules::{Flags, Recipe, Rules};
pub use select::Selection;
pub use stash::Stash;
pub use wrapping::{Wrapping, unwrap, wrap};
