//! What `exec-env` and `exec-file` have in common: the file and the command that are typed, the user to become, the shell, and
//! how its end becomes ours. Specification: SOPS §8.12.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use base::{Fault, Kind};
use document::Document;
use nix::unistd::{User, getgrouplist, setgid, setgroups, setuid};

use super::config::unreadable;
use super::file::{self, Afterwards};
use super::input::Formats;
use super::session::{Session, fatal};
use crate::child::Signals;
use crate::{Exit, Failure, files};

/// A file that was decrypted for a command.
pub struct Order {
    /// The plain file.
    pub document: Document,
    /// Its formats.
    pub formats: Formats,
    /// What the shell is to run.
    pub command: String,
}

impl Order {
    /// Reads the two words and decrypts the file.
    ///
    /// # Errors
    /// There are not two words (1), or those of the file.
    pub fn read(session: &mut Session<'_>) -> Result<Self, Failure> {
        let [name, command] = &session.words[..] else {
            return Err(Failure::from(Fault::wrong("missing file to decrypt")).prefixed("error: "));
        };
        let (name, command) = (name.clone(), command.clone());
        let path = session.absolute(&name);
        let formats = Formats::of(session, &path);
        let bytes = files::read(Path::new(&path))
            .map_err(|fault| Failure::new(2, unreadable("Error reading file", &name, fault)))?;
        let file = file::read(session, &bytes, formats.input)?;
        let document = file::open(session, file, Afterwards::Forget)?.document;
        Ok(Self { document, formats, command })
    }
}

/// Becomes the user that a flag names, if one does, with its groups. Answers the variables that go with it.
///
/// # Errors
/// There is no such user, or we may not become it.
pub fn become_user(session: &Session<'_>) -> Result<Vec<(&'static str, String)>, Failure> {
    let Some(name) = session.value("user") else { return Ok(Vec::new()) };
    let refused = |error: nix::Error| Fault::denied(format!("cannot become the user `{name}`")).because(error);
    let user = User::from_name(name)
        .map_err(refused)?
        .ok_or_else(|| fatal(session.now, &Fault::new(Kind::NotFound, format!("user: unknown user {name}"))))?;
    let c_name = std::ffi::CString::new(name).map_err(|_| Fault::wrong("a user name holds no NUL"))?;
    // Groups first: whoever has given up being root may not change them any more.
    let groups = getgrouplist(&c_name, user.gid).map_err(refused)?;
    setgroups(&groups).and_then(|()| setgid(user.gid)).and_then(|()| setuid(user.uid)).map_err(refused)?;
    let home = user.dir.to_string_lossy().into_owned();
    Ok(vec![("HOME", home), ("USER", user.name.clone()), ("LOGNAME", user.name)])
}

/// The shell with a command.
pub fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]);
    shell
}

/// Runs a command to its end, which becomes ours. What a signal does to us meanwhile is `signals`' to say.
///
/// # Errors
/// It cannot be started, or does not end well: with its own exit code then.
pub fn to_its_end(mut command: Command, signals: &Signals) -> Result<Exit, Failure> {
    match signals.run(&mut command).map_err(|error| cannot_start(&error))? {
        ending if ending.is_success() => Ok(Exit::SUCCESS),
        ending => Err(Failure::new(ending.exit().0, Fault::wrong(ending.to_string()))),
    }
}

/// Starts a command and leaves it to itself.
///
/// # Errors
/// It cannot be started.
pub fn in_background(mut command: Command) -> Result<Exit, Failure> {
    command.process_group(0).spawn().map(|_| Exit::SUCCESS).map_err(|error| cannot_start(&error))
}

/// The shell could not be started.
pub fn cannot_start(error: &std::io::Error) -> Failure {
    Fault::wrong("cannot start `/bin/sh`").because(error.to_string()).into()
}

/// Tells that `--background` will go.
pub fn tell_deprecated(session: &mut Session<'_>, verb: &str) {
    session
        .warn(&format!("{verb}'s --background option is deprecated and will be removed in a future version of sops"));
}
