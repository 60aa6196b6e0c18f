//! Clients of Vault for objects of Vault Secrets: the VaultAuth that an object names, merged and checked, its VaultConnection,
//! and a session, kept in the pool of all clients (`clients`) and shared with whoever proves the same, stores included
//! (`wire::vault::Sessions`). Credentials come from the consumer's namespace only. Specification: VSO §5, §8; design §8 "Tenants".

mod clients;

use std::sync::Arc;

use api::hashicorp::{AuthMethod, Reference, Syncable, VaultAuth, VaultAuthGlobal, VaultConnection};
use base::credentials::Selector;
use base::{Credentials, Fault, ObjectRef, SecretBytes, SecretText, Tenant};
use plan::stored_client::StoredClient;
use plan::vault_auth::{self, CheckedAuth, Login};
use plan::vault_client::{self, Version};
use plan::vault_connection::{self, Authorities, CA_KEY};
use plan::write::Resource;
use plan::{Address, Event};
use tokio::time::Instant;
use wire::SecretSource;
use wire::vault::session::{Change, Keeping};
use wire::vault::{Auth, Connection, Session, variables};

pub use clients::{CountClients, StoreClients, Storing, VaultClient, VaultClients};

use crate::World;
use crate::clients::{Given, Holder, Providers};
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
        settings.counter = self.memory::<VaultClients>().counter_of(format!("{}/{}", namespace_of(o), name_of(o)));
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
        if let Some(store) = clients.store().filter(|_| !self.is_dry()) {
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
        let clients = self.memory::<VaultClients>();
        let (told, at) = (Arc::downgrade(&clients), credentials.tenant().holder.clone());
        session.on_change(move |change, _| {
            if let Some(clients) = told.upgrade().filter(|_| change == Change::Expired) {
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
        Ok(clients.client(session, known))
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

/// Whoever provides the credentials: a Secret of the consumer, in this version. ServiceAccounts are asked when a client is opened.
struct Provider {
    uid: String,
    version: String,
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
