//! A stage for scenarios: a cluster (sandbox or real), a process with the feature that a scenario needs, and ways to put
//! objects in, wait and look. A scenario is written once; only requests are counted in memory alone.

mod mortal;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use operator::cache::{Kept, Scope};
use operator::driver::Driver;
use operator::feature::FeatureName;
use operator::leader::Election;
use operator::metrics::Metrics;
use operator::process::Process;
use operator::reloader::csi::PodStatus;
use operator::sealed_secrets;
use operator::seen::{SeenConfigMap, SeenSecret};
use operator::shared::{Clock, Shared};
use operator::world::stores::Providers;
use operator::world::workloads::{CronJob, DaemonSet, Deployment, Job, Reduced, Rollout, StatefulSet};
use providers::keys::{KeyRing, Nobody};
use providers::reach::{OwnCluster, Programs, Reach};
use sandbox::Sandbox;
use serde_json::Value;
use testkit::cluster::Rights;
use testkit::peer_role;
use testkit::scenario::Scenario;
use tokio::time::Instant;

pub use mortal::{Death, Mortal};

pub struct Stage {
    scenario: Scenario,
    driver: Option<Arc<Driver>>,
    pub shared: Option<Arc<Shared>>,
    /// Namespaces that the process watches beside the scenario's; they need not be there. Set them before it starts.
    pub beside: Vec<String>,
    /// What sessions may see of the process, before it starts.
    pub surroundings: wire::Surroundings,
    /// What the running feature has counted.
    pub metrics: Option<Arc<Metrics>>,
    /// What the process may, by the name of its account, where it is not exactly what its peer may.
    pub rights: Option<(&'static str, Rights)>,
    /// Whether it acts only while it holds the feature's lease.
    pub elects: bool,
    /// How the process that is started next ends, and what it writes until then.
    pub mortal: Option<Mortal>,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    running: Option<tokio::task::JoinHandle<()>>,
    keeping: Option<tokio::task::JoinHandle<()>>,
}

impl Deref for Stage {
    type Target = Scenario;

    fn deref(&self) -> &Scenario {
        &self.scenario
    }
}

impl Stage {
    /// On whichever cluster the environment names.
    pub async fn new(feature: &str, name: &str) -> Self {
        Self::on(Scenario::begin(feature, name).await).await
    }

    /// On the sandbox: for what only it can tell.
    pub async fn in_memory(feature: &str, name: &str) -> Self {
        Self::on(Scenario::in_memory(feature, name, Sandbox::new()).await).await
    }

    async fn on(scenario: Scenario) -> Self {
        scenario.install(&api::kinds::crds(&api::kinds::Unions::default())).await;
        Self {
            scenario,
            driver: None,
            shared: None,
            beside: Vec::new(),
            surroundings: wire::Surroundings::none(),
            metrics: None,
            rights: None,
            elects: false,
            mortal: None,
            end: None,
            running: None,
            keeping: None,
        }
    }

    /// Starts a process with one feature, as after a restart: it remembers nothing. It has exactly the rights of the
    /// feature's peer (design §8).
    pub async fn start(
        &mut self,
        feature: FeatureName,
        prepare: impl FnOnce(&Process),
        rows: impl FnOnce(Driver) -> Driver,
    ) {
        let own = || (feature.as_str(), peer_role(feature.as_str(), self.namespace()));
        let (account, role) = self.rights.clone().unwrap_or_else(own);
        let client = self.client_as(account, &role).await;
        let client = match &self.mortal {
            Some(mortal) => mortal.client(client, self.namespace()),
            None => client,
        };
        let namespaces = self.beside.iter().map(String::as_str).chain([self.namespace()]);
        let scopes = namespaces.map(|name| Scope::Namespace(name.to_owned())).collect();
        let mut process = Process::new(client.clone(), scopes, Clock::System, [7; 32]);
        let reach = Reach {
            http: wire::Client::new(wire::client::Settings::default()),
            vault: Arc::default(),
            surroundings: self.surroundings.clone(),
            cluster: Some(OwnCluster::in_memory(client)),
            programs: Programs::Closed,
            keys: Arc::new(KeyRing::new(wire::Surroundings::none(), Arc::new(Nobody))),
            calls: Arc::default(),
            retrying: None,
        };
        process.shared().remember(Providers::new(reach, "default"));
        prepare(&process);
        let election = self.elects.then(|| Election::new(self.namespace(), feature.lease(), "stage"));
        process.add(feature, 4, election, rows);
        if let (Ok(settings), Some(leads)) =
            (process.shared().recall::<sealed_secrets::Settings>(), process.leads(feature))
        {
            let keeping = sealed_secrets::keys::keep(Arc::clone(process.shared()), (*settings).clone(), leads);
            self.keeping = Some(tokio::spawn(keeping));
        }
        let shared = Arc::clone(process.shared());
        self.driver = process.driver(feature);
        self.metrics = process.metrics(feature);
        let mut leads = process.leads(feature).expect("the feature was added");
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        self.end = Some(end);
        self.running = Some(tokio::spawn(process.run(async move {
            let _ = ended.await;
        })));
        shared.caches().ready().await;
        leads.wait_for(|leads| *leads).await.expect("the process runs");
        self.shared = Some(shared);
        match self.mortal.clone().filter(Mortal::will_die) {
            Some(mortal) => mortal.dead().await,
            None => self.settle().await,
        }
    }

