//! How kubeseal prints objects: JSON as `kubectl` does, or YAML documents each behind `---`; on stdout, or into a file that
//! is replaced whole or not at all. Specification: SS §9.6.

use std::path::Path;
use std::str::FromStr;

use base::Fault;
use document::{Branch, Dialect, EmitOptions, Item, Node, Scalar, json, yaml};

use crate::{Ui, files};

/// The two syntaxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// Two spaces, objects one after another.
    #[default]
    Json,
    /// Keys sorted, `---` before every document.
    Yaml,
}

impl FromStr for Syntax {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            _ => Err(Fault::wrong(format!("unsupported output format: {text}"))),
        }
    }
}

impl Syntax {
    /// The syntax that an output file's name forces.
    #[must_use]
    pub fn of_output(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        matches!(extension, "yaml" | "yml").then_some(Self::Yaml)
    }

    /// The syntax of a text: an object is JSON, everything else YAML.
    #[must_use]
    pub fn of_text(bytes: &[u8]) -> Self {
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => Self::Json,
            _ => Self::Yaml,
        }
    }

    /// The objects as text, fields in the order of the API's types.
    ///
    /// # Errors
    /// A text is no UTF-8, which no object that we read or make holds.
    pub fn render(self, objects: Vec<Branch>) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        for mut object in objects {
            arrange(&mut object);
            let object = Node::Branch(object);
            match self {
                Self::Json => {
                    let options = EmitOptions { indent: Some(2), ..EmitOptions::default() };
                    text.extend(json::emit_value(&object, &options)?);
                }
                Self::Yaml => {
                    text.extend(b"---\n");
                    let options = EmitOptions { dialect: Dialect::Go2, indent: None };
                    text.extend(yaml::emit_values(&[object], &options)?);
                }
            }
        }
        Ok(text)
    }
}

/// Writes to the file, which only its owner may read where it is new, or to stdout.
///
/// # Errors
/// The file cannot be written; it is then as it was.
pub fn deliver(ui: &mut Ui, file: Option<&Path>, bytes: &[u8]) -> Result<(), Fault> {
    match file {
        Some(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.exists()) {
                return Err(Fault::not_found(format!("open {}: no such file or directory", path.display())));
            }
            files::replace_private(path, bytes)
        }
        None => ui.data(bytes),
    }
}

/// The order of fields in the API's types; fields not named here follow, sorted by their bytes as Go sorts maps.
const OBJECT: &[&str] =
    &["kind", "apiVersion", "metadata", "spec", "immutable", "data", "stringData", "type", "status"];
const METADATA: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];
const SPEC: &[&str] = &["template", "data", "encryptedData"];
const TEMPLATE: &[&str] = &["metadata", "type", "immutable", "data"];
const OWNER: &[&str] = &["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];

/// Brings an object into the API's order, and drops the nulls of older tools from its metadata.
fn arrange(object: &mut Branch) {
    sort(object, OBJECT);
    for item in &mut object.items {
        match item {
            Item::Entry(key, Node::Branch(metadata)) if key.is("metadata") => arrange_metadata(metadata),
            Item::Entry(key, Node::Branch(spec)) if key.is("spec") => arrange_spec(spec),
            Item::Entry(_, node) => sort_all(node),
            Item::Comment(_) => {}
        }
    }
}

fn arrange_metadata(metadata: &mut Branch) {
    metadata.items.retain(|item| !matches!(item, Item::Entry(_, Node::Leaf(Scalar::Null))));
    sort(metadata, METADATA);
    for item in &mut metadata.items {
        match item {
            Item::Entry(key, Node::List(owners)) if key.is("ownerReferences") => {
                for owner in owners {
                    if let document::Element::Node(Node::Branch(owner)) = owner {
                        sort(owner, OWNER);
                    }
                }
            }
            Item::Entry(_, node) => sort_all(node),
            Item::Comment(_) => {}
        }
    }
}

fn arrange_spec(spec: &mut Branch) {
    sort(spec, SPEC);
    for item in &mut spec.items {
        let Item::Entry(key, node) = item else { continue };
        match node {
            Node::Branch(template) if key.is("template") => {
                sort(template, TEMPLATE);
                for item in &mut template.items {
                    match item {
                        Item::Entry(key, Node::Branch(metadata)) if key.is("metadata") => arrange_metadata(metadata),
                        Item::Entry(_, node) => sort_all(node),
                        Item::Comment(_) => {}
                    }
                }
            }
            other => sort_all(other),
        }
    }
}

/// Sorts every mapping below.
fn sort_all(node: &mut Node) {
    match node {
        Node::Branch(branch) => {
            sort(branch, &[]);
            for item in &mut branch.items {
                if let Item::Entry(_, node) = item {
                    sort_all(node);
                }
            }
        }
        Node::List(elements) => {
            for element in elements {
                if let document::Element::Node(node) = element {
                    sort_all(node);
                }
            }
        }
        Node::Leaf(_) => {}
    }
}

/// Named fields first, in their order; then the others by their bytes.
fn sort(branch: &mut Branch, order: &[&str]) {
    let rank = |item: &Item| match item {
        Item::Entry(key, _) => {
            let name = key.as_str();
            let place = order.iter().position(|known| *known == name).unwrap_or(order.len());
            (place, name.to_owned())
        }
        Item::Comment(_) => (usize::MAX, String::new()),
    };
    branch.items.sort_by_key(rank);
}

#[cfg(test)]
mod tests;
