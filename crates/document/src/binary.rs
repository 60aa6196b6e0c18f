//! Files of any other kind: the whole content is one value under the key `data`.
//! Not here: the encrypted form, which is JSON (`Format::encrypted`). Specification: SOPS §4.15.

use base::Fault;

use crate::{Branch, Document, EmitOptions, Key, Node, ReadOptions, Scalar};

/// The only key of a binary file's tree.
pub const KEY: &str = "data";

/// Takes the bytes as they are.
///
/// # Errors
/// None; the signature is that of the table of formats.
pub fn read(bytes: &[u8], _: &ReadOptions) -> Result<Document, Fault> {
    let mut branch = Branch::default();
    branch.push(KEY, Node::text(bytes));
    Ok(Document { branches: vec![branch] })
}

/// Writes the bytes back.
///
/// # Errors
/// Where the document is anything but one text under the key `data`.
pub fn emit(document: &Document, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    let wrong = |what: &str| {
        Err(Fault::wrong(format!("error emitting binary store: {what}"))
            .hint("the file holds structured data: give its format with `--output-type`"))
    };
    let mut entries = document.branches.iter().flat_map(Branch::entries);
    match (document.branches.len(), entries.next(), entries.next()) {
        (1, Some((key, Node::Leaf(Scalar::Text(data)))), None) if is_data(key) => Ok(data.expose().to_vec()),
        (1, Some((key, _)), None) if is_data(key) => wrong("the value of the key `data` is no text"),
        (1, _, _) => wrong("there must be exactly one key `data`"),
        _ => wrong("there must be exactly one document"),
    }
}

fn is_data(key: &Key) -> bool {
    key.is(KEY)
}

/// There is no single value in a binary file.
///
/// # Errors
/// Always.
pub fn emit_value(_: &Node, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    Err(Fault::wrong("binary files have no single values to extract")
        .hint("leave out the path, or choose another format with `--output-type`"))
}

#[cfg(test)]
mod tests;
