//! sprig's text functions. Where Go counts bytes (`trunc`, `substr`, `abbrev`), so do these.
//! Not here: cases of words (`strings/case`). Specification: ESO §8.5.

mod case;
mod wrap;

use super::Type::{Any, Int, Text};
use super::{Args, Function, Outcome, Run, convert, letters, open, row};
use crate::print;
use crate::runes;
use crate::value::Value;

pub const SPRIG: &[Function] = &[
    row("trim", &[Text], |run, args| run.text(trimmed(args.text(0)))),
    row("trimAll", &[Text, Text], trim_all),
    row("trimall", &[Text, Text], trim_all),
    row("trimPrefix", &[Text, Text], |run, args| {
        let text = args.text(1);
        run.text(text.strip_prefix(args.text(0)).unwrap_or(text))
    }),
    row("trimSuffix", &[Text, Text], |run, args| {
        let text = args.text(1);
        run.text(text.strip_suffix(args.text(0)).unwrap_or(text))
    }),
    row("upper", &[Text], |run, args| run.text(case::mapped(args.text(0), case::upper))),
    row("lower", &[Text], |run, args| run.text(case::mapped(args.text(0), case::lower))),
    row("title", &[Text], |run, args| run.text(case::title(&letters(args.text(0))))),
    row("untitle", &[Text], |run, args| run.text(case::untitle(&letters(args.text(0))))),
    row("swapcase", &[Text], |run, args| run.text(case::swapped(&letters(args.text(0))))),
    row("snakecase", &[Text], |run, args| run.text(case::separated(&letters(args.text(0)), '_'))),
    row("kebabcase", &[Text], |run, args| run.text(case::separated(&letters(args.text(0)), '-'))),
    row("camelcase", &[Text], |run, args| run.text(case::camel(&letters(args.text(0))))),
    row("nospace", &[Text], |run, args| {
        let text = args.text(0);
        match text.iter().any(|byte| is_latin_space(*byte)) {
            true => run.text(latin(text.iter().filter(|byte| !is_latin_space(**byte)))),
            false => Ok(args.any(0).clone()),
        }
    }),
    row("initials", &[Text], |run, args| run.text(initials(args.text(0)))),
    row("abbrev", &[Int, Text], |run, args| {
        let (width, text) = (args.int(0), args.text(1));
        run.text(if width < 4 { text.to_vec() } else { abbreviated(text, 0, width) })
    }),
    row("abbrevboth", &[Int, Int, Text], |run, args| {
        let (left, right, text) = (args.int(0), args.int(1), args.text(2));
        let is_plain = right < 4 || (left > 0 && right < 7);
        run.text(if is_plain { text.to_vec() } else { abbreviated(text, left, right) })
    }),
    row("trunc", &[Int, Text], |run, args| run.text(truncated(args.text(1), args.int(0)))),
    row("substr", &[Int, Int, Text], |run, args| {
        let part = substring(args.text(2), args.int(0), args.int(1))?;
        run.text(part)
    }),
    row("repeat", &[Int, Text], |run, args| {
        let Ok(times) = usize::try_from(args.int(0)) else {
            return Err("strings: negative Repeat count".to_owned());
        };
        run.fuel.make(args.text(1).len().saturating_mul(times))?;
        Ok(Value::text(args.text(1).repeat(times)))
    }),
    row("contains", &[Text, Text], |_, args| Ok(Value::Bool(find(args.text(1), args.text(0)).is_some()))),
    row("hasPrefix", &[Text, Text], |_, args| Ok(Value::Bool(args.text(1).starts_with(args.text(0))))),
    row("hasSuffix", &[Text, Text], |_, args| Ok(Value::Bool(args.text(1).ends_with(args.text(0))))),
    row("replace", &[Text, Text, Text], |run, args| replace(run, args.text(2), args.text(0), args.text(1))),
    row("indent", &[Int, Text], |run, args| indent(run, args, b"")),
    row("nindent", &[Int, Text], |run, args| indent(run, args, b"\n")),
    open("quote", &[], Any, |run, args| each_text(run, args, |text| runes::quoted(text).into_bytes())),
    open("squote", &[], Any, |run, args| each_text(run, args, |text| [b"'", text, b"'"].concat())),
    open("cat", &[], Any, |run, args| each_text(run, args, <[u8]>::to_vec)),
    row("plural", &[Text, Text, Int], |_, args| Ok(args.any(usize::from(args.int(2) != 1)).clone())),
    row("wrap", &[Int, Text], |run, args| wrap::wrapped(run, args.text(1), args.int(0), b"\n", false)),
    row("wrapWith", &[Int, Text, Text], |run, args| wrap::wrapped(run, args.text(2), args.int(0), args.text(1), true)),
    row("join", &[Text, Any], |run, args| {
        let texts = convert::texts(run, args.any(1))?;
        let length = texts.iter().map(Vec::len).sum::<usize>() + args.text(0).len().saturating_mul(texts.len());
        run.fuel.make(length)?;
        Ok(Value::text(texts.join(args.text(0))))
    }),
    row("split", &[Text, Text], |run, args| numbered(run, split(args.text(1), args.text(0), usize::MAX))),
    row("splitn", &[Text, Int, Text], |run, args| {
        let parts = match args.int(1) {
            0 => Vec::new(),
            count => split(args.text(2), args.text(0), usize::try_from(count).unwrap_or(usize::MAX)),
        };
        numbered(run, parts)
    }),
    row("splitList", &[Text, Text], |run, args| {
        let parts = split(args.text(1), args.text(0), usize::MAX);
        convert::text_list(run, parts)
    }),
    row("shuffle", &[Text], shuffle),
    row("randAlphaNum", &[Int], |run, args| random(run, args, |byte| byte.is_ascii_alphanumeric())),
    row("randAlpha", &[Int], |run, args| random(run, args, |byte| byte.is_ascii_alphabetic())),
    row("randNumeric", &[Int], |run, args| random(run, args, |byte| byte.is_ascii_digit())),
    row("randAscii", &[Int], |run, args| random(run, args, |byte| (b' '..=b'~').contains(&byte))),
];

