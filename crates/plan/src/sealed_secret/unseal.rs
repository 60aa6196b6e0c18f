//! From the opened values and the template to the Secret as it shall be, or of every key why not: there is no partial Secret.
//! The key that opened is handed back, to be tried first the next time. Specification: SS §7, §8.

use api::SealedSecret;
use api::sealed_secret::names;
use base::{Fault, SecretBytes, SecretMap};
use seal::KeyFingerprint;
use template::{Engine, Value};

use super::legacy::LegacySecret;
use super::opening::{Content, Failures, Opener};
use crate::present::OwnerRef;
use crate::{Rendering, Target};

/// What came of it.
pub struct Unsealed {
    /// The Secret as it shall be.
    pub target: Target,
    /// The key that opened the last value.
    pub key: Option<KeyFingerprint>,
}

/// Unseals.
///
/// # Errors
/// The aggregate of what went wrong, key names behind each sentence.
pub fn unseal(ss: &SealedSecret, opener: &Opener<'_>, rendering: &mut Rendering<'_>) -> Result<Unsealed, Fault> {
    let mut failures = Failures::default();
    let (content, key) = opener.open(ss, &mut failures)?;
    let target = match content {
        Content::Legacy(value) => legacy_target(ss, LegacySecret::read(&value)?),
        Content::Values(values) => {
            let data = with_templates(ss, values, rendering, &mut failures);
            failures.into_result()?;
            target(ss, data)
        }
    };
    Ok(Unsealed { target, key })
}

/// Adds what `template.data` says; a sealed value of the same name wins, and null takes a value away. Templates see the opened
/// values and each other's text, unrendered (SS §7.3).
fn with_templates(
    ss: &SealedSecret,
    opened: SecretMap,
    rendering: &mut Rendering<'_>,
    failures: &mut Failures,
) -> SecretMap {
    let Some(templates) = ss.template().and_then(|template| template.data.as_ref()) else { return opened };
    let mut visible = opened.clone();
    for (name, text) in templates {
        if let Some(text) = text.as_ref().filter(|_| !opened.contains(name)) {
            visible.insert(name.clone(), SecretBytes::from(text.as_str()));
        }
    }
    let visible = Value::from(&visible);
    let mut data = opened.clone();
    for (name, text) in templates {
        match text {
            None => drop(data.remove(name)),
            Some(_) if opened.contains(name) => {}
            Some(text) => match rendered(name, text, &visible, rendering) {
                Ok(value) => data.insert(name.clone(), value),
                Err(fault) => failures.add(name, &fault),
            },
        }
    }
    data
}

fn rendered(name: &str, text: &str, visible: &Value, rendering: &mut Rendering<'_>) -> Result<SecretBytes, Fault> {
    Engine::sealed_secrets().parse(name, text)?.execute(visible, rendering.surroundings())
}

pub(super) fn target(ss: &SealedSecret, data: SecretMap) -> Target {
    let mut target = empty_target(ss);
    if let Some(template) = ss.template() {
        target.kind = template.type_.clone().unwrap_or_default();
        target.immutable = template.immutable;
        if let Some(metadata) = &template.metadata {
            target.labels = metadata.labels.clone().unwrap_or_default();
            target.annotations = metadata.annotations.clone().unwrap_or_default();
            target.finalizers = metadata.finalizers.clone().unwrap_or_default();
        }
    }
    target.data = data;
    target
}

/// Of the template only the annotation counts that leaves the owner out (SS §8).
fn legacy_target(ss: &SealedSecret, secret: LegacySecret) -> Target {
    let mut target = empty_target(ss);
    target.kind = secret.kind;
    target.immutable = secret.immutable;
    target.labels = secret.labels;
    target.annotations = secret.annotations;
    target.finalizers = secret.finalizers;
    target.data = secret.data;
    target
}

/// Name and namespace are the SealedSecret's, whatever a template says; it owns the Secret unless told otherwise, and then those
/// do that the template lists.
fn empty_target(ss: &SealedSecret) -> Target {
    let meta = &ss.metadata;
    let mut target = Target::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    match ss.template().filter(|template| template.has_annotation(names::SKIP_OWNER)) {
        None => target.owners.push(owner(ss)),
        Some(template) => {
            let listed = template.metadata.iter().flat_map(|metadata| metadata.owner_references.iter().flatten());
            target.owners.extend(listed.map(|owner| OwnerRef {
                api_version: owner.api_version.clone(),
                kind: owner.kind.clone(),
                name: owner.name.clone(),
                uid: owner.uid.clone(),
                controller: owner.controller,
                block_owner_deletion: owner.block_owner_deletion,
            }));
        }
    }
    target
}

fn owner(ss: &SealedSecret) -> OwnerRef {
    OwnerRef {
        api_version: names::API_VERSION.to_owned(),
        kind: names::KIND.to_owned(),
        name: ss.metadata.name.clone().unwrap_or_default(),
        uid: ss.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}
