//! `vals env`: a document of texts as lines that a shell or direnv reads, in the document's order.
//! Specification: VALS §4.5.

use base::Fault;
use document::Node;
use providers::resolver::Schemes;

use super::evaluation::Evaluation;
use super::{Typed, Word, documents};
use crate::argv::{switch, value};
use crate::{Call, Exit, Failure, reach};

pub const WORD: Word = Word {
    name: "env",
    about: "Renders environment variables to be consumed by eval or a tool like direnv",
    flags: &[
        switch("export", "Prepend 'export' to each line"),
        value("f", "YAML/JSON file to be loaded to set envvars"),
    ],
    run,
};

fn run(call: &mut Call, typed: &Typed) -> Result<Exit, Failure> {
    let evaluation = evaluation(call, typed);
    let document =
        document(call, typed, &evaluation)?.ok_or_else(|| Fault::wrong("Nothing to eval: No file specified"))?;
    let document = document.ok_or_else(|| Fault::wrong("no document found"))?;
    let mut lines = Vec::new();
    for (name, value) in documents::variables(&document)? {
        if typed.parsed.is_set("export") {
            lines.extend_from_slice(b"export ");
        }
        lines.extend_from_slice(name.as_bytes());
        lines.push(b'=');
        quote(value, &mut lines);
        lines.push(b'\n');
    }
    call.ui.data(&lines)?;
    Ok(Exit::SUCCESS)
}

/// The first document of the file that was named, evaluated. Outer none: no file was named; inner none: it is empty.
pub(super) fn document(call: &mut Call, typed: &Typed, evaluation: &Evaluation) -> Result<Option<Option<Node>>, Fault> {
    let Some(from) = typed.parsed.value("f").filter(|from| !from.is_empty()) else { return Ok(None) };
    let mut nodes = documents::read(&mut call.ui, from)?;
    nodes.truncate(1);
    evaluation.documents(&mut nodes, &mut call.ui)?;
    Ok(Some(nodes.pop()))
}

/// What evaluates variables.
pub(super) fn evaluation(call: &Call, typed: &Typed) -> Evaluation {
    let reach = reach::of_command_line(call.environment.clone());
    Evaluation::new(reach, Schemes::All, typed.missing_key(), typed.options())
        .silent(typed.parsed.is_set(super::SILENT.name))
}

/// A value as one word of a shell.
fn quote(value: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(byte);
    if value.iter().all(is_plain) {
        return out.extend_from_slice(value);
    }
    out.push(b'\'');
    for byte in value {
        match byte {
            b'\'' => out.extend_from_slice(b"'\"'\"'"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
}
