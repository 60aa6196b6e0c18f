//! Documents and texts evaluated, with one resolver a run. A runtime, TLS and log lines are started only where a reference
//! leads away from this machine. Specification: VALS §5.7, §8; design §12.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use base::Fault;
use document::Node;
use futures::{StreamExt as _, TryStreamExt as _};
use providers::reach::Reach;
use providers::resolver::{MissingKey, Resolver, Schemes};
use source::expand::{self, Options};
use tracing::Level;

use crate::cluster::Runtime;
use crate::{Ui, logs};

/// How many texts are looked at at the same time.
const AT_ONCE: usize = 16;

/// Evaluates what it is given.
pub struct Evaluation {
    resolver: Resolver,
    runtime: Rc<OnceCell<Runtime>>,
    options: Options,
    is_silent: bool,
}

impl Evaluation {
    /// An evaluation that may use what `reach` says.
    #[must_use]
    pub fn new(reach: Reach, schemes: Schemes, missing_key: MissingKey, options: Options) -> Self {
        let resolver = Resolver::new(reach, schemes, missing_key);
        Self { resolver, runtime: Rc::default(), options, is_silent: false }
    }

    /// One that has other options, and shares what was opened and read.
    #[must_use]
    pub fn sharing(&self, missing_key: MissingKey, options: Options) -> Self {
        let resolver = self.resolver.sharing(missing_key);
        Self { resolver, runtime: self.runtime.clone(), options, is_silent: self.is_silent }
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

    /// Reads what texts refer to, all at the same time, until something goes wrong: whoever wants the values tells what, and a
    /// server that refuses one login is not asked for more.
    pub fn prepare(&self, texts: &[String]) {
        let schemes = texts.iter().flat_map(|text| expand::text::schemes(text)).map(str::to_owned).collect();
        let _ = self.run(&schemes, async {
            let fillings = texts.iter().map(|text| self.resolver.fill_text(text, &self.options));
            futures::stream::iter(fillings).buffer_unordered(AT_ONCE).try_for_each(|_| std::future::ready(Ok(()))).await
        });
    }

    fn run<T>(&self, schemes: &BTreeSet<String>, resolved: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        if Resolver::is_local(schemes.iter().map(String::as_str)) {
            return sops::at_once(resolved)?;
        }
        if let Some(runtime) = self.runtime.get() {
            return runtime.block_on(resolved);
        }
        if !self.is_silent {
            logs::start(logs::Form::Command, logs::To::Stderr, Level::WARN);
        }
        let runtime = Runtime::start()?;
        self.runtime.get_or_init(|| runtime).block_on(resolved)
    }

    fn tell(&self, ui: &mut Ui) {
        let warnings = self.resolver.warnings();
        warnings.iter().filter(|_| !self.is_silent).for_each(|warning| ui.warn(warning));
    }
}
