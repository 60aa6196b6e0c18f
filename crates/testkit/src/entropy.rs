//! Randomness that is the same in every run, for the `rng` parameters of decisions and generators.
//! Never for keys that protect anything. Specification: design §6 (entropy is a parameter).

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// The stream of this number.
#[must_use]
pub fn fixed(number: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(number)
}
