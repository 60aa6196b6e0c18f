//! What is written to a workload: exact patch bytes for the kinds whose controller rolls the template. A mark that stands
//! already is not written again, so replays and retries roll nothing. Specification: RL §10, §17.

use api::reload::names;
use base::Timestamp;
use serde_json::{Value, json};

use super::{Cause, Happened, Kind, Options, Strategy, Workload};
use crate::Write;
use crate::write::Media;

/// A write on a workload, and the causes that it carries out.
pub struct Edit {
    /// The request.
    pub write: Write,
    /// What it answers to; one event each.
    pub causes: Vec<Cause>,
}

/// The name of the marker variable: `STAKATER_` + the resource's name in capitals, runs of other characters as one `_`,
/// a run at the very start dropped, + the type's token.
#[must_use]
pub fn variable(cause: &Cause) -> String {
    let mut name = String::from(names::VARIABLE_PREFIX);
    let start = name.len();
    for character in cause.name.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character.to_ascii_uppercase());
        } else if name.len() > start && !name.ends_with('_') {
            name.push('_');
        }
    }
    if !name.ends_with('_') {
        name.push('_');
    }
    name.push_str(cause.kind.token());
    name
}

/// The `last-reloaded-from` JSON: compact, in the peer's order of keys.
#[must_use]
pub fn last_reloaded_from(cause: &Cause, namespace: &str, container: &str, now: Timestamp) -> String {
    let text = |value: &str| Value::from(value).to_string();
    format!(
        r#"{{"type":{},"name":{},"namespace":{},"hash":{},"containerRefs":[{}],"observedAt":{}}}"#,
        text(cause.kind.token()),
        text(&cause.name),
        text(namespace),
        text(&cause.hash()),
        text(container),
        now.as_second()
    )
}

/// Whether the template's annotation says that this very state was rolled already.
fn is_marked(workload: &Workload, cause: &Cause) -> bool {
    let Some(text) = workload.template_annotations.get(names::LAST_RELOADED_FROM) else { return false };
    let Ok(marker) = serde_json::from_str::<Value>(text) else { return false };
    names_of(&marker) == (cause.kind.token().to_ascii_lowercase(), cause.name.as_str())
        && marker.get("hash").and_then(Value::as_str) == Some(&cause.hash())
}

/// The hashes that a workload was rolled with for this resource, by marks of either strategy: what tells after a restart
/// whether a change was missed (RL §14, §17).
#[must_use]
pub fn standing_marks(workload: &Workload, cause: &Cause) -> Vec<String> {
    let container = target(workload, cause);
    let variable = container.and_then(|container| workload.marker(container, &variable(cause)));
    let by_variable = variable.map(|marker| marker.hash.clone());
    let by_annotation = || {
        let text = workload.template_annotations.get(names::LAST_RELOADED_FROM)?;
        let marker: Value = serde_json::from_str(text).ok()?;
        let is_same = names_of(&marker) == (cause.kind.token().to_ascii_lowercase(), cause.name.as_str());
        is_same.then(|| marker.get("hash").and_then(Value::as_str).map(str::to_owned)).flatten()
    };
    by_variable.into_iter().chain(by_annotation()).collect()
}

/// Whether a workload that was rolled for this resource before has not been rolled for its state now. After a change of the
/// strategy an old mark of the other one stands beside the new: one that fits is enough.
#[must_use]
pub fn has_missed(workload: &Workload, cause: &Cause) -> bool {
    let marks = standing_marks(workload, cause);
    !marks.is_empty() && !marks.contains(&cause.hash())
}

/// Type (lower case) and name in a marker, of either shape (RL §22.2).
fn names_of(marker: &Value) -> (String, &str) {
    let field = |name: &str| marker.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = if field("type").is_empty() { field("kind") } else { field("type") };
    (kind.to_ascii_lowercase(), field("name"))
}

/// The edits that these causes need on a Deployment, DaemonSet, StatefulSet or Rollout; none where all marks stand.
#[must_use]
pub fn edits(workload: &Workload, causes: &[Cause], options: &Options, now: Timestamp) -> Vec<Edit> {
    if workload.kind == Kind::Rollout
        && workload.annotations.get(&options.keys.rollout_strategy).is_some_and(|value| value == "restart")
    {
        return restart(workload, causes, now);
    }
    match options.strategy {
        Strategy::EnvVars => by_variables(workload, causes),
        Strategy::Annotations => by_annotation(workload, causes, now),
    }
}

