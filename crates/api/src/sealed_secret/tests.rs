//! What SealedSecrets in real clusters look like.

use serde_json::{Value, json};

use super::*;

fn read(spec: Value) -> SealedSecret {
    serde_json::from_value(json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": { "name": "db", "namespace": "demo" }, "spec": spec }))
    .expect("it can be read")
}

#[test]
fn what_is_no_text_counts_as_empty() {
    let sealed = read(json!({ "encryptedData": { "a": "AgB", "b": 5, "c": null, "d": { "e": "f" } } }));
    let values: Vec<(&str, &str)> = sealed.encrypted_data().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(values, [("a", "AgB"), ("b", ""), ("c", ""), ("d", "")]);
    assert!(read(json!({ "encryptedData": null })).encrypted_data().is_empty());
}

#[test]
fn old_files_carry_nulls_and_more_metadata() {
    let sealed = read(json!({
        "encryptedData": {}, "data": "AgA=",
        "template": {
            "metadata": { "creationTimestamp": null, "name": "db", "annotations": { names::SKIP_OWNER: "true", names::PATCH: "1" } },
            "data": { "url": "{{ index . \"a\" }}", "gone": null },
        },
    }));
    let template = sealed.template().expect("there is a template");
    assert!(template.has_annotation(names::SKIP_OWNER) && !template.has_annotation(names::PATCH));
    assert_eq!(template.data.as_ref().map(|data| data["gone"].is_none()), Some(true));
    assert_eq!(sealed.legacy_data(), Some("AgA="));
    assert_eq!(
        read(json!({ "encryptedData": {}, "template": { "metadata": null, "data": null } })).template(),
        Some(&SecretTemplate::default())
    );
}

#[test]
fn files_of_all_times_are_read() {
    let all: Vec<SealedSecret> =
        serde_saphyr::from_multiple(include_str!("../fixtures/sealed_secrets.yaml")).expect("they can be read");
    let [strict, templated, legacy] = all.as_slice() else { panic!("three fixtures") };
    assert_eq!(strict.encrypted_data()["foo"], "AQC7Hvb2");
    assert!(templated.has_annotation(names::CLUSTER_WIDE) && !strict.has_annotation(names::CLUSTER_WIDE));
    assert_eq!(templated.template().and_then(|template| template.type_.as_deref()), Some("kubernetes.io/tls"));
    assert_eq!((legacy.legacy_data(), legacy.encrypted_data().len()), (Some("AQC7Hvb2"), 0));
}
