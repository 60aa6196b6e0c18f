//! VSO's waiting times: each is spread over a tenth or so, so that what began together does not come back together.
//! The draw of a pass is taken from its moment's nanoseconds: a pass needs no other randomness. Specification: VSO §6.3, §6.4.

use base::Timestamp;
use base::duration::GoDuration;

use crate::backoff::Backoff;

/// How long after a failure of ours or of the API server: 4 to 4.5 seconds.
#[must_use]
pub fn local_error(now: Timestamp) -> GoDuration {
    refresh(GoDuration::from_seconds(5), now)
}

/// How long after a destination was found missing that we may not make.
pub const MISSING: GoDuration = GoDuration::from_seconds(5);

/// 80 to 90 % of a span.
#[must_use]
pub fn refresh(span: GoDuration, now: Timestamp) -> GoDuration {
    part(span, 0.9 - 0.1 * draw(now))
}

/// When a lease is renewed: between `percent` and ten more per cent of its life; at least a second.
#[must_use]
pub fn lease(life: GoDuration, percent: i64, now: Timestamp) -> GoDuration {
    let percent = f64::from(u8::try_from(percent.clamp(0, 90)).unwrap_or(90)) / 100.0;
    let horizon = part(life, percent + 0.1 - 0.1 * draw(now));
    if horizon < GoDuration::from_seconds(1) { GoDuration::from_seconds(5) } else { horizon }
}

/// 67 to 77 % of a span, the default for leases.
#[must_use]
pub fn two_thirds(span: GoDuration, now: Timestamp) -> GoDuration {
    lease(span, 67, now)
}

/// A span and up to 150 ms more: two readers of a static role do not meet.
#[must_use]
pub fn shortly_after(span: GoDuration, now: Timestamp) -> GoDuration {
    plus(span, part(GoDuration::from_nanoseconds(150_000_000), draw(now)))
}

/// A span, less (or more) up to a twentieth of it; at least a second.
#[must_use]
pub fn certificate(span: GoDuration, is_later: bool, now: Timestamp) -> GoDuration {
    let span = span.max(GoDuration::from_seconds(1));
    let off = 0.05 * draw(now);
    part(span, if is_later { 1.0 + off } else { 1.0 - off })
}

/// The sum of two spans.
#[must_use]
pub fn plus(left: GoDuration, right: GoDuration) -> GoDuration {
    GoDuration::from_nanoseconds(left.nanoseconds().saturating_add(right.nanoseconds()))
}

/// The span from now until a unix second.
#[must_use]
pub fn until(second: i64, now: Timestamp) -> GoDuration {
    let nanoseconds = i128::from(second) * 1_000_000_000 - now.as_nanosecond();
    GoDuration::from_nanoseconds(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
}

/// The peer's backoff flags as ours: its waits lie on both sides of the interval, ours below the highest.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a wait needs no nanoseconds")]
pub fn backoff(initial: GoDuration, max: GoDuration, factor: f64, randomization: f64) -> Backoff {
    let randomization = randomization.clamp(0.0, 1.0);
    let highest =
        |span: GoDuration| GoDuration::from_nanoseconds((span.seconds() * 1e9 * (1.0 + randomization)) as i64);
    Backoff { first: highest(initial), factor, cap: highest(max), jitter: 2.0 * randomization / (1.0 + randomization) }
}

/// A number in [0, 1).
#[must_use]
pub fn draw(now: Timestamp) -> f64 {
    f64::from(now.as_nanosecond().rem_euclid(1_000_000_000) as u32) / 1e9
}

#[expect(clippy::cast_possible_truncation, reason = "a wait needs no nanoseconds")]
fn part(span: GoDuration, factor: f64) -> GoDuration {
    // Whole tenths of a second would show in messages; the peer shows nanoseconds, and milliseconds are enough.
    let milliseconds = (span.seconds() * 1e3 * factor) as i64;
    GoDuration::from_nanoseconds(milliseconds.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(wait: impl Fn(Timestamp) -> GoDuration) -> (f64, f64) {
        let waits = (0..10_000).map(|n| wait(Timestamp::from_nanosecond(n * 99_999).expect("a moment")).seconds());
        waits.fold((f64::MAX, 0.0), |(low, high), wait| (wait.min(low), wait.max(high)))
    }

    #[test]
    fn waits_lie_where_the_peers_do() {
        let within = |wait: &dyn Fn(Timestamp) -> GoDuration, low: f64, high: f64| {
            let (least, most) = range(wait);
            assert!(least >= low && most <= high, "{least}..{most}, not {low}..{high}");
            assert!(most - least > (high - low) * 0.8, "{least}..{most} does not spread over {low}..{high}");
        };
        let hundred = GoDuration::from_seconds(100);
        within(&local_error, 4.0, 4.5);
        within(&|now| refresh(hundred, now), 80.0, 90.0);
        within(&|now| lease(hundred, 67, now), 67.0, 77.0);
        within(&|now| lease(hundred, 120, now), 90.0, 100.0);
        within(&|now| certificate(hundred, true, now), 100.0, 105.0);
        within(&|now| certificate(hundred, false, now), 95.0, 100.0);
        let peers = backoff(GoDuration::from_seconds(5), GoDuration::from_seconds(60), 1.5, 0.5);
        within(&|now| peers.wait(1, draw(now)), 2.5, 7.5);
        within(&|now| peers.wait(99, draw(now)), 30.0, 90.0);
        assert_eq!(lease(GoDuration::from_seconds(1), 10, Timestamp::UNIX_EPOCH), GoDuration::from_seconds(5));
        assert_eq!(until(5, Timestamp::UNIX_EPOCH), GoDuration::from_seconds(5));
    }
}
