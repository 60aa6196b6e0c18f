//! `rolloutRestartTargets`: which patch restarts a workload. VSO's own effect; told on the object, never fatal, never repeated.
//! Specification: VSO §11.

use api::hashicorp::names;
use api::hashicorp::rollout_target::{RolloutRestartTarget, RolloutTargetKind};
use base::{Fault, Timestamp};
use serde_json::{Value, json};

use crate::Write;
use crate::conditions::rfc3339;
use crate::write::{Address, Media, Resource};

/// Whether a target can be restarted, from the object as the API server answered it.
///
/// # Errors
/// It is not there, or it is paused.
pub fn check(target: &RolloutRestartTarget, namespace: &str, object: Option<&[u8]>) -> Result<(), Fault> {
    let place = format!("{namespace}/{}", target.name);
    let Some(object) = object else {
        return Err(Fault::wrong(format!("failed to Get object for objKey {place}")).because(format!(
            "{} \"{}\" not found",
            target.kind.as_str(),
            target.name
        )));
    };
    let object: Value = serde_json::from_slice(object).unwrap_or_default();
    if target.kind == RolloutTargetKind::Deployment && object["spec"]["paused"] == true {
        return Err(Fault::wrong(format!("deployment {place} is paused, cannot restart it")));
    }
    Ok(())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_paused_is_not_restarted() {
        let target = RolloutRestartTarget { kind: RolloutTargetKind::Deployment, name: "web".into() };
        let ask = |object: Option<&[u8]>| check(&target, "app", object).map_err(|fault| fault.chain());
        assert_eq!(ask(Some(br#"{"spec":{}}"#)), Ok(()));
        assert_eq!(
            ask(Some(br#"{"spec":{"paused":true}}"#)),
            Err("deployment app/web is paused, cannot restart it".into())
        );
        assert_eq!(ask(None), Err("failed to Get object for objKey app/web: Deployment \"web\" not found".into()));
    }
}
