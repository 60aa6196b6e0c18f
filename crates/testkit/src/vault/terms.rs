//! How long what is issued lives, and how Vault reads and spells spans of time.
//! Specification: VSO §17.3.

use base::Timestamp;
use base::duration::GoDuration;
use jiff::SignedDuration;
use serde_json::Value;

/// How long what is issued lives.
#[derive(Clone, Debug)]
pub struct Terms {
    pub ttl_seconds: i64,
    pub max_seconds: i64,
    pub renewable: bool,
    /// A batch token: no accessor, no renewal.
    pub is_batch: bool,
    pub policies: Vec<String>,
}

impl Default for Terms {
    fn default() -> Self {
        let (ttl_seconds, max_seconds) = (3600, 32 * 24 * 3600);
        Self { ttl_seconds, max_seconds, renewable: true, is_batch: false, policies: vec!["default".to_owned()] }
    }
}

impl Terms {
    /// Renewable, with a time to live and a maximum.
    #[must_use]
    pub fn seconds(ttl_seconds: i64, max_seconds: i64) -> Self {
        Self { ttl_seconds, max_seconds, ..Self::default() }
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.is_batch { "batch" } else { "service" }
    }
}

/// Seconds as a number or as text (`60`, `90s`, `1h30m`).
pub fn seconds_of(value: &Value) -> Option<i64> {
    let text = value.as_str().unwrap_or_default();
    let spelt = || GoDuration::parse(text).ok().map(|duration| duration.to_signed().as_secs());
    value.as_i64().or_else(|| text.parse().ok()).or_else(spelt)
}

/// Go's spelling of a span: `1h0m0s`.
pub fn spelt(seconds: i64) -> String {
    GoDuration::from_seconds(seconds).to_string()
}

/// Vault's own short spelling: `1h`, `1h30m`.
pub fn short(seconds: i64) -> String {
    let whole = spelt(seconds);
    let trimmed = whole.strip_suffix("m0s").map_or(whole.clone(), |rest| format!("{rest}m"));
    trimmed.strip_suffix("h0m").map_or(trimmed.clone(), |rest| format!("{rest}h"))
}

pub fn after(from: Timestamp, seconds: i64) -> Timestamp {
    from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(from)
}
