//! Opening the values of a SealedSecret: under the label that its own metadata says, with the keys at hand, key by key. The
//! first success is remembered, so that the other values of the object are tried with that key first.
//! Not here: what becomes of the values (`unseal`, `reseal`). Specification: SS §5.3, §5.4, §7.2, §8.

use std::collections::BTreeMap;

use api::SealedSecret;
use api::sealed_secret::names;
use base::{Fault, SecretBytes, SecretMap};
use seal::{KeyFingerprint, KeySet, Label, Scope, Sealed};

/// What values are opened with.
#[derive(Clone, Copy)]
pub struct Opener<'a> {
    /// The keys of the cluster.
    pub keys: &'a KeySet,
    /// The key that opened this object the last time.
    pub remembered: Option<&'a KeyFingerprint>,
    /// Whether objects of clients before 0.7 are opened, too (`--accept-deprecated-v1-data`).
    pub accepts_legacy: bool,
}

/// What was in a SealedSecret.
pub(super) enum Content {
    /// A value a key.
    Values(SecretMap),
    /// One value that is a whole Secret.
    Legacy(SecretBytes),
}

impl<'a> Opener<'a> {
    /// Opens with these keys whatever may be opened.
    #[must_use]
    pub fn new(keys: &'a KeySet) -> Self {
        Self { keys, remembered: None, accepts_legacy: true }
    }

    /// The content of an object that uses one form only, and the key that opened it last.
    pub(super) fn open(
        &self,
        ss: &SealedSecret,
        failures: &mut Failures,
    ) -> Result<(Content, Option<KeyFingerprint>), Fault> {
        let Some(legacy) = ss.legacy_data() else {
            let (values, key) = self.open_values(ss, failures);
            return Ok((Content::Values(values), key));
        };
        if !self.accepts_legacy {
            return Err(Fault::wrong("using deprecated 'data' field, use 'encryptedData' or flip the feature flag"));
        }
        if !ss.encrypted_data().is_empty() {
            return Err(Fault::wrong(
                "cannot use the field 'encryptedData' and the deprecated field 'data' at the same time",
            ));
        }
        let opened = self.keys.open(&label(ss), &Sealed::parse(legacy)?, self.remembered)?;
        Ok((Content::Legacy(opened.value), Some(opened.key)))
    }

    fn open_values(&self, ss: &SealedSecret, failures: &mut Failures) -> (SecretMap, Option<KeyFingerprint>) {
        let label = label(ss);
        let mut last = self.remembered.cloned();
        let mut values = SecretMap::new();
        for (name, text) in ss.encrypted_data() {
            match Sealed::parse(text).and_then(|sealed| self.keys.open(&label, &sealed, last.as_ref())) {
                Ok(opened) => {
                    values.insert(name.clone(), opened.value);
                    last = Some(opened.key);
                }
                Err(fault) => failures.add(name, &fault),
            }
        }
        (values, last)
    }
}

/// How far the values may be moved: the object's own annotations say so, never the template's.
#[must_use]
pub fn scope(ss: &SealedSecret) -> Scope {
    Scope::from_marks(ss.has_annotation(names::CLUSTER_WIDE), ss.has_annotation(names::NAMESPACE_WIDE))
}

/// The label under which the values of a SealedSecret were sealed.
#[must_use]
pub fn label(ss: &SealedSecret) -> Label {
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    scope(ss).label(&text(&ss.metadata.namespace), &text(&ss.metadata.name))
}

/// Sentences, each with the keys that it is about.
#[derive(Default)]
pub(super) struct Failures(BTreeMap<String, Vec<String>>);

impl Failures {
    pub(super) fn add(&mut self, key: &str, fault: &Fault) {
        self.0.entry(fault.chain()).or_default().push(key.to_owned());
    }

    pub(super) fn into_result(self) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let lines = self.0.into_iter().map(|(sentence, keys)| format!("{sentence} ({})", keys.join(", ")));
        Err(Fault::wrong(lines.collect::<Vec<_>>().join("\n")))
    }
}
