//! What a Vault response becomes: source keys through filters, templates, and `_raw` with the whole response. First the rules are
//! gathered from the object and its SecretTransformations ([`gather`]), then data is made with them ([`data`]).
//! Specification: VSO §4.8, §7.6, §9.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::hashicorp::destination::{Template, Transformation, TransformationRef};
use api::hashicorp::{SecretTransformation, names};
use api::meta::{Filled as _, Labels};
use base::{Fault, SecretBytes, SecretMap, SecretValue, Timestamp};
use document::json::{Compact, compact_value, parse_value};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use regex::bytes::Regex;
use sha2::Sha256;
use template::{Engine, Fuel, Surroundings, Templates, Value};

use crate::{Event, Finish, synced};

/// Values of a static role that change without its credentials changing.
pub const UNCOUNTED: [&str; 8] = [
    "_raw",
    "ttl",
    "rotation_schedule",
    "rotation_period",
    "last_vault_rotation",
    "rotation_policy",
    "next_vault_rotation",
    "rotation_window",
];

/// A response: the whole that `_raw` holds, and where its values are.
pub struct Response {
    whole: SecretValue,
    is_versioned: bool,
}

impl Response {
    /// Reads the JSON of `data`; that of KV version 2 (`is_versioned`) holds values and metadata.
    ///
    /// # Errors
    /// It holds no map of values.
    pub fn parse(whole: &[u8], is_versioned: bool) -> Result<Self, Fault> {
        let response = Self { whole: parse_value(whole)?, is_versioned };
        match response.values() {
            SecretValue::Map(_) => Ok(response),
            _ => Err(Fault::wrong("the response of Vault is no map of values")),
        }
    }

    /// The values by name.
    #[must_use]
    pub fn values(&self) -> &SecretValue {
        static NOTHING: SecretValue = SecretValue::Null;
        if self.is_versioned { self.whole.entry("data").unwrap_or(&NOTHING) } else { &self.whole }
    }

    /// One value as text, where it is one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values().entry(name)? {
            SecretValue::Text(text) | SecretValue::Number(text) => Some(text.expose()),
            _ => None,
        }
    }

    /// A seed that is drawn from the values, whose they are and a key, and tells nothing of any. What changes at every read of a static
    /// role without its credentials changing is no part of it.
    ///
    /// # Errors
    /// The values cannot be written as JSON.
    pub fn seed(&self, key: &[u8], subject: &Subject<'_>) -> Result<[u8; 32], Fault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        for part in ["templates", subject.namespace, subject.name] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        let counted = self.entries().iter().filter(|(name, _)| !UNCOUNTED.contains(&name.as_str()));
        mac.update(&compact_value(&SecretValue::Map(counted.cloned().collect()), &STYLE)?);
        Ok(mac.finalize().into_bytes().into())
    }

    fn entries(&self) -> &[(String, SecretValue)] {
        match self.values() {
            SecretValue::Map(entries) => entries,
            _ => &[],
        }
    }
}

/// Whose transformation it is, as templates see it.
pub struct Subject<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The name.
    pub name: &'a str,
    /// The labels.
    pub labels: Option<&'a Labels>,
    /// The annotations.
    pub annotations: Option<&'a Labels>,
}

/// The rules of one destination, gathered.
#[derive(Default)]
pub struct Rules {
    /// Templates in the order in which they are parsed; those without a key are only called by others.
    templates: Vec<Loaded>,
    excludes: Vec<String>,
    includes: Vec<String>,
    excludes_raw: bool,
}

impl Rules {
    /// Whether a template makes any key.
    #[must_use]
    pub fn has_templates(&self) -> bool {
        self.templates.iter().any(|one| one.key.is_some())
    }

    /// Whether a template makes this key.
    #[must_use]
    pub fn makes(&self, key: &str) -> bool {
        self.templates.iter().any(|one| one.key.as_deref() == Some(key))
    }
}

struct Loaded {
    key: Option<String>,
    name: String,
    text: String,
}

