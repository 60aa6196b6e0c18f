//! A text read by a layout of Go, as `time.ParseInLocation` with the local zone UTC does. What does not fit is `None`:
//! Go's message would repeat the value.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::layout::{self, OffsetForm, Part};
use super::{DAYS, MONTHS, Moment, Zone};

/// The moment that the text says, or `None`.
pub fn parse(mut layout: &[u8], mut text: &[u8]) -> Option<Moment> {
    let mut found = Found::default();
    loop {
        let Some((before, part, rest)) = layout::next(layout) else {
            return skip(text, layout)?.is_empty().then(|| found.moment()).flatten();
        };
        text = skip(text, before)?;
        layout = rest;
        text = found.take(part, text, layout)?;
    }
}

/// What the text said so far.
#[derive(Default)]
struct Found {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    is_afternoon: Option<bool>,
    is_utc: bool,
    offset: Option<i32>,
    zone_name: String,
}

impl Found {
    /// Takes one part off the text; gives the rest.
    fn take<'a>(&mut self, part: Part, text: &'a [u8], layout: &[u8]) -> Option<&'a [u8]> {
        let number = |fixed: bool, range: std::ops::RangeInclusive<i8>, place: &mut i8| {
            let (value, rest) = two_digits(text, fixed)?;
            *place = Some(value).filter(|value| range.contains(value))?;
            Some(rest)
        };
        match part {
            Part::LongMonth => self.named(text, &MONTHS, usize::MAX),
            Part::Month => self.named(text, &MONTHS, 3),
            Part::LongWeekday => lookup(text, &DAYS, usize::MAX).map(|(_, rest)| rest),
            Part::Weekday => lookup(text, &DAYS, 3).map(|(_, rest)| rest),
            Part::NumMonth | Part::ZeroMonth => {
                let (month, rest) = two_digits(text, part == Part::ZeroMonth)?;
                self.month = Some(Some(month).filter(|month| (1..=12).contains(month))?);
                Some(rest)
            }
            Part::Day | Part::SpaceDay | Part::ZeroDay => {
                let text = if part == Part::SpaceDay { text.strip_prefix(b" ").unwrap_or(text) } else { text };
                let (day, rest) = two_digits(text, part == Part::ZeroDay)?;
                self.day = Some(day);
                Some(rest)
            }
            Part::SpaceYearDay | Part::ZeroYearDay => {
                let spaces = if part == Part::SpaceYearDay { leading(text, |byte| byte == b' ').min(2) } else { 0 };
                let width = leading(&text[spaces..], |byte| byte.is_ascii_digit()).min(3);
                let (digits, rest) = text[spaces..].split_at(width);
                self.year_day =
                    Some(decimal(digits).filter(|_| part == Part::SpaceYearDay || width == 3)?.try_into().ok()?);
                Some(rest)
            }
            Part::Hour => number(false, 0..=23, &mut self.hour),
            Part::Hour12 | Part::ZeroHour12 => number(part == Part::ZeroHour12, 0..=12, &mut self.hour),
            Part::Minute | Part::ZeroMinute => number(part == Part::ZeroMinute, 0..=59, &mut self.minute),
            Part::Second | Part::ZeroSecond => {
                let rest = number(part == Part::ZeroSecond, 0..=59, &mut self.second)?;
                self.unasked_fraction(rest, layout)
            }
            Part::LongYear => {
                let (digits, rest) = text.split_at_checked(4)?;
                self.year = decimal(digits)?.try_into().ok()?;
                Some(rest)
            }
            Part::Year => {
                let (digits, rest) = text.split_at_checked(2)?;
                let year: i16 = decimal(digits)?.try_into().ok()?;
                self.year = if year >= 69 { 1900 + year } else { 2000 + year };
                Some(rest)
            }
            Part::UpperHalf => self.half(text, [b"AM", b"PM"]),
            Part::LowerHalf => self.half(text, [b"am", b"pm"]),
            Part::ZoneName => self.zone(text),
            Part::Offset(form) => self.offset(text, form),
            Part::Fraction(digits) => {
                let (fraction, rest) = text.split_at_checked(digits + 1)?;
                self.fraction(fraction)?;
                Some(rest)
            }
            Part::ShortFraction(_) => self.any_fraction(text),
        }
    }

    fn named<'a>(&mut self, text: &'a [u8], names: &[&str], length: usize) -> Option<&'a [u8]> {
        let (index, rest) = lookup(text, names, length)?;
        self.month = Some(i8::try_from(index + 1).expect("there are twelve months"));
        Some(rest)
    }

    fn half<'a>(&mut self, text: &'a [u8], halves: [&[u8]; 2]) -> Option<&'a [u8]> {
        let (half, rest) = text.split_at_checked(2)?;
        let index = halves.iter().position(|name| *name == half)?;
        self.is_afternoon = Some(index == 1);
        Some(rest)
    }

    /// `.5` behind the seconds is read also where the layout has no place for it.
    fn unasked_fraction<'a>(&mut self, text: &'a [u8], layout: &[u8]) -> Option<&'a [u8]> {
        let is_asked = matches!(layout::next(layout), Some((b"", Part::Fraction(_) | Part::ShortFraction(_), _)));
        if is_asked { Some(text) } else { self.any_fraction(text) }
    }

    fn any_fraction<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let [b'.' | b',', digits @ ..] = text else { return Some(text) };
        let length = leading(digits, |byte| byte.is_ascii_digit());
        if length == 0 {
            return Some(text);
        }
        let (fraction, rest) = text.split_at(length + 1);
        self.fraction(fraction)?;
        Some(rest)
    }

    fn fraction(&mut self, text: &[u8]) -> Option<()> {
        let [b'.' | b',', digits @ ..] = text else { return None };
        let kept = &digits[..digits.len().min(9)];
        let value = decimal(kept)?;
        let missing = u32::try_from(9 - kept.len()).ok()?;
        self.nanosecond = i32::try_from(value * 10_i64.pow(missing)).ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(())
    }

    fn offset<'a>(&mut self, text: &'a [u8], form: OffsetForm) -> Option<&'a [u8]> {
        if form.has_z
            && let Some(rest) = text.strip_prefix(b"Z")
        {
            self.is_utc = true;
            return Some(rest);
        }
        let (sign, mut text) = text.split_first()?;
        let mut seconds = 0;
        let fields = 1 + usize::from(form.has_minutes) + usize::from(form.has_seconds);
        for (index, (scale, most)) in [(3600, 24), (60, 59), (1, 59)].into_iter().take(fields).enumerate() {
            if index > 0 && form.has_colons {
                text = text.strip_prefix(b":")?;
            }
            let (digits, rest) = text.split_at_checked(2)?;
            let value = i32::try_from(decimal(digits)?).ok().filter(|value| *value <= most)?;
            seconds += value * scale;
            text = rest;
        }
        self.offset = Some(match sign {
            b'+' => seconds,
            b'-' => -seconds,
            _ => return None,
        });
        Some(text)
    }

    fn zone<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(rest) = text.strip_prefix(b"UTC") {
            self.is_utc = true;
            return Some(rest);
        }
        let (name, rest) = text.split_at(zone_length(text)?);
        self.zone_name = String::from_utf8_lossy(name).into_owned();
        Some(rest)
    }

    fn moment(&self) -> Option<Moment> {
        let hour = match self.is_afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = match self.year_day {
            Some(day) => {
                let first = Date::new(self.year, 1, 1).ok()?;
                let date = first.with().day_of_year(day).build().ok()?;
                let agrees = self.month.is_none_or(|month| month == date.month())
                    && self.day.is_none_or(|day| day == date.day());
                Some(date).filter(|_| agrees)?
            }
            None => Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()?,
        };
        let wall = DateTime::from_parts(date, Time::new(hour, self.minute, self.second, self.nanosecond).ok()?);
        let (offset, zone) = self.found_zone()?;
        Some(Moment::new(super::on_utc(wall, offset)?, zone))
    }

    fn found_zone(&self) -> Option<(Offset, Zone)> {
        let name = self.zone_name.as_str();
        if self.is_utc {
            return Some((Offset::UTC, Zone::Utc));
        }
        if let Some(seconds) = self.offset {
            let offset = Offset::from_seconds(seconds).ok()?;
            let is_local = seconds == 0 && matches!(name, "" | "UTC");
            return Some((offset, if is_local { Zone::Utc } else { Zone::Fixed(offset, name.to_owned()) }));
        }
        if name.is_empty() {
            return Some((Offset::UTC, Zone::Utc));
        }
        // A name that the local zone does not know has no offset; `GMT-7` shows one, but Go reads the clock as UTC's.
        let hours = name.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok()).unwrap_or(0);
        let offset = Offset::from_seconds(hours * 3600).ok()?;
        Some((Offset::UTC, Zone::Fixed(offset, name.to_owned())))
    }
}

