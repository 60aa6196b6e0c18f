//! Number and character literals as Go reads them: with underscores, in four bases, with exponents.
//! A literal has each type that can hold it; what it becomes is decided where it is used. Complex numbers are refused.

use crate::ast::Number;
use crate::literal::{NoCharacter, character, parse_int, parse_uint, without_separators};
use crate::runes;

/// The literal; `Err` is Go's message.
pub fn number(literal: &[u8]) -> Result<Number, String> {
    let text = runes::repaired(literal);
    if literal.starts_with(b"'") {
        let code = character(literal).map_err(|problem| match problem {
            NoCharacter::Invalid => "invalid syntax".to_owned(),
            NoCharacter::Malformed => format!("malformed character constant: {text}"),
        })?;
        let (int, uint, float) = (Some(i64::from(code)), Some(u64::from(code)), Some(f64::from(code)));
        return Ok(Number { text, int, uint, float, is_integral: true });
    }
    if text.ends_with('i') {
        return Err(format!("complex numbers are not supported: {}", runes::quoted(literal)));
    }
    let mut number = Number { text, int: None, uint: None, float: None, is_integral: false };
    read(&mut number)?;
    let text = number.text.as_str();
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    number.is_integral = is_hexadecimal && !text.contains(['p', 'P']);
    if number.int.is_none() && number.uint.is_none() && number.float.is_none() {
        return Err(format!("illegal number syntax: {}", runes::quoted(literal)));
    }
    Ok(number)
}

#[expect(clippy::cast_precision_loss, reason = "a literal as a float is rounded, as in Go")]
#[expect(clippy::cast_possible_truncation, reason = "the way back is compared")]
#[expect(clippy::cast_sign_loss, reason = "the way back is compared")]
fn read(number: &mut Number) -> Result<(), String> {
    number.int = parse_int(&number.text);
    number.uint = parse_uint(&number.text);
    if number.int == Some(0) {
        number.uint = Some(0);
    }
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = parse_float(&number.text) {
        if !number.text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", runes::quoted(number.text.as_bytes())));
        }
        number.float = Some(float);
        number.int = Some(float as i64).filter(|int| *int as f64 == float);
        number.uint = Some(float as u64).filter(|uint| *uint as f64 == float);
    }
    Ok(())
}

/// Go's `strconv.ParseFloat` for literals: decimal, or hexadecimal with a binary exponent.
fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        let float = hexadecimal(&unsigned[2..])?;
        return Some(if text.starts_with('-') { -float } else { float });
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    without_separators(text)?.parse().ok().filter(|float: &f64| float.is_finite())
}

/// `1.8p3`: what fits the 53 bits of a float, or nothing.
#[expect(clippy::cast_precision_loss, reason = "mantissas beyond 53 bits are rounded once, here")]
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}").replace('_', "");
    let value = u64::from_str_radix(&digits, 16).ok()? as f64;
    let exponent: i32 = exponent.replace('_', "").parse().ok()?;
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2_f64.powi(shift)).filter(|float| float.is_finite())
}
