//! Processes that stay until they are stopped: started with a log of their own, remembered by pid *and* start time (a pid alone may be
//! somebody else's by now), and signalled only if both still match.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::shell::{Program, find};

/// In the lab's folder: one line per process, `PID START SIGNAL NAME`, in the order of their start.
const PROCESSES: &str = "processes";

/// So long a process may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// Who ends the servers.
#[derive(Clone, Copy, PartialEq)]
pub enum Ends {
    /// `lab stop`.
    OnCommand,
    /// Also the kernel, as soon as this program is gone, however it goes.
    WithUs,
}

pub struct Server<'a> {
    pub name: &'a str,
    pub program: PathBuf,
    pub args: Vec<String>,
    /// The signal that asks it to end: PostgreSQL would wait for its clients at TERM.
    pub signal: &'a str,
    /// Another user to run as, for programs that refuse root.
    pub user: Option<&'a str>,
}

impl Server<'_> {
    /// Starts it with its output in `NAME.log`.
    pub fn start(self, folder: &Path, ends: Ends) -> Result<(), String> {
        let log = folder.join(format!("{}.log", self.name));
        let failed = |error: std::io::Error| format!("cannot start {}: {error}", self.name);
        let output = File::create(&log).map_err(failed)?;
        let mut command = self.command(ends).within(folder).into_command();
        command.stdout(output.try_clone().map_err(failed)?).stderr(output);
        // A process group of its own: Ctrl-C in the terminal must not end a lab that shall stay.
        if ends == Ends::OnCommand {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let child = command.spawn().map_err(failed)?;
        let started = start_time(child.id()).unwrap_or_default();
        let mut file = OpenOptions::new().create(true).append(true).open(folder.join(PROCESSES)).map_err(failed)?;
        writeln!(file, "{} {started} {} {}", child.id(), self.signal, self.name).map_err(failed)
    }

    fn command(&self, ends: Ends) -> Program {
        let mut wrapped: Vec<String> = Vec::new();
        if ends == Ends::WithUs && find("setpriv").is_some() {
            // An API server that is asked to end while etcd ends too waits a minute for it. Nobody reads these data again.
            let signal = if self.signal == "TERM" { "KILL" } else { self.signal };
            wrapped.extend(["--pdeathsig".to_owned(), signal.to_owned()]);
        }
        if let Some(user) = self.user {
            wrapped.extend([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
        }
        if wrapped.is_empty() {
            return Program::new(&self.program).args(&self.args);
        }
        Program::new("setpriv").args(wrapped).args(["--"]).args([&self.program]).args(&self.args)
    }
}

/// Ends what was started in this folder, the last first, and waits for each.
pub fn stop(folder: &Path) -> Result<usize, String> {
    let path = folder.join(PROCESSES);
    let Ok(noted) = fs::read_to_string(&path) else { return Ok(0) };
    let mut ended = 0;
    for line in noted.lines().rev() {
        let words: Vec<&str> = line.split(' ').collect();
        let [pid, started, signal, name] = words.as_slice() else { continue };
        let Ok(pid) = pid.parse::<u32>() else { continue };
        if is_running(pid, started) {
            end(pid, started, signal).map_err(|reason| format!("cannot stop {name}: {reason}"))?;
            ended += 1;
        }
    }
    fs::remove_file(&path).map_err(|error| format!("cannot remove `{}`: {error}", path.display()))?;
    Ok(ended)
}

/// The names of the processes of this folder that run.
pub fn running(folder: &Path) -> Vec<String> {
    let noted = fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
    let alive = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [pid, started, _, name] = words.as_slice() else { return None };
        is_running(pid.parse().ok()?, started).then(|| (*name).to_owned())
    };
    noted.lines().filter_map(alive).collect()
}

fn end(pid: u32, started: &str, signal: &str) -> Result<(), String> {
    send(pid, signal)?;
    let deadline = Instant::now() + GRACE;
    while is_running(pid, started) {
        if Instant::now() > deadline {
            return send(pid, "KILL");
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn send(pid: u32, signal: &str) -> Result<(), String> {
    Program::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).text().map(drop)
}

fn is_running(pid: u32, started: &str) -> bool {
    start_time(pid).is_some_and(|now| now == started)
}

/// Field 22 of `/proc/PID/stat`; `None` for a process that is gone or has ended and only waits for its parent.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count from behind it.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(18).map(str::to_owned)).flatten()
}

/// So many free ports, asked at once: two asks in a row can give the same port.
pub fn free_ports<const N: usize>() -> Result<[u16; N], String> {
    let failed = |error: std::io::Error| format!("cannot find a free port: {error}");
    let mut held = Vec::new();
    for _ in 0..N {
        held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?);
    }
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr().map_err(failed)?.port();
    }
    Ok(ports)
}

/// Asks again and again until the answer is yes; the log's last lines tell why it never was.
pub fn wait_until(folder: &Path, name: &str, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    while !ready() {
        let log = || {
            let text = fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
            let last: Vec<String> = text.lines().rev().take(4).map(str::to_owned).collect();
            last.into_iter().rev().collect::<Vec<_>>().join("\n    ")
        };
        if Instant::now() > deadline {
            return Err(format!("{name} was not ready after {} s:\n    {}", limit.as_secs(), log()));
        }
        if !running(folder).iter().any(|running| running == name) {
            return Err(format!("{name} ended by itself:\n    {}", log()));
        }
        sleep(Duration::from_millis(30));
    }
    Ok(())
}

/// Whether a plain HTTP server on loopback answers this path with 200.
pub fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        Ok(head.windows(5).any(|part| part == b" 200 "))
    };
    ask().unwrap_or(false)
}
