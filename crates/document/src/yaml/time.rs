//! YAML timestamps as go-yaml 3 reads them, normalised to RFC 3339 with nanoseconds trimmed.
//! Not here: other times of the house, which are `jiff`'s. Specification: SOPS §4.1, §4.3.

use jiff::civil::Date;

/// The RFC 3339 form of a timestamp, if the text is one: `Y-M-DTh:m:s[.f]Z07:00`, the same with `t`,
/// `Y-M-D h:m:s[.f]` (UTC) and `Y-M-D`; months, days and clock parts may have one digit.
pub(super) fn rfc3339(text: &str) -> Option<String> {
    let mut rest = Rest(text);
    let year = rest.digits(4, 4)?;
    let month = rest.after('-')?.digits(1, 2)?;
    let day = rest.after('-')?.digits(1, 2)?;
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.0.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let has_zone = rest.0.starts_with(['T', 't']);
    if !has_zone && !rest.0.starts_with(' ') {
        return None;
    }
    rest.0 = &rest.0[1..];
    let hour = rest.digits(1, 2).filter(|hour| *hour < 24)?;
    let minute = rest.after(':')?.digits(1, 2).filter(|minute| *minute < 60)?;
    let second = rest.after(':')?.digits(1, 2).filter(|second| *second < 60)?;
    let fraction = rest.fraction();
    let zone = if has_zone { rest.zone()? } else { "Z".to_owned() };
    rest.0.is_empty().then(|| format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// A number of at least and at most so many digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        (count >= least).then(|| digits.parse().ok())?
    }

    fn after(&mut self, separator: char) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(separator)?;
        Some(self)
    }

    /// The fraction of a second with its point, up to nanoseconds and without trailing zeros.
    fn fraction(&mut self) -> String {
        let Some(digits) = self.0.strip_prefix(['.', ',']) else { return String::new() };
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return String::new();
        }
        self.0 = &digits[count..];
        let digits = digits[..count.min(9)].trim_end_matches('0');
        if digits.is_empty() { String::new() } else { format!(".{digits}") }
    }

    fn zone(&mut self) -> Option<String> {
        if let Some(rest) = self.0.strip_prefix('Z') {
            self.0 = rest;
            return Some("Z".to_owned());
        }
        let sign = self.0.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
        self.0 = &self.0[1..];
        let hour = self.digits(2, 2).filter(|hour| *hour <= 24)?;
        let minute = self.after(':')?.digits(2, 2).filter(|minute| *minute < 60)?;
        Some(if hour == 0 && minute == 0 { "Z".to_owned() } else { format!("{sign}{hour:02}:{minute:02}") })
    }
}
