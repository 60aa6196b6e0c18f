//! The three flag grammars that the peers' users type: Go's `flag` (vals), pflag (kubeseal, Reloader, ESO, Sealed
//! Secrets) and urfave/cli (SOPS). A command is a table of [`Flag`]s; parsing gives words and never interprets values.
//! Error texts are the grammars' own, since scripts and people search for them.
//! Specification: SOPS §8.1, VALS §4, SS §9.1, RL §4.1.

pub mod list;

use std::collections::HashMap;

use base::truth;

/// How flags are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// `-f x`, `-f=x`, `--f x`; ends at the first positional or `--`.
    GoFlag,
    /// `--flag x`, `--flag=x`, `-o x`, `-ox`, bundled `-abc`; flags and positionals mix; `--` ends flags.
    Pflag,
    /// As Go's, but flags may stand behind positionals; there a word that is no flag of the table is a positional, so that
    /// `set FILE INDEX -7` sets a number.
    Urfave,
}

/// Whether a flag takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A truth value: alone it means true; `=false` is understood.
    Bool,
    /// A value is needed.
    Value,
}

/// One flag of a command.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// The long name without dashes.
    pub name: &'static str,
    /// The one-letter name.
    pub short: Option<char>,
    /// Whether it takes a value.
    pub takes: Takes,
    /// One line of help.
    pub help: &'static str,
}

/// A flag that takes a value and has a long name alone.
#[must_use]
pub const fn value(name: &'static str, help: &'static str) -> Flag {
    Flag { name, short: None, takes: Takes::Value, help }
}

/// A flag that is on or off and has a long name alone.
#[must_use]
pub const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag { name, short: None, takes: Takes::Bool, help }
}

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    flags: HashMap<&'static str, Vec<String>>,
    /// The words that are no flags.
    pub positionals: Vec<String>,
    /// How many of the positionals stood before a `--`; all, where there was none.
    pub before_dashes: usize,
}

impl Parsed {
    /// The last value of a flag.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.get(name).and_then(|values| values.last()).map(String::as_str)
    }

    /// All values of a flag, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> &[String] {
        self.flags.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a truth flag is set; the grammar has checked its spelling.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name).and_then(truth::parse).unwrap_or(false)
    }

    /// Whether the flag was typed at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.flags.contains_key(name)
    }
}

/// A wrong command line, in the grammar's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgvError {
    /// The user asked for help (`-h`, `--help`), which is no flag of the table.
    #[error("help requested")]
    Help {
        /// Whether the short form was typed.
        short: bool,
    },
    /// Anything else.
    #[error("{0}")]
    Wrong(String),
}

/// The usage text of a command in pflag's form.
#[must_use]
pub fn usage(command: &str, flags: &[Flag]) -> String {
    let width = flags.iter().map(|flag| flag.name.len()).max().unwrap_or_default();
    let mut text = format!("Usage:\n  {command} [flags]\n\nFlags:\n");
    for flag in flags {
        let short = flag.short.map_or("   ".to_owned(), |short| format!("-{short},"));
        text.push_str(&format!("  {short} --{:width$}  {}\n", flag.name, flag.help));
    }
    text
}

/// The usage text of a command in the form of Go's `flag`. A help text of several lines is indented; it holds the default.
#[must_use]
pub fn go_usage(command: &str, flags: &[Flag]) -> String {
    let mut text = format!("Usage of {command}:\n");
    let mut flags: Vec<&Flag> = flags.iter().collect();
    flags.sort_by_key(|flag| flag.name);
    for flag in flags {
        let kind = if flag.takes == Takes::Value { " string" } else { "" };
        let head = format!("  -{}{kind}", flag.name);
        // Short names of truth flags leave room for the help on their own line.
        let gap = if head.len() <= 4 { "\t" } else { "\n    \t" };
        text.push_str(&format!("{head}{gap}{}\n", flag.help.replace('\n', "\n    \t")));
    }
    text
}

/// Reads the words of a command line.
///
/// # Errors
/// An unknown flag, a missing or impossible value, or a request for help.
pub fn parse(grammar: Grammar, flags: &[Flag], words: &[String]) -> Result<Parsed, ArgvError> {
    let mut parsed = Parsed::default();
    let mut dashes = None;
    let mut words = words.iter().cloned();
    while let Some(word) = words.next() {
        if word == "--" {
            dashes = Some(parsed.positionals.len());
            parsed.positionals.extend(words);
            break;
        }
        if word == "-" || !word.starts_with('-') {
            parsed.positionals.push(word);
            if grammar == Grammar::GoFlag {
                parsed.positionals.extend(words);
                break;
            }
            continue;
        }
        if grammar == Grammar::Urfave && !parsed.positionals.is_empty() && !is_known(flags, &word) {
            parsed.positionals.push(word);
            continue;
        }
        match grammar {
            Grammar::Pflag if !word.starts_with("--") => bundle(flags, &word, &mut words, &mut parsed)?,
            _ => single(grammar, flags, &word, &mut words, &mut parsed)?,
        }
    }
    parsed.before_dashes = dashes.unwrap_or(parsed.positionals.len());
    Ok(parsed)
}

