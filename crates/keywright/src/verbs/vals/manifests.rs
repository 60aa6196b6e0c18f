//! Manifests of Helm with their references replaced: documents without a reference stay to the byte, the others keep their place,
//! order of keys and comments. Documents are told apart by their markers alone, so that comments and whatever is no object of
//! Kubernetes come through. Specification: HS §10.

use base::Fault;
use document::Node;
use source::expand;

use super::documents::{self, Output};
use super::evaluation::Evaluation;
use super::ksdecode;
use crate::Ui;

/// Replaces the references in manifests; `decodes`: in the `data` of Secrets, too.
///
/// # Errors
/// One of the documents with references is no YAML, or a reference cannot be resolved.
pub(super) fn evaluated(bytes: &[u8], decodes: bool, evaluation: &Evaluation, ui: &mut Ui) -> Result<Vec<u8>, Fault> {
    let pieces = pieces(bytes);
    let mut changed = Vec::new();
    let mut nodes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let found = with_references(piece.text, decodes)?;
        if !found.is_empty() {
            changed.push((index, found.len()));
            nodes.extend(found);
        }
    }
    evaluation.documents(&mut nodes, ui)?;
    if decodes {
        let encoded = nodes.iter_mut().try_for_each(ksdecode::encode);
        encoded.map_err(|fault| fault.within("error on encoding secrets"))?;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let (mut changed, mut nodes) = (changed.into_iter().peekable(), &nodes[..]);
    for (index, piece) in pieces.iter().enumerate() {
        out.extend_from_slice(piece.marker);
        match changed.next_if(|(at, _)| *at == index) {
            None => out.extend_from_slice(piece.text),
            Some((_, count)) => {
                let (these, others) = nodes.split_at(count);
                out.extend(documents::write(these, Output::Kept)?);
                nodes = others;
            }
        }
    }
    Ok(out)
}

/// The values of a piece, if one of them holds a reference.
fn with_references(text: &[u8], decodes: bool) -> Result<Vec<Node>, Fault> {
    let holds = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    let may_hold_one = holds(b"ref+") || (decodes && holds(b"Secret"));
    if !may_hold_one {
        return Ok(Vec::new());
    }
    let mut nodes = documents::parsed(text)?;
    if decodes {
        let decoded = nodes.iter_mut().try_for_each(ksdecode::decode);
        decoded.map_err(|fault| fault.within("error on decoding secrets"))?;
    }
    let has_references = nodes.iter().any(|node| !expand::schemes(node).is_empty());
    Ok(if has_references { nodes } else { Vec::new() })
}

/// A document of the stream.
struct Piece<'a> {
    /// The line `---` in front of it, if it has one of its own.
    marker: &'a [u8],
    /// The document.
    text: &'a [u8],
}

/// A marker stands at the begin of a line; inside of a text it is indented.
fn pieces(bytes: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut marker, mut begin, mut at) = (&bytes[..0], 0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        let behind = line.strip_prefix(b"---").filter(|rest| rest.first().is_none_or(u8::is_ascii_whitespace));
        if let Some(behind) = behind {
            if at > 0 {
                pieces.push(Piece { marker, text: &bytes[begin..at] });
            }
            let behind = behind.trim_ascii_start();
            // A document may begin behind its marker.
            let is_alone = behind.is_empty() || behind.starts_with(b"#");
            (marker, begin) = if is_alone { (line, end) } else { (&bytes[at..at + 4], at + 4) };
        }
        at = end;
    }
    pieces.push(Piece { marker, text: &bytes[begin..] });
    pieces
}

#[cfg(test)]
mod tests;
