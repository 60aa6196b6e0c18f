//! Tokens of clients in Secrets of the operator's namespace: read when a client has none, written when it has got another, pruned
//! with their VaultAuth. What an earlier process has left and nobody takes up is purged once, as the peer does. Where they are to
//! be encrypted, the transit engine of one VaultAuth does it; without it clients log in. What such a Secret looks like is `plan/stored_client`'s. Specification: VSO §8.9.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::hashicorp::{VaultAuth, names};
use base::{Fault, SecretBytes};
use plan::stored_client::{self, Content};
use plan::write::Resource;
use plan::{Address, Present, Write};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::mac_key::mac_key;
use super::{Persistence, Settings};
use crate::World;
use crate::cache::Changed;
use crate::cluster::Cluster;
use crate::effects::write::read_secret;
use crate::seen::SeenSecret;
use crate::shared::Shared;
use crate::world::vault::{CountClients, StoreClients, Storing, VaultClient, VaultClients};

/// Stores tokens, or sees to it that none are.
pub struct StoredClients {
    settings: Settings,
    purged: OnceCell<()>,
}

/// The index of stored clients by the uid of their VaultAuth; empty for all.
const BY_AUTH: &str = "vso-stored-client";

impl StoredClients {
    /// As these settings say.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, purged: OnceCell::new() }
    }

    async fn take_up(&self, w: &World, client: &VaultClient, key: &[u8]) -> Result<(), Fault> {
        let Some(present) = self.standing(w, client).await? else { return Ok(()) };
        let taken = match self.login(w, client, &present, key).await {
            Ok(login) => client.session().restore(login.clone()).await.map(|()| login),
            Err(fault) => Err(fault),
        };
        count(w, |counter| {
            counter.store_did(Storing::Restore, taken.is_ok());
            counter.store_asked(Storing::Restore, taken.is_ok());
        });
        match taken {
            Ok(login) => {
                // Somebody who shares the session may have logged in meanwhile: that token is stored instead.
                let current = client.session().current();
                if let Some(token) = current.filter(|token| token.login.expose() == login.expose()) {
                    client.note_stored(token.accessor);
                }
                Ok(())
            }
            Err(fault) => {
                tracing::debug!(secret = present.name, error = fault.chain(), "a stored client is of no use");
                let deleted =
                    delete(w, Storing::Delete, deletion(&present, "delete, since its token is of no use")).await;
                count(w, |counter| counter.store_asked(Storing::Delete, deleted.is_ok()));
                deleted
            }
        }
    }

    async fn login(
        &self,
        w: &World,
        client: &VaultClient,
        present: &Present,
        key: &[u8],
    ) -> Result<SecretBytes, Fault> {
        match client.known().content(present, key)? {
            Content::Login(_) if self.settings.persistence == Persistence::Encrypted => {
                Err(Fault::wrong("a stored client that is not encrypted is not taken up"))
            }
            Content::Login(login) => Ok(login),
            Content::Encrypted { envelope, auth } => {
                let named = w.cache::<VaultAuth>().find(&self.settings.namespace, &auth);
                let auth = stored_client::encryption_auth(named.into_iter().collect(), &self.settings.namespace)?;
                let key = stored_client::encryption(&auth).expect("the VaultAuth was taken for its key");
                let call = stored_client::decrypt(key, &envelope)?;
                stored_client::decrypted(&w.own_vault_client(&auth).await?.ask(&call).await?)
            }
        }
    }

    async fn content(&self, w: &World, login: SecretBytes) -> Result<Content, Fault> {
        if self.settings.persistence != Persistence::Encrypted {
            return Ok(Content::Login(login));
        }
        let auth = stored_client::encryption_auth(w.cache::<VaultAuth>().all(), &self.settings.namespace)?;
        let key = stored_client::encryption(&auth).expect("the VaultAuth was taken for its key");
        let answer = w.own_vault_client(&auth).await?.ask(&stored_client::encrypt(key, &login)).await?;
        let auth = auth.metadata.name.clone().unwrap_or_default();
        Ok(Content::Encrypted { envelope: stored_client::encrypted(&answer)?, auth })
    }

    async fn store(&self, w: &World, client: &VaultClient, login: SecretBytes, key: &[u8]) -> Result<(), Fault> {
        let known = client.known();
        // The last passes with a VaultAuth that goes leave nothing behind.
        if !living(w).contains(&known.auth.1.uid) {
            return Ok(());
        }
        let mut older = of_auth(w, &self.settings.namespace, &known.auth.1.uid);
        older.retain(|seen| {
            let generation = seen.labels.get("auth/generation").and_then(|text| text.parse().ok());
            generation != Some(known.auth.1.generation)
        });
        delete_all(w, Storing::Prune, older).await?;
        let content = self.content(w, login).await?;
        // Such a Secret cannot be changed.
        if let Some(present) = self.standing(w, client).await? {
            delete(w, Storing::Delete, deletion(&present, "delete, since another token takes its place")).await?;
        }
        let target = known.target(&self.settings.namespace, content, key);
        w.act(Write::CreateSecret { target, manager: names::MANAGER.to_owned() }).await.map(drop)
    }

    async fn standing(&self, w: &World, client: &VaultClient) -> Result<Option<Present>, Fault> {
        let at = Address::secret(self.settings.namespace.as_str(), client.known().name());
        read_secret(w.cluster(), &at).await
    }

    /// Deletes what nobody takes up again: all, or what is left of VaultAuths that are gone.
    async fn purge(&self, w: &World) -> Result<(), Fault> {
        let auths = living(w);
        let is_needed = |seen: &SeenSecret| {
            let auth = seen.labels.get(names::STORED_CLIENT_AUTH);
            self.settings.persistence != Persistence::None && auth.is_some_and(|uid| auths.contains(uid))
        };
        let mut all = of_auth(w, &self.settings.namespace, "");
        all.retain(|seen| !is_needed(seen));
        delete_all(w, Storing::Purge, all).await
    }

    async fn keep(&self, w: &World, client: &VaultClient) -> Result<(), Fault> {
        let purged = self.purged.get_or_try_init(|| self.purge(w)).await;
        logged("stored clients could not be purged", purged.map(drop));
        if self.settings.persistence == Persistence::None {
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
            count(w, |counter| {
                counter.store_did(Storing::Store, stored.is_ok());
                counter.store_asked(Storing::Store, stored.is_ok());
            });
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

/// Waits until the VaultAuth with the key is there, where tokens are to be stored encrypted: a chart makes it beside the operator.
///
/// # Errors
/// After `limit` there is still none, or there are several.
pub async fn await_key(cluster: &Cluster, settings: &Settings, limit: Duration) -> Result<(), Fault> {
    if settings.persistence != Persistence::Encrypted {
        return Ok(());
    }
    let auths = Resource::new(names::GROUP, "v1beta1", "VaultAuth", "vaultauths");
    let until = Instant::now() + limit;
    loop {
        let all = cluster.list_as::<serde_json::Value>(&auths, &settings.namespace).await;
        let read = |all: Vec<serde_json::Value>| {
            // One that cannot be read is none.
            let all = all.into_iter().filter_map(|auth| serde_json::from_value::<Box<VaultAuth>>(auth).ok());
            stored_client::encryption_auth(all.collect(), &settings.namespace).map(drop)
        };
        match all.and_then(read) {
            Err(fault) if Instant::now() >= until => {
                return Err(Fault::new(fault.kind(), "cannot set up the encryption of stored clients").because(fault));
            }
            Err(_) => tokio::time::sleep(KEY_PAUSE).await,
            Ok(()) => return Ok(()),
        }
    }
}

/// How often the VaultAuth with the key is looked for.
const KEY_PAUSE: Duration = Duration::from_secs(1);

/// Has stored clients found by their VaultAuth, and counted.
pub fn watch(shared: &Shared) {
    let secrets = shared.caches().store::<SeenSecret>();
    secrets.index(BY_AUTH, |seen| match is_stored_client(seen) {
        true => seen.labels.get(names::STORED_CLIENT_AUTH).cloned().into_iter().chain([String::new()]).collect(),
        false => Vec::new(),
    });
    let home = shared.recall::<Settings>().map(|settings| settings.namespace.clone()).unwrap_or_default();
    let (clients, all) = (shared.memory::<VaultClients>(), Arc::clone(&secrets));
    secrets.listen(move |changed: &Changed<SeenSecret>| {
        let is_one = |seen: &Option<Arc<SeenSecret>>| seen.as_ref().is_some_and(|seen| is_stored_client(seen));
        if let Some(counter) = clients.counter().filter(|_| is_one(&changed.before) || is_one(&changed.after)) {
            counter.stored(all.by(BY_AUTH, "").iter().filter(|seen| *seen.namespace == *home).count());
        }
    });
}

/// Deletes the stored clients of a VaultAuth that goes.
///
/// # Errors
/// The API server is away or refuses.
pub async fn prune(w: &World, namespace: &str, auth_uid: &str) -> Result<(), Fault> {
    let all = of_auth(w, namespace, auth_uid);
    delete_all(w, Storing::Prune, all).await
}

/// Deletes them all, or as many as can be.
async fn delete_all(w: &World, why: Storing, all: Vec<Arc<SeenSecret>>) -> Result<(), Fault> {
    if all.is_empty() {
        return Ok(());
    }
    let mut done = Ok(());
    for seen in all {
        let deleted = delete(w, why, deletion_of(&seen)).await;
        done = done.and(deleted);
    }
    count(w, |counter| counter.store_asked(why, done.is_ok()));
    done
}

async fn delete(w: &World, why: Storing, deletion: Write) -> Result<(), Fault> {
    let deleted = w.act(deletion).await.map(drop);
    count(w, |counter| counter.store_did(why, deleted.is_ok()));
    deleted
}

fn count(w: &World, told: impl FnOnce(&dyn CountClients)) {
    if let Some(counter) = w.memory::<VaultClients>().counter() {
        told(counter);
    }
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
