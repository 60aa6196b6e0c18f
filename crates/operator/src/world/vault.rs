//! Clients of Vault for objects of Vault Secrets: the VaultAuth that an object names, merged and checked, its VaultConnection,
//! and one session per client, kept while nothing that it was opened with has changed. Credentials come from the consumer's
//! namespace only. Specification: VSO §5, §8; design §8 "Tenants".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use api::hashicorp::vault_static_secret::VaultClientMeta;
use api::hashicorp::{Reference, Syncable, VaultAuth, VaultAuthGlobal, VaultConnection};
use base::credentials::Selector;
use base::{Credentials, Fault, ObjectRef, SecretBytes, SecretText, Tenant};
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

use super::stores::Providers;
use crate::World;
use crate::credentials::ClusterCredentials;
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

/// The clients of a process, and who is to be told when one's token ends.
#[derive(Default)]
pub struct VaultClients {
    counter: OnceLock<Arc<dyn CountClients>>,
    open: Mutex<HashMap<Slot, Arc<tokio::sync::Mutex<Option<Opened>>>>>,
    listeners: Mutex<Vec<OnEnd>>,
}

/// Is told the VaultAuth whose client's token has ended.
type OnEnd = Box<dyn Fn(&ObjectRef) + Send + Sync>;

/// For whom a client was opened: a VaultAuth, and the namespace that lends its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    auth: ObjectRef,
    consumer: String,
}

struct Opened {
    identity: Identity,
    session: Arc<Session>,
    cache_key: String,
    ended: LastEnded,
    since: Instant,
}

/// The id of the token that a session has seen end last: leases that it made are gone, or about to go.
type LastEnded = Arc<Mutex<Option<String>>>;

/// What a client was opened with: as long as it is the same, so is the client.
#[derive(PartialEq, Eq)]
struct Identity {
    auth: Version,
    hash: String,
    connection: Version,
    /// The version of the Secret with the CA certificates.
    authorities: Option<String>,
    /// Whoever provides the credentials, and its version where that matters.
    provider: (String, String),
}

/// A client of Vault for one object.
pub struct VaultClient {
    session: Arc<Session>,
    cache_key: String,
    ended: LastEnded,
}

impl Opened {
    fn client(&self) -> VaultClient {
        let (session, ended) = (Arc::clone(&self.session), Arc::clone(&self.ended));
        VaultClient { session, cache_key: self.cache_key.clone(), ended }
    }
}

/// How long a ServiceAccount is taken for the same without asking.
const UNSEEN: Duration = Duration::from_secs(120);

impl VaultClients {
    /// Forgets the clients of a VaultAuth; their tokens end by themselves, since leases may hang on them.
    pub fn forget(&self, auth: &ObjectRef) {
        let begun = Instant::now();
        let mut open = self.lock();
        let before = open.len();
        open.retain(|slot, _| slot.auth != *auth);
        if let Some(counter) = self.counter.get() {
            counter.forgot(before - open.len(), open.len());
            counter.made("prune", begun.elapsed(), true);
        }
    }

    /// Has whatever becomes of clients counted, by whoever comes first.
    pub fn count_with(&self, counter: Arc<dyn CountClients>) {
        let _ = self.counter.set(counter);
    }

    fn place(&self, slot: Slot) -> Arc<tokio::sync::Mutex<Option<Opened>>> {
        Arc::clone(self.lock().entry(slot).or_default())
    }

    /// Calls whenever the token of a VaultAuth's client has ended.
    pub fn on_end(&self, listener: impl Fn(&ObjectRef) + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    fn tell(&self, auth: &ObjectRef) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|listener| listener(auth));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, Arc<tokio::sync::Mutex<Option<Opened>>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Whether this process has seen the token of this id end.
    #[must_use]
    pub fn has_ended(&self, id: &str) -> bool {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(id)
    }

