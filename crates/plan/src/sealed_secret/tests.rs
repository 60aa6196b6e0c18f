use api::SealedSecret;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use seal::certificate::Wanted;
use seal::{KeySet, Scope, SealingKey};

use super::*;
use crate::present::OwnerRef;
use crate::{Laid, Present, Rule as _};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a test's own timestamp")
}

fn keys() -> KeySet {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let valid_for = base::duration::GoDuration::from_seconds(86_400);
    let wanted = Wanted { bits: 2048, common_name: "", valid_for };
    let made = wanted.generate(now(), &mut rng).expect("a key");
    let mut keys = KeySet::new();
    keys.register(SealingKey {
        name: "key".into(),
        private: made.private,
        certificate: Some(made.certificate),
        ordered_at: now(),
    });
    keys
}

fn sealed(keys: &KeySet, pairs: &[(&str, &str)], extra: serde_json::Value) -> SealedSecret {
    let newest = keys.newest().expect("a key");
    let label = Scope::Strict.label("demo", "db");
    let items: serde_json::Map<String, serde_json::Value> = pairs
        .iter()
        .map(|(key, value)| {
            let sealed = newest.private.public().seal(&label, &base::SecretBytes::from(*value)).expect("it seals");
            ((*key).to_owned(), serde_json::Value::from(sealed.to_text()))
        })
        .collect();
    let mut object = serde_json::json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"name": "db", "namespace": "demo", "uid": "u1", "generation": 1}, "spec": {"encryptedData": items}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    serde_json::from_value(object).expect("a test's own SealedSecret")
}

#[test]
fn values_open_and_become_a_secret_with_an_owner() {
    let keys = keys();
    let template = serde_json::json!({"template": {"type": "x/y", "metadata": {"labels": {"a": "b"}},
        "data": {"plain": "text", "gone": null}}});
    let ss = sealed(&keys, &[("p", "s3cr3t"), ("gone", "x")], template);
    let unsealed = unseal(&ss, &Opener::new(&keys)).expect("it opens");
    let target = unsealed.target;
    assert_eq!(target.data.names().collect::<Vec<_>>(), ["p", "plain"]);
    assert!(target.data.value("p") == Some(&base::SecretBytes::from("s3cr3t")));
    assert_eq!((target.kind.as_str(), target.labels.len(), target.owners[0].uid.as_str()), ("x/y", 1, "u1"));
    assert!(unsealed.key.is_some());
}

#[test]
fn what_does_not_open_is_told_by_key_and_nothing_is_made() {
    let keys = keys();
    let mut ss = sealed(&keys, &[("bar", "x"), ("foo", "x")], serde_json::json!({}));
    ss.metadata.name = Some("other".into());
    ss.spec.encrypted_data.insert("bad".into(), "%%%".into());
    let text = unseal(&ss, &Opener::new(&keys)).err().map(|fault| fault.chain()).unwrap_or_default();
    assert_eq!(text, "illegal base64 data at input byte 0 (bad)\nno key could decrypt secret (bar, foo)");
}

fn present() -> Present {
    Present {
        namespace: "demo".into(),
        name: "db".into(),
        uid: "s1".into(),
        kind: "Opaque".into(),
        data: [("old", "1")].into_iter().collect(),
        ..Present::default()
    }
}

fn laid(present: &Present, target: &crate::Target) -> String {
    match (SealedRule { uid: "u1".into() }).over(target, present) {
        Ok(Laid::Same) => "same".into(),
        Ok(Laid::Update(laid) | Laid::Again(laid)) => {
            let keys: Vec<&str> = laid.data.names().map(String::as_str).collect();
            let owners: Vec<&str> = laid.owners.iter().map(|owner| owner.name.as_str()).collect();
            format!("{} owned by {}", keys.join(" "), owners.join(" "))
        }
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn foreign_secrets_are_refused_and_marked_ones_taken_or_merged() {
    let keys = keys();
    let target =
        unseal(&sealed(&keys, &[("p", "x")], serde_json::json!({})), &Opener::new(&keys)).expect("it opens").target;
    let refused = "Resource \"db\" already exists and is not managed by SealedSecret";
    assert_eq!(laid(&present(), &target), refused);
    let with = |key: &str| Present { annotations: [(key.to_owned(), "true".to_owned())].into(), ..present() };
    assert_eq!(laid(&with(names::MANAGED), &target), "p owned by db");
    assert_eq!(laid(&with(names::PATCH), &target), "old p owned by ");
    let earlier = OwnerRef {
        kind: "SealedSecret".into(),
        name: "db".into(),
        uid: "u0".into(),
        controller: Some(true),
        ..OwnerRef::default()
    };
    assert_eq!(laid(&Present { owners: vec![earlier], ..present() }, &target), refused, "an earlier uid is unmanaged");
    let other = OwnerRef { kind: "X".into(), name: "x".into(), uid: "x".into(), ..OwnerRef::default() };
    let ours = target.owners[0].clone();
    assert_eq!(laid(&Present { owners: vec![ours.clone(), other], ..present() }, &target), "p owned by db x");
    let whole = Present { owners: vec![ours], data: target.data.clone(), ..present() };
    assert_eq!(laid(&whole, &target), "same");
}

#[test]
fn a_second_pass_writes_and_tells_nothing() {
    let keys = keys();
    let mut ss = sealed(&keys, &[("p", "x")], serde_json::json!({}));
    let first = synced(&ss, true, now());
    assert_eq!(first.events.len(), 1);
    ss.status = serde_json::from_value(first.status.expect("a status").value).expect("our own status");
    let second = synced(&ss, false, now());
    assert!(second.status.is_none() && second.events.is_empty());
    let fault = Fault::wrong("no key could decrypt secret (p)").within(NOT_UNSEALED);
    let failed_once = failed(&ss, &fault, now());
    assert_eq!(failed_once.events[0].message, "Failed to unseal: no key could decrypt secret (p)");
    ss.status = serde_json::from_value(failed_once.status.expect("a status").value).expect("our own status");
    assert_eq!(ss.conditions()[0].message.as_deref(), Some("no key could decrypt secret (p)"));
    assert!(failed(&ss, &fault, now()).events.is_empty(), "events are not told once per attempt");
}
