//! Regular expressions in RE2's syntax, as Go compiles them, for the crate `regex`: where the two read a pattern differently, it is
//! rewritten (`\d` is ASCII, `{` may stand for itself, a class holds no class), and what RE2 refuses is refused.
//! Messages never show the pattern: it may come from a value. Specification: ESO §8.5; VSO §9.3 ("Go RE2").

use regex::bytes::{Regex, RegexBuilder};

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
                '\\' => self.escape(false).map(|()| false)?,
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

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let at = self.rest;
        let Some(letter) = self.next() else {
            return Err(refused("trailing backslash at end of expression"));
        };
        if let Some((name, members)) = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&letter)) {
            let negation = if *name == letter { "" } else { "^" };
            self.out.extend(["[", negation, members, "]"]);
            return Ok(());
        }
        match letter {
            'Q' if !in_class => self.literal(),
            'b' if !in_class => self.out.push_str(r"(?-u:\b)"),
            'B' if !in_class => self.out.push_str(r"(?-u:\B)"),
            'A' | 'z' if !in_class => self.out.extend(['\\', letter]),
            'p' | 'P' | 'x' | 'a' | 'f' | 't' | 'n' | 'r' | 'v' => self.out.extend(['\\', letter]),
            '0'..='7' if letter == '0' || at[1..].starts_with(|next: char| ('0'..='7').contains(&next)) => {
                self.rest = at;
                self.octal();
            }
            letter if letter.is_ascii_alphanumeric() => return Err(refused("invalid escape sequence")),
            // Rust gives `\<` a meaning of its own.
            letter if letter.is_ascii_punctuation() && !matches!(letter, '<' | '>') => self.out.extend(['\\', letter]),
            letter => self.out.push(letter),
        }
        Ok(())
    }

    /// `\Q…\E`: everything between stands for itself.
    fn literal(&mut self) {
        let (inner, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.out.push_str(&regex::escape(inner));
        self.rest = rest;
    }

    /// Up to three octal digits.
    fn octal(&mut self) {
        let length = self.rest.bytes().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
        let (digits, rest) = self.rest.split_at(length);
        let code = u32::from_str_radix(digits, 8).unwrap_or(0);
        self.out.push_str(&format!("\\x{{{code:x}}}"));
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
        loop {
            let Some(letter) = self.next() else {
                return Err(refused("missing closing ]"));
            };
            match letter {
                ']' if !is_first => break,
                '\\' => self.escape(true)?,
                '[' if self.rest.starts_with(':') => self.named_class()?,
                '[' | ']' | '&' | '~' => self.out.extend(['\\', letter]),
                other => self.out.push(other),
            }
            is_first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// `[:alpha:]`, which is ASCII in both.
    fn named_class(&mut self) -> Result<(), String> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
            "word", "xdigit",
        ];
        let Some((inner, rest)) = self.rest[1..].split_once(":]") else {
            self.out.push_str(r"\[");
            return Ok(());
        };
        if !NAMES.contains(&inner.strip_prefix('^').unwrap_or(inner)) {
            return Err(refused("invalid character class range"));
        }
        self.out.extend(["[:", inner, ":]"]);
        self.rest = rest;
        Ok(())
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