/// Takes the layout's own text off; one or more spaces match any number of them.
fn skip<'a>(mut text: &'a [u8], mut expected: &[u8]) -> Option<&'a [u8]> {
    while let Some((first, rest)) = expected.split_first() {
        if *first == b' ' {
            if !text.is_empty() && text[0] != b' ' {
                return None;
            }
            expected = &expected[leading(expected, |byte| byte == b' ')..];
            text = &text[leading(text, |byte| byte == b' ')..];
        } else {
            text = text.strip_prefix(&[*first])?;
            expected = rest;
        }
    }
    Some(text)
}

fn leading(text: &[u8], accept: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| accept(**byte)).count()
}

fn decimal(digits: &[u8]) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// One or two digits; exactly two where that is fixed.
fn two_digits(text: &[u8], fixed: bool) -> Option<(i8, &[u8])> {
    let width = leading(text, |byte| byte.is_ascii_digit()).min(2);
    let (digits, rest) = text.split_at(width);
    let number = decimal(digits).filter(|_| !fixed || width == 2)?;
    Some((i8::try_from(number).expect("two digits"), rest))
}

fn lookup<'a>(text: &'a [u8], names: &[&str], length: usize) -> Option<(usize, &'a [u8])> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = &name.as_bytes()[..name.len().min(length)];
        let (start, rest) = text.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some((index, rest))
    })
}

/// How long the zone's name at the start is, by Go's guess.
fn zone_length(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if text.starts_with(b"GMT") {
        return Some(3 + signed_hours(&text[3..]));
    }
    if matches!(text.first(), Some(b'+' | b'-')) {
        return Some(signed_hours(text)).filter(|length| *length > 0);
    }
    match leading(text, |byte| byte.is_ascii_uppercase()).min(6) {
        3 => Some(3),
        4 if text[3] == b'T' || text.starts_with(b"WITA") => Some(4),
        5 if text[4] == b'T' => Some(5),
        _ => None,
    }
}

/// The length of `-7` or `+10`, up to 23 hours; 0 where there is none.
fn signed_hours(text: &[u8]) -> usize {
    let [b'+' | b'-', digits @ ..] = text else { return 0 };
    let length = leading(digits, |byte| byte.is_ascii_digit());
    match decimal(&digits[..length]) {
        Some(hours) if hours <= 23 => length + 1,
        _ => 0,
    }
}
