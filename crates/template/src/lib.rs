//! Go's text/template with the functions that people rely on: the template language of External Secrets, Vault Secrets and Sealed
//! Secrets. A text is parsed once and run many times; a run gets data, `now`, randomness and fuel, and gives bytes.
//! Dry: no clock, no environment, no files; a template's bound is fuel, never time.
//! What is rendered over what, and where the texts come from, is `plan`'s. Specification: ESO §8; VSO §9.4, §9.5; SS §7.3.
#![warn(missing_docs)]

mod ast;
mod eval;
mod families;
mod fuel;
mod functions;
mod lex;
mod literal;
mod moment;
mod parse;
pub mod pattern;
mod print;
mod runes;
mod value;
mod version;

use std::borrow::Cow;

use base::{Fault, SecretBytes, Timestamp};
use rand_core::CryptoRng;

pub use families::Family;
pub use fuel::Fuel;
pub use value::{Element, IntType, List, Map, Record, Text, UintType, Value};

/// How a peer reads its templates: whose functions, which delimiters, and what an absent key is.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Whose functions may be called.
    pub family: Family,
    /// What opens an action.
    pub left: Cow<'static, str>,
    /// What closes an action.
    pub right: Cow<'static, str>,
    /// What an absent key of a map is.
    pub missing_key: MissingKey,
}

/// What an absent key of a map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingKey {
    /// `<no value>`.
    NoValue,
    /// An error that names the key.
    Error,
}

impl Engine {
    /// External Secrets' engine: an absent key is an error (ESO §8.1).
    #[must_use]
    pub fn external_secrets() -> Self {
        Self::new(Family::ExternalSecrets, MissingKey::Error)
    }

    /// Vault Secrets' engine (VSO §9.4).
    #[must_use]
    pub fn vault_secrets() -> Self {
        Self::new(Family::VaultSecrets, MissingKey::NoValue)
    }

    /// Sealed Secrets' engine (SS §7.3).
    #[must_use]
    pub fn sealed_secrets() -> Self {
        Self::new(Family::SealedSecrets, MissingKey::NoValue)
    }

    /// An engine with Go's delimiters.
    #[must_use]
    pub fn new(family: Family, missing_key: MissingKey) -> Self {
        Self { family, left: "{{".into(), right: "}}".into(), missing_key }
    }

    /// The same engine with other delimiters; an empty one is Go's.
    #[must_use]
    pub fn delimiters(mut self, left: impl Into<Cow<'static, str>>, right: impl Into<Cow<'static, str>>) -> Self {
        let or = |given: Cow<'static, str>, own: &'static str| if given.is_empty() { own.into() } else { given };
        (self.left, self.right) = (or(left.into(), "{{"), or(right.into(), "}}"));
        self
    }

    /// One template that stands alone.
    ///
    /// # Errors
    /// Go's message: `template: NAME:1: function "x" not defined`.
    pub fn parse(self, name: &str, text: impl AsRef<[u8]>) -> Result<Template, Fault> {
        let mut templates = Templates::new(self);
        templates.parse(name, text)?;
        Ok(Template { name: name.to_owned(), templates })
    }
}

/// What a run is given besides its data.
pub struct Surroundings<'a> {
    /// The moment that `now` is.
    pub now: Timestamp,
    /// What random functions draw from; keys and certificates draw from their library's own source.
    pub rng: &'a mut dyn CryptoRng,
    /// What the run may cost; what is left may serve another run.
    pub fuel: &'a mut Fuel,
}

/// One template, parsed.
pub struct Template {
    name: String,
    templates: Templates,
}

impl Template {
    /// Runs the template over the data.
    ///
    /// # Errors
    /// Go's message, without values: `template: NAME:1:2: executing "NAME" at <.x>: map has no entry for key "x"`.
    pub fn execute(&self, data: &Value, surroundings: Surroundings<'_>) -> Result<SecretBytes, Fault> {
        self.templates.execute(&self.name, data, surroundings)
    }
}

/// Templates in one namespace: each can call the others, and what they define.
pub struct Templates {
    engine: Engine,
    trees: eval::Trees,
}

impl Templates {
    /// A namespace without templates.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self { engine, trees: eval::Trees::new() }
    }

    /// Adds a template and what it defines. A later one of the same name takes the place of an earlier one, unless it is empty.
    ///
    /// # Errors
    /// Go's message: `template: NAME:1: function "x" not defined`.
    pub fn parse(&mut self, name: &str, text: impl AsRef<[u8]>) -> Result<(), Fault> {
        let delimiters = (&*self.engine.left, &*self.engine.right);
        let parsed = parse::parse(name, text.as_ref(), self.engine.family, delimiters).map_err(Fault::wrong)?;
        for (name, tree) in parsed.0 {
            if !tree.body.is_empty() || !self.trees.contains_key(&name) {
                self.trees.insert(name, tree);
            }
        }
        Ok(())
    }

    /// Runs the template of that name over the data.
    ///
    /// # Errors
    /// Go's message, without values: `template: NAME:1:2: executing "NAME" at <.x>: map has no entry for key "x"`.
    pub fn execute(&self, name: &str, data: &Value, surroundings: Surroundings<'_>) -> Result<SecretBytes, Fault> {
        let Surroundings { now, rng, fuel } = surroundings;
        let run = functions::Run { now, rng, fuel, data, patterns: pattern::Patterns::default() };
        eval::execute(&self.trees, name, self.engine.missing_key, run).map(SecretBytes::new).map_err(Fault::wrong)
    }
}

#[cfg(test)]
mod tests;