/// Gathers the rules of a destination; `find` gives a SecretTransformation by namespace and name.
///
/// # Errors
/// All that is wrong, at once: a transformation is missing or invalid, a template is unknown, a name is there twice.
pub fn gather(
    subject: &Subject<'_>,
    transformation: Option<&Transformation>,
    excludes_raw: bool,
    find: impl Fn(&str, &str) -> Option<Arc<SecretTransformation>>,
) -> Result<Rules, Fault> {
    let Some(own) = transformation else { return Ok(Rules { excludes_raw, ..Rules::default() }) };
    let mut gathering = Gathering::default();
    gathering.rules.excludes_raw = excludes_raw || own.exclude_raw.unwrap_or(false);
    gathering.rules.excludes.clone_from(&own.excludes);
    gathering.rules.includes.clone_from(&own.includes);
    for (key, template) in &own.templates {
        let default = format!("{}/{}/{key}", subject.namespace, subject.name);
        gathering.load(Some(key.clone()), template, default);
    }
    let mut seen = BTreeSet::new();
    for reference in &own.transformation_refs {
        let namespace = reference.namespace.filled().unwrap_or(subject.namespace);
        let place = format!("{namespace}/{}", reference.name);
        if !seen.insert(place.clone()) {
            gathering.faults.push(format!("duplicate SecretTransformation ref {place}"));
            continue;
        }
        match find(namespace, &reference.name) {
            None => gathering.faults.push(format!(
                "secrettransformations.secrets.hashicorp.com \"{}\" not found in namespace \"{namespace}\"",
                reference.name
            )),
            Some(shared) if shared.is_invalid() => {
                gathering.faults.push(format!("{place} is in an invalid state, {KIND}"));
            }
            Some(shared) => gathering.load_shared(&place, reference, &shared),
        }
    }
    gathering.finish()
}

/// How messages name the kind: Go's text of group, version and kind.
const KIND: &str = "secrets.hashicorp.com/v1beta1, Kind=SecretTransformation";

#[derive(Default)]
struct Gathering {
    rules: Rules,
    names: BTreeSet<String>,
    faults: Vec<String>,
}

impl Gathering {
    fn load(&mut self, key: Option<String>, template: &Template, default: String) {
        let name = template.name.filled().map_or(default, str::to_owned);
        if !self.names.insert(name.clone()) {
            self.faults.push(format!("duplicate template name \"{name}\""));
            return;
        }
        self.rules.templates.push(Loaded { key, name, text: template.text.clone() });
    }

    fn load_shared(&mut self, place: &str, reference: &TransformationRef, shared: &SecretTransformation) {
        let spec = &shared.spec;
        if !reference.ignore_excludes.unwrap_or(false) {
            self.rules.excludes.extend(spec.excludes.iter().cloned());
        }
        if !reference.ignore_includes.unwrap_or(false) {
            self.rules.includes.extend(spec.includes.iter().cloned());
        }
        for wanted in &reference.template_refs {
            let key = wanted.key_override.filled().unwrap_or(&wanted.name).to_owned();
            match spec.templates.get(&wanted.name) {
                Some(template) => self.load(Some(key), template, format!("{place}/{}", wanted.name)),
                None => self.faults.push(format!("template \"{}\" not found in object {place}, {KIND}", wanted.name)),
            }
        }
        for (index, template) in spec.source_templates.iter().enumerate() {
            self.load(None, template, format!("{place}/{index}"));
        }
        if reference.template_refs.is_empty() {
            for (key, template) in &spec.templates {
                if !self.names.contains(key) {
                    self.load(Some(key.clone()), template, format!("{place}/{key}"));
                }
            }
        }
    }

    fn finish(mut self) -> Result<Rules, Fault> {
        if !self.faults.is_empty() {
            return Err(Fault::wrong(self.faults.join("; ")));
        }
        // The peer's order: sources first, then by key and name; of equal keys the later one wins.
        let order = |one: &Loaded| {
            let text = one.key.as_ref().map(|key| format!("{key}0{}", one.name));
            (one.key.is_some(), text.unwrap_or_else(|| one.name.clone()))
        };
        self.rules.templates.sort_by_key(order);
        Ok(self.rules)
    }
}

/// The data of the destination.
///
/// # Errors
/// A filter or a template fails, or a source key is called `_raw`.
pub fn data(
    response: &Response,
    rules: &Rules,
    subject: &Subject<'_>,
    now: Timestamp,
    rng: &mut dyn CryptoRng,
) -> Result<SecretMap, Fault> {
    let mut data = rendered(response, rules, subject, now, rng)?;
    let filters = Filters::new(rules)?;
    for (key, value) in response.entries() {
        if !rules.excludes_raw && key == names::RAW {
            return Err(Fault::wrong("key '_raw' not permitted in Secret data"));
        }
        if filters.keep(key) && !data.contains(key) {
            data.insert(key.clone(), bytes(value)?);
        }
    }
    if !rules.excludes_raw {
        data.insert(names::RAW, SecretBytes::new(compact_value(&response.whole, &STYLE)?));
    }
    Ok(data)
}

