//! How often one client may ask: GCRA, one moment a client, which is all the state there is. Pure but for its table; the peer's
//! numbers (`burst + 1` at once, then `rate` a second) and its headers are read off it. Specification: SS §12.3.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many clients are remembered, as in the peer.
const CLIENTS: usize = 65_536;

/// A limit for each client.
pub struct Limiter {
    interval: Duration,
    capacity: u32,
    free_at: Mutex<HashMap<String, Instant>>,
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How many requests fit at once.
    pub limit: u32,
    /// How many fit now.
    pub remaining: u32,
    /// After how long all fit again.
    pub reset: Duration,
    /// Where this request does not fit: after how long it would.
    pub refused_for: Option<Duration>,
}

impl Limiter {
    /// `rate` requests a second after `burst + 1` at once.
    #[must_use]
    pub fn new(rate: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / rate.max(1);
        Self { interval, capacity: burst.saturating_add(1), free_at: Mutex::default() }
    }

    /// One more request of this client.
    pub fn ask(&self, client: &str, now: Instant) -> Verdict {
        let mut clients = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS && !clients.contains_key(client) {
            clients.retain(|_, free_at| *free_at > now);
        }
        // A table that is still full forgets nobody: newcomers share one place.
        let client = if clients.len() >= CLIENTS && !clients.contains_key(client) { "" } else { client };
        let window = self.interval.saturating_mul(self.capacity);
        let free_at = clients.get(client).copied().unwrap_or(now).max(now);
        let next = free_at + self.interval;
        let used = next.duration_since(now);
        if used > window {
            let reset = free_at.duration_since(now);
            return Verdict { limit: self.capacity, remaining: 0, reset, refused_for: Some(used - window) };
        }
        clients.insert(client.to_owned(), next);
        let left = (window - used).as_nanos() / self.interval.as_nanos().max(1);
        let remaining = u32::try_from(left).unwrap_or(self.capacity);
        Verdict { limit: self.capacity, remaining, reset: used, refused_for: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_at_once_then_two_a_second_for_each_client() {
        let (limiter, start) = (Limiter::new(2, 2), Instant::now());
        let half = Duration::from_millis(500);
        let told: Vec<(u32, bool)> = (0..4).map(|_| limiter.ask("a", start)).map(shown).collect();
        assert_eq!(told, [(2, true), (1, true), (0, true), (0, false)]);
        assert_eq!(limiter.ask("a", start).refused_for, Some(half));
        assert_eq!(shown(limiter.ask("b", start)), (2, true), "another client has its own");
        assert_eq!(shown(limiter.ask("a", start + half)), (0, true));
        assert_eq!(shown(limiter.ask("a", start + half * 10)), (2, true));
    }

    fn shown(verdict: Verdict) -> (u32, bool) {
        (verdict.remaining, verdict.refused_for.is_none())
    }
}
