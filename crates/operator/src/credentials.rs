//! Credentials from the API server. What was read is recorded with its version, so that an opened client can be kept for as
//! long as nothing it was opened with has changed – the caches tell, without a request – and a digest of it is part of the
//! key under which reads are joined. Specification: design §5 "One read for many users", §6.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::credentials::{CredentialSource, Holder, ServiceAccount};
use base::encoding::Base64;
use base::fingerprint::{Digest, Fingerprint};
use base::{Fault, Opening, SecretBytes, SecretText};
use http::Method;
use plan::Address;
use plan::write::Resource;
use serde::Deserialize;
use serde_json::json;

use crate::cluster::{self, Call, Cluster, JSON};
use crate::kube_secret;

/// Something that was read to open a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The object.
    pub at: Address,
    /// Its version as it was read; of a ServiceAccount its uid, since nothing else of it proves anything.
    pub version: String,
}

impl Dependency {
    /// Its version as the API server has it now; empty for an object that is gone.
    ///
    /// # Errors
    /// The API server is away or refuses.
    pub async fn current(&self, cluster: &Cluster) -> Result<String, Fault> {
        let meta = cluster.read_as(&self.at).await?.map(|known: Known| known.metadata);
        let is_account = self.at.resource.kind == ACCOUNT;
        Ok(meta.map(|meta| if is_account { meta.uid } else { meta.resource_version }).unwrap_or_default())
    }
}

/// The kind of whom tokens are asked for.
const ACCOUNT: &str = "ServiceAccount";

/// The API server as a source of credentials.
pub struct ClusterCredentials {
    cluster: Cluster,
    log: Mutex<Log>,
}

struct Log {
    dependencies: Vec<Dependency>,
    digest: Option<Digest>,
}

impl ClusterCredentials {
    /// A source with an empty record.
    #[must_use]
    pub fn new(cluster: Cluster) -> Arc<Self> {
        let log = Log { dependencies: Vec::new(), digest: Some(crate::seen::key().digest()) };
        Arc::new(Self { cluster, log: Mutex::new(log) })
    }

    /// What was read so far, and a digest of it. Later reads are not part of it.
    #[must_use]
    pub fn record(&self) -> (Vec<Dependency>, Fingerprint) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = log.digest.take().unwrap_or_else(|| crate::seen::key().digest());
        (std::mem::take(&mut log.dependencies), digest.finish())
    }

    fn record_part(&self, dependency: Option<Dependency>, parts: &[&[u8]]) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.dependencies.extend(dependency);
        if let Some(digest) = &mut log.digest {
            parts.iter().for_each(|part| digest.part(part));
        }
    }

    async fn read_secret(&self, namespace: &str, name: &str) -> Result<BTreeMap<String, SecretBytes>, Fault> {
        let at = Address::secret(namespace, name);
        let body = read_at(&at, self.cluster.read(&at).await)?;
        let secret = kube_secret::read(&body)?;
        let parts: Vec<&[u8]> = secret.data.iter().flat_map(|(key, value)| [key.as_bytes(), value.expose()]).collect();
        let version = secret.resource_version.clone();
        self.record_part(Some(Dependency { at, version }), &parts);
        Ok(secret.data.into_iter().collect())
    }

    async fn read_config_map(&self, namespace: &str, name: &str) -> Result<BTreeMap<String, SecretBytes>, Fault> {
        let at = Address::new(Resource::new("", "v1", "ConfigMap", "configmaps"), namespace, name);
        let map: ConfigMap = read_at(&at, self.cluster.read_as(&at).await)?;
        let mut data: BTreeMap<String, SecretBytes> =
            map.data.into_iter().map(|(key, text)| (key, SecretBytes::from(text))).collect();
        for (key, text) in map.binary_data {
            let bytes = Base64::Standard.decode(text.as_bytes());
            data.insert(key, bytes.ok_or_else(|| Fault::wrong(format!("cannot decode {}", at.object())))?);
        }
        let parts: Vec<&[u8]> = data.iter().flat_map(|(key, value)| [key.as_bytes(), value.expose()]).collect();
        self.record_part(Some(Dependency { at, version: map.metadata.resource_version }), &parts);
        Ok(data)
    }

    async fn read_service_account(&self, namespace: &str, name: &str) -> Result<ServiceAccount, Fault> {
        let at = Address::new(Resource::new("", "v1", ACCOUNT, "serviceaccounts"), namespace, name);
        let account: Known = read_at(&at, self.cluster.read_as(&at).await)?;
        let meta = account.metadata;
        self.record_part(
            Some(Dependency { at, version: meta.uid.clone() }),
            &[b"service account", meta.uid.as_bytes()],
        );
        Ok(ServiceAccount { uid: meta.uid, annotations: meta.annotations })
    }

    async fn request_token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        seconds: u32,
    ) -> Result<SecretText, Fault> {
        let at = Address::new(Resource::new("", "v1", ACCOUNT, "serviceaccounts"), namespace, name);
        let mut spec = json!({ "expirationSeconds": seconds });
        if !audiences.is_empty() {
            spec["audiences"] = json!(audiences);
        }
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
        let path = cluster::object_path(&at, Some("token"));
        let call = Call { method: Method::POST, path, media: JSON, body: body.to_string().into_bytes() };
        let answer = self.cluster.call(call).await.map_err(|fault| fault.about(at.object()))?;
        let answer: TokenAnswer = cluster::parse(&answer, "answer to a TokenRequest")?;
        // Two tokens of one account are never equal, but they open the same doors: the account and the audiences count.
        self.record_part(None, &[b"token", namespace.as_bytes(), name.as_bytes()]);
        audiences.iter().for_each(|audience| self.record_part(None, &[audience.as_bytes()]));
        Ok(SecretText::from(answer.status.token))
    }
}

impl CredentialSource for ClusterCredentials {
    fn data<'a>(
        &'a self,
        holder: Holder,
        namespace: &'a str,
        name: &'a str,
    ) -> Opening<'a, BTreeMap<String, SecretBytes>> {
        Box::pin(async move {
            match holder {
                Holder::Secret => self.read_secret(namespace, name).await,
                Holder::ConfigMap => self.read_config_map(namespace, name).await,
            }
        })
    }

    fn service_account<'a>(&'a self, namespace: &'a str, name: &'a str) -> Opening<'a, ServiceAccount> {
        Box::pin(self.read_service_account(namespace, name))
    }

    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audiences: &'a [String],
        seconds: u32,
    ) -> Opening<'a, SecretText> {
        Box::pin(self.request_token(namespace, name, audiences, seconds))
    }

    fn note(&self, part: &str) {
        self.record_part(None, &[part.as_bytes()]);
    }
}

/// What reading an object came to; people search for the peer's sentence (ESO §15).
fn read_at<T>(at: &Address, read: Result<Option<T>, Fault>) -> Result<T, Fault> {
    let Address { resource, namespace, name } = at;
    let missing = || Fault::wrong(format!("{} \"{name}\" not found", resource.plural)).about(at.object());
    let kind = match &*resource.kind {
        "Secret" => "secret",
        "ConfigMap" => "configmap",
        _ => "service account",
    };
    let attempt = || format!("cannot get Kubernetes {kind} \"{name}\" from namespace \"{namespace}\"");
    read.and_then(|found| found.ok_or_else(missing)).map_err(|fault| fault.within(attempt()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigMap {
    metadata: Meta,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    binary_data: BTreeMap<String, String>,
}

/// Of an object only what is said about it.
#[derive(Deserialize)]
struct Known {
    metadata: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    status: Token,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}
