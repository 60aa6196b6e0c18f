//! `rolloutRestartTargets`: which patch restarts a workload. VSO's own effect; told on the object, never fatal, never repeated.
//! Specification: VSO §11.

use api::hashicorp::names;
use api::hashicorp::rollout_target::{RolloutRestartTarget, RolloutTargetKind};
use base::Timestamp;
use serde_json::json;

use crate::Write;
use crate::conditions::rfc3339;
use crate::write::{Address, Media, Resource};

/// The patch that restarts a target in this namespace.
#[must_use]
pub fn restart(target: &RolloutRestartTarget, namespace: &str, now: Timestamp) -> Write {
    let apps = |kind: &str, plural: &str| Resource::new("apps", "v1", kind, plural);
    let (resource, is_rollout) = match target.kind {
        RolloutTargetKind::Deployment => (apps("Deployment", "deployments"), false),
        RolloutTargetKind::DaemonSet => (apps("DaemonSet", "daemonsets"), false),
        RolloutTargetKind::StatefulSet => (apps("StatefulSet", "statefulsets"), false),
        RolloutTargetKind::ArgoRollout => (Resource::new("argoproj.io", "v1alpha1", "Rollout", "rollouts"), true),
    };
    let now = rfc3339(now);
    let (media, body) = if is_rollout {
        (Media::Merge, json!({ "spec": { "restartAt": now } }))
    } else {
        let annotations = json!({ names::RESTARTED_AT: now });
        (Media::Strategic, json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } }))
    };
    Write::Patch {
        at: Address::new(resource, namespace, target.name.as_str()),
        subresource: None,
        media,
        body: body.to_string(),
        manager: names::MANAGER.to_owned(),
        why: "restart, since the Secret has changed".to_owned(),
    }
}