/// Where a part starts in a text.
pub fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    match part {
        [] => Some(0),
        [byte] => text.iter().position(|found| found == byte),
        _ => text.windows(part.len()).position(|window| window == part),
    }
}

/// Go's `strings.SplitN`; without a separator, into characters.
pub fn split(text: &[u8], separator: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut rest = text;
    if separator.is_empty() {
        while !rest.is_empty() && parts.len() + 1 < count {
            let length = runes::runes(rest).next().map_or(rest.len(), |(_, bytes)| bytes.len());
            parts.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        if !rest.is_empty() {
            parts.push(rest.to_vec());
        }
        return parts;
    }
    while parts.len() + 1 < count {
        let Some(at) = find(rest, separator) else { break };
        parts.push(rest[..at].to_vec());
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest.to_vec());
    parts
}

/// `map[_0:… _1:…]`
fn numbered(run: &mut Run<'_>, parts: Vec<Vec<u8>>) -> Outcome {
    run.room(parts.len())?;
    Ok(Value::texts(parts.into_iter().enumerate().map(|(index, part)| (format!("_{index}"), part))))
}

fn trimmed(text: &[u8]) -> &[u8] {
    trimmed_of(text, runes::is_space)
}

fn trimmed_of(text: &[u8], drop: impl Fn(char) -> bool) -> &[u8] {
    let is_kept = |(letter, _): &(char, &[u8])| !drop(*letter);
    let start: usize = runes::runes(text).take_while(|rune| !is_kept(rune)).map(|(_, bytes)| bytes.len()).sum();
    let mut end = start;
    let mut at = start;
    for rune in runes::runes(&text[start..]) {
        at += rune.1.len();
        if is_kept(&rune) {
            end = at;
        }
    }
    &text[start..end]
}

fn trim_all(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let cut = letters(args.text(0));
    run.text(trimmed_of(args.text(1), |letter| cut.contains(letter)))
}

/// The peer's library takes bytes for characters in a few functions: what is not ASCII comes out as if it were Latin-1.
fn latin<'b>(bytes: impl Iterator<Item = &'b u8>) -> String {
    bytes.map(|byte| char::from(*byte)).collect()
}

fn is_latin_space(byte: u8) -> bool {
    runes::is_space(char::from(byte))
}

/// The first bytes of words.
fn initials(text: &[u8]) -> String {
    let words = text.split(|byte| is_latin_space(*byte));
    latin(words.filter_map(<[u8]>::first))
}

