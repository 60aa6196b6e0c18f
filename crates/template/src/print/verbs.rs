//! `printf`: Go's verbs with flags, width, precision and argument indexes, and its own words for mistakes (`%!d(string=…)` would show
//! a value only where the template prints it anyway).

use super::number::{self, Sign};
use super::{DEPTH, Layout, Out, is_text_list, nested, source, value};
use crate::runes;
use crate::value::{Map, Value};

/// Flags, width and precision of one verb.
#[derive(Clone, Default)]
struct Directive {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`: as Go's source. To `v` the flag `#` means this alone.
    as_source: bool,
    /// `%+v`: records with the names of their fields. To `v` the flag `+` means this alone.
    with_names: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

impl Directive {
    /// With the flags as the verb understands them.
    fn under(self, verb: char) -> Self {
        match verb {
            'v' => Self { as_source: self.sharp, with_names: self.plus, sharp: false, plus: false, ..self },
            _ => self,
        }
    }
}

/// A width or precision beyond this is a mistake, in Go and here.
const WIDEST: usize = 1_000_000;

/// `printf format values…`.
pub fn printf(out: &mut Out, format: &[u8], values: &[Value]) -> Result<(), String> {
    let mut printer = Printer { format, at: 0, values, next: 0, reordered: false, good_index: true };
    printer.run(out)
}

struct Printer<'a> {
    format: &'a [u8],
    at: usize,
    values: &'a [Value],
    next: usize,
    /// An explicit index was used somewhere, so surplus values are fine.
    reordered: bool,
    good_index: bool,
}

impl Printer<'_> {
    fn run(&mut self, out: &mut Out) -> Result<(), String> {
        while self.at < self.format.len() {
            let rest = &self.format[self.at..];
            let plain = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            out.push(&rest[..plain])?;
            self.at += plain;
            if self.at < self.format.len() {
                self.at += 1;
                self.directive(out)?;
            }
        }
        if !self.reordered && self.next < self.values.len() {
            self.surplus(out)?;
        }
        Ok(())
    }

    fn surplus(&self, out: &mut Out) -> Result<(), String> {
        out.push(b"%!(EXTRA ")?;
        for (index, extra) in self.values[self.next..].iter().enumerate() {
            if index > 0 {
                out.push(b", ")?;
            }
            match extra {
                Value::Missing | Value::Nil => out.push(b"<nil>")?,
                extra => {
                    out.push(extra.type_name().as_bytes())?;
                    out.push(b"=")?;
                    value(out, extra)?;
                }
            }
        }
        out.push(b")")
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn directive(&mut self, out: &mut Out) -> Result<(), String> {
        let mut directive = self.flags();
        self.good_index = true;
        let mut after_index = self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star() {
                Some(width) => {
                    directive.minus |= width < 0;
                    directive.zero &= !directive.minus;
                    directive.width = Some(width.unsigned_abs());
                }
                None => out.push(b"%!(BADWIDTH)")?,
            }
            after_index = false;
        } else {
            directive.width = self.number();
            if after_index && directive.width.is_some() {
                self.good_index = false;
            }
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                match self.star() {
                    Some(precision) => directive.precision = usize::try_from(precision).ok(),
                    None => out.push(b"%!(BADPREC)")?,
                }
                after_index = false;
            } else {
                directive.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        self.verb(out, directive)
    }

    fn flags(&mut self) -> Directive {
        let mut directive = Directive::default();
        while let Some(flag) = self.peek() {
            match flag {
                b'#' => directive.sharp = true,
                b'0' => directive.zero = true,
                b'+' => directive.plus = true,
                b'-' => directive.minus = true,
                b' ' => directive.space = true,
                _ => break,
            }
            self.at += 1;
        }
        directive
    }

    fn verb(&mut self, out: &mut Out, directive: Directive) -> Result<(), String> {
        let Some((verb, bytes)) = runes::runes(&self.format[self.at..]).next() else {
            return out.push(b"%!(NOVERB)");
        };
        self.at += bytes.len();
        match verb {
            '%' => out.push(b"%"),
            _ if !self.good_index => out.push(format!("%!{verb}(BADINDEX)").as_bytes()),
            _ if self.next >= self.values.len() => out.push(format!("%!{verb}(MISSING)").as_bytes()),
            verb => {
                let value = &self.values[self.next];
                self.next += 1;
                formatted(out, &directive.under(verb), verb, value, 0)
            }
        }
    }

    /// `[3]`; true where there was one.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at + 1..];
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            self.good_index = false;
            self.at += 1;
            return false;
        };
        self.at += end + 2;
        let number = std::str::from_utf8(&rest[..end]).ok().and_then(|text| text.parse::<usize>().ok());
        match number.and_then(|number| number.checked_sub(1)).filter(|index| *index < self.values.len()) {
            Some(index) => self.next = index,
            None => self.good_index = false,
        }
        true
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        let mut number: usize = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if number > WIDEST {
                return None;
            }
            number = number * 10 + usize::from(digit - b'0');
            self.at += 1;
        }
        (self.at > start).then_some(number)
    }

    /// The width or precision that a value gives.
    fn star(&mut self) -> Option<isize> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value {
            Value::Int(_, number) => isize::try_from(*number).ok(),
            Value::Uint(_, number) => isize::try_from(*number).ok(),
            _ => None,
        };
        number.filter(|number| number.unsigned_abs() <= WIDEST)
    }
}