/// Whether a word with dashes names a flag of the table, or asks for help.
fn is_known(flags: &[Flag], word: &str) -> bool {
    let name = word.trim_start_matches('-').split('=').next().unwrap_or_default();
    let is_meant = |flag: &Flag| flag.name == name || flag.short.is_some_and(|short| name.chars().eq([short]));
    matches!(name, "help" | "h") || flags.iter().any(is_meant)
}

/// `--flag`, `--flag=value`, and in Go's grammar the same with one dash.
fn single(
    grammar: Grammar,
    flags: &[Flag],
    word: &str,
    rest: &mut impl Iterator<Item = String>,
    parsed: &mut Parsed,
) -> Result<(), ArgvError> {
    let bare = word.strip_prefix("--").unwrap_or_else(|| &word[1..]);
    let (name, given) = match bare.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (bare, None),
    };
    if name.is_empty() || name.starts_with('-') {
        return Err(ArgvError::Wrong(format!("bad flag syntax: {word}")));
    }
    let is_short = |flag: &Flag| grammar != Grammar::Pflag && flag.short.is_some_and(|short| name.chars().eq([short]));
    let Some(flag) = flags.iter().find(|flag| flag.name == name || is_short(flag)) else {
        return Err(match (name, grammar) {
            ("help", _) => ArgvError::Help { short: false },
            ("h", Grammar::GoFlag | Grammar::Urfave) => ArgvError::Help { short: true },
            (_, Grammar::Pflag) => ArgvError::Wrong(format!("unknown flag: --{name}")),
            _ => ArgvError::Wrong(format!("flag provided but not defined: -{name}")),
        });
    };
    let value = match (flag.takes, given) {
        (Takes::Bool, None) => "true".to_owned(),
        (Takes::Bool, Some(text)) => checked_bool(grammar, flag, text)?,
        (Takes::Value, Some(text)) => text,
        (Takes::Value, None) => rest.next().ok_or_else(|| {
            ArgvError::Wrong(match grammar {
                Grammar::Pflag => format!("flag needs an argument: --{name}"),
                _ => format!("flag needs an argument: -{name}"),
            })
        })?,
    };
    parsed.flags.entry(flag.name).or_default().push(value);
    Ok(())
}

/// pflag's `-o x`, `-ox`, `-o=x`, `-abc`.
fn bundle(
    flags: &[Flag],
    word: &str,
    rest: &mut impl Iterator<Item = String>,
    parsed: &mut Parsed,
) -> Result<(), ArgvError> {
    let letters = &word[1..];
    for (at, letter) in letters.char_indices() {
        let Some(flag) = flags.iter().find(|flag| flag.short == Some(letter)) else {
            return Err(match letter {
                'h' => ArgvError::Help { short: true },
                _ => ArgvError::Wrong(format!("unknown shorthand flag: '{letter}' in {word}")),
            });
        };
        let behind = &letters[at + letter.len_utf8()..];
        let given = behind.strip_prefix('=');
        if flag.takes == Takes::Bool && given.is_none() {
            parsed.flags.entry(flag.name).or_default().push("true".to_owned());
            continue;
        }
        let value = match (flag.takes, given) {
            (Takes::Bool, Some(text)) => checked_bool(Grammar::Pflag, flag, text.to_owned())?,
            (_, Some(text)) => text.to_owned(),
            (_, None) if !behind.is_empty() => behind.to_owned(),
            (_, None) => {
                rest.next().ok_or_else(|| ArgvError::Wrong(format!("flag needs an argument: '{letter}' in {word}")))?
            }
        };
        parsed.flags.entry(flag.name).or_default().push(value);
        return Ok(());
    }
    Ok(())
}

fn checked_bool(grammar: Grammar, flag: &Flag, text: String) -> Result<String, ArgvError> {
    if truth::parse(&text).is_some() {
        return Ok(text);
    }
    let name = flag.name;
    Err(ArgvError::Wrong(match (grammar, flag.short) {
        (Grammar::Pflag, Some(short)) => format!(
            "invalid argument {text:?} for \"-{short}, --{name}\" flag: strconv.ParseBool: parsing {text:?}: invalid syntax"
        ),
        (Grammar::Pflag, None) => {
            format!(
                "invalid argument {text:?} for \"--{name}\" flag: strconv.ParseBool: parsing {text:?}: invalid syntax"
            )
        }
        _ => format!("invalid boolean value {text:?} for -{name}: parse error"),
    }))
}

#[cfg(test)]
mod tests;
