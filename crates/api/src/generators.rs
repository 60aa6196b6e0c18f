//! The group `generators.external-secrets.io`: ClusterGenerator and GeneratorState as types, and the names of the 17
//! kinds that make values. Those are dynamic objects: their settings belong to rows of `providers`, so only their
//! names stand here, and the emitted CRD gets the schema as a parameter (`kinds`). Specification: ESO §3, §5.6, App. B.

pub mod cluster_generator;
pub mod generator_state;

pub use cluster_generator::{ClusterGenerator, ClusterGeneratorSpec};
pub use generator_state::{GeneratorState, GeneratorStateSpec};

/// One kind of generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorKind {
    /// Its kind in manifests: `Password`.
    pub kind: &'static str,
    /// The field of a ClusterGenerator that holds its settings: `passwordSpec`.
    pub field: &'static str,
}

impl GeneratorKind {
    /// Its plural in the API: `passwords`.
    pub fn plural(self) -> String {
        format!("{}s", self.kind.to_lowercase())
    }
}

const fn generator(kind: &'static str, field: &'static str) -> GeneratorKind {
    GeneratorKind { kind, field }
}

/// All kinds, in the order of their names.
pub const GENERATORS: [GeneratorKind; 17] = [
    generator("ACRAccessToken", "acrAccessTokenSpec"),
    generator("BeyondtrustWorkloadCredentialsDynamicSecret", "beyondtrustWorkloadCredentialsDynamicSecretSpec"),
    generator("CloudsmithAccessToken", "cloudsmithAccessTokenSpec"),
    generator("ECRAuthorizationToken", "ecrAuthorizationTokenSpec"),
    generator("Fake", "fakeSpec"),
    generator("GCRAccessToken", "gcrAccessTokenSpec"),
    generator("GithubAccessToken", "githubAccessTokenSpec"),
    generator("GitlabDeployToken", "gitlabDeployTokenSpec"),
    generator("Grafana", "grafanaSpec"),
    generator("MFA", "mfaSpec"),
    generator("Password", "passwordSpec"),
    generator("QuayAccessToken", "quayAccessTokenSpec"),
    generator("SSHKey", "sshKeySpec"),
    generator("STSSessionToken", "stsSessionTokenSpec"),
    generator("UUID", "uuidSpec"),
    generator("VaultDynamicSecret", "vaultDynamicSecretSpec"),
    generator("Webhook", "webhookSpec"),
];