/// One value under one verb.
fn formatted(out: &mut Out, how: &Directive, verb: char, item: &Value, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("values nest deeper than {DEPTH}"));
    }
    match (verb, item) {
        ('T', _) => {
            let name = if matches!(item, Value::Nil) { "<nil>".into() } else { item.type_name() };
            padded(out, how, name.as_bytes())
        }
        ('v', _) if how.as_source && !(depth == 0 && item.is_nothing()) => source(out, item, depth),
        ('v', Value::Missing | Value::Nil) => padded(out, how, b"<nil>"),
        (_, Value::Missing | Value::Nil) if depth > 0 => out.push(b"<nil>"),
        (_, Value::Missing | Value::Nil) => out.push(format!("%!{verb}(<nil>)").as_bytes()),
        // Errors and addresses: there are none.
        ('w' | 'p', _) => bad_verb(out, how, verb, item, depth),
        ('v' | 's' | 'q' | 'x' | 'X', Value::Text(text)) => text_verb(out, how, verb, text.bytes()),
        ('v' | 's' | 'q' | 'x' | 'X', Value::Number(text)) => text_verb(out, how, verb, text.bytes()),
        (_, Value::Bool(truth)) if matches!(verb, 'v' | 't') => padded(out, how, truth.to_string().as_bytes()),
        (_, Value::Int(_, number)) => integer(out, how, verb, item, Sign::of(*number), number.unsigned_abs()),
        (_, Value::Uint(_, number)) => integer(out, how, verb, item, Sign::Plus, *number),
        (_, Value::Float(number)) => float(out, how, verb, item, *number),
        (
            'v' | 's' | 'q' | 'x' | 'X',
            Value::Time(_) | Value::Duration(_) | Value::Month(_) | Value::Weekday(_) | Value::Version(_),
        ) => {
            let mut text = Out { bytes: Vec::new(), limit: out.limit, too_long: out.too_long.clone() };
            value(&mut text, item)?;
            text_verb(out, how, verb, &text.bytes)
        }
        (_, Value::Duration(duration)) => {
            let number = duration.nanoseconds();
            integer(out, how, verb, item, Sign::of(number), number.unsigned_abs())
        }
        (_, Value::Month(month)) => integer(out, how, verb, item, Sign::Plus, u64::from(month.number())),
        (_, Value::Weekday(day)) => integer(out, how, verb, item, Sign::Plus, u64::from(day.number())),
        ('x' | 'X' | 's' | 'q', list) if is_text_list(list) => parts(out, how, verb, list, depth),
        (_, Value::List(_) | Value::Record(_)) => parts(out, how, verb, item, depth),
        (_, Value::Map(map)) => entries(out, how, verb, map, depth),
        _ => bad_verb(out, how, verb, item, depth),
    }
}

fn parts(out: &mut Out, how: &Directive, verb: char, item: &Value, depth: usize) -> Result<(), String> {
    let (open, close, items): (_, _, Vec<(&str, &Value)>) = match item {
        Value::List(list) => (b"[", b"]", list.items().iter().map(|item| ("", item)).collect()),
        Value::Record(record) => (b"{", b"}", record.fields.iter().map(|(name, item)| (*name, item)).collect()),
        _ => return bad_verb(out, how, verb, item, depth),
    };
    out.push(open)?;
    for (index, (name, part)) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b" ")?;
        }
        if how.with_names && !name.is_empty() {
            out.push(name.as_bytes())?;
            out.push(b":")?;
        }
        formatted(out, how, verb, part, depth + 1)?;
    }
    out.push(close)
}

fn entries(out: &mut Out, how: &Directive, verb: char, map: &Map, depth: usize) -> Result<(), String> {
    if verb == 'v' && how.width.is_none() && how.precision.is_none() {
        return nested(out, &Value::Map(map.clone()), &Layout { with_names: how.with_names }, depth);
    }
    out.push(b"map[")?;
    for (index, (name, item)) in map.entries().iter().enumerate() {
        if index > 0 {
            out.push(b" ")?;
        }
        formatted(out, how, verb, &Value::Text(name.clone()), depth + 1)?;
        out.push(b":")?;
        formatted(out, how, verb, item, depth + 1)?;
    }
    out.push(b"]")
}

/// The value as `%v` with the flags of the verb that it does not have.
fn bad_verb(out: &mut Out, how: &Directive, verb: char, item: &Value, depth: usize) -> Result<(), String> {
    out.push(format!("%!{verb}({}=", item.type_name()).as_bytes())?;
    formatted(out, how, 'v', item, depth)?;
    out.push(b")")
}

