//! Programs that the house's hands run: what they print is ours to read or the user's to see, and a failure says what was attempted.
//! Nothing here knows what the programs are for.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A program about to run.
pub struct Program {
    command: Command,
    shown: String,
}

impl Program {
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        let shown = Path::new(name.as_ref()).file_name().unwrap_or(name.as_ref()).to_string_lossy().into_owned();
        let mut command = Command::new(name);
        command.stdin(Stdio::null());
        Self { command, shown }
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            self.shown = format!("{} {}", self.shown, arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn envs<'a>(mut self, all: impl IntoIterator<Item = &'a (String, String)>) -> Self {
        self.command.envs(all.into_iter().map(|(name, value)| (name, value)));
        self
    }

    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it in front of the user.
    pub fn run(mut self) -> Result<(), String> {
        let status = self.command.status().map_err(|error| self.cannot(&error))?;
        if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", self.shown)) }
    }

    /// What it prints to stdout, as text.
    pub fn text(self) -> Result<String, String> {
        let shown = self.shown.clone();
        let output = self.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = told.lines().rev().take(5).collect();
        Err(format!(
            "`{shown}` ended with {}: {}",
            output.status,
            last.into_iter().rev().collect::<Vec<_>>().join(" | ")
        ))
    }

    pub fn output(mut self) -> Result<Output, String> {
        self.command.output().map_err(|error| self.cannot(&error))
    }

    /// The command itself, for servers that stay.
    pub fn into_command(self) -> Command {
        self.command
    }

    fn cannot(&self, error: &std::io::Error) -> String {
        format!("cannot run `{}`: {error}", self.shown)
    }
}

/// Where the path holds this program.
pub fn find(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
