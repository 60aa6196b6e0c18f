//! What comes of a SealedSecret, a row each: sealed for whom, under which marks, with which items and template – the Secret's data, or the
//! words of `Synced`. All rows lie side by side in one namespace, and each is a scenario. Specification: SS §4, §5.3, §5.4, §7, §15.

use seal::{KeySet, Label, Scope};
use serde_json::{Value, json};

use crate::sealed_secret::{V1, keys, sealed_for, start};
use crate::stage::Stage;

const CLUSTER: &str = "sealedsecrets.bitnami.com/cluster-wide";
const NAMESPACE: &str = "sealedsecrets.bitnami.com/namespace-wide";
const CLOSED: &str = "False : no key could decrypt secret (p)";

/// The item `p`, which is `x`, sealed for a scope, a namespace and a name (`own`: those of the row), under marks.
type Scoped = (&'static str, Scope, [&'static str; 2], &'static [(&'static str, &'static str)], &'static str);

const SCOPED: &[Scoped] = &[
    ("strict", Scope::Strict, ["own", "own"], &[], "p=x"),
    ("strict-of-another-name", Scope::Strict, ["own", "another"], &[], CLOSED),
    ("strict-of-another-namespace", Scope::Strict, ["another", "own"], &[], CLOSED),
    ("strict-marked-namespace", Scope::Strict, ["own", "own"], &[(NAMESPACE, "true")], CLOSED),
    ("strict-marked-cluster", Scope::Strict, ["own", "own"], &[(CLUSTER, "true")], CLOSED),
    ("strict-marked-false", Scope::Strict, ["own", "own"], &[(CLUSTER, "false"), (NAMESPACE, "1")], "p=x"),
    ("namespace", Scope::NamespaceWide, ["own", "another"], &[(NAMESPACE, "true")], "p=x"),
    ("namespace-without-mark", Scope::NamespaceWide, ["own", "own"], &[], CLOSED),
    ("namespace-of-another", Scope::NamespaceWide, ["another", "own"], &[(NAMESPACE, "true")], CLOSED),
    ("namespace-marked-cluster", Scope::NamespaceWide, ["own", "own"], &[(CLUSTER, "true")], CLOSED),
    ("namespace-marked-both", Scope::NamespaceWide, ["own", "own"], &[(CLUSTER, "true"), (NAMESPACE, "true")], CLOSED),
    ("namespace-marked-loudly", Scope::NamespaceWide, ["own", "own"], &[(NAMESPACE, "TRUE")], CLOSED),
    ("cluster", Scope::ClusterWide, ["another", "another"], &[(CLUSTER, "true")], "p=x"),
    ("cluster-without-mark", Scope::ClusterWide, ["own", "own"], &[], CLOSED),
    ("cluster-marked-namespace", Scope::ClusterWide, ["own", "own"], &[(NAMESPACE, "true")], CLOSED),
    ("cluster-marked-both", Scope::ClusterWide, ["own", "own"], &[(CLUSTER, "true"), (NAMESPACE, "true")], "p=x"),
];

/// What is done to the sealed text of `p`.
type Text = (&'static str, fn(&str) -> String, &'static str);

const TEXTS: &[Text] = &[
    (
        "text-in-lines",
        |text| text.as_bytes().chunks(60).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect(),
        "p=x",
    ),
    ("text-with-a-space", |text| format!(" {text}"), "False : illegal base64 data at input byte 0 (p)"),
    ("text-of-another-alphabet", |text| format!("-{}", &text[1..]), "False : illegal base64 data at input byte 0 (p)"),
    ("text-that-is-none", |_| "!".to_owned(), "False : illegal base64 data at input byte 0 (p)"),
    ("text-that-is-empty", |_| String::new(), CLOSED),
    ("text-of-one-byte", |_| "AA==".to_owned(), CLOSED),
    ("text-of-a-length-only", |_| "AQA=".to_owned(), CLOSED),
    ("text-cut", |text| text[..text.len() - 8].to_owned(), CLOSED),
    ("text-changed", |text| format!("{}AAAA{}", &text[..40], &text[44..]), CLOSED),
];

