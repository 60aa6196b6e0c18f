//! The digits of numbers under `printf`'s verbs. The shortest forms (`%v`) are `document::scalar`'s.
//! Specification: ESO §8.5 (how numbers print).

/// The sign of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Plus,
    Minus,
}

impl Sign {
    pub fn of(number: i64) -> Self {
        if number < 0 { Self::Minus } else { Self::Plus }
    }

    /// The sign as the flags `+` and space want it.
    pub fn text(self, plus: bool, space: bool) -> &'static str {
        match self {
            Self::Minus => "-",
            Self::Plus if plus => "+",
            Self::Plus if space => " ",
            Self::Plus => "",
        }
    }
}

/// The digits of an integer.
pub fn digits(number: u64, radix: u32, is_upper: bool) -> String {
    match radix {
        2 => format!("{number:b}"),
        8 => format!("{number:o}"),
        16 if is_upper => format!("{number:X}"),
        16 => format!("{number:x}"),
        _ => number.to_string(),
    }
}

/// A float without its sign; `None` where it has no such verb.
pub fn float(verb: char, number: f64, precision: Option<usize>, sharp: bool) -> Option<String> {
    if !matches!(verb, 'v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F' | 'b' | 'x' | 'X') {
        return None;
    }
    if number.is_nan() {
        return Some("NaN".to_owned());
    }
    if number.is_infinite() {
        return Some("Inf".to_owned());
    }
    let number = number.abs();
    let text = match verb {
        'v' | 'g' | 'G' => general(number, precision, sharp),
        'e' | 'E' => exponential(&rounded(number, precision.unwrap_or(6), true)),
        'b' => binary(number),
        'x' | 'X' => hexadecimal(number, precision),
        _ => rounded(number, precision.unwrap_or(6), false),
    };
    let needs_point = sharp && matches!(verb, 'e' | 'E' | 'f' | 'F') && !text.contains('.');
    let text = if needs_point { with_point(&text) } else { text };
    Some(if verb.is_ascii_uppercase() { text.to_uppercase() } else { text })
}

/// So many digits behind the point, with an exponent or without.
fn rounded(number: f64, precision: usize, is_scientific: bool) -> String {
    // A float has no more digits than this; behind them stand zeros, and Rust's formatter takes 65,535 at most.
    const MOST: usize = 1100;
    let digits = precision.min(MOST);
    let text = if is_scientific { format!("{number:.digits$e}") } else { format!("{number:.digits$}") };
    let zeros = "0".repeat(precision - digits);
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{mantissa}{zeros}e{exponent}"),
        None => format!("{text}{zeros}"),
    }
}

/// `%g`: the shortest digits, or so many; an exponent where the number is very small, or has more digits than that.
fn general(number: f64, precision: Option<usize>, sharp: bool) -> String {
    let Some(precision) = precision else {
        let text = document::scalar::general(number);
        return if sharp { padded_general(&text, 6) } else { text };
    };
    let precision = precision.max(1);
    let scientific = rounded(number, precision - 1, true);
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust's `e` format has an exponent");
    let exponent: i64 = exponent.parse().expect("Rust's `e` format has an integer exponent");
    let digits = mantissa.replace('.', "");
    let significant = digits.trim_end_matches('0').len().max(1);
    let whole = usize::try_from(exponent + 1).unwrap_or(0);
    // What has fewer digits than the precision, all before the point, is exact as it stands.
    let limit = if precision > significant && significant >= whole { significant } else { precision };
    let limit = i64::try_from(limit.max(if precision > significant { precision } else { 0 })).unwrap_or(i64::MAX);
    if exponent < -4 || exponent >= limit {
        let mantissa = if sharp { mantissa.to_owned() } else { trimmed(mantissa) };
        return exponential(&format!("{mantissa}e{exponent}"));
    }
    let decimals = usize::try_from(i64::try_from(precision).unwrap_or(i64::MAX) - 1 - exponent).unwrap_or(0);
    let text = rounded(number, decimals, false);
    if sharp { with_point(&text) } else { trimmed(&text) }
}

/// `%#g` without precision: zeros up to so many digits, and always a point.
fn padded_general(text: &str, digits: usize) -> String {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, format!("e{exponent}")),
        None => (text, String::new()),
    };
    let count = mantissa.trim_start_matches(['0', '.']).chars().filter(char::is_ascii_digit).count().max(1);
    let point = if mantissa.contains('.') { "" } else { "." };
    let zeros = "0".repeat(digits.saturating_sub(count));
    format!("{mantissa}{point}{zeros}{exponent}")
}

fn with_point(text: &str) -> String {
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{mantissa}.e{exponent}"),
        None if text.contains('.') => text.to_owned(),
        None => format!("{text}."),
    }
}

fn trimmed(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

/// Rust's `1.5e7` as Go's `1.5e+07`.
fn exponential(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').expect("Rust's `e` format has an exponent");
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Mantissa and exponent of a positive finite number, both whole.
fn parts(number: f64) -> (u64, i64) {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = number.to_bits();
    let exponent = i64::try_from(bits >> 52 & 0x7ff).expect("eleven bits");
    match exponent {
        0 => (bits & MANTISSA, -1074),
        _ => (bits & MANTISSA | 1 << 52, exponent - 1075),
    }
}

/// `%b`: `4503599627370496p-52`.
fn binary(number: f64) -> String {
    let (mantissa, exponent) = parts(number);
    let sign = if exponent < 0 { "" } else { "+" };
    format!("{mantissa}p{sign}{exponent}")
}

/// `%x`: `0x1.8p+01`.
fn hexadecimal(number: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = parts(number);
    if mantissa == 0 {
        exponent = 0;
    } else {
        let shift = mantissa.leading_zeros() - 11;
        mantissa <<= shift;
        exponent += 52 - i64::from(shift);
    }
    let mut digits = 13;
    if let Some(precision) = precision.filter(|precision| *precision < 13) {
        let drop = (13 - precision) * 4;
        let half = 1_u64 << (drop - 1);
        let rest = mantissa & ((1 << drop) - 1);
        mantissa >>= drop;
        mantissa += u64::from(rest > half || (rest == half && mantissa & 1 == 1));
        if mantissa >> (precision * 4 + 1) > 0 {
            mantissa >>= 1;
            exponent += 1;
        }
        digits = precision;
    }
    let whole = mantissa >> (digits * 4);
    let fraction = mantissa & ((1_u64 << (digits * 4)) - 1);
    let mut fraction = if digits == 0 { String::new() } else { format!("{fraction:0digits$x}") };
    match precision {
        Some(precision) => fraction.push_str(&"0".repeat(precision.saturating_sub(13))),
        None => fraction.truncate(fraction.trim_end_matches('0').len()),
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x{whole}{point}{fraction}p{sign}{:02}", exponent.unsigned_abs())
}

/// Whether the text can stand between back quotes.
pub fn can_be_raw(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars().all(|letter| letter == '\t' || (letter != '`' && letter != '\u{feff}' && !letter.is_control()))
    })
}
