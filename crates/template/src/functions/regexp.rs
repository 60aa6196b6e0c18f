//! sprig's regular expressions: RE2's syntax and Go's replacements, by the crate `regex`. A pattern is compiled once a run;
//! time is linear in the text. Specification: ESO §8.5.

use regex::bytes::{Captures, Regex};

use super::Type::{Int, Text};
use super::{Args, Function, Outcome, Run, convert, letters, row};
use crate::pattern;
use crate::value::{Element, List, Value};

pub const SPRIG: &[Function] = &[
    row("regexMatch", &[Text, Text], |run, args| matches(run, args).or(Ok(Value::Bool(false)))),
    row("mustRegexMatch", &[Text, Text], matches),
    row("regexFind", &[Text, Text], find),
    row("mustRegexFind", &[Text, Text], find),
    row("regexFindAll", &[Text, Text, Int], find_all),
    row("mustRegexFindAll", &[Text, Text, Int], find_all),
    row("regexReplaceAll", &[Text, Text, Text], replace),
    row("mustRegexReplaceAll", &[Text, Text, Text], replace),
    row("regexReplaceAllLiteral", &[Text, Text, Text], replace_literal),
    row("mustRegexReplaceAllLiteral", &[Text, Text, Text], replace_literal),
    row("regexSplit", &[Text, Text, Int], split),
    row("mustRegexSplit", &[Text, Text, Int], split),
    row("regexQuoteMeta", &[Text], |run, args| run.text(quoted(args.text(0)))),
];

/// The pattern, for use on the text.
fn compiled(run: &mut Run<'_>, pattern: &[u8], text: &[u8]) -> Result<Regex, String> {
    run.fuel.make(pattern.len().saturating_mul(64).saturating_add(text.len().saturating_mul(4)))?;
    run.patterns.compiled(&letters(pattern))
}

fn matches(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    Ok(Value::Bool(compiled(run, args.text(0), args.text(1))?.is_match(args.text(1))))
}

fn find(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let text = args.text(1);
    let found = compiled(run, args.text(0), text)?.find(text).map_or(&b""[..], |found| found.as_bytes());
    run.text(found)
}

fn find_all(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let text = args.text(1);
    let limit = usize::try_from(args.int(2)).unwrap_or(usize::MAX);
    let compiled = compiled(run, args.text(0), text)?;
    let found: Vec<Vec<u8>> =
        pattern::matches(&compiled, text).take(limit).map(|found| found.get_match().as_bytes().to_vec()).collect();
    if found.is_empty() {
        return Ok(Value::List(List::nil(Element::Text)));
    }
    convert::text_list(run, found)
}

fn replace(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    replaced(run, args, pattern::expand)
}

fn replace_literal(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    replaced(run, args, |_, replacement, out| out.extend_from_slice(replacement))
}

/// The text with what `expand` makes of the replacement in the place of each match.
fn replaced(run: &mut Run<'_>, args: Args<'_>, expand: impl Fn(&Captures<'_>, &[u8], &mut Vec<u8>)) -> Outcome {
    let (text, replacement) = (args.text(1), args.text(2));
    let compiled = compiled(run, args.text(0), text)?;
    let mut out = crate::print::Out::new(run.fuel);
    let mut end = 0;
    for captures in pattern::matches(&compiled, text) {
        let whole = captures.get_match();
        let mut expanded = Vec::new();
        expand(&captures, replacement, &mut expanded);
        out.push(&text[end..whole.start()])?;
        out.push(&expanded)?;
        end = whole.end();
    }
    out.push(&text[end..])?;
    run.text(out.into_bytes())
}

/// Go's `Split`: up to so many parts; no match at the very start of the text counts if it is empty.
fn split(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let (text, count) = (args.text(1), args.int(2));
    let compiled = compiled(run, args.text(0), text)?;
    if count == 0 {
        return Ok(Value::List(List::nil(Element::Text)));
    }
    if text.is_empty() && !args.text(0).is_empty() {
        return convert::text_list(run, vec![Vec::new()]);
    }
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for captures in pattern::matches(&compiled, text) {
        let found = captures.get_match();
        if parts.len() + 1 == limit {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(text[start..end].to_vec());
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(text[start..].to_vec());
    }
    convert::text_list(run, parts)
}

fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if br"\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}
