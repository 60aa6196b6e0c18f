//! One sealed value as it stands in a SealedSecret: base64 of a length, a wrapped session key and a ciphertext.
//! Not here: how it is made and opened (`hybrid`).
//! Specification: SS §5.1, §5.4.

use base::encoding::Base64;
use base::{Fault, SecretBytes};

/// One sealed value. It is safe to publish, but its bytes say nothing to a reader, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// Bytes of the length in front.
const LENGTH_BYTES: usize = 2;

impl Sealed {
    /// Reads the base64 text as leniently as Go does: line breaks are skipped, spaces are not.
    ///
    /// # Errors
    /// `illegal base64 data at input byte N`. What is too short to hold a value is no error here: no key opens it.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match Base64::Standard.decode_or_place(text.as_bytes()) {
            Ok(bytes) => Ok(Self(bytes.into_exposed())),
            Err(place) => Err(Fault::wrong(place.to_string())),
        }
    }

    /// Takes the bytes that `spec.data` or a decoded item holds.
    #[must_use]
    pub fn from_bytes(bytes: SecretBytes) -> Self {
        Self(bytes.into_exposed())
    }

    /// The text that goes into a SealedSecret.
    #[must_use]
    pub fn to_text(&self) -> String {
        Base64::Standard.encode(&self.0)
    }

    /// The bytes behind the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Length, wrapped session key and ciphertext in one value.
    pub(crate) fn join(wrapped: &[u8], ciphertext: &[u8]) -> Self {
        let length = u16::try_from(wrapped.len()).expect("an RSA key of at most 8192 bits wraps into 1024 bytes");
        Self([&length.to_be_bytes(), wrapped, ciphertext].concat())
    }

    /// Wrapped session key and ciphertext, or `None` where the bytes are too few for the length in front.
    pub(crate) fn parts(&self) -> Option<(&[u8], &[u8])> {
        let (length, rest) = self.0.split_first_chunk::<LENGTH_BYTES>()?;
        rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_length_key_ciphertext() {
        let sealed = Sealed::join(&[1, 2, 3], &[9]);
        assert_eq!(sealed.as_bytes(), [0, 3, 1, 2, 3, 9]);
        assert_eq!(sealed.to_text(), "AAMBAgMJ");
        assert!(Sealed::parse("AAMB\r\nAgMJ\n").ok() == Some(sealed.clone()));
        assert_eq!(sealed.parts(), Some((&[1, 2, 3][..], &[9][..])));
        for short in ["", "AA==", "AAMBAg=="] {
            let short = Sealed::parse(short).expect("short values are base64 all the same");
            assert_eq!(short.parts(), None);
        }
    }

    #[test]
    fn what_is_no_base64_is_told_with_its_place() {
        for (text, told) in [("!", 0), ("AAMB gMJ", 4), ("AAMBAgM", 4)] {
            let fault = Sealed::parse(text).err().expect("no base64");
            assert_eq!(fault.to_string(), format!("illegal base64 data at input byte {told}"));
        }
    }
}
