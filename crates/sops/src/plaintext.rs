//! What is encrypted and what the MAC covers: the bytes of a leaf for each type, and the way back.
//! Not here: the encryption itself (`cipher`), and how files spell these types (`document`).
//! Specification: SOPS §4.1, §4.3.

use std::borrow::Cow;

use base::Fault;
use document::Scalar;
use document::scalar::decimal;

use crate::rfc3339::{Fraction, canonical};

/// The type that an encrypted value carries beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A text.
    Str,
    /// A whole number of 64 bits.
    Int,
    /// Any other number.
    Float,
    /// A truth value.
    Bool,
    /// A time.
    Time,
    /// A comment.
    Comment,
    /// Bytes, as SOPS 1.x wrote binary files and dates; never written by us.
    Bytes,
}

impl Type {
    /// The word in `ENC[…,type:word]`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Comment => "comment",
            Self::Bytes => "bytes",
        }
    }

    /// The type with that word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Str, Self::Int, Self::Float, Self::Bool, Self::Time, Self::Comment, Self::Bytes]
            .into_iter()
            .find(|candidate| candidate.name() == name)
    }
}

/// What is encrypted of a leaf.
pub struct Plaintext<'a> {
    /// Its type.
    pub kind: Type,
    /// Its bytes.
    pub bytes: Cow<'a, [u8]>,
}

/// The type and the bytes of a leaf; `None` for null, which is neither encrypted nor covered.
///
/// # Errors
/// An integer beyond 64 signed bits has no type in a SOPS file.
pub fn of(scalar: &Scalar) -> Result<Option<Plaintext<'_>>, Fault> {
    let owned = |text: String| Cow::Owned(text.into_bytes());
    let (kind, bytes) = match scalar {
        Scalar::Null => return Ok(None),
        Scalar::Bool(value) => (Type::Bool, Cow::Borrowed(if *value { b"True".as_slice() } else { b"False" })),
        Scalar::Int(value) => (Type::Int, owned(value.to_string())),
        Scalar::Uint(_) => {
            return Err(Fault::wrong("Cannot walk value, unknown type: uint64")
                .hint("integers beyond 9223372036854775807 must be quoted, so that they are texts"));
        }
        Scalar::Float(value) => (Type::Float, owned(decimal(*value))),
        Scalar::Number(_) => return Err(Fault::bug("a number was read verbatim into a file that is encrypted")),
        Scalar::Time(text) => (Type::Time, Cow::Borrowed(text.as_bytes())),
        Scalar::Text(text) => (Type::Str, Cow::Borrowed(text.expose())),
    };
    Ok(Some(Plaintext { kind, bytes }))
}

/// The leaf that these bytes of that type are; a comment comes back as text.
///
/// # Errors
/// The bytes are no value of that type. They are not told, since they are the secret.
pub fn read(kind: Type, bytes: Vec<u8>) -> Result<Scalar, Fault> {
    let scalar = match kind {
        Type::Str | Type::Comment | Type::Bytes => Some(Scalar::Text(bytes.into())),
        Type::Int => text(&bytes).and_then(|text| text.parse().ok()).map(Scalar::Int),
        Type::Float => text(&bytes).and_then(parse_float).map(Scalar::Float),
        Type::Bool => text(&bytes).and_then(base::truth::parse).map(Scalar::Bool),
        Type::Time => text(&bytes).and_then(|text| canonical(text, Fraction::Trimmed)).map(Scalar::Time),
    };
    scalar.ok_or_else(|| Fault::wrong(format!("the decrypted text is no {}", kind.name())))
}

/// A float as Python's `str` prints it, which SOPS 1.x hashed: `1.0`, `1e+16`.
#[must_use]
pub fn python_float_text(value: f64) -> String {
    let text = decimal(value);
    if !value.is_finite() {
        return text.trim_start_matches('+').to_lowercase();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        return python_exponent(&format!("{value:e}"));
    }
    if text.contains('.') { text } else { text + ".0" }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Any text that Go's `ParseFloat` takes: Rust's grammar, hexadecimal floats excepted, which nobody wrote.
fn parse_float(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Rust writes `1.5e-7`, Python `1.5e-07`.
fn python_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests;
