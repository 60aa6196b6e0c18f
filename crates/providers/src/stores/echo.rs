//! The scheme `echo`: the value is the path itself. For trying things out, and for tests. Specification: VALS §10.6.

use base::Fault;
use document::{Branch, Node};
use source::{Locator, Payload};

use crate::row::{Asked, Row, TextDoor};
use crate::{local, yaml};

/// The row.
pub const ROW: Row = Row::of_references(
    "echo",
    &[TextDoor {
        scheme: "echo",
        options: &[],
        is_local: true,
        open: |_, _| Box::pin(async { Ok(local::client(|at| Ok(Payload::bytes(at.key.as_str())))) }),
        locate: |asked| Ok(Locator::of(asked.reference.place().trim_end_matches('/'))),
        text: yaml::text,
        tree,
    }],
);

/// `a/b/c` as `{a: {b: c}}`.
fn tree(_: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    // The path stands in the document; it is no secret.
    let path = yaml::bytes(payload)?.to_text().unwrap_or_default().into_exposed();
    let mut steps = path.split('/').rev();
    let value = steps.next().unwrap_or_default();
    let mut node = Node::text(value);
    let mut depth = 0;
    for step in steps {
        let mut branch = Branch::default();
        branch.push(step, node);
        node = Node::Branch(branch);
        depth += 1;
    }
    if depth == 0 {
        return Err(Fault::wrong(format!("key must have two or more components separated by \"/\": got {path:?}")));
    }
    Ok(node)
}
