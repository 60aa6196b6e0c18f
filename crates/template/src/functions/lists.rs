//! sprig's lists. Each function has a twin with `must` in its name: where the plain one lets Go panic, both give the same message here.
//! A list is never changed: what adds or drops gives a new one. Specification: ESO §8.5.

use super::Type::{Any, Int};
use super::{Args, Function, Outcome, Run, compare, convert, flow, open, row};
use crate::value::{Element, List, Value};

pub const SPRIG: &[Function] = &[
    open("list", &[], Any, |run, args| run.list(args.0.to_vec())),
    open("tuple", &[], Any, |run, args| run.list(args.0.to_vec())),
    row("append", &[Any, Any], push),
    row("mustAppend", &[Any, Any], push),
    row("push", &[Any, Any], push),
    row("mustPush", &[Any, Any], push),
    row("prepend", &[Any, Any], prepend),
    row("mustPrepend", &[Any, Any], prepend),
    row("first", &[Any], |_, args| ends(args, "find first", <[Value]>::first)),
    row("mustFirst", &[Any], |_, args| ends(args, "find first", <[Value]>::first)),
    row("last", &[Any], |_, args| ends(args, "find last", <[Value]>::last)),
    row("mustLast", &[Any], |_, args| ends(args, "find last", <[Value]>::last)),
    row("rest", &[Any], rest),
    row("mustRest", &[Any], rest),
    row("initial", &[Any], initial),
    row("mustInitial", &[Any], initial),
    row("reverse", &[Any], reverse),
    row("mustReverse", &[Any], reverse),
    row("uniq", &[Any], uniq),
    row("mustUniq", &[Any], uniq),
    open("without", &[Any], Any, without),
    open("mustWithout", &[Any], Any, without),
    row("has", &[Any, Any], has),
    row("mustHas", &[Any, Any], has),
    row("compact", &[Any], compact),
    row("mustCompact", &[Any], compact),
    open("slice", &[Any], Any, slice),
    open("mustSlice", &[Any], Any, slice),
    row("chunk", &[Int, Any], chunk),
    row("mustChunk", &[Int, Any], chunk),
    open("concat", &[], Any, concat),
    row("sortAlpha", &[Any], sort),
];

fn push(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(0), convert::no_list("push"))?;
    let mut items = items.to_vec();
    items.push(args.any(1).clone());
    run.list(items)
}

fn prepend(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(0), convert::no_list("prepend"))?;
    let mut all = vec![args.any(1).clone()];
    all.extend_from_slice(items);
    run.list(all)
}

fn ends(args: Args<'_>, what: &str, pick: fn(&[Value]) -> Option<&Value>) -> Outcome {
    let items = convert::items(args.any(0), convert::no_list(what))?;
    Ok(pick(items).cloned().unwrap_or(Value::Nil))
}

fn rest(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    match convert::items(args.any(0), convert::no_list("find rest"))? {
        [] => Ok(Value::List(List::nil(Element::Any))),
        [_, rest @ ..] => run.list(rest.to_vec()),
    }
}

fn initial(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    match convert::items(args.any(0), convert::no_list("find initial"))? {
        [] => Ok(Value::List(List::nil(Element::Any))),
        [initial @ .., _] => run.list(initial.to_vec()),
    }
}

fn reverse(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(0), convert::no_list("find reverse"))?;
    run.list(items.iter().rev().cloned().collect())
}

fn uniq(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(0), convert::no_list("find uniq"))?;
    let mut unique: Vec<Value> = Vec::new();
    for item in items {
        if !holds(run, &unique, item)? {
            unique.push(item.clone());
        }
    }
    run.list(unique)
}

fn holds(run: &mut Run<'_>, items: &[Value], wanted: &Value) -> Result<bool, String> {
    for item in items {
        if compare::deep_equal(run, wanted, item, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn without(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(0), convert::no_list("find without"))?;
    let mut kept = Vec::new();
    for item in items {
        if !holds(run, args.rest(1), item)? {
            kept.push(item.clone());
        }
    }
    run.list(kept)
}

fn has(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    if args.any(1).is_nothing() {
        return Ok(Value::Bool(false));
    }
    let items = convert::items(args.any(1), convert::no_list("find has"))?;
    holds(run, items, args.any(0)).map(Value::Bool)
}

fn compact(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(0), convert::no_list("compact"))?;
    run.list(items.iter().filter(|item| !flow::is_empty(item)).cloned().collect())
}

/// The items from one index up to another without it; the type of the list stays.
fn slice(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(0), |kind| format!("list should be type of slice or array but {kind}"))?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let start = args.0.get(1).map_or(0, convert::int64);
    let end = args.0.get(2).map_or(i64::try_from(items.len()).unwrap_or(i64::MAX), convert::int64);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = range.and_then(|(start, end)| items.get(start..end));
    let Some(part) = part else {
        return Err("reflect.Value.Slice: slice index out of bounds".to_owned());
    };
    run.room(part.len())?;
    Ok(convert::list_like(args.list(0), part.to_vec()))
}

fn chunk(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let items = convert::items(args.any(1), |kind| format!("Cannot chunk type {kind}"))?;
    let Some(size) = usize::try_from(args.int(0)).ok().filter(|size| *size > 0) else {
        return Err("runtime error: makeslice: len out of range".to_owned());
    };
    run.room(items.len())?;
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
    Ok(Value::List(List::of(Element::List, chunks)))
}

fn concat(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let mut all = Vec::new();
    for value in args.0 {
        let items = convert::items(value, |kind| format!("Cannot concat type {kind} as list"))?;
        run.room(items.len())?;
        all.extend_from_slice(items);
    }
    run.list(all)
}

fn sort(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    if args.any(0).is_nothing() {
        return convert::text_list(run, vec![b"<nil>".to_vec()]);
    }
    let mut texts = convert::texts(run, args.any(0))?;
    texts.sort();
    convert::text_list(run, texts)
}
