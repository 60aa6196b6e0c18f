//! The target as the spec wishes it: template, type, labels, annotations, finalizers. How that lies over what stands there is
//! `rule`'s. Specification: ESO §6.5, §8.2, §8.3.

use std::collections::BTreeMap;

use api::ExternalSecret;
use api::external_secrets::names;
use api::external_secrets::target::CreationPolicy;
use api::meta::Filled as _;
use base::{Fault, SecretMap};

use crate::Target;
use crate::present::OwnerRef;

/// Labels and annotations that would let another tool take the target for its own (ESO §6.5, Field report).
const NEVER_COPIED: [&str; 2] = ["kubectl.kubernetes.io/last-applied-configuration", "argocd.argoproj.io/tracking-id"];
/// Left out as well where no owner reference protects the target.
const TRACKING_LABEL: &str = "argocd.argoproj.io/instance";

/// The target with this data.
///
/// # Errors
/// A template fails.
pub fn target(es: &ExternalSecret, data: SecretMap) -> Result<Target, Fault> {
    let meta = &es.metadata;
    let mut target = Target::new(meta.namespace.clone().unwrap_or_default(), es.target_name());
    let owns = es.creation_policy() == CreationPolicy::Owner;
    match es.template() {
        Some(template) => {
            if !template.data.is_empty() || !template.template_from.is_empty() {
                return Err(not_built("templates"));
            }
            target.kind = template.type_.filled().unwrap_or_default().to_owned();
            if let Some(metadata) = &template.metadata {
                let is_template = |value: &String| value.contains("{{");
                if metadata.labels.values().chain(metadata.annotations.values()).any(is_template) {
                    return Err(not_built("templates"));
                }
                target.labels.clone_from(&metadata.labels);
                target.annotations.clone_from(&metadata.annotations);
                target.finalizers.clone_from(&metadata.finalizers);
            }
        }
        None => {
            target.labels = copied(meta.labels.as_ref(), owns);
            target.annotations = copied(meta.annotations.as_ref(), owns);
        }
    }
    target.labels.insert(names::MANAGED.to_owned(), "true".to_owned());
    if owns {
        target.labels.insert(names::CREATED_BY.to_owned(), created_by(es));
        target.owners.push(owner(es));
    }
    target.immutable = es.spec.target.immutable.filter(|immutable| *immutable);
    target.data = data;
    Ok(target)
}

/// The label value that names this ExternalSecret as owner.
#[must_use]
pub fn created_by(es: &ExternalSecret) -> String {
    let meta = &es.metadata;
    super::hash::created_by(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn owner(es: &ExternalSecret) -> OwnerRef {
    OwnerRef {
        api_version: format!("{}/v1", names::GROUP),
        kind: "ExternalSecret".to_owned(),
        name: es.metadata.name.clone().unwrap_or_default(),
        uid: es.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

fn copied(map: Option<&BTreeMap<String, String>>, owns: bool) -> BTreeMap<String, String> {
    let mut map = map.cloned().unwrap_or_default();
    map.retain(|key, _| !NEVER_COPIED.contains(&key.as_str()) && (owns || key != TRACKING_LABEL));
    map
}

/// A part that is still to be built says so.
pub(super) fn not_built(what: &str) -> Fault {
    Fault::wrong(format!("could not apply template: {what} are not built yet in this version"))
}
