//! What is written to a workload: exact patch bytes for the kinds whose controller rolls the template. A mark that stands
//! already is not written again, so replays and retries roll nothing. Rollouts and DeploymentConfigs are no kinds of Kubernetes' own,
//! so no strategic merge is sure to reach their lists: they get the same edit as a JSON patch. Specification: RL §10, §11.4, §11.5, §17.

use api::reload::names;
use base::Timestamp;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::workload::Times;
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
/// whether a change was missed (RL §14, §17). Where annotations are written and one stands, a variable is a leftover from
/// before: the annotation remembers the last resource alone, so nobody knows what the others were rolled for since.
#[must_use]
pub fn standing_marks(workload: &Workload, cause: &Cause, strategy: Strategy) -> Vec<String> {
    let text = workload.template_annotations.get(names::LAST_RELOADED_FROM);
    let marker = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let by_annotation = marker.as_ref().and_then(|marker| {
        let is_same = names_of(marker) == (cause.kind.token().to_ascii_lowercase(), cause.name.as_str());
        is_same.then(|| marker.get("hash").and_then(Value::as_str).map(str::to_owned)).flatten()
    });
    let has_variables = strategy == Strategy::EnvVars || marker.is_none();
    let container = target(workload, cause).filter(|_| has_variables);
    let by_variable = container.and_then(|container| workload.marker(container, &variable(cause)));
    by_variable.map(|marker| marker.hash.clone()).into_iter().chain(by_annotation).collect()
}

/// Whether a workload that was rolled for this resource before has not been rolled for its state now. After a change of the
/// strategy an old mark of the other one stands beside the new: one that fits is enough.
#[must_use]
pub fn has_missed(workload: &Workload, cause: &Cause, strategy: Strategy) -> bool {
    let marks = standing_marks(workload, cause, strategy);
    !marks.is_empty() && !marks.contains(&cause.hash())
}

/// How long ago a change may have been cut off by the end of the process that carried it out.
const CUT_OFF: SignedDuration = SignedDuration::from_mins(10);

/// When workloads were rolled for this very state lately: their marks say so, and the API server noted the time.
#[must_use]
pub fn rolled_lately<'a>(
    workloads: impl IntoIterator<Item = &'a Workload>,
    cause: &Cause,
    strategy: Strategy,
    now: Timestamp,
) -> Option<Timestamp> {
    let is_rolled = |workload: &&Workload| standing_marks(workload, cause, strategy).contains(&cause.hash());
    let latest = workloads.into_iter().filter(is_rolled).filter_map(|workload| workload.times.rolled).max()?;
    (now.duration_since(latest) < CUT_OFF).then_some(latest)
}

/// Whether a workload without any mark was left out when others were rolled for the same state at `rolled`, because the process
/// that rolled them ended in between: it stood before, and nobody has written it since. The absence of a mark alone is no
/// reason to roll (RL §14, §17).
#[must_use]
pub fn was_left_out(workload: &Workload, cause: &Cause, strategy: Strategy, rolled: Timestamp) -> bool {
    let Times { created: Some(created), rolled: None, edited } = workload.times else { return false };
    let has_mark = workload.template_annotations.contains_key(names::LAST_RELOADED_FROM)
        || !standing_marks(workload, cause, strategy).is_empty();
    let is_rolled = !matches!(workload.kind, Kind::CronJob | Kind::Job);
    is_rolled && !has_mark && created < rolled && edited.is_none_or(|edited| edited < rolled)
}

/// Type (lower case) and name in a marker, of either shape (RL §22.2).
fn names_of(marker: &Value) -> (String, &str) {
    let field = |name: &str| marker.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = if field("type").is_empty() { field("kind") } else { field("type") };
    (kind.to_ascii_lowercase(), field("name"))
}

/// The edits that these causes need on a workload whose controller rolls its template; none where all marks stand.
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

/// The variables to set, by the place of their container.
type Sets<'a> = [(usize, Vec<(String, &'a Cause)>)];

fn setting(workload: &Workload, sets: &Sets<'_>) -> Edit {
    let (mut whys, mut causes) = (Vec::new(), Vec::new());
    for (container, list) in sets {
        let names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
        whys.push(format!("set {} in container `{}`", names.join(", "), workload.containers[*container].name));
        causes.extend(list.iter().map(|(_, cause)| (*cause).clone()));
    }
    let (media, body) = match workload.kind.is_foreign() {
        true => (Media::Json, set_by_place(workload, sets)),
        false => (Media::Strategic, set_by_name(workload, sets)),
    };
    Edit { write: patch(workload, media, body, whys.join(", ")), causes }
}

fn entries(list: &[(String, &Cause)]) -> Vec<Value> {
    list.iter().map(|(name, cause)| json!({ "name": name, "value": cause.hash() })).collect()
}

fn set_by_name(workload: &Workload, sets: &Sets<'_>) -> String {
    let bodies: Vec<String> = sets
        .iter()
        .map(|(container, list)| {
            let name = Value::from(workload.containers[*container].name.as_str());
            // Written out, not through a map: the peer's order of keys is `name`, then `env`.
            format!(r#"{{"name":{name},"env":{}}}"#, Value::from(entries(list)))
        })
        .collect();
    format!(r#"{{"spec":{{"template":{{"spec":{{"containers":[{}]}}}}}}}}"#, bodies.join(","))
}

/// Each place is tested first: the lists may have changed since they were read. That a list is still missing cannot be tested,
/// so there the object's version is.
fn set_by_place(workload: &Workload, sets: &Sets<'_>) -> String {
    let test = |path: String, value: &str| json!({ "op": "test", "path": path, "value": value });
    let mut steps = Vec::new();
    if sets.iter().any(|(place, _)| !workload.containers[*place].has_env) {
        steps.push(test("/metadata/resourceVersion".to_owned(), &workload.resource_version));
    }
    for (place, list) in sets {
        let container = &workload.containers[*place];
        let path = format!("/spec/template/spec/containers/{place}");
        steps.push(test(format!("{path}/name"), &container.name));
        if !container.has_env {
            steps.push(json!({ "op": "add", "path": format!("{path}/env"), "value": entries(list) }));
            continue;
        }
        for ((name, _), entry) in list.iter().zip(entries(list)) {
            let standing = workload.marker(*place, name).map(|marker| format!("{path}/env/{}", marker.place));
            if let Some(path) = &standing {
                steps.push(test(format!("{path}/name"), name));
            }
            let op = if standing.is_some() { "replace" } else { "add" };
            let path = standing.unwrap_or_else(|| format!("{path}/env/-"));
            steps.push(json!({ "op": op, "path": path, "value": entry }));
        }
    }
    Value::from(steps).to_string()
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
    let media = if workload.kind.is_foreign() { Media::Merge } else { Media::Strategic };
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
