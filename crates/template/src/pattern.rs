//! Regular expressions in RE2's syntax, as Go compiles them, for the crate `regex`: where the two read a pattern differently, it is
//! rewritten (`\d` is ASCII, `{` may stand for itself, a class holds no class), and what RE2 refuses is refused.
//! Two things of RE2 are not there and refused: group names that start with a digit, and one name for two groups.
//! Messages never show the pattern: it may come from a value. Specification: ESO §8.5; VSO §9.3 ("Go RE2").

use std::collections::HashMap;

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::runes::runes;

/// A compiled pattern may have so many bytes: one that needs more is an attack on the memory.
const COMPILED_BYTES: usize = 1 << 20;
/// RE2's limit of a counted repetition.
const MOST_REPETITIONS: u32 = 1000;

/// Compiles a pattern.
///
/// # Errors
/// Go's message, without the pattern.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = Translation { rest: pattern, out: String::with_capacity(pattern.len() + 16) }.whole()?;
    RegexBuilder::new(&translated).size_limit(COMPILED_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => refused("expression is too large"),
        _ => refused("the pattern is not in RE2's syntax"),
    })
}

/// The patterns of one run, so that a loop compiles each once.
#[derive(Default)]
pub struct Patterns(HashMap<String, Regex>);

/// More different patterns than this are compiled anew each time.
const KEPT_PATTERNS: usize = 64;

impl Patterns {
    /// The compiled pattern.
    ///
    /// # Errors
    /// Go's message, without the pattern.
    pub fn compiled(&mut self, pattern: &str) -> Result<Regex, String> {
        if let Some(known) = self.0.get(pattern) {
            return Ok(known.clone());
        }
        let compiled = compile(pattern)?;
        if self.0.len() < KEPT_PATTERNS {
            self.0.insert(pattern.to_owned(), compiled.clone());
        }
        Ok(compiled)
    }
}

/// The matches of a pattern in order. None is empty inside a character, which the crate would give where a text need not be UTF-8.
pub fn matches<'p, 't>(pattern: &'p Regex, text: &'t [u8]) -> impl Iterator<Item = Captures<'t>> + use<'p, 't> {
    let is_utf8 = std::str::from_utf8(text).is_ok();
    let is_inside = move |at: usize| is_utf8 && text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    pattern.captures_iter(text).filter(move |captures| {
        let whole = captures.get_match();
        !whole.is_empty() || !is_inside(whole.start())
    })
}

/// A replacement in Go's syntax, with what the groups matched: `$1`, `$name`, `${name}`, `$$`; a name is as long as it can be, and what
/// is no name stays as it is.
pub fn expand(captures: &Captures<'_>, replacement: &[u8], out: &mut Vec<u8>) {
    let mut rest = replacement;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if rest.first() == Some(&b'$') {
            out.push(b'$');
            rest = &rest[1..];
            continue;
        }
        let Some((name, behind)) = name(rest) else {
            out.push(b'$');
            continue;
        };
        let group = match name.parse::<usize>() {
            Ok(number) => captures.get(number),
            Err(_) => captures.name(name),
        };
        out.extend_from_slice(group.map_or(b"", |group| group.as_bytes()));
        rest = behind;
    }
    out.extend_from_slice(rest);
}

/// The name at the start, in braces or not, and what stands behind.
fn name(text: &[u8]) -> Option<(&str, &[u8])> {
    let inner = text.strip_prefix(b"{");
    let from = inner.unwrap_or(text);
    let is_part = |(letter, _): &(char, &[u8])| *letter == '_' || letter.is_alphanumeric();
    let length = runes(from).take_while(is_part).map(|(_, bytes)| bytes.len()).sum();
    let (name, mut behind) = from.split_at(length);
    if inner.is_some() {
        behind = behind.strip_prefix(b"}")?;
    }
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    Some((name, behind))
}

fn refused(why: &str) -> String {
    format!("error parsing regexp: {why}")
}

