//! JSON as SOPS reads and writes it, and as providers and Go programs do: parsing, and two ways of writing.
//! Not here: single-value selection (`source::select`). Specification: SOPS §4.14; VALS §6.4.

mod emit;
mod parse;

pub use emit::{Compact, compact, compact_value};
pub use parse::{parse, parse_value};

use base::Fault;

use crate::{Document, EmitOptions, Node, ReadOptions, Scalar};

/// What a JSON number becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// An integer where it fits 64 signed bits, else a float: SOPS' rule.
    #[default]
    Typed,
    /// Its text, kept: for what providers answer.
    Verbatim,
}

/// Reads a JSON file. Repeated keys stay, in file order; what stands behind the object is not looked at.
///
/// # Errors
/// Where the bytes are no JSON object.
pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Document, Fault> {
    Ok(Document { branches: vec![parse::object(bytes, options.numbers)?] })
}

/// Writes a JSON file: one member a line, indented by a tab, a line end behind it.
///
/// # Errors
/// Where there is more than one document, or a value that JSON cannot hold.
pub fn emit(document: &Document, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    let Some(branch) = document.only_branch("JSON")? else {
        return Ok(b"{}\n".to_vec());
    };
    let mut out = emit::indented_branch(branch, options)?;
    out.push(b'\n');
    Ok(out)
}

/// Writes one value: a text as it is, a mapping as a file, anything else as JSON without a line end.
///
/// # Errors
/// Where JSON cannot hold the value.
pub fn emit_value(node: &Node, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    match node {
        Node::Leaf(Scalar::Text(text)) => Ok(text.expose().to_vec()),
        Node::Branch(branch) => {
            let mut out = emit::indented_branch(branch, options)?;
            out.push(b'\n');
            Ok(out)
        }
        other => emit::indented(other, options),
    }
}

#[cfg(test)]
mod tests;
