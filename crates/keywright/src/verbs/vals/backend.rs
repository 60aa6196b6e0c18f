//! What helm-secrets' backend `vals` asks for: a file as `vals eval` answers it, a literal as `vals get` does, and
//! rendered manifests, in this process. Specification: HS §8.3, §10.

use base::{Fault, SecretBytes};
use providers::resolver::MissingKey;
use source::expand::{Collections, Options};

use super::documents::{self, Output};
use super::evaluation::Evaluation;
use super::{May, Typed, eval, manifests};
use crate::Ui;
use crate::argv::{self, ArgvError, Grammar};

/// A file's documents evaluated; `args` are flags of `vals eval`.
///
/// # Errors
/// There is no such flag, the file is no YAML, or a reference cannot be resolved.
pub fn file(bytes: &[u8], is_json: bool, args: &[String], may: May, ui: &mut Ui) -> Result<SecretBytes, Fault> {
    let output = if is_json { Output::Json } else { Output::Yaml };
    eval::evaluated(documents::parsed(bytes)?, &typed(args)?, may, output, ui).map(SecretBytes::new)
}

fn typed(args: &[String]) -> Result<Typed, Fault> {
    let parsed = argv::parse(Grammar::GoFlag, eval::WORD.flags, args).map_err(|error| match error {
        ArgvError::Help { .. } => Fault::wrong("the backend was asked for its help"),
        ArgvError::Wrong(text) => Fault::wrong(text),
    })?;
    Ok(Typed { parsed, is_compat: true })
}

/// Rendered manifests evaluated; `args` are flags of `vals eval`.
///
/// # Errors
/// There is no such flag, or a reference cannot be resolved.
pub fn manifests(bytes: &[u8], args: &[String], decodes: bool, may: May, ui: &mut Ui) -> Result<SecretBytes, Fault> {
    let typed = typed(args)?;
    let decodes = decodes || typed.parsed.is_set("decode-kubernetes-secrets");
    let evaluation = eval::evaluation(&typed, may);
    manifests::evaluated(bytes, decodes, &evaluation, ui).map(SecretBytes::new)
}

/// A text evaluated. A missing key is an error: `<nil>` is nobody's value.
///
/// # Errors
/// A reference cannot be resolved.
pub fn literal(text: &str, may: May, ui: &mut Ui) -> Result<SecretBytes, Fault> {
    let options = Options { excludes_secret: false, top_level_texts: true, collections: Collections::Json };
    Evaluation::new(may.reach, may.schemes, MissingKey::Refuse, options).text(text, ui).map(SecretBytes::new)
}
