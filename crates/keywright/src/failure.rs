//! A fault on its way out of the process: with the peer's exit code and wording where scripts depend on them.
//! Not here: what failed and why (`base::Fault`). Specification: design §12, §13.

use base::Fault;

use crate::{Exit, Ui};

/// Why a verb did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    fault: Fault,
    exit: Exit,
    prefix: &'static str,
}

impl Failure {
    /// A failure with the peer's exit code.
    #[must_use]
    pub fn new(exit: u8, fault: Fault) -> Self {
        Self { fault, exit: Exit(exit), prefix: "" }
    }

    /// A failure told with the peer's prefix, such as `error: `.
    #[must_use]
    pub fn prefixed(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    /// The same failure with other advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.fault = self.fault.hint(hint);
        self
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The fault itself.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The fault alone, for whoever tells it among others.
    #[must_use]
    pub fn into_fault(self) -> Fault {
        self.fault
    }

    /// Tells the chain of causes once, and the advice on a line of its own. Where the reader of stdout has left, nothing is
    /// told: [`crate::run`] ends with a code that says so.
    pub fn tell(&self, ui: &mut Ui) -> Exit {
        if ui.is_pipe_broken() {
            return self.exit;
        }
        ui.note(&format!("{}{}", self.prefix, self.fault.chain()));
        if let Some(advice) = self.fault.advice() {
            ui.hint(advice);
        }
        self.exit
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(1, fault)
    }
}
