//! `sops`: encrypted files whose structure stays readable, with SOPS' command line and exit codes. This file reads the line
//! and tells what is wrong with it; each command has its own file. Nothing here starts a runtime, TLS or logging.
//! Specification: SOPS §8, §10; what the files are is in the crate `sops`.

mod command;
mod config;
mod decrypt;
mod edit;
mod encrypt;
mod file;
mod flags;
mod input;
mod keys;
mod rotate;
mod session;
mod set;
mod unset;

use base::{Fault, Timestamp};

use crate::argv::Parsed;
use crate::{Call, Exit, Failure};
use command::Asked;
use session::{Session, fatal};

/// Does what was asked for.
///
/// # Errors
/// The peer's exit codes, of which there are many (SOPS §8.16).
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    match command::read(&call.args) {
        Asked::Work(written, run) => {
            let folder = current_folder()?;
            let mut session = Session::new(&mut call.ui, &call.environment, folder, now, written)
                .map_err(|fault| fatal(now, &fault))?;
            run(&mut session)
        }
        Asked::Help(text) => {
            call.ui.data(text.as_bytes())?;
            Ok(Exit::SUCCESS)
        }
        Asked::Version(typed) => version(call, &typed),
        Asked::NotYet(name) => Err(Fault::wrong(format!("`sops {name}` is not part of this version of keywright"))
            .hint("`keywright sops help` lists what is")
            .into()),
        Asked::NoTopic(name) => Err(Failure::new(3, Fault::wrong(format!("No help topic for '{name}'")))),
        Asked::Wrong(reason, help) => {
            call.ui.data(format!("Incorrect Usage. {reason}\n\n{help}").as_bytes())?;
            Err(fatal(now, &Fault::wrong(reason)))
        }
    }
}

/// Scripts parse the first line, so it names the version of SOPS whose files and words these are.
fn version(call: &mut Call, typed: &Parsed) -> Result<Exit, Failure> {
    call.ui.data(format!("sops {}\n", sops::VERSION).as_bytes())?;
    if typed.is_set("check-for-updates") {
        call.ui
            .note(&format!("this is keywright {}, which asks nobody about newer versions", env!("CARGO_PKG_VERSION")));
    }
    Ok(Exit::SUCCESS)
}

fn current_folder() -> Result<String, Failure> {
    let folder = std::env::current_dir();
    let folder = folder.map_err(|error| Fault::unreachable("cannot tell the current folder").because(error))?;
    Ok(folder.to_string_lossy().into_owned())
}