/// Items, a template, and what comes of them.
type Templated = (&'static str, &'static [(&'static str, &'static str)], fn() -> Value, &'static str);

const TEMPLATED: &[Templated] = &[
    ("no-items", &[], || json!({}), ""),
    ("an-empty-value", &[("p", "")], || json!({}), "p="),
    ("unicode", &[("p", "pässwörd ☃")], || json!({}), "p=pässwörd ☃"),
    ("an-immutable", &[("p", "x")], || json!({"immutable": true}), "p=x"),
    ("of-others", &[("p", "x")], || json!({"data": {"t": "{{ .p }}-{{ .q }}", "q": "y"}}), "p=x q=y t=x-y"),
    ("the-sealed-wins", &[("p", "x")], || json!({"data": {"p": "mine"}}), "p=x"),
    ("left-out", &[("p", "x")], || json!({"data": {"p": null, "t": "{{ .p }}"}}), "t=x"),
    ("not-there", &[("p", "x")], || json!({"data": {"t": "{{ .nope }}"}}), "p=x t=<no value>"),
    ("functions", &[("p", "x")], || json!({"data": {"t": "{{ .p | upper | b64enc }}"}}), "p=x t=WA=="),
    (
        "parts",
        &[("p", "x")],
        || json!({"data": {"t": "{{ define \"a\" }}{{ . }}{{ end }}{{ template \"a\" .p }}"}}),
        "p=x t=x",
    ),
    (
        "no-environment",
        &[("p", "x")],
        || json!({"data": {"t": "{{ env \"HOME\" }}"}}),
        "False : template: t:1: function \"env\" not defined (t)",
    ),
    ("not-closed", &[("p", "x")], || json!({"data": {"t": "{{ .p"}}), "False : template: t:1: unclosed action (t)"),
    (
        "several-faults",
        &[("p", "x")],
        || json!({"data": {"a": "{{ .p", "b": "{{ fail \"boom\" }}"}}),
        "False : template: a:1: unclosed action (a)\ntemplate: b:1:3: executing \"b\" at <fail \"boom\">: error calling fail: boom (b)",
    ),
];

/// What the API server refuses of the Secret: a part of its words.
const REFUSED: &[Templated] = &[
    ("a-key-with-a-space", &[("a b", "x")], || json!({}), "data[a b]: Invalid value"),
    ("tls-without-keys", &[("p", "x")], || json!({"type": "kubernetes.io/tls"}), "data[tls.crt]: Required value"),
    (
        "docker-without-its-key",
        &[("p", "x")],
        || json!({"type": "kubernetes.io/dockerconfigjson"}),
        "data[.dockerconfigjson]: Required value",
    ),
    ("a-bad-label", &[("p", "x")], || json!({"metadata": {"labels": {"a b": "c"}}}), "metadata.labels: Invalid value"),
    (
        "a-bad-annotation",
        &[("p", "x")],
        || json!({"metadata": {"annotations": {"a b": "c"}}}),
        "metadata.annotations: Invalid value",
    ),
];

fn strict(namespace: &str, name: &str) -> Label {
    Scope::Strict.label(namespace, name)
}

fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = json!(name);
    object
}

/// All rows: the object, and what is expected – whole, or as a part.
fn rows(keys: &KeySet, own: &str) -> Vec<(Value, &'static str, bool)> {
    let mut rows = Vec::new();
    for (name, scope, [namespace, of], marks, expected) in SCOPED {
        let namespace = if *namespace == "own" { own } else { namespace };
        let of = if *of == "own" { name } else { of };
        let mut object = named(sealed_for(keys, &scope.label(namespace, of), &[("p", "x")]), name);
        object["metadata"]["annotations"] =
            marks.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        rows.push((object, *expected, true));
    }
    for (name, change, expected) in TEXTS {
        let mut object = named(sealed_for(keys, &strict(own, name), &[("p", "x")]), name);
        let text = object["spec"]["encryptedData"]["p"].as_str().unwrap_or_default();
        object["spec"]["encryptedData"]["p"] = json!(change(text));
        rows.push((object, *expected, true));
    }
    for (table, is_whole) in [(TEMPLATED, true), (REFUSED, false)] {
        for (name, items, template, expected) in table {
            let mut object = named(sealed_for(keys, &strict(own, name), items), name);
            object["spec"]["template"] = template();
            rows.push((object, *expected, is_whole));
        }
    }
    rows
}

/// The Secret's data, or the condition's words where there is none.
async fn outcome(stage: &Stage, name: &str) -> String {
    let told = stage.condition(V1, "SealedSecret", name, "Synced").await;
    match stage.secret(name).await {
        Some(data) if told.starts_with("True") => data,
        _ => told,
    }
}

#[tokio::test]
async fn every_row_opens_or_says_why_not() {
    let mut stage = Stage::new("sealed-secrets", "every-row").await;
    start(&mut stage).await;
    let rows = rows(&*keys(&stage).await, stage.namespace());
    for (object, ..) in &rows {
        stage.create(object).await.expect("the cluster takes it");
    }
    stage.settle().await;
    let mut wrong = Vec::new();
    for (object, expected, is_whole) in rows {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let fits =
            |seen: &str| if is_whole { seen == expected } else { seen.starts_with("False") && seen.contains(expected) };
        let mut seen = outcome(&stage, name).await;
        for _ in 0..if stage.is_real() { 200 } else { 0 } {
            if fits(&seen) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            seen = outcome(&stage, name).await;
        }
        if fits(&seen) {
            stage.note(name);
        } else {
            wrong.push(format!("{name}: {seen}, but not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