/// Shortened to a width with `...` on one side or both.
fn abbreviated(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let (length, width) = (text.len(), usize::try_from(width).unwrap_or(0));
    if length <= width {
        return text.to_vec();
    }
    let offset = usize::try_from(offset).unwrap_or(0).min(length);
    let offset = if length - offset < width - 3 { length - (width - 3) } else { offset };
    if offset <= 4 {
        return [&text[..width - 3], b"..."].concat();
    }
    if offset + width - 3 < length {
        return [b"...".to_vec(), abbreviated(&text[offset..], 0, i64::try_from(width - 3).unwrap_or(0))].concat();
    }
    [b"...", &text[length - (width - 3)..]].concat()
}

fn truncated(text: &[u8], count: i64) -> &[u8] {
    let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    match (count < 0, length < text.len()) {
        (_, false) => text,
        (true, true) => &text[text.len() - length..],
        (false, true) => &text[..length],
    }
}

fn substring(text: &[u8], start: i64, end: i64) -> Result<&[u8], String> {
    let out_of_range = |what: String| format!("runtime error: slice bounds out of range [{what}]");
    let length = text.len();
    let Ok(from) = usize::try_from(start) else {
        let end = usize::try_from(end).map_err(|_| out_of_range(format!(":{end}")))?;
        return text.get(..end).ok_or_else(|| format!("{} with length {length}", out_of_range(format!(":{end}"))));
    };
    match usize::try_from(end) {
        Ok(end) if end <= length => text.get(from..end).ok_or_else(|| out_of_range(format!("{from}:{end}"))),
        _ => text.get(from..).ok_or_else(|| out_of_range(format!("{from}:{length}"))),
    }
}

fn replace(run: &mut Run<'_>, text: &[u8], old: &[u8], new: &[u8]) -> Outcome {
    let parts = if old.is_empty() { around_letters(text) } else { split(text, old, usize::MAX) };
    let added = new.len().saturating_mul(parts.len().saturating_sub(1));
    run.fuel.make(text.len().saturating_add(added))?;
    Ok(Value::text(parts.join(new)))
}

/// Nothing matches before each character, and at the end.
fn around_letters(text: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = split(text, b"", usize::MAX);
    parts.insert(0, Vec::new());
    parts.push(Vec::new());
    parts
}

fn indent(run: &mut Run<'_>, args: Args<'_>, before: &[u8]) -> Outcome {
    let Ok(width) = usize::try_from(args.int(0)) else {
        return Err("strings: negative Repeat count".to_owned());
    };
    let text = args.text(1);
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    run.fuel.make(text.len().saturating_add(width.saturating_mul(lines)))?;
    let padding = vec![b' '; width];
    let mut out = before.to_vec();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&padding);
        out.extend_from_slice(line);
    }
    Ok(Value::text(out))
}

/// Each argument as a text of its own, joined by spaces; nothing is left out.
fn each_text(run: &mut Run<'_>, args: Args<'_>, shape: impl Fn(&[u8]) -> Vec<u8>) -> Outcome {
    let mut parts = Vec::new();
    for value in args.0.iter().filter(|value| !value.is_nothing()) {
        let mut out = print::Out::new(run.fuel);
        print::value(&mut out, value)?;
        parts.push(shape(&out.into_bytes()));
    }
    run.text(parts.join(&b' '))
}

/// A random whole number below the limit, each as likely.
pub fn below(run: &mut Run<'_>, limit: u64) -> u64 {
    // What is beyond the last whole multiple of the limit would make small numbers likelier.
    let fair = u64::MAX - u64::MAX % limit.max(1);
    loop {
        let drawn = run.rng.next_u64();
        if drawn < fair {
            return drawn % limit.max(1);
        }
    }
}

fn shuffle(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let mut letters: Vec<char> = letters(args.text(0)).chars().collect();
    for index in (1..letters.len()).rev() {
        let other = below(run, index as u64 + 1);
        letters.swap(index, usize::try_from(other).expect("it is below an index"));
    }
    run.text(letters.into_iter().collect::<String>())
}

fn random(run: &mut Run<'_>, args: Args<'_>, accept: fn(u8) -> bool) -> Outcome {
    let Ok(count) = usize::try_from(args.int(0)) else { return Ok(Value::text("")) };
    run.fuel.make(count)?;
    let alphabet: Vec<u8> = (0..=127).filter(|byte| accept(*byte)).collect();
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        let index = below(run, alphabet.len() as u64);
        out.push(alphabet[usize::try_from(index).expect("an alphabet is short")]);
    }
    Ok(Value::text(out))
}
