//! Fields of metadata and of rules, read as leniently as all versions of SOPS wrote them: names in any case, numbers
//! and truth values for texts, numbers in texts. Specification: SOPS §4.10 "Weak typing".

use std::collections::BTreeMap;

use base::{Fault, truth};
use document::{Branch, Element, Key, Node, Scalar};

/// The field's value: by its exact name, or else by its name in another case. Null is absence.
pub(crate) fn value<'a>(branch: &'a Branch, name: &str) -> Option<&'a Node> {
    let folded = || branch.entries().find(|(key, _)| key.as_str().eq_ignore_ascii_case(name)).map(|(_, node)| node);
    branch.value(name).or_else(folded).filter(|node| !matches!(node, Node::Leaf(Scalar::Null)))
}

/// A text; empty where it is absent.
pub(crate) fn text(branch: &Branch, name: &str) -> Result<String, Fault> {
    let Some(node) = value(branch, name) else {
        return Ok(String::new());
    };
    scalar_text(node).ok_or_else(|| wrong(name, "a text", node))
}

/// A mapping of texts; null values are left out.
pub(crate) fn texts(branch: &Branch, name: &str) -> Result<BTreeMap<String, String>, Fault> {
    let Some(node) = value(branch, name) else {
        return Ok(BTreeMap::new());
    };
    let Node::Branch(texts) = node else {
        return Err(wrong(name, "a mapping", node));
    };
    let entries = texts.entries().filter(|(_, node)| !matches!(node, Node::Leaf(Scalar::Null)));
    entries
        .map(|(key, node)| {
            Ok((key.as_str().to_owned(), scalar_text(node).ok_or_else(|| wrong(key.as_str(), "a text", node))?))
        })
        .collect()
}

/// A number of things; `2`, `2.0` and `"2.000000"` are the same.
pub(crate) fn count(branch: &Branch, name: &str) -> Result<usize, Fault> {
    let Some(node) = value(branch, name) else {
        return Ok(0);
    };
    let text = scalar_text(node).unwrap_or_default();
    let whole = text.split_once('.').filter(|(_, rest)| rest.bytes().all(|digit| digit == b'0'));
    whole.map_or(text.as_str(), |(whole, _)| whole).parse().map_err(|_| wrong(name, "a whole number", node))
}

/// A truth value, in Go's spellings and in YAML 1.1's, which go-yaml takes where it knows that a truth is meant; absence is
/// false.
pub(crate) fn truth(branch: &Branch, name: &str) -> Result<bool, Fault> {
    let Some(node) = value(branch, name) else {
        return Ok(false);
    };
    match scalar_text(node).unwrap_or_default().as_str() {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Ok(true),
        "" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Ok(false),
        word => truth::parse(word).ok_or_else(|| wrong(name, "true or false", node)),
    }
}

/// The mappings of a list; comments in it do not count.
pub(crate) fn branches<'a>(branch: &'a Branch, name: &str) -> Result<Vec<&'a Branch>, Fault> {
    let Some(node) = value(branch, name) else {
        return Ok(Vec::new());
    };
    let Node::List(elements) = node else {
        return Err(wrong(name, "a list", node));
    };
    let nodes = elements.iter().filter_map(Element::as_node);
    let odd = |node: &Node| {
        Fault::wrong(format!("`{name}` must hold mappings, but holds a value of type {}", node.type_name()))
    };
    nodes.map(|node| node.as_branch().ok_or_else(|| odd(node))).collect()
}

/// A mapping; absence is none.
pub(crate) fn branch<'a>(branch: &'a Branch, name: &str) -> Result<Option<&'a Branch>, Fault> {
    let Some(node) = value(branch, name) else {
        return Ok(None);
    };
    node.as_branch().map(Some).ok_or_else(|| wrong(name, "a mapping", node))
}

/// A whole number; absence is none.
pub(crate) fn integer(branch: &Branch, name: &str) -> Result<Option<i64>, Fault> {
    let Some(node) = value(branch, name) else {
        return Ok(None);
    };
    let text = scalar_text(node).unwrap_or_default();
    text.parse().map(Some).map_err(|_| wrong(name, "a whole number", node))
}

/// Fields as a mapping, sorted by name.
pub(crate) fn sorted(mut fields: Vec<(String, Node)>) -> Branch {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    Branch { items: fields.into_iter().map(|(name, node)| document::Item::Entry(Key::Text(name), node)).collect() }
}

/// A single value as text; a mapping or list is none.
pub(crate) fn scalar_text(node: &Node) -> Option<String> {
    match node {
        Node::Leaf(Scalar::Float(number)) => Some(document::scalar::decimal(*number)),
        Node::Leaf(Scalar::Time(time)) => Some(time.clone()),
        Node::Leaf(scalar) => String::from_utf8(scalar.as_environment().into_owned()).ok(),
        _ => None,
    }
}

fn wrong(name: &str, expected: &str, node: &Node) -> Fault {
    if matches!(node, Node::Leaf(Scalar::Text(_))) && node.as_str().is_none() {
        return Fault::wrong(format!("`{name}` must be {expected}, but is no UTF-8"));
    }
    Fault::wrong(format!("`{name}` must be {expected}, but is of type {}", node.type_name()))
}

#[cfg(test)]
mod tests;
