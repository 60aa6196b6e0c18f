//! Password: random letters, digits and symbols in numbers that its spec gives, under the key `password` or under each of
//! `secretKeys`. Every character is drawn evenly, and so is the order. Specification: ESO §11.

use std::sync::Arc;

use base::encoding::{Base64, base32};
use base::{Credentials, Fault, Opening, SecretBytes, SecretMap, Timestamp};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_core::CryptoRng;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use source::{Generator, Made};
use zeroize::Zeroizing;

use crate::reach::Reach;
use crate::row::GeneratorRow;

/// The row.
pub const ROW: GeneratorRow = GeneratorRow { kind: "Password", schema: || schema_for!(Spec), open };

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const SYMBOLS: &str = "~!@#$%^&*()_+`-={}|[]\\:\"<>?,./";

/// The most characters that a password may have: a Secret holds no more than a megabyte.
const LONGEST: usize = 65_536;

/// How long, and of what.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// How many characters.
    #[serde(default = "length")]
    #[schemars(required)]
    length: i64,
    /// How many of them are digits; a quarter by default.
    digits: Option<i64>,
    /// How many of them are symbols; a quarter by default.
    symbols: Option<i64>,
    /// The symbols to choose from.
    symbol_characters: Option<String>,
    /// No letter is a capital.
    #[serde(default)]
    #[schemars(required)]
    no_upper: bool,
    /// A character may stand more than once.
    #[serde(default)]
    #[schemars(required)]
    allow_repeat: bool,
    /// The keys that get a password each.
    #[schemars(length(min = 1))]
    secret_keys: Option<Vec<String>>,
    /// How the password is written.
    #[serde(default)]
    encoding: Encoding,
}

/// How a password is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Base64,
    Base64url,
    Base32,
    Hex,
    #[default]
    Raw,
}

fn length() -> i64 {
    24
}

fn open<'a>(spec: &'a Value, _: &'a Reach, _: Credentials) -> Opening<'a, Arc<dyn Generator>> {
    Box::pin(async { super::read::<Spec>("Password", spec).map(|spec| Arc::new(spec) as Arc<dyn Generator>) })
}

impl Generator for Spec {
    fn make<'a>(&'a self, _: Timestamp, rng: &'a mut (dyn CryptoRng + Send)) -> Opening<'a, Made> {
        let keys = self.secret_keys.clone().filter(|keys| !keys.is_empty());
        let keys = keys.unwrap_or_else(|| vec!["password".to_owned()]);
        let values: Result<SecretMap, Fault> =
            keys.into_iter().map(|key| self.password(rng).map(|password| (key, password))).collect();
        Box::pin(async { Ok(Made { values: values?, state: None, expires: None }) })
    }
}

impl Spec {
    /// A new password. Pure.
    fn password(&self, rng: &mut (dyn CryptoRng + Send)) -> Result<SecretBytes, Fault> {
        let length = self.count("length", Some(self.length))?;
        let quarter = length / 4;
        let digits = self.digits.map_or(Ok(quarter), |digits| self.count("digits", Some(digits)))?;
        let symbols = self.symbols.map_or(Ok(quarter), |symbols| self.count("symbols", Some(symbols)))?;
        let letters = length.checked_sub(digits + symbols).ok_or_else(|| {
            Fault::wrong("number of digits and symbols must be less than total length")
                .hint("raise `length`, or lower `digits` and `symbols`")
        })?;
        let alphabet = if self.no_upper { LOWER.to_owned() } else { [LOWER, UPPER].concat() };
        let marks = self.symbol_characters.as_deref().filter(|marks| !marks.is_empty()).unwrap_or(SYMBOLS);
        let mut drawn = Zeroizing::new(Vec::with_capacity(length));
        for (what, from, count) in
            [("letters", &*alphabet, letters), ("digits", DIGITS, digits), ("symbols", marks, symbols)]
        {
            self.draw(what, from, count, &mut drawn, rng)?;
        }
        drawn.shuffle(rng);
        let text: Zeroizing<String> = Zeroizing::new(drawn.iter().collect());
        Ok(self.encoding.write(&text))
    }

    fn count(&self, what: &str, said: Option<i64>) -> Result<usize, Fault> {
        let count = said.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= LONGEST);
        count.ok_or_else(|| Fault::wrong(format!("`{what}` must be between 0 and {LONGEST}")))
    }

    /// So many characters of a kind, each once unless they may repeat.
    fn draw(
        &self,
        what: &str,
        from: &str,
        count: usize,
        drawn: &mut Vec<char>,
        rng: &mut (dyn CryptoRng + Send),
    ) -> Result<(), Fault> {
        let mut from: Vec<char> = from.chars().collect();
        if !self.allow_repeat && count > from.len() {
            return Err(Fault::wrong(format!("number of {what} exceeds available {what} and repeats are not allowed"))
                .hint(format!("set `allowRepeat: true`, or take at most {} {what}", from.len())));
        }
        for _ in 0..count {
            let place = rng.random_range(0..from.len());
            drawn.push(if self.allow_repeat { from[place] } else { from.swap_remove(place) });
        }
        Ok(())
    }
}

impl Encoding {
    fn write(self, password: &str) -> SecretBytes {
        let bytes = password.as_bytes();
        match self {
            Self::Raw => SecretBytes::from(password),
            Self::Base64 => SecretBytes::from(Base64::Standard.encode(bytes)),
            Self::Base64url => SecretBytes::from(Base64::Url.encode(bytes)),
            Self::Base32 => SecretBytes::from(base32::encode(bytes)),
            Self::Hex => SecretBytes::from(hex::encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests;
