//! Runs a program whose answer we want (gpg, `*_CMD`, credential processes, exec): input on its stdin, output up to a limit,
//! within a time. It never takes the terminal's output; programs that do are `keywright/child`'s. No shell is involved, unless
//! the caller names one.
//!
//! [`Program::run`] blocks and needs no runtime, since a CLI's fast path has none; [`Program::answer`] is the same under tokio.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use base::{Fault, SecretBytes, limit};

/// A program to run.
#[derive(Clone)]
pub struct Program {
    /// Its name (looked up in `PATH`) or path.
    pub name: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables it gets; beside those of this process, unless [`Self::alone`].
    pub environment: Vec<(OsString, OsString)>,
    /// Whether it gets only the variables of [`Self::environment`].
    pub alone: bool,
    /// The folder it runs in, if another than ours.
    pub directory: Option<PathBuf>,
    /// What stands on its stdin; nothing: an end of file at once.
    pub input: Option<SecretBytes>,
    /// How many bytes it may print.
    pub output_limit: usize,
    /// How long it may run.
    pub timeout: Duration,
}

/// What it answered.
pub struct Output {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it printed.
    pub stdout: SecretBytes,
    /// What it complained about, cut. It is the program's word: whoever quotes it knows what that program says there.
    pub stderr: String,
}

impl Program {
    /// A program with the house's limits and a minute of time.
    #[must_use]
    pub fn new(name: impl Into<OsString>) -> Self {
        Self {
            name: name.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            alone: false,
            directory: None,
            input: None,
            output_limit: limit::PROGRAM_BYTES,
            timeout: Duration::from_secs(60),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets what stands on its stdin.
    #[must_use]
    pub fn input(mut self, input: SecretBytes) -> Self {
        self.input = Some(input);
        self
    }

    /// Sets how long it may run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it and waits for its end.
    ///
    /// # Errors
    /// It cannot be started (not found: [`base::Kind::NotFound`]), runs too long or prints too much. A non-zero exit is an answer.
    pub fn run(self) -> Result<Output, Fault> {
        let mut child = self.start()?;
        let (limit, timeout) = (self.output_limit, self.timeout);
        let name = self.name.to_string_lossy().into_owned();
        let deadline = Instant::now() + timeout;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.input) {
            // A program may answer before it has read all, or read nothing: a broken pipe is not our affair.
            thread::spawn(move || stdin.write_all(input.expose()));
        }
        let stdout = child.stdout.take().map(|pipe| read_until(pipe, limit));
        let stderr = child.stderr.take().map(|pipe| read_until(pipe, limit::PROGRAM_ERROR_BYTES));
        let ended = collect(&mut child, (stdout, stderr), deadline);
        match ended {
            Some((_, stdout, _)) if stdout.len() > limit => {
                Err(Fault::wrong(format!("`{name}` printed more than {limit} bytes")))
            }
            Some((status, stdout, stderr)) => Ok(Output {
                code: status.code(),
                signal: signal_of(status),
                stdout: SecretBytes::new(stdout),
                stderr: String::from_utf8_lossy(&stderr[..stderr.len().min(limit::PROGRAM_ERROR_BYTES)]).into_owned(),
            }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Fault::unreachable(format!("`{name}` did not end within {timeout:?}")))
            }
        }
    }

    /// As [`Self::run`], without blocking the runtime. If the caller goes away, the program still ends by its own time.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn answer(self) -> Result<Output, Fault> {
        let name = self.name.to_string_lossy().into_owned();
        tokio::task::spawn_blocking(move || self.run())
            .await
            .map_err(|error| Fault::bug(format!("waiting for `{name}` was cut off")).because(error))?
    }

    fn start(&self) -> Result<Child, Fault> {
        let mut command = Command::new(&self.name);
        if self.alone {
            command.env_clear();
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().map_err(|error| {
            let attempt = format!("cannot start `{}`", self.name.to_string_lossy());
            let fault = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    Fault::not_found(attempt).hint("install it, or name it by its full path")
                }
                std::io::ErrorKind::PermissionDenied => Fault::denied(attempt),
                _ => Fault::wrong(attempt),
            };
            fault.because(error)
        })
    }
}

impl Output {
    /// Whether it said by its exit code that all went well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, as Go's `os/exec` says it: `exit status 7`, `signal: terminated` with the signal's number.
    #[must_use]
    pub fn ending(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal: {signal}"),
            (None, None) => "no exit status".to_owned(),
        }
    }

    /// What it printed, if it ended well; else a fault with its exit code and without its words.
    ///
    /// # Errors
    /// It did not end with 0.
    pub fn accepted(self, attempt: &str) -> Result<SecretBytes, Fault> {
        if self.is_success() { Ok(self.stdout) } else { Err(Fault::wrong(attempt).because(self.ending())) }
    }
}

/// Reads on a thread of its own, so that neither pipe can fill up and stop the program; one byte over the limit tells.
fn read_until(pipe: impl Read + Send + 'static, limit: usize) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut pipe = pipe.take(most);
        // What was read before an error counts: the exit code judges.
        let _ = pipe.read_to_end(&mut bytes);
        let full = bytes.len() > limit;
        let _ = send.send(bytes);
        if full {
            // Drained, so that the program can end instead of waiting for a reader.
            let _ = std::io::copy(&mut pipe.into_inner(), &mut std::io::sink());
        }
    });
    receive
}

type Pipes = (Option<Receiver<Vec<u8>>>, Option<Receiver<Vec<u8>>>);

/// Waits for both pipes and the end; nothing if the deadline came first.
fn collect(child: &mut Child, pipes: Pipes, deadline: Instant) -> Option<(std::process::ExitStatus, Vec<u8>, Vec<u8>)> {
    let take = |pipe: Option<Receiver<Vec<u8>>>| match pipe {
        None => Some(Vec::new()),
        Some(pipe) => match pipe.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) => Some(bytes),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Vec::new()),
        },
    };
    let (stdout, stderr) = (take(pipes.0)?, take(pipes.1)?);
    // It has closed its output, so its end is near: asked often at first, then less.
    let mut pause = Duration::from_micros(200);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some((status, stdout, stderr)),
            Ok(None) if Instant::now() < deadline => thread::sleep(pause),
            Ok(None) | Err(_) => return None,
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(unix)]
fn signal_of(status: std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_: std::process::ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests;
