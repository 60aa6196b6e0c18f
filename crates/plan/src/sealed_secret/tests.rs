use api::SealedSecret;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use seal::certificate::Wanted;
use seal::{KeySet, Scope, SealingKey};

use super::*;
use crate::present::OwnerRef;
use crate::{Laid, Present, Rendering, Rule as _};

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

fn opened(ss: &SealedSecret, opener: &Opener<'_>) -> Result<Unsealed, Fault> {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    unseal(ss, opener, &mut Rendering::new(now(), &mut rng))
}

#[test]
fn values_open_and_become_a_secret_with_an_owner() {
    let keys = keys();
    let template = serde_json::json!({"template": {"type": "x/y", "metadata": {"labels": {"a": "b"}},
        "data": {"plain": "text", "gone": null}}});
    let ss = sealed(&keys, &[("p", "s3cr3t"), ("gone", "x")], template);
    let unsealed = opened(&ss, &Opener::new(&keys)).expect("it opens");
    let target = unsealed.target;
    assert_eq!(target.data.names().collect::<Vec<_>>(), ["p", "plain"]);
    assert!(target.data.value("p") == Some(&base::SecretBytes::from("s3cr3t")));
    assert_eq!((target.kind.as_str(), target.labels.len(), target.owners[0].uid.as_str()), ("x/y", 1, "u1"));
    assert!(unsealed.key.is_some());
}

#[test]
fn templates_see_opened_values_and_each_others_text() {
    let keys = keys();
    let pairs = &[("user", "app"), ("password", "s3cr3t"), ("hidden", "h"), ("both", "sealed")];
    let templates = serde_json::json!({"template": {"data": {
        "url": "pg://{{ .user }}:{{ .password }}@{{ .host }}/{{ .hidden | upper }}",
        "host": "db.{{ .nope }}", "see": "{{ .host }} {{ .url | len }} {{ .both }} {{ .nope }}",
        "hidden": null, "both": "{{ fail \"never run\" }}"}}});
    let target = opened(&sealed(&keys, pairs, templates), &Opener::new(&keys)).expect("it opens").target;
    let text = |name: &str| {
        String::from_utf8_lossy(target.data.value(name).map_or(&[][..], base::SecretBytes::expose)).into_owned()
    };
    assert_eq!(target.data.names().collect::<Vec<_>>(), ["both", "host", "password", "see", "url", "user"]);
    assert_eq!(text("url"), "pg://app:s3cr3t@db.{{ .nope }}/H");
    assert_eq!(text("host"), "db.<no value>");
    assert_eq!(text("see"), "db.{{ .nope }} 66 sealed <no value>");
    assert_eq!(text("both"), "sealed");
}

#[test]
fn templates_that_fail_are_told_by_key() {
    let keys = keys();
    let templates = serde_json::json!({"template": {"data": {
        "u": "{{ if }", "v": "{{ env \"HOME\" }}", "w": "{{ fail \"boom\" }}", "x": "{{ .p }}"}}});
    let fault = opened(&sealed(&keys, &[("p", "s3cr3t")], templates), &Opener::new(&keys)).err().expect("it fails");
    let told = fault.chain();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "template: u:1: unexpected \"}\" in if (u)",
            "template: v:1: function \"env\" not defined (v)",
            "template: w:1:3: executing \"w\" at <fail \"boom\">: error calling fail: boom (w)",
        ]
    );
    assert!(!told.contains("s3cr3t"));
}

