//! Tokens of clients in Secrets of the operator's namespace: read when a client has none, written when it has got another, pruned
//! with their VaultAuth. What an earlier process has left and nobody takes up is purged once, as the peer does.
//! What such a Secret looks like is `plan/stored_client`'s. Specification: VSO §8.9.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::hashicorp::{VaultAuth, names};
use base::{Fault, SecretBytes};
use plan::{Address, Present, Write};
use tokio::sync::OnceCell;

use super::Settings;
use super::mac_key::mac_key;
use crate::World;
use crate::effects::write::read_secret;
use crate::seen::SeenSecret;
use crate::shared::Shared;
use crate::world::vault::{StoreClients, VaultClient};

/// Stores tokens, or sees to it that none are.
pub struct StoredClients {
    settings: Settings,
    purged: OnceCell<()>,
}

/// The index of stored clients by the uid of their VaultAuth.
const BY_AUTH: &str = "vso-stored-client";

impl StoredClients {
    /// As these settings say.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, purged: OnceCell::new() }
    }

    async fn take_up(&self, w: &World, client: &VaultClient, key: &[u8]) -> Result<(), Fault> {
        let Some(present) = self.standing(w, client).await? else { return Ok(()) };
        let taken = match client.known().login(&present, key) {
            Ok(login) => client.session().restore(login).await,
            Err(fault) => Err(fault),
        };
        match taken {
            Ok(()) => {
                if let Some(token) = client.session().current() {
                    client.note_stored(token.accessor);
                }
                Ok(())
            }
            Err(fault) => {
                tracing::debug!(secret = present.name, error = fault.chain(), "a stored client is of no use");
                w.act(deletion(&present, "delete, since its token is of no use")).await.map(drop)
            }
        }
    }

    async fn store(&self, w: &World, client: &VaultClient, login: SecretBytes, key: &[u8]) -> Result<(), Fault> {
        let known = client.known();
        // The last passes with a VaultAuth that goes leave nothing behind.
        if !living(w).contains(&known.auth.1.uid) {
            return Ok(());
        }
        for seen in of_auth(w, &self.settings.namespace, &known.auth.1.uid) {
            let generation = seen.labels.get("auth/generation").and_then(|text| text.parse().ok());
            if generation != Some(known.auth.1.generation) {
                w.act(deletion_of(&seen)).await?;
            }
        }
        // Such a Secret cannot be changed.
        if let Some(present) = self.standing(w, client).await? {
            w.act(deletion(&present, "delete, since another token takes its place")).await?;
        }
        let target = known.target(&self.settings.namespace, login, key);
        w.act(Write::CreateSecret { target, manager: names::MANAGER.to_owned() }).await.map(drop)
    }

    async fn standing(&self, w: &World, client: &VaultClient) -> Result<Option<Present>, Fault> {
        let at = Address::secret(self.settings.namespace.as_str(), client.known().name());
        read_secret(w.cluster(), &at).await
    }

    /// Deletes what nobody takes up again: all, or what is left of VaultAuths that are gone.
    async fn purge(&self, w: &World) -> Result<(), Fault> {
        let (all, auths) = (w.cache::<SeenSecret>().all(), living(w));
        let is_needed = |seen: &SeenSecret| {
            let auth = seen.labels.get(names::STORED_CLIENT_AUTH);
            self.settings.stores_clients && auth.is_some_and(|uid| auths.contains(uid))
        };
        for seen in all.iter().filter(|seen| *seen.namespace == *self.settings.namespace && is_stored_client(seen)) {
            if !is_needed(seen) {
                w.act(deletion_of(seen)).await?;
            }
        }
        Ok(())
    }

    async fn keep(&self, w: &World, client: &VaultClient) -> Result<(), Fault> {
        let purged = self.purged.get_or_try_init(|| self.purge(w)).await;
        logged("stored clients could not be purged", purged.map(drop));
        if !self.settings.stores_clients {
            return Ok(());
        }
        let current = client.session().current();
        if current.as_ref().is_some_and(|token| client.is_stored(&token.accessor) || !token.renewable) {
            return Ok(());
        }
        let key = mac_key(w, &self.settings).await?;
        if current.is_none() {
            logged("a stored client could not be taken up", self.take_up(w, client, key.expose()).await);
        }
        let token = client.session().meta().await?;
        if token.renewable && !client.is_stored(&token.accessor) {
            let stored = self.store(w, client, token.login, key.expose()).await;
            client.note_stored(token.accessor);
            logged("a client could not be stored", stored);
        }
        Ok(())
    }
}

impl StoreClients for StoredClients {
    fn keep<'a>(&'a self, w: &'a World, client: &'a VaultClient) -> base::Opening<'a, ()> {
        Box::pin(self.keep(w, client))
    }
}

/// Without its stored token a client logs in, which is no failure.
fn logged(what: &str, result: Result<(), Fault>) {
    if let Err(fault) = result {
        tracing::warn!(error = fault.chain(), "{what}");
    }
}

/// The uids of VaultAuths that stay.
fn living(w: &World) -> BTreeSet<String> {
    let all = w.cache::<VaultAuth>().all();
    let stay = all.iter().filter(|auth| auth.metadata.deletion_timestamp.is_none());
    stay.filter_map(|auth| auth.metadata.uid.clone()).collect()
}

/// Has stored clients found by their VaultAuth.
pub fn watch(shared: &Shared) {
    shared.caches().store::<SeenSecret>().index(BY_AUTH, |seen| {
        let auth = seen.labels.get(names::STORED_CLIENT_AUTH).filter(|_| is_stored_client(seen));
        auth.cloned().into_iter().collect()
    });
}

/// Deletes the stored clients of a VaultAuth that goes.
///
/// # Errors
/// The API server is away or refuses.
pub async fn prune(w: &World, namespace: &str, auth_uid: &str) -> Result<(), Fault> {
    for seen in of_auth(w, namespace, auth_uid) {
        w.act(deletion_of(&seen)).await?;
    }
    Ok(())
}

fn of_auth(w: &World, namespace: &str, uid: &str) -> Vec<Arc<SeenSecret>> {
    let mut all = w.cache::<SeenSecret>().by(BY_AUTH, uid);
    all.retain(|seen| *seen.namespace == *namespace);
    all
}

fn is_stored_client(seen: &SeenSecret) -> bool {
    let mut labels = names::STORED_CLIENT_LABELS.iter();
    labels.all(|(name, value)| seen.labels.get(*name).is_some_and(|label| label == value))
}

fn deletion(present: &Present, why: &str) -> Write {
    Write::Delete {
        at: Address::secret(present.namespace.as_str(), present.name.as_str()),
        uid: Some(present.uid.clone()),
        resource_version: None,
        background: false,
        why: why.to_owned(),
    }
}

fn deletion_of(seen: &SeenSecret) -> Write {
    Write::Delete {
        at: Address::secret(&*seen.namespace, &*seen.name),
        uid: Some(seen.uid.clone()),
        resource_version: None,
        background: false,
        why: "delete, since nobody takes this client up again".to_owned(),
    }
}
