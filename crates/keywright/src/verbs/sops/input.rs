//! What a command reads and where its answer goes: a file, stdin, stdout, another file, or back in place under a lock.
//! Specification: SOPS §8.1 (formats), §8.4 step 1 and 6, §9, §10 (exit codes 2, 3, 8, 100).

use std::path::Path;

use base::{Fault, Kind};
use document::Format;

use super::config::unreadable;
use super::session::{Form, Session};
use crate::Failure;
use crate::files::{self, Locked};

/// The formats of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    /// What is read.
    pub input: Format,
    /// What is written.
    pub output: Format,
}

/// Something to read, and where the answer goes.
pub struct Input {
    /// The name that decides rule and formats, from the root; empty for stdin without a name.
    pub name: String,
    /// The formats.
    pub formats: Formats,
    /// Where the answer goes.
    pub output: Output,
    /// What was read, unless a lock holds it.
    bytes: Vec<u8>,
}

/// Where an answer goes.
pub enum Output {
    /// To stdout.
    Stdout,
    /// Into another file, as it was named.
    File(String),
    /// Back into the file that was read.
    InPlace(Locked),
}

/// What stdin may be for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// It is read where no file is named.
    Read,
    /// The same, but a name must be given for it.
    ReadWithName,
    /// A file must be named.
    Never,
}

impl Formats {
    /// As the flags say, else as the file's name means.
    pub fn of(session: &Session<'_>, name: &str) -> Self {
        let format = |flag| session.value(flag).and_then(Format::from_name).unwrap_or_else(|| Format::of_file(name));
        Self { input: format("input-type"), output: format("output-type") }
    }
}

impl Input {
    /// Reads what the command line names.
    ///
    /// # Errors
    /// The command line contradicts itself (8), names no file or one that is not there (100), or it cannot be read (2).
    pub fn open(session: &mut Session<'_>, stdin: Stdin) -> Result<Self, Failure> {
        let file = session.file();
        let is_in_place = session.is_set("in-place");
        let given = session.value("filename-override").map(str::to_owned);
        if file.is_none() && session.form == Form::Verb && stdin != Stdin::Never {
            if is_in_place {
                return Err(conflicting("cannot use --in-place when reading from stdin"));
            }
            if stdin == Stdin::ReadWithName && given.is_none() {
                return Err(conflicting("must specify --filename-override when reading from stdin"));
            }
        }
        let output = session.value("output").map(str::to_owned);
        if is_in_place && output.is_some() {
            return Err(conflicting("cannot operate on both --output and --in-place"));
        }
        let Some(file) = file else {
            if session.form == Form::Legacy || stdin == Stdin::Never {
                return Err(no_file());
            }
            let bytes = session.ui.read_input().map_err(|fault| Failure::new(2, fault))?;
            let name = given.map(|name| session.absolute(&name)).unwrap_or_default();
            let formats = Formats::of(session, &name);
            return Ok(Self { name, formats, output: output.map_or(Output::Stdout, Output::File), bytes });
        };
        let path = session.absolute(&file);
        let name = given.map_or_else(|| path.clone(), |name| session.absolute(&name));
        let formats = Formats::of(session, &name);
        if !Path::new(&path).exists() && stdin != Stdin::Never {
            return Err(missing(&path));
        }
        let read_fault = |fault| Failure::new(2, unreadable("Error reading file", &path, fault));
        if is_in_place {
            let locked = Locked::open(Path::new(&path)).map_err(read_fault)?;
            return Ok(Self { name, formats, output: Output::InPlace(locked), bytes: Vec::new() });
        }
        let bytes = files::read(Path::new(&path)).map_err(read_fault)?;
        Ok(Self { name, formats, output: output.map_or(Output::Stdout, Output::File), bytes })
    }

    /// What was read.
    pub fn bytes(&self) -> &[u8] {
        match &self.output {
            Output::InPlace(locked) => &locked.before,
            Output::Stdout | Output::File(_) => &self.bytes,
        }
    }
}

impl Output {
    /// Writes the answer.
    ///
    /// # Errors
    /// It cannot be written (3); a file is then as it was.
    pub fn write(self, session: &mut Session<'_>, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout => session.ui.data(bytes).map_err(|fault| Failure::new(3, fault)),
            Self::File(path) => files::replace(Path::new(&path), bytes)
                .map_err(|fault| Failure::new(3, fault.within("Could not open output file for writing"))),
            Self::InPlace(locked) => replace(locked, bytes),
        }
    }
}

/// Replaces a locked file.
///
/// # Errors
/// Somebody changed it meanwhile (1), or it cannot be written (3); it is then as it was.
pub fn replace(locked: Locked, bytes: &[u8]) -> Result<(), Failure> {
    locked.replace(bytes).map_err(|fault| match fault.kind() {
        Kind::Conflict => Failure::from(fault),
        _ => Failure::new(3, fault.within("Could not open in-place file for writing")),
    })
}

/// No file was named.
pub fn no_file() -> Failure {
    Failure::new(100, Fault::wrong("no file specified")).prefixed("Error: ")
}

/// A file that is to be read is not there.
pub fn missing(path: &str) -> Failure {
    Failure::new(100, Fault::not_found(format!("cannot operate on non-existent file \"{path}\""))).prefixed("Error: ")
}

/// Parameters that contradict each other.
pub fn conflicting(what: &str) -> Failure {
    Failure::new(8, Fault::wrong(what)).prefixed("Error: ")
}
