//! `sops`: encrypted files whose structure stays readable, with SOPS' command line and exit codes. This file reads the line
//! and tells what is wrong with it; each command has its own file. Nothing here starts a runtime, TLS or logging.
//! Specification: SOPS §8, §10; what the files are is in the crate `sops`.

mod command;
mod completion;
mod config;
mod decrypt;
mod edit;
mod encrypt;
mod exec;
mod exec_env;
mod exec_file;
mod file;
mod file_status;
mod flags;
mod groups;
mod input;
mod keys;
mod rotate;
mod session;
mod set;
mod unset;
mod update_keys;

use base::{Fault, SecretBytes, Timestamp};
use document::{Format, Path};
use wire::Environment;

use crate::argv::Parsed;
use crate::{Call, Exit, Failure, Ui};
use command::Asked;
use file::Afterwards;
use session::{Session, fatal};

/// Does what was asked for.
///
/// # Errors
/// The peer's exit codes, of which there are many (SOPS §8.16).
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let folder = current_folder()?;
    run_in(folder, &call.args, &call.environment, &mut call.ui)
}

/// Does what was asked for as if it had been typed in that folder.
///
/// # Errors
/// As [`run`].
pub(super) fn run_in(
    folder: String,
    words: &[String],
    environment: &Environment,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    match command::read(words) {
        Asked::Work(written, run) => {
            let session = Session::new(ui, environment, folder, now, written);
            run(&mut session.map_err(|fault| fatal(now, &fault))?)
        }
        Asked::Help(text) => {
            ui.data(text.as_bytes())?;
            Ok(Exit::SUCCESS)
        }
        Asked::Version(typed) => version(ui, &typed),
        Asked::NotYet(name) => Err(Fault::wrong(format!("`sops {name}` is not part of this version of keywright"))
            .hint("`keywright sops help` lists what is")
            .into()),
        Asked::NoTopic(name) => Err(Failure::new(3, Fault::wrong(format!("No help topic for '{name}'")))),
        Asked::Wrong(reason, text) => {
            ui.data(text.as_bytes())?;
            Err(fatal(now, &Fault::wrong(reason)))
        }
    }
}

/// Decrypts bytes as `sops ARGS --decrypt` would a file with them.
///
/// # Errors
/// As [`run`].
pub(super) fn decrypt(
    bytes: &[u8],
    format: Format,
    args: &[String],
    environment: &Environment,
    ui: &mut Ui,
) -> Result<SecretBytes, Failure> {
    let now = Timestamp::now();
    let folder = current_folder()?;
    let words: Vec<String> = args.iter().cloned().chain(["--decrypt".to_owned()]).collect();
    let Asked::Work(written, _) = command::read(&words) else {
        return Err(Fault::wrong(format!("`{}` are no arguments of sops --decrypt", args.join(" "))).into());
    };
    let mut session = Session::new(ui, environment, folder, now, written).map_err(|fault| fatal(now, &fault))?;
    let file = file::read(&mut session, bytes, format)?;
    let document = file::open(&mut session, file, Afterwards::Forget)?.document;
    decrypt::laid_out(&mut session, &document, &Path::default(), format).map(SecretBytes::from)
}

/// Scripts parse the first line, so it names the version of SOPS whose files and words these are.
fn version(ui: &mut Ui, typed: &Parsed) -> Result<Exit, Failure> {
    ui.data(format!("sops {}\n", sops::VERSION).as_bytes())?;
    if typed.is_set("check-for-updates") {
        ui.note(&format!("this is keywright {}, which asks nobody about newer versions", env!("CARGO_PKG_VERSION")));
    }
    Ok(Exit::SUCCESS)
}

pub(super) fn current_folder() -> Result<String, Failure> {
    let folder = std::env::current_dir();
    let folder = folder.map_err(|error| Fault::unreachable("cannot tell the current folder").because(error))?;
    Ok(folder.to_string_lossy().into_owned())
}
