//! Manifests with every field of ESO §5.2–§5.6, and what the accessors make of them.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::external_secret::{DecodingStrategy, SyncWindowKind};
use super::push_secret::PushSource;
use super::*;
use crate::generators::{ClusterGenerator, GeneratorState};
use crate::meta::Filled as _;

fn fixtures() -> Vec<Value> {
    serde_saphyr::from_multiple(include_str!("../fixtures/external_secrets.yaml")).expect("the fixtures are YAML")
}

fn fixture<K: DeserializeOwned>(kind: &str, name: &str) -> K {
    let found = fixtures().into_iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    serde_json::from_value(found.expect("the fixture exists")).expect("it can be read")
}

fn external_secret(spec: Value) -> ExternalSecret {
    serde_json::from_value(json!({ "metadata": { "name": "db", "namespace": "demo" }, "spec": spec }))
        .expect("it can be read")
}

#[test]
fn an_external_secret_names_its_stores_generators_and_target() {
    let es: ExternalSecret = fixture("ExternalSecret", "db");
    assert_eq!(es.target_name(), "db-credentials");
    assert_eq!(es.refresh_interval().expect("a duration").to_string(), "15m0s");
    assert_eq!(es.store_refs(), [(StoreKind::SecretStore, "vault"), (StoreKind::ClusterSecretStore, "shared")]);
    let template = es.template().expect("a template");
    assert_eq!(template.objects().count(), 2);
    assert_eq!(template.template_from[2].values_decoding_strategy, Some(DecodingStrategy::Auto));
    assert_eq!(es.spec.sync_windows.as_ref().map(|windows| windows.kind), Some(SyncWindowKind::Allow));
    assert_eq!(es.deletion_policy(), DeletionPolicy::Delete);
}

#[test]
fn v1beta1_is_read_as_v1_and_defaults_are_the_api_s() {
    let es: ExternalSecret = fixture("ExternalSecret", "old");
    assert_eq!(es.target_name(), "old");
    assert!(!es.refresh_interval().expect("a duration").is_positive());
    assert_eq!((es.creation_policy(), es.deletion_policy()), (CreationPolicy::Owner, DeletionPolicy::Retain));
    let bare = external_secret(json!({ "target": { "name": "" }, "secretStoreRef": { "name": "" } }));
    assert_eq!((bare.target_name(), bare.store_refs().len()), ("db", 0));
    assert_eq!(bare.refresh_interval().expect("the default").to_string(), "1h0m0s");
}

#[test]
fn a_bad_interval_is_told_with_its_object() {
    for (text, cause) in [("1d", "unknown unit \"d\""), ("10", "missing unit")] {
        let fault = external_secret(json!({ "refreshInterval": text })).refresh_interval().expect_err("it is none");
        assert_eq!(fault.to_string(), "cannot read `spec.refreshInterval` of ExternalSecret demo/db");
        assert!(fault.chain().contains(cause), "{}", fault.chain());
    }
}

#[test]
fn stores_of_both_kinds_are_read_alike() {
    let store = Store::from(&fixture::<SecretStore>("SecretStore", "vault"));
    assert_eq!(store.refresh_interval().expect("seconds").map(|each| each.to_string()).as_deref(), Some("5m0s"));
    assert_eq!((store.class(), store.kind), (Some("default"), StoreKind::SecretStore));
    let shared = Store::from(&fixture::<ClusterSecretStore>("ClusterSecretStore", "shared"));
    assert_eq!(shared.refresh_interval().expect("a duration").map(|each| each.to_string()).as_deref(), Some("1h0m0s"));
    assert_eq!(shared.spec.conditions[1].namespaces, ["t1", "t2"]);
    assert_eq!(shared.spec.provider["gcpsm"]["projectID"], "demo");
    for bad in [json!("1d"), json!(true), json!(1.5)] {
        let spec = SecretStoreSpec { refresh_interval: Some(bad), ..store.spec.clone() };
        let fault = Store { spec, ..store.clone() }.refresh_interval().expect_err("it is none");
        assert_eq!(fault.to_string(), "cannot read `spec.refreshInterval` of SecretStore vault");
    }
}

