//! A cluster for a test: the sandbox, or the real kube-apiserver whose kubeconfig `KEYWRIGHT_LAB` names. Each test gets a
//! namespace of its own; what it reads and writes through here is neither recorded nor troubled by the sandbox.
//! Specification: design §15 (a scenario is written once), lab §1 (a restricted client).

mod address;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client, Config};
use sandbox::{Role, Sandbox};
use serde_json::{Value, json};

pub use address::Address;

/// Names the kubeconfig of the real cluster that tests shall run on.
pub const LAB: &str = "KEYWRIGHT_LAB";

/// How long a real server may take to serve a definition that was just posted.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(20);

/// A cluster with a namespace of one's own.
pub struct Cluster {
    side: Side,
    hands: Client,
    namespace: String,
    kinds: Mutex<HashMap<(String, String), (ApiResource, Scope)>>,
    /// What lives in no namespace, to be taken away at the end.
    wide: Mutex<Vec<(ApiResource, String)>>,
    /// What the accounts of this test may, by name: the sandbox's address asks.
    accounts: Accounts,
}

/// Roles by the names of accounts.
type Accounts = Arc<Mutex<BTreeMap<String, Role>>>;

enum Side {
    Memory(Sandbox),
    Real(Box<Config>),
}

/// Rights for a restricted client: cluster-wide ones, and ones in single namespaces.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    pub everywhere: Vec<PolicyRule>,
    pub within: Vec<(String, Vec<PolicyRule>)>,
}

impl Cluster {
    /// The real cluster if the environment names one, else the sandbox.
    ///
    /// # Panics
    /// If the kubeconfig that is named cannot be used.
    pub async fn new(case: &str) -> Self {
        match std::env::var_os(LAB) {
            Some(path) if !path.is_empty() => Self::real(case, &path).await,
            _ => Self::memory(case, Sandbox::new()).await,
        }
    }

    /// The sandbox, whatever the environment says: for tests that need its troubles, its clock or its counters.
    pub async fn memory(case: &str, sandbox: Sandbox) -> Self {
        let hands = sandbox.quiet_client();
        Self::with(Side::Memory(sandbox), hands, case).await
    }

    async fn real(case: &str, path: &std::ffi::OsStr) -> Self {
        let kubeconfig = Kubeconfig::read_from(path).expect("the kubeconfig of the lab");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let config = config.expect("the kubeconfig of the lab names a cluster");
        let hands = Client::try_from(config.clone()).expect("a client for the lab");
        Self::with(Side::Real(Box::new(config)), hands, case).await
    }

    async fn with(side: Side, hands: Client, case: &str) -> Self {
        let (kinds, wide) = (Mutex::default(), Mutex::default());
        let accounts = Accounts::default();
        let cluster = Self { side, hands, namespace: fresh_name(case), kinds, wide, accounts };
        cluster.make_namespace(&cluster.namespace.clone()).await;
        cluster
    }

    #[must_use]
    pub fn is_real(&self) -> bool {
        matches!(self.side, Side::Real(_))
    }

    /// The sandbox, if it is one.
    #[must_use]
    pub fn sandbox(&self) -> Option<&Sandbox> {
        match &self.side {
            Side::Memory(sandbox) => Some(sandbox),
            Side::Real(_) => None,
        }
    }

    /// The namespace of this test.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A client that may do everything, for what is tested: recorded, and troubled when told.
    ///
    /// # Panics
    /// If the lab's kubeconfig does not make a client any more.
    #[must_use]
    pub fn client(&self) -> Client {
        match &self.side {
            Side::Memory(sandbox) => sandbox.client(),
            Side::Real(config) => Client::try_from((**config).clone()).expect("a client for the lab"),
        }
    }

    /// The test's own client.
    #[must_use]
    pub fn hands(&self) -> Client {
        self.hands.clone()
    }

