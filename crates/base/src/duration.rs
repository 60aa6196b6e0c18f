//! Go's durations: the grammar of `time.ParseDuration`, its text form, and arithmetic in nanoseconds.
//! The peers' flags and fields use it everywhere (`1h30m`, `720h0m0s`); there are no days and no ISO forms.

use std::fmt;

use crate::Timestamp;

/// A signed span in nanoseconds, as Go's `time.Duration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// The units of the grammar and their nanoseconds; `µs` may be written with either micro sign, or as `us`.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl GoDuration {
    /// A span of no time.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// A span of nanoseconds.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// The span in nanoseconds.
    #[must_use]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// The span in seconds, with fractions.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "Go's Duration.Seconds loses the same digits")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Whether the span is longer than no time at all.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The span as std's unsigned type; negative spans are none.
    #[must_use]
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    /// The span as jiff's signed type, for arithmetic with moments.
    #[must_use]
    pub fn to_signed(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_nanos(self.0)
    }

    /// The moment this much later; the last one that there is, where it lay beyond.
    #[must_use]
    pub fn after(self, moment: Timestamp) -> Timestamp {
        moment
            .saturating_add(self.to_signed())
            .expect("a span that is no part of a calendar can be added to every moment")
    }

    /// Reads Go's grammar: an optional sign, then numbers with units, or a bare `0`.
    ///
    /// # Errors
    /// Go's own texts, which people search for: `time: invalid duration "x"`, `time: missing unit in duration "1"`,
    /// `time: unknown unit "d" in duration "1d"`.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError(format!("time: invalid duration {}", quoted(text)));
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (number, tail) = split_at(rest, |c| !(c.is_ascii_digit() || c == '.'));
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if number.matches('.').count() > 1 || (whole.is_empty() && fraction.is_empty()) {
                return Err(invalid());
            }
            let (unit, tail) = split_at(tail, |c| c.is_ascii_digit() || c == '.');
            if unit.is_empty() {
                return Err(DurationError(format!("time: missing unit in duration {}", quoted(text))));
            }
            let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                let (unit, text) = (quoted(unit), quoted(text));
                return Err(DurationError(format!("time: unknown unit {unit} in duration {text}")));
            };
            let part = scaled(whole, fraction, scale.unsigned_abs()).ok_or_else(invalid)?;
            total = total.checked_add(part).filter(|sum| *sum <= 1 << 63).ok_or_else(invalid)?;
            rest = tail;
        }
        match (negative, i64::try_from(total)) {
            (false, Ok(value)) => Ok(Self(value)),
            (true, Ok(value)) => Ok(Self(-value)),
            (true, Err(_)) => Ok(Self(i64::MIN)),
            (false, Err(_)) => Err(invalid()),
        }
    }
}

/// Splits before the first character that ends the run.
fn split_at(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// `whole.fraction` times `scale`, or `None` on overflow. Digits beyond what nanoseconds can hold are dropped.
fn scaled(whole: &str, fraction: &str, scale: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut value = whole.checked_mul(scale).filter(|value| *value <= 1 << 63)?;
    let digits: String = fraction.chars().take(18).collect();
    if !digits.is_empty() {
        let part: u128 = digits.parse().ok()?;
        let power = 10_u128.pow(u32::try_from(digits.len()).ok()?);
        value = value.checked_add(u64::try_from(part * u128::from(scale) / power).ok()?)?;
    }
    Some(value)
}

/// Go's quoting of a text in an error.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

impl fmt::Display for GoDuration {
    /// Go's text form: `1h0m0s`, `1.5s`, `300ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.unsigned_abs();
        if total == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        if total < 1_000_000_000 {
            let (unit, scale) = match total {
                0..1_000 => ("ns", 1),
                1_000..1_000_000 => ("µs", 1_000),
                _ => ("ms", 1_000_000),
            };
            return write!(f, "{}{unit}", decimal(total, scale));
        }
        let (minutes, nanoseconds) = (total / 60_000_000_000, total % 60_000_000_000);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        write!(f, "{}s", decimal(nanoseconds, 1_000_000_000))
    }
}

/// `value / scale` without trailing zeros.
fn decimal(value: u64, scale: u64) -> String {
    let (whole, rest) = (value / scale, value % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0'))
}

/// A text that is no Go duration, in Go's own words.
#[derive(Debug, PartialEq, Eq)]
pub struct DurationError(String);

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DurationError {}

impl std::str::FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_reads_is_read_and_printed_as_go_prints_it() {
        for (text, printed) in [
            ("0", "0s"),
            ("1h", "1h0m0s"),
            ("1h30m", "1h30m0s"),
            ("-1.5h", "-1h30m0s"),
            ("+5s", "5s"),
            ("300ms", "300ms"),
            ("1.5s", "1.5s"),
            ("1us", "1µs"),
            ("1µs", "1µs"),
            ("100ns", "100ns"),
            (".5m", "30s"),
            ("720h0m0s", "720h0m0s"),
            ("2m3.5s", "2m3.5s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration::parse(text).map(|d| d.to_string()), Ok(printed.to_owned()), "{text}");
        }
    }

    #[test]
    fn no_span_leads_beyond_the_last_moment() {
        let (epoch, hour) = (Timestamp::UNIX_EPOCH, GoDuration::from_seconds(3600));
        assert_eq!(hour.after(epoch).to_string(), "1970-01-01T01:00:00Z");
        assert_eq!(hour.after(Timestamp::MAX), Timestamp::MAX);
        assert_eq!(GoDuration::from_seconds(-3600).after(Timestamp::MIN), Timestamp::MIN);
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        for (text, error) in [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("abc", "time: invalid duration \"abc\""),
            ("1", "time: missing unit in duration \"1\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            (".s", "time: invalid duration \".s\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
        ] {
            assert_eq!(GoDuration::parse(text), Err(DurationError(error.to_owned())), "{text}");
        }
    }
}
