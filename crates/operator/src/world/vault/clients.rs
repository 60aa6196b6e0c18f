//! The clients of Vault that a process has, who counts and stores them, and what one does: ask, and be named in a status.
//! Specification: VSO §8, §14.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use api::hashicorp::vault_static_secret::VaultClientMeta;
use base::{Fault, ObjectRef, SecretBytes};
use plan::stored_client::StoredClient;
use plan::vault_call::{Method, VaultAnswer, VaultCall};
use plan::vault_client;
use tokio::time::Instant;
use wire::vault::connection::{CountCalls, Operation};
use wire::vault::{Call, Session};

use crate::World;
use crate::clients::{Clients, Pooled};
use crate::effects::vault::AskVault;

/// Counts what becomes of clients and their calls (VSO §14).
pub trait CountClients: Send + Sync {
    /// A call to the server of this VaultConnection (`namespace/name`) has ended.
    fn called(&self, connection: &str, operation: Operation, took: Duration, succeeded: bool);
    /// A client was asked for, and was open already, or not; and so many are open now.
    fn asked(&self, was_open: bool, open: usize);
    /// Asking for a client, or forgetting some, has ended.
    fn made(&self, what: &'static str, took: Duration, succeeded: bool);
    /// So many clients were forgotten, and so many are open now.
    fn forgot(&self, clients: usize, open: usize);
    /// A client was asked for in another namespace than that of its login, and had been so before, or not.
    fn cloned(&self, was_known: bool);
    /// So many namespaces went with a client that was forgotten.
    fn forgot_clones(&self, clones: usize);
    /// Something was wanted of the stored clients.
    fn store_asked(&self, what: Storing, succeeded: bool);
    /// One stored client was worked on for it.
    fn store_did(&self, what: Storing, succeeded: bool);
    /// So many clients are stored.
    fn stored(&self, clients: usize);
}

/// What becomes of stored clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    /// One is written.
    Store,
    /// One is taken up.
    Restore,
    /// Those of a VaultAuth that goes, or has changed, are deleted.
    Prune,
    /// One of no use is deleted.
    Delete,
    /// What an earlier process has left is deleted.
    Purge,
}

/// Tells of the calls of one connection.
struct OfConnection {
    name: String,
    counter: Arc<dyn CountClients>,
}

impl CountCalls for OfConnection {
    fn called(&self, operation: Operation, took: Duration, succeeded: bool) {
        self.counter.called(&self.name, operation, took, succeeded);
    }
}

/// Keeps the tokens of clients where they outlive the process (VSO §8.9).
pub trait StoreClients: Send + Sync {
    /// Has a client go on with its stored token where it has none, and stores the one that it has.
    ///
    /// # Errors
    /// The login failed. That a token cannot be stored is no failure of whoever uses the client.
    fn keep<'a>(&'a self, w: &'a World, client: &'a VaultClient) -> base::Opening<'a, ()>;
}

/// The clients of a process, and who is to be told when one's token ends.
#[derive(Default)]
pub struct VaultClients {
    counter: OnceLock<Arc<dyn CountClients>>,
    store: OnceLock<Arc<dyn StoreClients>>,
    pub(super) open: Clients<VaultClient>,
    listeners: Mutex<Vec<OnEnd>>,
}

/// Is told the VaultAuth whose client's token has ended.
type OnEnd = Box<dyn Fn(&ObjectRef) + Send + Sync>;

/// A client of Vault for the objects of a namespace.
#[derive(Clone)]
pub struct VaultClient {
    session: Arc<Session>,
    known: Arc<StoredClient>,
    /// The accessor of the token that is stored.
    stored: Arc<Mutex<Option<String>>>,
    /// The namespaces that were asked in, beside that of the login.
    clones: Arc<Mutex<BTreeSet<String>>>,
    counter: Option<Arc<dyn CountClients>>,
}

impl Pooled for VaultClient {
    async fn retire(self) {
        if let Some(counter) = &self.counter {
            counter.forgot_clones(std::mem::take(&mut *self.clones()).len());
        }
        self.session.retire();
    }
}

impl VaultClients {
    /// Forgets the clients of a VaultAuth; their tokens end, unless somebody else uses them or leases hang on them.
    pub async fn forget(&self, auth: &ObjectRef) {
        let begun = Instant::now();
        let forgotten = self.open.forget(auth).await;
        if let Some(counter) = self.counter.get() {
            counter.forgot(forgotten, self.open.count());
            counter.made("prune", begun.elapsed(), true);
        }
    }

    /// Keeps no more than this.
    pub fn limit(&self, clients: usize) {
        self.open.limit(clients);
    }

    /// Has whatever becomes of clients counted, by whoever comes first.
    pub fn count_with(&self, counter: Arc<dyn CountClients>) {
        let _ = self.counter.set(counter);
    }

    /// Who counts.
    #[must_use]
    pub fn counter(&self) -> Option<&dyn CountClients> {
        self.counter.get().map(|counter| &**counter)
    }

