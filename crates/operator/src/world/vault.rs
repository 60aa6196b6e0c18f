//! Clients of Vault for objects of Vault Secrets: the VaultAuth that an object names, merged and checked, its VaultConnection,
//! and a session, kept in the pool of all clients (`clients`) and shared with whoever proves the same, stores included
//! (`wire::vault::Sessions`). Credentials come from the consumer's namespace only. Specification: VSO §5, §8; design §8 "Tenants".

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use api::hashicorp::vault_static_secret::VaultClientMeta;
use api::hashicorp::{AuthMethod, Reference, Syncable, VaultAuth, VaultAuthGlobal, VaultConnection};
use base::credentials::Selector;
use base::{Credentials, Fault, ObjectRef, SecretBytes, SecretText, Tenant};
use plan::stored_client::StoredClient;
use plan::vault_auth::{self, CheckedAuth, Login};
use plan::vault_call::{Method, VaultAnswer, VaultCall};
use plan::vault_client::{self, Version};
use plan::vault_connection::{self, Authorities, CA_KEY};
use plan::write::Resource;
use plan::{Address, Event};
use tokio::time::Instant;
use wire::SecretSource;
use wire::vault::connection::{CountCalls, Operation};
use wire::vault::session::{Change, Keeping};
use wire::vault::{Auth, Call, Connection, Session, variables};

use crate::World;
use crate::clients::{Clients, Given, Holder, Pooled, Providers};
use crate::effects::vault::AskVault;
use crate::recorder;
use crate::seen::SeenSecret;

/// What this process was told about whom it serves.
#[derive(Clone, Debug)]
pub struct Home {
    /// The operator's own namespace: defaults are looked for there.
    pub namespace: String,
    /// Whether a VaultAuthGlobal called `default` may be used without being named.
    pub allows_default_globals: bool,
}

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
    open: Clients<VaultClient>,
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

/// Whoever provides the credentials: a Secret of the consumer, in this version. ServiceAccounts are asked when a client is opened.
struct Provider {
    uid: String,
    version: String,
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

    /// Has tokens stored, by whoever comes first.
    pub fn store_with(&self, store: Arc<dyn StoreClients>) {
        let _ = self.store.set(store);
    }

