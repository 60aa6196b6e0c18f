//! INI files as Go's `ini.v1` reads and writes them, in the way SOPS asks it to: duplicate sections stay, all values are
//! texts. What its form cannot hold is refused or quoted, never changed on the way.
//! Not here: the flat names inside the section `sops` (`block`). Specification: SOPS §4.17, §4.18.

mod emit;
mod parse;

use base::Fault;

use crate::{Document, EmitOptions, Node, ReadOptions, Scalar, json};

/// The section of keys that stand before the first header.
const DEFAULT: &str = "DEFAULT";

/// Reads an INI file. The section `DEFAULT` comes first, whether it holds anything or not; a section's comment is its
/// first item, and a key's comment stands behind the key.
///
/// # Errors
/// Where a line has no delimiter, a quote or a section header stays open, or a name is no UTF-8.
pub fn read(bytes: &[u8], _: &ReadOptions) -> Result<Document, Fault> {
    parse::file(bytes).map(|branch| Document { branches: vec![branch] })
}

/// Writes an INI file.
///
/// # Errors
/// Where a top-level value is no mapping, a section holds more than single values, or a text has no form in INI.
pub fn emit(document: &Document, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    document.only_branch("INI")?.map_or_else(|| Ok(Vec::new()), emit::file)
}

/// Writes one value: a text as it is, anything else as JSON.
///
/// # Errors
/// Where JSON cannot hold the value.
pub fn emit_value(node: &Node, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    match node {
        Node::Leaf(Scalar::Text(text)) => Ok(text.expose().to_vec()),
        other => json::emit_value(other, &EmitOptions { indent: None, ..*options }),
    }
}

#[cfg(test)]
mod tests;
