//! The engine against real Go: every case of `golden/cases` was run by Go's text/template with sprig (`golden/main.go`).
//! Where ours differs on purpose – a message that would show a value – only the message's head is compared, and that is listed here.

use base::SecretValue;
use base::Timestamp;
use rand_core::SeedableRng as _;

use crate::{Engine, Family, Fuel, MissingKey, Surroundings, Value, runes};

mod engine;
mod golden;
mod keys;
mod limits;

/// A moment that is `now` in the cases, too.
fn now() -> Timestamp {
    "2026-01-02T03:04:05.6789Z".parse().expect("a moment")
}

/// Runs a template once.
fn run(engine: Engine, text: &str, data: &Value) -> Result<Vec<u8>, String> {
    let template = engine.parse("t", text).map_err(|fault| fault.chain())?;
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let surroundings = Surroundings { now: now(), rng: &mut rng, fuel: &mut Fuel::default() };
    template.execute(data, surroundings).map(base::SecretBytes::into_exposed).map_err(|fault| fault.chain())
}

/// sprig's functions, each once.
fn sprig_names() -> Vec<&'static str> {
    let mut names: Vec<_> = crate::functions::SPRIG.into_iter().flatten().map(|function| function.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}
