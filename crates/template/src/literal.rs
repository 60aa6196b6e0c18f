//! Go's literals: texts and characters between quotes with their escapes, whole numbers in four bases.
//! Not here: how they are found in a template (`lex`), and what a number literal becomes (`parse/number`).

use crate::runes::runes;

/// The text of a Go string literal, quotes included: interpreted or raw. `None` where Go says "invalid syntax".
pub fn unquoted(literal: &[u8]) -> Option<Vec<u8>> {
    let (&quote, rest) = literal.split_first()?;
    let (&last, mut inner) = rest.split_last()?;
    if last != quote {
        return None;
    }
    if quote == b'`' {
        return (!inner.contains(&b'`')).then(|| inner.iter().copied().filter(|byte| *byte != b'\r').collect());
    }
    let mut out = Vec::with_capacity(inner.len());
    while !inner.is_empty() {
        if inner[0] == quote || inner[0] == b'\n' {
            return None;
        }
        let (piece, rest) = unescaped(inner, quote)?;
        piece.push(&mut out);
        inner = rest;
    }
    Some(out)
}

/// Why a character literal is none.
pub enum NoCharacter {
    /// There is no character, or an escape that Go does not know.
    Invalid,
    /// More stands behind the first character.
    Malformed,
}

/// The code of a Go character literal, quotes included.
pub fn character(literal: &[u8]) -> Result<u32, NoCharacter> {
    let inner = literal.strip_prefix(b"'").filter(|inner| !matches!(inner.first(), None | Some(b'\'' | b'\n')));
    let (piece, rest) = inner.and_then(|inner| unescaped(inner, b'\'')).ok_or(NoCharacter::Invalid)?;
    let code = match piece {
        Piece::Byte(byte) => u32::from(byte),
        Piece::Letter(letter) => u32::from(letter),
        Piece::Bytes(bytes) => runes(bytes).next().map_or(0, |(letter, _)| u32::from(letter)),
    };
    if rest == b"'" { Ok(code) } else { Err(NoCharacter::Malformed) }
}

enum Piece<'a> {
    Byte(u8),
    Letter(char),
    Bytes(&'a [u8]),
}

impl Piece<'_> {
    fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => out.push(*byte),
            Self::Letter(letter) => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// The first character of what stands between quotes, and the rest.
fn unescaped(text: &[u8], quote: u8) -> Option<(Piece<'_>, &[u8])> {
    if text[0] != b'\\' {
        let (_, bytes) = runes(text).next()?;
        return Some((Piece::Bytes(bytes), &text[bytes.len()..]));
    }
    let (&kind, rest) = text[1..].split_first()?;
    let byte = |byte| Some((Piece::Byte(byte), rest));
    match kind {
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'v' => byte(11),
        b'\\' => byte(b'\\'),
        b'\'' | b'"' if kind == quote => byte(kind),
        b'x' => digits(rest, 2, 16).map(|(code, rest)| (Piece::Byte(code as u8), rest)),
        b'u' | b'U' => {
            let (code, rest) = digits(rest, if kind == b'u' { 4 } else { 8 }, 16)?;
            Some((Piece::Letter(char::from_u32(code)?), rest))
        }
        b'0'..=b'7' => {
            let (code, rest) = digits(&text[1..], 3, 8)?;
            Some((Piece::Byte(u8::try_from(code).ok()?), rest))
        }
        _ => None,
    }
}

fn digits(text: &[u8], length: usize, radix: u32) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(length)?;
    let all_digits = digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    let text = std::str::from_utf8(digits).ok().filter(|_| all_digits)?;
    Some((u32::from_str_radix(text, radix).ok()?, rest))
}

/// Go's `strconv.ParseInt` with base 0.
pub fn parse_int(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = parse_uint(digits)?;
    if is_negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Go's `strconv.ParseUint` with base 0: `0x`, `0o`, `0b`, a leading `0` for octal, underscores between digits.
pub fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let has_prefix = digits.len() < lower.len();
    let digits = separated(digits, has_prefix)?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits, radix).ok()
}

/// The digits without underscores, where each stands between two digits (or behind the prefix).
fn separated(digits: &str, has_prefix: bool) -> Option<String> {
    let starts_well = has_prefix || !digits.starts_with('_');
    let is_fine = starts_well && !digits.ends_with('_') && !digits.contains("__");
    is_fine.then(|| digits.replace('_', ""))
}

/// A float's digits without underscores, where each stands between two digits.
pub fn without_separators(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let is_separator = |at: usize| is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1));
    let is_fine = (0..bytes.len()).all(|at| bytes[at] != b'_' || is_separator(at));
    is_fine.then(|| text.replace('_', ""))
}