    /// Who counts the calls to a VaultConnection (`namespace/name`).
    pub(super) fn counter_of(&self, connection: String) -> Option<Arc<dyn CountCalls>> {
        let counter = Arc::clone(self.counter.get()?);
        Some(Arc::new(OfConnection { name: connection, counter }))
    }

    /// Has tokens stored, by whoever comes first.
    pub fn store_with(&self, store: Arc<dyn StoreClients>) {
        let _ = self.store.set(store);
    }

    /// Who stores tokens.
    pub(super) fn store(&self) -> Option<&dyn StoreClients> {
        self.store.get().map(|store| &**store)
    }

    /// A client over a session that was opened.
    pub(super) fn client(&self, session: Arc<Session>, known: StoredClient) -> VaultClient {
        let counter = self.counter.get().map(Arc::clone);
        VaultClient { session, known: Arc::new(known), stored: Arc::default(), clones: Arc::default(), counter }
    }

    /// Calls whenever the token of a VaultAuth's client has ended.
    pub fn on_end(&self, listener: impl Fn(&ObjectRef) + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    pub(super) fn tell(&self, auth: &ObjectRef) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|listener| listener(auth));
    }

    /// A client was asked for, or could not be had.
    pub(super) async fn note(&self, begun: Instant, was_open: Option<bool>) {
        let evicted = if was_open == Some(false) { self.open.evict().await } else { 0 };
        let Some(counter) = self.counter.get() else { return };
        counter.made("get", begun.elapsed(), was_open.is_some());
        if let Some(was_open) = was_open {
            counter.asked(was_open, self.open.count());
        }
        if evicted > 0 {
            counter.forgot(evicted, self.open.count());
        }
    }
}

impl VaultClient {
    /// Asks Vault; logs in first where there is no token.
    ///
    /// # Errors
    /// The login failed, no answer came, or Vault refused.
    pub async fn ask(&self, call: &VaultCall) -> Result<VaultAnswer, Fault> {
        let answer = self.session.call(&wire_call(call)?).await?;
        Ok(VaultAnswer {
            status: answer.status,
            request_id: answer.request_id.clone(),
            lease_id: answer.lease_id.clone(),
            renewable: answer.renewable,
            lease_duration: i64::try_from(answer.lease_duration).unwrap_or(i64::MAX),
            warnings: answer.warnings.clone(),
            data: answer.data().map(SecretBytes::from),
        })
    }

    /// The client as a Secret names it.
    #[must_use]
    pub fn known(&self) -> &StoredClient {
        &self.known
    }

    /// The session, for whoever stores its token.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the token with this accessor is stored.
    #[must_use]
    pub fn is_stored(&self, accessor: &str) -> bool {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(accessor)
    }

    /// The token with this accessor is stored now.
    pub fn note_stored(&self, accessor: String) {
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner) = Some(accessor);
    }

    /// Whether this process has seen the token of this id end.
    #[must_use]
    pub fn has_ended(&self, id: &str) -> bool {
        self.session.ended().is_some_and(|accessor| vault_client::client_id(&accessor) == id)
    }

    /// The client as a status names it; `namespace` is that of the object's calls, where it is another than the login's.
    ///
    /// # Errors
    /// The login failed.
    pub async fn meta(&self, namespace: Option<&str>) -> Result<VaultClientMeta, Fault> {
        let token = self.session.meta().await?;
        let other = self.clone_in(namespace);
        let key = vault_client::cloned_key(&self.known.cache_key, other);
        Ok(vault_client::meta(&key, &vault_client::client_id(&token.accessor)))
    }
}

impl VaultClient {
    /// The namespace, if it is another than that of the login.
    fn clone_in<'a>(&self, namespace: Option<&'a str>) -> Option<&'a str> {
        let own = self.session.connection().settings().namespace.trim_matches('/');
        namespace.map(|namespace| namespace.trim_matches('/')).filter(|other| !other.is_empty() && *other != own)
    }

    pub(super) fn count_clone(&self, namespace: Option<&str>) {
        let (Some(counter), Some(other)) = (&self.counter, self.clone_in(namespace)) else { return };
        let is_new = self.clones().insert(other.to_owned());
        counter.cloned(!is_new);
    }

    fn clones(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.clones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AskVault for VaultClient {
    async fn ask_vault(&self, call: &VaultCall) -> Result<VaultAnswer, Fault> {
        self.ask(call).await
    }
}

fn wire_call(call: &VaultCall) -> Result<Call, Fault> {
    let mut wired = match call.method {
        Method::Get => Call::read(&call.path),
        Method::Put if call.body.is_empty() => Call::write_nothing(&call.path),
        Method::Put => {
            let body = serde_json::to_vec(&call.body)
                .map_err(|_| Fault::bug(format!("cannot write the body for `{}` as JSON", call.path)))?;
            Call::write(&call.path, SecretBytes::new(body))
        }
    };
    for (name, value) in &call.query {
        wired = wired.query(name, value);
    }
    if let Some(namespace) = &call.namespace {
        wired = wired.namespace(namespace);
    }
    Ok(if call.repeatable { wired.idempotent() } else { wired.once() })
}
