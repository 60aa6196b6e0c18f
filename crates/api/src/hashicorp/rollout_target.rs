//! What is restarted when the values of a Secret change. Specification: VSO §4.5, §11.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A workload of the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutRestartTarget {
    /// The kind of the workload.
    pub kind: RolloutTargetKind,
    /// The name of the workload.
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RolloutTargetKind {
    Deployment,
    DaemonSet,
    StatefulSet,
    #[serde(rename = "argo.Rollout")]
    ArgoRollout,
}

impl RolloutTargetKind {
    /// The word in manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::ArgoRollout => "argo.Rollout",
        }
    }
}
