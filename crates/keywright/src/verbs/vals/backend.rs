//! What helm-secrets' backend `vals` asks for: a file as `vals eval` answers it, a literal as `vals get` does, and
//! rendered manifests, in this process. One backend serves a whole run, so that values and sessions are had once.
//! Specification: HS §8.3, §10.

use base::{Fault, SecretBytes};
use providers::reach::Reach;
use providers::resolver::{MissingKey, Schemes};
use source::expand::{Collections, Options};

use super::documents::{self, Output};
use super::evaluation::Evaluation;
use super::{SILENT, Typed, eval, manifests};
use crate::Ui;
use crate::argv::{self, ArgvError, Grammar};

/// Evaluates what a run of helm-secrets meets.
pub struct Backend(Evaluation);

impl Backend {
    /// A backend that may use what `reach` says, for references with these schemes.
    pub fn new(reach: Reach, schemes: Schemes) -> Self {
        Self(Evaluation::new(reach, schemes, MissingKey::Refuse, LITERAL))
    }

    /// A file's documents evaluated; `args` are flags of `vals eval`.
    ///
    /// # Errors
    /// There is no such flag, the file is no YAML, or a reference cannot be resolved.
    pub fn file(&self, bytes: &[u8], is_json: bool, args: &[String], ui: &mut Ui) -> Result<SecretBytes, Fault> {
        let output = if is_json { Output::Json } else { Output::Yaml };
        let typed = typed(args)?;
        eval::evaluated(documents::parsed(bytes)?, &typed, &self.of(&typed), output, ui).map(SecretBytes::new)
    }

    /// Rendered manifests evaluated; `args` are flags of `vals eval`.
    ///
    /// # Errors
    /// There is no such flag, or a reference cannot be resolved.
    pub fn manifests(&self, bytes: &[u8], args: &[String], decodes: bool, ui: &mut Ui) -> Result<SecretBytes, Fault> {
        let typed = typed(args)?;
        let decodes = decodes || typed.parsed.is_set("decode-kubernetes-secrets");
        manifests::evaluated(bytes, decodes, &self.of(&typed), ui).map(SecretBytes::new)
    }

    /// Fetches what texts will need, all at the same time.
    pub fn prepare(&self, texts: &[String]) {
        self.0.prepare(texts);
    }

    /// A text evaluated. A missing key is an error: `<nil>` is nobody's value.
    ///
    /// # Errors
    /// A reference cannot be resolved.
    pub fn literal(&self, text: &str, ui: &mut Ui) -> Result<SecretBytes, Fault> {
        self.0.text(text, ui).map(SecretBytes::new)
    }

    fn of(&self, typed: &Typed) -> Evaluation {
        self.0.sharing(typed.refuses(), typed.options()).silent(typed.parsed.is_set(SILENT.name))
    }
}

const LITERAL: Options = Options { excludes_secret: false, top_level_texts: true, collections: Collections::Json };

fn typed(args: &[String]) -> Result<Typed, Fault> {
    let parsed = argv::parse(Grammar::GoFlag, eval::WORD.flags, args).map_err(|error| match error {
        ArgvError::Help { .. } => Fault::wrong("the backend was asked for its help"),
        ArgvError::Wrong(text) => Fault::wrong(text),
    })?;
    Ok(Typed { parsed, is_compat: true })
}
