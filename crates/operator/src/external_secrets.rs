//! External Secrets: its rows, one file each, and what they remember. Specification: ESO §6.

pub mod external_secret;

use crate::driver::Driver;

/// Adds External Secrets' rows to a driver.
#[must_use]
pub fn rows(driver: Driver) -> Driver {
    driver.with::<external_secret::Reconcile>()
}
