//! A workload reduced to what rules, references and markers need: a few hundred bytes instead of the whole object.
//! Made from the API's JSON in `operator/world/workloads`. Specification: RL §9, §11.

use std::collections::BTreeMap;

use api::reload::ResourceKind;
use base::Timestamp;

use crate::Address;
use crate::write::Resource;

/// The kinds that can be reloaded, in the order in which the peer handles them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// apps/v1.
    Deployment,
    /// batch/v1: a new Job is made.
    CronJob,
    /// batch/v1: the Job is made again.
    Job,
    /// apps/v1.
    DaemonSet,
    /// apps/v1.
    StatefulSet,
    /// argoproj.io/v1alpha1, by flag.
    Rollout,
    /// apps.openshift.io/v1, by flag.
    DeploymentConfig,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Deployment,
        Self::CronJob,
        Self::Job,
        Self::DaemonSet,
        Self::StatefulSet,
        Self::Rollout,
        Self::DeploymentConfig,
    ];

    /// The word in events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::CronJob => "CronJob",
            Self::Job => "Job",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::Rollout => "Rollout",
            Self::DeploymentConfig => "DeploymentConfig",
        }
    }

    /// The API's path words.
    #[must_use]
    pub fn resource(self) -> Resource {
        match self {
            Self::Deployment => Resource::new("apps", "v1", "Deployment", "deployments"),
            Self::DaemonSet => Resource::new("apps", "v1", "DaemonSet", "daemonsets"),
            Self::StatefulSet => Resource::new("apps", "v1", "StatefulSet", "statefulsets"),
            Self::CronJob => Resource::new("batch", "v1", "CronJob", "cronjobs"),
            Self::Job => Resource::new("batch", "v1", "Job", "jobs"),
            Self::Rollout => Resource::new("argoproj.io", "v1alpha1", "Rollout", "rollouts"),
            Self::DeploymentConfig => Resource::new("apps.openshift.io", "v1", "DeploymentConfig", "deploymentconfigs"),
        }
    }

    /// Whether its API server may know no strategic merge: its lists are edited by place.
    #[must_use]
    pub fn is_foreign(self) -> bool {
        matches!(self, Self::Rollout | Self::DeploymentConfig)
    }
}

/// A workload, reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// Its annotations, the short ones.
    pub annotations: BTreeMap<String, String>,
    /// The annotations of its pod template, the short ones.
    pub template_annotations: BTreeMap<String, String>,
    /// The regular containers in order.
    pub containers: Vec<Container>,
    /// The init containers in order.
    pub init_containers: Vec<Container>,
    /// The volumes that use a resource, in order.
    pub volumes: Vec<Volume>,
    /// `spec.paused`.
    pub is_paused: bool,
    /// Whether it is a Job that has ended, made by a CronJob: a memory, nothing that runs (RL §20.5).
    pub is_history: bool,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// When it was made, and when it was written last.
    pub times: Times,
}

/// When a workload was made and written, in whole seconds, as the API server noted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Its creation.
    pub created: Option<Timestamp>,
    /// The last write of ours.
    pub rolled: Option<Timestamp>,
    /// The last write of anybody else's, statuses apart.
    pub edited: Option<Timestamp>,
}

/// A container, reduced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What its environment takes from resources.
    pub uses: Vec<(ResourceKind, String)>,
    /// The names of the volumes that it mounts.
    pub mounts: Vec<String>,
    /// Its `STAKATER_` variables and where they stand in its `env` list.
    pub markers: Vec<Marker>,
    /// Whether it has an `env` list: a JSON patch appends to one or makes one.
    pub has_env: bool,
}

/// A `STAKATER_` variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The variable's name.
    pub variable: String,
    /// Its value: the hash published last.
    pub hash: String,
    /// Its place in the container's `env` list.
    pub place: usize,
}

/// A volume that uses resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name in the pod spec.
    pub name: String,
    /// What it uses; several where it is projected.
    pub uses: Vec<(ResourceKind, String)>,
}

impl Workload {
    /// Its place in the API.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::new(self.kind.resource(), self.namespace.clone(), self.name.clone())
    }

    /// The regular container that carries the mark for a resource, if the pod spec references it (RL §9). A reference
    /// only from an init container marks the first regular one.
    #[must_use]
    pub fn referencing(&self, kind: ResourceKind, name: &str) -> Option<usize> {
        if self.containers.is_empty() {
            return None;
        }
        let uses = |list: &[(ResourceKind, String)]| list.iter().any(|(k, n)| *k == kind && n == name);
        let first_init = |found: bool| found.then_some(0);
        // The peer looks at the first volume only and misses a resource whose second volume is the mounted one; all
        // volumes count here, in order, so that the container is the same wherever the peer finds one.
        for volume in self.volumes.iter().filter(|volume| uses(&volume.uses)) {
            let mounts = |container: &Container| container.mounts.contains(&volume.name);
            let regular = self.containers.iter().position(mounts);
            if let Some(place) = regular.or_else(|| first_init(self.init_containers.iter().any(mounts))) {
                return Some(place);
            }
        }
        if kind == ResourceKind::SecretProviderClass {
            return None;
        }
        let by_environment = |container: &Container| uses(&container.uses);
        let regular = self.containers.iter().position(by_environment);
        regular.or_else(|| first_init(self.init_containers.iter().any(by_environment)))
    }

    /// The marker variable's value in a container.
    #[must_use]
    pub fn marker(&self, container: usize, variable: &str) -> Option<&Marker> {
        self.containers.get(container)?.markers.iter().find(|marker| marker.variable == variable)
    }

    /// Whether any container carries this marker variable.
    #[must_use]
    pub fn any_marker(&self, variable: &str) -> Option<&Marker> {
        self.containers.iter().flat_map(|container| &container.markers).find(|marker| marker.variable == variable)
    }
}
