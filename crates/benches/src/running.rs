//! A program that stays: started, looked at through /proc, ended by SIGTERM so that it gives its leases back.
//! Not here: what one run costs (`one_process`).

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;

/// Clock ticks a second in /proc, the same on all Linux that we run on.
const TICKS: f64 = 100.0;

/// A process of ours.
pub struct Running {
    child: Child,
    pub started: Timestamp,
}

impl Running {
    /// Starts a program whose words go to a log.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let failed = |error| format!("cannot write the log `{}`: {error}", log.display());
        let file = File::create(log).map_err(failed)?;
        let out = file.try_clone().map_err(failed)?;
        let started = Timestamp::now();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(file).spawn();
        let child = child.map_err(|error| format!("cannot start {command:?}: {error}"))?;
        Ok(Self { child, started })
    }

    /// The memory that stands in it now, in megabytes.
    pub fn resident_megabytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
    }

    /// The processor time that it has used so far.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name in parentheses may hold anything, so count from behind it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok());
        ticks(11).zip(ticks(12)).map_or(f64::NAN, |(user, system)| (user + system) / TICKS)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            // One that has ended already has nothing to give back.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
