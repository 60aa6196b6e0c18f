//! An encrypted file from its bytes to its plain document: read, find the data key, decrypt, check the MAC. The one way for all
//! who want what is in a file (`decrypt`, exec, vals, helm); those who write it again walk the steps themselves.
//! Specification: SOPS §8.5, §9 (exit codes by step).

use base::Fault;
use document::{Format, ReadOptions, RepeatedKeys};

use crate::encrypted::{CryptFault, DecryptedDocument, EncryptedDocument, MacCheck, ReadFault};
use crate::group::DecryptionOrder;
use crate::key_service::KeyService;
use crate::recovery::Recovery;
use crate::wrapping::unwrap;

/// How a file is opened.
pub struct Opening<'a> {
    /// The format of the plain file; the encrypted form follows from it.
    pub format: Format,
    /// Which types of keys are asked first.
    pub order: &'a DecryptionOrder,
    /// Who is asked to unwrap.
    pub services: &'a [&'a dyn KeyService],
    /// Whether the MAC is looked at.
    pub check: MacCheck,
}

/// The step at which a file could not be opened; the peer has an exit code for each.
#[derive(Debug)]
pub enum OpenFault {
    /// The bytes are not of the format.
    Unreadable(Fault),
    /// It has no metadata: it is a plain file.
    Plain,
    /// Its metadata cannot be used.
    Metadata(Fault),
    /// Nobody could unwrap the data key.
    DataKey(Recovery),
    /// A value was altered, moved or replaced.
    Tree(Fault),
    /// Something that the MAC covers was.
    Mac(Fault),
}

/// Opens a file. The warnings of the document are all that the user should know.
///
/// # Errors
/// By the step that failed.
pub async fn open(bytes: &[u8], opening: &Opening<'_>) -> Result<DecryptedDocument, OpenFault> {
    let options = ReadOptions { repeated_keys: RepeatedKeys::Keep, ..ReadOptions::default() };
    let form = opening.format.encrypted();
    let tree = document::read(bytes, form, &options).map_err(OpenFault::Unreadable)?;
    let (encrypted, mut warnings) = EncryptedDocument::read(tree, form).map_err(|fault| match fault {
        ReadFault::Plain => OpenFault::Plain,
        ReadFault::Wrong(fault) => OpenFault::Metadata(fault),
    })?;
    let metadata = &encrypted.metadata;
    let key = unwrap(&metadata.groups, metadata.shamir_threshold, opening.order, opening.services)
        .await
        .map_err(OpenFault::DataKey)?;
    let mut opened = encrypted.decrypt(&key, opening.check, None).map_err(|fault| match fault {
        CryptFault::Tree(fault) => OpenFault::Tree(fault),
        CryptFault::Mac(fault) => OpenFault::Mac(fault),
    })?;
    warnings.append(&mut opened.warnings);
    opened.warnings = warnings;
    Ok(opened)
}

impl From<OpenFault> for Fault {
    /// The fault for those who have no exit codes of their own.
    fn from(fault: OpenFault) -> Self {
        match fault {
            OpenFault::Unreadable(fault) | OpenFault::Metadata(fault) => fault.within("Error reading file"),
            OpenFault::Plain => Self::wrong("sops metadata not found").hint("the file is not encrypted"),
            OpenFault::DataKey(recovery) => Self::denied("Error getting data key").because(recovery),
            OpenFault::Tree(fault) => fault.within("Error decrypting tree"),
            OpenFault::Mac(fault) => fault.within("failed to verify data integrity"),
        }
    }
}

#[cfg(test)]
mod tests;
