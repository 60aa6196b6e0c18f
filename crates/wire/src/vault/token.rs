//! A token as its keeper knows it: how long it lives, what hangs on it, and when it is renewed. It asks nobody anything.
//! Specification: VSO §8.7 (timing), §8.8.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::{SecretBytes, Timestamp};
use tokio::time::Instant;

use crate::vault::call::Call;
use crate::vault::response::{AuthBlock, Response};

/// What callers may know of the token.
#[derive(Clone)]
pub struct TokenMeta {
    /// Its accessor; empty for batch tokens.
    pub accessor: String,
    /// Its policies.
    pub policies: Vec<String>,
    /// What the method says about who logged in.
    pub metadata: std::collections::BTreeMap<String, String>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// When it ends; none: it does not, or nobody said.
    pub expires_at: Option<Timestamp>,
    /// The answer of the login as it came; it holds the token.
    pub login: SecretBytes,
}

/// A token and what is known of it.
pub(super) struct Held {
    /// The how manieth of its keeper it is.
    pub generation: u64,
    /// What the login brought.
    pub block: AuthBlock,
    login: SecretBytes,
    /// Since when.
    pub since: Instant,
    expires: Mutex<Option<Instant>>,
    /// Whether leases depend on it, so that it must not be revoked when another takes its place.
    has_leases: AtomicBool,
}

impl Held {
    /// A token that was just got.
    pub fn new(generation: u64, block: AuthBlock, login: SecretBytes) -> Self {
        let since = Instant::now();
        let life = Some(block.lease_duration).filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let expires = Mutex::new(life.map(|life| since + life));
        Self { generation, block, login, since, expires, has_leases: AtomicBool::new(false) }
    }

    /// Not in its last moments either, when a call could begin with it and end without.
    pub fn lives(&self, now: Instant) -> bool {
        let margin = Duration::from_secs(self.block.lease_duration).mul_f64(0.02).min(Duration::from_secs(5));
        self.rest(now).is_none_or(|rest| rest > margin)
    }

    /// How long it lives yet; nothing: for ever, or nobody said.
    pub fn rest(&self, now: Instant) -> Option<Duration> {
        let expires = *self.expires.lock().unwrap_or_else(PoisonError::into_inner);
        Some(expires?.saturating_duration_since(now))
    }

    /// The token as if it were older.
    #[cfg(test)]
    pub fn aged(self, by: Duration) -> Self {
        Self { since: self.since.checked_sub(by).unwrap_or(self.since), ..self }
    }

    /// It has been renewed.
    pub fn prolong(&self, seconds: u64) {
        let until =
            Some(seconds).filter(|seconds| *seconds > 0).map(|seconds| Instant::now() + Duration::from_secs(seconds));
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// It was found dead.
    pub fn end(&self) {
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether no lease hangs on it.
    pub fn is_free(&self) -> bool {
        !self.has_leases.load(Ordering::Relaxed)
    }

    /// Notes what dies with it: leases, and tokens that were made with it. Renewing a lease binds it to nobody.
    pub fn note_made(&self, call: &Call, response: &Response) {
        let is_renewal = call.path() == "sys/leases/renew";
        if (!response.lease_id.is_empty() && !is_renewal) || response.auth().is_some() {
            self.bind();
        }
    }

    /// Something hangs on it.
    pub fn bind(&self) {
        self.has_leases.store(true, Ordering::Relaxed);
    }

    /// What callers may know.
    pub fn meta(&self) -> TokenMeta {
        let rest = self.rest(Instant::now());
        let expires_at = rest.and_then(|rest| Timestamp::now().checked_add(rest).ok());
        TokenMeta {
            accessor: self.block.accessor.clone(),
            policies: self.block.policies.clone(),
            metadata: self.block.metadata.clone(),
            renewable: self.block.renewable,
            expires_at,
            login: self.login.clone(),
        }
    }
}

/// How long until the next renewal: two thirds of the rest and a third of the grace; after failures less and less patience with
/// the plan and more with the server. Nothing: so little is left that a new login is due.
pub(super) fn before_renewal(rest: Duration, grace: Duration, failures: u32) -> Option<Duration> {
    if rest <= grace {
        return None;
    }
    let planned = rest.mul_f64(2.0 / 3.0) + grace / 3;
    let backoff = Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    Some(if failures == 0 { planned } else { planned.min(backoff) }.min(rest))
}