    /// The driver of the running feature.
    pub fn driver(&self) -> Option<&Arc<Driver>> {
        self.driver.as_ref()
    }

    /// Ends the process in order.
    pub async fn stop(&mut self) {
        drop(self.end.take());
        if let Some(running) = self.running.take() {
            running.await.expect("the process ends in order");
        }
        if let Some(keeping) = self.keeping.take() {
            keeping.abort();
        }
        self.driver = None;
    }

    /// Ends the process where it stands, as `kill -9` does: it finishes nothing and tells nobody.
    pub async fn kill(&mut self) {
        for task in [self.running.take(), self.keeping.take()].into_iter().flatten() {
            task.abort();
            // What it answers is that it was cut off.
            let _ = task.await;
        }
        drop(self.end.take());
        (self.driver, self.shared) = (None, None);
    }

    /// Waits until everything that was put in is seen and worked off.
    pub async fn settle(&self) {
        // The sandbox says when its watches have delivered; a real server's watch cache takes some milliseconds.
        let (pause, rounds) = if self.is_real() { (60, 4) } else { (5, 3) };
        let mut quiet = 0;
        while quiet < rounds {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let begun = Instant::now();
            if let Some(driver) = &self.driver {
                driver.idle().await;
            }
            let still = begun.elapsed() < Duration::from_millis(3) && self.sandbox().is_none_or(Sandbox::is_delivered);
            quiet = if still { quiet + 1 } else { 0 };
        }
    }

    /// Creates or replaces an object, as a user would with kubectl.
    pub async fn apply(&self, object: Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let standing = self.find(&api_version, &kind, &text(&object["metadata"]["name"])).await;
        let done = match standing.expect("the cluster answers") {
            None => self.create(&object).await,
            Some(_) => self.replace(&object).await,
        };
        let object = done.unwrap_or_else(|error| panic!("cannot apply {kind}: {error}"));
        self.seen(&kind, &object).await;
        self.settle().await;
    }

    /// Merge-patches an object.
    pub async fn patch(&self, object: &Value, change: Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let done = self.merge(&api_version, &kind, &text(&object["metadata"]["name"]), &change).await;
        let object = done.unwrap_or_else(|error| panic!("cannot patch {kind}: {error}"));
        self.seen(&kind, &object).await;
        self.settle().await;
    }

