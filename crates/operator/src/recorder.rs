//! Kubernetes Events, core/v1 as the peers write them: repeated ones are counted on the first (PATCH), and an object that
//! talks too much is cut after a burst of 25 (client-go's spam filter). Sending never blocks a pass.
//! Why not kube's recorder: it writes events.k8s.io, for which the peers' roles have no right (design §11.4).

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::Timestamp;
use http::Method;
use plan::conditions::rfc3339;
use plan::write::Resource;
use plan::{Address, Event};
use serde_json::json;
use tokio::sync::{Notify, mpsc};

use crate::cluster::{self, Call, Cluster, JSON};

/// The burst of events an object may cause, and how many seconds one more takes (client-go's numbers).
const BURST: f64 = 25.0;
const SECONDS_PER_EVENT: f64 = 300.0;
/// How long a repeated event counts on the first instead of being new.
const REPEAT_SECONDS: i64 = 600;
/// How many events are remembered; beyond it the memory starts anew.
const MEMORY: usize = 4096;

/// On which object an event is told.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The object.
    pub at: Address,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
}

/// Sends events in the background.
#[derive(Clone)]
pub struct Recorder {
    send: mpsc::UnboundedSender<Told>,
    pending: Arc<Pending>,
}

#[derive(Default)]
struct Pending {
    count: AtomicUsize,
    done: Notify,
}

struct Told {
    component: &'static str,
    subject: Subject,
    event: Event,
    now: Timestamp,
}