/// Perl's classes, which are ASCII in RE2: letter, and members.
const CLASSES: [(char, &str); 3] = [('d', "0-9"), ('s', r"\t\n\x0c\r "), ('w', "0-9A-Za-z_")];

struct Translation<'a> {
    rest: &'a str,
    out: String,
}

impl Translation<'_> {
    fn whole(mut self) -> Result<String, String> {
        let mut was_repetition = false;
        while let Some(letter) = self.next() {
            let is_repetition = match letter {
                '*' | '+' | '?' => {
                    self.out.push(letter);
                    true
                }
                '{' => self.count()?,
                '\\' => self.escape().map(|()| false)?,
                '[' => self.class().map(|()| false)?,
                '(' => self.group().map(|()| false)?,
                other => {
                    self.out.push(other);
                    false
                }
            };
            if is_repetition && was_repetition {
                return Err(refused("invalid nested repetition operator"));
            }
            was_repetition = is_repetition;
            if is_repetition && self.rest.starts_with('?') {
                self.next();
                self.out.push('?');
            }
        }
        Ok(self.out)
    }

    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next()?;
        self.rest = letters.as_str();
        Some(letter)
    }

    /// `{2,5}`; anything else behind a brace means the brace itself.
    fn count(&mut self) -> Result<bool, String> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let inner = self.rest.split_once('}').map_or("", |(inner, _)| inner);
        let (low, high) = inner.split_once(',').unwrap_or((inner, inner));
        if !is_number(low) || !(high.is_empty() || is_number(high)) {
            self.out.push_str(r"\{");
            return Ok(false);
        }
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number <= MOST_REPETITIONS);
        let fits = match (number(low), number(high)) {
            (Some(low), Some(high)) => low <= high,
            (Some(_), None) => high.is_empty(),
            (None, _) => false,
        };
        if !fits {
            return Err(refused("invalid repeat count"));
        }
        self.out.extend(["{", inner, "}"]);
        self.rest = &self.rest[inner.len() + 1..];
        Ok(true)
    }

    /// An escape outside of a class.
    fn escape(&mut self) -> Result<(), String> {
        if self.class_escape()? {
            return Ok(());
        }
        match self.rest.chars().next() {
            Some('Q') => {
                self.next();
                self.literal();
            }
            Some('b') => self.assertion(r"(?-u:\b)"),
            Some('B') => self.assertion(r"(?-u:\B)"),
            Some('A') => self.assertion(r"\A"),
            Some('z') => self.assertion(r"\z"),
            _ => {
                let letter = self.escaped()?;
                self.push(letter);
            }
        }
        Ok(())
    }

    fn assertion(&mut self, text: &str) {
        self.next();
        self.out.push_str(text);
    }

    /// `\d` and its kin, `\pL`, `\p{Greek}`; false where the escape is something else.
    fn class_escape(&mut self) -> Result<bool, String> {
        let Some(letter) = self.rest.chars().next() else {
            return Err(refused("trailing backslash at end of expression"));
        };
        if let Some((name, members)) = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&letter)) {
            let negation = if *name == letter { "" } else { "^" };
            self.out.extend(["[", negation, members, "]"]);
            self.next();
            return Ok(true);
        }
        if !letter.eq_ignore_ascii_case(&'p') {
            return Ok(false);
        }
        self.next();
        let (name, rest) = match self.rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').unwrap_or(("", "")),
            None => self.rest.split_at(self.rest.chars().next().map_or(0, char::len_utf8)),
        };
        let (is_negated, name) = match name.strip_prefix('^') {
            Some(name) => (letter == 'p', name),
            None => (letter == 'P', name),
        };
        if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            return Err(refused("invalid character class range"));
        }
        self.out.extend([if is_negated { r"\P{" } else { r"\p{" }, name, "}"]);
        self.rest = rest;
        Ok(true)
    }

    /// The character that an escape stands for.
    fn escaped(&mut self) -> Result<char, String> {
        let at = self.rest;
        let invalid = || refused("invalid escape sequence");
        let letter = self.next().ok_or_else(|| refused("trailing backslash at end of expression"))?;
        Ok(match letter {
            'a' => '\u{7}',
            'f' => '\u{c}',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\u{b}',
            'x' => self.hexadecimal().ok_or_else(invalid)?,
            '0'..='7' if letter == '0' || at[1..].starts_with(|next: char| ('0'..='7').contains(&next)) => {
                self.rest = at;
                self.octal().ok_or_else(invalid)?
            }
            letter if letter.is_ascii() && !letter.is_ascii_alphanumeric() => letter,
            _ => return Err(invalid()),
        })
    }

    /// `\x41` or `\x{1F600}`, from behind the `x`.
    fn hexadecimal(&mut self) -> Option<char> {
        let (digits, rest) = match self.rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => self.rest.split_at_checked(2)?,
        };
        let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| all_digits)?;
        self.rest = rest;
        char::from_u32(code)
    }

    /// Up to three octal digits.
    fn octal(&mut self) -> Option<char> {
        let length = self.rest.bytes().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        char::from_u32(u32::from_str_radix(digits, 8).ok()?)
    }

    /// A character that stands for itself, in a class or outside.
    fn push(&mut self, letter: char) {
        if letter.is_ascii_alphanumeric() {
            self.out.push(letter);
        } else {
            self.out.push_str(&format!("\\x{{{:x}}}", u32::from(letter)));
        }
    }

    /// `\Q…\E`: everything between stands for itself.
    fn literal(&mut self) {
        let (inner, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.out.push_str(&regex::escape(inner));
        self.rest = rest;
    }

    /// A class: brackets inside are themselves, but for `[:name:]`, and Rust's operators on classes are no operators.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.next();
            self.out.push('^');
        }
        let mut is_first = true;
        while is_first || !self.rest.starts_with(']') {
            is_first = false;
            if self.rest.starts_with("[:") && self.named_class()? {
                continue;
            }
            if let Some(escape) = self.rest.strip_prefix('\\') {
                self.rest = escape;
                if self.class_escape()? {
                    continue;
                }
                let low = self.escaped()?;
                self.range(low)?;
                continue;
            }
            let low = self.next().ok_or_else(|| refused("missing closing ]"))?;
            self.range(low)?;
        }
        self.next();
        self.out.push(']');
        Ok(())
    }

    /// What follows a character of a class: a range that it starts, or nothing.
    fn range(&mut self, low: char) -> Result<(), String> {
        self.push(low);
        if !self.rest.starts_with('-') || self.rest.starts_with("-]") {
            return Ok(());
        }
        self.next();
        let high = match self.next() {
            Some('\\') => self.escaped()?,
            Some(high) => high,
            None => return Err(refused("missing closing ]")),
        };
        if high < low {
            return Err(refused("invalid character class range"));
        }
        self.out.push('-');
        self.push(high);
        Ok(())
    }

    /// `[:alpha:]`, which is ASCII in both.
    fn named_class(&mut self) -> Result<bool, String> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
            "word", "xdigit",
        ];
        let Some((inner, rest)) = self.rest[2..].split_once(":]") else {
            return Ok(false);
        };
        if !NAMES.contains(&inner.strip_prefix('^').unwrap_or(inner)) {
            return Err(refused("invalid character class range"));
        }
        self.out.extend(["[:", inner, ":]"]);
        self.rest = rest;
        Ok(true)
    }

    /// `(`, `(?flags)`, `(?:…)`, `(?P<name>…)`: RE2 has no other flags than `imsU`.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        let Some(inner) = self.rest.strip_prefix('?') else { return Ok(()) };
        let is_named = inner.starts_with("P<") || inner.starts_with('<');
        let flags = inner.split([':', ')']).next().unwrap_or_default();
        let is_flagged = flags.chars().all(|flag| "imsU-".contains(flag));
        if !is_named && !is_flagged {
            return Err(refused("invalid or unsupported Perl syntax"));
        }
        let length = 1 + if is_named { inner.find('>').map_or(inner.len(), |end| end + 1) } else { flags.len() };
        self.out.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(())
    }
}
