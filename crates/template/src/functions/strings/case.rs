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

/// Go's `unicode.ToTitle`: as upper case, but for letters that have a form of their own at the start of a word.
fn title_letter(letter: char) -> char {
    match letter {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        // Georgian has capitals for whole words only.
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => letter,
        letter => upper(letter),
    }
}

fn is_title_letter(letter: char) -> bool {
    matches!(letter, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// Every word with a capital, where a word starts behind anything that is no letter, digit, `_` or `'`.
pub fn title(text: &str) -> String {
    let mut before = ' ';
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '\'');
    text.chars()
        .map(|letter| {
            let starts = if before.is_ascii() { !is_word(before) } else { runes::is_space(before) };
            before = letter;
            if starts { title_letter(letter) } else { letter }
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
    let mut starts = true;
    text.chars()
        .map(|letter| {
            let is_start = std::mem::replace(&mut starts, runes::is_space(letter));
            match letter {
                letter if letter.is_uppercase() || is_title_letter(letter) => lower(letter),
                letter if letter.is_lowercase() && is_start => title_letter(letter),
                letter if letter.is_lowercase() => upper(letter),
                letter => letter,
            }
        })
        .collect()
}

/// Words in small letters between separators. A word starts at a capital behind a small letter or a digit, at the last of several
/// capitals if a small letter follows, and at a digit that small letters follow; in such a word digits and small letters go on.
/// Symbols in a row are a word; punctuation parts words without a separator.
pub fn separated(text: &str, separator: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let letters: Vec<char> = text.chars().collect();
    let mut kinds: Vec<Kind> = letters.iter().map(|letter| Kind::of(*letter)).collect();
    for index in 1..kinds.len() {
        // Punctuation in a row stays together, `-` and `_` too.
        if kinds[index - 1] == Kind::Punctuation && matches!(letters[index], '-' | '_') {
            kinds[index] = Kind::Punctuation;
        }
    }
    let mut in_number = false;
    for (index, letter) in letters.iter().enumerate() {
        let here = kinds[index];
        if here == Kind::Separator {
            out.push(separator);
            in_number = false;
            continue;
        }
        let before = index.checked_sub(1).map_or(Kind::Separator, |before| kinds[before]);
        if starts_word(before, &kinds[index..], in_number) {
            out.push(separator);
            in_number = false;
        }
        in_number &= !matches!(here, Kind::Punctuation | Kind::Symbol);
        in_number |=
            here == Kind::Digit && (matches!(before, Kind::Separator | Kind::Punctuation) || out.ends_with(separator));
        out.push(if here == Kind::Upper { lower(*letter) } else { *letter });
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Separator,
    Punctuation,
    Symbol,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            '_' | '-' => Self::Separator,
            letter if runes::is_space(letter) => Self::Separator,
            letter if letter.is_numeric() => Self::Digit,
            letter if letter.is_uppercase() => Self::Upper,
            // A letter in title case is no capital.
            letter if letter.is_lowercase() || letter.to_lowercase().next() != Some(letter) => Self::Lower,
            letter if is_punctuation(letter) => Self::Punctuation,
            _ => Self::Symbol,
        }
    }
}

/// Unicode's punctuation, as far as it is met between words: what else is neither letter nor digit counts as a symbol.
fn is_punctuation(letter: char) -> bool {
    match letter {
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => false,
        letter if letter.is_ascii() => letter.is_ascii_punctuation(),
        letter => matches!(letter, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}' | '\u{2053}'..='\u{205e}'
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}'),
    }
}

fn starts_word(before: Kind, rest: &[Kind], in_number: bool) -> bool {
    let after = rest.get(1).copied();
    match (before, rest[0]) {
        (Kind::Lower | Kind::Digit, Kind::Upper) => true,
        (Kind::Upper, Kind::Upper) => after == Some(Kind::Lower),
        (Kind::Upper | Kind::Lower | Kind::Digit, Kind::Symbol) | (Kind::Symbol, Kind::Upper | Kind::Lower) => true,
        (Kind::Upper | Kind::Lower | Kind::Symbol, Kind::Digit) if !in_number => {
            rest.iter().find(|kind| **kind != Kind::Digit) == Some(&Kind::Lower)
        }
        _ => false,
    }
}

/// Words put together, each with a capital; capitals at the start of a word become small, later ones stay.
/// Separators at the start and all but one of several stay.
pub fn camel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let is_separator = |letter: char| matches!(letter, '_' | '-') || runes::is_space(letter);
    while let Some(letter) = letters.next_if(|letter| is_separator(*letter)) {
        out.push(letter);
    }
    if letters.peek().is_none() {
        // The peer's library writes the last one twice.
        out.extend(out.chars().next_back());
        return out;
    }
    let mut starts = true;
    let mut in_capitals = false;
    let mut pending: Option<char> = None;
    for letter in letters {
        if is_separator(letter) {
            out.extend(pending.replace(letter));
            starts = true;
            continue;
        }
        pending = None;
        in_capitals = letter.is_uppercase() && (starts || in_capitals);
        out.push(match (starts, in_capitals) {
            (true, _) => upper(letter),
            (false, true) => lower(letter),
            (false, false) => letter,
        });
        starts = false;
    }
    out.extend(pending);
    out
}
