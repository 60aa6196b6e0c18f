//! The cluster in memory that a render happens in: the input's objects, the operator's controllers over them until they rest, and
//! then Reloader's, for which everything that it finds is new. The clock stands still, and there is nobody who gives tokens.
//! Specification: design §4.3 (`render`), §11; RL §6 (`--reload-on-create --sync-after-restart`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::kinds::crds;
use base::{Fault, Timestamp};
use operator::cache::{Name, Scope};
use operator::driver::Driver;
use operator::external_secrets::external_secret;
use operator::feature::FeatureName;
use operator::process::Process;
use operator::queue::Lane;
use operator::sealed_secrets::{self, Keys, sealed_secret};
use operator::shared::Clock;
use operator::vault_secrets::{self, vault_static_secret};
use operator::world::stores::Providers;
use operator::{controllers, external_secrets, reloader};
use plan::reload::Kind as WorkloadKind;
use providers::reach::{OwnCluster, Programs, Reach};
use sandbox::{Fate, Sandbox, Trouble};
use seal::KeySet;
use serde_json::Value;
use wire::Environment;

use super::Unrendered;
use super::input::{Input, Key};
use super::kinds::{Role, Row};
use crate::verbs::crds::unions;
use crate::{cluster, reach};

/// The namespace of the operator's own things, which no file can mean.
const HOME: &str = "keywright-render";
/// How many passes run at once: they wait for the network, not for the processor.
const WORKERS: usize = 10;
/// Who the input's objects come from.
const MANAGER: &str = "keywright-render";

/// How controllers say that an object of the cluster is not there.
const MISSING: [&str; 2] = ["\" not found", "cannot find secret data for key: "];

/// What came of a render.
#[derive(Default)]
pub struct World {
    /// All objects before anybody looked at them.
    pub before: BTreeMap<Key, Value>,
    /// All objects at the end.
    pub after: BTreeMap<Key, Value>,
    /// What did not become a Secret, or could not be loaded.
    pub failures: Vec<Unrendered>,
    /// What is odd about workloads.
    pub warnings: BTreeSet<String>,
}

/// Runs the controllers over the input.
///
/// # Errors
/// The process cannot work at all; what is wrong with single objects is told in the answer.
pub fn run(input: &Input, keys: KeySet, environment: Environment, now: Timestamp) -> Result<World, Fault> {
    cluster::block_on(async {
        let stage = Stage::new(input, environment, now)?;
        let mut world = stage.load(input);
        world.before = stage.objects();
        stage.sync(keys).await?;
        let told = stage.told();
        world.failures.extend(stage.unsynced().iter().map(|key| reason(key, told.get(key))));
        stage.reload(input).await?;
        stage.workloads(&mut world);
        world.after = stage.objects();
        Ok(world)
    })
}

struct Stage {
    sandbox: Sandbox,
    client: kube::Client,
    environment: Environment,
    now: Timestamp,
    sources: Vec<(Key, Value, &'static str)>,
}

impl Stage {
    fn new(input: &Input, environment: Environment, now: Timestamp) -> Result<Self, Fault> {
        let sandbox = Sandbox::new();
        sandbox.clock().set(now);
        for crd in crds(&unions()) {
            sandbox.register(&crd)?;
        }
        // A token of this cluster would be a lie, and would be sent to a real Vault.
        sandbox.trouble(Trouble::on("create", "serviceaccounts/token", Fate::Forbidden));
        let sources = input.objects.iter().filter_map(|object| match object.row?.role {
            Role::Source { condition, .. } => Some((object.key.clone(), object.value.clone(), condition)),
            _ => None,
        });
        let (client, sources) = (sandbox.client(), sources.collect());
        Ok(Self { sandbox, client, environment, now, sources })
    }

    /// Puts the input in; what the API would refuse is told.
    fn load(&self, input: &Input) -> World {
        let mut world = World::default();
        for object in input.objects.iter().filter(|object| object.row.is_some()) {
            if let Err(fault) = self.sandbox.load(&object.value, MANAGER) {
                let (chain, why) = (fault.chain(), fault.advice().unwrap_or_default());
                world.failures.push(Unrendered { reason: format!("{chain}: {why}"), advice: None });
            }
        }
        world
    }

