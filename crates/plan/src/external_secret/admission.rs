//! What admission finds wrong with an ExternalSecret: the sentences by which the webhook refuses it. What only a pass can find out
//! is told by its condition. Specification: ESO §9.

use std::collections::BTreeSet;

use api::ExternalSecret;
use api::external_secrets::external_secret::ExternalSecretDataFrom;
use api::external_secrets::target::{CreationPolicy, DeletionPolicy, TargetManifest};
use base::Fault;
use base::duration::GoDuration;

use super::templates;

/// Everything that is wrong with it, in the peer's words.
#[must_use]
pub fn check(es: &ExternalSecret) -> Vec<String> {
    let mut wrong: Vec<String> = Vec::new();
    let chain = |fault: Fault| fault.chain();
    wrong.extend(es.refresh_interval().err().map(chain));
    let windows = es.spec.sync_windows.iter().flat_map(|all| &all.windows);
    let durations = windows.filter_map(|window| GoDuration::parse(&window.duration).err());
    wrong.extend(durations.map(|error| format!("cannot read `spec.syncWindows`: {error}")));
    if es.spec.data.is_empty() && es.spec.data_from.is_empty() {
        wrong.push("either data or dataFrom should be specified".to_owned());
    }
    wrong.extend(policies(es).map(str::to_owned));
    wrong.extend(es.spec.data_from.iter().flat_map(entry).map(str::to_owned));
    wrong.extend(duplicates(es));
    if let Some(template) = es.template()
        && es.spec.target.manifest.as_ref().is_none_or(TargetManifest::is_secret)
    {
        wrong.extend(templates::check_kind(template).err().map(chain));
        let targets = template.template_from.iter().map(|from| templates::check_target(&from.target));
        wrong.extend(targets.filter_map(Result::err).map(chain));
    }
    wrong
}

fn policies(es: &ExternalSecret) -> Option<&'static str> {
    match (es.deletion_policy(), es.creation_policy()) {
        (DeletionPolicy::Delete, CreationPolicy::Merge | CreationPolicy::None | CreationPolicy::CreateOrMerge) => Some(
            "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner",
        ),
        (DeletionPolicy::Merge, CreationPolicy::None) => {
            Some("deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with")
        }
        _ => None,
    }
}

fn entry(from: &ExternalSecretDataFrom) -> Option<&'static str> {
    let generates = from.source_ref.as_ref().is_some_and(|source| source.generator_ref.is_some());
    let asked = [from.extract.is_some(), from.find.is_some(), generates].into_iter().filter(|is_set| *is_set).count();
    match &from.source_ref {
        _ if asked > 1 => Some("extract, find, or generatorRef cannot be set at the same time"),
        None if asked == 0 => Some("either extract, find, or sourceRef must be set to dataFrom"),
        Some(source) if source.generator_ref.is_none() && source.store_ref.is_none() => {
            Some("generatorRef or storeRef must be set when using sourceRef in dataFrom")
        }
        _ => None,
    }
}

