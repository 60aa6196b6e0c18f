//! Reloader's fixed names: annotation keys by default, and what it writes. Specification: RL §8.1, §10.

/// On a workload or its pod template: reload for everything it references.
pub const AUTO: &str = "reloader.stakater.com/auto";
/// The same for ConfigMaps only.
pub const CONFIGMAP_AUTO: &str = "configmap.reloader.stakater.com/auto";
/// The same for Secrets only.
pub const SECRET_AUTO: &str = "secret.reloader.stakater.com/auto";
/// The same for SecretProviderClasses only.
pub const PROVIDER_CLASS_AUTO: &str = "secretproviderclass.reloader.stakater.com/auto";
/// A comma list of patterns of ConfigMap names.
pub const CONFIGMAP: &str = "configmap.reloader.stakater.com/reload";
/// A comma list of patterns of Secret names.
pub const SECRET: &str = "secret.reloader.stakater.com/reload";
/// A comma list of patterns of SecretProviderClass names.
pub const PROVIDER_CLASS: &str = "secretproviderclass.reloader.stakater.com/reload";
/// On a workload: react to what carries [`MATCH`].
pub const SEARCH: &str = "reloader.stakater.com/search";
/// On a resource: eligible for [`SEARCH`].
pub const MATCH: &str = "reloader.stakater.com/match";
/// On a resource: never reloads anything.
pub const IGNORE: &str = "reloader.stakater.com/ignore";
/// On a workload: ConfigMaps that never reload it.
pub const CONFIGMAP_EXCLUDE: &str = "configmaps.exclude.reloader.stakater.com/reload";
/// On a workload: Secrets that never reload it.
pub const SECRET_EXCLUDE: &str = "secrets.exclude.reloader.stakater.com/reload";
/// On a workload: SecretProviderClasses that never reload it.
pub const PROVIDER_CLASS_EXCLUDE: &str = "secretproviderclasses.exclude.reloader.stakater.com/reload";
/// On a Deployment: gather changes for this long.
pub const PAUSE_PERIOD: &str = "deployment.reloader.stakater.com/pause-period";
/// On a Deployment, written by us: since when it is paused.
pub const PAUSED_AT: &str = "deployment.reloader.stakater.com/paused-at";
/// On a Rollout: `restart`, else its template is edited.
pub const ROLLOUT_STRATEGY: &str = "reloader.stakater.com/rollout-strategy";
/// On a pod template, written by us: what was reloaded last.
pub const LAST_RELOADED_FROM: &str = "reloader.stakater.com/last-reloaded-from";
/// The field manager of every write.
pub const MANAGER: &str = "Reloader";
/// The variable that marks a reload starts with this.
pub const VARIABLE_PREFIX: &str = "STAKATER_";
/// What is hashed in place of the data of a deleted resource, with the annotations strategy.
pub const DELETE_MARKER: &str = "__RELOADER_EMPTY_DELETE_MARKER__";
/// The event of a reload.
pub const RELOADED: &str = "Reloaded";
/// The event of a failed reload.
pub const RELOAD_FAIL: &str = "ReloadFail";
