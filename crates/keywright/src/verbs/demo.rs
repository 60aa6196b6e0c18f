//! `keywright demo`: the story of a secret, told step by step to a newcomer, on a small cluster in memory. It runs the real
//! code of every road on real files; nothing of it is staged but the cluster. Specification: design §16; issue "The house" §3.

mod repository;

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::kinds::crds;
use base::Fault;
use base::encoding::Base64;
use http::Method;
use operator::cache::Scope;
use operator::cluster::{Call as ApiCall, JSON, collection_path, object_path};
use operator::feature::FeatureName;
use operator::process::Process;
use operator::sealed_secrets::Keys;
use operator::shared::{Clock, Shared};
use operator::world::stores::Providers;
use plan::Address;
use plan::write::Resource;
use providers::reach::OwnCluster;
use sandbox::Sandbox;
use seal::Scope as SealScope;
use serde_json::{Value, json};

use self::repository::Repository;
use super::crds::unions;
use super::operator::add_features;
use crate::argv::{self, ArgvError, Grammar};
use crate::{Call, Exit, Failure, Ui, cluster, reach};

/// How long a step may take before the demo says that it failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// The roads that the demo walks.
const FEATURES: [FeatureName; 3] = [FeatureName::ExternalSecrets, FeatureName::SealedSecrets, FeatureName::Reloader];
/// Where everything happens.
const NAMESPACE: &str = "shop";

/// Tells the story.
///
/// # Errors
/// A step did not come to its end, which would be a bug of ours.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    if let Err(ArgvError::Help { .. }) = argv::parse(Grammar::Pflag, &[], &call.args) {
        call.ui.data(b"Usage:\n  keywright demo\n")?;
        return Ok(Exit::SUCCESS);
    }
    let environment = call.environment.clone();
    let ui = &mut call.ui;
    say(
        ui,
        "keywright demo: one secret's way through a cluster. The cluster is small and lives in memory; the rest is real.\n",
    )?;
    let repository = Repository::new(&environment)?;
    repository.encrypt(ui)?;
    let deployed = repository.deploy(ui)?;
    cluster::block_on(async {
        let sandbox = Sandbox::new();
        for crd in crds(&unions()) {
            sandbox.register(&crd)?;
        }
        let client = sandbox.client();
        let mut process = Process::new(client.clone(), vec![Scope::Cluster], Clock::System, cluster::seed()?);
        process
            .shared()
            .remember(Providers::new(reach::of_operator(environment, OwnCluster::in_memory(client)), "default"));
        add_features(&mut process, &FEATURES, NAMESPACE, |_| None);
        let shared = Arc::clone(process.shared());
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(process.run(async move {
            let _ = ended.await;
        }));
        let story = Story { sandbox, shared };
        let told = story.tell(ui, deployed).await;
        drop(end);
        running.await.map_err(|error| Fault::bug("the operator did not end in order").because(error))?;
        told
    })?;
    say(
        ui,
        "\nThat was all. To go on: README.md for the map, docs/guides/choose.md for which road is yours, and\n`keywright operator --help` for a real cluster.",
    )?;
    Ok(Exit::SUCCESS)
}

struct Story {
    sandbox: Sandbox,
    shared: Arc<Shared>,
}

impl Story {
    async fn tell(&self, ui: &mut Ui, deployed: Option<Value>) -> Result<(), Fault> {
        if let Some(mut secret) = deployed {
            secret["metadata"]["namespace"] = json!(NAMESPACE);
            self.put("secrets", secret).await?;
            self.until("Helm's Secret was there", || self.value("api", "token").as_deref() == Some("hunter2")).await?;
        }
        self.seal(ui).await?;
        self.sync(ui).await?;
        self.rotate(ui).await
    }

