//! INI files as Go's `ini.v1` reads and writes them.
//! Specification: SOPS §4.17.

use base::Fault;

use crate::{Document, EmitOptions, Node, ReadOptions};

/// Reads an INI file.
///
/// # Errors
/// Where a line has no delimiter.
pub fn read(_: &[u8], _: &ReadOptions) -> Result<Document, Fault> {
    Err(Fault::bug("reading INI is being built"))
}

/// Writes an INI file.
///
/// # Errors
/// Where a top-level value is no mapping.
pub fn emit(_: &Document, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    Err(Fault::bug("writing INI is being built"))
}

/// Writes one value: a text as it is, anything else as JSON.
///
/// # Errors
/// Where JSON cannot hold the value.
pub fn emit_value(_: &Node, _: &EmitOptions) -> Result<Vec<u8>, Fault> {
    Err(Fault::bug("writing INI is being built"))
}
