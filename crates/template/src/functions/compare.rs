//! Comparison: Go's `eq`, `ne`, `lt`, `le`, `gt`, `ge` with its rules for kinds, and equality in depth.
//! Specification: VSO §9.4 (a `json.Number` does not equal a number literal).

use std::cmp::Ordering;

use super::Type::Value as Reflected;
use super::{Args, Function, Outcome, Run, open, row};
use crate::print::DEPTH;
use crate::value::Value;

pub const BUILTIN: &[Function] = &[
    open("eq", &[Reflected], Reflected, equal),
    row("ne", &[Reflected, Reflected], |_, args| Ok(Value::Bool(!is_equal(args.any(0), args.any(1))?))),
    row("lt", &[Reflected, Reflected], |_, args| ordered(args, Ordering::is_lt)),
    row("le", &[Reflected, Reflected], |_, args| ordered(args, Ordering::is_le)),
    row("gt", &[Reflected, Reflected], |_, args| ordered(args, Ordering::is_gt)),
    row("ge", &[Reflected, Reflected], |_, args| ordered(args, Ordering::is_ge)),
];

fn incompatible(left: &Value, right: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", left.type_name(), right.type_name())
}

const INVALID: &str = "invalid type for comparison";

/// Go's basic kinds.
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'a [u8]),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    Some(match value {
        Value::Bool(truth) => Basic::Bool(*truth),
        Value::Int(_, number) => Basic::Int(*number),
        Value::Duration(duration) => Basic::Int(duration.nanoseconds()),
        Value::Month(month) => Basic::Int(i64::from(month.number())),
        Value::Weekday(day) => Basic::Int(i64::from(day.number())),
        Value::Uint(_, number) => Basic::Uint(*number),
        Value::Float(number) => Basic::Float(*number),
        Value::Text(text) | Value::Number(text) => Basic::Text(text.bytes()),
        _ => return None,
    })
}

fn equal(_: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let others = args.rest(1);
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if is_equal(args.any(0), other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

#[expect(clippy::float_cmp, reason = "Go's eq compares floats exactly")]
fn is_equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (basic(left), basic(right)) {
        (Some(Basic::Bool(left)), Some(Basic::Bool(right))) => Ok(left == right),
        (Some(Basic::Int(left)), Some(Basic::Int(right))) => Ok(left == right),
        (Some(Basic::Uint(left)), Some(Basic::Uint(right))) => Ok(left == right),
        (Some(Basic::Int(int)), Some(Basic::Uint(uint))) | (Some(Basic::Uint(uint)), Some(Basic::Int(int))) => {
            Ok(u64::try_from(int) == Ok(uint))
        }
        (Some(Basic::Float(left)), Some(Basic::Float(right))) => Ok(left == right),
        (Some(Basic::Text(left)), Some(Basic::Text(right))) => Ok(left == right),
        (Some(_), Some(_)) => Err(incompatible(left, right)),
        (None, None) => other_equal(left, right),
        _ if left.is_nothing() || right.is_nothing() => Ok(false),
        _ => Err(incompatible(left, right)),
    }
}

/// Values without a basic kind: nothing equals nothing, lists and maps can only be compared with nothing.
fn other_equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (left, right) if left.is_nothing() || right.is_nothing() => Ok(is_nil(left) && is_nil(right)),
        (Value::Time(left), Value::Time(right)) => Ok(left.at() == right.at()),
        (Value::Version(left), Value::Version(right)) => Ok(std::rc::Rc::ptr_eq(left, right)),
        (Value::Record(left), Value::Record(right)) => {
            let same = left.fields.iter().zip(&right.fields).map(|((_, left), (_, right))| is_equal(left, right));
            same.collect::<Result<Vec<_>, _>>().map(|same| same.into_iter().all(|same| same))
        }
        (left, right) if left.type_name() == right.type_name() => {
            Err(format!("non-comparable type {}", left.type_name()))
        }
        (left, right) => Err(format!("non-comparable types {}, {}", left.type_name(), right.type_name())),
    }
}

fn is_nil(value: &Value) -> bool {
    value.is_nothing() || matches!(value, Value::List(list) if list.is_nil())
}

fn ordered(args: Args<'_>, accept: fn(Ordering) -> bool) -> Outcome {
    let order = match (basic(args.any(0)), basic(args.any(1))) {
        (None, _) | (_, None) => return Err(INVALID.to_owned()),
        (Some(Basic::Bool(_)), Some(Basic::Bool(_))) => return Err(INVALID.to_owned()),
        (Some(Basic::Int(left)), Some(Basic::Int(right))) => Some(left.cmp(&right)),
        (Some(Basic::Uint(left)), Some(Basic::Uint(right))) => Some(left.cmp(&right)),
        (Some(Basic::Int(left)), Some(Basic::Uint(right))) => Some(i128::from(left).cmp(&i128::from(right))),
        (Some(Basic::Uint(left)), Some(Basic::Int(right))) => Some(i128::from(left).cmp(&i128::from(right))),
        (Some(Basic::Float(left)), Some(Basic::Float(right))) => left.partial_cmp(&right),
        (Some(Basic::Text(left)), Some(Basic::Text(right))) => Some(left.cmp(right)),
        (Some(_), Some(_)) => return Err(incompatible(args.any(0), args.any(1))),
    };
    Ok(Value::Bool(order.is_some_and(accept)))
}

/// Go's `reflect.DeepEqual`: types and all parts are equal.
#[expect(clippy::float_cmp, reason = "Go's DeepEqual compares floats exactly")]
pub fn deep_equal(run: &mut Run<'_>, left: &Value, right: &Value, depth: usize) -> Result<bool, String> {
    if depth > DEPTH {
        return Err(format!("values nest deeper than {DEPTH}"));
    }
    run.fuel.burn(1)?;
    Ok(match (left, right) {
        (left, right) if left.is_nothing() || right.is_nothing() => left.is_nothing() && right.is_nothing(),
        (left, right) if left.type_name() != right.type_name() => false,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(_, left), Value::Int(_, right)) => left == right,
        (Value::Uint(_, left), Value::Uint(_, right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Text(left), Value::Text(right)) | (Value::Number(left), Value::Number(right)) => left == right,
        (Value::Time(left), Value::Time(right)) => left.at() == right.at(),
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::Month(left), Value::Month(right)) => left == right,
        (Value::Weekday(left), Value::Weekday(right)) => left == right,
        (Value::Version(left), Value::Version(right)) => left.original == right.original,
        (Value::List(left), Value::List(right)) => {
            if left.is_nil() != right.is_nil() || left.items().len() != right.items().len() {
                return Ok(false);
            }
            if left.is_same(right) {
                return Ok(true);
            }
            all_equal(run, left.items().iter().zip(right.items()), depth)?
        }
        (Value::Map(left), Value::Map(right)) => {
            let (left, right) = (left.entries(), right.entries());
            left.keys().eq(right.keys()) && all_equal(run, left.values().zip(right.values()), depth)?
        }
        (Value::Record(left), Value::Record(right)) => {
            let (left, right) = (left.fields.iter(), right.fields.iter());
            all_equal(run, left.map(|(_, value)| value).zip(right.map(|(_, value)| value)), depth)?
        }
        _ => false,
    })
}

fn all_equal<'v>(
    run: &mut Run<'_>,
    pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
    depth: usize,
) -> Result<bool, String> {
    for (left, right) in pairs {
        if !deep_equal(run, left, right, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}
