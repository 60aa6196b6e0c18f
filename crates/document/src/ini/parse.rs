//! The INI reader: sections, keys, values in their quotes, comments in front and behind.
//! Specification: SOPS §4.17.

use std::collections::HashMap;

use base::Fault;
use zeroize::Zeroizing;

use super::DEFAULT;
use crate::{Branch, Comment, Item, Key, Node};

/// Reads a whole file.
pub(super) fn file(bytes: &[u8]) -> Result<Branch, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = Reader { lines: Lines { rest: bytes, number: 0 }, file: Branch::default(), comment: Vec::new() };
    let mut section = Section::new(DEFAULT);
    while let Some(line) = reader.lines.next() {
        let line = trimmed_start(line);
        match line.first() {
            None => {}
            Some(b'#' | b';') => reader.note(line),
            Some(b'[') => {
                let next = reader.header(line)?;
                reader.end(std::mem::replace(&mut section, next));
            }
            Some(_) => reader.entry(line, &mut section)?,
        }
    }
    // The peer drops a comment that nothing follows; it goes to what stands before it.
    let last = reader.comment();
    section.items.extend(last);
    reader.end(section);
    Ok(reader.file)
}

struct Reader<'a> {
    lines: Lines<'a>,
    file: Branch,
    /// Comment lines that wait for their section or key, with their marks.
    comment: Vec<u8>,
}

struct Section {
    name: String,
    items: Vec<Item>,
    /// Where each key stands, since a repeated key overwrites.
    places: HashMap<String, usize>,
    /// How many keys `-` there were.
    numbered: usize,
}

impl Section {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), items: Vec::new(), places: HashMap::new(), numbered: 0 }
    }
}

impl Reader<'_> {
    fn wrong(&self, what: &str) -> Fault {
        Fault::wrong(format!("{what} on line {}", self.lines.number))
    }

    fn note(&mut self, comment: &[u8]) {
        if !self.comment.is_empty() {
            self.comment.push(b'\n');
        }
        self.comment.extend_from_slice(trimmed(comment));
    }

    /// The waiting comment, without the marks in front of its text.
    fn comment(&mut self) -> Option<Item> {
        let text = std::mem::take(&mut self.comment);
        let start = text.iter().position(|byte| !(matches!(byte, b'#' | b';') || byte.is_ascii_whitespace()))?;
        let text = trimmed(&text[start..]);
        Some(Item::Comment(Comment { text: text.into(), is_inline: false }))
    }

    fn end(&mut self, section: Section) {
        self.file.push(section.name, Node::Branch(Branch { items: section.items }));
    }

    fn header(&mut self, line: &[u8]) -> Result<Section, Fault> {
        let close = line.iter().rposition(|byte| *byte == b']').ok_or_else(|| self.wrong("unclosed section"))?;
        let name = std::str::from_utf8(&line[1..close]).map_err(|_| self.wrong("a section name is no UTF-8"))?;
        if name.is_empty() {
            return Err(self.wrong("empty section name"));
        }
        self.behind(&line[close + 1..]);
        let mut section = Section::new(name);
        section.items.extend(self.comment());
        Ok(section)
    }

    /// A comment behind a header or a closing quote.
    fn behind(&mut self, rest: &[u8]) {
        let rest = trimmed(rest);
        if rest.starts_with(b"#") || rest.starts_with(b";") {
            self.note(rest);
        }
    }

    fn entry(&mut self, line: &[u8], section: &mut Section) -> Result<(), Fault> {
        let (key, rest) = key(line).map_err(|what| self.wrong(what))?;
        let mut key = std::str::from_utf8(key).map_err(|_| self.wrong("a key is no UTF-8"))?.to_owned();
        if key == "-" {
            section.numbered += 1;
            key = format!("#{}", section.numbered);
        }
        let value = self.value(rest)?;
        let node = Node::text(std::mem::take(&mut *value.into_inner()));
        match section.places.get(&key) {
            Some(place) => section.items[*place] = Item::Entry(Key::Text(key), node),
            None => {
                section.places.insert(key.clone(), section.items.len());
                section.items.push(Item::Entry(Key::Text(key), node));
            }
        }
        section.items.extend(self.comment());
        Ok(())
    }

    fn value(&mut self, rest: &[u8]) -> Result<Value, Fault> {
        let line = trimmed_start(rest);
        for quote in [&b"\"\"\""[..], b"`"] {
            if let Some(inside) = line.strip_prefix(quote) {
                return self.quoted(inside, quote);
            }
        }
        if let Some(start) = without_line_end(line).strip_suffix(b"\\") {
            return Ok(self.continued(start));
        }
        let mut line = trimmed(line);
        if let Some(at) = line.iter().position(|byte| matches!(byte, b'#' | b';')) {
            self.note(&line[at..]);
            line = trimmed(&line[..at]);
        }
        Ok(Value::of(unquoted(line)))
    }

    /// A value in quotes that may span lines; the last closing quote of a line counts.
    fn quoted(&mut self, inside: &[u8], quote: &[u8]) -> Result<Value, Fault> {
        let opened = self.lines.number;
        let mut value = Value::default();
        let mut line = inside;
        loop {
            if let Some(at) = last_position(line, quote) {
                value.push(&line[..at]);
                self.behind(&line[at + quote.len()..]);
                return Ok(value);
            }
            value.push(line);
            line = self
                .lines
                .next()
                .ok_or_else(|| Fault::wrong(format!("missing closing quote of the value on line {opened}")))?;
        }
    }

    /// A value whose line ends with a backslash goes on on the next line.
    fn continued(&mut self, start: &[u8]) -> Value {
        let mut value = Value::of(start);
        while let Some(line) = self.lines.next() {
            let line = trimmed(line);
            match line.strip_suffix(b"\\") {
                Some(more) => value.push(more),
                None => {
                    value.push(line);
                    break;
                }
            }
        }
        value
    }
}

