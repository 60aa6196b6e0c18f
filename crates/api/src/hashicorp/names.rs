//! VSO's fixed names: labels, finalizers, Secrets and the lease. Specification: VSO §6.6, §8.9, §10, §11, §13.
//! Changing one breaks a swap in either direction. Who uses them are `plan/vault_*` and `operator/vault_secrets`.

/// The group of the kinds.
pub const GROUP: &str = "secrets.hashicorp.com";
/// The name of the VaultAuth, VaultConnection and VaultAuthGlobal that are used where none is named.
pub const DEFAULT: &str = "default";

/// Labels on a Secret that VSO owns; [`OWNER_UID`] stands beside them.
pub const OWNER_LABELS: [(&str, &str); 3] = [
    ("app.kubernetes.io/managed-by", "hashicorp-vso"),
    ("app.kubernetes.io/name", "vault-secrets-operator"),
    ("app.kubernetes.io/component", "secret-sync"),
];
/// Label on a Secret that VSO owns: the uid of its owner.
pub const OWNER_UID: &str = "secrets.hashicorp.com/vso-ownerRefUID";
/// Annotation on a pod template: when it was restarted.
pub const RESTARTED_AT: &str = "vso.secrets.hashicorp.com/restartedAt";
/// The field manager of writes.
pub const MANAGER: &str = "vault-secrets-operator";
/// The lease.
pub const LEASE: &str = "b0d477c0.hashicorp.com";

/// The Secret with the key of the keyed digest.
pub const MAC_KEY_SECRET: &str = "vso-cc-storage-hmac-key";
/// The key in that Secret.
pub const MAC_KEY: &str = "key";
/// Labels of that Secret.
pub const MAC_KEY_LABELS: [(&str, &str); 3] = [
    ("app.kubernetes.io/name", "vault-secrets-operator"),
    ("app.kubernetes.io/managed-by", "hashicorp-vso"),
    ("app.kubernetes.io/component", "client-cache-storage-verification"),
];

/// Labels of the Secret of a stored client; [`STORED_CLIENT_AUTH`] and others stand beside them.
pub const STORED_CLIENT_LABELS: [(&str, &str); 3] = [
    ("app.kubernetes.io/name", "vault-secrets-operator"),
    ("app.kubernetes.io/managed-by", "vso"),
    ("app.kubernetes.io/component", "client-cache-storage"),
];
/// Label of the VaultAuth under whose key stored clients are encrypted.
pub const STORAGE_ENCRYPTION_LABEL: (&str, &str) = ("cacheStorageEncryption", "true");
/// Label of the Secret of a stored client that is encrypted.
pub const STORED_CLIENT_ENCRYPTED: (&str, &str) = ("encrypted", "true");
/// Label of the Secret of a stored client that is encrypted: the name of the VaultAuth with the key.
pub const STORED_CLIENT_TRANSIT: &str = "vaultTransitRef";
/// Label of the Secret of a stored client: the uid of its VaultAuth.
pub const STORED_CLIENT_AUTH: &str = "auth/UID";

/// Finalizer of a VaultStaticSecret.
pub const STATIC_SECRET_FINALIZER: &str = "vaultstaticsecret.secrets.hashicorp.com/finalizer";
/// Finalizer of a VaultDynamicSecret.
pub const DYNAMIC_SECRET_FINALIZER: &str = "vaultdynamicsecret.secrets.hashicorp.com/finalizer";
/// Finalizer of a VaultPKISecret; the plural is the peer's.
pub const PKI_SECRET_FINALIZER: &str = "vaultpkisecrets.secrets.hashicorp.com/finalizer";
/// Finalizer of a VaultAuth.
pub const AUTH_FINALIZER: &str = "vaultauth.secrets.hashicorp.com/finalizer";
/// Finalizer of a VaultConnection.
pub const CONNECTION_FINALIZER: &str = "vaultconnection.secrets.hashicorp.com/finalizer";
/// Finalizer of an HCPVaultSecretsApp; it is only ever removed.
pub const HCP_APP_FINALIZER: &str = "hcpvaultsecretsapp.secrets.hashicorp.com/finalizer";

/// What the transformed response as a whole is called.
pub const RAW: &str = "_raw";
