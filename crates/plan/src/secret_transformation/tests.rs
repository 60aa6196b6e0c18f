use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::json;

use super::*;

fn shared(spec: serde_json::Value) -> Arc<SecretTransformation> {
    let object = json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "SecretTransformation",
        "metadata": {"name": "urls", "namespace": "t1"}, "spec": spec});
    Arc::new(serde_json::from_value(object).expect("a test's own object"))
}

fn run_with(
    (whole, is_versioned): (&str, bool),
    rules: serde_json::Value,
    found: Option<&Arc<SecretTransformation>>,
) -> Result<String, String> {
    let rules: Transformation = serde_json::from_value(rules).expect("a test's own rules");
    let labels = Labels::from([("tier".to_owned(), "web".to_owned())]);
    let subject = Subject { namespace: "t1", name: "app", labels: Some(&labels), annotations: None };
    let made =
        gather(&subject, Some(&rules), false, |_, name| found.filter(|_| name == "urls").cloned()).and_then(|rules| {
            let response = Response::parse(whole.as_bytes(), is_versioned)?;
            data(&response, &rules, &subject, Timestamp::UNIX_EPOCH, &mut ChaCha20Rng::from_seed([1; 32]))
        });
    let data = made.map_err(|fault| fault.chain())?;
    let text = |(key, value): (&String, &SecretBytes)| format!("{key}={}", String::from_utf8_lossy(value.expose()));
    Ok(data.iter().map(text).collect::<Vec<_>>().join(" "))
}

fn run(values: &str, rules: serde_json::Value) -> Result<String, String> {
    run_with((values, false), rules, None)
}

