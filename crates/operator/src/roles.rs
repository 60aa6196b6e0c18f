//! What a feature may do: the rights of its rows, and those of what runs beside them (events, leases, credentials), merged
//! into the fewest lines. From here come the generated roles; no right is written by hand elsewhere.
//! Specification: design §8 (least privilege), §10; ESO §12.4, SS §14, RL §16, VSO §14.

use std::collections::{BTreeMap, BTreeSet};

use crate::controller::Rights;
use crate::feature::FeatureName;

/// The order in which people expect verbs.
const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// The rights of one feature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// In every namespace that is watched.
    pub everywhere: Vec<Line>,
    /// In the own namespace only.
    pub local: Vec<Line>,
}

/// One rule: every resource of it with every verb of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The API group.
    pub group: &'static str,
    /// Plurals, with a subresource behind a slash.
    pub resources: Vec<&'static str>,
    /// In the order of [`VERBS`].
    pub verbs: Vec<&'static str>,
}

impl Role {
    /// Merges rights, in whatever order they come.
    pub fn of(rights: impl IntoIterator<Item = Rights>) -> Self {
        let (local, everywhere): (Vec<_>, Vec<_>) = rights.into_iter().partition(|right| right.is_local);
        let each = |rights: Vec<Rights>| {
            merged(
                rights
                    .into_iter()
                    .flat_map(|right| right.verbs.iter().map(move |verb| (right.group, right.resource, *verb))),
            )
        };
        Self { everywhere: each(everywhere), local: each(local) }
    }
}

impl Role {
    /// What this role grants in watched namespaces and another does not.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Vec<Line> {
        let theirs: BTreeSet<Right> = other.everywhere.iter().flat_map(Line::each).collect();
        merged(self.everywhere.iter().flat_map(Line::each).filter(|right| !theirs.contains(right)))
    }
}

/// Group, resource and verb.
type Right = (&'static str, &'static str, &'static str);

impl Line {
    fn each(&self) -> impl Iterator<Item = Right> {
        self.resources.iter().flat_map(|resource| self.verbs.iter().map(|verb| (self.group, *resource, *verb)))
    }
}

fn merged(rights: impl Iterator<Item = Right>) -> Vec<Line> {
    let mut verbs_of: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (group, resource, verb) in rights {
        verbs_of.entry((group, resource)).or_default().push(verb);
    }
    let mut lines: BTreeMap<(&'static str, Vec<&'static str>), Vec<&'static str>> = BTreeMap::new();
    for ((group, resource), asked) in verbs_of {
        let verbs = VERBS.into_iter().filter(|verb| asked.contains(verb)).collect();
        lines.entry((group, verbs)).or_default().push(resource);
    }
    lines.into_iter().map(|((group, verbs), resources)| Line { group, resources, verbs }).collect()
}

const fn everywhere(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rights {
    Rights { group, resource, verbs, is_local: false }
}

const fn local(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rights {
    Rights { group, resource, verbs, is_local: true }
}

const EVENTS: Rights = everywhere("", "events", &["create", "patch"]);
const LEASES: Rights = local("coordination.k8s.io", "leases", &["get", "create", "update"]);

/// What no row asks for, because it is done beside the rows or on behalf of a provider.
#[must_use]
pub fn beside_rows(feature: FeatureName) -> &'static [Rights] {
    match feature {
        FeatureName::ExternalSecrets => EXTERNAL_SECRETS,
        FeatureName::Reloader => RELOADER,
        FeatureName::SealedSecrets => SEALED_SECRETS,
        FeatureName::VaultSecrets => VAULT_SECRETS,
    }
}

const EXTERNAL_SECRETS: &[Rights] = &[
    EVENTS,
    LEASES,
    everywhere("", "configmaps", &["get", "list", "watch"]),
    everywhere("", "namespaces", &["get", "list", "watch"]),
    everywhere("", "serviceaccounts", &["get", "list", "watch"]),
    everywhere("", "serviceaccounts/token", &["create"]),
];

const RELOADER: &[Rights] = &[EVENTS, LEASES, local("", "configmaps", &["get", "list", "watch", "create", "update"])];

const SEALED_SECRETS: &[Rights] =
    &[EVENTS, everywhere("", "namespaces", &["get"]), local("", "secrets", &["get", "list", "create"])];

const VAULT_SECRETS: &[Rights] = &[
    EVENTS,
    LEASES,
    everywhere("", "configmaps", &["get", "list", "watch"]),
    everywhere("", "serviceaccounts", &["get", "list", "watch"]),
    everywhere("", "serviceaccounts/token", &["create", "get", "list", "watch"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_merged_into_the_fewest_lines() {
        let role = Role::of([
            everywhere("", "secrets", &["watch", "get"]),
            everywhere("", "secrets", &["list", "get", "create"]),
            everywhere("", "configmaps", &["get", "list", "watch", "create"]),
            everywhere("apps", "deployments", &["patch"]),
            local("", "secrets", &["delete"]),
        ]);
        let line = |group, resources: &[&'static str], verbs: &[&'static str]| Line {
            group,
            resources: resources.to_vec(),
            verbs: verbs.to_vec(),
        };
        assert_eq!(
            role.everywhere,
            [
                line("", &["configmaps", "secrets"], &["get", "list", "watch", "create"]),
                line("apps", &["deployments"], &["patch"])
            ]
        );
        assert_eq!(role.local, [line("", &["secrets"], &["delete"])]);
        let less = Role::of([
            everywhere("", "secrets", &["get", "list", "watch"]),
            everywhere("apps", "deployments", &["patch"]),
        ]);
        let more =
            [line("", &["secrets"], &["create"]), line("", &["configmaps"], &["get", "list", "watch", "create"])];
        assert_eq!(role.beyond(&less), more);
        assert_eq!(less.beyond(&role), []);
    }

    #[test]
    fn every_verb_has_its_place() {
        let named = FeatureName::ALL.into_iter().flat_map(beside_rows).flat_map(|right| right.verbs);
        for verb in named {
            assert!(VERBS.contains(verb), "{verb}");
        }
    }
}
