//! Go's layouts: the reference time's parts as they stand in a layout, and a moment written by one.
//! Not here: reading by a layout (`read`).

use jiff::tz::Offset;

use super::{DAYS, MONTHS, Moment};

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    SpaceDay,
    ZeroDay,
    SpaceYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperHalf,
    LowerHalf,
    ZoneName,
    /// `-0700` and its kin.
    Offset(OffsetForm),
    /// `.000`: so many digits.
    Fraction(usize),
    /// `.999`: up to so many digits, without zeros at the end.
    ShortFraction(usize),
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetForm {
    /// UTC is `Z`.
    pub has_z: bool,
    pub has_minutes: bool,
    pub has_seconds: bool,
    pub has_colons: bool,
}

/// Words of the reference time, longer ones first. A name that goes on in lower case is no name.
const WORDS: [(&[u8], Part); 31] = [
    (b"January", Part::LongMonth),
    (b"Jan", Part::Month),
    (b"Monday", Part::LongWeekday),
    (b"Mon", Part::Weekday),
    (b"MST", Part::ZoneName),
    (b"002", Part::ZeroYearDay),
    (b"01", Part::ZeroMonth),
    (b"02", Part::ZeroDay),
    (b"03", Part::ZeroHour12),
    (b"04", Part::ZeroMinute),
    (b"05", Part::ZeroSecond),
    (b"06", Part::Year),
    (b"15", Part::Hour),
    (b"1", Part::NumMonth),
    (b"2006", Part::LongYear),
    (b"2", Part::Day),
    (b"__2", Part::SpaceYearDay),
    (b"_2", Part::SpaceDay),
    (b"3", Part::Hour12),
    (b"4", Part::Minute),
    (b"5", Part::Second),
    (b"PM", Part::UpperHalf),
    (b"pm", Part::LowerHalf),
    (b"-070000", offset(false, true, true, false)),
    (b"-07:00:00", offset(false, true, true, true)),
    (b"-0700", offset(false, true, false, false)),
    (b"-07:00", offset(false, true, false, true)),
    (b"-07", offset(false, false, false, false)),
    (b"Z070000", offset(true, true, true, false)),
    (b"Z07:00:00", offset(true, true, true, true)),
    (b"Z0700", offset(true, true, false, false)),
];
/// Those of `Z` that would hide the longer ones above.
const SHORT_WORDS: [(&[u8], Part); 2] =
    [(b"Z07:00", offset(true, true, false, true)), (b"Z07", offset(true, false, false, false))];

const fn offset(has_z: bool, has_minutes: bool, has_seconds: bool, has_colons: bool) -> Part {
    Part::Offset(OffsetForm { has_z, has_minutes, has_seconds, has_colons })
}

/// The first part of a layout: the text before it, the part, and the rest; `None` where only text is left.
pub fn next(layout: &[u8]) -> Option<(&[u8], Part, &[u8])> {
    (0..layout.len()).find_map(|start| {
        let here = &layout[start..];
        if here.starts_with(b"_2006") {
            return Some((&layout[..=start], Part::LongYear, &here[5..]));
        }
        let (part, length) = word(here).or_else(|| fraction(here))?;
        Some((&layout[..start], part, &here[length..]))
    })
}

fn word(here: &[u8]) -> Option<(Part, usize)> {
    let goes_on = |text: &[u8]| text.first().is_some_and(u8::is_ascii_lowercase);
    WORDS.iter().chain(&SHORT_WORDS).find_map(|(word, part)| {
        let rest = here.strip_prefix(*word)?;
        let is_short_name = matches!(part, Part::Month | Part::Weekday);
        (!is_short_name || !goes_on(rest)).then_some((*part, word.len()))
    })
}