/// All templates in one namespace, each run over the response and the object.
fn rendered(
    response: &Response,
    rules: &Rules,
    subject: &Subject<'_>,
    now: Timestamp,
    rng: &mut dyn CryptoRng,
) -> Result<SecretMap, Fault> {
    let mut made = SecretMap::new();
    if rules.templates.is_empty() {
        return Ok(made);
    }
    let mut templates = Templates::new(Engine::vault_secrets());
    for one in &rules.templates {
        templates.parse(&one.name, &one.text)?;
    }
    let labels = |labels: Option<&Labels>| {
        Value::texts(labels.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())))
    };
    let empty = || Value::map::<&str>([]);
    let metadata = match response.whole.entry("metadata") {
        Some(metadata @ SecretValue::Map(_)) if response.is_versioned => Value::from(metadata),
        _ => empty(),
    };
    let input = Value::map([
        ("Secrets", Value::from(response.values())),
        ("Metadata", metadata),
        ("Annotations", labels(subject.annotations)),
        ("Labels", labels(subject.labels)),
        ("WrapData", empty()),
    ]);
    for one in &rules.templates {
        if let Some(key) = &one.key {
            let mut fuel = Fuel::default();
            let surroundings = Surroundings { now, rng: &mut *rng, fuel: &mut fuel };
            made.insert(key.clone(), templates.execute(&one.name, &input, surroundings)?);
        }
    }
    Ok(made)
}

/// The end of a pass over a SecretTransformation: its templates are parsed, its filters compiled.
#[must_use]
pub fn told(o: &SecretTransformation, now: Timestamp) -> Finish {
    let spec = &o.spec;
    let place = format!(
        "{}/{}",
        o.metadata.namespace.as_deref().unwrap_or_default(),
        o.metadata.name.as_deref().unwrap_or_default()
    );
    let mut faults = Vec::new();
    let sources = spec.source_templates.iter().enumerate().map(|(index, template)| (index.to_string(), template));
    let named = spec.templates.iter().map(|(key, template)| (key.clone(), template));
    for (key, template) in sources.chain(named) {
        let name = template.name.filled().map_or_else(|| format!("{place}/{key}"), str::to_owned);
        faults.extend(Engine::vault_secrets().parse(&name, &template.text).err().map(|fault| fault.chain()));
    }
    let rules = Rules { excludes: spec.excludes.clone(), includes: spec.includes.clone(), ..Rules::default() };
    faults.extend(Filters::new(&rules).err().map(|fault| fault.chain()));
    let before = o.status.clone().unwrap_or_default();
    let mut status = before.clone();
    (status.valid, status.error) = (faults.is_empty(), faults.join("; "));
    let generation = o.metadata.generation;
    synced::tell_health(&mut status.conditions, "SecretsTransformation", status.valid, generation, now);
    let mut finish = Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default());
    if !status.valid && status != before {
        let text = format!("Failed to validate configured templates: {}", status.error);
        finish.events.push(Event::warning("InvalidConfiguration", text));
    }
    finish.failed = !status.valid;
    finish
}

/// Go's `encoding/json`: keys sorted, `<`, `>` and `&` escaped.
const STYLE: Compact = Compact { is_sorted: true, escapes_html: true, is_lossy: true };

/// A text is its own bytes; everything else is compact JSON, numbers as they came.
fn bytes(value: &SecretValue) -> Result<SecretBytes, Fault> {
    match value {
        SecretValue::Text(text) => Ok(SecretBytes::from(text.expose())),
        other => compact_value(other, &STYLE).map(SecretBytes::new),
    }
}

/// Excludes come first; includes, where there are any, name all that is kept. Unanchored, as Go matches.
struct Filters {
    excludes: Vec<Regex>,
    includes: Vec<Regex>,
}

impl Filters {
    fn new(rules: &Rules) -> Result<Self, Fault> {
        let all = |list: &[String]| {
            let compile = |text: &String| {
                template::pattern::compile(text)
                    .map_err(|error| Fault::wrong(format!("cannot compile the filter `{text}`")).because(error))
            };
            list.iter().map(compile).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { excludes: all(&rules.excludes)?, includes: all(&rules.includes)? })
    }

    fn keep(&self, key: &str) -> bool {
        let matches = |list: &[Regex]| list.iter().any(|pattern| pattern.is_match(key.as_bytes()));
        !matches(&self.excludes) && (self.includes.is_empty() || matches(&self.includes))
    }
}

#[cfg(test)]
mod tests;
