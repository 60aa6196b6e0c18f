//! Decimal arithmetic for sprig's `…f` functions: `addf 0.1 0.2` is 0.3. Digits are exact while they fit 128 bits, else floats take over;
//! a quotient has 16 digits behind the point.

use super::{Outcome, convert};
use crate::value::Value;

/// Digits behind the point of a quotient.
const QUOTIENT_SCALE: u32 = 16;

/// What is done with two numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// The arguments under one operation, from the left.
pub fn fold(values: &[Value], operation: Operation) -> Outcome {
    let numbers: Vec<f64> = values.iter().map(convert::float).collect();
    let [first, others @ ..] = numbers.as_slice() else { return Ok(Value::Float(0.0)) };
    if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
        return Err(format!("Cannot create a Decimal from {}", document::scalar::general(*number)));
    }
    let mut total = Number::of(*first);
    for number in others.iter().copied() {
        if operation == Operation::Divide && number == 0.0 {
            return Err("decimal division by 0".to_owned());
        }
        total = total.with(Number::of(number), operation);
    }
    Ok(Value::Float(total.float()))
}

#[derive(Clone, Copy)]
enum Number {
    /// Digits, and how many of them stand behind the point.
    Exact(i128, u32),
    Rough(f64),
}

impl Number {
    /// The shortest digits that read back as the float.
    fn of(number: f64) -> Self {
        let exact = || {
            let text = format!("{number:e}");
            let (mantissa, exponent) = text.split_once('e')?;
            let behind = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            let digits: i128 = mantissa.replace('.', "").parse().ok()?;
            let scale = i32::try_from(behind).ok()? - exponent.parse::<i32>().ok()?;
            match u32::try_from(scale) {
                Ok(scale) if scale <= 38 => Some(Self::Exact(digits, scale)),
                Ok(_) => None,
                Err(_) => Some(Self::Exact(digits.checked_mul(power(scale.unsigned_abs())?)?, 0)),
            }
        };
        exact().unwrap_or(Self::Rough(number))
    }

    fn float(self) -> f64 {
        match self {
            Self::Exact(digits, scale) => format!("{digits}e-{scale}").parse().unwrap_or(f64::NAN),
            Self::Rough(number) => number,
        }
    }

    fn with(self, other: Self, operation: Operation) -> Self {
        self.exactly(other, operation).unwrap_or_else(|| {
            let (left, right) = (self.float(), other.float());
            Self::Rough(match operation {
                Operation::Add => left + right,
                Operation::Subtract => left - right,
                Operation::Multiply => left * right,
                Operation::Divide => left / right,
            })
        })
    }

    fn exactly(self, other: Self, operation: Operation) -> Option<Self> {
        let (Self::Exact(left, left_scale), Self::Exact(right, right_scale)) = (self, other) else { return None };
        let scale = left_scale.max(right_scale);
        let aligned = |digits: i128, own: u32| digits.checked_mul(power(scale - own)?);
        match operation {
            Operation::Add => {
                let sum = aligned(left, left_scale)?.checked_add(aligned(right, right_scale)?)?;
                Some(Self::Exact(sum, scale))
            }
            Operation::Subtract => {
                let rest = aligned(left, left_scale)?.checked_sub(aligned(right, right_scale)?)?;
                Some(Self::Exact(rest, scale))
            }
            Operation::Multiply => {
                let scale = left_scale + right_scale;
                (scale <= 38).then_some(Self::Exact(left.checked_mul(right)?, scale))
            }
            Operation::Divide => {
                // Half up from zero, at 16 digits.
                let dividend = aligned(left, left_scale)?.checked_mul(power(QUOTIENT_SCALE)?)?;
                let divisor = aligned(right, right_scale)?;
                let (quotient, rest) = (dividend / divisor, dividend % divisor);
                let is_up = rest.unsigned_abs().checked_mul(2)? >= divisor.unsigned_abs();
                let sign = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
                Some(Self::Exact(quotient + if is_up { sign } else { 0 }, QUOTIENT_SCALE))
            }
        }
    }
}

fn power(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}
