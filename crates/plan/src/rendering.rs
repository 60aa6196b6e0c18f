//! What the templates of one pass are rendered with: the moment, randomness, and fuel that all of them share, so that a
//! hundred templates of one object cost no more than one. Specification: design §3; ESO §8; VSO §9.4; SS §7.3.

use base::Timestamp;
use rand_core::CryptoRng;
use template::{Fuel, Surroundings};

/// What the templates of one pass are rendered with.
pub struct Rendering<'a> {
    now: Timestamp,
    rng: &'a mut dyn CryptoRng,
    fuel: Fuel,
}

impl<'a> Rendering<'a> {
    /// The moment of the pass, and what random functions draw from.
    #[must_use]
    pub fn new(now: Timestamp, rng: &'a mut dyn CryptoRng) -> Self {
        Self { now, rng, fuel: Fuel::default() }
    }

    /// For one run; what it leaves of the fuel serves the next.
    pub(crate) fn surroundings(&mut self) -> Surroundings<'_> {
        Surroundings { now: self.now, rng: &mut *self.rng, fuel: &mut self.fuel }
    }
}
