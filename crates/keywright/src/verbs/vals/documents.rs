//! The documents of vals: from a file, from all files of a folder or from stdin to values, and from values to the peer's YAML
//! and JSON, or to YAML in which order and comments stay. Specification: VALS §6.

use std::path::Path;

use base::{Fault, Kind};
use document::json::{Compact, compact, parse};
use document::{Branch, Dialect, Element, EmitOptions, Item, Key, Node, Numbers, ReadOptions, Scalar, yaml};

use crate::{Ui, files};

/// How documents are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The peer's YAML: sorted keys, no comments.
    Yaml,
    /// A line of JSON each.
    Json,
    /// YAML with the order and the comments of the input.
    Kept,
}

/// Reads all documents that hold a map or a list of something. `-` is stdin.
///
/// # Errors
/// Something cannot be read, or is no YAML.
pub fn read(ui: &mut Ui, from: &str) -> Result<Vec<Node>, Fault> {
    if from == "-" {
        return parsed(&ui.read_input()?);
    }
    let path = Path::new(from);
    if !path.is_dir() {
        return parsed(&bytes(path)?);
    }
    let mut nodes = Vec::new();
    for path in files_below(path)? {
        let read = bytes(&path).and_then(|bytes| parsed(&bytes));
        nodes.extend(read.map_err(|fault| fault.within(format!("cannot read {}", path.display())))?);
    }
    Ok(nodes)
}

/// A file's bytes; what Go says of a file that is not there, scripts search for.
///
/// # Errors
/// The file cannot be read.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    files::read(path).map_err(|fault| match fault.kind() {
        Kind::NotFound => Fault::not_found(format!("open {}: no such file or directory", path.display())),
        _ => fault,
    })
}

/// The files of a folder and its folders, sorted, whatever their names end with.
fn files_below(folder: &Path) -> Result<Vec<std::path::PathBuf>, Fault> {
    let failed = |error| Fault::unreachable(format!("cannot list {}", folder.display())).because(error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// The documents of a text.
///
/// # Errors
/// It is no YAML.
pub fn parsed(bytes: &[u8]) -> Result<Vec<Node>, Fault> {
    let options = ReadOptions { dialect: Dialect::Vals, ..ReadOptions::default() };
    let nodes = match yaml::read_values(bytes, &options) {
        Ok(nodes) => nodes,
        // JSON escapes that YAML refuses: pairs of surrogates.
        Err(fault) => match bytes.trim_ascii_start().first() {
            Some(b'{' | b'[') => vec![parse(bytes, Numbers::Typed).map_err(|_| fault)?],
            _ => return Err(fault),
        },
    };
    nodes.into_iter().filter(holds_something).map(with_text_keys).collect()
}

/// Documents that are empty, hold comments only or a single value are dropped, as the peer drops them.
fn holds_something(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => false,
        Node::List(elements) => elements.iter().any(|element| matches!(element, Element::Node(_))),
        Node::Branch(branch) => branch.entries().next().is_some(),
    }
}

/// Keys that are no texts become texts, but not at the top: there the peer refuses them.
fn with_text_keys(mut node: Node) -> Result<Node, Fault> {
    if let Node::Branch(branch) = &node
        && branch.entries().any(|(key, _)| matches!(key, Key::Other(..)))
    {
        return Err(Fault::wrong("unexpected type: map[interface {}]interface {}")
            .hint("quote the keys at the top of the document that are no texts"));
    }
    name_keys(&mut node);
    Ok(node)
}

fn name_keys(node: &mut Node) {
    match node {
        Node::Leaf(_) => {}
        Node::List(elements) => elements.iter_mut().for_each(|element| {
            if let Element::Node(node) = element {
                name_keys(node);
            }
        }),
        Node::Branch(branch) => branch.items.iter_mut().for_each(|item| {
            if let Item::Entry(key, node) = item {
                if let Key::Other(_, text) = key {
                    *key = Key::Text(std::mem::take(text));
                }
                name_keys(node);
            }
        }),
    }
}

/// Writes documents.
///
/// # Errors
/// JSON has no form for a number.
pub fn write(nodes: &[Node], output: Output) -> Result<Vec<u8>, Fault> {
    match output {
        Output::Yaml => yaml::emit_values(nodes, &EmitOptions { dialect: Dialect::Vals, indent: None }),
        Output::Kept => yaml::emit_values(nodes, &EmitOptions { dialect: Dialect::Go3, indent: Some(2) }),
        Output::Json => {
            let style = Compact { is_sorted: true, escapes_html: true, is_lossy: true };
            let mut out = Vec::new();
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b"---\n");
                }
                out.extend(compact(node, &style)?);
                out.push(b'\n');
            }
            Ok(out)
        }
    }
}

/// The entries of a document that sets variables: names and texts, in its order.
///
/// # Errors
/// It is no map, or one of its values is no text; the message has the value's type and never the value.
pub fn variables(node: &Node) -> Result<Vec<(&str, &[u8])>, Fault> {
    let Node::Branch(Branch { .. }) = node else {
        return Err(Fault::wrong("cannot set variables from a list").hint("the document must be a map of texts"));
    };
    let entries = node.as_branch().into_iter().flat_map(Branch::entries);
    entries
        .map(|(key, node)| match node {
            Node::Leaf(Scalar::Text(text)) => Ok((key.as_str(), text.expose())),
            other => {
                Err(Fault::wrong(format!("unexpected type of value: {} (key `{}`)", other.type_name(), key.as_str()))
                    .hint("quote the value, so that it is a text"))
            }
        })
        .collect()
}
