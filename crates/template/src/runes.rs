//! Go's view of texts: bytes that are mostly UTF-8, where each byte that is none counts as one U+FFFD; and Go's literals and quotes.
//! Not here: what a function does with characters (`functions/strings`).

/// The characters of a text with their bytes; a byte that is no UTF-8 is U+FFFD.
pub fn runes(text: &[u8]) -> impl Iterator<Item = (char, &[u8])> {
    text.utf8_chunks().flat_map(|chunk| {
        let (valid, invalid) = (chunk.valid(), chunk.invalid());
        let letters =
            valid.char_indices().map(move |(at, letter)| (letter, &valid.as_bytes()[at..at + letter.len_utf8()]));
        letters.chain(invalid.chunks(1).map(|byte| (char::REPLACEMENT_CHARACTER, byte)))
    })
}

/// The text with U+FFFD for each byte that is no UTF-8.
pub fn repaired(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => runes(text).map(|(letter, _)| letter).collect(),
    }
}

/// How many characters Go counts.
pub fn count(text: &[u8]) -> usize {
    runes(text).count()
}

/// Go's white space, as `strings.TrimSpace` and `unicode.IsSpace` know it.
pub fn is_space(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
        || (letter > '\u{ff}' && letter.is_whitespace())
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols, and the ASCII space.
pub fn is_print(letter: char) -> bool {
    match letter {
        ' '..='~' => true,
        letter if letter.is_control() => false,
        '\u{ad}' => false,
        letter if letter.is_whitespace() => false,
        // Rust's escape knows which characters are unassigned, formats, surrogates or private; it also escapes what only joins.
        letter => {
            !is_format(letter) && (letter.is_alphanumeric() || letter.escape_debug().len() == 1 || is_combining(letter))
        }
    }
}

/// Characters that only shape their neighbours (Unicode's Cf).
fn is_format(letter: char) -> bool {
    matches!(letter, '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'..='\u{e007f}')
}

/// Marks, which Rust escapes only where they would cling to a quote.
fn is_combining(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{93c}' | '\u{93e}'..='\u{94f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20f0}' | '\u{302a}'..='\u{302f}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

/// The text in double quotes, as `%q` and `strconv.Quote` write it.
pub fn quoted(text: &[u8]) -> String {
    quoted_with(text, '"', false)
}

/// The text in these quotes; with `ascii` everything beyond is escaped.
pub fn quoted_with(text: &[u8], quote: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for (letter, bytes) in runes(text) {
        match bytes {
            [byte] if *byte >= 0x80 => out.push_str(&format!("\\x{byte:02x}")),
            _ => push_escaped(&mut out, letter, quote, ascii),
        }
    }
    out.push(quote);
    out
}

fn push_escaped(out: &mut String, letter: char, quote: char, ascii: bool) {
    match letter {
        '\\' => out.push_str("\\\\"),
        letter if letter == quote => out.extend(['\\', quote]),
        letter if is_print(letter) && (!ascii || letter.is_ascii()) => out.push(letter),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        letter => match u32::from(letter) {
            code @ (0..0x20 | 0x7f) => out.push_str(&format!("\\x{code:02x}")),
            code @ 0..0x10000 => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        },
    }
}
