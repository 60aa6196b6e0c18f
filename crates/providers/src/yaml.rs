//! Payloads as references read them: the text as it is, or the text parsed as YAML for a fragment to walk through: the default
//! of most schemes. Its twin for resources is `json`. Specification: VALS §5.4, §10 ("Map = String parsed as YAML map").

use base::{Fault, SecretBytes};
use document::{Node, ReadOptions, Scalar, yaml};
use source::Payload;

use crate::row::Asked;

/// The value as it is.
///
/// # Errors
/// The payload is no single text.
pub fn text(_: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    bytes(payload).map(|bytes| Node::text(bytes.clone()))
}

/// The value parsed as YAML, of which JSON is a part.
///
/// # Errors
/// It is neither, or a single value; the message never says what stands there.
pub fn tree(_: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    parsed(bytes(payload)?)
}

/// A text parsed as a YAML map or list.
///
/// # Errors
/// As [`tree`].
pub fn parsed(text: &SecretBytes) -> Result<Node, Fault> {
    // The parser's own words may quote a line, and each line is the secret.
    let read = yaml::read_values(text.expose(), &ReadOptions::default());
    let documents = read.map_err(|_| Fault::wrong("yaml: the value is no YAML, so a fragment cannot lead into it"))?;
    match documents.into_iter().next().unwrap_or(Node::Leaf(Scalar::Null)) {
        Node::Leaf(scalar) if scalar != Scalar::Null => Err(Fault::wrong(format!(
            "yaml: unmarshal errors: the value is a single {}, so a fragment cannot lead into it",
            scalar.type_name()
        ))
        .hint("leave the fragment away to get the whole value")),
        node => Ok(node),
    }
}

/// The text of a payload that is one.
///
/// # Errors
/// It is a map.
pub fn bytes(payload: &Payload) -> Result<&SecretBytes, Fault> {
    match payload {
        Payload::Bytes(bytes) => Ok(bytes),
        Payload::Map(_) => Err(Fault::bug("the payload of this scheme is one text")),
    }
}
