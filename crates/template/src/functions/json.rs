//! Values to JSON as Go's `encoding/json` writes them, and back: sorted keys, its escapes, its numbers.
//! Not here: reading, which is `document`'s. Specification: ESO §8.5.

use document::scalar;

use crate::print::{DEPTH, Out};
use crate::runes;
use crate::value::Value;

/// How JSON is laid out.
#[derive(Clone, Copy)]
pub struct Layout {
    /// `<`, `>` and `&` are escaped.
    pub escapes_html: bool,
    /// One member a line, indented by two.
    pub is_pretty: bool,
}

/// Writes a value; `Err` where it has no form in JSON.
pub fn write(out: &mut Out, value: &Value, layout: Layout) -> Result<(), String> {
    Writer { out, layout, depth: 0 }.value(value)
}

struct Writer<'a> {
    out: &'a mut Out,
    layout: Layout,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Missing | Value::Nil => self.out.push(b"null"),
            Value::Bool(truth) => self.out.push(truth.to_string().as_bytes()),
            Value::Int(_, number) => self.out.push(number.to_string().as_bytes()),
            Value::Uint(_, number) => self.out.push(number.to_string().as_bytes()),
            Value::Float(number) => {
                let text = scalar::json(*number);
                let text = text.ok_or_else(|| format!("json: unsupported value: {}", scalar::general(*number)))?;
                self.out.push(text.as_bytes())
            }
            Value::Text(text) => self.text(text.bytes()),
            Value::Number(text) if text.bytes().is_empty() => self.out.push(b"0"),
            Value::Number(text) => self.out.push(text.bytes()),
            Value::Time(moment) => self.text(&moment.format(b"2006-01-02T15:04:05.999999999Z07:00")),
            Value::Duration(duration) => self.out.push(duration.nanoseconds().to_string().as_bytes()),
            Value::Month(month) => self.out.push(month.number().to_string().as_bytes()),
            Value::Weekday(day) => self.out.push(day.number().to_string().as_bytes()),
            Value::Version(version) => self.text(version.to_string().as_bytes()),
            Value::List(list) if list.is_nil() => self.out.push(b"null"),
            Value::List(list) => {
                let items: Vec<_> = list.items().iter().map(|item| (None, item)).collect();
                self.parts([b"[", b"]"], &items)
            }
            Value::Map(map) => {
                let entries = map.entries();
                let items: Vec<_> = entries.iter().map(|(name, item)| (Some(name.bytes()), item)).collect();
                self.parts([b"{", b"}"], &items)
            }
            Value::Record(record) => {
                let items: Vec<_> = record.fields.iter().map(|(name, item)| (Some(name.as_bytes()), item)).collect();
                self.parts([b"{", b"}"], &items)
            }
        }
    }

    fn parts(&mut self, [open, close]: [&[u8]; 2], items: &[(Option<&[u8]>, &Value)]) -> Result<(), String> {
        if self.depth == DEPTH {
            return Err(format!("values nest deeper than {DEPTH}"));
        }
        self.out.push(open)?;
        self.depth += 1;
        for (index, (name, item)) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b",")?;
            }
            self.line()?;
            if let Some(name) = name {
                self.text(name)?;
                self.out.push(if self.layout.is_pretty { b": " } else { b":" })?;
            }
            self.value(item)?;
        }
        self.depth -= 1;
        if !items.is_empty() {
            self.line()?;
        }
        self.out.push(close)
    }

    fn line(&mut self) -> Result<(), String> {
        if !self.layout.is_pretty {
            return Ok(());
        }
        self.out.push(b"\n")?;
        self.out.repeat(b"  ", self.depth)
    }

    fn text(&mut self, text: &[u8]) -> Result<(), String> {
        self.out.push(b"\"")?;
        for (letter, bytes) in runes::runes(text) {
            match letter {
                '"' => self.out.push(b"\\\"")?,
                '\\' => self.out.push(b"\\\\")?,
                '\n' => self.out.push(b"\\n")?,
                '\r' => self.out.push(b"\\r")?,
                '\t' => self.out.push(b"\\t")?,
                '\u{8}' => self.out.push(b"\\b")?,
                '\u{c}' => self.out.push(b"\\f")?,
                '<' | '>' | '&' if self.layout.escapes_html => self.code(letter)?,
                '\0'..=' ' if letter != ' ' => self.code(letter)?,
                '\u{2028}' | '\u{2029}' => self.code(letter)?,
                // A byte that is no UTF-8.
                char::REPLACEMENT_CHARACTER if bytes.len() == 1 => self.code(letter)?,
                _ => self.out.push(bytes)?,
            }
        }
        self.out.push(b"\"")
    }

    fn code(&mut self, letter: char) -> Result<(), String> {
        self.out.push(format!("\\u{:04x}", u32::from(letter)).as_bytes())
    }
}
