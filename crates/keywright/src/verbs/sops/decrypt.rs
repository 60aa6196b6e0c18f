//! `sops decrypt`: an encrypted file, or one value of it, in the clear. Specification: SOPS §8.5.

use base::Fault;
use document::{Document, Format, Node, Path, Scalar, edit};

use super::file::{self, Afterwards};
use super::input::{Input, Output, Stdin};
use super::session::Session;
use crate::{Exit, Failure};

/// Decrypts a file or stdin.
///
/// # Errors
/// Those of the command line, the keys and the file; nothing is written then.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let input = Input::open(session, Stdin::Read)?;
    let path = match session.value("extract") {
        Some(text) => Path::parse(text).map_err(|fault| {
            let fault = fault.within("error parsing --extract path");
            Failure::new(91, fault.hint("write it as [\"key\"][0]"))
        })?,
        None => Path::default(),
    };
    let file = file::read(session, input.bytes(), input.formats.input)?;
    let document = file::open(session, file, Afterwards::Forget)?.document;
    let bytes = laid_out(session, &document, &path, input.formats.output)?;
    if !path.is_empty() && matches!(input.output, Output::InPlace(_)) {
        session.warn("the file is replaced by the one value that was extracted from it");
    }
    input.output.write(session, &bytes)?;
    Ok(Exit::SUCCESS)
}

/// The bytes of a plain file, or of the value at a path.
///
/// # Errors
/// The value is not there (1), or the format cannot hold it (4).
pub fn laid_out(
    session: &mut Session<'_>,
    document: &Document,
    path: &Path,
    format: Format,
) -> Result<Vec<u8>, Failure> {
    let options = session.emit_options(format, false)?;
    let emitted = if path.is_empty() {
        document::emit(document, format, &options)
    } else {
        let branch = document.branches.first().ok_or_else(|| Fault::not_found("the file has no document"))?;
        let node = edit::extract(branch, path).map_err(|fault| fault.within("error truncating tree"))?;
        match node {
            // A text is what it is in every format, in binary ones too.
            Node::Leaf(Scalar::Text(text)) => Ok(text.expose().to_vec()),
            node => document::emit_value(node, format, &options),
        }
    };
    emitted.map_err(|fault| Failure::new(4, fault.within("Error dumping file")))
}
