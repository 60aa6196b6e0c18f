//! Text into tokens: what stands outside the delimiters, and the words inside. It finds trim markers, comments and everything that
//! cannot be a word. What the words mean together is `parse`'s. Specification: ESO §8.1; VSO §9.4.

use std::ops::Range;

use crate::runes;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The text cannot go on; the token's message says why.
    Broken,
    End,
    Text,
    LeftDelimiter,
    RightDelimiter,
    LeftParenthesis,
    RightParenthesis,
    Space,
    Bool,
    /// A printable character that stands for itself: a comma.
    Sign,
    Character,
    Number,
    Complex,
    Quoted,
    RawQuoted,
    Assign,
    Declare,
    Pipe,
    Dot,
    Field,
    Variable,
    Identifier,
    Keyword(Keyword),
}

/// The language's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"block" => Self::Block,
            b"break" => Self::Break,
            b"continue" => Self::Continue,
            b"define" => Self::Define,
            b"else" => Self::Else,
            b"end" => Self::End,
            b"if" => Self::If,
            b"nil" => Self::Nil,
            b"range" => Self::Range,
            b"template" => Self::Template,
            b"with" => Self::With,
            _ => return None,
        })
    }
}

/// A word of the text.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    /// Where it stands.
    pub span: Range<usize>,
    /// The line of its first byte.
    pub line: usize,
    /// What is wrong, for a broken one.
    pub message: String,
}

const COMMENT: (&[u8], &[u8]) = (b"/*", b"*/");
/// A trim marker: the sign and the white space that sets it apart.
const MARKER: usize = 2;

