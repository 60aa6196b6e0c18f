//! Where references stand in a text: `ref+` or `secretref+`, a scheme, `://`, and at least two characters up to a `+` (which is
//! swallowed), a space or a line end. A reference may stand inside another one. Unlike the peer's pattern, a reference ends
//! before `",` and before a separator with the next reference behind it, where the peer's would garble both.
//! Specification: VALS §5.1 (M1–M16), §5.3.

use base::Fault;

/// A part of a text.
pub enum Piece<'a> {
    /// Text that stays.
    Literal(&'a str),
    /// A reference.
    Reference(Embedded<'a>),
}

/// A reference in a text.
pub struct Embedded<'a> {
    /// As it stands, with the `+` that ends it.
    pub whole: &'a str,
    /// Whether it is a `secretref`.
    pub is_secret: bool,
    /// What stands behind `ref+`, references in it taken apart.
    pub body: Vec<Piece<'a>>,
}

impl Embedded<'_> {
    /// The references in it, one level deep.
    pub fn inner(&self) -> impl Iterator<Item = &Self> {
        self.body.iter().filter_map(|piece| match piece {
            Piece::Reference(inner) => Some(inner),
            Piece::Literal(_) => None,
        })
    }

    /// What stands behind `ref+`, without the `+` that ends it.
    #[must_use]
    pub fn written(&self) -> &str {
        let body = self.whole.split_once(PREFIX).map_or(self.whole, |(_, body)| body);
        body.strip_suffix('+').unwrap_or(body)
    }

    /// Whether it is left as it stands where `secretref`s are: it is one, or its place depends on one.
    #[must_use]
    pub fn is_excluded(&self, excludes_secret: bool) -> bool {
        excludes_secret && (self.is_secret || self.inner().any(|inner| inner.is_excluded(true)))
    }
}

/// Whether it is worth looking closer.
#[must_use]
pub fn may_hold_references(text: &str) -> bool {
    text.contains(PREFIX)
}

/// How deep references may stand in one another, as in the peer.
const DEPTH: usize = 10;
const PREFIX: &str = "ref+";
const SECRET: &str = "secret";

/// Takes a text apart. There is always at least one piece.
///
/// # Errors
/// References are nested too deep.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let (mut done, mut from) = (0, 0);
    while let Some(found) = text[from..].find(PREFIX) {
        let prefix = from + found;
        match embedded(text, prefix, done, 0)? {
            Some((reference, end)) => {
                let start = end - reference.whole.len();
                if done < start {
                    pieces.push(Piece::Literal(&text[done..start]));
                }
                pieces.push(Piece::Reference(reference));
                (done, from) = (end, end);
            }
            None => from = prefix + PREFIX.len(),
        }
    }
    if done < text.len() || pieces.is_empty() {
        pieces.push(Piece::Literal(&text[done..]));
    }
    Ok(pieces)
}

/// The reference whose `ref+` stands at `prefix`, and where it ends; it may begin no earlier than `least`.
fn embedded(text: &str, prefix: usize, least: usize, depth: usize) -> Result<Option<(Embedded<'_>, usize)>, Fault> {
    let is_secret = text[least..prefix].ends_with(SECRET);
    let start = if is_secret { prefix - SECRET.len() } else { prefix };
    let body = prefix + PREFIX.len();
    let scheme = text[body..].find(['+', ':']).map_or(text.len(), |length| body + length);
    if !text[scheme..].starts_with("://") {
        return Ok(None);
    }
    if depth >= DEPTH {
        return Err(Fault::wrong(format!("maximum nesting depth ({DEPTH}) exceeded")));
    }
    let rest = scheme + "://".len();
    let Run { mut pieces, last, end } = run(text, rest, depth)?;
    let is_long_enough = !pieces.is_empty() || text[rest..end].chars().nth(1).is_some();
    if !is_long_enough {
        return Ok(None);
    }
    if pieces.is_empty() {
        pieces.push(Piece::Literal(&text[body..end]));
    } else {
        let Piece::Literal(first) = pieces[0] else { unreachable!("what is before an inner reference comes first") };
        // The scheme stands before whatever the run has found.
        pieces[0] = Piece::Literal(&text[body..rest + first.len()]);
        if last < end {
            pieces.push(Piece::Literal(&text[last..end]));
        }
    }
    let end = if text[end..].starts_with('+') { end + 1 } else { end };
    Ok(Some((Embedded { whole: &text[start..end], is_secret, body: pieces }, end)))
}

/// What belongs to a reference from behind its `://`: its end, and the pieces up to `last`, if there are inner references.
struct Run<'a> {
    pieces: Vec<Piece<'a>>,
    last: usize,
    end: usize,
}

fn run(text: &str, rest: usize, depth: usize) -> Result<Run<'_>, Fault> {
    let mut pieces = Vec::new();
    // Where the text behind the last prefix begins: between it and the next one no separator may stand.
    let (mut last, mut behind_prefix, mut at) = (rest, rest, rest);
    let end = loop {
        let Some(found) = text[at..].find(['+', ' ', '\n', '"']) else { break text.len() };
        at += found;
        if text[at..].starts_with('"') {
            if text[at..].starts_with("\",") {
                break at;
            }
            at += 1;
            continue;
        }
        let prefix = text[last..at].ends_with("ref").then(|| at - "ref".len());
        let Some(prefix) = prefix.filter(|_| text[at..].starts_with('+')) else { break at };
        let Some((inner, end)) = embedded(text, prefix, last, depth + 1)? else { break at };
        let start = end - inner.whole.len();
        if let Some(separator) = text[behind_prefix..start].rfind(SEPARATORS) {
            // The next reference is a neighbour.
            break behind_prefix + separator;
        }
        pieces.push(Piece::Literal(&text[last..start]));
        behind_prefix = end;
        pieces.push(Piece::Reference(inner));
        (last, at) = (end, end);
    };
    let trimmed = text[last..end].trim_end_matches(['"', ',']);
    Ok(Run { end: last + trimmed.len(), pieces, last })
}

/// What cannot stand between a reference and one inside it.
const SEPARATORS: [char; 4] = ['"', ',', '\t', '\r'];

/// The schemes of all references of a text, inner ones too, as they are written; a text that is refused has none.
#[must_use]
pub fn schemes(text: &str) -> Vec<&str> {
    fn add<'a>(reference: &Embedded<'a>, schemes: &mut Vec<&'a str>) {
        if let Some(Piece::Literal(first)) = reference.body.first() {
            schemes.extend(first.split_once("://").map(|(scheme, _)| scheme));
        }
        reference.inner().for_each(|inner| add(inner, schemes));
    }
    let mut schemes = Vec::new();
    if !may_hold_references(text) {
        return schemes;
    }
    for piece in pieces(text).unwrap_or_default() {
        if let Piece::Reference(reference) = &piece {
            add(reference, &mut schemes);
        }
    }
    schemes
}