fn text_verb(out: &mut Out, how: &Directive, verb: char, text: &[u8]) -> Result<(), String> {
    let cut = match (how.precision, verb) {
        (None, _) => text,
        (Some(bytes), 'x' | 'X') => &text[..bytes.min(text.len())],
        (Some(letters), _) => {
            let length: usize = runes::runes(text).take(letters).map(|(_, bytes)| bytes.len()).sum();
            &text[..length]
        }
    };
    match verb {
        'q' => {
            let is_raw = how.sharp && number::can_be_raw(cut);
            let quoted = match is_raw {
                true => format!("`{}`", runes::repaired(cut)),
                false => runes::quoted_with(cut, '"', how.plus),
            };
            padded(out, how, quoted.as_bytes())
        }
        'x' | 'X' => padded(out, how, &hexadecimal(how, verb, cut)),
        _ => padded(out, how, cut),
    }
}

fn hexadecimal(how: &Directive, verb: char, text: &[u8]) -> Vec<u8> {
    let prefix = if verb == 'x' { "0x" } else { "0X" };
    let mut hex = String::with_capacity(text.len() * 2);
    for (index, byte) in text.iter().enumerate() {
        if how.space && index > 0 {
            hex.push(' ');
        }
        if how.sharp && (how.space || index == 0) {
            hex.push_str(prefix);
        }
        hex.push_str(&if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
    }
    hex.into_bytes()
}

/// Fills up to the width: spaces, or zeros where the flag says so and the value stands on the right.
fn padded(out: &mut Out, how: &Directive, text: &[u8]) -> Result<(), String> {
    let missing = how.width.unwrap_or(0).saturating_sub(runes::count(text));
    if how.minus {
        out.push(text)?;
        return out.repeat(b" ", missing);
    }
    out.repeat(if how.zero { b"0" } else { b" " }, missing)?;
    out.push(text)
}

fn integer(out: &mut Out, how: &Directive, verb: char, item: &Value, sign: Sign, magnitude: u64) -> Result<(), String> {
    let radix = match verb {
        'v' | 'd' => 10,
        'b' => 2,
        'o' | 'O' => 8,
        'x' | 'X' => 16,
        'c' | 'q' | 'U' => return character(out, how, verb, sign, magnitude),
        _ => return bad_verb(out, how, verb, item, 0),
    };
    let prefix = match verb {
        'O' => "0o",
        'b' if how.sharp => "0b",
        'o' if how.sharp => "0",
        'x' if how.sharp => "0x",
        'X' if how.sharp => "0X",
        _ => "",
    };
    let sign = sign.text(how.plus, how.space);
    let mut digits = number::digits(magnitude, radix, verb == 'X');
    if how.precision == Some(0) && magnitude == 0 {
        return out.repeat(b" ", how.width.unwrap_or(0));
    }
    let least = match (how.precision, how.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if how.zero && !how.minus => width.saturating_sub(sign.len()),
        _ => 0,
    };
    let missing = least.saturating_sub(digits.len());
    if missing > 0 {
        let mut zeros = Out { bytes: Vec::new(), limit: out.limit, too_long: out.too_long.clone() };
        zeros.repeat(b"0", missing)?;
        digits = String::from_utf8(zeros.bytes).expect("zeros are ASCII") + &digits;
    }
    let prefix = if prefix == "0" && digits.starts_with('0') { "" } else { prefix };
    let spaced = Directive { zero: false, ..how.clone() };
    padded(out, &spaced, format!("{sign}{prefix}{digits}").as_bytes())
}

fn character(out: &mut Out, how: &Directive, verb: char, sign: Sign, magnitude: u64) -> Result<(), String> {
    let code = if sign == Sign::Minus { magnitude.wrapping_neg() } else { magnitude };
    let letter = u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let text = match verb {
        'c' => letter.to_string(),
        'q' => runes::quoted_with(letter.to_string().as_bytes(), '\'', how.plus),
        _ => {
            let digits = format!("{code:X}");
            let zeros = "0".repeat(how.precision.unwrap_or(4).max(4).saturating_sub(digits.len()));
            match how.sharp && runes::is_print(letter) {
                true => format!("U+{zeros}{digits} '{letter}'"),
                false => format!("U+{zeros}{digits}"),
            }
        }
    };
    padded(out, &Directive { zero: false, ..how.clone() }, text.as_bytes())
}

fn float(out: &mut Out, how: &Directive, verb: char, item: &Value, number: f64) -> Result<(), String> {
    let Some(text) = number::float(verb, number, how.precision, how.sharp) else {
        return bad_verb(out, how, verb, item, 0);
    };
    let sign = if number.is_sign_negative() && !number.is_nan() { Sign::Minus } else { Sign::Plus };
    let sign = match text.as_str() {
        "Inf" if sign == Sign::Plus && !how.space => "+",
        _ => sign.text(how.plus, how.space),
    };
    if how.zero && !how.minus && number.is_finite() {
        out.push(sign.as_bytes())?;
        let missing = how.width.unwrap_or(0).saturating_sub(sign.len() + text.len());
        out.repeat(b"0", missing)?;
        return out.push(text.as_bytes());
    }
    padded(out, &Directive { zero: false, ..how.clone() }, format!("{sign}{text}").as_bytes())
}
