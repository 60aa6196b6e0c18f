//! `vals`: references in documents, texts and environments replaced by the values that they name. Called as `vals` it speaks
//! the peer's command line and prints its bytes; `keywright vals` keeps order and comments and takes a missing key for an
//! error (`-compat` makes it the peer's). What each word does is in its file; reading, resolving and writing documents is in
//! `vals/documents` and `vals/evaluation`. Specification: VALS §4, §13, §17.1.

pub mod backend;
mod documents;
mod env;
mod eval;
mod evaluation;
mod exec;
mod flatten;
mod get;
mod ksdecode;
mod manifests;

use base::Fault;

use crate::argv::{self, ArgvError, Flag, Grammar, Parsed, switch, value};
use crate::{Call, Exit, Failure};

/// A word of the command line.
struct Word {
    name: &'static str,
    about: &'static str,
    flags: &'static [Flag],
    run: fn(&mut Call, &Typed) -> Result<Exit, Failure>,
}

/// What was typed behind the word.
struct Typed {
    parsed: Parsed,
    /// Whether we are the peer to the byte.
    is_compat: bool,
}

const WORDS: [&Word; 7] = [&eval::WORD, &exec::WORD, &env::WORD, &flatten::WORD, &get::WORD, &ksdecode::WORD, &VERSION];

const VERSION: Word = Word { name: "version", about: "Print vals version", flags: &[], run: version };

/// The peer's version that we are like, since tools ask for a least one; and our own.
const LIKE: &str = concat!("0.46.1+keywright.", env!("CARGO_PKG_VERSION"));

const SILENT: Flag = switch("s", "Silent mode");
const COMPAT: Flag = switch(
    "compat",
    "Be vals to the byte: sorted keys, no comments, and null for a missing key\nwhere vals has it; always on when called as `vals`",
);
const OUTPUT: Flag = value("o", "Output type which is either \"yaml\" or \"json\" (default \"yaml\")");
const EXCLUDE_SECRET: Flag = switch("exclude-secret", "Leave secretref+<uri> as-is and only replace ref+<uri>");

/// Runs the word that was typed.
///
/// # Errors
/// The command line is wrong, or the word failed.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let is_vals = call.program == "vals";
    let Some((name, words)) = call.args.split_first() else { return Ok(help(call)) };
    if matches!(name.as_str(), "-h" | "--help" | "-help" | "help") {
        return Ok(help(call));
    }
    let Some(word) = WORDS.into_iter().find(|word| word.name == *name) else {
        let fault = Fault::wrong(format!("vals has no command {name:?}"));
        help(call);
        return Err(fault.into());
    };
    let mut flags = word.flags.to_vec();
    flags.push(COMPAT);
    match argv::parse(Grammar::GoFlag, &flags, words) {
        Ok(parsed) => {
            let is_compat = is_vals || parsed.is_set(COMPAT.name);
            (word.run)(call, &Typed { parsed, is_compat })
        }
        Err(ArgvError::Help { .. }) => {
            call.ui.note(argv::go_usage(word.name, &flags).trim_end());
            Ok(Exit::SUCCESS)
        }
        Err(ArgvError::Wrong(text)) => {
            call.ui.note(&text);
            call.ui.note(argv::go_usage(word.name, &flags).trim_end());
            Ok(Exit(2))
        }
    }
}

fn help(call: &mut Call) -> Exit {
    let mut text = String::from(
        "vals is a Helm-like configuration \"Values\" loader with support for various sources and merge strategies\n\n\
         Usage:\n  vals [command]\n\nAvailable Commands:\n",
    );
    for word in WORDS {
        text.push_str(&format!("  {}\t\t{}\n", word.name, word.about));
    }
    text.push_str("\nUse \"vals [command] --help\" for more information about a command");
    call.ui.note(&text);
    Exit::SUCCESS
}

fn version(call: &mut Call, _: &Typed) -> Result<Exit, Failure> {
    call.ui.data(format!("Version: {LIKE}\nGit Commit: \n").as_bytes())?;
    Ok(Exit::SUCCESS)
}
