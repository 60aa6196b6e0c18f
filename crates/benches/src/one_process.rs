//! What one run of a program costs: wall time, peak memory, and how many programs it starts in turn.
//! Not here: processes that stay (`running`).

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A program with its words and environment.
#[derive(Clone)]
pub struct Run {
    pub program: OsString,
    pub args: Vec<OsString>,
    pub environment: Vec<(&'static str, OsString)>,
}

/// What one run cost.
#[derive(Clone, Copy)]
pub struct Cost {
    pub milliseconds: f64,
    /// Of all its threads, in its own code and in the kernel's.
    pub cpu_milliseconds: f64,
    pub peak_megabytes: f64,
}

impl Run {
    pub fn new<A: Into<OsString>>(program: impl Into<OsString>, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, environment: Vec::new() }
    }

    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A user named makes the library fork: it would else share our memory until the program begins, and our peak would be
        // its own.
        command.uid(rustix::process::geteuid().as_raw());
        command
    }

    /// What it prints; a failure tells its last words.
    pub fn text(&self) -> Result<String, String> {
        let shown = format!("`{}`", Path::new(&self.program).display());
        let output = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = output.map_err(|error| format!("cannot run {shown}: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(format!("{shown} ended with {}: {told}", output.status))
    }

    fn cost(&self) -> Result<Cost, String> {
        let begun = Instant::now();
        let child = self.command().spawn().map_err(|error| format!("cannot run {:?}: {error}", self.program))?;
        let usage = usage_of(child.id()).ok_or("the system tells nothing of a child that ended")?;
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        let spent = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
        let cpu_milliseconds = spent(usage.ru_utime) + spent(usage.ru_stime);
        Ok(Cost { milliseconds, cpu_milliseconds, peak_megabytes: usage.ru_maxrss as f64 / 1024.0 })
    }

    /// How many programs it starts beside itself, threads not counted.
    pub fn children(&self) -> Result<f64, String> {
        let log = tempfile::NamedTempFile::new().map_err(|error| format!("cannot note system calls: {error}"))?;
        let mut words: Vec<OsString> = ["-f", "-qq", "-e", "trace=execve", "-o"].map(OsString::from).into();
        words.push(log.path().into());
        words.push(self.program.clone());
        words.extend(self.args.iter().cloned());
        let traced = Self { program: "strace".into(), args: words, environment: self.environment.clone() };
        traced.text()?;
        let noted =
            std::fs::read_to_string(log.path()).map_err(|error| format!("cannot read strace's log: {error}"))?;
        let started = noted.lines().filter(|line| line.contains("execve(") && line.ends_with("= 0")).count();
        Ok((started.max(1) - 1) as f64)
    }
}

/// The median costs of several programs, run in turn so that a busy moment hits all of them alike.
pub fn medians<const N: usize>(runs: [&Run; N], rounds: usize) -> Result<[Cost; N], String> {
    let mut all: [Vec<Cost>; N] = std::array::from_fn(|_| Vec::new());
    for round in 0..=rounds {
        for (run, costs) in runs.iter().zip(&mut all) {
            let cost = run.cost()?;
            // The first run reads the program from the disk.
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    Ok(all.map(|costs| Cost {
        milliseconds: median(costs.iter().map(|cost| cost.milliseconds)),
        cpu_milliseconds: median(costs.iter().map(|cost| cost.cpu_milliseconds)),
        peak_megabytes: median(costs.iter().map(|cost| cost.peak_megabytes)),
    }))
}

/// The middle one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Waits for a child and answers what it used.
#[expect(unsafe_code, reason = "only wait4 tells the peak of one child, and it has no safe wrapper")]
fn usage_of(pid: u32) -> Option<libc::rusage> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid value of this plain struct of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals of the right types, and the pid is a child of ours that nobody else waits for.
    let ended = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    (ended == pid).then_some(usage)
}