#[test]
fn a_cluster_external_secret_keeps_fields_that_nobody_knows() {
    let mut ces: ClusterExternalSecret = fixture("ClusterExternalSecret", "everywhere");
    assert_eq!((ces.child_name(), ces.namespaces().len(), ces.namespace_selectors().count()), ("pull", 1, 2));
    assert_eq!(ces.refresh_time().expect("a duration").map(|each| each.to_string()).as_deref(), Some("1m0s"));
    ces.spec.external_secret_spec["fromTheFuture"] = json!({ "deep": [1] });
    let written = serde_json::to_value(&ces).expect("it can be written");
    assert_eq!(written["spec"]["externalSecretSpec"], *ces.child_spec());
    assert_eq!(ces.child_spec()["fromTheFuture"]["deep"][0], 1);
    ces.spec.external_secret_name = None;
    assert_eq!(ces.child_name(), "everywhere");
}

#[test]
fn a_push_secret_has_one_source() {
    let push: PushSecret = fixture("PushSecret", "push");
    assert_eq!(push.source(), Some(PushSource::Secret("source")));
    assert!(push.deletes() && push.store_refs()[1].name().is_none());
    let keys: Vec<String> = push.spec.data.iter().map(|data| data.match_.remote_ref.status_key()).collect();
    assert_eq!(keys, ["db/a", "whole"]);
    assert_eq!(push.spec.data_to[1].remote_key.filled(), Some("bundle"));
    let cluster: ClusterPushSecret = fixture("ClusterPushSecret", "everywhere");
    let child: PushSecretSpec = serde_json::from_value(cluster.child_spec().clone()).expect("it can be read");
    let push = PushSecret::new("push", child);
    assert!(matches!(push.source(), Some(PushSource::Generator(each)) if each.name == "random"));
    assert!(!push.deletes() && push.synced().next().is_none());
}

#[test]
fn what_was_pushed_is_read_off_the_status() {
    let mut push: PushSecret = fixture("PushSecret", "push");
    let entry = push.spec.data[0].clone();
    let entries = [("db/a".to_owned(), entry.clone())].into();
    push.status = Some(PushSecretStatus {
        synced_push_secrets: [("SecretStore/vault".to_owned(), entries)].into(),
        ..PushSecretStatus::default()
    });
    assert_eq!(push.synced().collect::<Vec<_>>(), [("SecretStore/vault", "db/a", &entry)]);
    let written = serde_json::to_value(&push.status).expect("it can be written");
    assert_eq!(written["syncedPushSecrets"]["SecretStore/vault"]["db/a"]["match"]["secretKey"], "a");
}

#[test]
fn a_cluster_generator_holds_the_settings_of_its_kind() {
    let generator: ClusterGenerator = fixture("ClusterGenerator", "random");
    let (kind, settings) = generator.generator().expect("it is whole");
    assert_eq!((kind, &settings["length"]), ("Password", &json!(32)));
    for (kind, cause) in
        [("UUID", "kind UUID needs the field uuidSpec"), ("Dice", "there is no generator of kind Dice")]
    {
        let mut wrong = generator.clone();
        wrong.spec.kind = kind.to_owned();
        let fault = wrong.generator().expect_err("kind and field differ");
        assert_eq!(fault.chain(), format!("cannot read `spec.generator` of ClusterGenerator random: {cause}"));
    }
    let state: GeneratorState = fixture("GeneratorState", "gen-externalsecret-db-x");
    assert_eq!(state.deadline().map(|deadline| deadline.to_string()).as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(state.spec.state["leaseId"], "database/creds/app/x");
}

/// What we read and write again says the same: nothing is lost, and nothing but defaults is added.
#[test]
fn what_is_read_is_written_again() {
    fn check<K: DeserializeOwned + serde::Serialize>(kind: &str, name: &str) {
        let original =
            fixtures().into_iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        let original = original.expect("the fixture exists");
        let written = serde_json::to_value(fixture::<K>(kind, name)).expect("it can be written");
        assert!(contains(&written["spec"], &original["spec"]), "{kind} {name}: {written:#}");
    }
    check::<ExternalSecret>("ExternalSecret", "db");
    check::<SecretStore>("SecretStore", "vault");
    check::<ClusterSecretStore>("ClusterSecretStore", "shared");
    check::<ClusterExternalSecret>("ClusterExternalSecret", "everywhere");
    check::<PushSecret>("PushSecret", "push");
    check::<ClusterPushSecret>("ClusterPushSecret", "everywhere");
    check::<ClusterGenerator>("ClusterGenerator", "random");
    check::<GeneratorState>("GeneratorState", "gen-externalsecret-db-x");
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}
