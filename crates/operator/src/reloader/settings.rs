//! What Reloader's process was told: the options that decisions depend on, and what only this process needs.
//! Specification: RL §4.1, §5.

use std::collections::BTreeSet;
use std::time::Duration;

use api::reload::ResourceKind;
use plan::reload::Options;
use plan::reload::rate::Limit;

/// Reloader's settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What decisions depend on.
    pub options: Options,
    /// Types of resources that are not watched.
    pub ignored_resources: BTreeSet<ResourceKind>,
    /// Namespaces whose resources are left alone; global mode only.
    pub ignored_namespaces: BTreeSet<String>,
    /// A label selector on ConfigMaps and Secrets.
    pub resource_selector: Option<String>,
    /// A label selector on namespaces; global mode only.
    pub namespace_selector: Option<String>,
    /// Whether Argo Rollouts are reloaded.
    pub has_rollouts: bool,
    /// Whether OpenShift's DeploymentConfigs are reloaded.
    pub has_deployment_configs: bool,
    /// Whether what pods mount through the Secrets Store CSI driver is watched.
    pub has_provider_classes: bool,
    /// Whether what is there at the start counts as created; it reloads where `on_create` says so.
    pub replays_start: bool,
    /// Whether reloads are counted by namespace, too.
    pub counts_by_namespace: bool,
    /// Ours: how long causes of one workload are gathered into one edit.
    pub coalesce_window: Duration,
    /// Ours: how often one workload may restart.
    pub limit: Limit,
}
