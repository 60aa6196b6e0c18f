//! `rolloutRestartTargets`: each is looked at and patched; told on the object, never fatal, never repeated.
//! Which patch it is and what is told are `plan/rollout`'s and `plan/synced`'s. Specification: VSO §11.

use api::hashicorp::Syncable;
use api::hashicorp::rollout_target::RolloutRestartTarget;
use base::Fault;
use plan::Write;
use plan::rollout;
use plan::synced::Restarted;

use crate::World;

/// Restarts all targets of an object.
pub async fn restart_all<O: Syncable>(w: &World, o: &O) -> Vec<Restarted> {
    let namespace = o.meta().namespace.as_deref().unwrap_or_default();
    let mut done = Vec::new();
    for target in o.rollout_targets() {
        done.push(Restarted { target: target.clone(), result: restart(w, target, namespace).await });
    }
    done
}

async fn restart(w: &World, target: &RolloutRestartTarget, namespace: &str) -> Result<(), Fault> {
    let write = rollout::restart(target, namespace, w.now());
    if let Write::Patch { at, .. } = &write {
        let found = w.cluster().read(at).await?;
        rollout::check(target, namespace, found.as_deref())?;
    }
    w.act(write).await.map(drop)
}
