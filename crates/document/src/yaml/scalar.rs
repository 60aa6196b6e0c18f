//! What an unquoted YAML scalar means: go-yaml's rules, which are neither YAML 1.1 nor 1.2.
//! The type decides SOPS' ciphertext type and MAC text, and whether a text needs quotes when written.
//! Specification: SOPS §4.1; VALS §6.2.

use base::Fault;
use base::encoding::Base64;

use super::Dialect;
use super::time::rfc3339;
use crate::Scalar;

/// The value of an unquoted scalar without a tag.
pub(super) fn resolve(text: &str, dialect: Dialect) -> Scalar {
    typed(text, dialect).unwrap_or_else(|| Scalar::Text(text.into()))
}

/// Whether the text, written without quotes, reads back as a text.
pub(super) fn is_text(text: &str) -> bool {
    // Go's encoders quote what either generation of readers would take for something else.
    typed(text, Dialect::Go3).is_none() && old_bool(text).is_none() && !is_base_60(text)
}

/// The value of a scalar with a tag of YAML's own schema; another tag is dropped and leaves a text.
///
/// The message of an error names the tag only.
pub(super) fn tagged(text: &str, tag: &str, dialect: Dialect) -> Result<Scalar, Fault> {
    let wrong = || Fault::wrong(format!("cannot decode the value as a !!{tag}"));
    let value = match tag {
        "null" | "bool" | "int" | "float" => typed(text, dialect),
        "timestamp" if dialect.has_times() => rfc3339(text).map(Scalar::Time),
        "binary" => return binary(text),
        _ => return Ok(Scalar::Text(text.into())),
    };
    match (tag, value) {
        ("null", Some(value @ Scalar::Null))
        | ("bool", Some(value @ Scalar::Bool(_)))
        | ("int", Some(value @ (Scalar::Int(_) | Scalar::Uint(_))))
        | ("float", Some(value @ Scalar::Float(_)))
        | ("timestamp", Some(value)) => Ok(value),
        #[expect(clippy::cast_precision_loss, reason = "the tag asks for the nearest float")]
        ("float", Some(Scalar::Int(number))) => Ok(Scalar::Float(number as f64)),
        #[expect(clippy::cast_precision_loss, reason = "the tag asks for the nearest float")]
        ("float", Some(Scalar::Uint(number))) => Ok(Scalar::Float(number as f64)),
        _ => Err(wrong()),
    }
}

fn binary(text: &str) -> Result<Scalar, Fault> {
    let compact: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    Base64::Standard
        .decode(compact.as_bytes())
        .map(Scalar::Text)
        .ok_or_else(|| Fault::wrong("!!binary value contains invalid base64 data"))
}

/// The value of a plain scalar that is no text.
fn typed(text: &str, dialect: Dialect) -> Option<Scalar> {
    let first = *text.as_bytes().first().unwrap_or(&b'~');
    match first {
        b'0'..=b'9' | b'+' | b'-' => number(text, dialect),
        b'.' => special_float(text).or_else(|| float(text).filter(|_| !text.contains('_'))),
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' => word(text),
        _ => None,
    }
    .map_or_else(|| old_bool(text).filter(|_| dialect.has_old_bools()).map(Scalar::Bool), Some)
}

fn word(text: &str) -> Option<Scalar> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        "true" | "True" | "TRUE" => Some(Scalar::Bool(true)),
        "false" | "False" | "FALSE" => Some(Scalar::Bool(false)),
        _ => None,
    }
}

fn old_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn number(text: &str, dialect: Dialect) -> Option<Scalar> {
    // Longer than any number or date: long texts that start with a digit are not copied.
    if text.len() > NUMBER_LENGTH {
        return float(text);
    }
    let time =
        || rfc3339(text).map(|time| if dialect.has_times() { Scalar::Time(time) } else { Scalar::Text(text.into()) });
    let plain = text.replace('_', "");
    special_float(text)
        .or_else(|| date_like(text).then(time).flatten())
        .or_else(|| integer(&plain))
        .or_else(|| float(&plain))
}

/// Above this length only a float is possible: 64 binary digits with separators, prefix and sign stay below.
const NUMBER_LENGTH: usize = 256;

fn date_like(text: &str) -> bool {
    text.find(|character: char| !character.is_ascii_digit()) == Some(4) && text.as_bytes()[4] == b'-'
}

/// Go's `ParseInt` with base 0: a leading `0` means octal.
fn integer(text: &str) -> Option<Scalar> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let lower = digits.as_bytes().get(1).map(u8::to_ascii_lowercase);
    let (base, digits) = match (digits.as_bytes().first()?, lower) {
        (b'0', Some(b'x')) => (16, &digits[2..]),
        (b'0', Some(b'o')) => (8, &digits[2..]),
        (b'0', Some(b'b')) => (2, &digits[2..]),
        (b'0', Some(_)) => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|digit: char| digit.is_ascii_alphanumeric()) {
        return None;
    }
    if let Ok(number) = i64::from_str_radix(&format!("{sign}{digits}"), base) {
        return Some(Scalar::Int(number));
    }
    // Go's unsigned parser takes no sign at all.
    let is_unsigned = !text.starts_with(['-', '+']);
    u64::from_str_radix(digits, base).ok().filter(|_| is_unsigned).map(Scalar::Uint)
}

fn float(text: &str) -> Option<Scalar> {
    let bytes = text.as_bytes();
    let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(at);
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if whole + fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    } else if whole == 0 {
        return None;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        at += if exponent == 0 { return None } else { 1 + sign + exponent };
    }
    if at != bytes.len() {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Scalar::Float)
}

fn special_float(text: &str) -> Option<Scalar> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Scalar::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Scalar::Float(f64::NEG_INFINITY)),
        ".nan" | ".NaN" | ".NAN" => Some(Scalar::Float(f64::NAN)),
        _ => None,
    }
}

/// Whether YAML 1.1 would read a number of base 60: `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let is_first = first.starts_with(|digit: char| digit.is_ascii_digit())
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !is_first {
        return false;
    }
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return false;
    }
    let is_sixtieth = |part: &str| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            if !is_sixtieth(part) {
                return false;
            }
            continue;
        }
        let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
        return is_sixtieth(whole) && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    }
    false
}

#[cfg(test)]
mod tests;
