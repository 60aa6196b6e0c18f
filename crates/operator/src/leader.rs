//! One process acts, the others keep warm: a lease per feature with client-go's semantics and timing (15 s, 10 s, 2 s), under
//! the peer's name, so that peer and ours never both lead. Without the right to leases the feature runs alone and says so.
//! Ours because kube ships no election. Specification: design §1, §7; RL §14; ESO §12.1; VSO §13.

use std::time::Duration;

use base::{Fault, Kind, Timestamp};
use http::Method;
use plan::Address;
use plan::write::Resource;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cluster::{self, Call, Cluster, JSON};
use crate::shared::Clock;

/// Which lease, and how fast.
#[derive(Clone, Debug)]
pub struct Election {
    /// The lease's namespace.
    pub namespace: String,
    /// The lease's name.
    pub name: String,
    /// Who we are: the pod's name, made unique.
    pub identity: String,
    /// How long a lease holds without being renewed.
    pub lease_duration: Duration,
    /// How long we try to renew before we give up.
    pub renew_deadline: Duration,
    /// How often we try.
    pub retry_period: Duration,
}

impl Election {
    /// An election with client-go's numbers.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }

    /// Whether the numbers can work together: client-go's rules (RL §22.1).
    ///
    /// # Errors
    /// The lease is shorter than a second or than the deadline, or the deadline than 1.2 tries.
    pub fn check(&self) -> Result<(), Fault> {
        let wrong = |text: &str| Err(Fault::wrong(text.to_owned()));
        if self.lease_duration.subsec_nanos() != 0 || self.lease_duration.as_secs() < 1 {
            return wrong("leader election lease duration must be whole seconds, at least one");
        }
        if self.lease_duration <= self.renew_deadline {
            return wrong("leader election lease duration must be greater than the renew deadline");
        }
        if self.retry_period.is_zero() || self.renew_deadline <= self.retry_period.mul_f64(1.2) {
            return wrong("leader election renew deadline must be greater than the retry period times 1.2");
        }
        Ok(())
    }

