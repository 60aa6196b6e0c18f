//! What is pushed, what is taken back, when, and how a pass ends. Specification: ESO §6.11, §15.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::json;
use source::PushSource;

use super::*;
use crate::Rendering;
use crate::external_secret::Sources;

const NOW: &str = "2026-01-01T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a test's own timestamp")
}

fn object(spec: Value, status: Value) -> PushSecret {
    let mut all = json!({"secretStoreRefs": [{"name": "s", "kind": "SecretStore"}],
        "selector": {"secret": {"name": "src"}}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    let meta = json!({"name": "ps", "namespace": "n", "uid": "u", "generation": 2});
    serde_json::from_value(json!({"metadata": meta, "spec": all, "status": status})).expect("a test's own object")
}

fn store(name: &str, provider: &str) -> Store {
    let spec = json!({"provider": {"fake": {"data": [{"key": provider}]}}});
    Store {
        kind: api::external_secrets::StoreKind::SecretStore,
        name: name.to_owned(),
        namespace: "n".to_owned(),
        uid: "u".to_owned(),
        generation: 1,
        spec: serde_json::from_value(spec).expect("a test's own store"),
        ready: Some(true),
        is_deleting: false,
    }
}

fn given(pairs: &[(&str, &str)]) -> Given {
    Given { kind: "Opaque".to_owned(), data: pairs.iter().copied().collect() }
}

/// One line an entry: `key = value`, a whole Secret as `key = {names}`; or the fault.
fn pushed(spec: Value, givens: Vec<Given>) -> Vec<String> {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut rendering = Rendering::new(at(NOW), &mut rng);
    let ps = object(spec, Value::Null);
    let stores = [(store("s", "a"), ps.spec.data_to.clone())];
    let line = |entry: &Entry| {
        let value = match &entry.push.source {
            PushSource::Bytes(bytes) => String::from_utf8_lossy(bytes.expose()).into_owned(),
            PushSource::Secret { data, .. } => {
                format!("{{{}}}", data.names().map(String::as_str).collect::<Vec<_>>().join(" "))
            }
        };
        format!("{} = {value}", entry.key)
    };
    match entries(&ps, givens, &stores, &Sources::default(), &mut rendering) {
        Ok(all) => all.iter().map(line).collect(),
        Err(fault) => vec![fault.chain()],
    }
}

fn data(secret_key: Option<&str>, remote_key: &str, property: Option<&str>) -> Value {
    json!({"match": {"secretKey": secret_key, "remoteRef": {"remoteKey": remote_key, "property": property}}})
}

#[test]
fn values_go_where_the_spec_says() {
    let two = || vec![given(&[("user", "app"), ("pw", "x")])];
    let of = |spec: Value| pushed(spec, two());
    assert_eq!(
        of(json!({"data": [data(Some("user"), "r", None), data(Some("pw"), "r", Some("p"))]})),
        ["r = app", "r/p = x"]
    );
    assert_eq!(of(json!({"data": [data(None, "all", None)]})), ["all = {pw user}"]);
    assert_eq!(of(json!({"data": [data(Some("no"), "r", None)]})), ["set secret failed: secret key no does not exist"]);
    let twice = json!({"data": [data(Some("user"), "r", None), data(Some("pw"), "r", None)]});
    assert_eq!(of(twice), ["set secret failed: duplicate remote key r in store SecretStore/s"]);
    let template =
        json!({"template": {"data": {"url": "{{ .user }}:{{ .pw }}"}}, "data": [data(Some("url"), "r", None)]});
    assert_eq!(of(template), ["r = app:x"]);
    let reversed = json!({"data": [{"match": {"secretKey": "a/b", "remoteRef": {"remoteKey": "r"}}, "conversionStrategy": "ReverseUnicode"}]});
    assert_eq!(pushed(reversed, vec![given(&[("a_U002f_b", "v")])]), ["r = v"]);
}

#[test]
fn many_values_are_chosen_rewritten_or_bundled() {
    let rule = |extra: Value| {
        let mut rule = json!({"storeRef": {"name": "s"}});
        for (key, value) in extra.as_object().into_iter().flatten() {
            rule[key] = value.clone();
        }
        rule
    };
    let of = |spec: Value| pushed(spec, vec![given(&[("db-user", "a"), ("db-pw", "b"), ("other", "c")])]);
    let db = json!({"match": {"regexp": "^db-"}, "rewrite": [{"regexp": {"source": "^db-", "target": "app/"}}]});
    assert_eq!(of(json!({"dataTo": [rule(db)]})), ["app/pw = b", "app/user = a"]);
    assert_eq!(of(json!({"dataTo": [rule(json!({"remoteKey": "all"}))]})), ["all = {db-pw db-user other}"]);
    let explicit = json!({"data": [data(Some("other"), "mine", None)], "dataTo": [rule(json!({}))]});
    assert_eq!(of(explicit), ["mine = c", "db-pw = b", "db-user = a"]);
    let same = json!({"rewrite": [{"regexp": {"source": ".*", "target": "x"}}]});
    assert_eq!(
        of(json!({"dataTo": [rule(same)]})),
        ["could not expand dataTo[0]: two keys are rewritten to the same name"]
    );
}

#[test]
fn of_several_secrets_the_last_one_has_the_place() {
    let spec = json!({"data": [data(Some("k"), "r", None)]});
    assert_eq!(pushed(spec, vec![given(&[("k", "one")]), given(&[("k", "two")])]), ["r = two"]);
}

fn known(store: &str, key: &str) -> Value {
    json!({"syncedPushSecrets": {store: {key: data(Some("k"), key, None)}}})
}

#[test]
fn what_is_no_longer_wanted_is_taken_back_only_if_asked_for() {
    let wanted = |store: &str, key: &str| {
        let data: PushSecretData = serde_json::from_value(data(Some("k"), key, None)).expect("a test's own entry");
        let push = PushEntry { at: remote_place(&data), source: PushSource::Bytes("v".into()), metadata: None };
        Entry { store: store.to_owned(), key: key.to_owned(), data, push }
    };
    let (delete, keep) = (json!({"deletionPolicy": "Delete"}), json!({}));
    let (today, renamed, other) = (store("s", "a"), store("old", "a"), store("far", "b"));
    for (name, spec, synced, wants, stores, expected) in [
        ("still wanted", &delete, known("SecretStore/s", "r"), "r", vec![&today], 0),
        ("another key", &delete, known("SecretStore/s", "old"), "r", vec![&today], 1),
        ("another key, kept", &keep, known("SecretStore/s", "old"), "r", vec![&today], 0),
        ("another store", &delete, known("SecretStore/far", "r"), "r", vec![&today, &other], 1),
        ("the same place by another name", &delete, known("SecretStore/old", "r"), "r", vec![&today, &renamed], 0),
        ("a store that is gone", &delete, known("SecretStore/gone", "r"), "r", vec![&today], 1),
    ] {
        let ps = object(spec.clone(), synced);
        let all: Vec<Store> = stores.into_iter().cloned().collect();
        let found = obsolete(&ps, &[wanted("SecretStore/s", wants)], &all[..1], &all);
        assert_eq!(found.len(), expected, "{name}");
    }
}

#[test]
fn a_push_is_due_after_changes_failures_and_the_interval() {
    let (old, young) = ("2026-01-01T10:00:00Z", "2026-01-01T11:30:00Z");
    let version = hash::version_of(&object(json!({}), Value::Null).metadata);
    let status = |time: &str, version: &str, ready: &str| json!({"refreshTime": time, "syncedResourceVersion": version, "conditions": [{"type": "Ready", "status": ready}]});
    let hour = json!({"refreshInterval": "1h"});
    for (name, spec, status, has_new_values, expected) in [
        ("never", hour.clone(), Value::Null, false, "now"),
        ("interval over", hour.clone(), status(old, &version, "True"), false, "now"),
        ("interval runs", hour.clone(), status(young, &version, "True"), false, "2026-01-01T12:30:00Z"),
        ("failed", hour.clone(), status(young, &version, "False"), false, "now"),
        ("spec changed", hour.clone(), status(young, "1-x", "True"), false, "now"),
        ("source changed", hour, status(young, &version, "True"), true, "now"),
        ("no interval", json!({"refreshInterval": "0"}), status(old, &version, "True"), false, "settled"),
        ("no interval, spec changed", json!({"refreshInterval": "0"}), status(old, "1-x", "True"), false, "now"),
    ] {
        let now = Now { pushed: None, has_new_values, renew_at: None, now: at(NOW) };
        let said = match due(&object(spec, status), &now).expect("the spec can be read") {
            None => "now".to_owned(),
            Some(Next::At(moment)) => moment.to_string(),
            Some(Next::Settled) => "settled".to_owned(),
            Some(Next::Retry) => "retry".to_owned(),
        };
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn a_second_pass_changes_nothing() {
    let ps = object(json!({"data": [data(Some("k"), "r", None)]}), Value::Null);
    let first = synced(&ps, Outcome::of(&ps), None, at(NOW)).expect("it can be told").status.expect("it is told").value;
    let again = object(json!({"data": [data(Some("k"), "r", None)]}), first.clone());
    let second = synced(&again, Outcome::of(&again), None, at("2026-01-01T12:01:00Z")).expect("it can be told");
    assert_eq!(second.status.expect("it is told").value, first);
    assert_eq!(first["conditions"][0]["message"], "PushSecret synced successfully");
}

#[test]
fn what_is_stuck_is_not_forgotten_and_a_store_that_is_away_is_left_alone() {
    let ps = object(json!({"deletionPolicy": "Delete"}), known("SecretStore/far", "r"));
    let all = everything(&ps);
    let mut outcome = Outcome::of(&ps);
    outcome.failed("SecretStore/far", not_taken_back(&all[0], Fault::denied("no")));
    outcome.keeps(&all[0]);
    assert!(!outcome.is_down("SecretStore/far"), "another entry may be allowed");
    outcome.failed("SecretStore/far", Fault::unreachable("it is away"));
    assert!(outcome.is_down("SecretStore/far") && !outcome.is_down("SecretStore/s"));
    outcome.forget_unwanted(&[]);
    assert!(outcome.synced["SecretStore/far"].contains_key("r"));
    let told = outcome.fault.as_ref().map(Fault::chain);
    assert_eq!(told.as_deref(), Some("could not delete remote ref r of target secretstore far: no"), "the first one");
    let mut other = Outcome::of(&ps);
    other.forget_unwanted(&[]);
    assert!(other.synced.is_empty());
}

#[test]
fn a_push_that_changed_nothing_is_not_told_again() {
    let spec = json!({"data": [data(Some("k"), "r", None)]});
    let ps = object(spec.clone(), Value::Null);
    let first = synced(&ps, Outcome::of(&ps), None, at(NOW)).expect("it can be told");
    assert_eq!(first.events.len(), 1, "the first one always");
    let ps = object(spec, first.status.expect("it is told").value);
    let events = |outcome| synced(&ps, outcome, None, at(NOW)).expect("it can be told").events.len();
    assert_eq!(events(Outcome::of(&ps)), 0);
    assert_eq!(events(Outcome { changed: true, ..Outcome::of(&ps) }), 1);
}

#[test]
fn values_that_end_are_pushed_anew_before_they_do() {
    let of = |interval: &str, end: &str| {
        let ps = object(json!({"refreshInterval": interval}), Value::Null);
        let finish = synced(&ps, Outcome::of(&ps), Some(at(end)), at(NOW)).expect("it can be told");
        let events: Vec<String> = finish.events.into_iter().map(|event| event.reason).collect();
        (finish.next, events.join(" "))
    };
    let synced = || "Synced".to_owned();
    assert_eq!(of("1h", "2026-01-01T12:20:00Z"), (Next::At(at("2026-01-01T12:18:00Z")), synced()));
    assert_eq!(of("1h", "2026-01-01T18:00:00Z"), (Next::At(at("2026-01-01T13:00:00Z")), synced()));
    assert_eq!(of("0", "2026-01-01T12:20:00Z"), (Next::Settled, "Synced ValueExpires".to_owned()));
    let version = hash::version_of(&object(json!({}), Value::Null).metadata);
    let status = json!({"refreshTime": NOW, "syncedResourceVersion": version, "conditions": [{"type": "Ready", "status": "True"}]});
    let now = Now { pushed: None, has_new_values: false, renew_at: Some(at("2026-01-01T12:18:00Z")), now: at(NOW) };
    let next = due(&object(json!({"refreshInterval": "1h"}), status), &now).expect("the spec can be read");
    assert_eq!(next, Some(Next::At(at("2026-01-01T12:18:00Z"))));
}

#[test]
fn stores_are_guarded_by_whoever_will_take_values_back() {
    let refs = json!([{"name": "s", "kind": "SecretStore"}, {"name": "all", "kind": "ClusterSecretStore"},
        {"kind": "ClusterSecretStore", "labelSelector": {"matchLabels": {"a": "b"}}}]);
    let status = known("SecretStore/old", "r");
    let ps = object(json!({"deletionPolicy": "Delete", "secretStoreRefs": refs}), status.clone());
    assert_eq!(
        guarded(&ps),
        ["/ClusterSecretStore/*", "/ClusterSecretStore/all", "n/SecretStore/old", "n/SecretStore/s"]
    );
    assert!(
        guarded(&object(json!({"secretStoreRefs": refs}), status)).is_empty(),
        "deletionPolicy None keeps no store"
    );
    for broken in ["", "vault", "Other/vault"] {
        assert!(split_key(broken).is_err(), "{broken}");
    }
}

#[test]
fn a_half_done_pass_tells_what_lies_there() {
    let ps = object(json!({}), known("SecretStore/s", "r"));
    let finish = half_done(&ps, Outcome::of(&ps), &Fault::unreachable("it is away"), at(NOW));
    let status = finish.status.expect("it is told").value;
    assert!(status["syncedPushSecrets"]["SecretStore/s"]["r"].is_object());
    assert_eq!((&status["conditions"][0]["reason"], finish.next), (&json!("Errored"), Next::Retry));
    let gone = source_deleted(&ps, at(NOW)).status.expect("it is told").value;
    assert_eq!((&gone["syncedPushSecrets"], &gone["conditions"][0]["reason"]), (&Value::Null, &json!("SourceDeleted")));
}
