//! `keywright reference --output DIR`: writes everything that is read off the program's tables – the chart with its
//! definitions and roles, and the reference pages. `cargo xtask generate` keeps the committed files equal to it.
//! Specification: design §16, §17.

mod chart;
mod granted;
mod pages;

use std::collections::BTreeMap;
use std::path::Path;

use base::Fault;

use crate::argv::{self, ArgvError, Flag, Grammar, Takes};
use crate::{Call, Exit, Failure, files};

const FLAGS: &[Flag] =
    &[Flag { name: "output", short: Some('o'), takes: Takes::Value, help: "the folder to write into" }];

/// Path below the output folder to text.
type Files = BTreeMap<String, String>;

/// Writes the files.
///
/// # Errors
/// The command line is wrong, or the folder cannot be written.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match argv::parse(Grammar::Pflag, FLAGS, &call.args) {
        Ok(parsed) => parsed,
        Err(ArgvError::Help { .. }) => {
            call.ui.data(argv::usage("keywright reference", FLAGS).as_bytes())?;
            return Ok(Exit::SUCCESS);
        }
        Err(ArgvError::Wrong(text)) => return Err(Failure::new(2, Fault::wrong(text))),
    };
    let Some(folder) = parsed.value("output") else {
        return Err(Failure::new(2, Fault::wrong("no folder to write into").hint("name one with `--output DIR`")));
    };
    let granted = granted::granted()?;
    let mut files = chart::files(&granted)?;
    files.extend(pages::files(&granted));
    for (path, text) in &files {
        let path = Path::new(folder).join(path);
        let parent = path.parent().expect("it lies in a folder");
        std::fs::create_dir_all(parent)
            .map_err(|error| Fault::wrong(format!("cannot make `{}`", parent.display())).because(error))?;
        files::replace(&path, text.as_bytes())?;
    }
    call.ui.note(&format!("{} files written to `{folder}`", files.len()));
    Ok(Exit::SUCCESS)
}
