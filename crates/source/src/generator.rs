//! The port to a generator: a provider that makes a value instead of reading one. Making is an effect, never a read.
//! Specification: ESO §6.13, §11; design §6. Implemented by `providers/generators/*`.

use base::{Opening, SecretMap, Timestamp};
use rand_core::CryptoRng;

/// Makes values, and takes them back.
pub trait Generator: Send + Sync {
    /// Makes new values, at that moment and from that randomness.
    fn make<'a>(&'a self, now: Timestamp, rng: &'a mut (dyn CryptoRng + Send)) -> Opening<'a, Made>;

    /// Gives back what an earlier `make` left in `state`: deletes the token, ends the lease. Gone already is success.
    fn forget<'a>(&'a self, _state: &'a serde_json::Value) -> Opening<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// What a generator made.
#[derive(Clone)]
pub struct Made {
    /// The values.
    pub values: SecretMap,
    /// What must be remembered to give them back; none where nothing is to be given back. Never holds the values.
    pub state: Option<serde_json::Value>,
    /// When the values end, where the generator knows.
    pub expires: Option<Timestamp>,
}