    /// The controllers that make Secrets, until they rest. What failed is tried again as long as that helps: one Secret may hold
    /// what another needs.
    async fn sync(&self, keys: KeySet) -> Result<(), Fault> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let mut process = self.process(self.now)?;
        let settings = external_secrets::Settings {
            // A store says what is wrong with it when it is used.
            validates_stores: false,
            validates_cluster_stores: false,
            // Nothing leaves the machine.
            pushes: false,
            stamps_pushes: false,
            ..external_secrets::Settings::default()
        };
        process.shared().remember(settings.clone());
        process.add(FeatureName::ExternalSecrets, WORKERS, None, |driver| {
            controllers::external_secrets(driver, &settings)
        });
        vault_secrets::prepare(process.shared(), vault_secrets::Settings::new(HOME));
        process.add(FeatureName::VaultSecrets, WORKERS, None, controllers::vault_secrets);
        process.shared().remember(sealed_secrets::Settings::new(HOME));
        process.shared().memory::<Keys>().set(keys);
        process.add(FeatureName::SealedSecrets, WORKERS, None, controllers::sealed_secrets);
        let drivers = drivers(&process);
        self.during(process, async {
            let mut unsynced = self.sources.len();
            loop {
                self.rest(&drivers).await;
                let left = self.unsynced();
                if left.is_empty() || left.len() == unsynced {
                    break;
                }
                unsynced = left.len();
                left.iter().for_each(|key| again(&drivers, key));
            }
        })
        .await
    }

    /// Reloader over everything: each ConfigMap and Secret leaves its mark on the workloads that react to it. CronJobs and Jobs
    /// read what they need when they run, and a pause would only hold the result back.
    async fn reload(&self, input: &Input) -> Result<(), Fault> {
        let is_workload = |key: &Key| key.group == "apps";
        if !input.objects.iter().any(|object| is_workload(&object.key)) {
            return Ok(());
        }
        let mut settings = reloader::Settings { replays_start: true, ..reloader::Settings::default() };
        settings.options.on_create = true;
        settings.options.ignored = [WorkloadKind::CronJob, WorkloadKind::Job].into();
        // No annotation has an empty name.
        settings.options.keys.pause_period.clear();
        settings.options.keys.paused_at.clear();
        // A second later, so that its events are not taken for those of the first process.
        let mut process =
            self.process(self.now.saturating_add(jiff::SignedDuration::from_secs(1)).unwrap_or(self.now))?;
        process.shared().remember(settings.clone());
        // One pass after the other: all causes come first, so that each workload is edited once, in one order.
        process.add(FeatureName::Reloader, 1, None, |driver| controllers::reloader(driver, &settings));
        let drivers = drivers(&process);
        self.during(process, self.rest(&drivers)).await
    }

    fn process(&self, now: Timestamp) -> Result<Process, Fault> {
        let clock = Clock::Fixed(Arc::new(Mutex::new(now)));
        let process = Process::new(self.client.clone(), vec![Scope::Cluster], clock, cluster::seed()?);
        let lent = reach::of_command_line(self.environment.clone());
        let cluster = Some(OwnCluster::in_memory(self.client.clone()));
        process.shared().remember(Providers::new(Reach { programs: Programs::Closed, cluster, ..lent }, "default"));
        Ok(process)
    }

    async fn during(&self, process: Process, work: impl Future<Output = ()>) -> Result<(), Fault> {
        let shared = Arc::clone(process.shared());
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(process.run(async move {
            let _ = ended.await;
        }));
        shared.caches().ready().await;
        work.await;
        drop(end);
        running.await.map_err(|error| Fault::bug("the controllers did not end in order").because(error))
    }

