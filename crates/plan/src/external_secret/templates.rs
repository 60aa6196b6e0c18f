//! The templates of a target, run over the fetched values: `templateFrom` in order, then `data`; labels and annotations as well.
//! Shared by ExternalSecret and PushSecret. Where the parts are put is the target's (`render`). Specification: ESO §8.

use std::collections::BTreeMap;

use api::external_secrets::strategies::DecodingStrategy;
use api::external_secrets::template::{
    ExternalSecretTemplate, TemplateFrom, TemplateMergePolicy, TemplateMetadata, TemplateScope, TemplateSource,
};
use base::{Fault, SecretBytes, SecretMap, SecretValue};
use document::ReadOptions;
use document::yaml::{self, Dialect};
use template::{Engine, Value};

use super::keys;
use crate::Rendering;

/// The ConfigMaps and Secrets that `templateFrom` names, as they stand, by name.
#[derive(Default)]
pub struct Sources {
    /// The ConfigMaps.
    pub config_maps: BTreeMap<String, SecretMap>,
    /// The Secrets.
    pub secrets: BTreeMap<String, SecretMap>,
}

/// What one source of templates came to.
pub struct Part<'a> {
    /// Where it goes: Data, Labels, Annotations in any case, or a path in a generic target.
    pub target: &'a str,
    /// Keys and values.
    pub entries: SecretMap,
}

/// The target of `template.data`.
const DATA: &str = "Data";

/// What every template of one target shares.
pub struct Templates<'a, 'b> {
    engine: Engine,
    values: Value,
    rendering: &'a mut Rendering<'b>,
}

impl<'a, 'b> Templates<'a, 'b> {
    /// Templates over these values.
    #[must_use]
    pub fn over(values: &SecretMap, rendering: &'a mut Rendering<'b>) -> Self {
        let engine = rendering.engine(Engine::external_secrets());
        Self { engine, values: Value::from(values), rendering }
    }

    /// `templateFrom` in order, then `data`: later ones win.
    ///
    /// # Errors
    /// A source is not there, a template cannot be parsed or run, or its output has the wrong form.
    pub fn parts<'t>(
        &mut self,
        template: &'t ExternalSecretTemplate,
        sources: &Sources,
    ) -> Result<Vec<Part<'t>>, Fault> {
        let mut parts = Vec::with_capacity(template.template_from.len() + 1);
        for (place, from) in template.template_from.iter().enumerate() {
            let target = if from.target.is_empty() { DATA } else { &from.target };
            parts.push(Part { target, entries: self.from(place, from, sources)? });
        }
        let mut entries = SecretMap::new();
        for (key, text) in &template.data {
            entries.insert(key.clone(), self.value(key, text).map_err(not_executed)?);
        }
        parts.push(Part { target: DATA, entries });
        Ok(parts)
    }

    /// Labels and annotations: keys are kept, values are templates.
    ///
    /// # Errors
    /// A template cannot be parsed or run, or makes no text.
    pub fn texts(&mut self, map: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
        let mut texts = BTreeMap::new();
        for (key, text) in map {
            let value = self.value(key, text).and_then(|value| as_text(key, &value)).map_err(not_executed)?;
            texts.insert(key.clone(), value);
        }
        Ok(texts)
    }

    fn from(&mut self, place: usize, from: &TemplateFrom, sources: &Sources) -> Result<SecretMap, Fault> {
        let mut entries = SecretMap::new();
        let strategy = from.values_decoding_strategy;
        if let Some(source) = &from.config_map {
            let object = sources.config_maps.get(&source.name);
            entries.extend(self.items(("configmap", source), object, strategy)?);
        }
        if let Some(source) = &from.secret {
            let object = sources.secrets.get(&source.name);
            entries.extend(self.items(("secret", source), object, strategy)?);
        }
        if let Some(text) = &from.literal {
            // The peer names the whole text here; a place says as much and shows nothing.
            let name = format!("templateFrom[{place}].literal");
            let rendered = self.value(&name, text).and_then(|rendered| keys_and_values(&name, &rendered));
            entries.extend(decoded(rendered.map_err(not_executed)?, strategy)?);
        }
        Ok(entries)
    }

    fn items(
        &mut self,
        (word, source): (&str, &TemplateSource),
        object: Option<&SecretMap>,
        strategy: Option<DecodingStrategy>,
    ) -> Result<SecretMap, Fault> {
        let name = &source.name;
        let object = object.ok_or_else(|| not_fetched(Fault::not_found(format!("{word}s \"{name}\" not found"))))?;
        let mut entries = SecretMap::new();
        for item in &source.items {
            let key = &item.key;
            let missing = || not_fetched(Fault::wrong(format!("error in {word} {name}: missing key {key}")));
            let rendered = self.value(key, object.value(key).ok_or_else(missing)?.expose()).map_err(not_executed)?;
            match item.template_as {
                TemplateScope::Values => entries.insert(key.clone(), rendered),
                TemplateScope::KeysAndValues => entries.extend(keys_and_values(key, &rendered).map_err(not_executed)?),
            }
        }
        decoded(entries, strategy)
    }

    fn value(&mut self, key: &str, text: impl AsRef<[u8]>) -> Result<SecretBytes, Fault> {
        let parsed = self.engine.clone().parse(key, text);
        let parsed = parsed.map_err(|fault| fault.within(format!("unable to parse template at key {key}")))?;
        let done = parsed.execute(&self.values, self.rendering.surroundings());
        done.map_err(|fault| fault.within(format!("unable to execute template at key {key}")))
    }
}

