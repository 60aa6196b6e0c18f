//! What the tests of stores have in place of an API server: Secrets and ConfigMaps in a map, and ServiceAccounts whose tokens
//! say whose they are. A store is opened as the operator opens it.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::credentials::{CredentialSource, Holder, ServiceAccount};
use base::encoding::Base64;
use base::{Credentials, Fault, ObjectRef, Opening, SecretBytes, SecretText, Tenant};
use serde_json::{Value, json};
use source::{PushEntry, PushSource, RemotePlace};

use crate::reach::Reach;
use crate::registry;
use crate::row::Client;

/// The objects of a cluster.
#[derive(Clone, Default)]
pub(crate) struct Objects {
    data: BTreeMap<String, BTreeMap<String, SecretBytes>>,
    accounts: BTreeMap<String, ServiceAccount>,
}

impl Objects {
    /// With a Secret or ConfigMap (`namespace/name`) of one key.
    pub fn with(mut self, place: &str, key: &str, value: &str) -> Self {
        self.data.entry(place.to_owned()).or_default().insert(key.to_owned(), value.into());
        self
    }

    /// With a ServiceAccount (`namespace/name`) and its annotations.
    pub fn with_account(mut self, place: &str, annotations: &[(&str, &str)]) -> Self {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.accounts.insert(place.to_owned(), ServiceAccount { uid: format!("uid of {place}"), annotations });
        self
    }

    /// Opens a store of `n` for its own namespace.
    pub async fn open(&self, provider: Value, reach: &Reach) -> Result<Client, Fault> {
        let holder = ObjectRef::new("SecretStore", "n", "store");
        self.open_for(Tenant::new(holder, "n"), provider, reach).await
    }

    /// Opens a cluster store for a namespace, or with an empty name for nobody.
    pub async fn open_cluster(&self, consumer: &str, provider: Value, reach: &Reach) -> Result<Client, Fault> {
        let holder = ObjectRef::new("ClusterSecretStore", "", "store");
        self.open_for(Tenant::new(holder, consumer), provider, reach).await
    }

    async fn open_for(&self, tenant: Tenant, provider: Value, reach: &Reach) -> Result<Client, Fault> {
        let (row, settings) = registry::store(&provider)?;
        let open = row.open.expect("the row is a store's");
        open(settings, reach, Credentials::new(tenant, Arc::new(self.clone()))).await
    }
}

impl CredentialSource for Objects {
    fn data<'a>(&'a self, _: Holder, namespace: &'a str, name: &'a str) -> Opening<'a, BTreeMap<String, SecretBytes>> {
        Box::pin(async move {
            let found = self.data.get(&format!("{namespace}/{name}")).cloned();
            found.ok_or_else(|| Fault::wrong(format!("cannot find `{namespace}/{name}`")))
        })
    }

    fn service_account<'a>(&'a self, namespace: &'a str, name: &'a str) -> Opening<'a, ServiceAccount> {
        Box::pin(async move {
            let found = self.accounts.get(&format!("{namespace}/{name}")).cloned();
            found.ok_or_else(|| Fault::wrong(format!("cannot find ServiceAccount `{namespace}/{name}`")))
        })
    }

    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audiences: &'a [String],
        _: u32,
    ) -> Opening<'a, SecretText> {
        Box::pin(async move {
            let claims = json!({"aud": audiences, "exp": 9_999_999_999_i64, "sub": format!("system:serviceaccount:{namespace}:{name}"),
                "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": "u"}}});
            let part = |text: &str| Base64::RawUrl.encode(text.as_bytes());
            Ok(SecretText::new(format!("{}.{}.{}", part("{}"), part(&claims.to_string()), part("none"))))
        })
    }
}

/// One value to push.
pub(crate) fn value(key: &str, property: Option<&str>, value: &str) -> PushEntry {
    PushEntry { at: place(key, property), source: PushSource::Bytes(value.into()), metadata: None }
}

/// A whole Secret to push.
pub(crate) fn whole(key: &str, data: &[(&str, &str)]) -> PushEntry {
    let data = data.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    PushEntry { at: place(key, None), source: PushSource::Secret { kind: "Opaque".to_owned(), data }, metadata: None }
}

/// Where something is pushed to.
pub(crate) fn place(key: &str, property: Option<&str>) -> RemotePlace {
    RemotePlace { key: key.to_owned(), property: property.map(str::to_owned) }
}

/// A result as a test compares it: its text, or the chain of its fault.
pub(crate) fn told<T>(result: Result<T, Fault>, text: impl Fn(T) -> String) -> String {
    result.map_or_else(|fault| format!("{:?}: {}", fault.kind(), fault.chain()), text)
}

/// Entries as `name=value` words.
pub(crate) fn words(entries: base::SecretMap) -> String {
    let word = |(name, value): (&String, &SecretBytes)| format!("{name}={}", String::from_utf8_lossy(value.expose()));
    entries.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// What a reference reads: the property of a key.
pub(crate) async fn read(client: &Client, key: &str, property: Option<&str>) -> String {
    let at = source::Locator::of(key);
    let payload = client.fetch(&at).await;
    let selected = payload.and_then(|payload| client.select(&at, &payload, property));
    told(selected, |value| String::from_utf8_lossy(source::select::bytes(&value).expose()).into_owned())
}

/// What `extract` reads.
pub(crate) async fn extract(client: &Client, key: &str) -> String {
    let at = source::Locator::of(key);
    let payload = client.fetch(&at).await;
    told(payload.and_then(|payload| client.entries(&at, &payload, None)), words)
}
