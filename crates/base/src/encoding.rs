//! Base64 in the dialects that the peers' users meet. Strict ones refuse what Go refuses.
//! Go's decoder skips `\r` and `\n` inside the text; everything else must be exact.

pub mod base32;

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, PAD};

use crate::SecretBytes;

// Go's decoders take any bits behind the last byte; so do ours.
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));
const STANDARD_NO_PAD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PAD.with_decode_allow_trailing_bits(true));
const URL_SAFE_NO_PAD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// A base64 alphabet and its padding, named as Go's `encoding/base64` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base64 {
    /// RFC 4648 §4 with padding.
    Standard,
    /// RFC 4648 §4 without padding.
    RawStandard,
    /// RFC 4648 §5 with padding.
    Url,
    /// RFC 4648 §5 without padding.
    RawUrl,
}

impl Base64 {
    /// The bytes as text.
    #[must_use]
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Standard => STANDARD.encode(bytes),
            Self::RawStandard => STANDARD_NO_PAD.encode(bytes),
            Self::Url => URL_SAFE.encode(bytes),
            Self::RawUrl => URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// The text as bytes, or `None` where Go would refuse it. Line breaks inside are skipped, as Go does.
    #[must_use]
    pub fn decode(self, text: &[u8]) -> Option<SecretBytes> {
        let joined: Vec<u8>;
        let text = if text.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            joined = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
            &joined
        } else {
            text
        };
        let decoded = match self {
            Self::Standard => STANDARD.decode(text),
            Self::RawStandard => STANDARD_NO_PAD.decode(text),
            Self::Url => URL_SAFE.decode(text),
            Self::RawUrl => URL_SAFE_NO_PAD.decode(text),
        };
        decoded.ok().map(SecretBytes::new)
    }

    /// The text as bytes, or where Go says that it breaks.
    ///
    /// # Errors
    /// The place in Go's words: `illegal base64 data at input byte 4`.
    pub fn decode_or_place(self, text: &[u8]) -> Result<SecretBytes, IllegalBase64> {
        self.decode(text).ok_or_else(|| IllegalBase64(self.breaks_at(text)))
    }

    /// Walks the text as Go does, in groups of four. Line breaks count as places; a text that ends inside a group breaks
    /// as many places before its end as the group has characters.
    fn breaks_at(self, text: &[u8]) -> usize {
        let is_padded = matches!(self, Self::Standard | Self::Url);
        let is_symbol = |byte: u8| match self {
            Self::Standard | Self::RawStandard => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Self::Url | Self::RawUrl => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        };
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let skip = |from: usize| from + text[from..].iter().take_while(|byte| is_break(byte)).count();
        let mut in_group = 0;
        for (place, byte) in text.iter().enumerate() {
            match byte {
                byte if is_symbol(*byte) => in_group = (in_group + 1) % 4,
                byte if is_break(byte) => {}
                b'=' if is_padded && in_group >= 2 => {
                    let mut next = skip(place + 1);
                    if in_group == 2 {
                        match text.get(next) {
                            None => return text.len(),
                            Some(b'=') => next = skip(next + 1),
                            Some(_) => return next - 1,
                        }
                    }
                    return next;
                }
                _ => return place,
            }
        }
        text.len() - in_group
    }
}

/// A text that is no base64, in Go's words, which people search for.
#[derive(Debug, PartialEq, Eq)]
pub struct IllegalBase64(usize);

impl fmt::Display for IllegalBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "illegal base64 data at input byte {}", self.0)
    }
}

impl std::error::Error for IllegalBase64 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_differ_in_alphabet_and_padding() {
        let bytes = [0xfb, 0xff, 0x00, 0x01];
        for (dialect, text) in [
            (Base64::Standard, "+/8AAQ=="),
            (Base64::RawStandard, "+/8AAQ"),
            (Base64::Url, "-_8AAQ=="),
            (Base64::RawUrl, "-_8AAQ"),
        ] {
            assert_eq!(dialect.encode(&bytes), text);
            assert!(dialect.decode(text.as_bytes()) == Some(SecretBytes::from(&bytes[..])));
        }
        assert!(Base64::Standard.decode(b"+/8AAQ").is_none());
        assert!(Base64::Standard.decode(b"+/8A\r\nAQ==\n").is_some());
        assert!(Base64::Standard.decode(b" +/8AAQ==").is_none());
    }

    #[test]
    fn illegal_text_is_told_at_the_place_where_go_tells_it() {
        for (text, place) in [
            ("!!", 0),
            ("YmFy!", 4),
            ("YmFyY", 4),
            ("YmFyYg", 4),
            ("YmFyYg=", 7),
            ("YmFyYg=\n", 8),
            ("YmFyYg=x", 6),
            ("YmFyYg==x", 8),
            ("YmFyYmE=x", 8),
            ("Ym Fy", 2),
            ("Y===", 1),
            ("YmFy\nYg", 5),
            ("=", 0),
            ("bm9wZQ", 4),
        ] {
            assert_eq!(Base64::Standard.decode_or_place(text.as_bytes()).err(), Some(IllegalBase64(place)), "{text:?}");
        }
        assert_eq!(IllegalBase64(3).to_string(), "illegal base64 data at input byte 3");
        for fine in ["YmFy", "YmF\r\ny\n", "YmFyYh==", "YmFyYg==\n", ""] {
            assert!(Base64::Standard.decode_or_place(fine.as_bytes()).is_ok(), "{fine:?}");
        }
    }
}
