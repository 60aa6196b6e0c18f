//! Go's own functions but for comparison and escapes, and sprig's that choose: defaults, conditions, `fail`.
//! Specification: ESO §8.5.

use super::Type::{Any, Bool, Text, Value as Reflected};
use super::{Args, Function, Outcome, Run, compare, convert, open, row};
use crate::print;
use crate::value::{Element, Map, Value};

pub const BUILTIN: &[Function] = &[
    // The evaluator stops `and` and `or` early, and knows that no data of ours holds a function to call; these rows give them their
    // place in the table.
    open("and", &[Reflected], Reflected, |_, args| Ok(args.any(0).clone())),
    open("or", &[Reflected], Reflected, |_, args| Ok(args.any(0).clone())),
    row("not", &[Reflected], |_, args| Ok(Value::Bool(!args.any(0).is_true()))),
    open("call", &[Reflected], Reflected, |_, args| Ok(args.any(0).clone())),
    open("index", &[Reflected], Reflected, |_, args| index(args.any(0), args.rest(1))),
    open("slice", &[Reflected], Reflected, |run, args| slice(run, args.any(0), args.rest(1))),
    row("len", &[Reflected], |_, args| len(args.any(0))),
    open("print", &[], Any, |run, args| run.printed(|out| print::print(out, args.rest(0)))),
    open("println", &[], Any, |run, args| run.printed(|out| print::println(out, args.rest(0)))),
    open("printf", &[Text], Any, |run, args| run.printed(|out| print::printf(out, args.text(0), args.rest(1)))),
];

pub const SPRIG: &[Function] = &[
    open("default", &[Any], Any, |_, args| {
        let given = args.0.get(1).filter(|given| !is_empty(given));
        Ok(given.unwrap_or(args.any(0)).clone())
    }),
    row("empty", &[Any], |_, args| Ok(Value::Bool(is_empty(args.any(0))))),
    open("coalesce", &[], Any, |_, args| {
        Ok(args.0.iter().find(|value| !is_empty(value)).cloned().unwrap_or(Value::Nil))
    }),
    open("all", &[], Any, |_, args| Ok(Value::Bool(!args.0.iter().any(is_empty)))),
    open("any", &[], Any, |_, args| Ok(Value::Bool(!args.0.iter().all(is_empty)))),
    row("ternary", &[Any, Any, Bool], |_, args| Ok(args.any(if args.truth(2) { 0 } else { 1 }).clone())),
    row("fail", &[Text], fail),
    row("hello", &[], |_, _| Ok(Value::text("Hello!"))),
    row("deepEqual", &[Any, Any], |run, args| compare::deep_equal(run, args.any(0), args.any(1), 0).map(Value::Bool)),
    row("typeOf", &[Any], |_, args| Ok(Value::text(printed_type(args.any(0))))),
    row("typeIs", &[Text, Any], |_, args| Ok(Value::Bool(args.text(0) == printed_type(args.any(1)).as_bytes()))),
    row("typeIsLike", &[Text, Any], |_, args| {
        let name = printed_type(args.any(1));
        let pointed = name.strip_prefix('*').unwrap_or(&name);
        Ok(Value::Bool(args.text(0) == name.as_bytes() || args.text(0) == pointed.as_bytes()))
    }),
    row("kindOf", &[Any], |_, args| Ok(Value::text(args.any(0).kind_name().into_owned()))),
    row("kindIs", &[Text, Any], |_, args| Ok(Value::Bool(args.text(0) == args.any(1).kind_name().as_bytes()))),
];

/// sprig's idea of nothing: what is false, empty or zero; a struct never is.
pub fn is_empty(value: &Value) -> bool {
    !value.is_true()
}

/// The type as `%T` prints it.
fn printed_type(value: &Value) -> String {
    if value.is_nothing() { "<nil>".to_owned() } else { value.type_name().into_owned() }
}

/// The message is the template's own; where it repeats a value of the data, that is left out.
fn fail(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let mut message = super::letters(args.text(0));
    let mut values = Vec::new();
    collect(run.data, &mut values, 0);
    values.sort_by_key(|text: &String| std::cmp::Reverse(text.len()));
    for value in values {
        message = message.replace(&value, "<redacted>");
    }
    Err(message)
}