/// Whether the fetched values themselves belong to the target, below what templates say.
#[must_use]
pub fn keeps_values(template: &ExternalSecretTemplate) -> bool {
    template.merge_policy == TemplateMergePolicy::Merge
        || (template.data.is_empty() && template.template_from.is_empty())
}

/// Kinds of Secrets that would hand out more than was fetched: tokens that the cluster itself makes or takes (ESO §9).
///
/// # Errors
/// The template asks for one.
pub fn check_kind(template: &ExternalSecretTemplate) -> Result<(), Fault> {
    let refused = |what: String| Err(Fault::denied(format!("template.type=\"{what} is not allowed")));
    let annotates = |metadata: &TemplateMetadata| metadata.annotations.contains_key(TOKEN_ANNOTATION);
    match template.type_.as_deref() {
        Some(BOOTSTRAP_TOKEN) => refused(format!("{BOOTSTRAP_TOKEN}\"")),
        Some(ACCOUNT_TOKEN) if template.metadata.as_ref().is_some_and(annotates) => {
            refused(format!("{ACCOUNT_TOKEN}\" with annotation \"{TOKEN_ANNOTATION}\""))
        }
        Some(ACCOUNT_TOKEN) if template.template_from.iter().any(|from| is(&from.target, "annotations")) => {
            refused(format!("{ACCOUNT_TOKEN}\" with templateFrom target=\"Annotations\""))
        }
        _ => Ok(()),
    }
}

/// Where a template may write in a Secret.
///
/// # Errors
/// The target is none of a Secret's parts.
pub fn check_target(target: &str) -> Result<(), Fault> {
    if target.is_empty() || ["data", "annotations", "labels"].iter().any(|word| is(target, word)) {
        return Ok(());
    }
    Err(Fault::wrong(format!(
        "templateFrom target=\"{target}\" is not allowed when targeting a Secret, must be one of \"Data\", \"Annotations\" or \"Labels\""
    )))
}

const ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
const TOKEN_ANNOTATION: &str = "kubernetes.io/service-account.name";
const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";

/// Whether a target is that word, in any case.
#[must_use]
pub fn is(target: &str, word: &str) -> bool {
    target.eq_ignore_ascii_case(word)
}

/// Labels or annotations of a part.
///
/// # Errors
/// A value is no text.
pub fn as_texts(entries: &SecretMap) -> Result<BTreeMap<String, String>, Fault> {
    entries.iter().map(|(key, value)| Ok((key.clone(), as_text(key, value).map_err(not_executed)?))).collect()
}

fn as_text(key: &str, value: &SecretBytes) -> Result<String, Fault> {
    let text = value.to_text().ok_or_else(|| Fault::wrong(format!("the value of {key} is no text")))?;
    Ok(text.into_exposed())
}

/// A rendered text that is a YAML map of texts. Numbers and truth values are texts, too, as they print.
fn keys_and_values(name: &str, rendered: &SecretBytes) -> Result<SecretMap, Fault> {
    let failed = |fault: Fault| fault.within(format!("could not unmarshal template at key {name}"));
    let options = ReadOptions { dialect: Dialect::Go3, ..ReadOptions::default() };
    let documents = yaml::read_values(rendered.expose(), &options).map_err(failed)?;
    let value = documents.into_iter().next().map_or(SecretValue::Null, SecretValue::from);
    let entries = match &value {
        SecretValue::Null => return Ok(SecretMap::new()),
        SecretValue::Map(entries) => entries,
        _ => return Err(failed(Fault::wrong("the rendered text is no map of keys and values"))),
    };
    let mut map = SecretMap::new();
    for (key, value) in entries {
        if matches!(value, SecretValue::List(_) | SecretValue::Map(_)) {
            return Err(failed(Fault::wrong(format!("the value of {key} is no text"))));
        }
        map.insert(key.clone(), super::bytes_of(value));
    }
    Ok(map)
}

fn decoded(entries: SecretMap, strategy: Option<DecodingStrategy>) -> Result<SecretMap, Fault> {
    let Some(strategy) = strategy else { return Ok(entries) };
    let mut map = SecretMap::new();
    for (key, value) in entries {
        let value = keys::decode(value, strategy).map_err(|fault| {
            not_executed(fault.within(format!("failed to decode rendered template value for key {key}")))
        })?;
        map.insert(key, value);
    }
    Ok(map)
}

fn not_executed(fault: Fault) -> Fault {
    fault.within("could not execute template").within(NOT_APPLIED)
}

/// A source of templates could not be read.
pub(super) fn not_fetched(fault: Fault) -> Fault {
    fault.within("error fetching templateFrom data").within(NOT_APPLIED)
}

/// What every fault of a template begins with.
pub const NOT_APPLIED: &str = "could not apply template";

#[cfg(test)]
mod tests;
