//! Stores and what they hold: which stores an object may use, their opened clients, and reads joined with other users'.
//! A client is kept while its store and everything that it was opened with are unchanged – the caches tell, without a
//! request – so a round of many objects is one login. All checks come before a client or a join key exists.
//! Specification: ESO §6.8 (conditions), §6.9; design §5, §8 "Tenants".

use api::external_secrets::secret_store::StoreCondition;
use api::external_secrets::{Store, StoreKind};
use api::{ClusterSecretStore, ExternalSecret, SecretStore};
use base::fingerprint::Fingerprint;
use base::{Fault, ObjectRef, Tenant};
use futures::future::join_all;
use plan::Address;
use plan::external_secret::{Answer, Read, What};
use plan::selector::selects;
use plan::write::Resource;
use providers::join::Reader;
use providers::reach::{Reach, Retrying};
use providers::registry;
use providers::row::Client;
use providers::settings;
use serde_json::Value;

use crate::World;
use crate::clients::Holder;
pub use crate::clients::Providers;
use crate::store_rules::{ClusterStores, StoreRules};

impl World {
    /// A store as the cache has it.
    #[must_use]
    pub fn store(&self, kind: StoreKind, namespace: &str, name: &str) -> Option<Store> {
        match kind {
            StoreKind::SecretStore => {
                self.cache::<SecretStore>().find(namespace, name).map(|store| Store::from(&*store))
            }
            StoreKind::ClusterSecretStore => {
                self.cache::<ClusterSecretStore>().find("", name).map(|store| Store::from(&*store))
            }
        }
    }

    /// The stores that an object uses and that exist.
    #[must_use]
    pub fn stores(&self, es: &ExternalSecret) -> Vec<Store> {
        let namespace = es.metadata.namespace.as_deref().unwrap_or_default();
        es.store_refs().into_iter().filter_map(|(kind, name)| self.store(kind, namespace, name)).collect()
    }

    /// Reads what was asked, on behalf of an object: all at once, each joined with whoever else reads the same.
    pub async fn fetch(&self, object: ObjectRef, reads: Vec<Read>) -> Vec<(Read, Result<Answer, Fault>)> {
        let reader = Reader { object, pass: self.pass() };
        let answers = join_all(reads.iter().map(|read| self.fetch_one(&reader, read))).await;
        reads.into_iter().zip(answers).collect()
    }

    async fn fetch_one(&self, reader: &Reader, read: &Read) -> Result<Answer, Fault> {
        let namespace = &reader.object.namespace;
        let providers = self.shared().recall::<Providers>()?;
        let (kind, name) = &read.store;
        let opened = self.client(&providers, *kind, namespace, name).await;
        // What is missing here is not the secret: nothing may be deleted because of it.
        let (client, connection) = opened.map_err(Fault::of_access)?;
        match &read.what {
            What::Value(remote) => {
                let at = remote.locator();
                let payload = providers.joined.fetch(reader, connection, &client, &at).await?;
                client.select(&at, &payload, remote.property.as_deref()).map(Answer::Value)
            }
            What::Entries(remote) => {
                let at = remote.locator();
                let payload = providers.joined.fetch(reader, connection, &client, &at).await?;
                client.entries(&at, &payload, remote.property.as_deref()).map(Answer::Entries)
            }
            What::Found(find) => client.find(find).await.map(Answer::Entries),
        }
    }

    /// An opened client of a store for a consumer's namespace, with the digest under which its reads are joined.
    ///
    /// # Errors
    /// The store may not be used, or it cannot be opened.
    pub(crate) async fn client(
        &self,
        providers: &Providers,
        kind: StoreKind,
        namespace: &str,
        name: &str,
    ) -> Result<(Client, Fingerprint), Fault> {
        let store = self.usable_store(providers, kind, namespace, name).await?;
        if store.ready == Some(false) && self.memory::<StoreRules>().has_flood_gate {
            return Err(Fault::busy(format!("{} \"{name}\" is not ready", kind.as_str())).about(store.object()));
        }
        self.open(providers, &store, namespace).await
    }

    /// An opened client for whoever writes to a store: there the flood gate does not count (ESO §6.9).
    ///
    /// # Errors
    /// The store may not be used, or it cannot be opened.
    pub(crate) async fn writing_client(
        &self,
        providers: &Providers,
        kind: StoreKind,
        namespace: &str,
        name: &str,
    ) -> Result<Client, Fault> {
        let store = self.usable_store(providers, kind, namespace, name).await?;
        self.open(providers, &store, namespace).await.map(|(client, _)| client)
    }

