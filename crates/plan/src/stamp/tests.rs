//! What is stamped out, what is left alone, and what is told, for both kinds. Specification: ESO §6.10, §6.12.

use api::{ClusterExternalSecret, ClusterPushSecret};

use super::*;

fn everywhere<K: Stamp + serde::de::DeserializeOwned>(spec: &Value, extra: Value) -> K {
    let (field, mut all) = (K::SPEC.trim_start_matches("spec."), json!({}));
    all[field] = spec.clone();
    for (key, value) in extra.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    let meta = json!({"name": "all", "uid": "u", "annotations": {names::FORCE_SYNC: "1"}});
    serde_json::from_value(json!({"metadata": meta, "spec": all})).expect("a test's own object")
}

fn external(extra: Value) -> ClusterExternalSecret {
    let mut all = json!({"externalSecretMetadata": {"labels": {"a": "b"}}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    everywhere(&json!({"refreshInterval": "1h", "secretStoreRef": {"name": "s"}}), all)
}

fn push(extra: Value) -> ClusterPushSecret {
    let spec =
        json!({"refreshInterval": "1h", "secretStoreRefs": [{"name": "s"}], "selector": {"secret": {"name": "src"}}});
    let mut all = json!({"pushSecretMetadata": {"labels": {"a": "b"}}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    everywhere(&spec, all)
}

fn written(write: Write) -> Value {
    match write {
        Write::CreateObject { object, .. } | Write::ReplaceObject { object, .. } => object.into_exposed(),
        _ => Value::Null,
    }
}

fn judged<K: Stamp>(o: &K, child: &Value) -> Standing {
    let child: K::Child = serde_json::from_value(child.clone()).expect("a test's own object");
    standing(o, Some(&child)).expect("the spec can be read")
}

fn what_was_stamped_is_as_it_shall_be<K: Stamp>(o: &K, kind: &str, api_version: &str) {
    assert_eq!(standing(o, None).expect("the spec can be read"), Standing::Absent);
    let made = written(create(o, "n"));
    assert_eq!((&made["kind"], &made["apiVersion"]), (&json!(kind), &json!(api_version)));
    assert_eq!(made["metadata"]["ownerReferences"][0]["kind"], json!(K::kind(&())));
    assert_eq!((&made["metadata"]["name"], judged(o, &made)), (&json!("all"), Standing::Same));
    let edits = [
        ("/spec/refreshInterval", json!("2h")),
        ("/metadata/labels/a", json!("c")),
        ("/metadata/annotations/external-secrets.io~1force-sync", json!("0")),
    ];
    for (place, value) in edits {
        let mut edited = made.clone();
        *edited.pointer_mut(place).expect("it was stamped") = value;
        edited["metadata"]["labels"]["own"] = json!("kept");
        assert_eq!(judged(o, &edited), Standing::Differs, "{kind} {place}");
        let mended = written(update(o, "n", edited));
        assert_eq!((judged(o, &mended), &mended["metadata"]["labels"]["own"]), (Standing::Same, &json!("kept")));
    }
    let mut foreign = made;
    foreign["metadata"]["ownerReferences"][0]["uid"] = json!("other");
    assert_eq!(judged(o, &foreign), Standing::Foreign);
}

#[test]
fn both_kinds_are_stamped_out_and_put_right() {
    what_was_stamped_is_as_it_shall_be(&external(json!({})), "ExternalSecret", "external-secrets.io/v1");
    what_was_stamped_is_as_it_shall_be(&push(json!({})), "PushSecret", "external-secrets.io/v1alpha1");
}

#[test]
fn an_own_word_on_refreshing_is_the_last() {
    let own = external(json!({"externalSecretMetadata": {"annotations": {names::FORCE_SYNC: "own"}}}));
    let made = written(create(&own, "n"));
    assert_eq!(made["metadata"]["annotations"][names::FORCE_SYNC], "own");
    assert_eq!(judged(&own, &made), Standing::Same, "or it would be written for ever");
}

#[test]
fn a_pass_tells_where_it_is_and_where_not() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a test's own timestamp");
    let refreshed = json!({"externalSecretName": "db", "pushSecretName": "db", "refreshTime": "1m"});
    let two = || vec!["b".to_owned(), "a".to_owned()];
    let (es, ps) = (external(refreshed.clone()), push(refreshed));
    for (finish, name) in [
        (finish(&es, two(), Vec::new(), now), "externalSecretName"),
        (finish(&ps, two(), Vec::new(), now), "pushSecretName"),
    ] {
        let well = finish.expect("it can be told");
        let mut expected =
            json!({"provisionedNamespaces": ["a", "b"], "conditions": [{"type": "Ready", "status": "True"}]});
        expected[name] = json!("db");
        let next = Next::At("2026-01-01T00:01:00Z".parse().expect("a moment"));
        assert_eq!((well.status.expect("it is told").value, well.next), (expected, next));
    }
    let taken = |reason: &str| vec![FailedNamespace { namespace: "c".to_owned(), reason: Some(reason.to_owned()) }];
    let reason = "push secret already exists in namespace";
    assert_eq!(ClusterPushSecret::TAKEN, reason);
    let ill = finish(&ps, Vec::new(), taken(ClusterPushSecret::TAKEN), now).expect("it can be told");
    let status = ill.status.expect("it is told").value;
    assert_eq!(status["conditions"][0]["message"], "one or more namespaces failed");
    assert_eq!((&status["failedNamespaces"][0]["reason"], ill.next), (&json!(reason), Next::Retry));
    assert_eq!(ClusterExternalSecret::TAKEN, "external secret already exists in namespace");
}

#[test]
fn an_interval_that_is_none_is_told_and_loses_no_namespace() {
    let mut ps = push(json!({"refreshTime": "1d"}));
    ps.status = serde_json::from_value(json!({"provisionedNamespaces": ["a"]})).expect("a test's own status");
    let now = Timestamp::UNIX_EPOCH;
    let fault = finish(&ps, vec!["a".to_owned()], Vec::new(), now).err().expect("there is no `d`");
    let status = failed(&ps, &fault).status.expect("it is told").value;
    assert_eq!(status["provisionedNamespaces"], json!(["a"]));
    let failed = &status["failedNamespaces"][0];
    assert_eq!(failed["namespace"], "unknown");
    assert!(failed["reason"].as_str().is_some_and(|text| text.contains("spec.refreshTime")), "{failed}");
}
