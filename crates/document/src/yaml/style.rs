//! How a text is written as a YAML scalar: plain, in one kind of quotes, or as a literal block; and its bytes.
//! The rules are those of libyaml's emitter, which every peer's YAML passes through.
//! Not here: where the scalar stands (`emit`). Specification: SOPS §4.13.

use super::scalar;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// Chooses the style that keeps the text a text and can hold all of its characters.
pub(super) fn choose(text: &str) -> Style {
    let traits = Traits::of(text);
    if text.contains('\n') {
        return if traits.allows_literal { Style::Literal } else { Style::Double };
    }
    match (traits.allows_plain, traits.allows_single) {
        _ if !scalar::is_text(text) => Style::Double,
        (true, _) => Style::Plain,
        (false, true) => Style::Single,
        (false, false) => Style::Double,
    }
}

/// Whether the text may stand before a `:` on one line; libyaml's limit, which readers share.
pub(super) fn is_simple_key(text: &str) -> bool {
    text.len() <= 128 && !text.contains(is_break)
}

/// What a text allows, apart from its meaning.
struct Traits {
    allows_plain: bool,
    allows_single: bool,
    allows_literal: bool,
}

impl Traits {
    fn of(text: &str) -> Self {
        // A tab in front of a block counts as indentation for YAML 1.1.
        let allows_literal = !text.starts_with('\t');
        let mut found = Self { allows_plain: !is_marker(text), allows_single: true, allows_literal };
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let after = characters.peek().copied();
            found.see(before, character, after);
            before = Some(character);
        }
        found
    }

    fn see(&mut self, before: Option<char>, character: char, after: Option<char>) {
        let is_edge = before.is_none() || after.is_none();
        match character {
            ' ' => {
                self.allows_plain &= !is_edge;
                // A space before a line end would get lost, and so would one at the end of a block.
                let is_hidden = after.is_some_and(is_break);
                self.allows_single &= !(is_hidden || before.is_some_and(is_break));
                self.allows_literal &= !is_hidden && after.is_some();
            }
            '\t' => self.allows_single = false,
            _ if !is_printable(character) => {
                self.allows_single = false;
                self.allows_literal = false;
            }
            '\u{2028}' | '\u{2029}' if after.is_some() || before == Some('\n') => {
                // YAML 1.1 takes them for line ends and 1.2 does not: only as escapes do both read them alike.
                self.allows_single = false;
                self.allows_literal = false;
            }
            _ if is_break(character) => self.allows_plain = false,
            _ => self.allows_plain &= !is_indicator(before, character, after),
        }
        self.allows_plain &= self.allows_single;
    }
}

/// Document markers at the front would end the document.
fn is_marker(text: &str) -> bool {
    text.starts_with("---") || text.starts_with("...")
}

fn is_indicator(before: Option<char>, character: char, after: Option<char>) -> bool {
    let is_before_blank = after.is_none_or(is_blank);
    match character {
        ':' => is_before_blank,
        '#' => before.is_none_or(is_blank),
        '?' | '-' => before.is_none() && is_before_blank,
        ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => before.is_none(),
        _ => false,
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t') || is_break(character)
}

/// YAML 1.1's line ends.
pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && character != '\u{feff}'
}

/// Appends the text in single quotes.
pub(super) fn single(text: &str, out: &mut Folded<'_>) {
    out.push('\'');
    let mut characters = text.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        let after = characters.peek().copied();
        let may_fold = before.is_some() && after.is_some_and(|after| after != ' ') && before != Some(' ');
        match character {
            ' ' if may_fold && out.is_full() => out.fold(),
            '\'' => out.push_str("''"),
            other => out.push(other),
        }
        before = Some(character);
    }
    out.push('\'');
}

/// Appends the text as it is.
pub(super) fn plain(text: &str, out: &mut Folded<'_>) {
    let mut characters = text.chars().peekable();
    let mut before = None;
    while let Some(character) = characters.next() {
        let may_fold = before != Some(' ') && characters.peek() != Some(&' ');
        if character == ' ' && may_fold && out.is_full() {
            out.fold();
        } else {
            out.push(character);
        }
        before = Some(character);
    }
}

/// Appends the text in double quotes.
pub(super) fn double(text: &str, out: &mut Folded<'_>) {
    out.push('"');
    // libyaml looks for a byte order mark at the front of the text, whatever character it writes.
    let escapes_all = text.starts_with('\u{feff}');
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_inside = before.is_some() && characters.peek().is_some();
        if escapes_all || !is_printable(character) || is_break(character) || matches!(character, '"' | '\\') {
            out.push_str(&escape(character));
        } else if character == ' ' && is_inside && before != Some(' ') && out.is_full() {
            out.fold();
            if characters.peek() == Some(&' ') {
                out.push('\\');
            }
        } else {
            out.push(character);
        }
        before = Some(character);
    }
    out.push('"');
}

fn escape(character: char) -> String {
    let letter = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other => {
            return match u32::from(other) {
                code @ ..=0xff => format!("\\x{code:02X}"),
                code @ ..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{letter}")
}

/// A line under construction that is folded at spaces where it gets too long.
pub(super) struct Folded<'a> {
    /// What has been written so far.
    pub(super) out: &'a mut Vec<u8>,
    /// How many characters stand on the current line.
    pub(super) column: usize,
    /// From here on the line is full.
    pub(super) width: usize,
    /// How far a continued line is indented.
    pub(super) indent: usize,
}

impl Folded<'_> {
    fn push(&mut self, character: char) {
        self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.column += 1;
    }

    fn push_str(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }

    fn is_full(&self) -> bool {
        self.column > self.width
    }

    fn fold(&mut self) {
        self.out.push(b'\n');
        self.out.extend(std::iter::repeat_n(b' ', self.indent));
        self.column = self.indent;
    }
}

/// Appends the text as a literal block: header, comment, and the lines at `indent`, without the last line end.
pub(super) fn literal(text: &str, indent: usize, parent_indent: usize, comment: &[u8], out: &mut Vec<u8>) {
    out.push(b'|');
    if text.starts_with(|first| first == ' ' || is_break(first)) {
        out.extend_from_slice((indent - parent_indent).to_string().as_bytes());
    }
    let body = text.strip_suffix('\n');
    match body {
        None => out.push(b'-'),
        Some(body) if body.is_empty() || body.ends_with('\n') => out.push(b'+'),
        Some(_) => {}
    }
    out.extend_from_slice(comment);
    for line in body.unwrap_or(text).split('\n') {
        out.push(b'\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(b' ', indent));
            out.extend_from_slice(line.as_bytes());
        }
    }
}
