//! The bytes of a YAML stream as text: UTF-8, or UTF-16 with a byte order mark.
//! Specification: SOPS §4.13.

use std::borrow::Cow;

use base::Fault;

/// The text; a byte order mark is skipped.
pub(super) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return utf8(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => return utf8(bytes),
    };
    text.map(Cow::Owned).ok_or_else(|| Fault::wrong("yaml: the file is no valid UTF-16"))
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Fault::wrong(format!("yaml: line {line}: the file is no valid UTF-8"))
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(units.iter().copied().map(unit)).collect::<Result<_, _>>().ok()
}
