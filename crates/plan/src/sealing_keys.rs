//! Which sealing keys are to be made, and when. Pure. Specification: SS §10.2 (`key-renew-period`, `key-cutoff-time`), §10.4.

use base::Timestamp;
use base::duration::GoDuration;

/// When the next key is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextKey {
    /// Now.
    Now,
    /// At that moment.
    At(Timestamp),
    /// Never by itself.
    Never,
}

/// When the next key is to be made: now where there is none, or where the newest is older than the cutoff; else a period
/// after the newest. A period of zero renews nothing.
#[must_use]
pub fn next_key(newest: Option<Timestamp>, cutoff: Option<Timestamp>, period: GoDuration, now: Timestamp) -> NextKey {
    let Some(newest) = newest else { return NextKey::Now };
    if cutoff.is_some_and(|cutoff| newest < cutoff) {
        return NextKey::Now;
    }
    if !period.is_positive() {
        return NextKey::Never;
    }
    let due = period.after(newest);
    if due <= now { NextKey::Now } else { NextKey::At(due) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_when_missing_old_or_cut_off() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a test's own timestamp") };
        let (now, month) = (at("2026-02-01T00:00:00Z"), GoDuration::from_seconds(30 * 86_400));
        let recent = at("2026-01-20T00:00:00Z");
        assert_eq!(next_key(None, None, month, now), NextKey::Now);
        assert_eq!(next_key(Some(recent), None, month, now), NextKey::At(at("2026-02-19T00:00:00Z")));
        assert_eq!(next_key(Some(at("2025-12-01T00:00:00Z")), None, month, now), NextKey::Now);
        assert_eq!(next_key(Some(recent), Some(now), month, now), NextKey::Now);
        assert_eq!(next_key(Some(at("2020-01-01T00:00:00Z")), None, GoDuration::ZERO, now), NextKey::Never);
    }
}
