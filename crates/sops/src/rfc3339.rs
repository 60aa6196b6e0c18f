//! RFC 3339 times as Go reads and prints them: the date and clock kept, `+00:00` as `Z`, the fraction trimmed or dropped.
//! Not here: what the time means; nobody in this crate asks a clock.
//! Specification: SOPS §4.3 (time), §4.6 (the MAC's associated data), §4.10 (`lastmodified`, `created_at`).

use base::Timestamp;

/// What becomes of the fraction of a second.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fraction {
    /// Up to nine digits, trailing zeros trimmed.
    Trimmed,
    /// Left out.
    Dropped,
}

/// `text` in the canonical form, or `None` where it is no RFC 3339 time.
pub(crate) fn canonical(text: &str, fraction: Fraction) -> Option<String> {
    let (clock, rest) = text.split_at_checked(CLOCK.len())?;
    let shaped = clock.bytes().zip(CLOCK).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    });
    if !shaped {
        return None;
    }
    clock.parse::<jiff::civil::DateTime>().ok()?;
    let (digits, offset) = split_fraction(rest)?;
    let digits = match fraction {
        Fraction::Trimmed => digits[..digits.len().min(9)].trim_end_matches('0'),
        Fraction::Dropped => "",
    };
    let point = if digits.is_empty() { "" } else { "." };
    Some(format!("{clock}{point}{digits}{}", canonical_offset(offset)?))
}

/// A moment as `2026-01-02T03:04:05Z`.
pub(crate) fn seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `text` in seconds of UTC, or `None` where it is no RFC 3339 time.
pub(crate) fn in_utc(text: &str) -> Option<String> {
    canonical(text, Fraction::Dropped)?.parse::<Timestamp>().ok().map(seconds)
}

const CLOCK: &[u8] = b"0000-00-00T00:00:00";

fn split_fraction(rest: &str) -> Option<(&str, &str)> {
    let Some(behind) = rest.strip_prefix('.') else {
        return Some(("", rest));
    };
    let end = behind.bytes().take_while(u8::is_ascii_digit).count();
    (end > 0).then(|| behind.split_at(end))
}

fn canonical_offset(offset: &str) -> Option<&str> {
    match offset.as_bytes() {
        b"Z" | b"+00:00" | b"-00:00" => Some("Z"),
        [b'+' | b'-', a, b, b':', c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) => Some(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_go_prints_them() {
        let cases = [
            ("2024-01-01T00:00:00Z", Some("2024-01-01T00:00:00Z"), Some("2024-01-01T00:00:00Z")),
            ("2026-01-02T03:04:05+00:00", Some("2026-01-02T03:04:05Z"), Some("2026-01-02T03:04:05Z")),
            (
                "2006-01-02T15:04:05.123456789+07:06",
                Some("2006-01-02T15:04:05.123456789+07:06"),
                Some("2006-01-02T15:04:05+07:06"),
            ),
            ("2006-01-02T15:04:05.5000Z", Some("2006-01-02T15:04:05.5Z"), Some("2006-01-02T15:04:05Z")),
            ("2006-01-02T15:04:05.000-01:00", Some("2006-01-02T15:04:05-01:00"), Some("2006-01-02T15:04:05-01:00")),
            ("2006-01-02 15:04:05Z", None, None),
            ("2006-02-30T15:04:05Z", None, None),
            ("2006-01-02T15:04:05", None, None),
            ("2006-01-02T15:04:05.Z", None, None),
            ("tomorrow", None, None),
            ("", None, None),
        ];
        for (text, trimmed, dropped) in cases {
            assert_eq!(canonical(text, Fraction::Trimmed).as_deref(), trimmed, "{text}");
            assert_eq!(canonical(text, Fraction::Dropped).as_deref(), dropped, "{text}");
        }
    }
}