/// What a repeated event is recognised by.
type Same = (String, String, String, String, &'static str);

struct Known {
    name: String,
    count: u32,
    last: Timestamp,
}

#[derive(Default)]
struct Memory {
    known: HashMap<Same, Known>,
    buckets: HashMap<String, (f64, Timestamp)>,
    sequence: u64,
}

impl Recorder {
    /// Starts the sender; it ends when the last recorder is dropped.
    #[must_use]
    pub fn start(cluster: Cluster) -> Self {
        let (send, mut receive) = mpsc::unbounded_channel::<Told>();
        let pending = Arc::new(Pending::default());
        let sender = Sender { cluster, memory: Mutex::default() };
        let counted = Arc::clone(&pending);
        tokio::spawn(async move {
            while let Some(told) = receive.recv().await {
                sender.send(told).await;
                counted.count.fetch_sub(1, Ordering::AcqRel);
                counted.done.notify_waiters();
            }
        });
        Self { send, pending }
    }

    /// Tells an event on an object, and the log of it.
    pub fn tell(&self, component: &'static str, subject: &Subject, event: Event, now: Timestamp) {
        tracing::info!(
            object = %subject.at.object(), r#type = event.severity.as_str(), reason = %event.reason, "{}", event.message
        );
        self.tell_alone(component, subject, event, now);
    }

    /// Tells an event on an object of which the log has its own line.
    pub fn tell_alone(&self, component: &'static str, subject: &Subject, event: Event, now: Timestamp) {
        self.pending.count.fetch_add(1, Ordering::AcqRel);
        // The sender lives as long as the process; without it there is nobody left to tell.
        let _ = self.send.send(Told { component, subject: subject.clone(), event, now });
    }

    /// Waits until everything told so far is sent.
    pub async fn idle(&self) {
        loop {
            let done = self.pending.done.notified();
            if self.pending.count.load(Ordering::Acquire) == 0 {
                return;
            }
            done.await;
        }
    }
}

struct Sender {
    cluster: Cluster,
    memory: Mutex<Memory>,
}

enum Request {
    Create { path: String, body: Vec<u8> },
    Count { path: String, body: Vec<u8> },
}

impl Sender {
    async fn send(&self, told: Told) {
        let request = self.memory.lock().unwrap_or_else(PoisonError::into_inner).request(&told);
        let Some(request) = request else { return };
        let call = match request {
            Request::Create { path, body } => Call { method: Method::POST, path, media: JSON, body },
            Request::Count { path, body } => {
                Call { method: Method::PATCH, path, media: "application/strategic-merge-patch+json", body }
            }
        };
        if let Err(fault) = self.cluster.call(call).await {
            // An event is a courtesy: a namespace that is being deleted refuses it, and nothing depends on it.
            tracing::debug!(error = fault.chain(), "an event could not be written");
        }
    }
}

impl Memory {
    fn request(&mut self, told: &Told) -> Option<Request> {
        let Told { component, subject, event, now } = told;
        if !self.may_speak(&subject.uid, *now) {
            return None;
        }
        let same: Same = (
            subject.uid.clone(),
            event.reason.clone(),
            event.message.clone(),
            event.severity.as_str().to_owned(),
            component,
        );
        if self.known.len() > MEMORY {
            self.known.clear();
        }
        let namespace = if subject.at.namespace.is_empty() { "default" } else { &subject.at.namespace };
        let path = cluster::collection_path(&Resource::new("", "v1", "Event", "events"), namespace);
        if let Some(known) = self.known.get_mut(&same)
            && now.duration_since(known.last).as_secs() < REPEAT_SECONDS
        {
            known.count += 1;
            known.last = *now;
            let body = json!({ "count": known.count, "lastTimestamp": rfc3339(*now) }).to_string().into_bytes();
            return Some(Request::Count { path: format!("{path}/{}", known.name), body });
        }
        self.sequence += 1;
        let nanoseconds = u64::try_from(now.as_nanosecond()).unwrap_or_default().wrapping_add(self.sequence);
        let name = format!("{}.{nanoseconds:x}", subject.at.name);
        let body = body(told, namespace, &name);
        self.known.insert(same, Known { name, count: 1, last: *now });
        Some(Request::Create { path, body })
    }

    /// A token bucket per object.
    fn may_speak(&mut self, uid: &str, now: Timestamp) -> bool {
        if self.buckets.len() > MEMORY {
            self.buckets.clear();
        }
        let (tokens, last) = self.buckets.entry(uid.to_owned()).or_insert((BURST, now));
        *tokens = (*tokens + now.duration_since(*last).as_secs_f64() / SECONDS_PER_EVENT).min(BURST);
        *last = now;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}

fn body(told: &Told, namespace: &str, name: &str) -> Vec<u8> {
    let Told { component, subject, event, now } = told;
    let at = &subject.at;
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": name, "namespace": namespace },
        "involvedObject": {
            "apiVersion": at.resource.api_version(),
            "kind": at.resource.kind,
            "namespace": at.namespace,
            "name": at.name,
            "uid": subject.uid,
            "resourceVersion": subject.resource_version,
        },
        "reason": event.reason,
        "message": event.message,
        "type": event.severity.as_str(),
        "source": { "component": component },
        "reportingComponent": component,
        "reportingInstance": "",
        "firstTimestamp": rfc3339(*now),
        "lastTimestamp": rfc3339(*now),
        "count": 1,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str, at: &str) -> Told {
        let address = Address::secret("demo", "db");
        let subject = Subject { at: address, uid: "u".into(), resource_version: "1".into() };
        let now = at.parse().expect("a test's own timestamp");
        Told { component: "external-secrets", subject, event: Event::normal("Updated", message), now }
    }

    #[test]
    fn a_repeated_event_is_counted_and_a_later_one_is_new() {
        let mut memory = Memory::default();
        let create = |request| matches!(request, Some(Request::Create { .. }));
        let count = |request| matches!(request, Some(Request::Count { .. }));
        assert!(create(memory.request(&told("a", "2026-01-01T00:00:00Z"))));
        assert!(count(memory.request(&told("a", "2026-01-01T00:01:00Z"))));
        assert!(create(memory.request(&told("b", "2026-01-01T00:01:00Z"))));
        assert!(create(memory.request(&told("a", "2026-01-01T01:00:00Z"))));
    }

    #[test]
    fn an_object_that_talks_too_much_is_cut_after_its_burst() {
        let mut memory = Memory::default();
        let sent = (0..40).filter(|n| memory.request(&told(&n.to_string(), "2026-01-01T00:00:00Z")).is_some()).count();
        assert_eq!(sent, 25);
        assert!(memory.request(&told("later", "2026-01-01T00:06:00Z")).is_some());
    }
}
