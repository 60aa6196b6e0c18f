//! ESO's fixed names: labels, annotations, finalizers, reasons and messages that manifests and scripts know.
//! Specification: ESO §6, §7, §13.3, Appendix C.

/// The group of the kinds.
pub const GROUP: &str = "external-secrets.io";
/// The group of the generators.
pub const GENERATORS_GROUP: &str = "generators.external-secrets.io";

/// Label on definitions and the webhook's objects: which part of ESO they belong to.
pub const COMPONENT_LABEL: &str = "external-secrets.io/component";

/// Label on a target: it is written by ESO.
pub const MANAGED: &str = "reconcile.external-secrets.io/managed";
/// Label on a target: the hash of its owner.
pub const CREATED_BY: &str = "reconcile.external-secrets.io/created-by";
/// Annotation on a target: the hash of its data.
pub const DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";
/// Annotation on a ClusterExternalSecret that is copied to its children.
pub const FORCE_SYNC: &str = "external-secrets.io/force-sync";
/// Annotation on a store: no warnings about maintenance.
pub const IGNORE_MAINTENANCE: &str = "external-secrets.io/ignore-maintenance-checks";

/// Finalizer of an ExternalSecret.
pub const EXTERNAL_SECRET_FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";
/// Finalizer of a ClusterExternalSecret.
pub const CLUSTER_EXTERNAL_SECRET_FINALIZER: &str = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup";
/// Start of the finalizer on a Namespace that a ClusterExternalSecret serves; its name follows.
pub const NAMESPACE_FINALIZER_PREFIX: &str = "externalsecrets.external-secrets.io/ces-";
/// Finalizer of a PushSecret.
pub const PUSH_SECRET_FINALIZER: &str = "pushsecret.externalsecrets.io/finalizer";
/// Finalizer of a store that a PushSecret will have to delete from.
pub const STORE_FINALIZER: &str = "secretstore.externalsecrets.io/finalizer";

/// Start of the field manager of an ExternalSecret's writes; its name, or the hash of it, follows.
pub const MANAGER_PREFIX: &str = "externalsecrets.external-secrets.io/";
