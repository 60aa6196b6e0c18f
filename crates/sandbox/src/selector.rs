//! Label and field selectors as text, and whether an object matches. Labels speak the whole grammar (`=`, `==`, `!=`,
//! `in`, `notin`, `k`, `!k`); fields only those that the API server supports for the kind, others are refused as it does.
//! Specification: design §19 (watch: list, selectors).

use kube::core::Expression;
use serde_json::{Map, Value};

use crate::kinds::Kind;
use crate::refusal::Refusal;

/// What a list or a watch asks for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `None`: all namespaces.
    pub namespace: Option<String>,
    labels: Vec<Expression>,
    fields: Vec<(String, String, bool)>,
}

impl Filter {
    pub fn parse(kind: &Kind, namespace: Option<String>, labels: &str, fields: &str) -> Result<Self, Refusal> {
        Ok(Self { namespace, labels: parse_labels(labels)?, fields: parse_fields(kind, fields)? })
    }

    /// What a watch of one object by its path asks for.
    pub fn of_name(namespace: Option<String>, name: &str) -> Self {
        Self { namespace, labels: Vec::new(), fields: vec![("metadata.name".to_owned(), name.to_owned(), true)] }
    }

    /// The one name that a `metadata.name=` selector leaves, so that a watch by name needs no walk.
    pub fn only_name(&self) -> Option<&str> {
        let mut names = self.fields.iter().filter(|(path, _, equal)| path == "metadata.name" && *equal);
        names.next().map(|(_, name, _)| name.as_str())
    }

    pub fn matches(&self, object: &Map<String, Value>) -> bool {
        let meta = &object["metadata"];
        if self.namespace.as_ref().is_some_and(|namespace| meta["namespace"] != **namespace) {
            return false;
        }
        let fits = |(path, value, equal): &(String, String, bool)| (field(object, path) == value) == *equal;
        self.labels.iter().all(|one| fits_label(one, &meta["labels"])) && self.fields.iter().all(fits)
    }
}

fn fits_label(expression: &Expression, labels: &Value) -> bool {
    let of = |key: &str| labels.get(key).and_then(Value::as_str);
    match expression {
        Expression::In(key, values) => of(key).is_some_and(|value| values.contains(value)),
        Expression::NotIn(key, values) => of(key).is_none_or(|value| !values.contains(value)),
        Expression::Equal(key, value) => of(key) == Some(value),
        Expression::NotEqual(key, value) => of(key) != Some(value),
        Expression::Exists(key) => of(key).is_some(),
        Expression::DoesNotExist(key) => of(key).is_none(),
    }
}

fn field<'a>(object: &'a Map<String, Value>, path: &str) -> &'a str {
    let mut steps = path.split('.');
    let first = steps.next().and_then(|step| object.get(step));
    let found = steps.fold(first, |at, step| at.and_then(|value| value.get(step)));
    found.and_then(Value::as_str).unwrap_or_default()
}

fn parse_labels(text: &str) -> Result<Vec<Expression>, Refusal> {
    let unable = |part: &str| Refusal::bad_request(format!("unable to parse requirement: found {part:?} in {text:?}"));
    split(text).into_iter().map(|part| parse_label(part).ok_or_else(|| unable(part))).collect()
}

/// Splits at commas that stand outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn parse_label(part: &str) -> Option<Expression> {
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Expression::NotEqual(key.trim().to_owned(), value.trim().to_owned()));
    }
    if let Some((key, value)) = part.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Some(Expression::Equal(key.trim().to_owned(), value.trim().to_owned()));
    }
    if let Some(key) = part.strip_prefix('!') {
        return Some(Expression::DoesNotExist(key.trim().to_owned()));
    }
    let Some((head, set)) = part.split_once('(') else {
        return (!part.contains(char::is_whitespace)).then(|| Expression::Exists(part.to_owned()));
    };
    let values = set.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
    let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
    match operator {
        "in" => Some(Expression::In(key.trim().to_owned(), values)),
        "notin" => Some(Expression::NotIn(key.trim().to_owned(), values)),
        _ => None,
    }
}

fn parse_fields(kind: &Kind, text: &str) -> Result<Vec<(String, String, bool)>, Refusal> {
    let mut fields = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (path, value, equal) = match (part.split_once("!="), part.split_once('=')) {
            (Some((path, value)), _) => (path, value, false),
            (None, Some((path, value))) => (path, value.strip_prefix('=').unwrap_or(value), true),
            (None, None) => {
                return Err(Refusal::bad_request(format!(
                    "invalid field selector: {text:?}; can't understand {part:?}"
                )));
            }
        };
        if !supported(kind, path) {
            return Err(Refusal::bad_request(format!("field label not supported: {path}")));
        }
        fields.push((path.to_owned(), value.to_owned(), equal));
    }
    Ok(fields)
}

fn supported(kind: &Kind, path: &str) -> bool {
    let more: &[&str] = match (kind.group.as_str(), kind.plural.as_str()) {
        ("", "secrets") => &["type"],
        ("", "pods") => &["spec.nodeName", "status.phase", "spec.serviceAccountName"],
        ("", "namespaces") => &["status.phase"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "reason",
            "type",
            "reportingComponent",
        ],
        _ => &[],
    };
    path == "metadata.name" || (path == "metadata.namespace" && kind.namespaced) || more.contains(&path)
}