fn duplicates(es: &ExternalSecret) -> Vec<String> {
    if es.deletion_policy() != DeletionPolicy::Retain {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let keys = es.spec.data.iter().map(|entry| &entry.secret_key);
    keys.filter(|key| !seen.insert(*key)).map(|key| format!("duplicate secretKey found: {key}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DELETES: &str = "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner";

    fn told(spec: &Value) -> String {
        let object = json!({"metadata": {"name": "db", "namespace": "n"}, "spec": spec});
        let es = serde_json::from_value(object).expect("a test's own object");
        check(&es).join("\n")
    }

    #[test]
    fn what_is_wrong_is_told_in_the_peers_words() {
        let data = |keys: &[&str]| -> Value {
            keys.iter().map(|key| json!({"secretKey": key, "remoteRef": {"key": "r"}})).collect()
        };
        let generator = json!({"generatorRef": {"kind": "Password", "name": "p"}});
        let token = "kubernetes.io/service-account-token";
        for (spec, expected) in [
            (json!({"data": data(&["a", "b"])}), String::new()),
            (json!({"dataFrom": [{"sourceRef": generator}, {"find": {}, "sourceRef": {"storeRef": {"name": "s"}}}]}), String::new()),
            (json!({}), "either data or dataFrom should be specified".to_owned()),
            (json!({"data": data(&["a", "a"])}), "duplicate secretKey found: a".to_owned()),
            (json!({"data": data(&["a", "a"]), "target": {"deletionPolicy": "Delete"}}), String::new()),
            (json!({"data": data(&["a"]), "target": {"deletionPolicy": "Delete", "creationPolicy": "Merge"}}), DELETES.to_owned()),
            (json!({"data": data(&["a"]), "target": {"deletionPolicy": "Delete", "creationPolicy": "CreateOrMerge"}}), DELETES.to_owned()),
            (json!({"data": data(&["a"]), "target": {"deletionPolicy": "Delete", "creationPolicy": "Orphan"}}), String::new()),
            (
                json!({"data": data(&["a"]), "target": {"deletionPolicy": "Merge", "creationPolicy": "None"}}),
                "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with".to_owned(),
            ),
            (
                json!({"dataFrom": [{"extract": {"key": "k"}, "find": {}}, {"find": {}, "sourceRef": generator}]}),
                ["extract, find, or generatorRef cannot be set at the same time"; 2].join("\n"),
            ),
            (json!({"dataFrom": [{}]}), "either extract, find, or sourceRef must be set to dataFrom".to_owned()),
            (
                json!({"dataFrom": [{"sourceRef": {}}]}),
                "generatorRef or storeRef must be set when using sourceRef in dataFrom".to_owned(),
            ),
            (
                json!({"data": data(&["a"]), "target": {"template": {"type": "bootstrap.kubernetes.io/token"}}}),
                "template.type=\"bootstrap.kubernetes.io/token\" is not allowed".to_owned(),
            ),
            (
                json!({"data": data(&["a"]), "target": {"template": {"type": token,
                    "metadata": {"annotations": {"kubernetes.io/service-account.name": "app"}}}}}),
                format!("template.type=\"{token}\" with annotation \"kubernetes.io/service-account.name\" is not allowed"),
            ),
            (
                json!({"data": data(&["a"]), "target": {"template": {"type": token, "templateFrom": [{"literal": "x", "target": "Annotations"}]}}}),
                format!("template.type=\"{token}\" with templateFrom target=\"Annotations\" is not allowed"),
            ),
            (
                json!({"data": data(&["a"]), "target": {"template": {"templateFrom": [{"literal": "x", "target": "spec.x"}]}}}),
                "templateFrom target=\"spec.x\" is not allowed when targeting a Secret, must be one of \"Data\", \"Annotations\" or \"Labels\"".to_owned(),
            ),
            (
                json!({"data": data(&["a"]), "target": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"},
                    "template": {"templateFrom": [{"literal": "x", "target": "spec.x"}]}}}),
                String::new(),
            ),
        ] {
            assert_eq!(told(&spec), expected, "{spec}");
        }
        let missing = told(&json!({"data": data(&["a"]), "refreshInterval": "10"}));
        assert!(missing.ends_with("time: missing unit in duration \"10\""), "{missing}");
        let unit = told(&json!({"data": data(&["a"]), "refreshInterval": "1d"}));
        assert!(unit.ends_with("time: unknown unit \"d\" in duration \"1d\""), "{unit}");
        let window = json!({"kind": "allow", "windows": [{"schedule": "* * * * *", "duration": "2x"}]});
        let window = told(&json!({"data": data(&["a"]), "syncWindows": window}));
        assert!(window.ends_with("time: unknown unit \"x\" in duration \"2x\""), "{window}");
    }
}