    /// Until nothing is queued, nothing runs and everything written was seen, several times in a row.
    async fn rest(&self, drivers: &[Arc<Driver>]) {
        let mut quiet = 0;
        while quiet < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let begun = Instant::now();
            for driver in drivers {
                driver.idle().await;
            }
            let is_still = begun.elapsed() < Duration::from_millis(3) && self.sandbox.is_delivered();
            quiet = if is_still { quiet + 1 } else { 0 };
        }
    }

    fn find(&self, key: &Key, value: &Value) -> Option<Value> {
        let api_version = value["apiVersion"].as_str().unwrap_or_default();
        self.sandbox.object(api_version, &key.kind, &key.namespace, &key.name)
    }

    /// The sources that did not become Secrets. One that could not be loaded was told already.
    fn unsynced(&self) -> Vec<Key> {
        let is_left = |(key, value, condition): &&(Key, Value, &str)| {
            self.find(key, value).is_some_and(|object| {
                let all = object["status"]["conditions"].as_array().into_iter().flatten();
                !all.into_iter().any(|entry| entry["type"] == **condition && entry["status"] == "True")
            })
        };
        self.sources.iter().filter(is_left).map(|(key, _, _)| key.clone()).collect()
    }

    /// What was told last about each object.
    fn told(&self) -> BTreeMap<Key, String> {
        let version =
            |event: &Value| event["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse::<u64>().ok());
        let mut events = self.events();
        events.sort_by_key(version);
        let message = |event: &Value| event["message"].as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| (key_of(event), message(event))).collect()
    }

    /// What was told about workloads: what is odd, and what could not be stamped.
    fn workloads(&self, world: &mut World) {
        for event in self.events() {
            let key = key_of(&event);
            if key.group != "apps" {
                continue;
            }
            let text = format!("{}: {}", key.object(), event["message"].as_str().unwrap_or_default());
            if event["reason"] == api::reload::names::RELOAD_FAIL {
                world.failures.push(Unrendered { reason: format!("cannot render {text}"), advice: None });
            } else {
                world.warnings.insert(text);
            }
        }
    }

    /// All warnings that were told.
    fn events(&self) -> Vec<Value> {
        let all = self.sandbox.objects().into_iter();
        all.filter(|object| object["kind"] == "Event" && object["type"] == "Warning").collect()
    }

    /// Everything that may be part of the result.
    fn objects(&self) -> BTreeMap<Key, Value> {
        let known = |object: &Value| {
            let row = super::kinds::of(object["apiVersion"].as_str()?, object["kind"].as_str()?)?;
            let key = Key::of(object);
            (matches!(row, Row { role: Role::Plain, .. }) && key.namespace != HOME && key.name != HOME).then_some(key)
        };
        self.sandbox.objects().into_iter().filter_map(|object| Some((known(&object)?, object))).collect()
    }
}

fn drivers(process: &Process) -> Vec<Arc<Driver>> {
    FeatureName::ALL.into_iter().filter_map(|feature| process.driver(feature)).collect()
}

/// Why a source did not become a Secret: what its controller told last.
fn reason(key: &Key, told: Option<&String>) -> Unrendered {
    let why = told.map(String::as_str).unwrap_or("no controller took it: it names a store of another controller class");
    let advice = if why.contains("/token`") {
        Some(
            "there is no cluster that gives tokens of ServiceAccounts: use a store or VaultAuth whose credentials lie in a Secret of the input or in the environment",
        )
    } else if why.contains("error using generator") {
        // They are not loaded: what one makes may be a lease.
        Some(
            "a generator makes another value at each render, so it is left to an operator; `--offline` writes the ExternalSecret as it is",
        )
    } else if why.contains("no key could decrypt secret") {
        Some("name the cluster's private keys with `--private-key`")
    } else if MISSING.iter().any(|words| why.contains(words)) {
        Some("what an object refers to must be in the input")
    } else {
        None
    };
    Unrendered { reason: format!("cannot render {}: {why}", key.object()), advice: advice.map(str::to_owned) }
}

/// Gives a source another pass.
fn again(drivers: &[Arc<Driver>], key: &Key) {
    let row = drivers.iter().find_map(|driver| match key.kind.as_str() {
        "ExternalSecret" => driver.enqueue::<external_secret::Reconcile>(),
        "VaultStaticSecret" => driver.enqueue::<vault_static_secret::Sync>(),
        _ => driver.enqueue::<sealed_secret::Unseal>(),
    });
    let name: Name = (key.namespace.as_str().into(), key.name.as_str().into());
    if let Some(row) = row {
        row.add(name, Lane::Retry);
    }
}

/// What an event is about.
fn key_of(event: &Value) -> Key {
    let about = &event["involvedObject"];
    let mut key = Key::of(about);
    let text = |field: &str| about[field].as_str().unwrap_or_default().to_owned();
    (key.namespace, key.name) = (text("namespace"), text("name"));
    key
}
