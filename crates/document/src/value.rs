//! Nodes to and from `base::SecretValue`: the hand-over between files and everything that holds a typed value.
//! Comments, which a value cannot hold, get lost here. Specification: design §2 (SecretValue), SOPS §4.1.

use base::{SecretText, SecretValue};

use crate::scalar::general;
use crate::{Branch, Element, Item, Key, Node, Scalar};

impl From<SecretValue> for Node {
    fn from(mut value: SecretValue) -> Self {
        match &mut value {
            SecretValue::Null => Self::Leaf(Scalar::Null),
            SecretValue::Bool(truth) => Self::Leaf(Scalar::Bool(*truth)),
            SecretValue::Number(text) => Self::Leaf(Scalar::Number(std::mem::take(text).into())),
            SecretValue::Text(text) => Self::text(std::mem::take(text)),
            SecretValue::Bytes(bytes) => Self::text(std::mem::take(bytes)),
            SecretValue::List(values) => {
                Self::List(std::mem::take(values).into_iter().map(|value| Element::Node(value.into())).collect())
            }
            SecretValue::Map(entries) => {
                let entries = std::mem::take(entries).into_iter();
                let items = entries.map(|(key, value)| Item::Entry(Key::Text(key), value.into())).collect();
                Self::Branch(Branch { items })
            }
        }
    }
}

impl From<Node> for SecretValue {
    fn from(node: Node) -> Self {
        match node {
            Node::Leaf(scalar) => scalar.into(),
            Node::List(elements) => Self::List(
                elements
                    .into_iter()
                    .filter_map(|element| match element {
                        Element::Node(node) => Some(node.into()),
                        Element::Comment(_) => None,
                    })
                    .collect(),
            ),
            Node::Branch(branch) => branch.into(),
        }
    }
}

impl From<Branch> for SecretValue {
    fn from(branch: Branch) -> Self {
        let entries = branch.items.into_iter().filter_map(|item| match item {
            Item::Entry(Key::Text(key) | Key::Other(_, key), node) => Some((key, node.into())),
            Item::Comment(_) => None,
        });
        Self::Map(entries.collect())
    }
}

impl From<Scalar> for SecretValue {
    fn from(scalar: Scalar) -> Self {
        let number = |text: String| Self::Number(SecretText::from(text));
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(truth) => Self::Bool(truth),
            Scalar::Int(value) => number(value.to_string()),
            Scalar::Uint(value) => number(value.to_string()),
            Scalar::Float(value) => number(general(value)),
            Scalar::Number(text) => text.to_text().map_or(Self::Bytes(text), Self::Number),
            Scalar::Time(time) => Self::Text(SecretText::from(time)),
            Scalar::Text(text) => text.to_text().map_or(Self::Bytes(text), Self::Text),
        }
    }
}

#[cfg(test)]
mod tests;
