//! What Vault has issued and no status tells of yet: a retry after a failed write must not have something else issued, or an
//! unwritable destination would make a lease or a certificate with every attempt. Specification: VSO §7.4.2 (Field reports), §7.5.

use api::hashicorp::Syncable;
use base::duration::GoDuration;
use base::{Fault, Timestamp};

use crate::Event;
use crate::vault_call::{Ask, VaultAnswer, VaultCall};

/// An object for which Vault issues something.
pub trait Issues: Syncable {
    /// What it asks for.
    fn asked(&self) -> VaultCall;
    /// Whether its status tells of an answer.
    fn tells_of(&self, answer: &VaultAnswer) -> bool;
    /// How long an answer can still be written.
    fn serves_until(&self, issued: &Issued) -> Timestamp;
    /// The id of what its status tells of.
    fn issued_id(&self) -> Option<&str>;
    /// Ends something that was issued for it.
    fn revocation(&self, id: &str) -> Ask;
    /// What became of that; what the server does not know needs no end.
    ///
    /// # Errors
    /// It stands still.
    fn revoked(id: &str, answer: Result<VaultAnswer, Fault>) -> Result<(), Fault>;
    /// What is told where it stands still.
    fn not_revoked(fault: &Fault) -> Event;
}

/// How often a revocation is tried, and after which wait again.
pub const REVOCATIONS: u32 = 3;
const REVOCATION_PAUSE: GoDuration = GoDuration::from_seconds(5);

/// When a revocation that failed this often is tried again, if at all.
#[must_use]
pub fn revokes_again(failures: u32, now: Timestamp) -> Option<Timestamp> {
    (failures < REVOCATIONS).then(|| REVOCATION_PAUSE.after(now))
}

/// An answer that no status tells of yet.
#[derive(Clone)]
pub struct Issued {
    /// The request.
    pub call: VaultCall,
    /// The answer.
    pub answer: VaultAnswer,
    /// When it came.
    pub at: Timestamp,
    /// The id that the status told of then.
    pub over: Option<String>,
}

impl Issued {
    /// An answer to what an object asks for.
    #[must_use]
    pub fn new<O: Issues>(o: &O, answer: VaultAnswer, at: Timestamp) -> Self {
        Self { call: o.asked(), answer, at, over: o.issued_id().map(str::to_owned) }
    }

    /// Whether the status tells of something else than it did, and not of this: another operator has issued meanwhile.
    #[must_use]
    pub fn has_lost<O: Issues>(&self, o: &O) -> bool {
        o.issued_id() != self.over.as_deref() && !self.is_told(o)
    }

    /// Whether the status tells of this answer, so that it need not be kept.
    #[must_use]
    pub fn is_told<O: Issues>(&self, o: &O) -> bool {
        o.tells_of(&self.answer)
    }

    /// Whether it is what the object asks for, and lives long enough to be written.
    #[must_use]
    pub fn serves<O: Issues>(&self, o: &O, now: Timestamp) -> bool {
        self.call == o.asked() && now < o.serves_until(self)
    }
}
