//! A stage for scenarios: the sandbox under the real client, a process with the features that a scenario needs, and ways to
//! put objects in, wait and look.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::Timestamp;
use kube_core::CustomResourceExt as _;
use operator::cache::Scope;
use operator::driver::Driver;
use operator::feature::FeatureName;
use operator::process::Process;
use operator::shared::Clock;
use operator::world::stores::Providers;
use providers::reach::{Programs, Reach, Uncounted};
use sandbox::Sandbox;
use serde_json::{Value, json};

pub struct Stage {
    pub sandbox: Sandbox,
    now: Arc<Mutex<Timestamp>>,
    driver: Option<Arc<Driver>>,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    running: Option<tokio::task::JoinHandle<()>>,
}

impl Stage {
    pub fn new() -> Self {
        let sandbox = Sandbox::new();
        for crd in [api::ExternalSecret::crd(), api::SecretStore::crd(), api::ClusterSecretStore::crd()] {
            sandbox.register(&crd).expect("our own CRDs are served");
        }
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a test's own timestamp");
        sandbox.clock().set(now);
        Self { sandbox, now: Arc::new(Mutex::new(now)), driver: None, end: None, running: None }
    }

    /// Starts a process with one feature, as after a restart: it remembers nothing.
    pub async fn start(
        &mut self,
        feature: FeatureName,
        prepare: impl FnOnce(&Process),
        rows: impl FnOnce(Driver) -> Driver,
    ) {
        let client = self.sandbox.client();
        let clock = Clock::Fixed(Arc::clone(&self.now));
        let mut process = Process::new(client.clone(), vec![Scope::Cluster], clock, [7; 32]);
        let reach = Reach {
            http: wire::Client::new(wire::client::Settings::default()),
            surroundings: wire::Surroundings::none(),
            cluster: Some(client),
            programs: Programs::Closed,
            calls: Arc::new(Uncounted),
        };
        process.shared().remember(Providers::new(reach, "default"));
        prepare(&process);
        process.add(feature, 4, None, rows);
        self.driver = process.driver(feature);
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        self.end = Some(end);
        self.running = Some(tokio::spawn(process.run(async move {
            let _ = ended.await;
        })));
        self.settle().await;
    }

    /// Ends the process in order.
    pub async fn stop(&mut self) {
        drop(self.end.take());
        if let Some(running) = self.running.take() {
            running.await.expect("the process ends in order");
        }
        self.driver = None;
    }

    /// Waits until everything that was put in is seen and worked off.
    pub async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let before = self.sandbox.recorder().requests().len();
            if let Some(driver) = &self.driver {
                driver.idle().await;
            }
            let still = self.sandbox.is_delivered() && self.sandbox.recorder().requests().len() == before;
            quiet = if still { quiet + 1 } else { 0 };
        }
    }

    /// Moves the clock; what is due then is worked off.
    pub async fn later(&self, seconds: i64) {
        {
            let mut now = self.now.lock().expect("nobody panics while holding the clock");
            *now = now.saturating_add(jiff::SignedDuration::from_secs(seconds)).expect("a test's own time");
            self.sandbox.clock().set(*now);
        }
        self.settle().await;
    }

    /// Creates or replaces an object, as a user would with kubectl.
    pub async fn apply(&self, object: Value) {
        let meta = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&meta["namespace"]), text(&meta["name"]));
        let standing = self.object(&text(&object["apiVersion"]), &text(&object["kind"]), &namespace, &name);
        let path = collection(&object, &namespace);
        match standing {
            None => self.send("POST", &path, "application/json", &object).await,
            Some(standing) => {
                let mut object = object;
                object["metadata"]["resourceVersion"] = standing["metadata"]["resourceVersion"].clone();
                self.send("PUT", &format!("{path}/{name}"), "application/json", &object).await;
            }
        }
        self.settle().await;
    }

    /// Merge-patches an object.
    pub async fn patch(&self, object: Value, change: Value) {
        let meta = &object["metadata"];
        let namespace = meta["namespace"].as_str().unwrap_or_default();
        let path = format!("{}/{}", collection(&object, namespace), meta["name"].as_str().unwrap_or_default());
        self.send("PATCH", &path, "application/merge-patch+json", &change).await;
        self.settle().await;
    }

    /// Deletes an object.
    pub async fn delete(&self, object: Value) {
        let meta = &object["metadata"];
        let namespace = meta["namespace"].as_str().unwrap_or_default();
        let path = format!("{}/{}", collection(&object, namespace), meta["name"].as_str().unwrap_or_default());
        self.send("DELETE", &path, "application/json", &json!({})).await;
        self.settle().await;
    }

    async fn send(&self, method: &str, path: &str, media: &str, body: &Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{path}?fieldManager=kubectl"))
            .header("content-type", media)
            .body(body.to_string().into_bytes())
            .expect("a test's own request");
        self.sandbox.client().request_text(request).await.expect("the sandbox takes what the test sends");
    }

    pub fn object(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.sandbox.object(api_version, kind, namespace, name)
    }

    /// A Secret's data, decoded, as `key=value` lines.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<String> {
        let secret = self.object("v1", "Secret", namespace, name)?;
        let mut lines = Vec::new();
        for (key, value) in secret["data"].as_object().into_iter().flatten() {
            let bytes = base::encoding::Base64::Standard.decode(value.as_str().unwrap_or_default().as_bytes());
            let bytes = bytes.expect("the sandbox holds base64");
            lines.push(format!("{key}={}", String::from_utf8_lossy(bytes.expose())));
        }
        Some(lines.join(" "))
    }

    /// The condition of an object, as `status reason: message`.
    pub fn condition(&self, api_version: &str, kind: &str, namespace: &str, name: &str, condition: &str) -> String {
        let object = self.object(api_version, kind, namespace, name).unwrap_or_default();
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|entry| entry["type"] == condition).unwrap_or_default();
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {}", text("status"), text("reason"), text("message"))
    }

    /// The events, as `type reason: message`, in order.
    pub fn events(&self) -> Vec<String> {
        let events = self.sandbox.objects().into_iter().filter(|object| object["kind"] == "Event");
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        events
            .map(|event| format!("{} {}: {}", text(&event, "type"), text(&event, "reason"), text(&event, "message")))
            .collect()
    }
}

fn collection(object: &Value, namespace: &str) -> String {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
    let plural = if kind.ends_with('s') { format!("{kind}es") } else { format!("{kind}s") };
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    if namespace.is_empty() {
        format!("{root}/{api_version}/{plural}")
    } else {
        format!("{root}/{api_version}/namespaces/{namespace}/{plural}")
    }
}
