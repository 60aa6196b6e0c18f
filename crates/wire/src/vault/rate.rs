//! How many calls a second a connection makes at most (`VAULT_RATE_LIMIT`, `rate[:burst]`): calls beyond it wait their turn.
//! Specification: VALS §10.1, VSO §8.1.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::Fault;
use tokio::time::Instant;

/// So many calls a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// Reads `rate` or `rate:burst`; the burst is else the rate.
    ///
    /// # Errors
    /// The text is neither, or the rate is not above nothing.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = || Fault::wrong(format!("cannot use `{text}` as a rate limit: not `rate` or `rate:burst`"));
        let (rate, burst) = text.split_once(':').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
        let rate: f64 = rate.trim().parse().map_err(|_| wrong())?;
        let interval = Duration::try_from_secs_f64(1.0 / rate).map_err(|_| wrong())?;
        let burst = match burst {
            Some(burst) => burst.trim().parse().map_err(|_| wrong())?,
            // A duration of one second holds as many calls as the rate says.
            None => {
                u32::try_from(Duration::from_secs(1).as_nanos() / interval.as_nanos().max(1)).map_err(|_| wrong())?
            }
        };
        Ok(Self { interval, burst: burst.max(1) })
    }
}

/// The turns of one connection.
pub(crate) struct Turns {
    rate: Rate,
    /// When the next call would be due if calls came evenly.
    due: Mutex<Option<Instant>>,
}

impl Turns {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, due: Mutex::default() }
    }

    /// Waits for the caller's turn.
    pub(crate) async fn wait(&self) {
        let pause = self.take(Instant::now());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }

    /// How long whoever comes now has to wait; the turn is theirs.
    fn take(&self, now: Instant) -> Duration {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = due.map_or(now, |due| due.max(now));
        *due = Some(turn + self.rate.interval);
        (turn - now).saturating_sub(self.rate.interval * (self.rate.burst - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_evenly() {
        let (turns, now) = (Turns::new(Rate::parse("10:3").unwrap()), Instant::now());
        let waits: Vec<_> = (0..6).map(|_| turns.take(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200, 300]);
        let later = now + Duration::from_secs(10);
        let waits: Vec<_> = (0..4).map(|_| turns.take(later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100]);
    }

    #[test]
    fn what_is_a_rate() {
        let cases = [("10", 100, 10), ("0.5", 2000, 1), ("2:7", 500, 7), ("2:0", 500, 1)];
        for (text, interval, burst) in cases {
            assert_eq!(Rate::parse(text).unwrap(), Rate { interval: Duration::from_millis(interval), burst });
        }
        for text in ["", "x", "0", "-1", "1:x", "1:2:3", "nan"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }
}