/// Reads tokens one after the other.
pub struct Lexer<'a> {
    text: &'a [u8],
    left: &'a [u8],
    right: &'a [u8],
    at: usize,
    start: usize,
    /// Lines are counted up to here.
    counted: usize,
    line: usize,
    in_action: bool,
    parentheses: usize,
    is_over: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a [u8], left: &'a str, right: &'a str) -> Self {
        let (left, right) = (left.as_bytes(), right.as_bytes());
        Self {
            text,
            left,
            right,
            at: 0,
            start: 0,
            counted: 0,
            line: 1,
            in_action: false,
            parentheses: 0,
            is_over: false,
        }
    }

    /// The next token; the last ones are `End` or `Broken` for ever.
    pub fn token(&mut self) -> Token {
        loop {
            let token = match (self.is_over, self.in_action) {
                (true, _) => Some(self.made(Kind::End)),
                (false, true) => Some(self.word()),
                (false, false) => self.outside(),
            };
            if let Some(token) = token {
                return token;
            }
        }
    }

    /// The token that ends here; the next one starts here.
    fn made(&mut self, kind: Kind) -> Token {
        let newlines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        self.line += newlines(&self.text[self.counted.min(self.start)..self.start]);
        let token = Token { kind, span: self.start..self.at, line: self.line, message: String::new() };
        self.counted = self.start;
        self.start = self.at;
        token
    }

    fn broken(&mut self, message: String) -> Token {
        self.is_over = true;
        Token { message, ..self.made(Kind::Broken) }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        runes::runes(self.rest()).next().map(|(letter, _)| letter)
    }

    fn next(&mut self) -> Option<char> {
        let (letter, bytes) = runes::runes(self.rest()).next()?;
        self.at += bytes.len();
        Some(letter)
    }

    /// Text up to the next delimiter; `None` where a comment or nothing was passed over.
    fn outside(&mut self) -> Option<Token> {
        let rest = self.rest();
        if rest.starts_with(self.left) && self.start == self.at {
            return self.opened();
        }
        let Some(length) = find(rest, self.left) else {
            self.at = self.text.len();
            if self.at > self.start {
                return Some(self.made(Kind::Text));
            }
            self.is_over = true;
            return Some(self.made(Kind::End));
        };
        let delimiter = self.at + length;
        let text = &rest[..length];
        let trimmed = match has_left_marker(&self.text[delimiter + self.left.len()..]) {
            true => text.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1),
            false => text.len(),
        };
        self.at += trimmed;
        let token = (self.at > self.start).then(|| self.made(Kind::Text));
        self.at = delimiter;
        self.start = delimiter;
        token
    }

    /// The left delimiter, or a whole comment.
    fn opened(&mut self) -> Option<Token> {
        self.at += self.left.len();
        let marker = if has_left_marker(self.rest()) { MARKER } else { 0 };
        if self.text[self.at + marker..].starts_with(COMMENT.0) {
            self.at += marker;
            self.start = self.at;
            return self.comment();
        }
        let token = self.made(Kind::LeftDelimiter);
        self.in_action = true;
        self.parentheses = 0;
        self.at += marker;
        self.start = self.at;
        Some(token)
    }

    fn comment(&mut self) -> Option<Token> {
        self.at += COMMENT.0.len();
        let Some(length) = find(self.rest(), COMMENT.1) else {
            return Some(self.broken("unclosed comment".to_owned()));
        };
        self.at += length + COMMENT.1.len();
        if self.at_right().is_none() {
            return Some(self.broken("comment ends before closing delimiter".to_owned()));
        }
        self.close();
        None
    }

    /// Whether the action ends here, and then whether it trims.
    fn at_right(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_marker(rest) && rest[MARKER..].starts_with(self.right) {
            return Some(true);
        }
        rest.starts_with(self.right).then_some(false)
    }

    /// Passes the right delimiter and the white space that it trims; gives its token.
    fn close(&mut self) -> Token {
        let trims = self.at_right() == Some(true);
        if trims {
            self.at += MARKER;
            self.start = self.at;
        }
        self.at += self.right.len();
        let token = self.made(Kind::RightDelimiter);
        if trims {
            self.at += self.rest().iter().take_while(|byte| is_blank(**byte)).count();
            self.start = self.at;
        }
        self.in_action = false;
        token
    }

    /// A token inside an action.
    fn word(&mut self) -> Token {
        if self.at_right().is_some() {
            if self.parentheses > 0 {
                return self.broken("unclosed left paren".to_owned());
            }
            return self.close();
        }
        let Some(letter) = self.next() else {
            return self.broken("unclosed action".to_owned());
        };
        match letter {
            ' ' | '\t' | '\r' | '\n' => self.space(),
            '=' => self.made(Kind::Assign),
            ':' if self.next() == Some('=') => self.made(Kind::Declare),
            ':' => self.broken("expected :=".to_owned()),
            '|' => self.made(Kind::Pipe),
            '"' => self.quoted('"', Kind::Quoted, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::Character, "unterminated character constant"),
            '`' => self.raw_quoted(),
            '$' => self.field(Kind::Variable),
            '.' if !self.rest().first().is_some_and(u8::is_ascii_digit) => self.field(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => self.number(letter),
            letter if is_word(letter) => self.identifier(),
            '(' => {
                self.parentheses += 1;
                self.made(Kind::LeftParenthesis)
            }
            ')' if self.parentheses == 0 => self.broken("unexpected right paren".to_owned()),
            ')' => {
                self.parentheses -= 1;
                self.made(Kind::RightParenthesis)
            }
            letter if letter.is_ascii() && runes::is_print(letter) => self.made(Kind::Sign),
            letter => self.broken(format!("unrecognized character in action: {}", named(letter))),
        }
    }

    /// White space; a right delimiter that trims takes the last of it.
    fn space(&mut self) -> Token {
        while matches!(self.rest().first(), Some(byte) if is_blank(*byte)) {
            self.at += 1;
        }
        let last = &self.text[self.at - 1..];
        if has_right_marker(last) && last[MARKER..].starts_with(self.right) {
            self.at -= 1;
            if self.at == self.start {
                return self.word();
            }
        }
        self.made(Kind::Space)
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Token {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.peek(), None | Some('\n')) => {
                    self.next();
                }
                None | Some('\\' | '\n') => return self.broken(unterminated.to_owned()),
                Some(letter) if letter == quote => return self.made(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quoted(&mut self) -> Token {
        match find(self.rest(), b"`") {
            Some(length) => {
                self.at += length + 1;
                self.made(Kind::RawQuoted)
            }
            None => {
                self.at = self.text.len();
                self.broken("unterminated raw quoted string".to_owned())
            }
        }
    }

    /// `.name`, `$name`, or the sign alone.
    fn field(&mut self, kind: Kind) -> Token {
        if self.is_terminated() {
            return self.made(if kind == Kind::Variable { kind } else { Kind::Dot });
        }
        self.word_letters();
        if !self.is_terminated() {
            let letter = self.peek().unwrap_or(char::REPLACEMENT_CHARACTER);
            return self.broken(format!("bad character {}", named(letter)));
        }
        self.made(kind)
    }

    fn identifier(&mut self) -> Token {
        self.word_letters();
        if !self.is_terminated() {
            let letter = self.peek().unwrap_or(char::REPLACEMENT_CHARACTER);
            return self.broken(format!("bad character {}", named(letter)));
        }
        let word = &self.text[self.start..self.at];
        self.made(match Keyword::of(word) {
            Some(keyword) => Kind::Keyword(keyword),
            None if matches!(word, b"true" | b"false") => Kind::Bool,
            None => Kind::Identifier,
        })
    }

    fn word_letters(&mut self) {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
    }

    /// Whether what follows can stand behind a name.
    fn is_terminated(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(self.right),
        }
    }

    fn number(&mut self, first: char) -> Token {
        self.at -= first.len_utf8();
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || self.text[self.at - 1] != b'i' {
                return self.bad_number();
            }
            return self.made(Kind::Complex);
        }
        self.made(Kind::Number)
    }

    fn bad_number(&mut self) -> Token {
        let text = runes::quoted(&self.text[self.start..self.at]);
        self.broken(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let mut digits: &[u8] = b"0123456789_";
        let mut exponent: &[u8] = b"eE";
        if self.accept(b"0") {
            if self.accept(b"xX") {
                (digits, exponent) = (b"0123456789abcdefABCDEF_", b"pP");
            } else if self.accept(b"oO") {
                (digits, exponent) = (b"01234567_", b"");
            } else if self.accept(b"bB") {
                (digits, exponent) = (b"01_", b"");
            }
        }
        self.accept_all(digits);
        if self.accept(b".") {
            self.accept_all(digits);
        }
        if self.accept(exponent) {
            self.accept(b"+-");
            self.accept_all(b"0123456789_");
        }
        self.accept(b"i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }

    fn accept(&mut self, letters: &[u8]) -> bool {
        let found = self.rest().first().is_some_and(|byte| letters.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn accept_all(&mut self, letters: &[u8]) {
        while self.accept(letters) {}
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_word(letter: char) -> bool {
    letter == '_' || letter.is_alphabetic() || letter.is_numeric()
}

/// `- ` behind a left delimiter.
fn has_left_marker(text: &[u8]) -> bool {
    matches!(text, [b'-', blank, ..] if is_blank(*blank))
}

/// ` -` before a right delimiter.
fn has_right_marker(text: &[u8]) -> bool {
    matches!(text, [blank, b'-', ..] if is_blank(*blank))
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len().max(1)).position(|window| window == pattern)
}

/// A character as Go's `%#U` names it.
fn named(letter: char) -> String {
    let code = u32::from(letter);
    if runes::is_print(letter) { format!("U+{code:04X} '{letter}'") } else { format!("U+{code:04X}") }
}
