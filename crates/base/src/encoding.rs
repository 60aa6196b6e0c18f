//! Base64 in the dialects that the peers' users meet. Strict ones refuse what Go refuses.
//! Go's decoder skips `\r` and `\n` inside the text; everything else must be exact.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::SecretBytes;

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
}

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
}
