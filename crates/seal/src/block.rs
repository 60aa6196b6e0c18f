//! PEM blocks read as Go reads them: what is no block is skipped, a damaged block too; written with plain line feeds.
//! Specification: SS §9.5 "Parsing", §9.11 (a).

use pem::{EncodeConfig, LineEnding, Pem};

/// The whole blocks of a text, in order. One damaged block does not hide those behind it.
pub(crate) fn blocks(text: &[u8]) -> impl Iterator<Item = Pem> + '_ {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let starts: Vec<usize> =
        text.windows(BEGIN.len()).enumerate().filter(|(_, window)| *window == BEGIN).map(|(place, _)| place).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| pem::parse(&text[start..end]).ok())
}

/// One block as text.
pub(crate) fn write(tag: &str, contents: &[u8]) -> String {
    pem::encode_config(&Pem::new(tag, contents), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_blocks_and_prose_are_skipped() {
        let text = format!(
            "Bag Attributes\n-----BEGIN A-----\n*\n-----END A-----\n{}\nend of file",
            write("B", b"bytes").replace('\n', "\r\n")
        );
        let found: Vec<_> = blocks(text.as_bytes()).collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].tag(), found[0].contents()), ("B", &b"bytes"[..]));
        assert_eq!(write("B", b"bytes"), "-----BEGIN B-----\nYnl0ZXM=\n-----END B-----\n");
        assert_eq!(blocks(b"no block").count(), 0);
    }
}
