//! Values as they stand inside a longer text: Go's `%v`, or JSON for lists and maps.
//! Specification: VALS §5.1 ("Replacement text of a partial match"), §5.3 (what may stand inside a reference).

use base::Fault;
use document::json::{Compact, compact};
use document::scalar::general;
use document::{Element, Node, Scalar};

use crate::reference::shown;

/// How lists and maps are printed inside a longer text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Collections {
    /// As the peer does: `map[a:1 b:[x y]]`.
    #[default]
    Go,
    /// As JSON.
    Json,
}

/// A value as a text of its own.
///
/// # Errors
/// JSON cannot hold it.
pub fn printed(node: &Node, collections: Collections) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    onto(&mut out, node, collections)?;
    Ok(out)
}

pub(super) fn onto(out: &mut Vec<u8>, node: &Node, collections: Collections) -> Result<(), Fault> {
    match (node, collections) {
        (Node::Leaf(scalar), _) => leaf(out, scalar),
        (node, Collections::Go) => go(out, node),
        (node, Collections::Json) => {
            let style = Compact { is_sorted: false, escapes_html: false, is_lossy: false };
            out.extend(compact(node, &style)?);
        }
    }
    Ok(())
}

fn go(out: &mut Vec<u8>, node: &Node) {
    match node {
        Node::Leaf(scalar) => leaf(out, scalar),
        Node::List(elements) => {
            out.push(b'[');
            let nodes = elements.iter().filter_map(Element::as_node);
            for (index, node) in nodes.enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b" " });
                go(out, node);
            }
            out.push(b']');
        }
        Node::Branch(branch) => {
            out.extend_from_slice(b"map[");
            let mut entries: Vec<_> = branch.entries().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            for (index, (key, node)) in entries.into_iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b" " });
                out.extend_from_slice(key.as_str().as_bytes());
                out.push(b':');
                go(out, node);
            }
            out.push(b']');
        }
    }
}

fn leaf(out: &mut Vec<u8>, scalar: &Scalar) {
    let text = match scalar {
        Scalar::Text(text) | Scalar::Number(text) => return out.extend_from_slice(text.expose()),
        Scalar::Null => "<nil>".to_owned(),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Uint(number) => number.to_string(),
        Scalar::Float(number) => general(*number),
        Scalar::Time(time) => go_time(time),
    };
    out.extend_from_slice(text.as_bytes());
}

/// Go's form of a time: `2023-04-05 00:00:00 +0000 UTC`, from RFC 3339.
fn go_time(time: &str) -> String {
    let Some((date, rest)) = time.split_once('T') else { return time.to_owned() };
    if let Some(clock) = rest.strip_suffix('Z') {
        return format!("{date} {clock} +0000 UTC");
    }
    match rest.rfind(['+', '-']) {
        Some(at) => {
            let (clock, zone) = rest.split_at(at);
            let zone = zone.replace(':', "");
            format!("{date} {clock} {zone} {zone}")
        }
        None => format!("{date} {rest}"),
    }
}

/// The value of a reference inside another one's text.
pub(super) fn nested(body: &str, node: &Node) -> Result<String, Fault> {
    let resolved = |to: &str| Fault::wrong(format!("nested ref {} resolved to {to}", shown(body)));
    match node {
        Node::Leaf(Scalar::Null) => Err(resolved("nil")),
        Node::Leaf(scalar) => {
            let mut out = Vec::new();
            leaf(&mut out, scalar);
            String::from_utf8(out).map_err(|_| resolved("bytes that are no text"))
        }
        Node::List(_) | Node::Branch(_) => {
            Err(resolved(&format!("{}; nested refs must resolve to scalar values", node.type_name())))
        }
    }
}