/// The texts of the data, as far as they are long enough to tell anything.
fn collect(value: &Value, texts: &mut Vec<String>, depth: usize) {
    const TELLING: usize = 4;
    if depth > print::DEPTH {
        return;
    }
    match value {
        Value::Text(text) | Value::Number(text) => {
            let text = super::letters(text.bytes());
            texts.extend([text.trim().to_owned(), text].into_iter().filter(|text| text.len() >= TELLING));
        }
        Value::List(list) => list.items().iter().for_each(|item| collect(item, texts, depth + 1)),
        Value::Map(map) => map.entries().values().for_each(|item| collect(item, texts, depth + 1)),
        Value::Record(record) => record.fields.iter().for_each(|(_, item)| collect(item, texts, depth + 1)),
        _ => {}
    }
}

fn len(value: &Value) -> Outcome {
    match value {
        Value::Missing => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        Value::Nil => Err("len of nil pointer".to_owned()),
        Value::Text(text) | Value::Number(text) => Ok(Value::count(text.bytes().len())),
        Value::List(list) => Ok(Value::count(list.items().len())),
        Value::Map(map) => Ok(Value::count(map.len())),
        other => Err(format!("len of type {}", other.type_name())),
    }
}

fn index(value: &Value, path: &[Value]) -> Outcome {
    let mut value = value.clone();
    if value.is_nothing() {
        return Err("index of untyped nil".to_owned());
    }
    for index in path {
        value = match &value {
            Value::Missing | Value::Nil => return Err("index of nil pointer".to_owned()),
            Value::Text(text) | Value::Number(text) => {
                let byte = text.bytes()[position(index, text.bytes().len(), false)?];
                Value::Uint(crate::value::UintType::Uint8, u64::from(byte))
            }
            Value::List(list) => list.items()[position(index, list.items().len(), false)?].clone(),
            Value::Map(map) => entry(map, index)?,
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

fn entry(map: &Map, index: &Value) -> Outcome {
    match index {
        Value::Text(name) => Ok(map.value(name.bytes()).unwrap_or_else(|| map.element().zero())),
        Value::Missing | Value::Nil => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

/// An index into so many items; `may_end` for the ends of a slice.
fn position(index: &Value, length: usize, may_end: bool) -> Result<usize, String> {
    let number = match index {
        Value::Int(..) | Value::Month(_) | Value::Weekday(_) | Value::Duration(_) => Some(convert::int64(index)),
        Value::Uint(_, number) => i64::try_from(*number).ok(),
        Value::Missing | Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    let limit = if may_end { length + 1 } else { length };
    let found = number.and_then(|number| usize::try_from(number).ok()).filter(|index| *index < limit);
    found.ok_or_else(|| format!("index out of range: {}", number.map_or_else(String::new, |number| number.to_string())))
}

/// Go's `slice`, which is also what sprig's families would see if sprig had none.
fn slice(run: &mut Run<'_>, value: &Value, path: &[Value]) -> Outcome {
    let length = match value {
        Value::Missing | Value::Nil => return Err("slice of untyped nil".to_owned()),
        Value::Text(_) | Value::Number(_) if path.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        _ if path.len() > 3 => return Err(format!("too many slice indexes: {}", path.len())),
        Value::Text(text) | Value::Number(text) => text.bytes().len(),
        Value::List(list) => list.items().len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut ends = [0, length, length];
    for (end, index) in ends.iter_mut().zip(path) {
        *end = position(index, length, true)?;
    }
    let [start, end, capacity] = ends;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}"));
    }
    if path.len() == 3 && end > capacity {
        return Err(format!("invalid slice index: {end} > {capacity}"));
    }
    match value {
        Value::List(list) => {
            let items = list.items()[start..end].to_vec();
            run.room(items.len())?;
            Ok(convert::list_like(list, items))
        }
        Value::Number(text) => Ok(Value::Number(text.bytes()[start..end].into())),
        Value::Text(text) => run.text(&text.bytes()[start..end]),
        _ => Ok(Value::Map(Map::of(Element::Any, std::collections::BTreeMap::new()))),
    }
}
