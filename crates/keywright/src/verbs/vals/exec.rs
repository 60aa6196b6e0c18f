//! `vals exec`: a program with the variables of a document, or with evaluated documents on its stdin. Its exit code is ours,
//! and the signals that would end us reach it. Specification: VALS §4.4.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::Fault;
use providers::resolver::MissingKey;
use rustix::fs::MemfdFlags;

use super::documents::{self, Output};
use super::evaluation::Evaluation;
use super::{SILENT, Typed, Word, env};
use crate::argv::{switch, value};
use crate::child::Signals;
use crate::{Call, Exit, Failure};

pub const WORD: Word = Word {
    name: "exec",
    about: "Populates the environment variables and executes the command",
    flags: &[
        value("f", "YAML/JSON file to be loaded to set envvars"),
        switch("i", "Inherit environment variables"),
        SILENT,
        value("stream-yaml", STREAM_HELP),
    ],
    run,
};

const STREAM_HELP: &str = "Reads the specific YAML file or all the YAML files\n\
    stored within the specific directory, evaluate each YAML file,\n\
    joining all the YAML files with \"---\" lines, and stream the\n\
    result into the stdin of the executed command.\n\
    This is handy when you want to use vals to preprocess\n\
    Kubernetes manifests to kubectl-apply, without writing\n\
    the vals-eval outputs onto the disk, for security reasons.";

/// Makes a failed program exit code 1, as the peer has it.
const FIXED_EXIT: &str = "KEYWRIGHT_VALS_EXEC_EXIT_ONE";

fn run(call: &mut Call, typed: &Typed) -> Result<Exit, Failure> {
    let evaluation = env::evaluation(call, typed);
    let document = match env::document(call, typed, &evaluation)? {
        Some(document) => Some(document.ok_or_else(|| Fault::wrong("no document found"))?),
        None => None,
    };
    let variables = document.as_ref().map(documents::variables).transpose()?.unwrap_or_default();
    let [program, args @ ..] = &typed.parsed.positionals[..] else { return Err(Fault::wrong("missing args").into()) };
    let path = found(program, call.environment.value("PATH").unwrap_or_default())?;
    let mut command = Command::new(path);
    command.arg0(program).args(args);
    // Without any variable of the document the program sees ours, as Go has it.
    if !variables.is_empty() && !typed.parsed.is_set("i") {
        command.env_clear();
    }
    command.envs(variables.iter().map(|(name, value)| (name, OsStr::from_bytes(value))));
    if let Some(from) = typed.parsed.value("stream-yaml").filter(|from| !from.is_empty()) {
        let evaluation = evaluation.sharing(MissingKey::Null, typed.options());
        command.stdin(streamed(call, &evaluation, from)?);
    }
    let signals = Signals::take(|| {})?;
    let ending = signals.run(&mut command);
    let ending = ending.map_err(|error| Fault::wrong(format!("exec: {program:?} cannot be started")).because(error))?;
    if ending.is_success() {
        return Ok(Exit::SUCCESS);
    }
    let exit = if call.environment.is_true(FIXED_EXIT) { Exit::FAILURE } else { ending.shell_exit() };
    Err(Failure::new(exit.0, Fault::wrong(ending.to_string())))
}

/// The evaluated documents, in a file without a name that is only in memory.
fn streamed(call: &mut Call, evaluation: &Evaluation, from: &str) -> Result<File, Fault> {
    let mut nodes = documents::read(&mut call.ui, from)?;
    evaluation.documents(&mut nodes, &mut call.ui)?;
    let yaml = documents::write(&nodes, Output::Yaml)?;
    let failed = |error| Fault::unreachable("cannot hold the documents in memory").because(error);
    let memory = rustix::fs::memfd_create("vals", MemfdFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    let mut file = File::from(memory);
    file.write_all(&yaml).and_then(|()| file.rewind()).map_err(failed)?;
    Ok(file)
}

/// The program in our own `PATH`, whatever the variables of the document say.
fn found(program: &str, path: &str) -> Result<PathBuf, Fault> {
    if program.contains('/') {
        return Ok(PathBuf::from(program));
    }
    let is_program =
        |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    let mut places =
        path.split(':').map(|folder| Path::new(if folder.is_empty() { "." } else { folder }).join(program));
    places
        .find(is_program)
        .ok_or_else(|| Fault::not_found(format!("exec: {program:?}: executable file not found in $PATH")))
}
