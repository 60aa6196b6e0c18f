//! How often one workload may restart: a number of times at once, then once an interval. Without a limit a Secret that flaps makes a
//! ReplicaSet each time. One moment is remembered for a workload: when it would have its whole allowance back, less one.
//! Specification: RL §17 (#1183), §21.

use base::Timestamp;
use base::duration::GoDuration;

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many restarts at once; 0 means no limit.
    pub burst: u32,
    /// One more after this time.
    pub interval: GoDuration,
}

impl Default for Limit {
    fn default() -> Self {
        // Far above what people and pipelines do, far below what a Secret does that flaps all day.
        Self { burst: 200, interval: GoDuration::from_seconds(30) }
    }
}

/// What a workload has used of its allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Until when the restarts of before count.
    until: Timestamp,
}

impl Limit {
    /// Until when a workload must wait; none where it may restart now.
    #[must_use]
    pub fn wait(&self, used: Option<Used>, now: Timestamp) -> Option<Timestamp> {
        let Used { until } = used.filter(|used| !self.is_over(*used, now))?;
        let free = until.checked_sub(self.times(self.burst.saturating_sub(1))).ok()?;
        (self.burst > 0 && free > now).then_some(free)
    }

    /// What is used after a restart at `now`.
    #[must_use]
    pub fn use_one(&self, used: Option<Used>, now: Timestamp) -> Used {
        let before = used.filter(|used| !self.is_over(*used, now)).map_or(now, |used| used.until);
        Used { until: before.saturating_add(self.times(1)).unwrap_or(Timestamp::MAX) }
    }

    /// Whether the restarts of before no longer count. What lies further ahead than any use can reach was noted before the clock
    /// was set back.
    #[must_use]
    pub fn is_over(&self, used: Used, now: Timestamp) -> bool {
        let furthest = now.saturating_add(self.times(self.burst.saturating_add(1))).unwrap_or(Timestamp::MAX);
        used.until <= now || used.until > furthest
    }

    fn times(&self, count: u32) -> jiff::SignedDuration {
        self.interval.to_signed().saturating_mul(i32::try_from(count).unwrap_or(i32::MAX))
    }
}
