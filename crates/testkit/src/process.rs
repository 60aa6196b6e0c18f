//! A program that runs beside a test and ends with it. One that is run to its end is a `peers::Run`.
//! Specification: design §15.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to be ready, on a machine that has other work.
const READY: Duration = Duration::from_secs(60);
/// How long one may take to end when it is asked to.
const END: Duration = Duration::from_secs(10);

/// A program that runs.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("the program's state can be asked").is_some()
    }

    /// Waits until a probe answers 200.
    ///
    /// # Panics
    /// As [`Self::until`].
    pub fn until_ok(&mut self, address: &str, path: &str) {
        self.until(path, || probe(address, path).filter(|line| line.ends_with("200 OK")));
    }

    /// Waits until there is an answer.
    ///
    /// # Panics
    /// If there is none in time, or the program ends before.
    pub fn until<T>(&mut self, what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + READY;
        loop {
            if let Some(answer) = answer() {
                return answer;
            }
            assert!(Instant::now() < until, "{what} does not come");
            assert!(!self.has_ended(), "the program ended before {what} came");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn end(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("the program can be signalled");
        let until = Instant::now() + END;
        while !self.has_ended() {
            assert!(Instant::now() < until, "it goes on although it was asked to end");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.0.wait().expect("the program has ended")
    }
}

/// The status line of a probe, once it answers at all.
fn probe(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.lines().next().map(str::to_owned)
}

/// An address on 127.0.0.1 that nobody listens at.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").to_string()
}
