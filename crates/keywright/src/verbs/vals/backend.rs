//! What helm-secrets' backend `vals` asks for: a file as `vals eval` answers it, a literal as `vals get` does, in this process.
//! Specification: HS §8.3.

use base::{Fault, SecretBytes};
use providers::resolver::MissingKey;
use source::expand::{Collections, Options};

use super::documents::{self, Output};
use super::evaluation::Evaluation;
use super::{May, Typed, eval};
use crate::Ui;
use crate::argv::{self, ArgvError, Grammar};

/// A file's documents evaluated; `args` are flags of `vals eval`.
///
/// # Errors
/// There is no such flag, the file is no YAML, or a reference cannot be resolved.
pub fn file(bytes: &[u8], is_json: bool, args: &[String], may: May, ui: &mut Ui) -> Result<SecretBytes, Fault> {
    let parsed = argv::parse(Grammar::GoFlag, eval::WORD.flags, args).map_err(|error| match error {
        ArgvError::Help { .. } => Fault::wrong("the backend was asked for its help"),
        ArgvError::Wrong(text) => Fault::wrong(text),
    })?;
    let output = if is_json { Output::Json } else { Output::Yaml };
    let typed = Typed { parsed, is_compat: true };
    eval::evaluated(documents::parsed(bytes)?, &typed, may, output, ui).map(SecretBytes::new)
}

/// A text evaluated. A missing key is an error: `<nil>` is nobody's value.
///
/// # Errors
/// A reference cannot be resolved.
pub fn literal(text: &str, may: May, ui: &mut Ui) -> Result<SecretBytes, Fault> {
    let options = Options { excludes_secret: false, top_level_texts: true, collections: Collections::Json };
    Evaluation::new(may.reach, may.schemes, MissingKey::Refuse, options).text(text, ui).map(SecretBytes::new)
}