    async fn seal(&self, ui: &mut Ui) -> Result<(), Fault> {
        say(ui, "3. Another goes into Git sealed: nobody needs a key to write, only the cluster can read")?;
        let keys = self.shared.memory::<Keys>().loaded().await;
        let certificate = keys.newest().and_then(|key| key.certificate.as_ref());
        let certificate = certificate.ok_or_else(|| Fault::bug("the cluster has no sealing key"))?;
        note(ui, "the operator made a sealing key; anybody may fetch its certificate")?;
        let label = SealScope::Strict.label(NAMESPACE, "smtp");
        let sealed = certificate.public_key().seal(&label, &"mail-password".into())?.to_text();
        note(ui, &format!("sealed for Secret {NAMESPACE}/smtp alone: {}…", &sealed[..40]))?;
        self.put(
            "sealedsecrets",
            json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"name": "smtp", "namespace": NAMESPACE},
            "spec": {"encryptedData": {"password": sealed}}}),
        )
        .await?;
        self.until("the SealedSecret became a Secret", || {
            self.value("smtp", "password").as_deref() == Some("mail-password")
        })
        .await?;
        note(ui, "only the cluster could open it: Secret shop/smtp is there\n")
    }

    async fn sync(&self, ui: &mut Ui) -> Result<(), Fault> {
        say(ui, "4. A secret stays in a secret manager and is synced")?;
        self.put("secretstores", store("one")).await?;
        self.put(
            "deployments",
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": NAMESPACE, "annotations": {"reloader.stakater.com/auto": "true"}},
            "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "web",
                "envFrom": [{"secretRef": {"name": "db"}}]}]}}}}),
        )
        .await?;
        note(ui, "a Deployment `web` uses Secret shop/db, which nobody has written yet")?;
        self.put(
            "externalsecrets",
            json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": "db", "namespace": NAMESPACE},
            "spec": {"secretStoreRef": {"name": "manager"}, "refreshInterval": "1s",
                "data": [{"secretKey": "password", "remoteRef": {"key": "db", "property": "password"}}]}}),
        )
        .await?;
        self.until("the ExternalSecret was synced", || self.value("db", "password").as_deref() == Some("one")).await?;
        note(ui, "an ExternalSecret says where the value is: Secret shop/db is there\n")
    }

    async fn rotate(&self, ui: &mut Ui) -> Result<(), Fault> {
        say(ui, "5. The value is rotated at its source")?;
        let begun = Instant::now();
        self.put("secretstores", store("two")).await?;
        self.until("the new value arrived", || self.value("db", "password").as_deref() == Some("two")).await?;
        note(ui, &format!("the Secret followed after {} ms", begun.elapsed().as_millis()))?;
        self.until("the Deployment restarted", || self.restarts() == 1).await?;
        note(
            ui,
            &format!(
                "and `web` restarted, once, after {} ms: its pod template carries a new mark",
                begun.elapsed().as_millis()
            ),
        )
    }

    /// Puts an object into the cluster, as `kubectl apply` would.
    async fn put(&self, plural: &str, mut object: Value) -> Result<(), Fault> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let name = text(&object["metadata"]["name"]);
        let at = Address::new(Resource::new(group, version, &kind, plural), NAMESPACE, name.as_str());
        let (method, path) = match self.sandbox.object(&api_version, &kind, NAMESPACE, &name) {
            None => (Method::POST, collection_path(&at.resource, NAMESPACE)),
            Some(standing) => {
                object["metadata"]["resourceVersion"] = standing["metadata"]["resourceVersion"].clone();
                (Method::PUT, object_path(&at, None))
            }
        };
        let call = ApiCall { method, path, media: JSON, body: object.to_string().into_bytes() };
        self.shared.cluster().call(call).await.map(drop)
    }

    /// A value of a Secret. The demo's values are no secrets.
    fn value(&self, name: &str, key: &str) -> Option<String> {
        let secret = self.sandbox.object("v1", "Secret", NAMESPACE, name)?;
        let bytes = Base64::Standard.decode(secret["data"][key].as_str()?.as_bytes())?;
        String::from_utf8(bytes.expose().to_vec()).ok()
    }

    /// How many events tell of a restart.
    fn restarts(&self) -> usize {
        self.sandbox
            .objects()
            .iter()
            .filter(|object| object["kind"] == "Event" && object["reason"] == "Reloaded")
            .count()
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) -> Result<(), Fault> {
        let begun = Instant::now();
        while !is_so() {
            if begun.elapsed() > PATIENCE {
                return Err(Fault::bug(format!("waited {} s and in vain until {what}", PATIENCE.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

fn store(password: &str) -> Value {
    json!({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "manager", "namespace": NAMESPACE},
        "spec": {"provider": {"fake": {"data": [{"key": "db", "value": json!({"password": password}).to_string()}]}}}})
}

fn say(ui: &mut Ui, text: &str) -> Result<(), Fault> {
    ui.data(format!("{text}\n").as_bytes())
}

fn note(ui: &mut Ui, text: &str) -> Result<(), Fault> {
    say(ui, &format!("   {text}"))
}
