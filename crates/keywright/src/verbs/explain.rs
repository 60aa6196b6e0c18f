//! `keywright explain KIND/NAME`: what a pass over an object would do – which values it reads, what it would write, when it
//! looks again, and why. A reconcile in a dry world: it reads and logs in, and never issues, writes, pushes or restarts.
//! Specification: design §4.3, §11.3.

use base::Fault;
use operator::cache::Scope;
use operator::feature::FeatureName;
use operator::process::Process;
use operator::shared::Clock;
use operator::world::stores::Providers;
use operator::{controllers, sealed_secrets};

use super::operator::{add_features, own_namespace};
use crate::argv::{self, ArgvError, Flag, Grammar, Takes};
use crate::{Call, Exit, Failure, cluster, reach};

const FLAGS: &[Flag] = &[Flag {
    name: "namespace",
    short: Some('n'),
    takes: Takes::Value,
    help: "the object's namespace (default); empty for cluster-scoped kinds",
}];

/// The features whose processes explain as they run. SealedSecrets' does not: it would hold the cluster's keys.
const EXPLAINED: [FeatureName; 3] = [FeatureName::ExternalSecrets, FeatureName::Reloader, FeatureName::VaultSecrets];

/// Explains an object.
///
/// # Errors
/// The command line is wrong, there is no cluster, or no such object.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let parsed = match argv::parse(Grammar::Pflag, FLAGS, &call.args) {
        Ok(parsed) => parsed,
        Err(ArgvError::Help { .. }) => {
            call.ui.data(argv::usage("keywright explain KIND/NAME", FLAGS).as_bytes())?;
            return Ok(Exit::SUCCESS);
        }
        Err(ArgvError::Wrong(text)) => return Err(Failure::new(2, Fault::wrong(text))),
    };
    let [object] = &parsed.positionals[..] else {
        return Err(Failure::new(
            2,
            Fault::wrong("explain takes one object, KIND/NAME")
                .hint("for example `keywright explain externalsecret/db -n demo`"),
        ));
    };
    let (kind, name) = object.split_once('/').ok_or_else(|| Fault::wrong(format!("`{object}` is not KIND/NAME")))?;
    let namespace = parsed.value("namespace").unwrap_or("default");
    let environment = call.environment.clone();
    let lines = cluster::block_on(async {
        let cluster = cluster::own().await?;
        let mut process = Process::new(cluster.client.clone(), vec![Scope::Cluster], Clock::System, cluster::seed()?);
        let home = own_namespace(&environment);
        process.shared().remember(Providers::new(reach::of_operator(environment, cluster), "default"));
        add_features(&mut process, &EXPLAINED, &home, |_| None);
        process.shared().remember(sealed_secrets::Settings::new(home));
        process.add(FeatureName::SealedSecrets, 1, None, controllers::sealed_secrets);
        let lines = match process.explain(kind, namespace, name).await {
            None => process.explain(kind, "", name).await,
            lines => lines,
        };
        lines.ok_or_else(|| {
            Fault::wrong(format!("there is no {kind} `{name}` in namespace `{namespace}`"))
                .hint("name the namespace with -n")
        })
    })?;
    for line in lines {
        call.ui.data(format!("{line}\n").as_bytes())?;
    }
    Ok(Exit::SUCCESS)
}
