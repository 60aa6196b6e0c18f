//! Sealed Secrets' fixed names: annotations, labels and constants that files and clusters hold. Specification: SS §4.

/// The group of the kind.
pub const GROUP: &str = "bitnami.com";
/// The group and version of the kind.
pub const API_VERSION: &str = "bitnami.com/v1alpha1";
/// The kind.
pub const KIND: &str = "SealedSecret";

/// Annotation: the value opens in every namespace and under every name. Wins over [`NAMESPACE_WIDE`].
pub const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";
/// Annotation: the value opens under every name of its namespace.
pub const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// Annotation on a Secret or template: an existing Secret may be taken over.
pub const MANAGED: &str = "sealedsecrets.bitnami.com/managed";
/// Annotation on a Secret or template: values are merged into an existing Secret.
pub const PATCH: &str = "sealedsecrets.bitnami.com/patch";
/// Annotation on a template: the Secret gets no owner reference.
pub const SKIP_OWNER: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";
/// Label on a key's Secret; only the value [`ACTIVE`] is loaded.
pub const KEY: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// The value of [`KEY`] of a key in use.
pub const ACTIVE: &str = "active";
/// Label on a SealedSecret that becomes a label of its metric.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Annotations that hold a plain copy of a Secret; never sealed along.
pub const LAST_APPLIED: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration"];

/// The one condition.
pub const SYNCED: &str = "Synced";
/// The controller's name by default.
pub const CONTROLLER_NAME: &str = "sealed-secrets-controller";
/// The controller's namespace by default.
pub const CONTROLLER_NAMESPACE: &str = "kube-system";
/// What names of keys' Secrets start with by default.
pub const KEY_PREFIX: &str = "sealed-secrets-key";
/// The component of events.
pub const COMPONENT: &str = "sealed-secrets";
/// What metric names start with.
pub const METRIC_PREFIX: &str = "sealed_secrets_controller_";
