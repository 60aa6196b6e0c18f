//! Go's own escapes for HTML, JavaScript and queries; sprig has none.
//! Specification: ESO §8.5 (Go built-ins).

use super::Type::Any;
use super::{Args, Function, Outcome, Run, open};
use crate::print;
use crate::runes;
use crate::value::Value;

pub const BUILTIN: &[Function] = &[
    open("html", &[], Any, |run, args| escaped(run, args, html)),
    open("js", &[], Any, |run, args| escaped(run, args, js)),
    open("urlquery", &[], Any, |run, args| escaped(run, args, query)),
];

/// The arguments as `print` writes them, nothing as `<no value>`, and then escaped.
fn escaped(run: &mut Run<'_>, args: Args<'_>, escape: fn(&[u8]) -> Vec<u8>) -> Outcome {
    let shown = |value: &Value| if value.is_nothing() { Value::text("<no value>") } else { value.clone() };
    let values: Vec<Value> = args.0.iter().map(shown).collect();
    let text = match values.as_slice() {
        [Value::Text(text)] => Value::Text(text.clone()),
        values => run.printed(|out| print::print(out, values))?,
    };
    match text {
        Value::Text(text) => run.text(escape(text.bytes())),
        _ => unreachable!("what is printed is a text"),
    }
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        out.extend_from_slice(match byte {
            0 => "\u{fffd}".as_bytes(),
            b'"' => b"&#34;",
            b'\'' => b"&#39;",
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            other => std::slice::from_ref(other),
        });
    }
    out
}

fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (letter, bytes) in runes::runes(text) {
        match letter {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..=' ' if letter != ' ' => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(letter)).as_bytes());
            }
            letter if letter.is_ascii() || runes::is_print(letter) => out.extend_from_slice(bytes),
            letter => out.extend_from_slice(format!("\\u{:04X}", u32::from(letter)).as_bytes()),
        }
    }
    out
}

/// `url.QueryEscape`: a space is `+`.
pub fn query(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}