    /// Calls whenever the token of a VaultAuth's client has ended.
    pub fn on_end(&self, listener: impl Fn(&ObjectRef) + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    fn tell(&self, auth: &ObjectRef) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|listener| listener(auth));
    }

    /// A client was asked for, or could not be had.
    async fn note(&self, begun: Instant, was_open: Option<bool>) {
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

    fn count_clone(&self, namespace: Option<&str>) {
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

fn version<K: kube::Resource>(object: &K) -> Version {
    let meta = object.meta();
    Version { uid: meta.uid.clone().unwrap_or_default(), generation: meta.generation.unwrap_or_default() }
}

fn name_of<K: kube::Resource>(object: &K) -> &str {
    object.meta().name.as_deref().unwrap_or_default()
}

fn namespace_of<K: kube::Resource>(object: &K) -> &str {
    object.meta().namespace.as_deref().unwrap_or_default()
}

impl World {
    /// A VaultAuth, merged and checked.
    ///
    /// # Errors
    /// It cannot log in, or its VaultAuthGlobal is not there.
    pub fn checked_auth(&self, auth: &VaultAuth) -> Result<CheckedAuth, Fault> {
        let home = self.shared().recall::<Home>()?;
        let globals = self.cache::<VaultAuthGlobal>();
        let candidates = vault_auth::global_candidates(auth, &home.namespace, home.allows_default_globals)?;
        let global = match candidates {
            None => None,
            Some(all) => {
                let found = all.iter().find_map(|(namespace, name)| globals.find(namespace, name));
                Some(found.ok_or_else(|| vault_auth::no_global(&all))?)
            }
        };
        vault_auth::check(auth, global.as_deref(), &home.namespace)
    }

    /// The VaultAuths whose logins go over a VaultConnection, whether or not it is there.
    #[must_use]
    pub fn auths_over(&self, namespace: &str, name: &str) -> Vec<ObjectRef> {
        let Ok(home) = self.shared().recall::<Home>() else { return Vec::new() };
        let goes_over = |auth: &Arc<VaultAuth>| {
            let checked = self.checked_auth(auth).ok()?;
            let reference = Reference::parse(checked.connection.as_deref(), namespace_of(&**auth)).ok()?;
            (reference.resolve(&home.namespace) == (namespace, name)).then(|| api::meta::object_ref(&**auth))
        };
        self.cache::<VaultAuth>().all().iter().filter_map(goes_over).collect()
    }

    /// The VaultConnection of a VaultAuth.
    ///
    /// # Errors
    /// The reference is none, or the object is not there.
    pub fn connection_of(&self, auth: &VaultAuth, checked: &CheckedAuth) -> Result<Arc<VaultConnection>, Fault> {
        let home = self.shared().recall::<Home>()?;
        let reference = Reference::parse(checked.connection.as_deref(), namespace_of(auth))?;
        let (namespace, name) = reference.resolve(&home.namespace);
        self.cache::<VaultConnection>().find(namespace, name).ok_or_else(|| {
            Fault::wrong(format!(
                "VaultConnection.secrets.hashicorp.com \"{name}\" not found in namespace \"{namespace}\""
            ))
            .about(ObjectRef::new("VaultConnection", namespace, name))
        })
    }

    /// A connection for calls in this Vault namespace; nothing is asked yet.
    ///
    /// # Errors
    /// A field or a certificate cannot be used.
    pub async fn open_connection(&self, o: &VaultConnection, namespace: &str) -> Result<Connection, Fault> {
        let checked = vault_connection::check(o)?;
        let providers = self.shared().recall::<Providers>()?;
        let reach = providers.reach();
        let mut settings = variables::settings(&reach.surroundings, variables::Flavour::Vault)?;
        settings.address = checked.address;
        namespace.clone_into(&mut settings.namespace);
        settings.headers = checked.headers;
        settings.counter = self.memory::<VaultClients>().counter.get().map(|counter| {
            let name = format!("{}/{}", namespace_of(o), name_of(o));
            Arc::new(OfConnection { name, counter: Arc::clone(counter) }) as Arc<dyn CountCalls>
        });
        if let Some(timeout) = checked.timeout {
            settings.timeout = timeout;
        }
        if let Some(name) = checked.server_name {
            settings.tls = settings.tls.with_server_name(name);
        }
        if checked.unverified {
            settings.tls = settings.tls.unverified();
        }
        match checked.authorities {
            Authorities::Default => {}
            Authorities::Secret(name) => {
                let pem = self.authorities(namespace_of(o), &name, checked.unverified).await?;
                if let Some(pem) = pem {
                    let place = format!("{}/{name}", namespace_of(o));
                    settings.tls = settings
                        .tls
                        .with_authorities(pem.expose())
                        .map_err(|fault| fault.within(format!("invalid CA cert in secret \"{place}\"")))?;
                }
            }
            Authorities::File(path) => {
                let within = |fault: Fault| fault.within(format!("failed to read CA cert file {path:?}"));
                let pem = (reach.surroundings.read_file)(&path).map_err(within)?;
                settings.tls = settings.tls.with_authorities(pem.expose()).map_err(within)?;
            }
        }
        Connection::open(&reach.http, settings)
    }

    async fn authorities(&self, namespace: &str, name: &str, unverified: bool) -> Result<Option<SecretBytes>, Fault> {
        let secret = self.secret(namespace, name).await?.ok_or_else(|| missing("secrets", name))?;
        match secret.data.value(CA_KEY) {
            Some(pem) => Ok(Some(pem.clone())),
            None if unverified => Ok(None),
            None => Err(Fault::wrong(format!("{CA_KEY:?} not present in the CA secret \"{namespace}/{name}\""))),
        }
    }

    /// The client of an object: the one that is open, if nothing it was opened with has changed.
    ///
    /// # Errors
    /// The VaultAuth is not there, may not be used from the object's namespace, or cannot log in.
    pub async fn vault_client<O: Syncable>(&self, o: &O) -> Result<VaultClient, Fault> {
        let begun = Instant::now();
        let given = self.client_of(o).await;
        let clients = self.memory::<VaultClients>();
        clients.note(begun, given.as_ref().ok().map(|given| given.was_open)).await;
        let client = given?.client;
        client.count_clone(o.vault_namespace());
        if let Some(store) = clients.store.get().filter(|_| !self.is_dry()) {
            store.keep(self, &client).await?;
        }
        Ok(client)
    }

    /// The client of a VaultAuth for the operator itself, which is stored nowhere.
    ///
    /// # Errors
    /// As [`World::vault_client`].
    pub async fn own_vault_client(&self, auth: &VaultAuth) -> Result<VaultClient, Fault> {
        let begun = Instant::now();
        let given = self.client_over(auth, namespace_of(auth), Apart::Own).await;
        self.memory::<VaultClients>().note(begun, given.as_ref().ok().map(|given| given.was_open)).await;
        Ok(given?.client)
    }

    async fn client_of<O: Syncable>(&self, o: &O) -> Result<Given<VaultClient>, Fault> {
        let home = self.shared().recall::<Home>()?;
        let consumer = namespace_of(o);
        let reference = o.auth_ref().inspect_err(|fault| self.tell_factory(o, fault))?;
        let (namespace, name) = reference.resolve(&home.namespace);
        let auth = self.cache::<VaultAuth>().find(namespace, name).ok_or_else(|| {
            Fault::wrong(format!("VaultAuth.secrets.hashicorp.com \"{name}\" not found in namespace \"{namespace}\""))
                .about(ObjectRef::new("VaultAuth", namespace, name))
        })?;
        vault_auth::allow("VaultAuth", (namespace, name), auth.allowed_namespaces(), consumer, &home.namespace)?;
        self.client_over(&auth, consumer, Apart::Shared).await
    }

    async fn client_over(&self, auth: &VaultAuth, consumer: &str, apart: Apart) -> Result<Given<VaultClient>, Fault> {
        let checked = self.checked_auth(auth)?;
        let connection = self.connection_of(auth, &checked)?;
        let provider = self.provider(&checked, consumer).await?;
        let opening = Opening { auth, checked: &checked, connection: &connection, provider: provider.as_ref(), apart };
        let holder = Holder {
            uid: auth.metadata.uid.as_deref().unwrap_or_default(),
            generation: auth.metadata.generation.unwrap_or_default(),
            basis: self.basis(&opening),
            lender: consumer,
            // Credentials come from the consumer's namespace and from no other, wherever the VaultAuth is.
            tenant: Tenant::confined(api::meta::object_ref(auth), consumer),
        };
        let open = |credentials| Box::pin(self.open_client(&opening, credentials)) as base::Opening<'_, VaultClient>;
        self.memory::<VaultClients>().open.client(self.shared(), &holder, open).await
    }

    /// What a client is opened with beside the VaultAuth itself, and in which versions.
    fn basis(&self, opening: &Opening<'_>) -> String {
        let (connection, home) = (version(opening.connection), namespace_of(opening.connection));
        let authorities = opening.connection.ca_secret().map(|name| self.secret_version(home, name));
        let provider = opening.provider.map(|provider| (&provider.uid, &provider.version));
        format!("{} {connection:?} {authorities:?} {provider:?}", opening.checked.hash)
    }

    async fn open_client(&self, opening: &Opening<'_>, credentials: Credentials) -> Result<VaultClient, Fault> {
        let Opening { auth, checked, connection, provider, apart } = *opening;
        let (login, uid) = self.login(checked, provider, &credentials).await?;
        let cache_key = vault_client::cache_key(checked.method, &version(auth), &version(connection), &uid)?;
        let opened = self.open_connection(connection, &checked.namespace).await?;
        let keeping = Keeping { login_namespace: None, login_headers: checked.headers.clone(), renew: true };
        let session = match apart {
            Apart::Shared => self.shared().recall::<Providers>()?.reach().vault.open(opened, login, keeping),
            Apart::Own => Session::open(opened, login, keeping),
        };
        let (clients, at) = (Arc::downgrade(&self.memory::<VaultClients>()), credentials.tenant().holder.clone());
        session.on_change(move |change, _| {
            if let Some(clients) = clients.upgrade().filter(|_| change == Change::Expired) {
                clients.tell(&at);
            }
        });
        let consumer = credentials.tenant().consumer.clone();
        let known = StoredClient {
            cache_key,
            auth: (namespace_of(auth).to_owned(), version(auth)),
            connection: (namespace_of(connection).to_owned(), version(connection)),
            provider: (consumer, uid),
        };
        let counter = self.memory::<VaultClients>().counter.get().map(Arc::clone);
        Ok(VaultClient { session, known: Arc::new(known), stored: Arc::default(), clones: Arc::default(), counter })
    }

    /// What the peer's factory of clients tells by itself, beside whoever asked it.
    fn tell_factory<O: Syncable>(&self, o: &O, fault: &Fault) {
        let resource = Resource::new(&O::group(&()), &O::version(&()), &O::kind(&()), &O::plural(&()));
        let meta = o.meta();
        let subject = recorder::Subject {
            at: Address::new(resource, namespace_of(o), name_of(o)),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
        };
        let text = format!("Failed to get cacheKey from obj, err={}", fault.chain());
        self.tell("vaultClientFactory", &subject, Event::warning("Unrecoverable", text));
    }

    /// Whoever provides the credentials, where it is a Secret: a new secret id is a new login.
    async fn provider(&self, checked: &CheckedAuth, consumer: &str) -> Result<Option<Provider>, Fault> {
        let (Login::Token { secret, .. } | Login::AppRole { secret, .. }) = &checked.login else { return Ok(None) };
        if let Some(seen) = self.seen_secret(consumer, secret) {
            return Ok(Some(Provider { uid: seen.uid.clone(), version: seen.resource_version.clone() }));
        }
        let present = self.secret(consumer, secret).await?.ok_or_else(|| missing("secrets", secret))?;
        Ok(Some(Provider { uid: present.uid, version: present.resource_version }))
    }

    fn secret_version(&self, namespace: &str, name: &str) -> String {
        let cache = self.cache::<SeenSecret>();
        cache.find(namespace, name).map(|seen| seen.resource_version.clone()).unwrap_or_default()
    }

    /// The login, and the uid of whoever provides its credentials. Tokens of ServiceAccounts are asked for when it happens.
    async fn login(
        &self,
        checked: &CheckedAuth,
        provider: Option<&Provider>,
        credentials: &Credentials,
    ) -> Result<(Auth, String), Fault> {
        let mount = checked.mount.clone();
        let consumer = &credentials.tenant().consumer;
        let uid = provider.map(|provider| provider.uid.clone()).unwrap_or_default();
        match checked.login.clone() {
            Login::Account { role, account, audiences, seconds } => {
                let at = Selector { name: account.clone(), ..Selector::default() };
                let found = credentials.service_account(&at).await;
                let uid = found.map_err(|fault| missing("serviceaccounts", &account).because(fault))?.uid;
                let (credentials, wanted) = (credentials.clone(), audiences.clone());
                let jwt = SecretSource::of_account(&uid, &audiences, move || {
                    let (credentials, at, audiences) = (credentials.clone(), at.clone(), wanted.clone());
                    Box::pin(async move { credentials.token(&at, &audiences, seconds).await })
                });
                let is_kubernetes = checked.method == AuthMethod::Kubernetes;
                let auth =
                    if is_kubernetes { Auth::Kubernetes { mount, role, jwt } } else { Auth::Jwt { mount, role, jwt } };
                Ok((auth, uid))
            }
            Login::Token { role, secret } => {
                let jwt = self.secret_text(consumer, &secret, "jwt").await?;
                Ok((Auth::Jwt { mount, role, jwt: jwt.into() }, uid))
            }
            Login::AppRole { role_id, secret } => {
                let secret_id = Some(self.secret_text(consumer, &secret, "id").await?.into());
                Ok((Auth::AppRole { mount, role_id: role_id.as_str().into(), secret_id }, uid))
            }
        }
    }

    /// A key of a Secret that a login sends.
    async fn secret_text(&self, namespace: &str, name: &str, key: &str) -> Result<SecretText, Fault> {
        let at = Address::secret(namespace, name);
        let secret = crate::effects::write::read_secret(self.cluster(), &at).await?;
        let secret = secret.ok_or_else(|| missing("secrets", name))?;
        let value = secret.data.value(key);
        let value =
            value.ok_or_else(|| Fault::wrong(format!("no key {key:?} found in secret")).about(secret.object()))?;
        let text: Option<SecretText> = value.to_text().filter(|text| !text.is_empty());
        text.ok_or_else(|| Fault::wrong(format!("no data found in secret key {key:?}")).about(secret.object()))
    }
}

/// What a client is opened with.
struct Opening<'a> {
    auth: &'a VaultAuth,
    checked: &'a CheckedAuth,
    connection: &'a VaultConnection,
    provider: Option<&'a Provider>,
    apart: Apart,
}

/// Whether a client shares its login with whoever proves the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    Shared,
    /// The login of who decrypts stored tokens must not take the place of the one that is to be taken up.
    Own,
}

/// The API server's sentence about an object that is not there.
fn missing(plural: &str, name: &str) -> Fault {
    Fault::wrong(format!("{plural} {name:?} not found"))
}