    /// Deletes an object.
    pub async fn remove(&self, object: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let name = text(&object["metadata"]["name"]);
        let mut last = self.object(&api_version, &kind, &name).await.expect("what is deleted stands there");
        self.delete(&api_version, &kind, &name).await.expect("the cluster deletes");
        // Whatever has a later version, or none at all, is what came after the deletion.
        let version: u64 = last["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        last["metadata"]["resourceVersion"] = Value::from((version + 1).to_string());
        last["metadata"]["deletionTimestamp"] = Value::from("now");
        self.seen(&kind, &last).await;
        self.settle().await;
    }

    /// Waits until the process's caches have an object as it was written, or have lost it: a real server's watches take
    /// their time, and "nothing happened" must not mean "nothing was seen".
    async fn seen(&self, kind: &str, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        match kind {
            "Secret" => self.cached::<SeenSecret>(name, object).await,
            "ConfigMap" => self.cached::<SeenConfigMap>(name, object).await,
            "Deployment" => self.cached::<Reduced<Deployment>>(name, object).await,
            "StatefulSet" => self.cached::<Reduced<StatefulSet>>(name, object).await,
            "DaemonSet" => self.cached::<Reduced<DaemonSet>>(name, object).await,
            "CronJob" => self.cached::<Reduced<CronJob>>(name, object).await,
            "Job" => self.cached::<Reduced<Job>>(name, object).await,
            "Rollout" => self.cached::<Reduced<Rollout>>(name, object).await,
            "SecretProviderClassPodStatus" => self.cached::<PodStatus>(name, object).await,
            "ExternalSecret" => self.cached::<api::ExternalSecret>(name, object).await,
            "PushSecret" => self.cached::<api::PushSecret>(name, object).await,
            "ClusterExternalSecret" => self.cached::<api::ClusterExternalSecret>(name, object).await,
            "ClusterPushSecret" => self.cached::<api::ClusterPushSecret>(name, object).await,
            "SecretStore" => self.cached::<api::SecretStore>(name, object).await,
            "ClusterSecretStore" => self.cached::<api::ClusterSecretStore>(name, object).await,
            "SealedSecret" => self.cached::<api::SealedSecret>(name, object).await,
            "VaultStaticSecret" => self.cached::<api::VaultStaticSecret>(name, object).await,
            "VaultDynamicSecret" => self.cached::<api::VaultDynamicSecret>(name, object).await,
            "VaultPKISecret" => self.cached::<api::VaultPKISecret>(name, object).await,
            "VaultAuth" => self.cached::<api::VaultAuth>(name, object).await,
            "VaultAuthGlobal" => self.cached::<api::VaultAuthGlobal>(name, object).await,
            "VaultConnection" => self.cached::<api::VaultConnection>(name, object).await,
            "SecretTransformation" => self.cached::<api::SecretTransformation>(name, object).await,
            _ => {}
        }
    }

    async fn cached<T: Kept>(&self, name: &str, written: &Value) {
        let Some(store) = self.shared.as_ref().map(|shared| shared.caches().store::<T>()) else { return };
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let wanted = number(written["metadata"]["resourceVersion"].as_str().unwrap_or_default());
        let may_be_gone = !written["metadata"]["deletionTimestamp"].is_null();
        let until = Instant::now() + Duration::from_secs(10);
        while store.is_ready() && self.running.is_some() {
            let namespace = written["metadata"]["namespace"].as_str().unwrap_or_default();
            let standing = store.find(namespace, name).map(|object| number(object.resource_version()));
            if standing.map_or(may_be_gone, |version| version >= wanted) {
                return;
            }
            assert!(Instant::now() < until, "the caches do not see what happened to `{name}`");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn object(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        self.find(api_version, kind, name).await.expect("the cluster answers")
    }

    /// A Secret's data, decoded, as `key=value` words.
    pub async fn secret(&self, name: &str) -> Option<String> {
        let secret = self.object("v1", "Secret", name).await?;
        let mut lines = Vec::new();
        for (key, value) in secret["data"].as_object().into_iter().flatten() {
            let bytes = base::encoding::Base64::Standard.decode(value.as_str().unwrap_or_default().as_bytes());
            let bytes = bytes.expect("the cluster holds base64");
            lines.push(format!("{key}={}", String::from_utf8_lossy(bytes.expose())));
        }
        Some(lines.join(" "))
    }

    /// What `explain` tells of an object; nothing where it knows none.
    pub async fn explained(&self, kind: &str, name: &str) -> Vec<String> {
        self.explained_in(kind, self.namespace(), name).await
    }

    /// The same for an object of that namespace, or of none.
    pub async fn explained_in(&self, kind: &str, namespace: &str, name: &str) -> Vec<String> {
        let driver = self.driver.as_ref().expect("a process runs");
        let lines = driver.explain(&kind.to_lowercase(), namespace, name).await;
        lines.into_iter().flatten().map(|line| line.to_string()).collect()
    }

    /// The condition of an object, as `status reason: message`.
    pub async fn condition(&self, api_version: &str, kind: &str, name: &str, condition: &str) -> String {
        let object = self.object(api_version, kind, name).await.unwrap_or_default();
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|entry| entry["type"] == condition).unwrap_or_default();
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {}", text("status"), text("reason"), text("message"))
    }

    /// The text that a scrape of the feature answers.
    pub fn metrics(&self) -> String {
        let driver = self.driver.as_ref().expect("a process runs");
        String::from_utf8(driver.metrics().text().expect("it can be written")).expect("metrics are text")
    }

    /// The events that our own components told, as `type reason: message`.
    pub async fn events(&self) -> Vec<String> {
        let events = self.list("v1", "Event").await.expect("the cluster answers");
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        // A real cluster's own controllers tell of theirs, too.
        let is_ours = |event: &&Value| {
            let component = event["source"]["component"].as_str().unwrap_or_default();
            [
                "external-secrets",
                "secret-store",
                "pushsecret",
                "sealed-secrets",
                "reloader",
                "Vault",
                "vaultClientFactory",
                "SecretTransformation",
            ]
            .iter()
            .any(|ours| component.starts_with(ours))
        };
        let ours = events.iter().filter(is_ours);
        ours.map(|event| format!("{} {}: {}", text(event, "type"), text(event, "reason"), text(event, "message")))
            .collect()
    }
}

/// Waits until something is so: leases and certificates end by the clock.
pub async fn comes(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < until, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
