//! The order in which go-yaml writes the keys of a map: numbers inside keys count as numbers, symbols before letters.
//! Not here: Go's bytewise order of JSON keys (`json`). Specification: VALS §6.2.

use std::cmp::Ordering;

/// Compares two keys: `a1 < a01 < a2 < a10`, `_ < B < a`.
pub(super) fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    let mut is_after_digit = false;
    loop {
        let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len());
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, other) = (digits(left), digits(right));
            let order = magnitude(number).cmp(&magnitude(other)).then(number.len().cmp(&other.len()));
            if order.is_ne() {
                return order;
            }
            (left, right) = (&left[number.len()..], &right[other.len()..]);
            is_after_digit = true;
            continue;
        }
        if first != second {
            return rank(first, is_after_digit).cmp(&rank(second, is_after_digit)).then(first.cmp(&second));
        }
        (left, right) = (&left[first.len_utf8()..], &right[first.len_utf8()..]);
        is_after_digit = false;
    }
}

/// Symbols, digits, letters – but letters first where a number has just ended.
fn rank(character: char, is_after_digit: bool) -> u8 {
    match character {
        _ if character.is_alphabetic() => {
            if is_after_digit {
                0
            } else {
                3
            }
        }
        _ if character.is_ascii_digit() => 2,
        _ => 1,
    }
}

fn digits(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

/// What orders runs of digits by their value.
fn magnitude(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

#[cfg(test)]
mod tests;
