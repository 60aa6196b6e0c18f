//! Upper and lower case, and the cases of words: `snake_case`, `kebab-case`, `CamelCase`.
//! A character becomes one character, as in Go: `ß` stays.

use crate::runes;

/// Every character through the map; bytes that are no UTF-8 become U+FFFD only where something changes, as in Go.
pub fn mapped(text: &[u8], map: fn(char) -> char) -> Vec<u8> {
    if let Ok(text) = std::str::from_utf8(text) {
        return text.chars().map(map).collect::<String>().into_bytes();
    }
    runes::runes(text).map(|(letter, _)| map(letter)).collect::<String>().into_bytes()
}

/// Go's `unicode.ToUpper`: one character for one.
pub fn upper(letter: char) -> char {
    single(letter, letter.to_uppercase())
}

/// Go's `unicode.ToLower`: one character for one.
pub fn lower(letter: char) -> char {
    match letter {
        'İ' => 'i',
        letter => single(letter, letter.to_lowercase()),
    }
}

fn single(letter: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

/// Every word with a capital, where a word starts behind anything that is no letter, digit, `_` or `'`.
pub fn title(text: &str) -> String {
    let mut before = ' ';
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '\'');
    text.chars()
        .map(|letter| {
            let starts = if before.is_ascii() { !is_word(before) } else { runes::is_space(before) };
            before = letter;
            if starts { upper(letter) } else { letter }
        })
        .collect()
}

/// Every word without a capital; a word starts behind white space.
pub fn untitle(text: &str) -> String {
    let mut starts = true;
    text.chars()
        .map(|letter| {
            let is_start = std::mem::replace(&mut starts, runes::is_space(letter));
            if is_start { lower(letter) } else { letter }
        })
        .collect()
}

/// Capitals to small letters and back; a small letter at the start of a word becomes a title letter.
pub fn swapped(text: &str) -> String {
    let swap = |letter: char| match letter {
        letter if letter.is_uppercase() => lower(letter),
        letter if letter.is_lowercase() => upper(letter),
        letter => letter,
    };
    text.chars().map(swap).collect()
}

/// Words in small letters between separators.
pub fn separated(text: &str, separator: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let letters: Vec<char> = text.chars().collect();
    let kinds: Vec<Kind> = letters.iter().map(|letter| Kind::of(*letter)).collect();
    for (index, letter) in letters.iter().enumerate() {
        if kinds[index] == Kind::Separator {
            out.push(separator);
            continue;
        }
        if index > 0 && starts_word(&kinds, index) {
            out.push(separator);
        }
        out.push(lower(*letter));
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Digit,
    Separator,
    Other,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            '_' | '-' => Self::Separator,
            letter if runes::is_space(letter) => Self::Separator,
            letter if letter.is_uppercase() => Self::Upper,
            letter if letter.is_numeric() => Self::Digit,
            _ => Self::Other,
        }
    }
}

fn starts_word(kinds: &[Kind], index: usize) -> bool {
    let (before, here) = (kinds[index - 1], kinds[index]);
    let after = kinds.get(index + 1).copied();
    match (before, here) {
        (Kind::Other | Kind::Digit, Kind::Upper) => true,
        (Kind::Upper, Kind::Upper) => after == Some(Kind::Other),
        (Kind::Upper | Kind::Other, Kind::Digit) => {
            let behind = kinds[index..].iter().find(|kind| **kind != Kind::Digit);
            behind == Some(&Kind::Other)
        }
        _ => false,
    }
}

/// Words put together, each with a capital; separators at the start and all but one of several stay.
pub fn camel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let is_separator = |letter: char| matches!(letter, '_' | '-') || runes::is_space(letter);
    while let Some(letter) = letters.next_if(|letter| is_separator(*letter)) {
        out.push(letter);
    }
    let mut starts = true;
    let mut pending: Option<char> = None;
    for letter in letters {
        if is_separator(letter) {
            out.extend(pending.replace(letter));
            starts = true;
            continue;
        }
        pending = None;
        out.push(if starts { upper(letter) } else { lower(letter) });
        starts = false;
    }
    out.extend(pending);
    out
}