    fn address(&self) -> Address {
        let leases = Resource::new("coordination.k8s.io", "v1", "Lease", "leases");
        Address::new(leases, self.namespace.clone(), self.name.clone())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseSpec {
    #[serde(default)]
    holder_identity: Option<String>,
    #[serde(default)]
    lease_duration_seconds: Option<u64>,
    #[serde(default)]
    acquire_time: Option<String>,
    #[serde(default)]
    renew_time: Option<String>,
    #[serde(default)]
    lease_transitions: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct Lease {
    metadata: LeaseMeta,
    #[serde(default)]
    spec: LeaseSpec,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseMeta {
    resource_version: String,
}

/// What was last seen of the lease, and when by our own clock: others' clocks are not trusted.
struct Observed {
    spec: LeaseSpec,
    at: Instant,
}

/// Runs the election until the process ends; `leads` tells the outcome. Call [`release`] on the way out.
pub async fn run(cluster: Cluster, clock: Clock, election: Election, leads: watch::Sender<bool>) {
    let mut observed: Option<Observed> = None;
    let mut renewed = Instant::now();
    let mut told = String::new();
    loop {
        // A call that hangs must not carry us past the lease: somebody else may act by then.
        let patience = election.renew_deadline.saturating_sub(renewed.elapsed()).max(election.retry_period);
        let outcome = match tokio::time::timeout(patience, attempt(&cluster, &clock, &election, &mut observed)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::unreachable("the API server did not answer in time")),
        };
        match outcome {
            Ok(true) => {
                renewed = Instant::now();
                told.clear();
                if turn(&leads, true) {
                    tracing::info!(lease = election.name, identity = election.identity, "became leader");
                }
            }
            Ok(false) => step_down(&leads, &election),
            Err(fault) if fault.kind() == Kind::Denied && observed.is_none() => {
                tracing::warn!(
                    lease = election.name,
                    error = fault.chain(),
                    "no right to leases: this feature runs without an election, so run one replica only"
                );
                turn(&leads, true);
                return;
            }
            Err(fault) => {
                let text = fault.chain();
                if text != told {
                    tracing::warn!(
                        lease = election.name,
                        error = text,
                        "the lease could not be renewed, will be tried again"
                    );
                    told = text;
                }
                if renewed.elapsed() >= election.renew_deadline {
                    step_down(&leads, &election);
                }
            }
        }
        tokio::time::sleep(election.retry_period).await;
    }
}

fn step_down(leads: &watch::Sender<bool>, election: &Election) {
    if turn(leads, false) {
        tracing::warn!(lease = election.name, "lost the lease");
    }
}

/// Tells a change, and only a change: a renewal wakes nobody. Whether it was one.
fn turn(leads: &watch::Sender<bool>, now: bool) -> bool {
    leads.send_if_modified(|leads| std::mem::replace(leads, now) != now)
}

/// One attempt to acquire or renew; whether we hold the lease afterwards.
async fn attempt(
    cluster: &Cluster,
    clock: &Clock,
    election: &Election,
    observed: &mut Option<Observed>,
) -> Result<bool, Fault> {
    let now = clock.now();
    let at = election.address();
    let Some(lease) = cluster.read_as::<Lease>(&at).await? else {
        let spec = claim(&LeaseSpec::default(), election, now);
        return held(send(cluster, election, &spec, None).await, spec, observed);
    };
    if observed.as_ref().is_none_or(|old| old.spec != lease.spec) {
        *observed = Some(Observed { spec: lease.spec.clone(), at: Instant::now() });
    }
    let since = observed.as_ref().map(|seen| seen.at.elapsed()).unwrap_or_default();
    if !may_claim(&lease.spec, election, since) {
        return Ok(false);
    }
    let spec = claim(&lease.spec, election, now);
    held(send(cluster, election, &spec, Some(&lease.metadata.resource_version)).await, spec, observed)
}

/// What an attempt came to; a lease that we hold has just moved.
fn held(sent: Result<(), Fault>, spec: LeaseSpec, observed: &mut Option<Observed>) -> Result<bool, Fault> {
    match sent {
        Ok(()) => {
            *observed = Some(Observed { spec, at: Instant::now() });
            Ok(true)
        }
        // Somebody was faster.
        Err(fault) if fault.kind() == Kind::Conflict => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Writes the lease: a new one, or over the version that was read.
async fn send(cluster: &Cluster, election: &Election, spec: &LeaseSpec, replaces: Option<&str>) -> Result<(), Fault> {
    let at = election.address();
    let mut metadata = json!({ "name": election.name, "namespace": election.namespace });
    let (method, path) = match replaces {
        Some(version) => {
            metadata["resourceVersion"] = json!(version);
            (Method::PUT, cluster::object_path(&at, None))
        }
        None => (Method::POST, cluster::collection_path(&at.resource, &at.namespace)),
    };
    let body = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec });
    let call = Call { method, path, media: JSON, body: body.to_string().into_bytes() };
    cluster.call(call).await.map(drop)
}

/// Whether the lease is ours, free, or has not moved for its whole duration by our own clock.
fn may_claim(spec: &LeaseSpec, election: &Election, unmoved: Duration) -> bool {
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let duration = spec.lease_duration_seconds.map_or(election.lease_duration, Duration::from_secs);
    holder.is_empty() || holder == election.identity || unmoved >= duration
}

/// The lease as it stands once we hold it.
fn claim(old: &LeaseSpec, election: &Election, now: Timestamp) -> LeaseSpec {
    let time = micro_time(now);
    let is_ours = old.holder_identity.as_deref() == Some(&election.identity);
    let transitions = old.lease_transitions.unwrap_or(0);
    let taken_over = !is_ours && old.holder_identity.is_some();
    LeaseSpec {
        holder_identity: Some(election.identity.clone()),
        lease_duration_seconds: Some(election.lease_duration.as_secs()),
        acquire_time: if is_ours { old.acquire_time.clone() } else { Some(time.clone()) },
        renew_time: Some(time),
        lease_transitions: Some(transitions + u64::from(taken_over)),
    }
}

/// Gives the lease back on the way out, so that a standby takes over at once instead of after 15 s.
pub async fn release(cluster: &Cluster, clock: &Clock, election: &Election) {
    let at = election.address();
    let Ok(Some(lease)) = cluster.read_as::<Lease>(&at).await else { return };
    if lease.spec.holder_identity.as_deref() != Some(&election.identity) {
        return;
    }
    let time = micro_time(clock.now());
    let spec = LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(time.clone()),
        renew_time: Some(time),
        lease_transitions: lease.spec.lease_transitions,
    };
    if let Err(fault) = send(cluster, election, &spec, Some(&lease.metadata.resource_version)).await {
        tracing::debug!(lease = election.name, error = fault.chain(), "the lease could not be given back");
    }
}

/// MicroTime of the API: six digits.
fn micro_time(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease_of(by: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(by.to_owned()),
            lease_duration_seconds: Some(15),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_is_claimed_when_free_ours_or_unmoved() {
        let us = Election::new("ns", "lease", "us");
        let seconds = Duration::from_secs;
        for (spec, unmoved, expected) in [
            (LeaseSpec::default(), 0, true),
            (lease_of(""), 0, true),
            (lease_of("us"), 0, true),
            (lease_of("them"), 14, false),
            (lease_of("them"), 15, true),
        ] {
            assert_eq!(may_claim(&spec, &us, seconds(unmoved)), expected, "{spec:?} {unmoved}");
        }
    }

    #[test]
    fn a_renewal_wakes_nobody() {
        let leads = watch::Sender::new(false);
        let mut listener = leads.subscribe();
        for (now, is_change) in [(false, false), (true, true), (true, false), (false, true)] {
            assert_eq!(turn(&leads, now), is_change);
            assert_eq!(listener.has_changed().ok(), Some(is_change));
            assert_eq!(*listener.borrow_and_update(), now);
        }
    }

    #[test]
    fn a_takeover_counts_a_transition_and_a_renewal_does_not() {
        let us = Election::new("ns", "lease", "us");
        let now = "2026-01-01T00:00:00Z".parse().expect("a test's own timestamp");
        assert_eq!(claim(&lease_of("them"), &us, now).lease_transitions, Some(4));
        assert_eq!(claim(&lease_of("us"), &us, now).lease_transitions, Some(3));
        assert_eq!(claim(&LeaseSpec::default(), &us, now).lease_transitions, Some(0));
        assert_eq!(claim(&lease_of("us"), &us, now).renew_time.as_deref(), Some("2026-01-01T00:00:00.000000Z"));
    }
}
