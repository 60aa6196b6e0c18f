//! What a PushSecret pushes of one Secret to one store: the template, single values (`data`), many at once (`dataTo`).
//! Specification: ESO §6.11 (5, 6), §6.4.

use std::collections::BTreeSet;

use api::PushSecret;
use api::external_secrets::Store;
use api::external_secrets::push_secret::{
    KeyRewrite, PushConversionStrategy, PushSecretData, PushSecretDataTo, PushSecretMatch, PushSecretRemoteRef,
};
use api::external_secrets::rewrite::Rewrite;
use api::external_secrets::template::ExternalSecretTemplate;
use api::meta::Filled as _;
use base::{Fault, SecretBytes, SecretMap};
use source::{PushEntry, PushSource, RemotePlace};
use template::pattern;

use super::store_key;
use crate::Rendering;
use crate::external_secret::templates::{self, Sources, Templates};
use crate::external_secret::{keys, rewrite};

/// One value and where it goes.
#[derive(Clone)]
pub struct Entry {
    /// The store's key in the status.
    pub store: String,
    /// The entry's key in the status.
    pub key: String,
    /// The entry as the status holds it.
    pub data: PushSecretData,
    /// What the provider gets.
    pub push: PushEntry,
}

/// The Secret whose values are pushed.
#[derive(Clone, Default)]
pub struct Given {
    /// Its type.
    pub kind: String,
    /// Its values.
    pub data: SecretMap,
}

/// Everything that is pushed of these Secrets to these stores. Where two Secrets want the same place, the last one has it.
///
/// # Errors
/// A template fails, a key does not exist, or two entries of one Secret want the same place.
pub fn entries(
    ps: &PushSecret,
    given: Vec<Given>,
    stores: &[(Store, Vec<PushSecretDataTo>)],
    sources: &Sources,
    rendering: &mut Rendering<'_>,
) -> Result<Vec<Entry>, Fault> {
    let mut all: Vec<Entry> = Vec::new();
    for given in given {
        let given = match &ps.spec.template {
            Some(template) => templated(given, template, sources, rendering)?,
            None => given,
        };
        for (store, many) in stores {
            for entry in of_store(ps, &given, &store_key(store), many, rendering)? {
                all.retain(|known| (&known.store, &known.key) != (&entry.store, &entry.key));
                all.push(entry);
            }
        }
    }
    Ok(all)
}

fn templated(
    given: Given,
    template: &ExternalSecretTemplate,
    sources: &Sources,
    rendering: &mut Rendering<'_>,
) -> Result<Given, Fault> {
    templates::check_kind(template)?;
    let mut data = SecretMap::new();
    for part in Templates::over(&given.data, rendering).parts(template, sources)? {
        // A provider holds values only: labels and annotations have no place there.
        if templates::is(part.target, "data") {
            data.extend(part.entries);
        }
    }
    if templates::keeps_values(template) {
        let rendered = std::mem::replace(&mut data, given.data);
        data.extend(rendered);
    }
    Ok(Given { kind: template.type_.filled().map_or(given.kind, str::to_owned), data })
}

fn of_store(
    ps: &PushSecret,
    given: &Given,
    store: &str,
    many: &[PushSecretDataTo],
    rendering: &mut Rendering<'_>,
) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for data in &ps.spec.data {
        let values = converted(&given.data, data.conversion_strategy);
        let source = match data.match_.secret_key.filled() {
            None => PushSource::Secret { kind: given.kind.clone(), data: values },
            Some(key) => {
                let missing = || Fault::wrong(format!("set secret failed: secret key {key} does not exist"));
                PushSource::Bytes(values.value(key).cloned().ok_or_else(missing)?)
            }
        };
        entries.push(entry(store, data.clone(), source));
    }
    let explicit: BTreeSet<&str> = ps.spec.data.iter().filter_map(|data| data.match_.secret_key.filled()).collect();
    for (place, rule) in many.iter().enumerate() {
        let expanded = expand(rule, given, &explicit, store, rendering);
        entries.extend(expanded.map_err(|fault| fault.within(format!("could not expand dataTo[{place}]")))?);
    }
    let mut places = BTreeSet::new();
    match entries.iter().find(|entry| !places.insert(&entry.key)) {
        None => {}
        Some(twice) => {
            return Err(Fault::wrong(format!(
                "set secret failed: duplicate remote key {} in store {store}",
                twice.key
            ))
            .hint("give each value a place of its own at the provider"));
        }
    }
    Ok(entries)
}

/// The values that a rule of `dataTo` chooses: one by one under rewritten names, or all as one JSON object.
fn expand(
    rule: &PushSecretDataTo,
    given: &Given,
    explicit: &BTreeSet<&str>,
    store: &str,
    rendering: &mut Rendering<'_>,
) -> Result<Vec<Entry>, Fault> {
    let expression = rule.match_.as_ref().and_then(|wanted| wanted.regexp.filled());
    let expression = expression.map(pattern::compile).transpose();
    let expression = expression.map_err(|error| Fault::wrong("cannot compile `match.regexp`").because(error))?;
    let mut values = converted(&given.data, rule.conversion_strategy);
    values.retain(|key| {
        let is_wanted =
            expression.as_ref().is_none_or(|wanted| pattern::matches(wanted, key.as_bytes()).next().is_some());
        is_wanted && !explicit.contains(key)
    });
    let one = |secret_key: Option<String>, remote_key: String, source: PushSource| {
        let match_ = PushSecretMatch { secret_key, remote_ref: PushSecretRemoteRef { remote_key, property: None } };
        let strategy = rule.conversion_strategy;
        entry(store, PushSecretData { match_, metadata: rule.metadata.clone(), conversion_strategy: strategy }, source)
    };
    if let Some(remote_key) = rule.remote_key.filled() {
        let source = PushSource::Secret { kind: given.kind.clone(), data: values };
        return Ok(vec![one(None, remote_key.to_owned(), source)]);
    }
    // The names are rewritten as an ExternalSecret's keys are; each carries the key that it came from.
    let names: SecretMap = values.names().map(|key| (key.clone(), SecretBytes::from(key.as_str()))).collect();
    let count = names.len();
    let chain: Vec<Rewrite> = rule.rewrite.iter().map(step).collect();
    let names = rewrite::rewrite(names, &chain, rendering)?;
    if names.len() < count {
        return Err(Fault::wrong("two keys are rewritten to the same name").hint("make `rewrite` keep names apart"));
    }
    let entries = names.into_iter().filter_map(|(remote_key, from)| {
        let key = from.to_text()?.into_exposed();
        let source = PushSource::Bytes(values.value(&key)?.clone());
        Some(one(Some(key), remote_key, source))
    });
    Ok(entries.collect())
}

fn step(step: &KeyRewrite) -> Rewrite {
    Rewrite { regexp: step.regexp.clone(), transform: step.transform.clone(), ..Rewrite::default() }
}

fn converted(values: &SecretMap, strategy: PushConversionStrategy) -> SecretMap {
    match strategy {
        PushConversionStrategy::None => values.clone(),
        PushConversionStrategy::ReverseUnicode => {
            values.iter().map(|(key, value)| (keys::reverse(key), value.clone())).collect()
        }
    }
}

fn entry(store: &str, data: PushSecretData, source: PushSource) -> Entry {
    let remote = &data.match_.remote_ref;
    let at = RemotePlace { key: remote.remote_key.clone(), property: remote.property.filled().map(str::to_owned) };
    let metadata = data.metadata.clone();
    Entry { store: store.to_owned(), key: remote.status_key(), push: PushEntry { at, source, metadata }, data }
}
