//! The generators that objects have made values with. What one was opened with for a namespace goes with the namespace's last user
//! of it, as a store's client goes with the store; its session is not ended, because what it made would end, too.
//! Specification: ESO §11; design §5.

use api::external_secrets::GeneratorRef;
use api::{ExternalSecret, PushSecret};

use crate::World;
use crate::clients::Providers;
use crate::world::generators::object_of;

/// The index of users by the generators that they name.
pub(super) const BY_GENERATOR: &str = "generator";

/// Under which key of the index an object of the namespace stands.
pub(super) fn key(namespace: &str, generator: &GeneratorRef) -> String {
    format!("{namespace}/{}/{}", generator.kind, generator.name)
}

/// The generators that an object made values with.
#[derive(Default)]
pub(super) struct Makers(Vec<GeneratorRef>);

impl Makers {
    /// The object names these now; those that it names no more.
    pub fn replace(&mut self, now: &[GeneratorRef]) -> Self {
        let before = std::mem::replace(&mut self.0, now.to_vec());
        Self(before.into_iter().filter(|generator| !now.contains(generator)).collect())
    }

    /// Closes those that nobody else of the namespace names.
    pub async fn release(self, w: &World, namespace: &str) {
        let Ok(providers) = w.shared().recall::<Providers>() else { return };
        for generator in self.0 {
            let key = key(namespace, &generator);
            let is_used = !w.cache::<ExternalSecret>().by(BY_GENERATOR, &key).is_empty()
                || !w.cache::<PushSecret>().by(BY_GENERATOR, &key).is_empty();
            if !is_used {
                providers.generators.release(object_of(namespace, &generator), namespace).await;
            }
        }
    }
}
