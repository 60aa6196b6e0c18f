//! Programs that take the terminal: editors, helm, what `exec-env` runs. They inherit our streams; signals that would end us are
//! handed on, and we outlive them, so that what we put on disk for them goes with them.
//! Not here: programs whose answer we want (`wire::program`). Specification: SOPS §8.6, §8.12; design §4.2.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use base::Fault;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use rustix::process::{WaitId, WaitIdOptions};

use crate::Exit;

/// Whoever has the signals that would end us: a program while one runs, else the cleaning up that was given. Once a process.
pub struct Signals {
    child: Arc<Mutex<Option<Pid>>>,
    /// What was blocked before we took over.
    before: SigSet,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an exit code.
    Code(u8),
    /// By a signal.
    Signal(i32),
}

impl Signals {
    /// Takes the signals over. If one comes while no program runs, `cancel` cleans up, and the process ends with 1.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn take(cancel: impl Fn() + Send + 'static) -> Result<Self, Fault> {
        let refused = |error| Fault::unreachable("cannot take over signals").because(error);
        let set: SigSet = ENDING.into_iter().collect();
        let before = SigSet::thread_get_mask().map_err(refused)?;
        // Threads inherit the mask, and so would programs: std leaves it as it is.
        set.thread_block().map_err(refused)?;
        let child = Arc::new(Mutex::new(None));
        let shared = child.clone();
        std::thread::spawn(move || {
            while let Ok(signal) = set.wait() {
                let child = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match *child {
                    Some(_) if is_from_terminal(signal) => {}
                    // A program that ended meanwhile needs no signal.
                    Some(pid) => drop(kill(pid, signal)),
                    None => {
                        cancel();
                        std::process::exit(Exit::FAILURE.0.into());
                    }
                }
            }
        });
        Ok(Self { child, before })
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// It cannot be started; the operating system's error is kept as it is.
    pub fn run(&self, command: &mut Command) -> std::io::Result<Ending> {
        let slot = || self.child.lock().unwrap_or_else(PoisonError::into_inner);
        unblock(command, self.before);
        let mut running = slot();
        let mut child = command.spawn()?;
        let pid = Pid::from_raw(child.id().cast_signed());
        *running = Some(pid);
        drop(running);
        // Waited for without reaping first: until then nobody else can have its number, and a signal goes to the right one.
        let ended = rustix::process::Pid::from_raw(pid.as_raw())
            .map(|pid| rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        *slot() = None;
        if let Some(Err(error)) = ended {
            return Err(error.into());
        }
        child.wait().map(Ending::of)
    }
}

/// The program starts with the mask that we started with: one that cannot be interrupted is of no use.
#[expect(unsafe_code, reason = "what runs between fork and exec is the caller's to vouch for")]
fn unblock(command: &mut Command, before: SigSet) {
    let set_mask = move || before.thread_set_mask().map_err(std::io::Error::from);
    // SAFETY: the closure makes one system call, which POSIX allows there, and neither allocates nor locks.
    unsafe { command.pre_exec(set_mask) };
}

impl Ending {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }

    /// Whether it says that all went well.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// The exit code that stands for it, as Go programs have it: 255 for a signal.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Self::Code(code) => Exit(code),
            Self::Signal(_) => Exit(255),
        }
    }

    /// The exit code that stands for it, as shells have it: 128 and the number of a signal.
    #[must_use]
    pub fn shell_exit(self) -> Exit {
        match self {
            Self::Code(code) => Exit(code),
            Self::Signal(number) => Exit(u8::try_from(128 + number).unwrap_or(u8::MAX)),
        }
    }
}

/// As Go's `os/exec` says it.
impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match WORDS.iter().find(|(signal, _)| *signal as i32 == *number) {
                Some((_, word)) => write!(f, "signal: {word}"),
                None => write!(f, "signal: signal {number}"),
            },
        }
    }
}

/// What a person or a supervisor ends a process with.
const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// Go's words for signals.
const WORDS: [(Signal, &str); 9] = [
    (Signal::SIGHUP, "hangup"),
    (Signal::SIGINT, "interrupt"),
    (Signal::SIGQUIT, "quit"),
    (Signal::SIGILL, "illegal instruction"),
    (Signal::SIGABRT, "aborted"),
    (Signal::SIGKILL, "killed"),
    (Signal::SIGSEGV, "segmentation fault"),
    (Signal::SIGPIPE, "broken pipe"),
    (Signal::SIGTERM, "terminated"),
];

/// Keys of the terminal reach the whole foreground group: the program has got the signal already, and twice can mean more
/// than once (helm gives up its cleaning up).
fn is_from_terminal(signal: Signal) -> bool {
    if !matches!(signal, Signal::SIGINT | Signal::SIGQUIT) {
        return false;
    }
    let foreground = std::fs::File::open("/dev/tty").ok().and_then(|tty| rustix::termios::tcgetpgrp(tty).ok());
    foreground.is_some_and(|group| group == rustix::process::getpgrp())
}
