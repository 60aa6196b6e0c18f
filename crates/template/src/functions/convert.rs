//! Values into one another, as sprig's loose typing has it: what a number, a text or a list of texts is made of.
//! A `json.Number` counts as the number that its text says.

use super::Type::{Any, Text};
use super::{Function, Outcome, Run, row};
use crate::literal;
use crate::print;
use crate::value::{List, Value};

pub const SPRIG: &[Function] = &[
    row("int", &[Any], |_, args| Ok(Value::int(int64(args.any(0))))),
    row("int64", &[Any], |_, args| Ok(Value::int64(int64(args.any(0))))),
    row("float64", &[Any], |_, args| Ok(Value::Float(float(args.any(0))))),
    row("atoi", &[Text], |_, args| Ok(Value::int(atoi(args.text(0))))),
    row("toDecimal", &[Any], |run, args| {
        let text = text(run, args.any(0))?;
        let digits = std::str::from_utf8(&text).ok();
        Ok(Value::int64(digits.and_then(|digits| i64::from_str_radix(digits, 8).ok()).unwrap_or(0)))
    }),
    row("toString", &[Any], |run, args| match args.any(0) {
        Value::Text(text) => Ok(Value::Text(text.clone())),
        value => {
            let text = text(run, value)?;
            run.text(text)
        }
    }),
    row("toStrings", &[Any], |run, args| {
        let texts = texts(run, args.any(0))?;
        Ok(Value::List(List::texts(texts)))
    }),
];

/// The value as a text: as it prints.
pub fn text(run: &mut Run<'_>, value: &Value) -> Result<Vec<u8>, String> {
    let mut out = print::Out::new(run.fuel);
    print::value(&mut out, value)?;
    let bytes = out.into_bytes();
    run.fuel.make(bytes.len())?;
    Ok(bytes)
}

/// The value as a list of texts; what is nothing is left out.
pub fn texts(run: &mut Run<'_>, value: &Value) -> Result<Vec<Vec<u8>>, String> {
    match value {
        Value::Missing | Value::Nil => Ok(Vec::new()),
        Value::List(list) => {
            run.room(list.items().len())?;
            list.items().iter().filter(|item| !item.is_nothing()).map(|item| text(run, item)).collect()
        }
        other => Ok(vec![text(run, other)?]),
    }
}

/// A list of the type that another one has.
pub fn list_like(list: &List, items: Vec<Value>) -> Value {
    Value::List(List::of(list.element(), items))
}

/// The items of a list, as sprig's list functions take them: nothing else is one.
pub fn items(value: &Value, refusal: impl FnOnce(&str) -> String) -> Result<&[Value], String> {
    match value {
        Value::List(list) => Ok(list.items()),
        Value::Missing | Value::Nil => {
            Err("runtime error: invalid memory address or nil pointer dereference".to_owned())
        }
        other => Err(refusal(&other.kind_name())),
    }
}

/// The value as a whole number; 0 where it is none.
pub fn int64(value: &Value) -> i64 {
    match value {
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => i64::try_from(*number).unwrap_or(i64::MAX),
        Value::Float(number) => truncated(*number),
        Value::Bool(truth) => i64::from(*truth),
        Value::Duration(duration) => duration.nanoseconds(),
        Value::Month(month) => i64::from(month.number()),
        Value::Weekday(day) => i64::from(day.number()),
        Value::Text(text) | Value::Number(text) => parsed_int(text.bytes()).unwrap_or(0),
        _ => 0,
    }
}

/// Go's conversion on amd64: what does not fit is the smallest number.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

/// In any of Go's bases; zeros behind a point do not count.
fn parsed_int(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let whole = text.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'));
    literal::parse_int(whole.map_or(text, |(whole, _)| whole))
}

/// The value as a float; 0 where it is none.
#[expect(clippy::cast_precision_loss, reason = "Go's conversion loses the same digits")]
pub fn float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::Uint(_, number) => *number as f64,
        Value::Text(text) | Value::Number(text) => {
            std::str::from_utf8(text.bytes()).ok().and_then(parsed_float).unwrap_or(0.0)
        }
        other => int64(other) as f64,
    }
}

/// Go's `strconv.ParseFloat`, decimal part.
pub fn parsed_float(text: &str) -> Option<f64> {
    let text = literal::without_separators(text)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let is_word = matches!(unsigned.as_str(), "inf" | "infinity" | "nan");
    text.parse().ok().filter(|number: &f64| is_word || (is_plain && number.is_finite()))
}

/// Go's `strconv.Atoi` without its error: 0, or the end of the range.
pub fn atoi(text: &[u8]) -> i64 {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match std::str::from_utf8(text).map(str::parse::<i64>) {
        Ok(Ok(number)) => number,
        Ok(Err(error)) if *error.kind() == PosOverflow => i64::MAX,
        Ok(Err(error)) if *error.kind() == NegOverflow => i64::MIN,
        _ => 0,
    }
}

/// The refusal of a value that is no list.
pub fn no_list(function: &str) -> impl Fn(&str) -> String {
    move |kind| format!("Cannot {function} on type {kind}")
}

/// An answer that is a list of texts.
pub fn text_list(run: &mut Run<'_>, texts: Vec<Vec<u8>>) -> Outcome {
    run.room(texts.len())?;
    run.fuel.make(texts.iter().map(Vec::len).sum())?;
    Ok(Value::List(List::texts(texts)))
}
