//! What the templates of one pass are rendered with: the moment, randomness, and fuel that all of them share, so that a
//! hundred templates of one object cost no more than one. Specification: design §3; ESO §8; VSO §9.4; SS §7.3.

use base::Timestamp;
use rand_core::CryptoRng;
use template::{Engine, Fuel, Surroundings};

/// What opens and closes an action; Go's own where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Delimiters {
    /// What opens it; `{{` where empty.
    pub left: String,
    /// What closes it; `}}` where empty.
    pub right: String,
}

/// What the templates of one pass are rendered with.
pub struct Rendering<'a> {
    now: Timestamp,
    rng: &'a mut dyn CryptoRng,
    fuel: Fuel,
    delimiters: Delimiters,
}

impl<'a> Rendering<'a> {
    /// The moment of the pass, and what random functions draw from.
    #[must_use]
    pub fn new(now: Timestamp, rng: &'a mut dyn CryptoRng) -> Self {
        Self { now, rng, fuel: Fuel::default(), delimiters: Delimiters::default() }
    }

    /// With these delimiters, where a peer lets them be chosen (ESO §8.1).
    #[must_use]
    pub fn delimited(self, delimiters: Delimiters) -> Self {
        Self { delimiters, ..self }
    }

    /// The engine with the chosen delimiters.
    pub(crate) fn engine(&self, engine: Engine) -> Engine {
        let Delimiters { left, right } = self.delimiters.clone();
        engine.delimiters(left, right)
    }

    /// For one run; what it leaves of the fuel serves the next.
    pub(crate) fn surroundings(&mut self) -> Surroundings<'_> {
        Surroundings { now: self.now, rng: &mut *self.rng, fuel: &mut self.fuel }
    }
}
