//! Opens all values of a SealedSecret and makes the Secret of them, or says of every key why not. There is no partial Secret.
//! The key that opened is handed back, to be tried first the next time. Specification: SS §7, §8.

use std::collections::BTreeMap;

use api::SealedSecret;
use api::sealed_secret::names;
use base::{Fault, SecretBytes, SecretMap};
use seal::{KeyFingerprint, KeySet, Label, Scope, Sealed};

use crate::Target;
use crate::present::OwnerRef;

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
pub fn unseal(ss: &SealedSecret, keys: &KeySet, remembered: Option<&KeyFingerprint>) -> Result<Unsealed, Fault> {
    if ss.legacy_data().is_some() {
        return Err(Fault::wrong(
            "the deprecated field `data` is not read yet; seal the Secret again with `encryptedData`",
        ));
    }
    let mut failures = Failures::default();
    let (opened, key) = open_all(ss, keys, remembered, &mut failures);
    let data = with_templates(ss, opened, &mut failures);
    failures.into_result()?;
    Ok(Unsealed { target: target(ss, data), key })
}

/// The label under which the values of a SealedSecret were sealed: its own metadata decides, never the template's.
#[must_use]
pub fn label(ss: &SealedSecret) -> Label {
    let meta = &ss.metadata;
    let scope = Scope::from_marks(ss.has_annotation(names::CLUSTER_WIDE), ss.has_annotation(names::NAMESPACE_WIDE));
    scope.label(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn open_all(
    ss: &SealedSecret,
    keys: &KeySet,
    remembered: Option<&KeyFingerprint>,
    failures: &mut Failures,
) -> (SecretMap, Option<KeyFingerprint>) {
    let label = label(ss);
    let mut last = remembered.cloned();
    let mut opened = SecretMap::new();
    for (name, text) in ss.encrypted_data() {
        let value = Sealed::parse(text).and_then(|sealed| keys.open(&label, &sealed, last.as_ref()));
        match value {
            Ok(value) => {
                opened.insert(name.clone(), value.value);
                last = Some(value.key);
            }
            Err(fault) => failures.add(name, &fault),
        }
    }
    (opened, last)
}

/// Adds what `template.data` says; a sealed value of the same name wins, and null takes a value away.
fn with_templates(ss: &SealedSecret, mut opened: SecretMap, failures: &mut Failures) -> SecretMap {
    let Some(templates) = ss.template().and_then(|template| template.data.as_ref()) else { return opened };
    for (name, text) in templates {
        match text {
            None => drop(opened.remove(name)),
            Some(_) if opened.contains(name) => {}
            Some(text) if text.contains("{{") => {
                failures.add(name, &Fault::wrong("templates are not built yet in this version"));
            }
            Some(text) => opened.insert(name.clone(), SecretBytes::from(text.as_str())),
        }
    }
    opened
}

fn target(ss: &SealedSecret, data: SecretMap) -> Target {
    let meta = &ss.metadata;
    let mut target = Target::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    let template = ss.template();
    if let Some(template) = template {
        target.kind = template.type_.clone().unwrap_or_default();
        target.immutable = template.immutable;
        if let Some(metadata) = &template.metadata {
            target.labels = metadata.labels.clone().unwrap_or_default();
            target.annotations = metadata.annotations.clone().unwrap_or_default();
            target.finalizers = metadata.finalizers.clone().unwrap_or_default();
        }
    }
    if !template.is_some_and(|template| template.has_annotation(names::SKIP_OWNER)) {
        target.owners.push(owner(ss));
    }
    target.data = data;
    target
}

fn owner(ss: &SealedSecret) -> OwnerRef {
    OwnerRef {
        api_version: "bitnami.com/v1alpha1".to_owned(),
        kind: "SealedSecret".to_owned(),
        name: ss.metadata.name.clone().unwrap_or_default(),
        uid: ss.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// Sentences, each with the keys that it is about.
#[derive(Default)]
struct Failures(BTreeMap<String, Vec<String>>);

impl Failures {
    fn add(&mut self, key: &str, fault: &Fault) {
        self.0.entry(fault.chain()).or_default().push(key.to_owned());
    }

    fn into_result(self) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let lines = self.0.into_iter().map(|(sentence, keys)| format!("{sentence} ({})", keys.join(", ")));
        Err(Fault::wrong(lines.collect::<Vec<_>>().join("\n")))
    }
}
