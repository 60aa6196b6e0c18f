//! The table of verbs: one line each, and everything about names read off it – the first word, argv0, the usage text.
//! A verb is one file of `verbs/`; its `run` is the only thing public in it.

mod crds;
mod demo;
mod explain;
mod helm;
mod kubeseal;
mod operator;
mod reference;
mod render;
mod sops;
mod vals;

use crate::{Call, Exit, Failure, personalities};

/// A command.
pub struct Verb {
    /// Its name, as first word and as argv0.
    pub name: &'static str,
    /// Other names of it, such as a peer's argv0.
    pub aliases: &'static [&'static str],
    /// One sentence for the usage text.
    pub about: &'static str,
    /// What it does; `call.args` holds the words behind the verb.
    pub run: fn(&mut Call) -> Result<Exit, Failure>,
}

/// All verbs, in the order of the usage text.
pub const ALL: &[Verb] = &[
    Verb {
        name: "demo",
        aliases: &[],
        about: "tell the story of a secret on a small cluster in memory",
        run: demo::run,
    },
    Verb { name: "operator", aliases: &[], about: "run all controllers in one process", run: operator::run },
    Verb {
        name: "external-secrets",
        aliases: &[],
        about: "sync Secrets from secret managers, with External Secrets Operator's command line",
        run: personalities::eso::run,
    },
    Verb {
        name: "vault-secrets-operator",
        aliases: &[],
        about: "sync Secrets from Vault, with Vault Secrets Operator's command line",
        run: personalities::vso::run,
    },
    Verb {
        name: "controller",
        aliases: &["sealed-secrets-controller"],
        about: "open SealedSecrets into Secrets, with the Sealed Secrets controller's command line",
        run: personalities::sealed::run,
    },
    Verb {
        name: "reloader",
        aliases: &["manager"],
        about: "restart workloads when a ConfigMap or Secret that they use changes, with Reloader's command line",
        run: personalities::reloader::run,
    },
    Verb {
        name: "explain",
        aliases: &[],
        about: "tell what would be done with an object, and why; writes nothing",
        run: explain::run,
    },
    Verb {
        name: "helm-secrets",
        aliases: &[],
        about: "decrypt values for Helm, with helm-secrets' command line; writes Helm's plugins, too",
        run: helm::run,
    },
    Verb {
        name: "kubeseal",
        aliases: &[],
        about: "seal Secrets so that only the cluster can open them, with Sealed Secrets' command line",
        run: kubeseal::run,
    },
    Verb {
        name: "render",
        aliases: &[],
        about: "turn a folder of manifests into Secrets and restarts, without a cluster",
        run: render::run,
    },
    Verb {
        name: "reference",
        aliases: &[],
        about: "write the chart and the reference pages into a folder",
        run: reference::run,
    },
    Verb {
        name: "sops",
        aliases: &[],
        about: "encrypt files whose structure stays readable, with SOPS' command line",
        run: sops::run,
    },
    Verb {
        name: "vals",
        aliases: &[],
        about: "replace references such as ref+vault://… by the values that they name, with vals' command line",
        run: vals::run,
    },
    Verb { name: "crds", aliases: &[], about: "print the custom resource definitions", run: crds::run },
];

/// The verb of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Verb> {
    ALL.iter().find(|verb| verb.name == name || verb.aliases.contains(&name))
}
