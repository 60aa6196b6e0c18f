//! sprig's numbers: whole ones in 64 bits that wrap as Go's do, decimal ones for the `…f` functions, and counting lists.
//! Specification: ESO §8.5.

use super::Type::{Any, Float, Int};
use super::convert::{float, int64};
use super::decimal::{self, Operation};
use super::{Args, Function, Outcome, Run, open, row, strings};
use crate::value::{Element, List, Value};

pub const SPRIG: &[Function] = &[
    open("add", &[], Any, |_, args| {
        Ok(Value::int64(args.0.iter().fold(0, |sum, value| sum.wrapping_add(int64(value)))))
    }),
    row("add1", &[Any], |_, args| Ok(Value::int64(int64(args.any(0)).wrapping_add(1)))),
    row("sub", &[Any, Any], |_, args| Ok(Value::int64(int64(args.any(0)).wrapping_sub(int64(args.any(1)))))),
    row("div", &[Any, Any], |_, args| divide(args, i64::wrapping_div)),
    row("mod", &[Any, Any], |_, args| divide(args, i64::wrapping_rem)),
    open("mul", &[Any], Any, |_, args| {
        Ok(Value::int64(args.0.iter().fold(1, |product: i64, value| product.wrapping_mul(int64(value)))))
    }),
    open("biggest", &[Any], Any, |_, args| Ok(Value::int64(args.0.iter().map(int64).max().unwrap_or(0)))),
    open("max", &[Any], Any, |_, args| Ok(Value::int64(args.0.iter().map(int64).max().unwrap_or(0)))),
    open("min", &[Any], Any, |_, args| Ok(Value::int64(args.0.iter().map(int64).min().unwrap_or(0)))),
    open("maxf", &[Any], Any, |_, args| folded(args, f64::max)),
    open("minf", &[Any], Any, |_, args| folded(args, f64::min)),
    row("ceil", &[Any], |_, args| Ok(Value::Float(float(args.any(0)).ceil()))),
    row("floor", &[Any], |_, args| Ok(Value::Float(float(args.any(0)).floor()))),
    open("round", &[Any, Int], Float, round),
    open("addf", &[], Any, |_, args| decimal::fold(args.0, Operation::Add)),
    row("add1f", &[Any], |_, args| decimal::fold(&[args.any(0).clone(), Value::Float(1.0)], Operation::Add)),
    open("subf", &[Any], Any, |_, args| decimal::fold(args.0, Operation::Subtract)),
    open("mulf", &[Any], Any, |_, args| decimal::fold(args.0, Operation::Multiply)),
    open("divf", &[Any], Any, |_, args| decimal::fold(args.0, Operation::Divide)),
    row("randInt", &[Int, Int], random),
    row("until", &[Int], |run, args| {
        let end = args.int(0);
        numbers(run, steps(0, end, if end < 0 { -1 } else { 1 }))
    }),
    row("untilStep", &[Int, Int, Int], |run, args| numbers(run, steps(args.int(0), args.int(1), args.int(2)))),
    open("seq", &[], Int, sequence),
];

fn divide(args: Args<'_>, divide: fn(i64, i64) -> i64) -> Outcome {
    match int64(args.any(1)) {
        0 => Err("runtime error: integer divide by zero".to_owned()),
        divisor => Ok(Value::int64(divide(int64(args.any(0)), divisor))),
    }
}

/// The largest or smallest; what is no number wins, as in Go.
fn folded(args: Args<'_>, pick: fn(f64, f64) -> f64) -> Outcome {
    let pick = |left: f64, right: f64| if left.is_nan() || right.is_nan() { f64::NAN } else { pick(left, right) };
    Ok(Value::Float(args.0.iter().map(float).reduce(pick).unwrap_or(0.0)))
}

/// Rounded to so many digits behind the point; from `up` (a half) on, upwards.
fn round(_: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let up = if args.0.len() > 2 { args.float(2) } else { 0.5 };
    let shift = 10_f64.powf(int_as_float(args.int(1)));
    let digit = shift * float(args.any(0));
    let fraction = digit.fract();
    let rounded = if fraction >= up { digit.ceil() } else { digit.floor() };
    Ok(Value::Float(rounded / shift))
}

#[expect(clippy::cast_precision_loss, reason = "digits behind a point are few")]
fn int_as_float(number: i64) -> f64 {
    number as f64
}

fn random(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let (low, high) = (args.int(0), args.int(1));
    let Some(width) = high.checked_sub(low).filter(|width| *width > 0) else {
        return Err("invalid argument to Intn".to_owned());
    };
    let drawn = strings::below(run, width.unsigned_abs());
    Ok(Value::int(low.wrapping_add_unsigned(drawn)))
}

/// The numbers from the start up to the end without it; a step in the wrong direction gives none.
struct Steps {
    next: i64,
    end: i64,
    step: i64,
}

fn steps(start: i64, end: i64, step: i64) -> Steps {
    Steps { next: start, end, step }
}

impl Steps {
    fn length(&self) -> u64 {
        let is_forward = self.end >= self.next;
        if self.step == 0 || (self.step > 0) != is_forward {
            return 0;
        }
        self.end.abs_diff(self.next).div_ceil(self.step.unsigned_abs())
    }
}

impl Iterator for Steps {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let is_inside = if self.step > 0 { self.next < self.end } else { self.next > self.end };
        let here = self.next;
        self.next = self.next.saturating_add(self.step);
        (is_inside && self.step != 0).then_some(here)
    }
}

fn numbers(run: &mut Run<'_>, steps: Steps) -> Outcome {
    run.room(usize::try_from(steps.length()).unwrap_or(usize::MAX))?;
    if steps.length() == 0 {
        return Ok(Value::List(List::of(Element::Int, Vec::new())));
    }
    Ok(Value::List(List::of(Element::Int, steps.map(Value::int).collect())))
}

/// `seq` as the shell's: one number is the end, two are start and end, three have the step in the middle.
fn sequence(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let number = |index| args.int(index);
    let (start, step, end) = match args.0.len() {
        1 => (1, if number(0) < 1 { -1 } else { 1 }, number(0)),
        2 => (number(0), if number(1) < number(0) { -1 } else { 1 }, number(1)),
        3 => (number(0), number(1), number(2)),
        _ => return Ok(Value::text("")),
    };
    if if step < 0 { end >= start && args.0.len() == 3 } else { end < start } {
        return Ok(Value::text(""));
    }
    let steps = steps(start, end.saturating_add(step.signum()), step);
    run.room(usize::try_from(steps.length()).unwrap_or(usize::MAX))?;
    let texts: Vec<String> = steps.map(|number| number.to_string()).collect();
    run.text(texts.join(" "))
}
