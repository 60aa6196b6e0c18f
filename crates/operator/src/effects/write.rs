//! Writes on the cluster: each of the five forms is the peer's own request. On a conflict a replacing write reads again and
//! asks the same pure rule again, up to five times, so that two writers lose nothing and nothing is fetched twice.
//! Specification: design §11.3.

use base::{Fault, Kind};
use bytes::Bytes;
use http::Method;
use plan::write::Media;
use plan::{Address, Laid, Manifest, Present, Rule, Status, Target, Write, Written};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

use super::Effect;
use crate::cluster::{self, Call, Cluster, JSON};
use crate::kube_secret;
use crate::shared::Shared;
use crate::subject::Subject;

/// How often a conflict is decided again before the pass fails and the queue retries.
const TRIES: usize = 5;

impl Effect for Write {
    type Answer = Written;

    async fn perform(self, shared: &Shared) -> Result<Written, Fault> {
        let cluster = shared.cluster();
        match self {
            Self::CreateSecret { target, manager } => create_secret(cluster, &target, &manager).await,
            Self::ReplaceSecret { target, rule, present, manager } => {
                replace_secret(cluster, &target, &rule, present.map(|present| *present), &manager).await
            }
            Self::CreateObject { at, object, manager, dry_run } => {
                let path = managed(cluster::collection_path(&at.resource, &at.namespace), &manager);
                let path = if dry_run { path + "&dryRun=All" } else { path };
                let body = object.expose().to_string().into_bytes();
                let call = Call { method: Method::POST, path, media: JSON, body };
                written(&cluster.call(call).await?, true)
            }
            Self::ReplaceObject { at, object, manager } => replace_object(cluster, &at, &object, &manager).await,
            Self::Patch { at, subresource, media, body, manager, .. } => {
                let path = managed(cluster::object_path(&at, subresource), &manager);
                let call = Call { method: Method::PATCH, path, media: media_type(media), body: body.into_bytes() };
                written(&cluster.call(call).await?, false)
            }
            Self::Delete { at, uid, resource_version, background, .. } => {
                delete(cluster, &at, uid.as_deref(), resource_version.as_deref(), background).await
            }
        }
    }

    fn assumed(&self) -> Option<Written> {
        Some(Written { changed: true, name: self.object().name, ..Written::default() })
    }
}

async fn create_secret(cluster: &Cluster, target: &Target, manager: &str) -> Result<Written, Fault> {
    let path = managed(cluster::collection_path(&plan::write::Resource::secrets(), &target.namespace), manager);
    let call = Call { method: Method::POST, path, media: JSON, body: kube_secret::body(target, None) };
    let answer = cluster.call(call).await.map_err(|fault| fault.about(target.object()))?;
    written(&answer, true)
}

async fn replace_secret(
    cluster: &Cluster,
    target: &Target,
    rule: &Arc<dyn Rule>,
    present: Option<Present>,
    manager: &str,
) -> Result<Written, Fault> {
    let at = Address::secret(target.namespace.clone(), target.name.clone());
    let mut present = match present {
        Some(present) => Some(present),
        None => read_secret(cluster, &at).await?,
    };
    let mut last = None;
    for _ in 0..TRIES {
        let done = match &present {
            None if !rule.creates() => return Ok(Written::default()),
            None => create_secret(cluster, target, manager).await,
            Some(standing) => match target.over(rule, standing)? {
                Laid::Same => return Ok(unchanged(standing)),
                Laid::Update(laid) => update_secret(cluster, &at, &laid, standing, manager).await,
                Laid::Again(laid) => {
                    delete(cluster, &at, Some(&standing.uid), Some(&standing.resource_version), false).await?;
                    create_secret(cluster, &laid, manager).await
                }
            },
        };
        match done {
            // Somebody was faster, or it vanished under us: read again, decide again.
            Err(fault) if matches!(fault.kind(), Kind::Conflict | Kind::NotFound) => last = Some(fault),
            other => return other,
        }
        present = read_secret(cluster, &at).await?;
    }
    Err(last.unwrap_or_else(|| Fault::conflict("cannot write the Secret")).about(target.object()))
}

async fn update_secret(
    cluster: &Cluster,
    at: &Address,
    laid: &Target,
    standing: &Present,
    manager: &str,
) -> Result<Written, Fault> {
    let path = managed(cluster::object_path(at, None), manager);
    let body = kube_secret::body(laid, Some(standing));
    let answer = cluster.call(Call { method: Method::PUT, path, media: JSON, body }).await;
    written(&answer.map_err(|fault| fault.about(at.object()))?, false)
}

/// Reads a Secret; `None` where there is none of that name.
pub(crate) async fn read_secret(cluster: &Cluster, at: &Address) -> Result<Option<Present>, Fault> {
    cluster.read(at).await?.map(|body| kube_secret::read(&body)).transpose()
}

async fn replace_object(cluster: &Cluster, at: &Address, object: &Manifest, manager: &str) -> Result<Written, Fault> {
    let path = managed(cluster::object_path(at, None), manager);
    let body = object.expose().to_string().into_bytes();
    written(&cluster.call(Call { method: Method::PUT, path, media: JSON, body }).await?, false)
}

