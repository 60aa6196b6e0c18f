//! Single values as Go prints them: the number forms of YAML, JSON, SOPS' plaintext and dotenv, and Go's type names.
//! Not here: how text becomes a scalar (`yaml::scalar`, `json::parse`).
//! Specification: SOPS §4.3, §4.13, §4.14, §4.18; VALS §6.2, §17.6.

use std::borrow::Cow;

use crate::{Node, Scalar};

impl Node {
    /// Go's name of the type, as the peer's messages have it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Leaf(scalar) => scalar.type_name(),
            Self::List(_) => "[]interface {}",
            Self::Branch(_) => "map[string]interface {}",
        }
    }
}

impl Scalar {
    /// Go's name of the type, as the peer's messages have it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint64",
            Self::Float(_) | Self::Number(_) => "float64",
            Self::Time(_) => "time.Time",
            Self::Text(_) => "string",
        }
    }

    /// The value as the text that dotenv, INI and an environment hold (SOPS §4.18). Unlike the peer's `<nil>`,
    /// nothing is an empty text.
    #[must_use]
    pub fn as_environment(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Null => Cow::Borrowed(b""),
            Self::Bool(truth) => Cow::Borrowed(if *truth { b"true" } else { b"false" }),
            Self::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Uint(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Float(number) => Cow::Owned(environment(*number).into_bytes()),
            Self::Time(time) => Cow::Owned(whole_seconds(time).into_bytes()),
            Self::Number(text) | Self::Text(text) => Cow::Borrowed(text.expose()),
        }
    }
}

/// The shortest digits that read back as the number, without exponent: SOPS' plaintext of a float (§4.3).
#[must_use]
pub fn decimal(number: f64) -> String {
    match Digits::of(number) {
        Err(special) => special.to_owned(),
        Ok(digits) => digits.positional(),
    }
}

/// Go's shortest `%g`: an exponent below 1e-4 and from 1e6 (YAML, and texts of vals).
#[must_use]
pub fn general(number: f64) -> String {
    match Digits::of(number) {
        Err(special) => special.to_owned(),
        Ok(digits) if (-4..6).contains(&digits.exponent) => digits.positional(),
        Ok(digits) => digits.scientific('e', 2),
    }
}

/// The number as Go's `encoding/json` writes it, or `None` where JSON has no word for it.
#[must_use]
pub fn json(number: f64) -> Option<String> {
    let digits = Digits::of(number).ok()?;
    let is_positional = digits.is_zero() || (-6..21).contains(&digits.exponent);
    Some(if is_positional { digits.positional() } else { digits.scientific('e', 1) })
}

/// The form of dotenv and INI files: `%G`, and always with a fraction or an exponent (SOPS §4.18).
fn environment(number: f64) -> String {
    let text = general(number).replace('e', "E");
    let is_number = number.is_finite();
    if is_number && !text.contains(['.', 'E']) { format!("{text}.0") } else { text }
}

/// An RFC 3339 time without its fraction of a second.
fn whole_seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, rest)) => {
            format!("{seconds}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit()))
        }
        None => time.to_owned(),
    }
}

/// The shortest decimal digits of a finite number, and the exponent of the first.
struct Digits {
    is_negative: bool,
    digits: String,
    exponent: i32,
}

impl Digits {
    /// `Err` is Go's word for what is no finite number.
    fn of(number: f64) -> Result<Self, &'static str> {
        if number.is_nan() {
            return Err("NaN");
        }
        if number.is_infinite() {
            return Err(if number > 0.0 { "+Inf" } else { "-Inf" });
        }
        // Not Rust's own `{:e}`: where a number lies in the middle of two shortest ones, it takes the upper, Go (and ryu) the even one.
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(number.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().expect("ryu writes an integer exponent");
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let digits = all.trim_start_matches('0');
        let before_point = i32::try_from(whole.len()).expect("a float has few digits");
        let zeros = i32::try_from(all.len() - digits.len()).expect("a float has few digits");
        let digits = digits.trim_end_matches('0');
        Ok(match digits {
            "" => Self { is_negative: number.is_sign_negative(), digits: "0".to_owned(), exponent: 0 },
            digits => Self {
                is_negative: number.is_sign_negative(),
                digits: digits.to_owned(),
                exponent: exponent + before_point - 1 - zeros,
            },
        })
    }

    fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    fn sign(&self) -> &'static str {
        if self.is_negative { "-" } else { "" }
    }

    fn positional(&self) -> String {
        let (sign, digits) = (self.sign(), &self.digits);
        if self.exponent < 0 {
            let zeros = "0".repeat(self.exponent.unsigned_abs() as usize - 1);
            return format!("{sign}0.{zeros}{digits}");
        }
        let whole = self.exponent.unsigned_abs() as usize + 1;
        match digits.split_at_checked(whole) {
            Some((whole, "")) => format!("{sign}{whole}"),
            Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{digits}{}", "0".repeat(whole - digits.len())),
        }
    }

    fn scientific(&self, letter: char, exponent_digits: usize) -> String {
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if self.exponent < 0 { '-' } else { '+' };
        let exponent = self.exponent.unsigned_abs();
        format!("{}{first}{point}{rest}{letter}{sign}{exponent:0exponent_digits$}", self.sign())
    }
}

#[cfg(test)]
mod tests;
