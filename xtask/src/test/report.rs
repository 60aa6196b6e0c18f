//! What the stages of a run did: time, checks that passed and failed, and the scenarios they noted. A stage without tests counts as one
//! check.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::shell::Program;

#[derive(Default)]
pub struct Report {
    stages: Vec<Stage>,
}

struct Stage {
    name: &'static str,
    took: Duration,
    counted: Counted,
    /// Why it failed, where not only tests did.
    fault: Option<String>,
}

/// Tests by their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub passed: usize,
    pub failed: usize,
}

impl Report {
    /// Runs a stage that is one check.
    pub fn stage(&mut self, name: &'static str, run: impl FnOnce() -> Result<(), String>) {
        println!("\n== {name}");
        let started = Instant::now();
        let fault = run().err();
        if let Some(fault) = &fault {
            println!("{fault}");
        }
        let counted = Counted { passed: usize::from(fault.is_none()), failed: usize::from(fault.is_some()) };
        self.stages.push(Stage { name, took: started.elapsed(), counted, fault });
    }

    /// Runs a stage that prints `test result:` lines, in front of the user, and counts these.
    pub fn tests(&mut self, name: &'static str, program: impl FnOnce() -> Program) {
        println!("\n== {name}");
        let started = Instant::now();
        let (counted, fault) = match count(program()) {
            Ok((counted, true)) => (counted, None),
            // A test that failed is counted already; what did not even build is a failure of its own.
            Ok((counted, false)) if counted.failed > 0 => (counted, Some(format!("{} tests failed", counted.failed))),
            Ok((counted, false)) => (Counted { failed: 1, ..counted }, Some("it did not build or run".to_owned())),
            Err(fault) => (Counted { passed: 0, failed: 1 }, Some(fault)),
        };
        self.stages.push(Stage { name, took: started.elapsed(), counted, fault });
    }

    /// Prints the closing lines; an error where anything failed.
    pub fn close(self, scenarios: &str) -> Result<(), String> {
        println!("\n== closing");
        for Stage { name, took, counted, fault } in &self.stages {
            let told = fault.as_deref().and_then(|fault| fault.lines().next_back()).unwrap_or("ok");
            println!(
                "{name:<28} {:>7.1} s  {:>5} passed {:>3} failed  {told}",
                took.as_secs_f64(),
                counted.passed,
                counted.failed
            );
        }
        let total = self.stages.iter().fold(Counted::default(), |sum, stage| sum.and(stage.counted));
        println!("{}", told_scenarios(scenarios));
        println!("{} passed, {} failed", total.passed, total.failed);
        if total.failed == 0 { Ok(()) } else { Err("not everything is green".to_owned()) }
    }
}

impl Counted {
    fn and(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

/// Runs the program, repeats its output and counts; answers also whether it ended well.
fn count(program: Program) -> Result<(Counted, bool), String> {
    let mut command = program.into_command();
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cannot start cargo: {error}"))?;
    let output = child.stdout.take().expect("stdout was asked to be a pipe");
    let mut counted = Counted::default();
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| format!("cannot read what cargo prints: {error}"))?;
        println!("{line}");
        counted = counted.and(result_line(&line).unwrap_or_default());
    }
    let status = child.wait().map_err(|error| format!("cannot wait for cargo: {error}"))?;
    Ok((counted, status.success()))
}

/// `test result: ok. 5 passed; 0 failed; 0 ignored; …`
pub fn result_line(line: &str) -> Option<Counted> {
    let counts = line.trim_start().strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |word: &str| {
        let part = counts.split("; ").find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some(Counted { passed: number("passed")?, failed: number("failed")? })
}

/// How many of each feature's scenarios ran in memory and on kube-apiserver; one that ran twice is one.
fn by_feature(noted: &str) -> BTreeMap<&str, [usize; 2]> {
    let mut features: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for line in noted.lines().collect::<BTreeSet<_>>() {
        let mut words = line.split(' ');
        let place = match words.next() {
            Some("memory") => 0,
            Some("apiserver") => 1,
            _ => continue,
        };
        features.entry(words.next().unwrap_or_default()).or_default()[place] += 1;
    }
    features
}

/// The roads on a cluster, each with scenarios of its own.
const ROADS: [&str; 4] = ["external-secrets", "reloader", "sealed-secrets", "vault-secrets"];
/// So many or fewer on a real API server are too few to trust the sandbox by.
const TOO_FEW: usize = 60;

/// Fails where a feature's scenarios ran in memory only, or too few of a road's ran beside: nothing kept the sandbox honest then.
pub fn ran_on_both(noted: &str) -> Result<(), String> {
    let features = by_feature(noted);
    let only_in_memory: Vec<&str> =
        features.iter().filter(|(_, [_, real])| *real == 0).map(|(name, _)| *name).collect();
    match only_in_memory.as_slice() {
        [] if features.is_empty() => Err("no scenario ran at all".to_owned()),
        [] => enough(&features),
        names => Err(format!("no scenario of {} ran on kube-apiserver", names.join(", "))),
    }
}

fn enough(features: &BTreeMap<&str, [usize; 2]>) -> Result<(), String> {
    let real = |road: &&&str| features.get(**road).map_or(0, |[_, real]| *real);
    match ROADS.iter().find(|road| real(road) <= TOO_FEW) {
        Some(road) => {
            Err(format!("{} scenarios of {road} ran on kube-apiserver, not more than {TOO_FEW}", real(&road)))
        }
        None => Ok(()),
    }
}

/// `scenarios: 60 in memory, 60 on kube-apiserver`, with a line per feature before it.
pub fn told_scenarios(noted: &str) -> String {
    let features = by_feature(noted);
    let lines = features.iter().map(|(feature, [memory, real])| {
        format!("  {feature:<26} {memory:>4} in memory {real:>4} on kube-apiserver\n")
    });
    let sum = |place: usize| features.values().map(|counts| counts[place]).sum::<usize>();
    format!("{}scenarios: {} in memory, {} on kube-apiserver", lines.collect::<String>(), sum(0), sum(1))
}
