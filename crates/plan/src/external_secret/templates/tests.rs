//! Templates of a target, from the spec to its data, labels and annotations: precedence, sources, errors.

use api::ExternalSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value as Json, json};

use super::*;
use crate::external_secret::render::{self, Given};

fn run_in(template: Json, immutable: bool, sources: Result<Sources, Fault>) -> Result<String, String> {
    let es: ExternalSecret = serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "db", "namespace": "demo", "uid": "u1", "labels": {"own": "1"}},
        "spec": {"target": {"template": template, "creationPolicy": "Orphan"}}}))
    .expect("a test's own ExternalSecret");
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut rendering = Rendering::new(base::Timestamp::UNIX_EPOCH, &mut rng);
    let values = [("user", "app"), ("password", "s3cr3t"), ("blob", "aGVsbG8=")].into_iter().collect();
    let given = Given { values, sources, is_frozen: immutable };
    let target = render::target(&es, given, &mut rendering).map_err(|fault| fault.chain())?;
    let data = target.data.iter().map(|(key, value)| format!("{key}={}", String::from_utf8_lossy(value.expose())));
    let mut told: Vec<String> = data.collect();
    let labels = target.labels.iter().filter(|(key, _)| !key.contains("external-secrets.io"));
    told.extend(labels.map(|(key, value)| format!("label:{key}={value}")));
    told.extend(target.annotations.iter().map(|(key, value)| format!("annotation:{key}={value}")));
    told.extend(target.finalizers);
    Ok(told.join(" "))
}

fn sources() -> Sources {
    let map = [
        ("one.conf", "user={{ .user }}"),
        ("many", "{{ .user }}: '{{ .password }}'\nport: 5432\non: true\nnone:\n"),
        ("bad", "{{ .user }}: [1]"),
        ("list", "- a"),
        ("broken", "{{ .user"),
        ("user", "from the map"),
    ];
    let secret = [("user", "from the secret"), ("enc", "{{ .blob }}")];
    Sources {
        config_maps: [("templates".to_owned(), map.into_iter().collect())].into(),
        secrets: [("templates".to_owned(), secret.into_iter().collect())].into(),
    }
}

fn run(template: Json) -> Result<String, String> {
    run_in(template, false, Ok(sources()))
}

fn items(keys: &[(&str, &str)]) -> Json {
    let items: Vec<Json> = keys.iter().map(|(key, scope)| json!({"key": key, "templateAs": scope})).collect();
    json!({"name": "templates", "items": items})
}

#[test]
fn later_ones_win_and_values_stay_only_where_they_shall() {
    let plain = "blob=aGVsbG8= password=s3cr3t user=app";
    // No template of data: the values themselves, and no labels of the ExternalSecret.
    assert_eq!(run(json!({"type": "Opaque"})).as_deref(), Ok(plain));
    let data = json!({"data": {"url": "pg://{{ .user }}:{{ .password }}@db", "plain": "text"}});
    assert_eq!(run(data).as_deref(), Ok("plain=text url=pg://app:s3cr3t@db"));
    let merged = json!({"mergePolicy": "Merge", "data": {"user": "{{ .user | upper }}"}});
    assert_eq!(run(merged).as_deref(), Ok("blob=aGVsbG8= password=s3cr3t user=APP"));
    let from = |more: Json| {
        let mut template = json!({"templateFrom": [{"configMap": items(&[("user", "Values")]),
            "secret": items(&[("user", "Values")])}, {"literal": "list: last\n"}, {"literal": "list: very last\n"}]});
        template.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run(template)
    };
    assert_eq!(from(json!({})).as_deref(), Ok("list=very last user=from the secret"));
    assert_eq!(from(json!({"data": {"user": "d"}})).as_deref(), Ok("list=very last user=d"));
}

#[test]
fn sources_are_values_or_keys_and_values_and_go_where_they_say() {
    let one = json!({"templateFrom": [{"configMap": items(&[("one.conf", "Values"), ("many", "KeysAndValues")])}]});
    assert_eq!(run(one).as_deref(), Ok("app=s3cr3t none= on=true one.conf=user=app port=5432"));
    let targets = json!({"templateFrom": [
        {"target": "Labels", "literal": "team: '{{ .user }}'"},
        {"target": "annotations", "literal": "note: n{{ .user }}"}],
        "metadata": {"labels": {"team": "{{ .user }}-2", "x": "y"}, "annotations": {"a": "{{ .user | quote }}"}, "finalizers": ["f/x"]}});
    assert_eq!(run(targets).as_deref(), Ok("label:team=app-2 label:x=y annotation:a=\"app\" annotation:note=napp f/x"));
    let decoded = json!({"templateFrom": [
        {"valuesDecodingStrategy": "Base64", "secret": items(&[("enc", "Values")]), "literal": "b: '{{ .blob }}'"}]});
    assert_eq!(run(decoded).as_deref(), Ok("b=hello enc=hello"));
}

