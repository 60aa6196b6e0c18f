//! `cargo xtask test`: everything that must be green, stage by stage, each with its time. Every stage runs even where one before it failed,
//! so that one run tells all. It closes with the scenarios it ran on either cluster and with `N passed, N failed`.

mod report;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::report::Report;
use crate::lab::{Lab, Parts};
use crate::shell::Program;
use crate::{PROGRAM, cargo, docs, generate, tidy};

/// Crates whose tests need the real parts of the lab, so `cargo test` leaves them out.
const NEED_THE_LAB: [&str; 2] = ["conformance", "benches"];

/// Modules of this name hold tests on what only the lab has: the peers' own programs, OpenBao, PostgreSQL.
const INTEROP: &str = "interop::";

/// Names the file to which each scenario appends `<memory|apiserver> <feature> <name>`.
const SCENARIOS: &str = "KEYWRIGHT_SCENARIOS";

pub fn run(root: &Path) -> Result<(), String> {
    let scenarios = scenarios_file(root)?;
    let mut report = Report::default();
    report.stage("tidy", || tidy::run(root));
    report.stage("links", || docs::links(root));
    report.stage("fmt", || cargo(root, &["fmt", "--all", "--check"]).run());
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    report.stage("clippy", || cargo(root, &clippy).run());
    report.tests("cargo test", || cargo(root, &in_memory(root)).env(SCENARIOS, &scenarios));
    report.stage("generated files are fresh", || generate::check(root));
    report.stage("deny.toml", || denied(root));
    let mut program = None;
    report.stage("binary", || {
        program = Some(crate::keywright(root, "debug")?);
        Ok(())
    });
    if let Some(program) = &program {
        for (name, args) in on_real_parts(root) {
            beside_lab(&mut report, root, name, |report, lab| {
                let tests = cargo(root, &args).envs(&lab.variables).env(SCENARIOS, &scenarios);
                report.tests(name, || tests.env(PROGRAM, program));
            });
        }
        beside_lab(&mut report, root, "guides", |report, lab| {
            report.stage("guides", || docs::guides(root, None, program, &lab.variables));
        });
    }
    let noted = std::fs::read_to_string(&scenarios).unwrap_or_default();
    report.stage("scenarios on kube-apiserver", || report::ran_on_both(&noted));
    report.close(&noted)
}

/// Licences, sources and crates that must not be there. Doubles are no failure: `cargo deny check bans` tells them.
fn denied(root: &Path) -> Result<(), String> {
    let program = Program::new(Parts::get(root)?.program("cargo-deny")?).within(root);
    program.args(["--locked", "--log-level", "error", "check", "licenses", "bans", "sources"]).run()
}

/// A stage with a lab of its own, so that none finds what another left behind; four seconds are cheaper than that search.
fn beside_lab(report: &mut Report, root: &Path, name: &'static str, run: impl FnOnce(&mut Report, &Lab)) {
    match Lab::start_own(root) {
        Ok(lab) => run(report, &lab),
        Err(fault) => report.stage(name, || Err(fault)),
    }
}

/// The stages that need a lab: scenarios that ran in memory before, and the tests against the peers' own programs.
fn on_real_parts(root: &Path) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut stages = Vec::new();
    if root.join("crates/operator/tests/it").exists() {
        let operator = ["--package", "keywright-operator", "--test", "it"];
        // Its own tests hold the sandbox against the API server.
        let testkit = ["test", "--no-fail-fast", "--package", "keywright-testkit", "--lib"];
        stages.push(("operator on kube-apiserver", [testkit.as_slice(), &operator].concat()));
    }
    if root.join("crates/keywright/tests/it").exists() {
        stages.push(("beside the peers' programs", vec!["test", "--package", "keywright", "--test", "it", INTEROP]));
    }
    if root.join("crates/conformance").exists() {
        stages.push(("conformance", vec!["test", "--package", "keywright-conformance", "--no-fail-fast"]));
    }
    stages
}

/// A fresh file for this run: two runs at once must not count each other's scenarios.
fn scenarios_file(root: &Path) -> Result<PathBuf, String> {
    let folder = root.join("target/xtask");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    let path = folder.join(format!("scenarios-{}.txt", std::process::id()));
    std::fs::write(&path, "").map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    Ok(path)
}

/// `cargo test` over all that needs nothing. What needs the lab is left out, not passed over in silence and counted.
fn in_memory(root: &Path) -> Vec<String> {
    let mut args: Vec<String> = ["test", "--workspace", "--no-fail-fast"].map(str::to_owned).into();
    let stands = NEED_THE_LAB.iter().filter(|name| root.join("crates").join(name).exists());
    args.extend(stands.flat_map(|name| ["--exclude".to_owned(), format!("keywright-{name}")]));
    args.extend(["--", "--skip", INTEROP].map(str::to_owned));
    args
}
