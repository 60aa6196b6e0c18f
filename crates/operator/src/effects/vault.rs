//! What makes, prolongs or ends something at Vault, through the client of the object that wants it. It is asked as often as the
//! call says: credentials once, a renewal again after a broken connection. What a dry world cannot tell is the answer.
//! Specification: design §11.3; VSO §7.4, §7.5.

use base::Fault;
use plan::vault_call::{Ask, VaultAnswer};
use plan::{Describe, Line};

use super::Effect;
use crate::shared::Shared;
use crate::world::vault::VaultClient;

/// A request to Vault and who asks.
pub struct Asking<'a> {
    /// Who asks.
    pub client: &'a VaultClient,
    /// What is asked.
    pub ask: Ask,
}

impl Describe for Asking<'_> {
    fn describe(&self) -> Vec<Line> {
        self.ask.describe()
    }
}

impl Effect for Asking<'_> {
    type Answer = VaultAnswer;

    async fn perform(self, _: &Shared) -> Result<VaultAnswer, Fault> {
        self.client.ask(&self.ask.call).await
    }
}
