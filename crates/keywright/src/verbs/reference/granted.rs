//! What the chart grants each feature: its role, and the parts of it that depend on the chart's values – read off a process that is
//! told the same, so that no right is written twice. Specification: design §8, §10; RL §16.

use std::sync::Arc;

use api::reload::ResourceKind;
use base::Fault;
use operator::cache::Scope;
use operator::controllers;
use operator::feature::FeatureName;
use operator::process::Process;
use operator::reloader::Settings;
use operator::roles::{Line, Role};
use operator::shared::Clock;
use operator::world::stores::Providers;
use plan::reload::{Kind, Options};
use providers::reach::OwnCluster;
use sandbox::Sandbox;

use crate::verbs::operator::add_features;
use crate::{Environment, cluster, reach};

/// What a feature may do.
pub struct Granted {
    pub feature: FeatureName,
    /// Whatever the values say.
    pub role: Role,
    /// In watched namespaces, where the values say so.
    pub parts: Vec<Part>,
}

/// Rights that depend on a value.
pub struct Part {
    /// The value.
    pub switch: &'static Switch,
    /// The rights.
    pub lines: Vec<Line>,
}

/// A value of Reloader's on which rights depend.
pub struct Switch {
    /// The value's name.
    pub value: &'static str,
    /// The flag that says the same, if it stands among the arguments.
    pub flag: &'static str,
    /// Whether the rights come with the value or go with it.
    pub brings: bool,
    /// Tells a process to need the rights.
    set: fn(&mut Settings),
}

const SWITCHES: &[Switch] = &[
    Switch {
        value: "ignoreConfigMaps",
        flag: "--resources-to-ignore",
        brings: false,
        set: |settings| settings.ignored_resources.retain(|kind| *kind != ResourceKind::ConfigMap),
    },
    Switch {
        value: "ignoreSecrets",
        flag: "--resources-to-ignore",
        brings: false,
        set: |settings| settings.ignored_resources.retain(|kind| *kind != ResourceKind::Secret),
    },
    Switch {
        value: "ignoreJobs",
        flag: "--ignored-workload-types",
        brings: false,
        set: |settings| settings.options.ignored.retain(|kind| *kind != Kind::Job),
    },
    Switch {
        value: "ignoreCronJobs",
        flag: "--ignored-workload-types",
        brings: false,
        set: |settings| settings.options.ignored.retain(|kind| *kind != Kind::CronJob),
    },
    Switch {
        value: "namespaceSelector",
        flag: "--namespace-selector",
        brings: true,
        set: |settings| settings.namespace_selector = Some("a=b".to_owned()),
    },
    Switch {
        value: "isArgoRollouts",
        flag: "--is-Argo-Rollouts",
        brings: true,
        set: |settings| settings.has_rollouts = true,
    },
    Switch {
        value: "isOpenshift",
        flag: "--is-openshift",
        brings: true,
        set: |settings| settings.has_deployment_configs = true,
    },
    Switch {
        value: "enableCSIIntegration",
        flag: "--enable-csi-integration",
        brings: true,
        set: |settings| settings.has_provider_classes = true,
    },
];

/// What each feature may do, in the order of their names.
pub fn granted() -> Result<Vec<Granted>, Fault> {
    cluster::block_on(async {
        let mut all = Vec::new();
        let process = process(|process| add_features(process, &FeatureName::ALL, "default", |_| None))?;
        for feature in FeatureName::ALL {
            let Some(role) = process.role(feature) else { continue };
            all.push(match feature {
                FeatureName::Reloader => reloader()?,
                _ => Granted { feature, role, parts: Vec::new() },
            });
        }
        Ok(all)
    })
}

/// Reloader's rights with everything off that can be, and what each switch adds.
fn reloader() -> Result<Granted, Fault> {
    let least = Settings {
        options: Options { ignored: [Kind::Job, Kind::CronJob].into(), ..Options::default() },
        ignored_resources: [ResourceKind::ConfigMap, ResourceKind::Secret].into(),
        ..Settings::default()
    };
    let role = reloader_role(&least)?;
    let part = |switch: &'static Switch| {
        let mut settings = least.clone();
        (switch.set)(&mut settings);
        let lines = reloader_role(&settings)?.beyond(&role);
        Ok::<_, Fault>(Part { switch, lines })
    };
    let parts = SWITCHES.iter().map(part).collect::<Result<_, _>>()?;
    Ok(Granted { feature: FeatureName::Reloader, role, parts })
}

fn reloader_role(settings: &Settings) -> Result<Role, Fault> {
    let process = process(|process| {
        process.shared().remember(settings.clone());
        process.add(FeatureName::Reloader, 1, None, |driver| controllers::reloader(driver, settings));
    })?;
    Ok(process.role(FeatureName::Reloader).expect("the feature was added"))
}

/// A process on an empty cluster, that never runs.
fn process(add: impl FnOnce(&mut Process)) -> Result<Process, Fault> {
    let client = Sandbox::new().client();
    let mut process = Process::new(client.clone(), vec![Scope::Cluster], Clock::System, cluster::seed()?);
    let shared = Arc::clone(process.shared());
    shared
        .remember(Providers::new(reach::of_operator(Environment::default(), OwnCluster::in_memory(client)), "default"));
    add(&mut process);
    Ok(process)
}
