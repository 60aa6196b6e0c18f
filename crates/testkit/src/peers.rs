//! Real programs to compare with (sops, vals, kubeseal, age, helm3, helm4, kubectl, bao): found in the directory that
//! `KEYWRIGHT_LAB_BIN` names, run with an environment of their own, a home that is empty and a deadline.
//! Specification: design §15 (interop), lab §3.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Names the directory of programs.
pub const LAB_BIN: &str = "KEYWRIGHT_LAB_BIN";

/// No peer needs longer for what a test asks of it.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program that the lab has.
#[derive(Clone, Debug)]
pub struct Peer {
    program: PathBuf,
}

/// One run of it, before it starts.
#[derive(Debug)]
pub struct Run {
    program: PathBuf,
    args: Vec<String>,
    variables: BTreeMap<String, String>,
    input: Vec<u8>,
    folder: Option<PathBuf>,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `None`: it was ended by a signal.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// Standard output as text, if it ended well.
    ///
    /// # Panics
    /// If it did not; the panic shows what it said on standard error.
    #[must_use]
    pub fn text(self) -> String {
        assert_eq!(self.code, Some(0), "the peer failed: {}", String::from_utf8_lossy(&self.stderr));
        String::from_utf8(self.stdout).expect("the peer writes UTF-8")
    }
}

/// The program of this name in the lab: `NAME`, or (helm) `NAME/helm`. `None`: there is no lab, so nothing can be compared.
///
/// # Panics
/// If there is a lab without it: a comparison that is left out in silence is none.
#[must_use]
pub fn find(name: &str) -> Option<Peer> {
    let folder = std::env::var_os(LAB_BIN).filter(|folder| !folder.is_empty())?;
    let found = find_in(Path::new(&folder), name);
    Some(found.unwrap_or_else(|| panic!("the lab has no `{name}`; `cargo xtask lab get` says why")))
}

/// The program of this name in a directory.
#[must_use]
pub fn find_in(folder: &Path, name: &str) -> Option<Peer> {
    let direct = folder.join(name);
    let nested = direct.join(name.trim_end_matches(|letter: char| letter.is_ascii_digit()));
    let program = [direct, nested].into_iter().find(|path| path.is_file())?;
    Some(Peer { program })
}

impl Peer {
    /// Where it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    #[must_use]
    pub fn run(&self, args: &[&str]) -> Run {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let (program, variables) = (self.program.clone(), BTreeMap::new());
        Run { program, args, variables, input: Vec::new(), folder: None }
    }
}

impl Run {
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Runs in this directory.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Starts it and waits for its end. It sees no variable of ours but `PATH`, and no home but an empty one.
    ///
    /// # Panics
    /// If it cannot be started, or does not end before the deadline (then it is ended).
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let home = tempfile::tempdir().expect("a folder for the peer's home");
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home.path()).env("AWS_EC2_METADATA_DISABLED", "true").envs(&self.variables);
        command.current_dir(self.folder.as_deref().unwrap_or(home.path()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {}: {error}", self.program.display()));
        wait(child, self.input, &self.program)
    }
}

fn wait(mut child: Child, input: Vec<u8>, program: &Path) -> Outcome {
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A peer that does not read its input closes the pipe: that is its business.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let drain = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stream.expect("the stream is piped").read_to_end(&mut bytes).expect("the peer's stream can be read");
            bytes
        })
    };
    let stdout = drain(child.stdout.take().map(|stream| Box::new(stream) as _));
    let stderr = drain(child.stderr.take().map(|stream| Box::new(stream) as _));
    let until = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the peer's state can be asked") {
            break status;
        }
        if Instant::now() > until {
            child.kill().expect("the peer can be ended");
            child.wait().expect("the peer has ended");
            panic!("{} did not end within {DEADLINE:?}", program.display());
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    feeder.join().expect("the feeder does not panic");
    let join = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().expect("the reader does not panic");
    Outcome { code: status.code(), stdout: join(stdout), stderr: join(stderr) }
}
