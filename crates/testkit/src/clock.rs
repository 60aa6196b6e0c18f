//! One clock for a whole scenario: the sandbox and the servers of this crate stamp by it, and the test moves it.
//! The clock itself is the sandbox's. Specification: design §6 (time is a parameter).

use std::sync::Arc;

use base::Timestamp;

pub use sandbox::Clock;

/// A clock that stands at this moment (RFC 3339).
///
/// # Panics
/// If the text is no moment.
#[must_use]
pub fn frozen(at: &str) -> Arc<Clock> {
    let clock = Clock::default();
    clock.set(moment(at));
    Arc::new(clock)
}

/// The moment that the text (RFC 3339) names.
///
/// # Panics
/// If it names none.
#[must_use]
pub fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment in RFC 3339")
}
