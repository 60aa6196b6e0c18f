//! `sops set`: one value of an encrypted file, made or replaced in place; all others keep their bytes.
//! Specification: SOPS §8.8.

use base::{Fault, SecretBytes};
use document::path::Step;
use document::{Numbers, Path, edit, json};

use super::file;
use super::session::Session;
use crate::{Exit, Failure, files};

/// Sets a value.
///
/// # Errors
/// Index or value are wrong (7), or those of the file; it is then as it was.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let (by_file, by_stdin) = (session.is_set("value-file"), session.is_set("value-stdin"));
    if by_file && by_stdin {
        return Err(Failure::from(Fault::wrong("cannot use both --value-file and --value-stdin")).prefixed("Error: "));
    }
    let needed = if by_stdin { 2 } else { 3 };
    if session.words.len() != needed {
        let fault = Fault::wrong(format!(
            "no file specified, or index and value are missing. Need precisely {needed} positional arguments."
        ));
        return Err(Failure::new(100, fault).prefixed("Error: "));
    }
    let value: SecretBytes = match (by_file, by_stdin) {
        (true, _) => files::read(std::path::Path::new(&session.words[2]))?.into(),
        (_, true) => session.ui.read_input()?.into(),
        _ => std::mem::take(&mut session.words[2]).into(),
    };
    let file = session.absolute(&session.words[0]);
    let index = session.words[1].clone();
    set(session, &file, &index, &value)
}

/// `--set 'INDEX VALUE'` of the command line without a verb.
///
/// # Errors
/// As [`run`].
pub fn run_legacy(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let Some(file) = session.file() else { return Err(super::input::no_file()) };
    let text = session.value("set").unwrap_or_default().to_owned();
    let Some((index, value)) = text.split_once("] ") else {
        let fault =
            Fault::wrong("Invalid --set format").hint("write an index and a JSON value: '[\"key\"][0] \"value\"'");
        return Err(Failure::new(7, fault));
    };
    let path = session.absolute(&file);
    if !std::path::Path::new(&path).exists() {
        return Err(super::input::missing(&path));
    }
    set(session, &path, &format!("{index}]"), &value.into())
}

fn set(session: &mut Session<'_>, file: &str, index: &str, value: &SecretBytes) -> Result<Exit, Failure> {
    let wrong_index = |fault: Fault| Failure::new(7, fault.within("Invalid set index format"));
    let path = Path::parse(index).map_err(wrong_index)?;
    match path.steps.first() {
        None => return Err(wrong_index(Fault::wrong("the index is empty").hint("write it as [\"key\"][0]"))),
        Some(Step::Key(key)) if key == "sops" => return Err(file::reserved()),
        Some(_) => {}
    }
    // The parser tells places and never text; the value must not be shown.
    let value = json::parse(value.expose(), Numbers::Typed).map_err(|fault| {
        let hint = "a text needs its quotes: '\"text\"'";
        Failure::new(7, fault.within("Value for --set is not valid JSON").hint(hint))
    })?;
    file::change(session, file, |document| {
        let branch = document.branches.first_mut().ok_or_else(|| Fault::wrong("the file has no document"))?;
        edit::set(branch, &path, value).map_err(wrong_index)
    })
}
