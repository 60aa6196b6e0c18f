//! Reloader's annotations as typed rules: which keys are read, and what their values mean. There is no custom resource.
//! The keys can be renamed by flags, so they are data. Specification: RL §4.1, §8.1, §8.2.

pub mod names;

use std::collections::BTreeMap;

/// The annotation keys in force: the peer's defaults, each replaced by its flag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the key of the annotation that names.rs documents")]
pub struct Keys {
    pub auto: String,
    pub configmap_auto: String,
    pub secret_auto: String,
    pub provider_class_auto: String,
    pub configmap: String,
    pub secret: String,
    pub provider_class: String,
    pub search: String,
    pub matches: String,
    pub ignore: String,
    pub configmap_exclude: String,
    pub secret_exclude: String,
    pub provider_class_exclude: String,
    pub pause_period: String,
    pub paused_at: String,
    pub rollout_strategy: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            auto: names::AUTO.into(),
            configmap_auto: names::CONFIGMAP_AUTO.into(),
            secret_auto: names::SECRET_AUTO.into(),
            provider_class_auto: names::PROVIDER_CLASS_AUTO.into(),
            configmap: names::CONFIGMAP.into(),
            secret: names::SECRET.into(),
            provider_class: names::PROVIDER_CLASS.into(),
            search: names::SEARCH.into(),
            matches: names::MATCH.into(),
            ignore: names::IGNORE.into(),
            configmap_exclude: names::CONFIGMAP_EXCLUDE.into(),
            secret_exclude: names::SECRET_EXCLUDE.into(),
            provider_class_exclude: names::PROVIDER_CLASS_EXCLUDE.into(),
            pause_period: names::PAUSE_PERIOD.into(),
            paused_at: names::PAUSED_AT.into(),
            rollout_strategy: names::ROLLOUT_STRATEGY.into(),
        }
    }
}

/// What a change can happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
    /// A SecretProviderClass, seen through its pods' statuses.
    SecretProviderClass,
}

impl ResourceKind {
    /// The token in variable names, markers, events and logs.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::ConfigMap => "CONFIGMAP",
            Self::Secret => "SECRET",
            Self::SecretProviderClass => "SECRETPROVIDERCLASS",
        }
    }

    /// The component that events come from.
    #[must_use]
    pub const fn component(self) -> &'static str {
        match self {
            Self::ConfigMap => "reloader-configmaps",
            Self::Secret => "reloader-secrets",
            Self::SecretProviderClass => "reloader-secretproviderclasspodstatuses",
        }
    }
}

/// The four triggers that matter for one type of resource, as one place says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Triggers<'a> {
    /// A comma list of patterns of names.
    pub named: Option<&'a str>,
    /// Auto reload for every type.
    pub auto: Option<&'a str>,
    /// Auto reload for this type.
    pub typed_auto: Option<&'a str>,
    /// Search mode.
    pub search: Option<&'a str>,
}

impl Keys {
    /// The triggers for this type: from the workload's metadata if any of the four stands there, else from the pod
    /// template. The two are never mixed (RL §8.2).
    #[must_use]
    pub fn triggers<'a>(
        &self,
        kind: ResourceKind,
        workload: &'a BTreeMap<String, String>,
        template: &'a BTreeMap<String, String>,
    ) -> Triggers<'a> {
        let own = self.triggers_in(kind, workload);
        if own == Triggers::default() { self.triggers_in(kind, template) } else { own }
    }

    /// Whether the annotations themselves hold a trigger for this type.
    #[must_use]
    pub fn has_trigger(&self, kind: ResourceKind, annotations: &BTreeMap<String, String>) -> bool {
        self.triggers_in(kind, annotations) != Triggers::default()
    }

    fn triggers_in<'a>(&self, kind: ResourceKind, annotations: &'a BTreeMap<String, String>) -> Triggers<'a> {
        let (named, typed_auto) = match kind {
            ResourceKind::ConfigMap => (&self.configmap, &self.configmap_auto),
            ResourceKind::Secret => (&self.secret, &self.secret_auto),
            ResourceKind::SecretProviderClass => (&self.provider_class, &self.provider_class_auto),
        };
        let value = |key: &String| annotations.get(key).map(String::as_str);
        Triggers {
            named: value(named),
            auto: value(&self.auto),
            typed_auto: value(typed_auto),
            search: value(&self.search),
        }
    }

    /// The key of auto reload for this type alone.
    #[must_use]
    pub fn typed_auto(&self, kind: ResourceKind) -> &str {
        match kind {
            ResourceKind::ConfigMap => &self.configmap_auto,
            ResourceKind::Secret => &self.secret_auto,
            ResourceKind::SecretProviderClass => &self.provider_class_auto,
        }
    }

    /// The exclude list for this type; only the workload's own metadata counts.
    #[must_use]
    pub fn exclude(&self, kind: ResourceKind) -> &str {
        match kind {
            ResourceKind::ConfigMap => &self.configmap_exclude,
            ResourceKind::Secret => &self.secret_exclude,
            ResourceKind::SecretProviderClass => &self.provider_class_exclude,
        }
    }

    /// The key of the named list for this type.
    #[must_use]
    pub fn named(&self, kind: ResourceKind) -> &str {
        match kind {
            ResourceKind::ConfigMap => &self.configmap,
            ResourceKind::Secret => &self.secret,
            ResourceKind::SecretProviderClass => &self.provider_class,
        }
    }
}

/// A boolean word: `None` for absent or empty, else whether it is one of Go's spellings of true.
#[must_use]
pub fn boolean_word(value: Option<&str>) -> Option<bool> {
    value.filter(|text| !text.is_empty()).map(base::truth::is_yes)
}
