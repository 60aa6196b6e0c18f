//! How long to wait after the n-th failure in a row: exponential with a cap, and jitter so that what failed together does
//! not come back together. Each feature has its peer's numbers (ESO §6.7, VSO §6.3, SS §11.3, RL §6).

use base::duration::GoDuration;

/// The numbers of one feature's backoff.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first wait.
    pub first: GoDuration,
    /// What each further failure multiplies it with.
    pub factor: f64,
    /// The longest wait.
    pub cap: GoDuration,
    /// The part of a wait that is drawn at random: 0.1 takes off up to a tenth.
    pub jitter: f64,
}

impl Backoff {
    /// The wait after `failures` failures in a row (1 is the first); `draw` is a random number in [0, 1).
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a wait needs no nanoseconds")]
    pub fn wait(&self, failures: u32, draw: f64) -> GoDuration {
        let exponent = i32::try_from(failures.saturating_sub(1).min(1_000)).unwrap_or(1_000);
        let cap = self.cap.nanoseconds() as f64;
        let full = (self.first.nanoseconds() as f64 * self.factor.powi(exponent)).min(cap);
        GoDuration::from_nanoseconds((full * (1.0 - self.jitter * draw)) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_jitter_only_shortens() {
        let backoff = Backoff {
            first: GoDuration::from_seconds(1),
            factor: 2.0,
            cap: GoDuration::from_seconds(420),
            jitter: 0.1,
        };
        let seconds = |n, draw| backoff.wait(n, draw).seconds();
        assert_eq!([seconds(1, 0.0), seconds(2, 0.0), seconds(5, 0.0), seconds(99, 0.0)], [1.0, 2.0, 16.0, 420.0]);
        assert_eq!(seconds(2, 0.5), 1.9);
    }
}
