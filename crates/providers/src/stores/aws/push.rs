//! What both of AWS' stores need to push: a property set in the JSON that stands there, and tags compared. Pure.
//! Specification: ESO §10.2, §10.3.

use std::collections::BTreeMap;

use base::{Fault, SecretBytes};
use document::edit::{set, unset};
use document::json::{Compact, Numbers, compact, parse};
use document::path::Step;
use document::{Branch, Node, Path};
use serde_json::{Value, json};
use source::{PushSource, select as rules};

/// The mark of what we pushed.
pub(super) const MANAGED_BY: (&str, &str) = ("managed-by", "external-secrets");

/// The bytes of what is pushed: the value, or the whole Secret as JSON.
pub(super) fn bytes_of(source: &PushSource) -> Result<SecretBytes, Fault> {
    match source {
        PushSource::Bytes(bytes) => Ok(bytes.clone()),
        PushSource::Secret { data, .. } => rules::object_of(data),
    }
}

/// The JSON object that stands there (or an empty one) with a property set to a text; everything else stays as it is.
///
/// # Errors
/// What stands there is no JSON object, or the value no text.
pub(super) fn with_property(
    standing: Option<&SecretBytes>,
    property: &str,
    value: &SecretBytes,
) -> Result<SecretBytes, Fault> {
    if value.to_text().is_none() {
        return Err(Fault::wrong(format!("the value for property `{property}` is not text, so JSON cannot hold it")));
    }
    let mut branch = object(standing)?;
    set(&mut branch, &path(property), Node::text(value.clone()))?;
    written(branch)
}

/// The JSON object that stands there without a property; none where nothing is left of it. `Err` as [`with_property`].
pub(super) fn without_property(standing: &SecretBytes, property: &str) -> Result<Option<SecretBytes>, Fault> {
    let mut branch = object(Some(standing))?;
    match unset(&mut branch, &path(property)) {
        // It is gone already.
        Err(fault) if fault.kind() == base::Kind::NotFound => {}
        other => other?,
    }
    if branch.items.is_empty() { Ok(None) } else { written(branch).map(Some) }
}

fn object(standing: Option<&SecretBytes>) -> Result<Branch, Fault> {
    let Some(bytes) = standing.filter(|bytes| !bytes.is_empty()) else { return Ok(Branch::default()) };
    match parse(bytes.expose(), Numbers::Verbatim) {
        Ok(Node::Branch(branch)) => Ok(branch),
        // The parser's words are left out: they may quote the value.
        _ => Err(Fault::wrong("cannot set a property: what stands there is no JSON object")
            .hint("push it whole, without `property`")),
    }
}

fn written(branch: Branch) -> Result<SecretBytes, Fault> {
    let style = Compact { is_sorted: false, escapes_html: false, is_lossy: false };
    compact(&Node::Branch(branch), &style).map(SecretBytes::new)
}

/// The steps of a property: dots lead deeper, unless a backslash stands before them.
fn path(property: &str) -> Path {
    let mut steps = vec![String::new()];
    let mut characters = property.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => steps.last_mut().expect("there is a first step").extend(characters.next()),
            '.' => steps.push(String::new()),
            other => steps.last_mut().expect("there is a first step").push(other),
        }
    }
    Path { steps: steps.into_iter().map(Step::Key).collect() }
}

/// Tags as AWS lists them.
pub(super) fn listed(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// What has to change of tags so that they are the wanted ones and our mark: keys to take away, and tags to set.
pub(super) fn changes(
    standing: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> (Vec<String>, BTreeMap<String, String>) {
    let gone = standing.keys().filter(|key| *key != MANAGED_BY.0 && !wanted.contains_key(*key));
    let set = wanted.iter().filter(|(key, value)| standing.get(*key) != Some(value));
    (gone.cloned().collect(), set.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Whether tags bear our mark.
pub(super) fn is_ours(tags: &BTreeMap<String, String>) -> bool {
    tags.get(MANAGED_BY.0).map(String::as_str) == Some(MANAGED_BY.1)
}

/// Tags of an answer, whatever the list is called there.
pub(super) fn tag_map(list: &[super::push::Tag]) -> BTreeMap<String, String> {
    list.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}

/// A tag as AWS tells it.
#[derive(Clone, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_set_and_taken_away_and_the_rest_stays() {
        let set = |standing: &str, property: &str| {
            let told = with_property(Some(&SecretBytes::from(standing)), property, &SecretBytes::from("v"));
            told.map_or_else(|fault| fault.to_string(), |bytes| String::from_utf8_lossy(bytes.expose()).into_owned())
        };
        assert_eq!(set("", "a"), r#"{"a":"v"}"#);
        assert_eq!(set(r#"{"z": 1.50, "a": {"b": 1}}"#, "a.c"), r#"{"z":1.50,"a":{"b":1,"c":"v"}}"#);
        assert_eq!(set("{}", r"a\.b"), r#"{"a.b":"v"}"#);
        assert_eq!(set("plain", "a"), "cannot set a property: what stands there is no JSON object");
        let without = |standing: &str| without_property(&SecretBytes::from(standing), "a").expect("it is an object");
        assert!(without(r#"{"a":"v"}"#).is_none());
        assert_eq!(without(r#"{"a":"v","b":2}"#).map(SecretBytes::into_exposed).as_deref(), Some(&br#"{"b":2}"#[..]));
    }

    #[test]
    fn tags_change_only_where_they_differ() {
        let tags = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
            all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let standing = tags(&[MANAGED_BY, ("old", "1"), ("same", "1")]);
        assert_eq!(
            changes(&standing, &tags(&[("same", "1"), ("new", "2")])),
            (vec!["old".to_owned()], tags(&[("new", "2")]))
        );
    }
}
