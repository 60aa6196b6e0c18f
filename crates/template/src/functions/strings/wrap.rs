//! Lines broken at a width, as `wrap` and `wrapWith` do: at the last space that fits, and inside a word only where it is too long
//! and that is allowed. Spaces at a break are dropped.

use crate::functions::{Outcome, Run};

/// The text with line ends put in.
pub fn wrapped(run: &mut Run<'_>, text: &[u8], width: i64, newline: &[u8], breaks_words: bool) -> Outcome {
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let newline = if newline.is_empty() { b"\n" } else { newline };
    let lines = text.len() / width + 1;
    run.fuel.make(text.len().saturating_add(newline.len().saturating_mul(lines)))?;
    let mut out = Vec::with_capacity(text.len() + lines);
    let mut rest = text;
    while rest.len() > width {
        if rest[0] == b' ' {
            rest = &rest[1..];
            continue;
        }
        let last_space = rest[..=width].iter().rposition(|byte| *byte == b' ').filter(|at| *at > 0);
        let next_space = || rest[width..].iter().position(|byte| *byte == b' ').map(|at| at + width);
        let (end, skipped) = match last_space {
            Some(at) => (at, 1),
            None if breaks_words => (width, 0),
            None => match next_space() {
                Some(at) => (at, 1),
                None => break,
            },
        };
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(newline);
        rest = &rest[end + skipped..];
    }
    out.extend_from_slice(rest);
    run.text(out)
}
