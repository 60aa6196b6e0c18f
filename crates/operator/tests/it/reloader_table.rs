//! Does a workload react? The peer's matrix of precedence and conflicts, each row once with a reference to the ConfigMap and once
//! without; all workloads stand side by side, and each is a scenario. `plan/reload` has the same rows without a cluster, and those
//! of `--auto-reload-all`. Specification: RL §8.2–8.4, §18.

use operator::reloader::Settings;
use serde_json::{Value, json};

use crate::reloader::{config_map_named, deployment, mark_of, marked, pod_spec, start, template};
use crate::stage::Stage;

/// ConfigMaps by what they say of themselves.
const MAPS: &[(&str, &[(&str, &str)])] =
    &[("plain", &[]), ("matched", &[(MATCH, "true")]), ("loud", &[(MATCH, "True")]), ("ignored", &[(IGNORE, "true")])];

const MATCH: &str = "reloader.stakater.com/match";
const IGNORE: &str = "reloader.stakater.com/ignore";
const AUTO: &str = "reloader.stakater.com/auto";
const TYPED: &str = "configmap.reloader.stakater.com/auto";
const OTHER: &str = "secret.reloader.stakater.com/auto";
const NAMED: &str = "configmap.reloader.stakater.com/reload";
const SEARCH: &str = "reloader.stakater.com/search";
const EXCLUDE: &str = "configmaps.exclude.reloader.stakater.com/reload";

/// What the workload says, in itself and in its template; the ConfigMap; whether it reacts with a reference, and without.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
    &'static str,
    [bool; 2],
);

const NOT: [bool; 2] = [false, false];
const USED: [bool; 2] = [true, false];
const ALWAYS: [bool; 2] = [true, true];

const ROWS: &[Row] = &[
    ("nothing", &[], &[], "plain", NOT),
    ("auto", &[(AUTO, "true")], &[], "plain", USED),
    ("auto-one", &[(AUTO, "1")], &[], "plain", USED),
    ("auto-no", &[(AUTO, "false")], &[], "plain", NOT),
    ("auto-odd", &[(AUTO, "yes")], &[], "plain", NOT),
    ("typed", &[(TYPED, "true")], &[], "plain", USED),
    ("typed-no", &[(TYPED, "false")], &[], "plain", NOT),
    ("typed-other", &[(OTHER, "true")], &[], "plain", NOT),
    ("auto-typed-no", &[(AUTO, "true"), (TYPED, "false")], &[], "plain", USED),
    ("auto-no-typed", &[(AUTO, "false"), (TYPED, "true")], &[], "plain", USED),
    ("named", &[(NAMED, "x, plain")], &[], "plain", ALWAYS),
    ("named-pattern", &[(NAMED, "pl.+")], &[], "plain", ALWAYS),
    ("named-anchored", &[(NAMED, "lain,plai")], &[], "plain", NOT),
    ("named-auto-no", &[(NAMED, "plain"), (AUTO, "false")], &[], "plain", ALWAYS),
    ("named-with-holes", &[(NAMED, ",x,,")], &[], "plain", NOT),
    ("named-behind-a-hole", &[(NAMED, "x,,plain")], &[], "plain", ALWAYS),
    ("named-star", &[(NAMED, "*")], &[], "plain", NOT),
    ("named-beside-no-pattern", &[(NAMED, "pl[,plain")], &[], "plain", ALWAYS),
    ("named-loosely", &[(NAMED, "pl|x")], &[], "plain", ALWAYS),
    ("named-in-a-namespace", &[(NAMED, "prod/plain")], &[], "plain", NOT),
    ("named-as-a-switch", &[(NAMED, "true")], &[], "plain", NOT),
    ("misnamed", &[(NAMED, "other")], &[], "plain", NOT),
    ("misnamed-auto", &[(NAMED, "other"), (AUTO, "true")], &[], "plain", USED),
    ("search", &[(SEARCH, "true")], &[], "matched", USED),
    ("search-unmatched", &[(SEARCH, "true")], &[], "plain", NOT),
    ("search-loud", &[(SEARCH, "true")], &[], "loud", NOT),
    ("search-said-loudly", &[(SEARCH, "True")], &[], "matched", NOT),
    ("search-auto", &[(SEARCH, "true"), (AUTO, "true")], &[], "plain", USED),
    ("search-auto-no", &[(SEARCH, "true"), (AUTO, "false")], &[], "matched", USED),
    ("excluded", &[(EXCLUDE, "x, plain"), (AUTO, "true"), (NAMED, "plain")], &[], "plain", NOT),
    ("excluded-by-pattern", &[(EXCLUDE, "pl.*,.*"), (AUTO, "true")], &[], "plain", USED),
    ("ignored", &[(AUTO, "true"), (NAMED, "ignored"), (SEARCH, "true")], &[], "ignored", NOT),
    ("by-template", &[], &[(AUTO, "true")], "plain", USED),
    ("by-template-other", &[(OTHER, "true")], &[(TYPED, "true")], "plain", USED),
    ("never-mixed", &[(AUTO, "false")], &[(NAMED, "plain")], "plain", NOT),
    ("excluded-in-template", &[(AUTO, "true")], &[(EXCLUDE, "plain")], "plain", USED),
];

fn annotations(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect()
}

fn map((name, marks): &(&str, &[(&str, &str)]), value: &str) -> Value {
    let mut object = config_map_named(name, value);
    object["metadata"]["annotations"] = annotations(marks);
    object
}

fn variable(map: &str) -> String {
    format!("STAKATER_{}_CONFIGMAP", map.to_uppercase())
}

/// Every row twice: name, workload, ConfigMap, whether it reacts.
fn workloads() -> Vec<(String, Value, &'static str, bool)> {
    let mut all = Vec::new();
    for (name, own, in_template, map, reacts) in ROWS {
        for (place, reacts) in reacts.iter().enumerate() {
            let name = format!("{name}-{}", ["used", "unused"][place]);
            let mut object = deployment(&name, annotations(own));
            template(&mut object)["metadata"]["annotations"] = annotations(in_template);
            let used = if place == 0 { *map } else { "another" };
            pod_spec(&mut object)["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": used}}]);
            all.push((name, object, *map, *reacts));
        }
    }
    all
}

#[tokio::test]
async fn every_row_reacts_as_the_matrix_says() {
    let mut stage = Stage::new("reloader", "every-row").await;
    for row in MAPS {
        stage.create(&map(row, "1")).await.expect("the cluster takes it");
    }
    start(&mut stage, Settings::default()).await;
    let workloads = workloads();
    for (_, object, ..) in &workloads {
        stage.create(object).await.expect("the cluster takes it");
    }
    for row in MAPS {
        stage.apply(map(row, "2")).await;
    }
    for (name, _, map, _) in workloads.iter().filter(|(.., reacts)| *reacts) {
        marked(&stage, "Deployment", name, &variable(map), None).await;
        stage.note(name);
    }
    stage.settle().await;
    for (name, _, map, _) in workloads.iter().filter(|(.., reacts)| !reacts) {
        assert_eq!(mark_of(&stage, "Deployment", name, &variable(map)).await, None, "{name}");
        stage.note(name);
    }
}