/// A value that grows and is wiped if it is dropped on the way.
#[derive(Default)]
struct Value(Zeroizing<Vec<u8>>);

impl Value {
    fn of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// The lines of a file with their line ends.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(line)
    }
}

/// The key at the front of a line, and what stands behind the delimiter.
pub(super) fn key(line: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    const NO_DELIMITER: &str = "key-value delimiter not found";
    let delimiter = |bytes: &[u8]| bytes.iter().position(|byte| matches!(byte, b'=' | b':'));
    for quote in [&b"\"\"\""[..], b"\"", b"`"] {
        let Some(inside) = line.strip_prefix(quote) else { continue };
        let close = position(inside, quote).ok_or("missing closing key quote")?;
        let behind = &inside[close + quote.len()..];
        let at = delimiter(behind).ok_or(NO_DELIMITER)?;
        return Ok((trimmed(&inside[..close]), &behind[at + 1..]));
    }
    match delimiter(line).ok_or(NO_DELIMITER)? {
        0 => Err("empty key name"),
        at => Ok((trimmed(&line[..at]), &line[at + 1..])),
    }
}

/// The value that a text written behind ` = ` on one line, or quoted, reads back as; `None` where it would not end
/// with its line or leaves a comment.
pub(super) fn read_back(form: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader { lines: Lines { rest: form, number: 0 }, file: Branch::default(), comment: Vec::new() };
    let first = reader.lines.next().unwrap_or_default();
    let value = reader.value(first).ok()?.into_inner();
    let is_whole = reader.lines.rest.is_empty() && reader.comment.is_empty() && !form.ends_with(b"\\");
    is_whole.then(|| value.to_vec())
}

fn unquoted(line: &[u8]) -> &[u8] {
    match line {
        [open @ (b'"' | b'\''), inside @ .., close] if open == close && !inside.contains(open) => inside,
        _ => line,
    }
}

/// Without white space at its ends, in Go's sense.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.trim_ascii(), |text| text.trim().as_bytes())
}

fn trimmed_start(bytes: &[u8]) -> &[u8] {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.trim_ascii_start(), |text| text.trim_start().as_bytes())
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn last_position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).rposition(|window| window == part)
}
