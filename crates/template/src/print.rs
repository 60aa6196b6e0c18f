//! Values as Go's `fmt` prints them: `%v` of everything, and `printf` with its verbs, flags, widths and its own words for mistakes.
//! Every text that is made has a limit. Not here: JSON and YAML (`functions/encoding`). Specification: ESO §8.5 (numbers); VSO §9.4.

mod number;
mod verbs;

pub use verbs::printf;

use crate::fuel::Fuel;
use crate::runes;
use crate::value::{Element, Value};

/// Values may lie in one another so deep; `base::limit::DEPTH` is for documents, and this is the same thought.
pub const DEPTH: usize = base::limit::DEPTH;

/// A text on its way, with a limit.
pub struct Out {
    bytes: Vec<u8>,
    limit: usize,
    too_long: String,
}

impl Out {
    pub fn new(fuel: &Fuel) -> Self {
        Self { bytes: Vec::new(), limit: fuel.limit_bytes(), too_long: fuel.too_long() }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(self.too_long.clone());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The same bytes so many times.
    pub fn repeat(&mut self, bytes: &[u8], times: usize) -> Result<(), String> {
        if bytes.len().saturating_mul(times) > self.limit - self.bytes.len() {
            return Err(self.too_long.clone());
        }
        self.bytes.extend(std::iter::repeat_n(bytes, times).flatten());
        Ok(())
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// What a list, a map or a struct puts between its parts.
struct Layout {
    /// `%+v`: the names of a struct's fields.
    with_names: bool,
}

/// `%v` of a value, as an action and `print` write it; nothing is `<nil>`.
pub fn value(out: &mut Out, value: &Value) -> Result<(), String> {
    nested(out, value, &Layout { with_names: false }, 0)
}

fn nested(out: &mut Out, value: &Value, layout: &Layout, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("values nest deeper than {DEPTH}"));
    }
    match value {
        Value::Text(text) | Value::Number(text) => out.push(text.bytes()),
        Value::List(list) => {
            out.push(b"[")?;
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push(b" ")?;
                }
                nested(out, item, layout, depth + 1)?;
            }
            out.push(b"]")
        }
        Value::Map(map) => {
            out.push(b"map[")?;
            for (index, (name, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(b" ")?;
                }
                out.push(name.bytes())?;
                out.push(b":")?;
                nested(out, item, layout, depth + 1)?;
            }
            out.push(b"]")
        }
        Value::Record(record) => {
            out.push(b"{")?;
            for (index, (name, item)) in record.fields.iter().enumerate() {
                if index > 0 {
                    out.push(b" ")?;
                }
                if layout.with_names {
                    out.push(name.as_bytes())?;
                    out.push(b":")?;
                }
                nested(out, item, layout, depth + 1)?;
            }
            out.push(b"}")
        }
        other => out.push(scalar(other).as_bytes()),
    }
}

/// `%v` of everything without parts.
fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(truth) => truth.to_string(),
        Value::Int(_, number) => number.to_string(),
        Value::Uint(_, number) => number.to_string(),
        Value::Float(number) => document::scalar::general(*number),
        Value::Time(moment) => moment.to_string(),
        Value::Duration(duration) => duration.to_string(),
        Value::Month(month) => month.name().to_owned(),
        Value::Weekday(day) => day.name().to_owned(),
        Value::Version(version) => version.to_string(),
        _ => "<nil>".to_owned(),
    }
}

/// `%#v`: Go's own syntax for the value.
fn source(out: &mut Out, value: &Value, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("values nest deeper than {DEPTH}"));
    }
    match value {
        Value::Text(text) | Value::Number(text) => out.push(runes::quoted(text.bytes()).as_bytes()),
        Value::Uint(_, number) => out.push(format!("0x{number:x}").as_bytes()),
        Value::Missing | Value::Nil if depth > 0 => out.push(b"interface {}(nil)"),
        Value::Duration(duration) => out.push(duration.nanoseconds().to_string().as_bytes()),
        Value::List(list) if list.is_nil() => out.push(format!("{}(nil)", value.type_name()).as_bytes()),
        Value::List(list) => {
            out.push(value.type_name().as_bytes())?;
            let items = list.items().iter().map(|item| (Vec::new(), item));
            source_parts(out, items, depth)
        }
        Value::Map(map) => {
            out.push(value.type_name().as_bytes())?;
            let entries = map.entries();
            let items = entries.iter().map(|(name, item)| (runes::quoted(name.bytes()).into_bytes(), item));
            source_parts(out, items, depth)
        }
        Value::Record(record) => {
            out.push(record.type_name.as_bytes())?;
            let items = record.fields.iter().map(|(name, item)| (name.as_bytes().to_vec(), item));
            source_parts(out, items, depth)
        }
        other => out.push(scalar(other).as_bytes()),
    }
}

fn source_parts<'a>(
    out: &mut Out,
    parts: impl Iterator<Item = (Vec<u8>, &'a Value)>,
    depth: usize,
) -> Result<(), String> {
    out.push(b"{")?;
    for (index, (name, item)) in parts.enumerate() {
        if index > 0 {
            out.push(b", ")?;
        }
        if !name.is_empty() {
            out.push(&name)?;
            out.push(b":")?;
        }
        source(out, item, depth + 1)?;
    }
    out.push(b"}")
}

/// `print`: a space between two operands of which neither is a text.
pub fn print(out: &mut Out, values: &[Value]) -> Result<(), String> {
    let mut was_text = false;
    for (index, item) in values.iter().enumerate() {
        let is_text = matches!(item, Value::Text(_) | Value::Number(_));
        if index > 0 && !is_text && !was_text {
            out.push(b" ")?;
        }
        value(out, item)?;
        was_text = is_text;
    }
    Ok(())
}

/// `println`: a space between all, and a line end.
pub fn println(out: &mut Out, values: &[Value]) -> Result<(), String> {
    for (index, item) in values.iter().enumerate() {
        if index > 0 {
            out.push(b" ")?;
        }
        value(out, item)?;
    }
    out.push(b"\n")
}

/// Whether `printf`'s verbs for numbers go inside: lists of bytes and texts print as one there.
fn is_text_list(value: &Value) -> bool {
    matches!(value, Value::List(list) if list.element() == Element::Text)
}