/// Sets all variables in one patch, also those of several containers, so that many causes roll once; removals are JSON patches of
/// their own.
fn by_variables(workload: &Workload, causes: &[Cause]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut sets: Vec<(usize, Vec<(String, &Cause)>)> = Vec::new();
    for cause in causes {
        let Some(container) = target(workload, cause) else { continue };
        let variable = variable(cause);
        let standing = workload.marker(container, &variable);
        match &cause.happened {
            Happened::Deleted => {
                if let Some(marker) = standing {
                    edits.push(removal(workload, container, marker.place, &variable, cause));
                }
            }
            Happened::Data(hash) => {
                let elsewhere = cause.kind == api::reload::ResourceKind::SecretProviderClass
                    && workload.any_marker(&variable).is_some_and(|marker| marker.hash == *hash);
                if standing.is_some_and(|marker| marker.hash == *hash) || elsewhere {
                    continue;
                }
                match sets.iter_mut().find(|(place, _)| *place == container) {
                    Some((_, list)) => list.push((variable, cause)),
                    None => sets.push((container, vec![(variable, cause)])),
                }
            }
        }
    }
    if !sets.is_empty() {
        // In a fixed order, whatever was noticed first: the same changes make the same template (`render`).
        sets.sort_by_key(|(container, _)| *container);
        sets.iter_mut().for_each(|(_, list)| list.sort_by(|one, other| one.0.cmp(&other.0)));
        edits.push(setting(workload, &sets));
    }
    edits
}

fn setting(workload: &Workload, sets: &[(usize, Vec<(String, &Cause)>)]) -> Edit {
    let (mut bodies, mut whys, mut causes) = (Vec::new(), Vec::new(), Vec::new());
    for (container, list) in sets {
        let env: Vec<Value> = list.iter().map(|(name, cause)| json!({ "name": name, "value": cause.hash() })).collect();
        let name = &workload.containers[*container].name;
        // Written out, not through a map: the peer's order of keys is `name`, then `env`.
        bodies.push(format!(r#"{{"name":{},"env":{}}}"#, Value::from(name.as_str()), Value::from(env)));
        let names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
        whys.push(format!("set {} in container `{name}`", names.join(", ")));
        causes.extend(list.iter().map(|(_, cause)| (*cause).clone()));
    }
    let body = format!(r#"{{"spec":{{"template":{{"spec":{{"containers":[{}]}}}}}}}}"#, bodies.join(","));
    Edit { write: patch(workload, Media::Strategic, body, whys.join(", ")), causes }
}

/// A `test` guards the removal: the list may have changed since it was read.
fn removal(workload: &Workload, container: usize, place: usize, variable: &str, cause: &Cause) -> Edit {
    let path = format!("/spec/template/spec/containers/{container}/env/{place}");
    let body =
        format!(r#"[{{"op":"test","path":"{path}/name","value":"{variable}"}},{{"op":"remove","path":"{path}"}}]"#);
    let why = format!("remove {variable} from container `{}`", workload.containers[container].name);
    Edit { write: patch(workload, Media::Json, body, why), causes: vec![cause.clone()] }
}

/// The annotation holds one source; of several the last is written, and none where that state was rolled already.
fn by_annotation(workload: &Workload, causes: &[Cause], now: Timestamp) -> Vec<Edit> {
    let wanted: Vec<(&Cause, usize)> = causes
        .iter()
        .filter(|cause| !is_marked(workload, cause))
        .filter_map(|cause| target(workload, cause).map(|container| (cause, container)))
        .collect();
    let Some((last, container)) = wanted.last() else { return Vec::new() };
    let marker = last_reloaded_from(last, &workload.namespace, &workload.containers[*container].name, now);
    let body =
        json!({ "spec": { "template": { "metadata": { "annotations": { names::LAST_RELOADED_FROM: marker } } } } });
    let why = format!("mark the pod template as reloaded from {} `{}`", last.kind.token(), last.name);
    let causes = wanted.iter().map(|(cause, _)| (*cause).clone()).collect();
    let media = if workload.kind == Kind::Rollout { Media::Merge } else { Media::Strategic };
    vec![Edit { write: patch(workload, media, body.to_string(), why), causes }]
}

fn restart(workload: &Workload, causes: &[Cause], now: Timestamp) -> Vec<Edit> {
    let causes: Vec<Cause> = causes.iter().filter(|cause| target(workload, cause).is_some()).cloned().collect();
    if causes.is_empty() {
        return Vec::new();
    }
    let body = format!(r#"{{"spec": {{"restartAt": "{}"}}}}"#, crate::conditions::rfc3339(now));
    vec![Edit { write: patch(workload, Media::Merge, body, "restart the Rollout".to_owned()), causes }]
}

/// The container that carries a cause's mark. It is looked up again here, since the workload may have changed since the hit.
pub(super) fn target(workload: &Workload, cause: &Cause) -> Option<usize> {
    let first = (cause.is_named && !workload.containers.is_empty()).then_some(0);
    workload.referencing(cause.kind, &cause.name).or(first)
}

pub(super) fn patch(workload: &Workload, media: Media, body: String, why: String) -> Write {
    let manager = names::MANAGER.to_owned();
    Write::Patch { at: workload.address(), subresource: None, media, body, manager, why }
}
