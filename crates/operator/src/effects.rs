//! The hands behind the effects of `plan`: one file per kind of outside. An effect can be done, or told.
//! Specification: design §11.1, §11.3.

use base::Fault;
use plan::Describe;

use crate::shared::Shared;

pub(crate) mod generate;
pub(crate) mod push;
pub mod vault;
pub(crate) mod write;

/// A change of the outside that can be done, or told.
pub trait Effect: Describe + Send {
    /// What doing it answers.
    type Answer: Send;

    /// Does it.
    fn perform(self, shared: &Shared) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;

    /// What a dry world answers instead; none where only doing it can tell.
    fn assumed(&self) -> Option<Self::Answer> {
        None
    }
}
