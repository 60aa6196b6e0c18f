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

/// The text of a Go string literal, quotes included: interpreted or raw. `None` where Go says "invalid syntax".
pub fn unquoted(literal: &[u8]) -> Option<Vec<u8>> {
    let (&quote, rest) = literal.split_first()?;
    let (&last, mut inner) = rest.split_last()?;
    if last != quote {
        return None;
    }
    if quote == b'`' {
        return (!inner.contains(&b'`')).then(|| inner.iter().copied().filter(|byte| *byte != b'\r').collect());
    }
    let mut out = Vec::with_capacity(inner.len());
    while !inner.is_empty() {
        if inner[0] == quote || inner[0] == b'\n' {
            return None;
        }
        let (piece, rest) = unescaped(inner, quote)?;
        piece.push(&mut out);
        inner = rest;
    }
    Some(out)
}

/// The code of a Go character literal. `None` where it is none.
pub fn character(literal: &[u8]) -> Option<u32> {
    let inner = literal.strip_prefix(b"'")?;
    if matches!(inner.first(), None | Some(b'\'' | b'\n')) {
        return None;
    }
    let (piece, rest) = unescaped(inner, b'\'')?;
    let code = match piece {
        Piece::Byte(byte) => u32::from(byte),
        Piece::Letter(letter) => u32::from(letter),
        Piece::Bytes(bytes) => u32::from(runes(bytes).next()?.0),
    };
    (rest == b"'").then_some(code)
}

enum Piece<'a> {
    Byte(u8),
    Letter(char),
    Bytes(&'a [u8]),
}

impl Piece<'_> {
    fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => out.push(*byte),
            Self::Letter(letter) => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// The first character of what stands between quotes, and the rest.
fn unescaped(text: &[u8], quote: u8) -> Option<(Piece<'_>, &[u8])> {
    if text[0] != b'\\' {
        let (_, bytes) = runes(text).next()?;
        return Some((Piece::Bytes(bytes), &text[bytes.len()..]));
    }
    let (&kind, rest) = text[1..].split_first()?;
    let byte = |byte| Some((Piece::Byte(byte), rest));
    match kind {
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'v' => byte(11),
        b'\\' => byte(b'\\'),
        b'\'' | b'"' if kind == quote => byte(kind),
        b'x' => digits(rest, 2, 16).map(|(code, rest)| (Piece::Byte(code as u8), rest)),
        b'u' | b'U' => {
            let (code, rest) = digits(rest, if kind == b'u' { 4 } else { 8 }, 16)?;
            Some((Piece::Letter(char::from_u32(code)?), rest))
        }
        b'0'..=b'7' => {
            let (code, rest) = digits(&text[1..], 3, 8)?;
            Some((Piece::Byte(u8::try_from(code).ok()?), rest))
        }
        _ => None,
    }
}

fn digits(text: &[u8], length: usize, radix: u32) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(length)?;
    let all_digits = digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    let text = std::str::from_utf8(digits).ok().filter(|_| all_digits)?;
    Some((u32::from_str_radix(text, radix).ok()?, rest))
}
