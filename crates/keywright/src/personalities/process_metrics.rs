//! What every program in Prometheus' world tells of its own process: processor time, memory, open files, start. Dashboards of all
//! peers draw them. Read from Linux' `/proc` when they are asked for; elsewhere there are none. Specification: SS §13.1.

use std::fmt::Write as _;
use std::fs;

/// The kernel tells times to programs in hundredths of a second, on every machine.
const TICKS_A_SECOND: f64 = 100.0;

/// The texts of `/proc` that hold the figures.
struct Facts {
    stat: String,
    status: String,
    limits: String,
    system: String,
    open_files: Option<usize>,
}

/// The metrics, in Prometheus' text form; empty where there is no `/proc`.
pub fn read() -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Facts {
        stat: text("/proc/self/stat"),
        status: text("/proc/self/status"),
        limits: text("/proc/self/limits"),
        system: text("/proc/stat"),
        open_files: fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
    }
    .told()
}

impl Facts {
    fn told(&self) -> String {
        let (virtual_bytes, resident_bytes) = (self.bytes("VmSize:"), self.bytes("VmRSS:"));
        #[expect(clippy::cast_precision_loss, reason = "nobody opens 2^52 files")]
        let open_files = self.open_files.map(|count| count as f64);
        let rows = [
            (
                "process_cpu_seconds_total",
                "counter",
                "Total user and system CPU time spent in seconds.",
                self.seconds(),
            ),
            ("process_max_fds", "gauge", "Maximum number of open file descriptors.", self.limit("Max open files")),
            ("process_open_fds", "gauge", "Number of open file descriptors.", open_files),
            ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", resident_bytes),
            (
                "process_start_time_seconds",
                "gauge",
                "Start time of the process since unix epoch in seconds.",
                self.started(),
            ),
            ("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", virtual_bytes),
        ];
        let mut text = String::new();
        for (name, kind, help, value) in rows {
            let Some(value) = value else { continue };
            // Writing into a text cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
        text
    }

    /// A field of `stat`, counted as in proc(5); the program's name in field 2 may hold spaces.
    fn field(&self, number: usize) -> Option<f64> {
        let (_, rest) = self.stat.rsplit_once(')')?;
        rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
    }

    fn seconds(&self) -> Option<f64> {
        Some((self.field(14)? + self.field(15)?) / TICKS_A_SECOND)
    }

    fn started(&self) -> Option<f64> {
        let booted = self.system.lines().find_map(|line| line.strip_prefix("btime "))?;
        Some(booted.trim().parse::<f64>().ok()? + self.field(22)? / TICKS_A_SECOND)
    }

    fn bytes(&self, name: &str) -> Option<f64> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
    }

    fn limit(&self, name: &str) -> Option<f64> {
        let line = self.limits.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_under_prometheus_names_and_missing_ones_left_out() {
        let facts = Facts {
            stat: "7 (a b) c) S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 9 0 1000 5 6".to_owned(),
            status: "Name:\ta\nVmSize:\t  2048 kB\nVmRSS:\t  10 kB\n".to_owned(),
            limits: "Limit  Soft Limit\nMax open files            1024                 4096                 files\n"
                .to_owned(),
            system: "cpu 1\nbtime 1700000000\n".to_owned(),
            open_files: Some(12),
        };
        let told = facts.told();
        for line in [
            "process_cpu_seconds_total 2",
            "process_max_fds 1024",
            "process_open_fds 12",
            "process_resident_memory_bytes 10240",
            "process_start_time_seconds 1700000010",
            "process_virtual_memory_bytes 2097152",
            "# TYPE process_cpu_seconds_total counter",
        ] {
            assert!(told.lines().any(|found| found == line), "{line} in {told}");
        }
        let none = String::new;
        let nothing = Facts { stat: none(), status: none(), limits: none(), system: none(), open_files: None };
        assert_eq!(nothing.told(), "");
    }
}
