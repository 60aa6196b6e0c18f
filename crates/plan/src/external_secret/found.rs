//! The target as a pass finds it. One that this process left whole is not read again unless something else is wished for:
//! a round in which nothing changed asks the API server nothing. Specification: ESO §6.5; design §11.2.

use crate::Present;
use crate::present::OwnerRef;

/// What stands where the target shall be.
pub enum Found {
    /// There is none.
    Nothing,
    /// It was whole when this process last read or wrote it, and its data is the same since; this much the cache knows.
    Unread {
        /// Its uid.
        uid: String,
        /// Its version.
        resource_version: String,
        /// Its owners.
        owners: Vec<OwnerRef>,
    },
    /// It was read.
    Read(Box<Present>),
}

impl Found {
    /// What was read.
    #[must_use]
    pub fn of(present: Option<Present>) -> Self {
        present.map_or(Self::Nothing, |present| Self::Read(Box::new(present)))
    }

    /// Uid, version and owners of the Secret, where there is one.
    pub(super) fn guard(&self) -> Option<(&str, &str, &[OwnerRef])> {
        match self {
            Self::Nothing => None,
            Self::Unread { uid, resource_version, owners } => Some((uid, resource_version, owners)),
            Self::Read(present) => Some((&present.uid, &present.resource_version, &present.owners)),
        }
    }

    /// Whether there is a Secret.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}
