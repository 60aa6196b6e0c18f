//! The sandbox's clock: the system's, or one that stands still until a test (or `render`) moves it. Timestamps of
//! objects, managed fields and tokens come from it; the pace of watches does not.
//! Specification: design §4.3 (render: clock frozen).

use std::sync::Mutex;

use base::Timestamp;
use jiff::SignedDuration;

/// Where timestamps come from.
#[derive(Debug, Default)]
pub struct Clock {
    frozen: Mutex<Option<Timestamp>>,
}

impl Clock {
    /// The moment that objects are stamped with now.
    pub fn now(&self) -> Timestamp {
        self.held().unwrap_or_else(Timestamp::now)
    }

    /// Stops the clock at this moment.
    pub fn set(&self, now: Timestamp) {
        *self.lock() = Some(now);
    }

    /// Moves a stopped clock on; a running one is stopped first.
    pub fn advance(&self, by: SignedDuration) {
        let mut frozen = self.lock();
        let from = frozen.unwrap_or_else(Timestamp::now);
        *frozen = Some(from.saturating_add(by).unwrap_or(from));
    }

    fn held(&self) -> Option<Timestamp> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.frozen.lock().expect("nobody panics while holding the clock")
    }
}

/// RFC 3339 with whole seconds, as the API server stamps objects.
pub fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