    /// The client as a status names it; `namespace` is that of the object's calls, where it is another than the login's.
    ///
    /// # Errors
    /// The login failed.
    pub async fn meta(&self, namespace: Option<&str>) -> Result<VaultClientMeta, Fault> {
        let token = self.session.meta().await?;
        let own = self.session.connection().settings().namespace.trim_matches('/');
        let other = namespace.filter(|namespace| namespace.trim_matches('/') != own);
        let key = vault_client::cloned_key(&self.cache_key, other);
        Ok(vault_client::meta(&key, &vault_client::client_id(&token.accessor)))
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
        let result = self.client_of(o).await;
        let clients = self.memory::<VaultClients>();
        if let Some(counter) = clients.counter.get() {
            counter.made("get", begun.elapsed(), result.is_ok());
            if let Ok((_, was_open)) = &result {
                counter.asked(*was_open, clients.lock().len());
            }
        }
        result.map(|(client, _)| client)
    }

    /// The client, and whether it was open already.
    async fn client_of<O: Syncable>(&self, o: &O) -> Result<(VaultClient, bool), Fault> {
        let home = self.shared().recall::<Home>()?;
        let consumer = namespace_of(o);
        let reference = o.auth_ref().inspect_err(|fault| self.tell_factory(o, fault))?;
        let (namespace, name) = reference.resolve(&home.namespace);
        let auth = self.cache::<VaultAuth>().find(namespace, name).ok_or_else(|| {
            Fault::wrong(format!("VaultAuth.secrets.hashicorp.com \"{name}\" not found in namespace \"{namespace}\""))
                .about(ObjectRef::new("VaultAuth", namespace, name))
        })?;
        vault_auth::allow("VaultAuth", (namespace, name), auth.allowed_namespaces(), consumer, &home.namespace)?;
        let checked = self.checked_auth(&auth)?;
        let connection = self.connection_of(&auth, &checked)?;
        let slot = Slot { auth: ObjectRef::new("VaultAuth", namespace, name), consumer: consumer.to_owned() };
        let clients = self.memory::<VaultClients>();
        let place = clients.place(slot.clone());
        // Whoever comes first opens; the others wait for it instead of logging in as well.
        let mut place = place.lock().await;
        let provider = self.provider(&checked, consumer, place.as_ref()).await?;
        let identity = Identity {
            auth: version(&*auth),
            hash: checked.hash.clone(),
            connection: version(&*connection),
            authorities: connection.ca_secret().map(|name| self.secret_version(namespace_of(&*connection), name)),
            provider,
        };
        if let Some(opened) = place.as_mut().filter(|opened| opened.identity == identity) {
            return Ok((opened.client(), true));
        }
        let cache_key =
            vault_client::cache_key(checked.method, &identity.auth, &identity.connection, &identity.provider.0)?;
        let opened = self.open_connection(&connection, &checked.namespace).await?;
        let keeping = Keeping { login_namespace: None, login_headers: checked.headers.clone(), renew: true };
        let session = Session::open(opened, self.login(&checked, consumer), keeping);
        let opened = Opened { identity, session, cache_key, ended: LastEnded::default(), since: Instant::now() };
        let (ended, clients) = (Arc::clone(&opened.ended), Arc::downgrade(&clients));
        opened.session.on_change(move |change, accessor| {
            if change == Change::Expired {
                let id = vault_client::client_id(accessor);
                *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
                if let Some(clients) = clients.upgrade() {
                    clients.tell(&slot.auth);
                }
            }
        });
        let client = opened.client();
        if let Some(former) = place.replace(opened) {
            former.session.retire();
        }
        Ok((client, false))
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

    /// Whoever provides the credentials: its uid, and for a Secret its version, so that a new secret id is a new login.
    async fn provider(
        &self,
        checked: &CheckedAuth,
        consumer: &str,
        known: Option<&Opened>,
    ) -> Result<(String, String), Fault> {
        match &checked.login {
            Login::Account { account, .. } => {
                let is_fresh =
                    |opened: &&Opened| opened.since.elapsed() < UNSEEN && opened.identity.hash == checked.hash;
                if let Some(opened) = known.filter(is_fresh) {
                    return Ok(opened.identity.provider.clone());
                }
                let at = Selector { name: account.clone(), ..Selector::default() };
                let found = self.credentials(consumer).service_account(&at).await;
                Ok((found.map_err(|fault| missing("serviceaccounts", account).because(fault))?.uid, String::new()))
            }
            Login::Token { secret, .. } | Login::AppRole { secret, .. } => {
                if let Some(seen) = self.seen_secret(consumer, secret) {
                    return Ok((seen.uid.clone(), seen.resource_version.clone()));
                }
                let present = self.secret(consumer, secret).await?.ok_or_else(|| missing("secrets", secret))?;
                Ok((present.uid, present.resource_version))
            }
        }
    }

    /// A source of tokens of the consumer's namespace, and of no other: the tenant is bound to it, wherever the VaultAuth is.
    fn credentials(&self, consumer: &str) -> Credentials {
        let tenant = Tenant::new(ObjectRef::new("VaultAuth", consumer, ""), consumer);
        Credentials::new(tenant, ClusterCredentials::new(self.cluster().clone()))
    }

    fn secret_version(&self, namespace: &str, name: &str) -> String {
        let cache = self.cache::<SeenSecret>();
        cache.find(namespace, name).map(|seen| seen.resource_version.clone()).unwrap_or_default()
    }

    /// The login; its secrets are asked for when it happens.
    fn login(&self, checked: &CheckedAuth, consumer: &str) -> Auth {
        let mount = checked.mount.clone();
        match checked.login.clone() {
            Login::Account { role, account, audiences, seconds } => {
                let credentials = self.credentials(consumer);
                let at = Selector { name: account, ..Selector::default() };
                let jwt = SecretSource::ask(move || {
                    let (credentials, at, audiences) = (credentials.clone(), at.clone(), audiences.clone());
                    Box::pin(async move { credentials.token(&at, &audiences, seconds).await })
                });
                if checked.method == api::hashicorp::AuthMethod::Kubernetes {
                    Auth::Kubernetes { mount, role, jwt }
                } else {
                    Auth::Jwt { mount, role, jwt }
                }
            }
            Login::Token { role, secret } => {
                Auth::Jwt { mount, role, jwt: self.secret_source(consumer, secret, "jwt") }
            }
            Login::AppRole { role_id, secret } => {
                let secret_id = Some(self.secret_source(consumer, secret, "id"));
                Auth::AppRole { mount, role_id: SecretSource::from(role_id.as_str()), secret_id }
            }
        }
    }

    /// A key of a Secret of the consumer's namespace, read at each login.
    fn secret_source(&self, consumer: &str, name: String, key: &'static str) -> SecretSource {
        let (cluster, namespace) = (self.cluster().clone(), consumer.to_owned());
        SecretSource::ask(move || {
            let at = plan::Address::secret(namespace.clone(), name.clone());
            let cluster = cluster.clone();
            Box::pin(async move {
                let secret = crate::effects::write::read_secret(&cluster, &at).await?;
                let secret = secret.ok_or_else(|| missing("secrets", &at.name))?;
                let value = secret.data.value(key);
                let value = value
                    .ok_or_else(|| Fault::wrong(format!("no key {key:?} found in secret")).about(secret.object()))?;
                let text: Option<SecretText> = value.to_text().filter(|text| !text.is_empty());
                text.ok_or_else(|| Fault::wrong(format!("no data found in secret key {key:?}")).about(secret.object()))
            })
        })
    }
}

/// The API server's sentence about an object that is not there.
fn missing(plural: &str, name: &str) -> Fault {
    Fault::wrong(format!("{plural} {name:?} not found"))
}