async fn delete(
    cluster: &Cluster,
    at: &Address,
    uid: Option<&str>,
    resource_version: Option<&str>,
    background: bool,
) -> Result<Written, Fault> {
    let mut options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {} });
    if let Some(uid) = uid {
        options["preconditions"]["uid"] = json!(uid);
    }
    if let Some(version) = resource_version {
        options["preconditions"]["resourceVersion"] = json!(version);
    }
    if background {
        options["propagationPolicy"] = json!("Background");
    }
    let path = cluster::object_path(at, None);
    let body = options.to_string().into_bytes();
    match cluster.call(Call { method: Method::DELETE, path, media: JSON, body }).await {
        Ok(_) => Ok(Written { changed: true, name: at.name.clone(), ..Written::default() }),
        // Gone already is what was wanted.
        Err(fault) if fault.kind() == Kind::NotFound => Ok(Written::default()),
        Err(fault) => Err(fault.about(at.object())),
    }
}

/// The object that a status was decided on.
pub(crate) struct Decided<'a> {
    pub at: &'a Address,
    pub uid: &'a str,
    pub resource_version: String,
    /// Whether an answer of the API server still holds the status that was decided on.
    pub is_same: &'a (dyn Fn(&[u8]) -> bool + Sync),
}

/// Writes a status; the answer is the whole object, for the cache. Where somebody else has written the object meanwhile, it is
/// written over theirs only if the status is still the one that was decided on: else it must be decided again.
///
/// # Errors
/// The object is gone, or another one has its name; its status is somebody else's; or the API server says no.
pub(crate) async fn write_status(
    cluster: &Cluster,
    decided: Decided<'_>,
    status: Status,
    manager: &str,
) -> Result<(Written, Bytes), Fault> {
    let Decided { at, uid, mut resource_version, is_same } = decided;
    let path = managed(cluster::object_path(at, Some("status")), manager);
    if status.form == plan::finish::StatusForm::MergePatch {
        let body = json!({ "status": status.value }).to_string().into_bytes();
        let call = Call { method: Method::PATCH, path, media: media_type(Media::Merge), body };
        let answer = cluster.call(call).await?;
        return Ok((written(&answer, false)?, answer));
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let object = json!({
            "apiVersion": at.resource.api_version(),
            "kind": at.resource.kind,
            "metadata": { "name": at.name, "namespace": at.namespace, "resourceVersion": resource_version },
            "status": status.value,
        });
        let body = object.to_string().into_bytes();
        let call = Call { method: Method::PUT, path: path.clone(), media: JSON, body };
        match cluster.call(call).await {
            Ok(answer) => return Ok((written(&answer, false)?, answer)),
            Err(fault) if fault.kind() == Kind::Conflict && tries < TRIES => {
                let gone = || Fault::new(Kind::NotFound, "the object is gone, or another one has its name");
                let fresh = cluster.read(at).await?.ok_or_else(gone)?;
                let head: Head = cluster::parse(&fresh, "answer to a read")?;
                if head.metadata.uid != uid {
                    return Err(gone().because(fault).about(at.object()));
                }
                if !is_same(&fresh) {
                    return Err(Fault::conflict("somebody else has written the status").about(at.object()));
                }
                resource_version = head.metadata.resource_version;
            }
            Err(fault) => return Err(fault.about(at.object())),
        }
    }
}

fn unchanged(standing: &Present) -> Written {
    Written {
        changed: false,
        created: false,
        uid: standing.uid.clone(),
        resource_version: standing.resource_version.clone(),
        name: standing.name.clone(),
    }
}

/// The part of an answer that every write needs.
#[derive(Deserialize)]
struct Head {
    metadata: HeadMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMeta {
    #[serde(default)]
    name: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
}

fn written(answer: &[u8], created: bool) -> Result<Written, Fault> {
    let head: Head = cluster::parse(answer, "answer to a write")?;
    let HeadMeta { name, uid, resource_version } = head.metadata;
    Ok(Written { changed: true, created, uid, resource_version, name })
}

fn managed(path: String, manager: &str) -> String {
    format!("{path}?fieldManager={}", escaped(manager))
}

/// Field managers may hold `/`, which a query must not.
fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn media_type(media: Media) -> &'static str {
    match media {
        Media::Strategic => "application/strategic-merge-patch+json",
        Media::Merge => "application/merge-patch+json",
        Media::Json => "application/json-patch+json",
    }
}

/// The merge patch that adds a finalizer. Like the removal it names the version it was decided on, so that a list that
/// somebody else changed meanwhile is never overwritten.
pub(crate) fn add_finalizer<O: Subject>(o: &O, finalizer: &str, manager: &str) -> Write {
    let mut list: Vec<&str> = o.finalizers().iter().map(String::as_str).collect();
    list.push(finalizer);
    let body = finalizers(o.resource_version(), &json!(list));
    guarding(o.address(), body, manager, format!("add finalizer `{finalizer}`"))
}

/// The merge patch that removes a finalizer.
pub(crate) fn remove_finalizer<O: Subject>(o: &O, finalizer: &str, manager: &str) -> Write {
    let body = body_without(o.resource_version(), o.finalizers(), finalizer);
    guarding(o.address(), body, manager, format!("remove finalizer `{finalizer}`"))
}

/// The body of such a removal.
pub(crate) fn body_without(resource_version: &str, standing: &[String], finalizer: &str) -> String {
    let list: Vec<&String> = standing.iter().filter(|name| *name != finalizer).collect();
    finalizers(resource_version, &if list.is_empty() { Value::Null } else { json!(list) })
}

fn finalizers(resource_version: &str, list: &Value) -> String {
    json!({ "metadata": { "resourceVersion": resource_version, "finalizers": list } }).to_string()
}

fn guarding(at: Address, body: String, manager: &str, why: String) -> Write {
    Write::Patch { at, subresource: None, media: Media::Merge, body, manager: manager.to_owned(), why }
}

#[cfg(test)]
mod tests;
