//! When a request is asked again, and after how long. The answer is a pure function of what happened; only [`Budget`] remembers,
//! so that a service in trouble is not asked several times as often as a healthy one.
//!
//! Asked again are requests that may be asked twice, and any request that was surely not carried out: the connection never
//! stood, or the other side said "not now". Specification: VSO §8.1 and §17.1, VALS §10.14, ESO §10.5 (`retrySettings`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base::{Fault, Timestamp};
use http::StatusCode;

use crate::answer::Answer;

/// How often and how patiently something is asked again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How many times after the first.
    pub retries: u32,
    /// How long between two tries.
    pub wait: Wait,
    /// No new try begins later than this after the first one began.
    pub total: Duration,
    /// Which answers are worth another try.
    pub transient: fn(&Answer) -> bool,
}

/// How long between two tries; jitter keeps many clients from coming back at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Always as long.
    Fixed(Duration),
    /// Evenly spread between the two.
    Between(Duration, Duration),
    /// Doubled each time up to `most`, then cut to a random part between half and whole.
    Doubling {
        /// The first wait.
        first: Duration,
        /// The longest wait.
        most: Duration,
    },
}

impl Retry {
    /// Asks once only.
    #[must_use]
    pub const fn never() -> Self {
        Self { retries: 0, wait: Wait::Fixed(Duration::ZERO), total: Duration::ZERO, transient: is_transient }
    }

    /// Three tries, 200 ms and doubled, at most a minute (VALS §10.14).
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            retries: 2,
            wait: Wait::Doubling { first: Duration::from_millis(200), most: Duration::from_secs(20) },
            total: Duration::from_secs(60),
            transient: is_transient,
        }
    }

    /// Vault's client: two more tries after 1000 to 1500 ms, also on 412 (VSO §8.1).
    #[must_use]
    pub const fn vault() -> Self {
        Self {
            retries: 2,
            wait: Wait::Between(Duration::from_millis(1000), Duration::from_millis(1500)),
            total: Duration::from_secs(120),
            transient: is_transient_at_vault,
        }
    }

    /// As this one, but as often and as far apart as a user's `retrySettings` say.
    #[must_use]
    pub const fn with(mut self, retries: u32, interval: Option<Duration>) -> Self {
        self.retries = retries;
        if let Some(interval) = interval {
            self.wait = Wait::Fixed(interval);
            // The user's own numbers are not cut short by ours.
            self.total = self.total.saturating_add(interval.saturating_mul(retries));
        }
        self
    }
}

impl Wait {
    /// The wait before try number `tried` + 1; `draw` is evenly spread over 0..1.
    #[must_use]
    pub fn before(self, tried: u32, draw: f64) -> Duration {
        match self {
            Self::Fixed(wait) => wait,
            Self::Between(least, most) => least + most.saturating_sub(least).mul_f64(draw),
            Self::Doubling { first, most } => {
                let whole = first.saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1))).min(most);
                whole.mul_f64(0.5 + draw / 2.0)
            }
        }
    }
}

/// What became of one try.
pub enum Outcome {
    /// The other side answered, whatever it said.
    Answered(Answer),
    /// No answer came.
    Lost {
        /// Why.
        fault: Fault,
        /// Whether the request may have reached the other side.
        sent: bool,
        /// Whether another try could help.
        again: bool,
    },
}

impl Outcome {
    /// What the caller gets when this was the last try.
    ///
    /// # Errors
    /// No answer came.
    pub fn settle(self) -> Result<Answer, Fault> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::Lost { fault, .. } => Err(fault),
        }
    }
}

/// The tries of one request.
pub struct Tries<'a> {
    retry: &'a Retry,
    idempotent: bool,
    tried: u32,
}

impl<'a> Tries<'a> {
    /// None yet.
    #[must_use]
    pub fn new(retry: &'a Retry, idempotent: bool) -> Self {
        Self { retry, idempotent, tried: 0 }
    }

    /// How long to wait before the next try after this outcome; `None`: it is the last one.
    pub fn next(&mut self, outcome: &Outcome, moment: Moment, budget: &Budget) -> Option<Duration> {
        self.tried += 1;
        let worth = match outcome {
            Outcome::Answered(answer) if !(self.retry.transient)(answer) => {
                budget.refund();
                false
            }
            Outcome::Answered(answer) => self.idempotent || was_turned_away(answer.status),
            Outcome::Lost { sent, again, .. } => *again && (self.idempotent || !sent),
        };
        if !worth || self.tried > self.retry.retries {
            return None;
        }
        let asked = match outcome {
            Outcome::Answered(answer) => answer.retry_after(moment.now),
            Outcome::Lost { .. } => None,
        };
        let wait =
            asked.map_or_else(|| self.retry.wait.before(self.tried, moment.draw), |asked| asked.min(LONGEST_ASKED));
        (moment.elapsed + wait <= self.retry.total && budget.take()).then_some(wait)
    }
}

/// What a try's end must be judged with: the clock, the time since the first try began, and a draw from 0..1.
#[derive(Clone, Copy)]
pub struct Moment {
    /// The time of day, for a `Retry-After` that is a date.
    pub now: Timestamp,
    /// Since the first try began.
    pub elapsed: Duration,
    /// Evenly spread over 0..1.
    pub draw: f64,
}

/// A longer `Retry-After` is the next pass' business (VSO §17.1).
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Tokens for retries, shared by all requests of a client: a retry costs five, an answer in peace gives one back. When a service
/// fails for everybody they run out after a hundred, and each request is asked once until answers come again.
pub struct Budget(AtomicU32);

const BUDGET: u32 = 500;
const RETRY_COSTS: u32 = 5;

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(BUDGET))
    }
}

impl Budget {
    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| tokens.checked_sub(RETRY_COSTS)).is_ok()
    }

    fn refund(&self) {
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| (tokens < BUDGET).then_some(tokens + 1));
    }
}

/// Whether an answer is worth another try for an API that says nothing better.
#[must_use]
pub fn is_transient(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Whether an answer is worth another try at Vault: replication behind, rate limit, any trouble but "not initialised".
#[must_use]
pub fn is_transient_at_vault(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        412 | 429 => true,
        501 => false,
        status => status >= 500,
    }
}

/// The other side refused before it did anything.
fn was_turned_away(status: StatusCode) -> bool {
    matches!(status.as_u16(), 412 | 429 | 503)
}

#[cfg(test)]
mod tests;
