//! `vals get`: one text with its references replaced, as it is, without a line end. Specification: VALS §4.3.

use base::Fault;
use providers::resolver::Schemes;

use super::evaluation::Evaluation;
use super::{SILENT, Typed, Word};
use crate::{Call, Exit, Failure, reach};

pub const WORD: Word = Word {
    name: "get",
    about: "Evaluate a string value passed as the first argument and replace any expressions in it and prints the result",
    flags: &[SILENT],
    run,
};

fn run(call: &mut Call, typed: &Typed) -> Result<Exit, Failure> {
    let text = typed.parsed.positionals.first().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Fault::wrong("The first argument of the get command is required"))?;
    let reach = reach::of_command_line(call.environment.clone());
    let evaluation = Evaluation::new(reach, Schemes::All, typed.missing_key(), typed.options())
        .silent(typed.parsed.is_set(SILENT.name));
    let filled = evaluation.text(text, &mut call.ui)?;
    call.ui.data(&filled)?;
    Ok(Exit::SUCCESS)
}
