//! Helm's command line, read only as far as values go: which words name values files or hold `--set` literals.
//! One pass; everything else stays as it was typed, in its order. Specification: HS §7.1.

/// A word of Helm's command line, or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Nothing of ours.
    Word(&'a str),
    /// `-f`, `--values`: files by comma.
    Values(&'a str, Vec<&'a str>),
    /// `--set-file`: what stands in front of the file, with its `=`, and the file.
    SetFile(&'a str, &'a str),
    /// `--set`, `--set-string`: literals by comma.
    Set(&'static str, &'a str),
    /// `--set-json`.
    SetJson(&'a str),
    /// `--set-literal`: what stands in front of the value, with its `=`, and the value.
    SetLiteral(&'a str, &'a str),
}

/// Reads a command line.
pub fn scan(words: &[String]) -> Vec<Part<'_>> {
    let mut parts = Vec::with_capacity(words.len());
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let Some((flag, given)) = flag(word) else {
            parts.push(Part::Word(word));
            continue;
        };
        match given.or_else(|| words.next()) {
            Some(value) => parts.push(part(flag, value)),
            None => parts.push(Part::Word(word)),
        }
    }
    parts
}

/// The flag that a word is, and its value where that is in the same word.
fn flag(word: &str) -> Option<(&'static str, Option<&str>)> {
    if let Some(known) = FLAGS.iter().find(|flag| **flag == word) {
        return Some((known, None));
    }
    if let Some(value) = word.strip_prefix("-f").filter(|_| !word.starts_with("--")) {
        return Some(("-f", Some(value.strip_prefix('=').unwrap_or(value))));
    }
    let (name, value) = word.split_once('=')?;
    FLAGS.iter().find(|flag| **flag == name).map(|flag| (*flag, Some(value)))
}

fn part<'a>(flag: &'static str, value: &'a str) -> Part<'a> {
    match flag {
        "-f" | "--values" => Part::Values(flag, files(value)),
        "--set-file" => {
            let (key, file) = after_equals(value);
            Part::SetFile(key, file)
        }
        "--set-json" => Part::SetJson(value),
        "--set-literal" => {
            let (key, text) = after_equals(value);
            Part::SetLiteral(key, text)
        }
        flag => Part::Set(flag, value),
    }
}

/// Splits behind the first `=`; a text without one is all value.
fn after_equals(text: &str) -> (&str, &str) {
    text.split_at(text.find('=').map_or(0, |at| at + 1))
}

/// Splits at commas that no backslash guards.
fn files(value: &str) -> Vec<&str> {
    let mut files = Vec::new();
    let mut begin = 0;
    for (at, _) in value.match_indices(',') {
        if !value[..at].ends_with('\\') {
            files.push(&value[begin..at]);
            begin = at + 1;
        }
    }
    files.push(&value[begin..]);
    files
}

const FLAGS: [&str; 7] = ["-f", "--values", "--set", "--set-string", "--set-file", "--set-json", "--set-literal"];

#[cfg(test)]
mod tests;
