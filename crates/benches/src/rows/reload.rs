//! The rows of Reloader: a ConfigMap changes, and one, fifty or two hundred Deployments that use it are patched.
//! Time and requests are those of the audit log; the event is written behind the patch and counts as a request.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::external_secrets::tell_kinds;
use crate::audit::{Request, milliseconds, seconds_between};
use crate::figure::{Figure, Report};
use crate::lab::{Lab, PATIENCE};
use crate::one_process::median;

/// Changes of the one; enough for a median.
const CHANGES: usize = 15;

pub async fn measure(lab: &Lab, report: &mut Report) -> Result<(), String> {
    let write = lab.write_floor().await?;
    let operator = lab.operator().await?;
    let namespace = lab.namespace("reload").await;
    report.begin("ConfigMap changed → Deployment patched");
    lab.all(&[config_map("one", 0), deployment("web", "one")], Some(&namespace)).await?;
    sleep(Duration::from_secs(2)).await;
    let mut all = lab.audit()?;
    let mut times = Vec::new();
    for n in 1..=CHANGES {
        let mut audit = lab.audit()?;
        change(lab, &namespace, "one", n).await?;
        let patched = audit.until(&lab.user, 1, PATIENCE, is_patched).await?;
        let changed = audit.of(&lab.ours, |request| request.is("patch", "configmaps"))?;
        times.extend(changed.iter().zip(&patched).map(|(from, to)| milliseconds(from.done, to.done)));
        sleep(Duration::from_millis(300)).await;
    }
    let asked = all.work(&lab.user)?;
    let time = Figure::new("changed to patched", median(times), "ms").goal(20.0).peer(101.0);
    report.tell(&time.floor(write.0, "one write of a small object"));
    let each = Figure::new("requests a change", asked.len() as f64 / CHANGES as f64, "").goal(3.0).peer(7.0);
    report.tell(&each.floor(2.0, "patch and event; the hash is made while the change streams by"));
    tell_kinds(&asked);
    for (users, goal, peer) in [(50_usize, 1.0, 8.2), (200, 3.0, 38.2)] {
        report.begin(&format!("ConfigMap changed → {users} Deployments patched"));
        let name = format!("for-{users}");
        let mut objects = vec![config_map(&name, 0)];
        objects.extend((0..users).map(|n| deployment(&format!("web-{users}-{n}"), &name)));
        lab.all(&objects, Some(&namespace)).await?;
        // Their pods must have come up: the lab's own controllers work on the same cores.
        let words =
            ["wait", "deployment", "--all", "--for=condition=available", "--timeout=180s", "--namespace", &namespace];
        lab.kubectl(&words, b"")?;
        sleep(Duration::from_secs(2)).await;
        let mut audit = lab.audit()?;
        change(lab, &namespace, &name, 1).await?;
        let patched = audit.until(&lab.user, users, PATIENCE, is_patched).await?;
        let changed = audit.of(&lab.ours, |request| request.is("patch", "configmaps"))?;
        audit.quiet(&lab.user, Duration::from_millis(1500), PATIENCE).await?;
        let asked = audit.work(&lab.user)?;
        let time = Figure::new("changed to the last patched", seconds_between(&changed, &patched), "s");
        report.tell(&time.goal(goal).peer(peer).floor(write.1 * users as f64 / 1e3, "as many writes at once"));
        let each = Figure::new("requests a Deployment", asked.len() as f64 / users as f64, "").goal(3.0).peer(7.0);
        report.tell(&each.floor(2.0, "patch and event"));
        tell_kinds(&asked);
    }
    drop(operator);
    lab.clear("deployments", &namespace)
}

fn is_patched(request: &Request) -> bool {
    request.is("patch", "deployments") && request.code == 200
}

async fn change(lab: &Lab, namespace: &str, name: &str, n: usize) -> Result<(), String> {
    let failed = |error: kube::Error| format!("cannot change the ConfigMap: {error}");
    let api = lab.cluster.api_in("v1", "ConfigMap", namespace).await.map_err(failed)?;
    let change = kube::api::Patch::Merge(json!({"data": {"value": n.to_string()}}));
    api.patch(name, &Default::default(), &change).await.map(drop).map_err(failed)
}

fn config_map(name: &str, n: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": n.to_string()}})
}

fn deployment(name: &str, uses: &str) -> Value {
    let container = json!({"name": "app", "image": "app", "envFrom": [{"configMapRef": {"name": uses}}]});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "annotations": {"reloader.stakater.com/auto": "true"}},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [container]}}}})
}
