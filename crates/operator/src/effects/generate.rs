//! Making values with a generator: it is opened as stores are, and kept open, because what a session made may end with it.
//! Specification: ESO §11.

use base::{Fault, Tenant};
use plan::Generate;
use providers::registry;
use source::Made;

use super::Effect;
use crate::clients::{Holder, Providers};
use crate::shared::Shared;

impl Effect for Generate {
    type Answer = Made;

    async fn perform(self, shared: &Shared) -> Result<Made, Fault> {
        let providers = shared.recall::<Providers>()?;
        let row = registry::generator(self.kind)
            .ok_or_else(|| Fault::wrong(format!("generators of kind {} are not built yet", self.kind)))?;
        let consumer = &*self.of.namespace;
        let holder = Holder {
            uid: &self.uid,
            generation: self.generation,
            basis: String::new(),
            lender: consumer,
            tenant: Tenant::confined(self.generator.clone(), consumer),
        };
        let open = |credentials| (row.open)(&self.spec, providers.reach(), credentials);
        let opened = providers.generators.client(shared, &holder, open).await;
        let made = async { opened?.client.make(shared.clock().now(), &mut shared.rng()).await };
        made.await.map_err(|fault| fault.about(self.generator.clone()))
    }
}
