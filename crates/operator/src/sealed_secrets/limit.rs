//! How often one client may ask: GCRA, one moment a bucket, which is all the state there is. Pure but for its table; the peer's
//! numbers (`burst + 1` at once, then `rate` a second) and its headers are read off it. Whom a proxy forwards for is a claim that
//! anybody can write, so all claims from one address share a bucket, too. Specification: SS §12.3.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many buckets are remembered, as in the peer.
const BUCKETS: usize = 65_536;
/// As how many clients one address counts that forwards: nobody tells a proxy from a client that only says so.
const FORWARDED: u32 = 4;

/// A limit for each client.
pub struct Limiter {
    interval: Duration,
    capacity: u32,
    free_at: Mutex<HashMap<Bucket, Instant>>,
}

/// Who asks: where the connection comes from, and for whom it says that it forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// The other end of the connection.
    pub address: IpAddr,
    /// The last entry of `X-Forwarded-For`, which the proxy that connects to us wrote – if it is one.
    pub forwarded: Option<IpAddr>,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Bucket {
    One(&'static str, Client),
    Forwarding(&'static str, IpAddr),
    Rest,
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

    /// One more request of this client for this path. A refused one uses up nothing, of its own or of others.
    pub fn ask(&self, path: &'static str, client: Client, now: Instant) -> Verdict {
        let mut buckets = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = Bucket::One(path, client);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&own) {
            buckets.retain(|_, free_at| *free_at > now);
            // A table that is still full forgets nobody: newcomers share one place.
            if buckets.len() >= BUCKETS {
                own = Bucket::Rest;
            }
        }
        let look = |bucket: Bucket, interval: Duration, capacity: u32| {
            let free_at = buckets.get(&bucket).copied().unwrap_or(now).max(now);
            judged(free_at, now, interval, capacity)
        };
        let (verdict, next) = look(own, self.interval, self.capacity);
        let shared = client.forwarded.map(|_| {
            let bucket = Bucket::Forwarding(path, client.address);
            (bucket, look(bucket, self.interval / FORWARDED, self.capacity.saturating_mul(FORWARDED)))
        });
        if verdict.refused_for.is_some() {
            return verdict;
        }
        if let Some((bucket, (of_all, next))) = shared {
            if of_all.refused_for.is_some() {
                return Verdict { limit: self.capacity, remaining: 0, ..of_all };
            }
            buckets.insert(bucket, next);
        }
        buckets.insert(own, next);
        verdict
    }
}

/// What a bucket that is free at that moment answers now, and when it is free after a request that fits.
fn judged(free_at: Instant, now: Instant, interval: Duration, capacity: u32) -> (Verdict, Instant) {
    let window = interval.saturating_mul(capacity);
    let next = free_at + interval;
    let used = next.duration_since(now);
    if used > window {
        let reset = free_at.duration_since(now);
        return (Verdict { limit: capacity, remaining: 0, reset, refused_for: Some(used - window) }, free_at);
    }
    let left = (window - used).as_nanos() / interval.as_nanos().max(1);
    let remaining = u32::try_from(left).unwrap_or(capacity);
    (Verdict { limit: capacity, remaining, reset: used, refused_for: None }, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(last: u8) -> Client {
        Client { address: IpAddr::from([10, 0, 0, last]), forwarded: None }
    }

    fn forwarded(last: u8) -> Client {
        Client { forwarded: Some(IpAddr::from([192, 0, 2, last])), ..direct(1) }
    }

    fn shown(verdict: Verdict) -> (u32, bool) {
        (verdict.remaining, verdict.refused_for.is_none())
    }

    #[test]
    fn three_at_once_then_two_a_second_for_each_client() {
        let (limiter, start) = (Limiter::new(2, 2), Instant::now());
        let half = Duration::from_millis(500);
        for (one, other) in [(direct(1), direct(2)), (forwarded(1), forwarded(2))] {
            let told: Vec<(u32, bool)> = (0..4).map(|_| limiter.ask("/a", one, start)).map(shown).collect();
            assert_eq!(told, [(2, true), (1, true), (0, true), (0, false)]);
            assert_eq!(limiter.ask("/a", one, start).refused_for, Some(half));
            assert_eq!(shown(limiter.ask("/b", one, start)), (2, true), "another path is counted apart");
            assert_eq!(shown(limiter.ask("/a", other, start)), (2, true), "another client has its own");
            assert_eq!(shown(limiter.ask("/a", one, start + half)), (0, true));
            assert_eq!(shown(limiter.ask("/a", one, start + half * 10)), (2, true));
        }
    }

    #[test]
    fn an_address_gains_little_by_saying_that_it_forwards() {
        let (limiter, start) = (Limiter::new(2, 2), Instant::now());
        let fitting = (0..200).filter(|last| limiter.ask("/a", forwarded(*last), start).refused_for.is_none()).count();
        assert_eq!(fitting, 12, "four clients' worth");
        let second = start + Duration::from_secs(1);
        let fitting = (0..200).filter(|last| limiter.ask("/a", forwarded(*last), second).refused_for.is_none()).count();
        assert_eq!(fitting, 8);
        let refused = limiter.ask("/a", forwarded(201), second);
        assert_eq!((refused.limit, refused.remaining, refused.refused_for), (3, 0, Some(Duration::from_millis(125))));
        assert_eq!(shown(limiter.ask("/a", direct(1), second)), (2, true), "who forwards nothing is counted apart");
    }

    #[test]
    fn who_is_refused_takes_nothing_from_others() {
        let (limiter, start) = (Limiter::new(2, 2), Instant::now());
        for _ in 0..100 {
            limiter.ask("/a", forwarded(1), start);
        }
        assert_eq!(shown(limiter.ask("/a", forwarded(2), start)), (2, true));
    }
}
