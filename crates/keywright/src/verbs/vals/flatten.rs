//! `vals flatten`: any text with its references replaced, everything else as it stands. Specification: VALS §4.6.

use std::path::Path;

use base::Fault;
use providers::resolver::Schemes;

use super::evaluation::Evaluation;
use super::{EXCLUDE_SECRET, SILENT, Typed, Word, documents};
use crate::argv::value;
use crate::{Call, Exit, Failure, reach};

pub const WORD: Word = Word {
    name: "flatten",
    about: "Read any text file and resolve ref+ expressions in it, preserving the original format",
    flags: &[
        EXCLUDE_SECRET,
        value("f", "Text file to be flattened. When set to \"-\", vals reads from STDIN (default \"-\")"),
        SILENT,
    ],
    run,
};

fn run(call: &mut Call, typed: &Typed) -> Result<Exit, Failure> {
    let bytes = match typed.parsed.value("f").unwrap_or("-") {
        "" => return Err(Fault::wrong("Nothing to read: No file specified").into()),
        "-" => call.ui.read_input()?,
        from if Path::new(from).is_dir() => {
            return Err(Fault::wrong(format!("text mode does not support directories: {from}")).into());
        }
        from => documents::bytes(Path::new(from))?,
    };
    let reach = reach::of_command_line(call.environment.clone());
    let evaluation = Evaluation::new(reach, Schemes::All, typed.missing_key(), typed.options())
        .silent(typed.parsed.is_set(SILENT.name));
    // Bytes that are no text stand between texts: no reference can hold one.
    let mut filled = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            filled.extend(evaluation.text(chunk.valid(), &mut call.ui)?);
        }
        filled.extend_from_slice(chunk.invalid());
    }
    call.ui.data(&filled)?;
    Ok(Exit::SUCCESS)
}
