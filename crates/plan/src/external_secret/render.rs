//! The target as the spec wishes it: template, type, labels, annotations, finalizers. What templates make is `templates`', how
//! the target lies over what stands there is `rule`'s. Specification: ESO §6.5, §8.2, §8.3.

use std::collections::BTreeMap;

use api::ExternalSecret;
use api::external_secrets::names;
use api::external_secrets::target::CreationPolicy;
use api::external_secrets::template::ExternalSecretTemplate;
use api::meta::Filled as _;
use base::{Fault, SecretMap};

use super::templates::{self, Sources, Templates};
use crate::present::OwnerRef;
use crate::{Rendering, Target};

/// Labels and annotations that would let another tool take the target for its own (ESO §6.5, Field report).
const NEVER_COPIED: [&str; 2] = ["kubectl.kubernetes.io/last-applied-configuration", "argocd.argoproj.io/tracking-id"];
/// Left out as well where no owner reference protects the target.
const TRACKING_LABEL: &str = "argocd.argoproj.io/instance";

/// What the target is made of.
pub struct Given {
    /// The fetched values.
    pub values: SecretMap,
    /// What `templateFrom` names.
    pub sources: Result<Sources, Fault>,
    /// Whether the data is written already and stays: no template of it is run then (ESO §6.5, immutable).
    pub is_frozen: bool,
}

/// The target of these values.
///
/// # Errors
/// A template fails, or asks for a kind of Secret that is not handed out.
pub fn target(es: &ExternalSecret, given: Given, rendering: &mut Rendering<'_>) -> Result<Target, Fault> {
    let meta = &es.metadata;
    let mut target = Target::new(meta.namespace.clone().unwrap_or_default(), es.target_name());
    let owns = es.creation_policy() == CreationPolicy::Owner;
    match es.template() {
        Some(template) => {
            target.kind = template.type_.filled().unwrap_or_default().to_owned();
            by_template(&mut target, template, given, rendering)?;
        }
        None => {
            target.labels = copied(meta.labels.as_ref(), owns);
            target.annotations = copied(meta.annotations.as_ref(), owns);
            target.data = given.values;
        }
    }
    target.labels.insert(names::MANAGED.to_owned(), "true".to_owned());
    if owns {
        target.labels.insert(names::CREATED_BY.to_owned(), created_by(es));
        target.owners.push(owner(es));
    }
    target.immutable = es.spec.target.immutable.filter(|immutable| *immutable);
    Ok(target)
}

/// Values, labels, annotations and finalizers of a template; later ones win (ESO §8.2).
fn by_template(
    target: &mut Target,
    template: &ExternalSecretTemplate,
    given: Given,
    rendering: &mut Rendering<'_>,
) -> Result<(), Fault> {
    templates::check_kind(template)?;
    let mut all = Templates::over(&given.values, rendering);
    if !given.is_frozen {
        let sources = if template.template_from.is_empty() {
            Sources::default()
        } else {
            given.sources.map_err(templates::not_fetched)?
        };
        for part in all.parts(template, &sources)? {
            match part.target {
                word if templates::is(word, "data") => target.data.extend(part.entries),
                word if templates::is(word, "labels") => target.labels.extend(templates::as_texts(&part.entries)?),
                word if templates::is(word, "annotations") => {
                    target.annotations.extend(templates::as_texts(&part.entries)?);
                }
                other => return templates::check_target(other),
            }
        }
    }
    if let Some(metadata) = &template.metadata {
        target.labels.extend(all.texts(&metadata.labels)?);
        target.annotations.extend(all.texts(&metadata.annotations)?);
        target.finalizers.clone_from(&metadata.finalizers);
    }
    if templates::keeps_values(template) {
        let rendered = std::mem::replace(&mut target.data, given.values);
        target.data.extend(rendered);
    }
    Ok(())
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
