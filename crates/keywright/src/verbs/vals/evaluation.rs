//! Documents and texts evaluated, with one resolver a run. A runtime, TLS and log lines are started only where a reference
//! leads away from this machine. Specification: VALS §5.7, §8; design §12.

use std::collections::BTreeSet;

use base::Fault;
use document::Node;
use providers::reach::Reach;
use providers::resolver::{MissingKey, Resolver, Schemes};
use source::expand::{self, Options};
use tracing::Level;

use crate::{Ui, cluster, logs};

/// Evaluates what it is given.
pub struct Evaluation {
    resolver: Resolver,
    options: Options,
    is_silent: bool,
}

impl Evaluation {
    /// An evaluation that may use what `reach` says.
    #[must_use]
    pub fn new(reach: Reach, schemes: Schemes, missing_key: MissingKey, options: Options) -> Self {
        Self { resolver: Resolver::new(reach, schemes, missing_key), options, is_silent: false }
    }

    /// Without warnings.
    #[must_use]
    pub fn silent(mut self, is_silent: bool) -> Self {
        self.is_silent = is_silent;
        self
    }

    /// Puts the values into documents, and tells what the user should know.
    ///
    /// # Errors
    /// A reference cannot be resolved.
    pub fn documents(&self, nodes: &mut [Node], ui: &mut Ui) -> Result<(), Fault> {
        let schemes: BTreeSet<String> = nodes.iter().flat_map(expand::schemes).map(str::to_owned).collect();
        let filled = self.run(&schemes, self.resolver.fill(nodes, &self.options));
        self.tell(ui);
        filled
    }

    /// Puts the values into a text.
    ///
    /// # Errors
    /// A reference cannot be resolved.
    pub fn text(&self, text: &str, ui: &mut Ui) -> Result<Vec<u8>, Fault> {
        let schemes: BTreeSet<String> = expand::text::schemes(text).into_iter().map(str::to_owned).collect();
        let filled = self.run(&schemes, self.resolver.fill_text(text, &self.options));
        self.tell(ui);
        filled
    }

    fn run<T>(&self, schemes: &BTreeSet<String>, resolved: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        if Resolver::is_local(schemes.iter().map(String::as_str)) {
            return sops::at_once(resolved)?;
        }
        if !self.is_silent {
            logs::start(logs::Form::Command, logs::To::Stderr, Level::WARN);
        }
        cluster::block_on(resolved)
    }

    fn tell(&self, ui: &mut Ui) {
        let warnings = self.resolver.warnings();
        warnings.iter().filter(|_| !self.is_silent).for_each(|warning| ui.warn(warning));
    }
}
