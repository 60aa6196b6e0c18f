//! YAML as the peers read and write it: events of `granit-parser` become trees, trees become the peers' own bytes.
//! Not here: typed manifests, which go through serde (`serde-saphyr`). Specification: SOPS §4.1, §4.13; VALS §6.

mod anchor;
mod dialect;
mod emit;
mod order;
mod read;
mod scalar;
mod style;
mod text;
mod time;

pub use dialect::Dialect;

use base::Fault;

use crate::{Branch, Document, EmitOptions, Node, ReadOptions, Scalar};
use emit::Root;
use read::{Reading, Stream};

/// Reads a file: every document of it must be a mapping, and nothing counts as an empty one. Merge keys stay ordinary
/// keys in SOPS' dialect and merge in the others.
///
/// # Errors
/// Where the bytes are no YAML, a document is a list or a single value, or the file holds comments only.
pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Document, Fault> {
    let stream = stream(bytes, options, options.dialect != Dialect::Go3)?;
    if stream.has_only_comments {
        return Err(Fault::wrong("EOF").hint("the file holds comments only: a document needs at least one key"));
    }
    let branches = stream.documents.into_iter().map(|(node, line)| branch(node, line));
    Ok(Document { branches: branches.collect::<Result<_, _>>()? })
}

fn branch(node: Node, line: usize) -> Result<Branch, Fault> {
    let kind = match node {
        Node::Branch(branch) => return Ok(branch),
        Node::Leaf(Scalar::Null) => return Ok(Branch::default()),
        Node::List(_) => "!!seq",
        Node::Leaf(_) => "single value",
    };
    Err(Fault::wrong(format!("yaml: line {line}: cannot unmarshal {kind} into a mapping"))
        .hint("the top of a document must be a mapping; put the value under a key"))
}

/// Reads the documents of a stream, whatever they are at the top. Merge keys merge, in every dialect.
///
/// # Errors
/// Where the bytes are no YAML.
pub fn read_values(bytes: &[u8], options: &ReadOptions) -> Result<Vec<Node>, Fault> {
    Ok(stream(bytes, options, true)?.documents.into_iter().map(|(node, _)| node).collect())
}

fn stream(bytes: &[u8], options: &ReadOptions, merges: bool) -> Result<Stream, Fault> {
    let reading = Reading { dialect: options.dialect, repeated_keys: options.repeated_keys, merges };
    read::stream(&text::decoded(bytes)?, reading)
}

/// Writes a file, documents separated by `---`.
///
/// # Errors
/// Where an indentation is negative.
pub fn emit(document: &Document, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    emit::documents(document.branches.iter().map(Root::Branch), options)
}

/// Writes values as documents of one stream.
///
/// # Errors
/// Where an indentation is negative.
pub fn emit_values(nodes: &[Node], options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    emit::documents(nodes.iter().map(Root::Node), options)
}

/// Writes one value: a text as it is, anything else as a file.
///
/// # Errors
/// Where an indentation is negative.
pub fn emit_value(node: &Node, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    match node {
        Node::Leaf(Scalar::Text(text)) => Ok(text.expose().to_vec()),
        other => emit_values(std::slice::from_ref(other), options),
    }
}

#[cfg(test)]
mod tests;