    /// Makes a namespace; one that is there stays.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn make_namespace(&self, name: &str) {
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        match self.create(&object).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => panic!("cannot make the namespace {name}: {error}"),
        }
    }

    /// Installs custom resources and waits until they are served.
    ///
    /// # Panics
    /// If the server refuses one, or does not serve it in time.
    pub async fn install(&self, definitions: &[CustomResourceDefinition]) {
        let api: Api<CustomResourceDefinition> = Api::all(self.hands());
        for definition in definitions {
            match api.create(&PostParams::default(), definition).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                Err(error) => panic!("cannot install {}: {error}", definition.metadata.name.as_deref().unwrap_or("?")),
            }
        }
        for definition in definitions {
            let name = definition.metadata.name.as_deref().unwrap_or_default();
            let served = tokio::time::timeout(ESTABLISHED_WITHIN, self.wait_served(&api, name, definition));
            served.await.unwrap_or_else(|_| panic!("{name} is not served"));
        }
    }

    /// A definition may be Established a moment before its lists are answered (lab §4).
    async fn wait_served(
        &self,
        api: &Api<CustomResourceDefinition>,
        name: &str,
        definition: &CustomResourceDefinition,
    ) {
        let (group, kind) = (&definition.spec.group, &definition.spec.names.kind);
        loop {
            let stands = api.get(name).await.ok().and_then(|definition| definition.status);
            let conditions = stands.and_then(|status| status.conditions).unwrap_or_default();
            if conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
                && let Some(version) = definition.spec.versions.first()
                && let Ok((resource, _)) = self.kind(&format!("{group}/{}", version.name), kind).await
                && Api::<DynamicObject>::all_with(self.hands(), &resource).list(&Default::default()).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A client with exactly these rights: a role of the sandbox, or a ServiceAccount with RBAC and a token.
    ///
    /// # Panics
    /// If the real server refuses the roles or the token.
    pub async fn client_as(&self, name: &str, rights: &Rights) -> Client {
        match &self.side {
            Side::Memory(sandbox) => {
                let user = format!("system:serviceaccount:{}:{name}", self.namespace);
                let role = Role::new(user).everywhere(&rights.everywhere);
                let bound = |role: Role, (namespace, rules): &(String, Vec<PolicyRule>)| role.within(namespace, rules);
                sandbox.client_as(rights.within.iter().fold(role, bound))
            }
            Side::Real(config) => self.restricted(config, name, rights).await,
        }
    }

    async fn restricted(&self, config: &Config, name: &str, rights: &Rights) -> Client {
        let namespace = &self.namespace;
        // A process that is started again runs under the account of the first.
        let made = |object: Value| async move {
            match self.create(&object).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                Err(error) => panic!("cannot make the role {name}: {error}"),
            }
        };
        let subjects = json!([{ "kind": "ServiceAccount", "name": name, "namespace": namespace }]);
        let bind = |kind: &str, bound: &str, to: &str, place: Option<&str>| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                "metadata": { "name": bound, "namespace": place }, "subjects": subjects,
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": to, "name": bound },
            })
        };
        let role = |kind: &str, bound: &str, place: Option<&str>, rules: &[PolicyRule]| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                "metadata": { "name": bound, "namespace": place }, "rules": rules,
            })
        };
        let meta = json!({ "name": name, "namespace": namespace });
        made(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta })).await;
        let wide = format!("{namespace}-{name}");
        made(role("ClusterRole", &wide, None, &rights.everywhere)).await;
        made(bind("ClusterRoleBinding", &wide, "ClusterRole", None)).await;
        for (place, rules) in &rights.within {
            made(role("Role", &wide, Some(place), rules)).await;
            made(bind("RoleBinding", &wide, "Role", Some(place))).await;
        }
        let token = self.token(name, &[]).await;
        let mut config = config.clone();
        config.auth_info = kube::config::AuthInfo { token: Some(token.into()), ..Default::default() };
        let client = Client::try_from(config).expect("a client with a token");
        let wide = rights.everywhere.last().map(|rule| (None, rule));
        let local = rights.within.iter().filter_map(|(place, rules)| Some((Some(place.as_str()), rules.last()?)));
        for (place, rule) in wide.into_iter().chain(local) {
            wait_granted(&client, place, rule).await;
        }
        client
    }

    /// A token of a ServiceAccount of this test's namespace.
    ///
    /// # Panics
    /// If there is no such account.
    pub async fn token(&self, account: &str, audiences: &[&str]) -> String {
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(self.hands(), &self.namespace);
        let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
        let spec = TokenRequestSpec { audiences, expiration_seconds: Some(3600), ..Default::default() };
        let request = TokenRequest { spec, ..Default::default() };
        let made = accounts.create_token_request(account, &PostParams::default(), &request).await;
        made.expect("a token of the account").status.expect("a token's status").token
    }

    /// Creates any object; one without a namespace goes into the test's own, if its kind lives in one.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create(&self, object: &Value) -> kube::Result<Value> {
        let (api, name, wide) = self.api_of(object).await?;
        let object: DynamicObject = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
        let made = api.create(&PostParams::default(), &object).await?;
        if let Some(resource) = wide {
            self.wide.lock().expect("nobody panics while holding the list").push((resource, name));
        }
        serde_json::to_value(made).map_err(kube::Error::SerdeError)
    }

    /// Replaces an object as it stands in the text, whoever wrote it last.
    ///
    /// # Errors
    /// What the server says.
    pub async fn replace(&self, object: &Value) -> kube::Result<Value> {
        let (api, name, _) = self.api_of(object).await?;
        let mut object: DynamicObject = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
        object.metadata.resource_version = api.get(&name).await?.metadata.resource_version;
        let made = api.replace(&name, &PostParams::default(), &object).await?;
        serde_json::to_value(made).map_err(kube::Error::SerdeError)
    }

    /// Changes an object by a merge patch.
    ///
    /// # Errors
    /// What the server says.
    pub async fn merge(&self, api_version: &str, kind: &str, name: &str, patch: &Value) -> kube::Result<Value> {
        let api = self.api(api_version, kind).await?;
        let made = api.patch(name, &Default::default(), &kube::api::Patch::Merge(patch)).await?;
        serde_json::to_value(made).map_err(kube::Error::SerdeError)
    }

    /// The same in another field manager's name.
    ///
    /// # Errors
    /// What the server says.
    pub async fn merge_as(&self, manager: &str, object: &Value, patch: &Value) -> kube::Result<Value> {
        let (api, name, _) = self.api_of(object).await?;
        let params = kube::api::PatchParams { field_manager: Some(manager.to_owned()), ..Default::default() };
        let made = api.patch(&name, &params, &kube::api::Patch::Merge(patch)).await?;
        serde_json::to_value(made).map_err(kube::Error::SerdeError)
    }

    /// One object of the test's namespace (or of none), if it is there.
    ///
    /// # Errors
    /// What the server says, other than 404.
    pub async fn find(&self, api_version: &str, kind: &str, name: &str) -> kube::Result<Option<Value>> {
        let found = self.api(api_version, kind).await?.get_opt(name).await?;
        found.map(serde_json::to_value).transpose().map_err(kube::Error::SerdeError)
    }

    /// All objects of a kind in the test's namespace (or of none).
    ///
    /// # Errors
    /// What the server says.
    pub async fn list(&self, api_version: &str, kind: &str) -> kube::Result<Vec<Value>> {
        let found = self.api(api_version, kind).await?.list(&Default::default()).await?;
        found.items.into_iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(kube::Error::SerdeError)
    }

    /// Deletes an object of the test's namespace (or of none).
    ///
    /// # Errors
    /// What the server says.
    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) -> kube::Result<()> {
        self.api(api_version, kind).await?.delete(name, &DeleteParams::default()).await.map(|_| ())
    }

    /// Takes away what this test made outside of namespaces, its own namespace included, and does not wait for it. What is
    /// left behind after a panic harms no other test: names are fresh, and a lab is thrown away.
    pub async fn end(self) {
        let wide = std::mem::take(&mut *self.wide.lock().expect("nobody panics while holding the list"));
        for (resource, name) in wide.into_iter().rev() {
            let api: Api<DynamicObject> = Api::all_with(self.hands(), &resource);
            // It may have gone with the test.
            let _ = api.delete(&name, &DeleteParams::background()).await;
        }
    }

    /// The API of a kind in the test's namespace, or everywhere if the kind lives in none.
    ///
    /// # Errors
    /// If the server does not serve the kind.
    pub async fn api(&self, api_version: &str, kind: &str) -> kube::Result<Api<DynamicObject>> {
        self.api_in(api_version, kind, &self.namespace).await
    }

    /// As `api`, in another namespace.
    ///
    /// # Errors
    /// If the server does not serve the kind.
    pub async fn api_in(&self, api_version: &str, kind: &str, namespace: &str) -> kube::Result<Api<DynamicObject>> {
        let (resource, scope) = self.kind(api_version, kind).await?;
        Ok(match scope {
            Scope::Namespaced => Api::namespaced_with(self.hands(), namespace, &resource),
            Scope::Cluster => Api::all_with(self.hands(), &resource),
        })
    }

    async fn api_of(&self, object: &Value) -> kube::Result<(Api<DynamicObject>, String, Option<ApiResource>)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&self.namespace);
        let api = self.api_in(&api_version, &kind, namespace).await?;
        let (resource, scope) = self.kind(&api_version, &kind).await?;
        let wide = (scope == Scope::Cluster).then_some(resource);
        Ok((api, text(&object["metadata"]["name"]), wide))
    }

    async fn kind(&self, api_version: &str, kind: &str) -> kube::Result<(ApiResource, Scope)> {
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(known) = self.kinds.lock().expect("nobody panics while holding the kinds").get(&key) {
            return Ok(known.clone());
        }
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let (resource, capabilities) = pinned_kind(&self.hands, &GroupVersionKind::gvk(group, version, kind)).await?;
        let found = (resource, capabilities.scope);
        self.kinds.lock().expect("nobody panics while holding the kinds").insert(key, found.clone());
        Ok(found)
    }
}

/// A real server grants a new role some milliseconds after it was made; until then a watch would be refused.
async fn wait_granted(client: &Client, namespace: Option<&str>, rule: &PolicyRule) {
    let first = |words: Option<&Vec<String>>| words.and_then(|words| words.first()).cloned();
    let attributes = ResourceAttributes {
        group: first(rule.api_groups.as_ref()),
        resource: first(rule.resources.as_ref()),
        name: first(rule.resource_names.as_ref()),
        verb: rule.verbs.first().cloned(),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let granted = async {
        while !reviews
            .create(&PostParams::default(), &review)
            .await
            .is_ok_and(|review| review.status.is_some_and(|status| status.allowed))
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(ESTABLISHED_WITHIN, granted).await.expect("a role that was made is granted");
}

/// A name that no other test of this run or of another process has.
fn fresh_name(case: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let words = case.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let short: String = words.trim_matches('-').chars().take(40).collect();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{:x}-{number}", short.trim_end_matches('-'), std::process::id())
}