    /// The store, if this namespace may use it (ESO §6.9: exists, class, conditions).
    async fn usable_store(
        &self,
        providers: &Providers,
        kind: StoreKind,
        namespace: &str,
        name: &str,
    ) -> Result<Store, Fault> {
        let word = kind.as_str();
        if kind == StoreKind::ClusterSecretStore && self.memory::<StoreRules>().cluster_stores == ClusterStores::Refused
        {
            return Err(Fault::wrong(format!("could not get {word} \"{name}\""))
                .because("this process is confined to a namespace and reads no cluster-scoped resource")
                .hint("use a SecretStore"));
        }
        let store = self.store(kind, namespace, name).ok_or_else(|| {
            Fault::wrong(format!("could not get {word} \"{name}\""))
                .because(format!("{word} \"{name}\" not found"))
                .about(ObjectRef::new(word, if kind == StoreKind::SecretStore { namespace } else { "" }, name))
        })?;
        if store.class().is_some_and(|class| class != providers.class()) {
            return Err(Fault::wrong("can not reference unmanaged store").about(store.object()));
        }
        if kind == StoreKind::ClusterSecretStore && !self.is_allowed(store.conditions(), namespace).await? {
            let denied = format!("using cluster store \"{name}\" is not allowed from namespace \"{namespace}\"");
            return Err(Fault::denied(denied).because("denied by spec.condition").about(store.object()));
        }
        Ok(store)
    }

    /// Conditions are alternatives, and so are the three parts of one. The namespace's labels are read only if asked for.
    async fn is_allowed(&self, conditions: &[StoreCondition], namespace: &str) -> Result<bool, Fault> {
        if conditions.is_empty() {
            return Ok(true);
        }
        for condition in conditions {
            let by_name = condition.namespaces.iter().any(|name| name == namespace);
            if by_name || matches_any(&condition.namespace_regexes, namespace)? {
                return Ok(true);
            }
            let Some(selector) = &condition.namespace_selector else { continue };
            if selects(selector, &self.namespace_labels(namespace).await?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn namespace_labels(&self, namespace: &str) -> Result<std::collections::BTreeMap<String, String>, Fault> {
        let at = Address::new(Resource::new("", "v1", "Namespace", "namespaces"), "", namespace);
        let object: Option<kube::core::PartialObjectMeta> = self.cluster().read_as(&at).await?;
        Ok(object.and_then(|object| object.metadata.labels).unwrap_or_default())
    }

    /// The client of a store: the one that is open, if nothing it was opened with has changed.
    pub(crate) async fn open(
        &self,
        providers: &Providers,
        store: &Store,
        consumer: &str,
    ) -> Result<(Client, Fingerprint), Fault> {
        let (row, settings) = registry::store(store.provider()).map_err(|fault| fault.about(store.object()))?;
        let open = row.open.ok_or_else(|| Fault::wrong(format!("provider `{}` cannot be a store", row.name)))?;
        let is_cluster = store.kind == StoreKind::ClusterSecretStore;
        let holder = Holder {
            uid: &store.uid,
            generation: store.generation,
            basis: String::new(),
            lender: if is_cluster { consumer } else { "" },
            tenant: Tenant::new(store.object(), consumer),
        };
        let reach = Reach { retrying: retrying(store)?, ..providers.reach().clone() };
        let opened = providers.clients.client(self.shared(), &holder, |given| open(settings, &reach, given)).await;
        let given = opened.map_err(|fault| fault.about(store.object()))?;
        Ok((given.client, connection(row.name, settings, given.credentials)))
    }
}

/// What reads must have in common to be joined: the provider, its settings in one form, and the resolved credentials.
fn connection(row: &str, settings: &Value, credentials: Fingerprint) -> Fingerprint {
    let mut digest = crate::seen::key().digest();
    digest.part(row.as_bytes());
    // serde_json's maps are sorted, so equal settings are equal texts.
    digest.part(settings.to_string().as_bytes());
    digest.part(credentials.as_bytes());
    digest.finish()
}

/// How often the store wants failed calls asked again (ESO §5.4 `retrySettings`).
fn retrying(store: &Store) -> Result<Option<Retrying>, Fault> {
    let Some(said) = &store.spec.retry_settings else { return Ok(None) };
    let retrying = Retrying::of(said.max_retries, said.retry_interval.as_deref());
    retrying.map(Some).map_err(|fault| fault.within(format!("cannot open {}", store.object())).about(store.object()))
}

fn matches_any(patterns: &[String], text: &str) -> Result<bool, Fault> {
    for pattern in patterns {
        if settings::pattern(pattern)?.is_match(text) {
            return Ok(true);
        }
    }
    Ok(false)
}
