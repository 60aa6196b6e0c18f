//! What makes, prolongs or ends something at Vault, through the client of the object that wants it. It is asked as often as the
//! call says: credentials once, a renewal again after a broken connection. What a dry world cannot tell is the answer.
//! Specification: design §11.3; VSO §7.4, §7.5.

use base::Fault;
use plan::vault_call::{Ask, VaultAnswer, VaultCall};
use plan::{Describe, Line};

use super::Effect;
use crate::shared::Shared;

/// Who can ask Vault: a client that is logged in (`world/vault`).
pub trait AskVault: Sync {
    /// Asks once.
    fn ask_vault(&self, call: &VaultCall) -> impl Future<Output = Result<VaultAnswer, Fault>> + Send;
}

/// A request to Vault and who asks.
pub struct Asking<'a, C> {
    /// Who asks.
    pub client: &'a C,
    /// What is asked.
    pub ask: Ask,
}

impl<C> Describe for Asking<'_, C> {
    fn describe(&self) -> Vec<Line> {
        self.ask.describe()
    }
}

impl<C: AskVault> Effect for Asking<'_, C> {
    type Answer = VaultAnswer;

    async fn perform(self, _: &Shared) -> Result<VaultAnswer, Fault> {
        self.client.ask_vault(&self.ask.call).await
    }
}
