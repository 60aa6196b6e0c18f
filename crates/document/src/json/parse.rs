//! The JSON parser: order and repeated keys kept, numbers typed as SOPS does or left as text, Go's leniency with text
//! that is no UTF-8. A parser of our own since serde_json keeps number texts only through a feature that would change
//! every crate of the build, and refuses unpaired surrogates, which Go programs read.
//! Specification: SOPS §4.14; RFC 8259.

use base::{Fault, SecretBytes, SecretValue, limit};
use zeroize::Zeroizing;

use super::Numbers;
use crate::{Branch, Element, Node, Scalar};

/// Reads one JSON text; nothing but white space may follow.
///
/// # Errors
/// Where the bytes are no JSON; the message names line and column and shows no value.
pub fn parse(bytes: &[u8], numbers: Numbers) -> Result<Node, Fault> {
    let mut parser = Parser::new(bytes, numbers);
    let node = parser.value(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.wrong("there is something behind the value")),
    }
}

/// Reads one JSON text as a value whose numbers keep their text.
///
/// # Errors
/// Where the bytes are no JSON.
pub fn parse_value(bytes: &[u8]) -> Result<SecretValue, Fault> {
    parse(bytes, Numbers::Verbatim).map(SecretValue::from)
}

/// Reads a file: one object. What stands behind it is not looked at, as the peer does.
pub(super) fn object(bytes: &[u8], numbers: Numbers) -> Result<Branch, Fault> {
    let mut parser = Parser::new(bytes, numbers);
    parser.skip_blanks();
    let found = match parser.peek() {
        Some(b'{') => {
            parser.at += 1;
            return parser.object(0);
        }
        None => return Err(Fault::wrong("EOF").hint("the file is empty: an empty JSON file is `{}`")),
        Some(b'[') => "delimiter [",
        Some(b'"') => "a string",
        Some(b'-' | b'0'..=b'9') => "a number",
        Some(b't' | b'f') => "a bool",
        Some(b'n') => "null",
        Some(_) => return Err(parser.wrong("expected a JSON object")),
    };
    Err(Fault::wrong(format!("only JSON objects are supported at the top level, got {found}"))
        .hint("put the value under a key"))
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    numbers: Numbers,
}

impl<'a> Parser<'a> {
    fn new(bytes: &'a [u8], numbers: Numbers) -> Self {
        Self { bytes, at: 0, numbers }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn wrong(&self, what: &str) -> Fault {
        if self.at >= self.bytes.len() {
            return Fault::wrong("unexpected end of JSON input");
        }
        let before = &self.bytes[..self.at];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Fault::wrong(format!("invalid JSON at line {line}, column {column}: {what}"))
    }

    fn value(&mut self, depth: usize) -> Result<Node, Fault> {
        if depth > limit::DEPTH {
            return Err(self.wrong(&format!("it nests deeper than {} levels", limit::DEPTH)));
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.object(depth).map(Node::Branch)
            }
            Some(b'[') => {
                self.at += 1;
                self.list(depth).map(Node::List)
            }
            Some(b'"') => {
                self.at += 1;
                self.string().map(|text| Node::text(SecretBytes::new(std::mem::take(&mut *text.into_inner()))))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Scalar::Bool(true)),
            Some(b'f') => self.word(b"false", Scalar::Bool(false)),
            Some(b'n') => self.word(b"null", Scalar::Null),
            _ => Err(self.wrong("expected a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Branch, Fault> {
        let mut branch = Branch::default();
        self.skip_blanks();
        if self.takes(b'}') {
            return Ok(branch);
        }
        loop {
            self.skip_blanks();
            if !self.takes(b'"') {
                return Err(self.wrong("expected a key in double quotes"));
            }
            let key = self.string()?;
            let key = String::from_utf8(key.to_vec()).expect("the reader of strings replaces what is no UTF-8");
            self.skip_blanks();
            if !self.takes(b':') {
                return Err(self.wrong("expected `:` behind the key"));
            }
            branch.push(key, self.value(depth + 1)?);
            self.skip_blanks();
            if self.takes(b'}') {
                return Ok(branch);
            }
            if !self.takes(b',') {
                return Err(self.wrong("expected `,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Element>, Fault> {
        let mut elements = Vec::new();
        self.skip_blanks();
        if self.takes(b']') {
            return Ok(elements);
        }
        loop {
            elements.push(Element::Node(self.value(depth + 1)?));
            self.skip_blanks();
            if self.takes(b']') {
                return Ok(elements);
            }
            if !self.takes(b',') {
                return Err(self.wrong("expected `,` or `]`"));
            }
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn word(&mut self, word: &[u8], scalar: Scalar) -> Result<Node, Fault> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.wrong("expected a value"));
        }
        self.at += word.len();
        Ok(Node::Leaf(scalar))
    }

    fn number(&mut self) -> Result<Node, Fault> {
        let start = self.at;
        let length = number_length(&self.bytes[start..]).ok_or_else(|| self.wrong("this is no number"))?;
        self.at += length;
        let text = std::str::from_utf8(&self.bytes[start..self.at]).expect("the letters of numbers are ASCII");
        let scalar = match self.numbers {
            Numbers::Verbatim => Scalar::Number(text.into()),
            Numbers::Typed => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(integer), _) => Scalar::Int(integer),
                (Err(_), Ok(float)) if float.is_finite() => Scalar::Float(float),
                _ => {
                    self.at = start;
                    return Err(self.wrong("the number is out of range"));
                }
            },
        };
        Ok(Node::Leaf(scalar))
    }

    /// The text up to the closing quote, which is consumed; always UTF-8.
    fn string(&mut self) -> Result<Text, Fault> {
        let mut text = Text::default();
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
            text.push_lossy(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => self.escape(&mut text)?,
                Some(_) => return Err(self.wrong("a control character stands in a string")),
                None => return Err(self.wrong("")),
            }
        }
    }

    fn escape(&mut self, text: &mut Text) -> Result<(), Fault> {
        let letter = self.bytes.get(self.at + 1).copied();
        let character = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(text),
            _ => return Err(self.wrong("an unknown escape")),
        };
        self.at += 2;
        text.push(character);
        Ok(())
    }

    /// `\uXXXX`, or two of them for one character; an unpaired surrogate becomes U+FFFD.
    fn unicode(&mut self, text: &mut Text) -> Result<(), Fault> {
        let unit = self.hex(self.at).ok_or_else(|| self.wrong("an unknown escape"))?;
        self.at += 6;
        let low = match unit {
            0xd800..=0xdbff => self.hex(self.at).filter(|low| (0xdc00..=0xdfff).contains(low)),
            _ => None,
        };
        let code = match low {
            Some(low) => {
                self.at += 6;
                0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
            }
            None => unit,
        };
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(())
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
    }
}

/// A text that grows and is wiped if it is dropped on the way.
#[derive(Default)]
struct Text(Zeroizing<Vec<u8>>);

impl Text {
    fn push(&mut self, character: char) {
        self.0.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn push_lossy(&mut self, bytes: &[u8]) {
        for chunk in bytes.utf8_chunks() {
            self.0.extend_from_slice(chunk.valid().as_bytes());
            // Go replaces every single byte that is no UTF-8.
            chunk.invalid().iter().for_each(|_| self.push(char::REPLACEMENT_CHARACTER));
        }
    }

    fn to_vec(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// How many bytes at the front are a JSON number, if any are.
pub(super) fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |at: usize| bytes[at.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match bytes.get(at)? {
        b'0' => 1,
        b'1'..=b'9' => digits(at),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}
