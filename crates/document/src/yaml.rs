//! YAML as the peers read and write it: events of `granit-parser` become trees, trees become the peers' own bytes.
//! Not here: typed manifests, which go through serde (`serde-saphyr`). Specification: SOPS §4.1, §4.13; VALS §6.

mod dialect;

pub use dialect::Dialect;

use base::Fault;

use crate::{Document, EmitOptions, Node, ReadOptions};

/// Reads a file: every document of it must be a mapping.
///
/// # Errors
/// Where the bytes are no YAML, or a document is a list or a single value.
pub fn read(_: &[u8], _: &ReadOptions) -> Result<Document, Fault> {
    Err(Fault::bug("reading YAML is being built"))
}

/// Reads the documents of a stream, whatever they are at the top.
///
/// # Errors
/// Where the bytes are no YAML.
pub fn read_values(_: &[u8], _: &ReadOptions) -> Result<Vec<Node>, Fault> {
    Err(Fault::bug("reading YAML is being built"))
}

/// Writes a file, documents separated by `---`.
///
/// # Errors
/// Where an indentation is negative.
pub fn emit(_: &Document, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    Err(Fault::bug("writing YAML is being built"))
}

/// Writes values as documents of one stream.
///
/// # Errors
/// Where an indentation is negative.
pub fn emit_values(_: &[Node], _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    Err(Fault::bug("writing YAML is being built"))
}

/// Writes one value: a text as it is, anything else as a file.
///
/// # Errors
/// Where an indentation is negative.
pub fn emit_value(_: &Node, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    Err(Fault::bug("writing YAML is being built"))
}