#[test]
fn values_keep_their_form_and_raw_is_gos_json() {
    let values = r#"{"password":"s<cr3t","port":1.50,"list":[1,"a"],"on":true}"#;
    let whole = format!(r#"{{"metadata":{{"version":1,"custom_metadata":null}},"data":{values}}}"#);
    assert_eq!(
        run_with((&whole, true), json!({}), None).as_deref(),
        Ok(concat!(
            r#"_raw={"data":{"list":[1,"a"],"on":true,"password":"s\u003ccr3t","port":1.50},"metadata":{"custom_metadata":null,"version":1}}"#,
            r#" list=[1,"a"] on=true password=s<cr3t port=1.50"#
        ))
    );
    assert_eq!(run("{}", json!({})).as_deref(), Ok("_raw={}"));
}

#[test]
fn filters_and_raw_follow_the_rules() {
    let values = r#"{"user":"a","password":"b","internal":"c"}"#;
    let rules = json!({"excludes": ["^int"], "includes": ["s"], "excludeRaw": true});
    assert_eq!(run(values, rules).as_deref(), Ok("password=b user=a"));
    assert_eq!(run(r#"{"_raw":"x"}"#, json!({})), Err("key '_raw' not permitted in Secret data".to_owned()));
    assert_eq!(run(r#"{"_raw":"x"}"#, json!({"excludeRaw": true})).as_deref(), Ok("_raw=x"));
    assert!(run(values, json!({"includes": ["("]})).is_err());
    assert!(run("[]", json!({})).is_err());
}

/// The worked example of the specification (§26).
#[test]
fn templates_of_the_object_and_of_transformations_make_keys() {
    let urls = shared(json!({
        "sourceTemplates": [{"name": "host", "text": "{{- get .Secrets \"host\" -}}:{{- get .Secrets \"port\" -}}"}],
        "templates": {"DB_URL": {"name": "dburl",
            "text": "postgres://{{ get .Secrets \"username\" }}@{{ template \"host\" . }}"}},
        "excludes": ["^internal_"]}));
    let rules = json!({"excludeRaw": true, "includes": ["^(username|password)$"],
        "templates": {"tier": {"text": "{{ index .Labels \"tier\" | upper }}"}},
        "transformationRefs": [{"name": "urls", "templateRefs": [{"name": "DB_URL", "keyOverride": "url"}]}]});
    let whole =
        r#"{"data":{"username":"u","password":"p","host":"h","port":5432,"internal_x":1},"metadata":{"version":3}}"#;
    assert_eq!(
        run_with((whole, true), rules, Some(&urls)).as_deref(),
        Ok("password=p tier=WEB url=postgres://u@h:5432 username=u")
    );
    let metadata = json!({"excludeRaw": true, "includes": ["^$"], "templates": {
        "version": {"text": "{{ .Metadata.version }}"}, "absent": {"text": "{{ .Secrets.nothing }}"}}});
    assert_eq!(run_with((whole, true), metadata, None).as_deref(), Ok("absent=<no value> version=3"));
}

#[test]
fn what_cannot_be_gathered_is_told_at_once() {
    let urls = shared(json!({"templates": {"A": {"name": "n", "text": "x"}}}));
    let rules =
        |extra: serde_json::Value| json!({"templates": {"k": {"name": "n", "text": "y"}}, "transformationRefs": extra});
    let refused = |extra| run_with(("{}", false), rules(extra), Some(&urls)).err().unwrap_or_default();
    assert_eq!(refused(json!([{"name": "urls"}])), "duplicate template name \"n\"");
    assert_eq!(
        refused(json!([{"name": "urls", "templateRefs": [{"name": "B"}]}, {"name": "urls"}, {"name": "gone"}])),
        "template \"B\" not found in object t1/urls, secrets.hashicorp.com/v1beta1, Kind=SecretTransformation; \
         duplicate SecretTransformation ref t1/urls; \
         secrettransformations.secrets.hashicorp.com \"gone\" not found in namespace \"t1\""
    );
    let broken = run("{}", json!({"templates": {"k": {"text": "{{ env \"HOME\" }}"}}}));
    assert_eq!(broken, Err("template: t1/app/k:1: function \"env\" not defined".to_owned()));
}

/// Whoever may write a custom resource must not be able to stop the operator with it.
#[test]
fn hostile_rules_are_refused_in_time() {
    let nested = format!("{}x{}", "(".repeat(20_000), ")".repeat(20_000));
    let deep = format!("{}{}", "{{ if true }}".repeat(20_000), "{{ end }}".repeat(20_000));
    for text in [
        r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ define "a" }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ range until 1000000000 }}x{{ end }}"#,
        r#"{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}"#,
        r#"{{ repeat 1000000000 "x" }}"#,
        r#"{{ $x := "x" }}{{ range until 64 }}{{ $x = cat $x $x }}{{ end }}{{ $x }}"#,
        r#"{{ mustRegexMatch "(a{1000}){1000}" "a" }}"#,
        r#"{{ template "absent" . }}"#,
        deep.as_str(),
    ] {
        let told = run(r#"{"a":"canary"}"#, json!({"templates": {"k": {"text": text}}}));
        let told = told.err().unwrap_or_else(|| panic!("{} is refused", &text[..text.len().min(60)]));
        assert!(!told.contains("canary") && told.len() < 10_000, "{told}");
    }
    for regex in ["(", "[z-a]", "(?<x", "\\", "(a{1000}){1000}", "a{1001}", nested.as_str(), "(?=a)", r"(a)\1"] {
        for list in ["includes", "excludes"] {
            let told = run(r#"{"a":"canary"}"#, json!({ list: [regex] }));
            assert!(told.is_err(), "{list} {}: {told:?}", &regex[..regex.len().min(20)]);
        }
    }
    // What would take exponential time elsewhere is done at once.
    let long = format!(r#"{{"{}!":"1"}}"#, "a".repeat(5_000));
    assert_eq!(run(&long, json!({"includes": ["^(a+)+$"], "excludeRaw": true})).as_deref(), Ok(""));
}

#[test]
fn a_transformation_tells_whether_it_can_work() {
    let finish = told(
        &shared(json!({"templates": {"a": {"text": "{{ upper .x }}"}}, "includes": ["a+"]})),
        Timestamp::UNIX_EPOCH,
    );
    assert!(finish.events.is_empty() && finish.status.is_some_and(|status| status.value["valid"] == true));
    let finish =
        told(&shared(json!({"templates": {"a": {"text": "{{ if }}"}}, "excludes": ["("]})), Timestamp::UNIX_EPOCH);
    let status = finish.status.expect("a status").value;
    assert_eq!((finish.events.len(), &status["valid"]), (1, &json!(false)));
    assert_eq!(status["conditions"][0]["message"], "SecretsTransformationUnhealthy");
}

#[test]
fn a_seed_hangs_on_the_values_the_object_and_the_key_alone() {
    let subject = |name: &'static str| Subject { namespace: "t1", name, labels: None, annotations: None };
    let seed = |key: &[u8], whole: &str, name| {
        let response = Response::parse(whole.as_bytes(), true).expect("a response");
        response.seed(key, &subject(name)).expect("a seed")
    };
    let first = seed(b"k", r#"{"data":{"a":"1","b":"2"},"metadata":{"version":1}}"#, "app");
    assert_eq!(first, seed(b"k", r#"{"metadata":{"version":2},"data":{"b":"2","a":"1"}}"#, "app"));
    assert_eq!(first, seed(b"k", r#"{"data":{"a":"1","b":"2","ttl":17}}"#, "app"));
    let others = [
        seed(b"other", r#"{"data":{"a":"1","b":"2"}}"#, "app"),
        seed(b"k", r#"{"data":{"a":"1","b":"3"}}"#, "app"),
        seed(b"k", r#"{"data":{"a":"1","b":"2"}}"#, "db"),
    ];
    assert!(others.iter().all(|other| *other != first));
}
