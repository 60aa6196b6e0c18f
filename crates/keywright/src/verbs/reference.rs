//! `keywright reference --output DIR`: writes everything that is read off the program's tables – the chart with its
//! definitions and roles, and the reference pages. `cargo xtask generate` keeps the committed files equal to it.
//! Specification: design §16, §17.

mod chart;
mod pages;

use std::collections::BTreeMap;
use std::path::Path;

use base::Fault;
use operator::cache::Scope;
use operator::feature::FeatureName;
use operator::process::Process;
use operator::roles::Role;
use operator::shared::Clock;
use operator::world::stores::Providers;
use providers::reach::OwnCluster;
use sandbox::Sandbox;

use super::operator::add_features;
use crate::argv::{self, ArgvError, Flag, Grammar, Takes};
use crate::{Call, Environment, Exit, Failure, cluster, files, reach};

const FLAGS: &[Flag] =
    &[Flag { name: "output", short: Some('o'), takes: Takes::Value, help: "the folder to write into" }];

/// Path below the output folder to text.
type Files = BTreeMap<String, String>;

/// Writes the files.
///
/// # Errors
/// The command line is wrong, or the folder cannot be written.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match argv::parse(Grammar::Pflag, FLAGS, &call.args) {
        Ok(parsed) => parsed,
        Err(ArgvError::Help { .. }) => {
            call.ui.data(argv::usage("keywright reference", FLAGS).as_bytes())?;
            return Ok(Exit::SUCCESS);
        }
        Err(ArgvError::Wrong(text)) => return Err(Failure::new(2, Fault::wrong(text))),
    };
    let Some(folder) = parsed.value("output") else {
        return Err(Failure::new(2, Fault::wrong("no folder to write into").hint("name one with `--output DIR`")));
    };
    let roles = roles()?;
    let mut files = chart::files(&roles)?;
    files.extend(pages::files(&roles));
    for (path, text) in &files {
        let path = Path::new(folder).join(path);
        let parent = path.parent().expect("it lies in a folder");
        std::fs::create_dir_all(parent)
            .map_err(|error| Fault::wrong(format!("cannot make `{}`", parent.display())).because(error))?;
        files::replace(&path, text.as_bytes())?;
    }
    call.ui.note(&format!("{} files written to `{folder}`", files.len()));
    Ok(Exit::SUCCESS)
}

/// What each feature may do, read off a process that would run them all.
fn roles() -> Result<Vec<(FeatureName, Role)>, Fault> {
    cluster::block_on(async {
        let client = Sandbox::new().client();
        let mut process = Process::new(client.clone(), vec![Scope::Cluster], Clock::System, cluster::seed()?);
        process.shared().remember(Providers::new(
            reach::of_operator(Environment::default(), OwnCluster::in_memory(client)),
            "default",
        ));
        add_features(&mut process, &FeatureName::ALL, "default", |_| None);
        Ok(FeatureName::ALL.into_iter().filter_map(|feature| Some((feature, process.role(feature)?))).collect())
    })
}
