//! JSON out: SOPS' indented files, and the compact form of Go's `encoding/json`.
//! Comments are dropped, since JSON has none. A number with a text is written as that text.
//! Specification: SOPS §4.14; VALS §6.4.

use base::{Fault, SecretValue};

use super::parse::number_length;
use crate::scalar;
use crate::{Branch, Element, EmitOptions, Key, Node, Scalar};

/// How compact JSON is written; the default is Go's `json.Marshal` of a map.
#[derive(Clone, Copy, Debug)]
pub struct Compact {
    /// Whether keys are sorted by their bytes, as Go sorts maps.
    pub is_sorted: bool,
    /// Whether `<`, `>` and `&` are escaped, as Go does unless it is told not to.
    pub escapes_html: bool,
    /// Whether text that is no UTF-8 becomes U+FFFD, as in Go; else it is an error, since the value would be lost.
    pub is_lossy: bool,
}

impl Default for Compact {
    fn default() -> Self {
        Self { is_sorted: true, escapes_html: true, is_lossy: false }
    }
}

/// Writes a node on one line, without a line end.
///
/// # Errors
/// Where JSON has no form for a number, or a text is no UTF-8.
pub fn compact(node: &Node, style: &Compact) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer::new(*style, None);
    writer.node(node)?;
    Ok(writer.out)
}

/// Writes a value on one line, without a line end.
///
/// # Errors
/// Where JSON has no form for a number, or bytes are no UTF-8.
pub fn compact_value(value: &SecretValue, style: &Compact) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer::new(*style, None);
    writer.value(value)?;
    Ok(writer.out)
}

/// Writes a node over several lines, in file order, without a line end.
pub(super) fn indented(node: &Node, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer::indented(options)?;
    writer.node(node)?;
    Ok(writer.out)
}

/// Writes a mapping over several lines, in file order, without a line end.
pub(super) fn indented_branch(branch: &Branch, options: &EmitOptions) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer::indented(options)?;
    writer.branch(branch)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    style: Compact,
    /// What stands before each level of a line; `None` writes one line.
    indent: Option<Vec<u8>>,
    depth: usize,
}

impl Writer {
    fn new(style: Compact, indent: Option<Vec<u8>>) -> Self {
        Self { out: Vec::new(), style, indent, depth: 0 }
    }

    fn indented(options: &EmitOptions) -> Result<Self, Fault> {
        let indent = match options.indent.unwrap_or(-1) {
            -1 => b"\t".to_vec(),
            width => vec![b' '; indent_width(width)?],
        };
        Ok(Self::new(Compact { is_sorted: false, escapes_html: true, is_lossy: false }, Some(indent)))
    }

    fn node(&mut self, node: &Node) -> Result<(), Fault> {
        match node {
            Node::Leaf(scalar) => self.scalar(scalar),
            Node::Branch(branch) => self.branch(branch),
            Node::List(elements) => {
                let nodes = elements.iter().filter_map(Element::as_node);
                self.list(nodes, Self::node)
            }
        }
    }

    fn branch(&mut self, branch: &Branch) -> Result<(), Fault> {
        let entries = branch.entries().map(|(key, node)| match key {
            Key::Text(text) | Key::Other(_, text) => (text.as_str(), node),
        });
        self.map(entries.collect(), Self::node)
    }

    fn value(&mut self, value: &SecretValue) -> Result<(), Fault> {
        match value {
            SecretValue::Null => self.raw("null"),
            SecretValue::Bool(truth) => self.raw(if *truth { "true" } else { "false" }),
            SecretValue::Number(text) => self.number(text.expose().as_bytes())?,
            SecretValue::Text(text) => self.string(text.expose().as_bytes())?,
            SecretValue::Bytes(bytes) => self.string(bytes.expose())?,
            SecretValue::List(values) => self.list(values.iter(), Self::value)?,
            SecretValue::Map(entries) => {
                self.map(entries.iter().map(|(key, value)| (key.as_str(), value)).collect(), Self::value)?;
            }
        }
        Ok(())
    }

    fn list<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        write: fn(&mut Self, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.out.push(b'[');
        self.depth += 1;
        let mut is_empty = true;
        for item in items {
            self.separate(std::mem::take(&mut is_empty));
            write(self, item)?;
        }
        self.close(is_empty, b']');
        Ok(())
    }

