//! sprig's dicts. `set`, `unset` and `merge` change the map that they are given, and everybody who holds it sees that.
//! Specification: ESO §8.5.

use std::collections::BTreeMap;

use super::Type::{Any, Map as Dict, Text};
use super::{Args, Function, Outcome, Run, convert, flow, open, row};
use crate::print::DEPTH;
use crate::value::{Element, List, Map, Text as Bytes, Value};

pub const SPRIG: &[Function] = &[
    open("dict", &[], Any, dict),
    row("get", &[Dict, Text], |_, args| Ok(args.map(0).value(args.text(1)).unwrap_or_else(|| Value::text("")))),
    row("set", &[Dict, Text, Any], |run, args| {
        run.room(1)?;
        args.map(0).insert(args.shared(1).clone(), some(args.any(2)))?;
        Ok(args.any(0).clone())
    }),
    row("unset", &[Dict, Text], |_, args| {
        args.map(0).remove(args.text(1));
        Ok(args.any(0).clone())
    }),
    row("hasKey", &[Dict, Text], |_, args| Ok(Value::Bool(args.map(0).entries().contains_key(args.text(1))))),
    open("pluck", &[Text], Dict, |run, args| {
        let found = args.rest(1).iter().filter_map(|map| match map {
            Value::Map(map) => map.value(args.text(0)),
            _ => None,
        });
        let found = found.collect();
        run.list(found)
    }),
    open("keys", &[], Dict, |run, args| {
        let mut names = Vec::new();
        for map in args.0 {
            if let Value::Map(map) = map {
                names.extend(map.entries().keys().map(|name| Value::Text(name.clone())));
            }
        }
        run.room(names.len())?;
        Ok(Value::List(List::of(Element::Text, names)))
    }),
    row("values", &[Dict], |run, args| {
        let values = args.map(0).entries().values().cloned().collect();
        run.list(values)
    }),
    open("pick", &[Dict], Text, |run, args| chosen(run, args, true)),
    open("omit", &[Dict], Text, |run, args| chosen(run, args, false)),
    open("merge", &[Dict], Dict, |run, args| merge(run, args, false)),
    open("mustMerge", &[Dict], Dict, |run, args| merge(run, args, false)),
    open("mergeOverwrite", &[Dict], Dict, |run, args| merge(run, args, true)),
    open("mustMergeOverwrite", &[Dict], Dict, |run, args| merge(run, args, true)),
    open("dig", &[], Any, dig),
    row("deepCopy", &[Any], copy),
    row("mustDeepCopy", &[Any], copy),
];

/// Nothing, as an entry of a map holds it.
fn some(value: &Value) -> Value {
    if value.is_nothing() { Value::Nil } else { value.clone() }
}

/// Names and values by turns; a last name without a value has an empty text.
fn dict(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    run.room(args.0.len())?;
    let mut entries = BTreeMap::new();
    for pair in args.0.chunks(2) {
        let name = Bytes::from(convert::text(run, &pair[0])?);
        entries.insert(name, pair.get(1).map_or_else(|| Value::text(""), some));
    }
    Ok(Value::Map(Map::new(entries)))
}

fn chosen(run: &mut Run<'_>, args: Args<'_>, is_kept: bool) -> Outcome {
    let names: std::collections::BTreeSet<&[u8]> = (1..args.0.len()).map(|index| args.text(index)).collect();
    let entries = args.map(0).entries();
    let kept = entries.iter().filter(|(name, _)| names.contains(name.bytes()) == is_kept);
    let kept: BTreeMap<Bytes, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    run.room(kept.len())?;
    Ok(Value::Map(Map::new(kept)))
}

/// The first map takes what the others have: what is new, or what is not empty there; maps inside are merged as well.
fn merge(run: &mut Run<'_>, args: Args<'_>, overwrites: bool) -> Outcome {
    for source in args.rest(1) {
        if let Value::Map(source) = source {
            merge_into(run, args.map(0), source, overwrites, 0)?;
        }
    }
    Ok(args.any(0).clone())
}

fn merge_into(run: &mut Run<'_>, target: &Map, source: &Map, overwrites: bool, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("values nest deeper than {DEPTH}"));
    }
    if target.is_same(source) {
        return Ok(());
    }
    let entries: Vec<(Bytes, Value)> =
        source.entries().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    run.room(entries.len())?;
    for (name, theirs) in entries {
        let ours = target.value(name.bytes());
        match (&ours, &theirs) {
            (Some(Value::Map(ours)), Value::Map(theirs)) if ours.element() == theirs.element() => {
                merge_into(run, ours, theirs, overwrites, depth + 1)?;
            }
            (Some(ours), theirs) => {
                if overwrites || (flow::is_empty(ours) && !theirs.is_nothing()) {
                    target.insert(name, theirs.clone())?;
                }
            }
            (None, theirs) => target.insert(name, theirs.clone())?,
        }
    }
    Ok(())
}

/// `dig "a" "b" default dict`
fn dig(_: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let [names @ .., default, map] = args.0 else {
        return Err("dig needs at least three arguments".to_owned());
    };
    if names.is_empty() {
        return Err("dig needs at least three arguments".to_owned());
    }
    let mut value = map.clone();
    for name in names {
        let (Value::Map(map), Value::Text(name)) = (&value, name) else {
            return Err(no_dict(&value, name));
        };
        if map.element() != Element::Any {
            return Err(no_dict(&value, args.any(0)));
        }
        let Some(found) = map.value(name.bytes()) else { return Ok(default.clone()) };
        value = found;
    }
    Ok(value)
}

fn no_dict(value: &Value, name: &Value) -> String {
    let conversion = |value: &Value, wanted: &str| {
        let given = if value.is_nothing() { "nil".into() } else { value.type_name() };
        format!("interface conversion: interface {{}} is {given}, not {wanted}")
    };
    match name {
        Value::Text(_) => conversion(value, "map[string]interface {}"),
        name => conversion(name, "string"),
    }
}

fn copy(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    if args.any(0).is_nothing() {
        return Err("reflect: call of reflect.Value.Type on zero Value".to_owned());
    }
    copied(run, args.any(0), 0)
}

/// The value with maps and lists of its own.
fn copied(run: &mut Run<'_>, value: &Value, depth: usize) -> Outcome {
    if depth > DEPTH {
        return Err(format!("values nest deeper than {DEPTH}"));
    }
    match value {
        Value::Map(map) => {
            run.room(map.len())?;
            let mut entries = BTreeMap::new();
            for (name, value) in map.entries().iter() {
                entries.insert(name.clone(), copied(run, value, depth + 1)?);
            }
            Ok(Value::Map(Map::of(map.element(), entries)))
        }
        Value::List(list) => {
            run.room(list.items().len())?;
            let items = list.items().iter().map(|item| copied(run, item, depth + 1)).collect::<Result<_, _>>()?;
            Ok(convert::list_like(list, items))
        }
        other => Ok(other.clone()),
    }
}
