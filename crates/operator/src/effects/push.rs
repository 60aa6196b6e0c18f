//! Storing values at a provider, and taking them back, through the opened client of a store. Whose a remote value is, the
//! provider says: a foreign one is neither replaced nor deleted. Specification: ESO §6.11, §10.0.

use base::Fault;
use plan::push_secret::{Push, TakeBack};
use plan::{Describe, Line};
use providers::row::Client;
use source::Pushed;

use super::Effect;
use crate::shared::Shared;

/// A push, and the client that carries it.
pub struct Pushing {
    /// The client of the store.
    pub client: Client,
    /// What is stored.
    pub push: Push,
}

impl Describe for Pushing {
    fn describe(&self) -> Vec<Line> {
        self.push.describe()
    }
}

impl Effect for Pushing {
    type Answer = Pushed;

    async fn perform(self, _: &Shared) -> Result<Pushed, Fault> {
        self.client.push(&self.push.entry).await
    }

    fn assumed(&self) -> Option<Pushed> {
        Some(Pushed::Stored)
    }
}

/// A deletion at a provider, and the client that carries it.
pub struct TakingBack {
    /// The client of the store.
    pub client: Client,
    /// What is taken back.
    pub what: TakeBack,
}

impl Describe for TakingBack {
    fn describe(&self) -> Vec<Line> {
        self.what.describe()
    }
}

impl Effect for TakingBack {
    type Answer = ();

    async fn perform(self, _: &Shared) -> Result<(), Fault> {
        self.client.delete(&self.what.at).await
    }

    fn assumed(&self) -> Option<()> {
        Some(())
    }
}
