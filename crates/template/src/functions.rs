//! The functions of the language: what a row of the table is, and how an argument is taken. The tables stand by subject in the rooms
//! below; who may call what is `families`'. Go's own functions are in `functions/flow`, sprig's and External Secrets' by subject.
//! Functions see `now` and `rng` as values; only `crypto` draws randomness of its own, since its libraries do.
//! Specification: ESO §8.4, §8.5; VSO §9.4; SS §7.3.

mod certificates;
mod chain;
mod compare;
mod convert;
mod crypto;
mod dates;
mod decimal;
mod dicts;
mod encoding;
mod escape;
mod flow;
mod json;
mod lists;
mod math;
mod methods;
mod paths;
mod pem;
mod regexp;
mod strings;
mod urls;

use base::Timestamp;
use rand_core::CryptoRng;

use crate::fuel::Fuel;
use crate::pattern::Patterns;
use crate::print::Out;
use crate::value::{List, Map, Text, Value};

#[cfg(test)]
pub use crypto::dsa_pem;
pub use methods::method;

/// Why a function refuses, in Go's words and never with a value.
pub type Outcome = Result<Value, String>;

/// What a parameter takes, as Go's type says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`: anything, nothing included.
    Any,
    /// `reflect.Value`: as `Any`, for Go's own functions.
    Value,
    Bool,
    Int,
    Uint32,
    Float,
    Text,
    /// `[]interface {}`
    List,
    /// `map[string]interface {}`
    Map,
    Time,
    Duration,
    Version,
    /// sprig's pair of certificate and key.
    Certificate,
    /// External Secrets' own type of the hash of `htpasswd`: only a literal fits.
    HashAlgorithm,
}

impl Type {
    /// The Go type, as messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Value => "reflect.Value",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::Text => "string",
            Self::List => "[]interface {}",
            Self::Map => "map[string]interface {}",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Version => "*semver.Version",
            Self::Certificate => "sprig.certificate",
            Self::HashAlgorithm => "sprig.HashAlgorithm",
        }
    }
}

/// A function: name, parameters, and what it does.
pub struct Function {
    pub name: &'static str,
    pub takes: &'static [Type],
    /// The type of any number of further arguments.
    pub rest: Option<Type>,
    pub run: fn(&mut Run<'_>, Args<'_>) -> Outcome,
}

/// A function of so many parameters.
const fn row(name: &'static str, takes: &'static [Type], run: fn(&mut Run<'_>, Args<'_>) -> Outcome) -> Function {
    Function { name, takes, rest: None, run }
}

/// A function that takes any number of arguments behind these.
const fn open(
    name: &'static str,
    takes: &'static [Type],
    rest: Type,
    run: fn(&mut Run<'_>, Args<'_>) -> Outcome,
) -> Function {
    Function { name, takes, rest: Some(rest), run }
}

/// Go's own functions.
pub const BUILTIN: [&[Function]; 3] = [flow::BUILTIN, compare::BUILTIN, escape::BUILTIN];
/// sprig's.
pub const SPRIG: [&[Function]; 12] = [
    flow::SPRIG,
    convert::SPRIG,
    strings::SPRIG,
    paths::SPRIG,
    math::SPRIG,
    lists::SPRIG,
    dicts::SPRIG,
    dates::SPRIG,
    encoding::SPRIG,
    regexp::SPRIG,
    urls::SPRIG,
    crypto::SPRIG,
];
/// External Secrets' own; one of them takes the place of sprig's.
pub const EXTERNAL_SECRETS: [&[Function]; 3] =
    [certificates::EXTERNAL_SECRETS, crypto::EXTERNAL_SECRETS, encoding::EXTERNAL_SECRETS];

/// What a run hands to its functions.
pub struct Run<'a> {
    pub now: Timestamp,
    pub rng: &'a mut dyn CryptoRng,
    pub fuel: &'a mut Fuel,
    /// What the template was given: a message that a template makes (`fail`) must not show it.
    pub data: &'a Value,
    pub patterns: Patterns,
}

impl Run<'_> {
    /// A text that a function made.
    fn text(&mut self, text: impl Into<Vec<u8>>) -> Outcome {
        let text = text.into();
        self.fuel.make(text.len())?;
        Ok(Value::text(text))
    }

    /// A list that a function made.
    fn list(&mut self, items: Vec<Value>) -> Outcome {
        self.room(items.len())?;
        Ok(Value::list(items))
    }

    /// Fuel for so many values of a list or a map.
    fn room(&mut self, values: usize) -> Result<(), String> {
        self.fuel.make(values.saturating_mul(size_of::<Value>()))
    }

    /// A text that is printed piece by piece.
    fn printed(&mut self, print: impl FnOnce(&mut Out) -> Result<(), String>) -> Outcome {
        let mut out = Out::new(self.fuel);
        print(&mut out)?;
        self.text(out.into_bytes())
    }
}

/// The arguments of a call; the evaluator has checked their number and types.
#[derive(Clone, Copy)]
pub struct Args<'a>(pub &'a [Value]);

impl<'a> Args<'a> {
    fn any(self, index: usize) -> &'a Value {
        self.0.get(index).unwrap_or(&Value::Missing)
    }

    /// The arguments from there on.
    fn rest(self, from: usize) -> &'a [Value] {
        self.0.get(from..).unwrap_or_default()
    }

    fn text(self, index: usize) -> &'a [u8] {
        match self.any(index) {
            Value::Text(text) => text.bytes(),
            _ => unreachable!("the evaluator checked that argument {index} is a text"),
        }
    }

    fn shared(self, index: usize) -> &'a Text {
        match self.any(index) {
            Value::Text(text) => text,
            _ => unreachable!("the evaluator checked that argument {index} is a text"),
        }
    }

    fn int(self, index: usize) -> i64 {
        match self.any(index) {
            Value::Int(_, number) => *number,
            _ => unreachable!("the evaluator checked that argument {index} is an integer"),
        }
    }

    fn float(self, index: usize) -> f64 {
        match self.any(index) {
            Value::Float(number) => *number,
            _ => unreachable!("the evaluator checked that argument {index} is a float"),
        }
    }

    fn truth(self, index: usize) -> bool {
        matches!(self.any(index), Value::Bool(true))
    }

    fn map(self, index: usize) -> &'a Map {
        match self.any(index) {
            Value::Map(map) => map,
            _ => unreachable!("the evaluator checked that argument {index} is a map"),
        }
    }

    fn list(self, index: usize) -> &'a List {
        match self.any(index) {
            Value::List(list) => list,
            _ => unreachable!("the evaluator checked that argument {index} is a list"),
        }
    }
}

/// A character set's text as Rust's, for what works on letters.
fn letters(text: &[u8]) -> String {
    crate::runes::repaired(text)
}