#[test]
fn what_does_not_open_is_told_by_key_and_nothing_is_made() {
    let keys = keys();
    let mut ss = sealed(&keys, &[("bar", "x"), ("foo", "x")], serde_json::json!({}));
    ss.metadata.name = Some("other".into());
    ss.spec.encrypted_data.insert("bad".into(), "%%%".into());
    let text = opened(&ss, &Opener::new(&keys)).err().map(|fault| fault.chain()).unwrap_or_default();
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
        opened(&sealed(&keys, &[("p", "x")], serde_json::json!({})), &Opener::new(&keys)).expect("it opens").target;
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

#[test]
fn each_failure_has_its_event_its_status_and_its_patience() {
    let keys = keys();
    let ss = sealed(&keys, &[("p", "x")], serde_json::json!({}));
    let immutable = "Secret \"db\" is invalid: data: Forbidden: field is immutable when `immutable` is set";
    let unmanaged = "Resource \"db\" already exists and is not managed by SealedSecret";
    let told = "Error updating demo/db: the target Secret is immutable. Once a Secret is marked as immutable, it is not possible to revert this change nor to mutate the contents of the data field. You can only delete and recreate the Secret.";
    for (fault, event, status, metric, next) in [
        (Fault::wrong("x (p)").within(NOT_UNSEALED), "Failed to unseal: x (p)", "x (p)", "unseal", Next::Settled),
        (Fault::conflict(unmanaged), unmanaged, &format!("failed update: {unmanaged}"), "unmanaged", Next::Retry),
        (Fault::wrong(immutable), told, immutable, "update", Next::Settled),
        (Fault::unreachable("no answer"), "no answer", "no answer", "update", Next::Retry),
    ] {
        let finish = failed(&ss, &fault, now());
        assert_eq!((finish.events[0].message.as_str(), finish.next, finish.failed), (event, next, true));
        let value = finish.status.expect("a status").value;
        assert_eq!(value["conditions"][0]["message"], status);
        assert_eq!(value["conditions"][0]["status"], "False");
        assert_eq!(error_reason(&fault), metric);
    }
}

/// An object of a client before 0.7: one sealed value that is a whole Secret.
fn legacy(keys: &KeySet, secret: &str, extra: serde_json::Value) -> SealedSecret {
    let label = Scope::Strict.label("demo", "db");
    let value = base::SecretBytes::from(secret);
    let data = keys.newest().expect("a key").private.public().seal(&label, &value).expect("it seals").to_text();
    let mut spec = serde_json::json!({"data": data, "encryptedData": {}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    sealed(keys, &[], spec)
}

#[test]
fn objects_of_old_clients_open_unless_told_otherwise() {
    let keys = keys();
    let json = r#"{"kind":"Secret","metadata":{"name":"evil","namespace":"evil","labels":{"a":"b"}},"type":"T","data":{"p":"eA=="}}"#;
    let yaml = "metadata: {labels: {a: b}}\ntype: T\nstringData: {p: x}\n";
    let skip =
        serde_json::json!({"template": {"type": "ignored", "metadata": {"annotations": {names::SKIP_OWNER: "true"}}}});
    for (secret, extra, owners) in [(json, serde_json::json!({}), 1), (yaml, skip, 0)] {
        let ss = legacy(&keys, secret, extra);
        let target = opened(&ss, &Opener::new(&keys)).expect("it opens").target;
        assert_eq!((target.namespace.as_str(), target.name.as_str(), target.kind.as_str()), ("demo", "db", "T"));
        assert!(target.data.value("p") == Some(&base::SecretBytes::from("x")));
        assert_eq!((target.labels.len(), target.owners.len()), (1, owners));
    }
    let refused = |ss: &SealedSecret, opener: &Opener<'_>| opened(ss, opener).err().map(|fault| fault.chain());
    let closed = Opener { accepts_legacy: false, ..Opener::new(&keys) };
    let told = "using deprecated 'data' field, use 'encryptedData' or flip the feature flag";
    assert_eq!(refused(&legacy(&keys, json, serde_json::json!({})), &closed).as_deref(), Some(told));
    let both = legacy(&keys, json, serde_json::json!({"encryptedData": {"a": "AgBy"}}));
    let told = "cannot use the field 'encryptedData' and the deprecated field 'data' at the same time";
    assert_eq!(refused(&both, &Opener::new(&keys)).as_deref(), Some(told));
    for (secret, told) in [
        ("nonsense", "the deprecated field 'data' holds no Secret"),
        (r#"{"data":{"p":"!"}}"#, "the deprecated field 'data' holds no Secret"),
    ] {
        assert_eq!(refused(&legacy(&keys, secret, serde_json::json!({})), &Opener::new(&keys)).as_deref(), Some(told));
    }
}

#[test]
fn what_is_sealed_again_keeps_its_template_and_gets_its_real_scope() {
    let keys = keys();
    let template = serde_json::json!({"template": {"type": "T", "immutable": true, "data": {"t": "{{ fail .p }}", "gone": null},
        "metadata": {"name": "db", "uid": "u", "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"l": "1"},
            "annotations": {"keep": "me", names::CLUSTER_WIDE: "true"}}}});
    let mut ss = sealed(&keys, &[("p", "x")], template);
    ss.metadata.resource_version = Some("7".into());
    ss.metadata.labels = Some([("own".to_owned(), "label".to_owned())].into());
    let newest = keys.newest().expect("a key");
    let opener = Opener::new(&keys);
    let resealed = reseal(&ss, &opener, newest.private.public()).expect("it opens");
    assert_ne!(resealed.encrypted_data(), ss.encrypted_data(), "values are sealed anew");
    assert!(verify(&resealed, &opener).is_ok());
    let value = serde_json::to_value(&resealed).expect("an object");
    assert_eq!(value["metadata"], serde_json::json!({"name": "db", "namespace": "demo", "labels": {"own": "label"}}));
    assert_eq!(
        value["spec"]["template"],
        serde_json::json!({"type": "T", "immutable": true, "data": {"t": "{{ fail .p }}", "gone": null},
            "metadata": {"name": "db", "labels": {"l": "1"}, "annotations": {"keep": "me"}}})
    );
    assert_eq!(value.get("status"), None);

    let old =
        legacy(&keys, r#"{"metadata":{"labels":{"a":"b"}},"type":"T","data":{"p":"eA=="}}"#, serde_json::json!({}));
    let resealed = reseal(&old, &opener, newest.private.public()).expect("it opens");
    assert!(resealed.legacy_data().is_none(), "an object of an old client becomes one of today");
    let target = opened(&resealed, &opener).expect("it opens").target;
    assert!(target.data.value("p") == Some(&base::SecretBytes::from("x")));
    assert_eq!((target.kind.as_str(), target.labels.len()), ("T", 1));
}

#[test]
fn verifying_opens_and_never_renders() {
    let keys = keys();
    let oracle = serde_json::json!({"template": {"data": {"t": "{{ if eq .p \"x\" }}{{ fail \"yes\" }}{{ end }}"}}});
    let ss = sealed(&keys, &[("p", "x")], oracle);
    assert!(verify(&ss, &Opener::new(&keys)).is_ok());
    let mut moved = ss.clone();
    moved.metadata.namespace = Some("other".into());
    let told = verify(&moved, &Opener::new(&keys)).err().map(|fault| fault.chain());
    assert_eq!(told.as_deref(), Some("no key could decrypt secret (p)"));
}

#[test]
fn requests_carry_one_sealed_secret() {
    let head = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n";
    for body in [
        format!("{head}metadata: {{name: a}}\nspec: {{encryptedData: {{a: AgBy, n: 5}}}}\n"),
        r#"{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{},"spec":{}}"#.to_owned(),
        r#"{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":null,"spec":null}"#.to_owned(),
        head.to_owned(),
    ] {
        assert!(reseal::read(body.as_bytes()).is_ok(), "{body}");
    }
    for (body, told) in [
        ("{}".to_owned(), "Object 'Kind' is missing"),
        (String::new(), "cannot read the request as one object"),
        ("- a\n".to_owned(), "cannot read the request as one object"),
        ("{".to_owned(), "cannot read the request"),
        (format!("{head}---\n{head}"), "cannot read the request as one object"),
        (
            "{\"apiVersion\":\"bitnami.com/v1alpha1\",\"kind\":\"SealedSecretList\"}".to_owned(),
            "expected a SealedSecret but found bitnami.com/v1alpha1 SealedSecretList",
        ),
        (
            "{\"apiVersion\":\"bitnami.com/v1alpha1\",\"kind\":\"SealedSecret\",\"spec\":5}".to_owned(),
            "cannot read the SealedSecret",
        ),
    ] {
        assert_eq!(reseal::read(body.as_bytes()).err().map(|fault| fault.to_string()).as_deref(), Some(told), "{body}");
    }
}