    fn map<T>(
        &mut self,
        mut entries: Vec<(&str, T)>,
        write: fn(&mut Self, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.style.is_sorted {
            entries.sort_by_key(|(key, _)| *key);
        }
        self.out.push(b'{');
        self.depth += 1;
        let is_empty = entries.is_empty();
        for (index, (key, item)) in entries.into_iter().enumerate() {
            self.separate(index == 0);
            self.string(key.as_bytes())?;
            self.raw(if self.indent.is_some() { ": " } else { ":" });
            write(self, item).map_err(|fault| fault.within(format!("cannot write `{key}` as JSON")))?;
        }
        self.close(is_empty, b'}');
        Ok(())
    }

    fn separate(&mut self, is_first: bool) {
        if !is_first {
            self.out.push(b',');
        }
        self.new_line();
    }

    fn close(&mut self, is_empty: bool, bracket: u8) {
        self.depth -= 1;
        if !is_empty {
            self.new_line();
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self) {
        if let Some(indent) = &self.indent {
            self.out.push(b'\n');
            (0..self.depth).for_each(|_| self.out.extend_from_slice(indent));
        }
    }

    fn scalar(&mut self, scalar: &Scalar) -> Result<(), Fault> {
        match scalar {
            Scalar::Null => self.raw("null"),
            Scalar::Bool(truth) => self.raw(if *truth { "true" } else { "false" }),
            Scalar::Int(number) => self.raw(&number.to_string()),
            Scalar::Uint(number) => self.raw(&number.to_string()),
            Scalar::Float(number) => self.float(*number)?,
            Scalar::Number(text) => self.number(text.expose())?,
            Scalar::Time(time) => self.string(time.as_bytes())?,
            Scalar::Text(text) => self.string(text.expose())?,
        }
        Ok(())
    }

    fn float(&mut self, number: f64) -> Result<(), Fault> {
        // The peer writes `-0`, which every reader takes for the integer 0 and whose MAC then fails.
        let is_negative_zero = number == 0.0 && number.is_sign_negative() && self.indent.is_some();
        let text = if is_negative_zero { Some("-0.0".to_owned()) } else { scalar::json(number) };
        let text = text.ok_or_else(|| Fault::wrong(format!("json: unsupported value: {}", scalar::general(number))))?;
        self.raw(&text);
        Ok(())
    }

    fn number(&mut self, text: &[u8]) -> Result<(), Fault> {
        if number_length(text) != Some(text.len()) {
            return Err(Fault::wrong("json: unsupported value: a number that JSON cannot write"));
        }
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.out.push(b'"');
        for chunk in bytes.utf8_chunks() {
            self.escaped(chunk.valid());
            if !chunk.invalid().is_empty() && !self.style.is_lossy {
                return Err(Fault::wrong("a value is no UTF-8 text, which JSON cannot hold")
                    .hint("write it as YAML, or encode it as base64 first"));
            }
            chunk.invalid().iter().for_each(|_| self.raw("\\ufffd"));
        }
        self.out.push(b'"');
        Ok(())
    }

    fn escaped(&mut self, text: &str) {
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let escape = match character {
                '"' => "\\\"".into(),
                '\\' => "\\\\".into(),
                '\u{8}' => "\\b".into(),
                '\u{c}' => "\\f".into(),
                '\n' => "\\n".into(),
                '\r' => "\\r".into(),
                '\t' => "\\t".into(),
                '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", u32::from(character)),
                '<' | '>' | '&' if self.style.escapes_html => format!("\\u{:04x}", u32::from(character)),
                _ => continue,
            };
            self.raw(&text[plain..at]);
            self.raw(&escape);
            plain = at + character.len_utf8();
        }
        self.raw(&text[plain..]);
    }
}

/// The wish of an option as a width.
fn indent_width(width: i64) -> Result<usize, Fault> {
    if width < -1 {
        return Err(Fault::wrong("JSON Indentation parameter smaller than -1 is not accepted")
            .hint("-1 indents with a tab, 0 not at all, N with N spaces"));
    }
    usize::try_from(width).ok().filter(|width| *width <= MAX_INDENT).ok_or_else(|| {
        Fault::wrong(format!("JSON indentation {width} is not accepted")).hint(format!("at most {MAX_INDENT} spaces"))
    })
}

/// Wider than any screen: a bound on what one option can make of a file.
const MAX_INDENT: usize = 256;
