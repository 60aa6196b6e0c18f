//! PEM as Go reads and writes it: blocks between any other text, headers allowed, broken blocks passed over.
//! What a block holds is not looked at here.

use pem::{EncodeConfig, LineEnding, Pem};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// A block in PEM.
pub fn written(kind: &str, contents: &[u8]) -> String {
    encoded(&Pem::new(kind, contents))
}

/// A block as it was read, headers included.
pub fn encoded(block: &Pem) -> String {
    pem::encode_config(block, EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// The blocks of a text in order.
pub fn blocks(text: &[u8]) -> Blocks<'_> {
    Blocks { rest: text }
}

/// Reads blocks one after the other.
pub struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Blocks<'a> {
    /// What stands behind the last block that was read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl Iterator for Blocks<'_> {
    type Item = Pem;

    fn next(&mut self) -> Option<Pem> {
        let mut from = self.rest;
        loop {
            let start = line_start(from, BEGIN)?;
            let block = &from[start..];
            if let Some((found, length)) = whole(block) {
                self.rest = &block[length..];
                return Some(found);
            }
            from = &block[BEGIN.len()..];
        }
    }
}

/// The block at the start of the text, and its length with the line end.
fn whole(text: &[u8]) -> Option<(Pem, usize)> {
    let kind_end = find(&text[BEGIN.len()..], DASHES)? + BEGIN.len();
    let end = [END, &text[BEGIN.len()..kind_end], DASHES].concat();
    let end_start = line_start(text, &end)?;
    let mut length = end_start + end.len();
    let block = pem::parse(&text[..length]).ok()?;
    length += text[length..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    length += usize::from(text.get(length) == Some(&b'\n'));
    Some((block, length))
}

fn line_start(text: &[u8], word: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + find(&text[from..], word)?;
        if at == 0 || text[at - 1] == b'\n' {
            return Some(at);
        }
        from = at + 1;
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}