#[test]
fn delimiters_may_be_others() {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let delimiters = crate::Delimiters { left: "[[".into(), right: "]]".into() };
    let mut rendering = Rendering::new(base::Timestamp::UNIX_EPOCH, &mut rng).delimited(delimiters);
    let values = [("user", "app")].into_iter().collect();
    let template = serde_json::from_value(json!({"data": {"k": "{{ .user }} [[ .user ]]"}})).expect("a template");
    let parts = Templates::over(&values, &mut rendering).parts(&template, &Sources::default()).expect("it runs");
    assert!(parts[0].entries.value("k") == Some(&SecretBytes::from("{{ .user }} app")));
}

#[test]
fn what_is_frozen_keeps_its_data_and_gets_its_labels() {
    let template = json!({"data": {"x": "{{ .nope }}"}, "metadata": {"labels": {"l": "{{ .user }}"}}});
    assert_eq!(run_in(template, true, Err(Fault::busy("not asked"))).as_deref(), Ok("label:l=app"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn faults_name_the_key_and_never_a_value() {
    let start = "could not apply template: could not execute template: ";
    let unfetched = "could not apply template: error fetching templateFrom data: ";
    let literal = |text: &str| json!({"templateFrom": [{"literal": text}]});
    let item = |key: &str, scope: &str| json!({"templateFrom": [{"configMap": items(&[(key, scope)])}]});
    let other = |word: &str| json!({"templateFrom": [{word: {"name": "other", "items": []}}]});
    let token = "kubernetes.io/service-account-token";
    let account = json!({"annotations": {"kubernetes.io/service-account.name": "x"}});
    let rows = [
        (
            json!({"data": {"k": "{{ .nope }}"}}),
            format!(
                "{start}unable to execute template at key k: template: k:1:3: executing \"k\" at <.nope>: map has no entry for key \"nope\""
            ),
        ),
        (
            json!({"data": {"k": "{{ env \"HOME\" }}"}}),
            format!("{start}unable to parse template at key k: template: k:1: function \"env\" not defined"),
        ),
        (
            json!({"metadata": {"labels": {"l": "{{"}}}),
            format!("{start}unable to parse template at key l: template: l:1: unclosed action"),
        ),
        (item("broken", "Values"), format!("{start}unable to parse template at key broken: template: broken:1: unclosed action")),
        (item("nope", "Values"), format!("{unfetched}error in configmap templates: missing key nope")),
        (other("configMap"), format!("{unfetched}configmaps \"other\" not found")),
        (other("secret"), format!("{unfetched}secrets \"other\" not found")),
        (item("bad", "KeysAndValues"), format!("{start}could not unmarshal template at key bad: the value of app is no text")),
        (
            item("list", "KeysAndValues"),
            format!("{start}could not unmarshal template at key list: the rendered text is no map of keys and values"),
        ),
        (
            literal("{{ .nope }}"),
            format!(
                "{start}unable to execute template at key templateFrom[0].literal: template: templateFrom[0].literal:1:3: executing \"templateFrom[0].literal\" at <.nope>: map has no entry for key \"nope\""
            ),
        ),
        (
            json!({"templateFrom": [{"valuesDecodingStrategy": "Base64", "literal": "k: '{{ .user }}!'"}]}),
            format!("{start}failed to decode rendered template value for key k"),
        ),
        (
            json!({"templateFrom": [{"target": "spec.x", "literal": "a: b"}]}),
            "templateFrom target=\"spec.x\" is not allowed when targeting a Secret, must be one of \"Data\", \"Annotations\" or \"Labels\"".to_owned(),
        ),
        (
            json!({"type": token, "metadata": account}),
            format!("template.type=\"{token}\" with annotation \"kubernetes.io/service-account.name\" is not allowed"),
        ),
        (
            json!({"type": token, "templateFrom": [{"target": "Annotations", "literal": "a: b"}]}),
            format!("template.type=\"{token}\" with templateFrom target=\"Annotations\" is not allowed"),
        ),
        (
            json!({"type": "bootstrap.kubernetes.io/token"}),
            "template.type=\"bootstrap.kubernetes.io/token\" is not allowed".to_owned(),
        ),
    ];
    for (template, told) in rows {
        let fault = run(template.clone()).expect_err(&template.to_string());
        assert!(fault.starts_with(&told), "{template}\n{fault}\n{told}");
        assert!(!fault.contains("s3cr3t") && !fault.contains("app!"), "{fault}");
    }
    let away = run_in(literal("a: b"), false, Err(Fault::unreachable("the API server is away"))).unwrap_err();
    assert_eq!(away, format!("{unfetched}the API server is away"));
}

#[test]
fn all_templates_of_a_target_share_their_fuel() {
    let loops = |count: usize| -> Json {
        let text = "{{ range until 40000 }}{{ range until 10 }}{{ end }}{{ end }}";
        let data: serde_json::Map<String, Json> = (0..count).map(|n| (format!("k{n}"), json!(text))).collect();
        json!({"data": data})
    };
    assert!(run(loops(1)).is_ok());
    assert!(run(loops(60)).unwrap_err().contains("steps"));
}
