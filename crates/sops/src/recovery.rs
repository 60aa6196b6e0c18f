//! Why no data key could be had: every group, key and key service that was asked, told as the peer tells it.
//! Specification: SOPS §8.5 (data-key failure text), exit code 128.

use std::error::Error;
use std::fmt::{self, Write};

use base::Fault;

/// All that was tried in vain.
#[derive(Debug)]
pub struct Recovery {
    /// What was tried, group by group.
    pub groups: Vec<GroupAttempts>,
    /// The Shamir threshold, where there are several groups.
    pub threshold: Option<usize>,
    /// Enough shares were found, but they make no data key.
    pub broken: Option<Fault>,
}

/// What was tried in one group.
#[derive(Debug, Default)]
pub struct GroupAttempts {
    /// Whether a key of it could be used.
    pub is_open: bool,
    /// The keys that could not.
    pub failed: Vec<Attempt>,
}

/// One key, and why each key service could not use it.
#[derive(Debug)]
pub struct Attempt {
    /// The key's identity string.
    pub key: String,
    /// One fault for each key service.
    pub faults: Vec<Fault>,
}

impl Recovery {
    pub(crate) fn new(threshold: Option<usize>) -> Self {
        Self { groups: Vec::new(), threshold, broken: None }
    }

    pub(crate) fn broken(mut self, fault: Fault) -> Self {
        self.broken = Some(fault);
        self
    }

    /// The whole report, as scripts and users know it.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = String::from("Failed to get the data key required to decrypt the SOPS file.\n\n");
        for (number, group) in self.groups.iter().enumerate() {
            let word = if group.is_open { "SUCCESS" } else { "FAILED" };
            // Writing into a String cannot fail.
            let _ = writeln!(text, "Group {number}: {word}");
            let keys: Vec<String> = group.failed.iter().filter(|_| !group.is_open).map(key_report).collect();
            text.push_str(&keys.join("\n"));
            text.push('\n');
        }
        text.push_str(&wrapped(&self.trailer(), 75, ""));
        text
    }

    fn trailer(&self) -> String {
        if let Some(fault) = &self.broken {
            return fault.chain();
        }
        match self.threshold {
            None => "Recovery failed because no master key was able to decrypt the file. In order for SOPS to recover \
                     the file, at least one key has to be successful, but none were."
                .to_owned(),
            Some(threshold) => format!(
                "Recovery failed because the file was encrypted with a Shamir threshold of {threshold}, but only {} \
                 part(s) were successfully recovered, one for each successful key group. In order for SOPS to recover \
                 the file, at least {threshold} groups have to be successful. In order for a group to be successful, \
                 decryption has to succeed with any of the keys in that key group.",
                self.groups.iter().filter(|group| group.is_open).count()
            ),
        }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

impl Error for Recovery {}

impl From<Recovery> for Fault {
    fn from(recovery: Recovery) -> Self {
        Fault::denied("cannot get the data key").because(recovery)
    }
}

fn key_report(attempt: &Attempt) -> String {
    let mut text = format!("  {}: FAILED\n", attempt.key);
    let faults: Vec<String> = attempt
        .faults
        .iter()
        .map(|fault| {
            let lines = wrapped(&fault.chain(), 60, "      | ");
            lines.replacen("      | ", "    - | ", 1) + "\n"
        })
        .collect();
    text.push_str(&faults.join("\n"));
    text
}

/// Breaks at blanks so that no line is longer than `width` letters, if its words allow it; each line gets the prefix.
fn wrapped(text: &str, width: usize, prefix: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(format!("{prefix}{line}"));
                line = word.to_owned();
                continue;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(format!("{prefix}{line}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
