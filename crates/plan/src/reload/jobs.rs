//! CronJobs and Jobs, which no controller rolls: a CronJob gets an extra Job, a Job is made again. Before a Job is deleted
//! the API server is asked whether it would take the new one, so that no Job is lost. Specification: RL §11.2, §11.3.

use api::reload::names;
use serde_json::{Map, Value, json};

use super::strategy::{last_reloaded_from, target, variable};
use super::{Cause, Happened, Kind, Options, Strategy, Workload};
use crate::Write;
use crate::write::{Address, Manifest};
use base::Timestamp;

/// What is to be done, in order: the creation of an extra Job; or a dry run, the deletion and the creation of a Job.
pub struct Again {
    /// The writes; the next is sent only if the one before succeeded.
    pub writes: Vec<Write>,
    /// What they answer to; one event each.
    pub causes: Vec<Cause>,
}

/// Labels of a Job's template that the API server sets and refuses to take.
const SET_BY_SERVER: [&str; 4] =
    ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"];

/// What these causes need on a CronJob or Job; `object` is the object as the API server has it now. None where no container
/// can carry the mark, or where a Job carries all marks already.
#[must_use]
pub fn again(
    workload: &Workload,
    object: &Value,
    causes: &[Cause],
    options: &Options,
    now: Timestamp,
) -> Option<Again> {
    let marked = |cause: &Cause, container: usize| match (&cause.happened, options.strategy) {
        (Happened::Data(hash), Strategy::EnvVars) => {
            workload.marker(container, &variable(cause)).is_some_and(|marker| marker.hash == *hash)
        }
        _ => false,
    };
    let causes: Vec<(Cause, usize)> = causes
        .iter()
        .filter_map(|cause| target(workload, cause).map(|container| (cause.clone(), container)))
        .filter(|(cause, container)| workload.kind == Kind::CronJob || !marked(cause, *container))
        .collect();
    if causes.is_empty() {
        return None;
    }
    let writes = match workload.kind {
        Kind::CronJob => vec![extra_job(workload, object, &causes, options, now)?],
        Kind::Job => replaced_job(workload, object, &causes, options, now)?,
        _ => return None,
    };
    Some(Again { writes, causes: causes.into_iter().map(|(cause, _)| cause).collect() })
}

fn extra_job(
    workload: &Workload,
    cron_job: &Value,
    causes: &[(Cause, usize)],
    options: &Options,
    now: Timestamp,
) -> Option<Write> {
    let job_template = cron_job.pointer("/spec/jobTemplate")?;
    let mut annotations = Map::new();
    annotations.insert("cronjob.kubernetes.io/instantiate".into(), json!("manual"));
    if let Some(own) = job_template.pointer("/metadata/annotations").and_then(Value::as_object) {
        annotations.extend(own.clone());
    }
    let mut spec = job_template.get("spec")?.clone();
    mark(spec.get_mut("template")?, causes, options, &workload.namespace, now);
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": format!("{}-", workload.name),
            "namespace": workload.namespace,
            "labels": job_template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "name": workload.name, "uid": workload.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    Some(create(&workload.namespace, "", job, false))
}

fn replaced_job(
    workload: &Workload,
    job: &Value,
    causes: &[(Cause, usize)],
    options: &Options,
    now: Timestamp,
) -> Option<Vec<Write>> {
    let mut job = job.clone();
    let object = job.as_object_mut()?;
    object.remove("status");
    object.insert("apiVersion".into(), json!("batch/v1"));
    object.insert("kind".into(), json!("Job"));
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    for field in ["resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink"] {
        metadata.remove(field);
    }
    unset_labels(metadata.get_mut("labels"));
    let spec = object.get_mut("spec")?.as_object_mut()?;
    // Whoever chose it by hand needs it again; the peer drops this one, too, and loses the Job.
    if spec.get("manualSelector") != Some(&Value::Bool(true)) {
        spec.remove("selector");
    }
    let template = spec.get_mut("template")?;
    unset_labels(template.pointer_mut("/metadata/labels"));
    mark(template, causes, options, &workload.namespace, now);
    // Under a name of its own, since the real one is still taken while the question is asked; always under the same, so that the
    // same refusal is the same event.
    let mut question = job.clone();
    if let Some(metadata) = question.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("name".into(), json!(question_name(&workload.name)));
    }
    let delete = Write::Delete {
        at: workload.address(),
        uid: Some(workload.uid.clone()),
        resource_version: None,
        background: true,
        why: "delete, to create it again with the new mark".to_owned(),
    };
    let ask = create(&workload.namespace, &question_name(&workload.name), question, true);
    Some(vec![ask, delete, create(&workload.namespace, &workload.name, job, false)])
}

/// A Job's name has 63 characters at most, all of them ASCII.
fn question_name(name: &str) -> String {
    let begin = name.get(..name.len().min(55)).unwrap_or(name).trim_end_matches(['-', '.']);
    format!("{begin}-dry-run")
}

fn create(namespace: &str, name: &str, object: Value, dry_run: bool) -> Write {
    let at = Address::new(Kind::Job.resource(), namespace, name);
    Write::CreateObject { at, object: Manifest::new(object), manager: names::MANAGER.to_owned(), dry_run }
}

fn unset_labels(labels: Option<&mut Value>) {
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        SET_BY_SERVER.iter().for_each(|label| drop(labels.remove(*label)));
    }
}

/// The strategy's edit, made in memory.
fn mark(template: &mut Value, causes: &[(Cause, usize)], options: &Options, namespace: &str, now: Timestamp) {
    for (cause, container) in causes {
        match options.strategy {
            Strategy::EnvVars => mark_variable(template, cause, *container),
            Strategy::Annotations => {
                let path = format!("/spec/containers/{container}/name");
                let name = template.pointer(&path).and_then(Value::as_str).unwrap_or_default().to_owned();
                let marker = last_reloaded_from(cause, namespace, &name, now);
                template["metadata"]["annotations"][names::LAST_RELOADED_FROM] = json!(marker);
            }
        }
    }
}

fn mark_variable(template: &mut Value, cause: &Cause, container: usize) {
    let Some(container) = template.pointer_mut(&format!("/spec/containers/{container}")) else { return };
    let name = variable(cause);
    if !container["env"].is_array() {
        container["env"] = json!([]);
    }
    let Some(env) = container["env"].as_array_mut() else { return };
    env.retain(|entry| entry.get("name").and_then(Value::as_str) != Some(&name));
    if let Happened::Data(hash) = &cause.happened {
        env.push(json!({ "name": name, "value": hash }));
    }
}
