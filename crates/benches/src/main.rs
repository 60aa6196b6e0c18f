//! The figures of the house against their goals: `cargo xtask bench [ROW …]`. Each row runs the release binary as a process of its
//! own on real parts and prints ratios and counts; nothing here fails because a machine is slow. The rows stand in `rows`.
//! Specification: design §15, §16 (`bench`).
#![expect(clippy::print_stdout, reason = "a tool that talks to the developer")]

mod audit;
mod figure;
mod lab;
mod one_process;
mod rows;
mod running;
mod vault;

use std::process::ExitCode;

use crate::figure::Report;
use crate::lab::Lab;
use crate::rows::{ON_A_CLUSTER, ON_FILES};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_meant = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let mut report = Report::default();
    // First, while this process is small: what stood in it counts into the peak of a child.
    for (name, measure) in ON_FILES.iter().filter(|(name, _)| is_meant(name)) {
        if let Err(reason) = measure(&mut report) {
            report.missing(name, &reason);
        }
    }
    if ON_A_CLUSTER.iter().any(|(name, _)| is_meant(name))
        && let Err(reason) = on_a_cluster(&mut report, is_meant)
    {
        report.missing("all rows on a cluster", &reason);
    }
    report.close();
    ExitCode::SUCCESS
}

fn on_a_cluster(report: &mut Report, is_meant: impl Fn(&str) -> bool) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("the operating system gives no threads: {error}"))?;
    runtime.block_on(async {
        let lab = Lab::prepare().await?;
        for (name, measure) in ON_A_CLUSTER.iter().filter(|(name, _)| is_meant(name)) {
            if let Err(reason) = measure(&lab, report).await {
                report.missing(name, &reason);
            }
        }
        Ok(())
    })
}
