//! The scheme `file`: the value is the content of a local file. Which files a text may name is `Reach`'s to say.
//! Specification: VALS §10.6.

use std::sync::Arc;

use base::encoding::Base64;
use base::{Fault, Kind};
use document::Node;
use source::{Locator, Payload};

use crate::row::{Asked, Row, TextDoor};
use crate::{local, yaml};

/// The row.
pub const ROW: Row = Row::of_references(
    "file",
    &[TextDoor {
        scheme: "file",
        options: &["encode"],
        is_local: true,
        open: |_, reach| {
            let read_file = Arc::clone(&reach.surroundings.read_file);
            Box::pin(async {
                Ok(local::client(move |at| {
                    read_file(&at.key).map(Payload::Bytes).map_err(|fault| as_go(&at.key, fault))
                }))
            })
        },
        locate: |asked| {
            let place = asked.reference.place();
            Ok(Locator::of(place.strip_suffix('/').unwrap_or(&place)))
        },
        text,
        tree: yaml::tree,
    }],
);

fn text(asked: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    let bytes = yaml::bytes(payload)?;
    match asked.option("encode") {
        None | Some("raw") => Ok(Node::text(bytes.clone())),
        Some("base64") => Ok(Node::text(Base64::Standard.encode(bytes.expose()))),
        Some(other) => Err(Fault::wrong(format!("Unsupported encode parameter: '{other}'."))),
    }
}

/// A file that cannot be read, in the words of Go, which people search for.
pub(crate) fn as_go(path: &str, fault: Fault) -> Fault {
    match fault.kind() {
        Kind::NotFound => Fault::not_found(format!("open {path}: no such file or directory")),
        Kind::Denied => Fault::denied(format!("open {path}: permission denied")),
        _ => fault,
    }
}