fn fraction(here: &[u8]) -> Option<(Part, usize)> {
    let (b'.' | b',', [digit @ (b'0' | b'9'), ..]) = here.split_first()? else {
        return None;
    };
    let digits = here[1..].iter().take_while(|byte| *byte == digit).count();
    if here.get(digits + 1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let part = if *digit == b'0' { Part::Fraction(digits) } else { Part::ShortFraction(digits) };
    Some((part, digits + 1))
}

/// The moment by the layout.
pub fn format(moment: &Moment, mut layout: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(layout.len() + 10);
    while let Some((text, part, rest)) = next(layout) {
        out.extend_from_slice(text);
        let separator = layout[text.len()];
        out.extend_from_slice(written(moment, part, separator).as_bytes());
        layout = rest;
    }
    out.extend_from_slice(layout);
    out
}

fn written(moment: &Moment, part: Part, separator: u8) -> String {
    let wall = moment.civil();
    let month = MONTHS[usize::from((wall.month() - 1).unsigned_abs())];
    let weekday = DAYS[usize::from(wall.date().weekday().to_sunday_zero_offset().unsigned_abs())];
    let hour12 = match wall.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    match part {
        Part::LongMonth => month.to_owned(),
        Part::Month => month[..3].to_owned(),
        Part::NumMonth => wall.month().to_string(),
        Part::ZeroMonth => format!("{:02}", wall.month()),
        Part::LongWeekday => weekday.to_owned(),
        Part::Weekday => weekday[..3].to_owned(),
        Part::Day => wall.day().to_string(),
        Part::SpaceDay => format!("{:2}", wall.day()),
        Part::ZeroDay => format!("{:02}", wall.day()),
        Part::SpaceYearDay => format!("{:3}", wall.date().day_of_year()),
        Part::ZeroYearDay => format!("{:03}", wall.date().day_of_year()),
        Part::Hour => format!("{:02}", wall.hour()),
        Part::Hour12 => hour12.to_string(),
        Part::ZeroHour12 => format!("{hour12:02}"),
        Part::Minute => wall.minute().to_string(),
        Part::ZeroMinute => format!("{:02}", wall.minute()),
        Part::Second => wall.second().to_string(),
        Part::ZeroSecond => format!("{:02}", wall.second()),
        Part::LongYear if wall.year() < 0 => format!("-{:04}", wall.year().unsigned_abs()),
        Part::LongYear => format!("{:04}", wall.year()),
        Part::Year => format!("{:02}", wall.year().rem_euclid(100)),
        Part::UpperHalf => (if wall.hour() >= 12 { "PM" } else { "AM" }).to_owned(),
        Part::LowerHalf => (if wall.hour() >= 12 { "pm" } else { "am" }).to_owned(),
        Part::ZoneName => moment.abbreviation(),
        Part::Offset(form) if form.has_z && moment.offset().is_zero() => "Z".to_owned(),
        Part::Offset(form) => match form.has_minutes {
            true => numeric(moment.offset(), form.has_colons, form.has_seconds),
            false => numeric(moment.offset(), false, false)[..3].to_owned(),
        },
        Part::Fraction(digits) => format!("{}{}", char::from(separator), nanoseconds(wall.subsec_nanosecond(), digits)),
        Part::ShortFraction(digits) => {
            let text = nanoseconds(wall.subsec_nanosecond(), digits);
            match text.trim_end_matches('0') {
                "" => String::new(),
                text => format!("{}{text}", char::from(separator)),
            }
        }
    }
}

fn nanoseconds(fraction: i32, digits: usize) -> String {
    let mut text = format!("{fraction:09}");
    if digits > 9 {
        text.push_str(&"0".repeat(digits - 9));
    }
    text.truncate(digits);
    text
}

/// `+0130`.
pub fn numeric(offset: Offset, has_colons: bool, has_seconds: bool) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let colon = if has_colons { ":" } else { "" };
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match has_seconds {
        true => format!("{sign}{hours:02}{colon}{minutes:02}{colon}{:02}", seconds % 60),
        false => format!("{sign}{hours:02}{colon}{minutes:02}"),
    }
}
