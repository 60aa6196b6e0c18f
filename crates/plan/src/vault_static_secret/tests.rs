use base::SecretBytes;
use serde_json::{Value, json};

use super::*;

const KEY: &[u8] = b"0123456789abcdef";

fn object(spec: Value) -> VaultStaticSecret {
    let mut whole = json!({"vaultAuthRef": "app", "mount": "/kv/", "path": "a/b/", "type": "kv-v2",
        "destination": {"name": "app", "create": true}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let object = json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultStaticSecret",
        "metadata": {"name": "app", "namespace": "t1", "generation": 1, "uid": "u"}, "spec": whole});
    serde_json::from_value(object).expect("a test's own object")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a test's own moment")
}

#[test]
fn paths_are_those_of_the_engines() {
    let path = |spec| {
        let call = call(&object(spec));
        format!("{}{}", call.path, call.query.iter().map(|(key, value)| format!("?{key}={value}")).collect::<String>())
    };
    assert_eq!(path(json!({})), "kv/data/a/b");
    assert_eq!(path(json!({"version": 3})), "kv/data/a/b?version=3");
    assert_eq!(path(json!({"version": 0})), "kv/data/a/b");
    assert_eq!(path(json!({"type": "kv-v1", "version": 3})), "kv/a/b");
}

#[test]
fn what_is_no_secret_is_an_error() {
    let read =
        |answer: Result<VaultAnswer, Fault>| response(&object(json!({})), answer).err().map(|fault| fault.chain());
    let data = |status: u16, text: &str| {
        Ok(VaultAnswer { status, data: Some(SecretBytes::from(text)), ..VaultAnswer::default() })
    };
    assert_eq!(read(data(200, r#"{"data":{"a":"b"},"metadata":{}}"#)), None);
    let deleted = r#"{"data":null,"metadata":{"deletion_time":"x"}}"#;
    let text = "the secret version is deleted or destroyed, path=\"kv/data/a/b\"";
    assert_eq!(read(data(404, deleted)).as_deref(), Some(text));
    let warnings = vec!["Invalid path for a versioned K/V secrets engine".to_owned()];
    let other = Ok(VaultAnswer { status: 404, warnings, ..VaultAnswer::default() });
    let text = "empty response from Vault, path=\"kv/data/a/b\": Invalid path for a versioned K/V secrets engine";
    assert_eq!(read(other).as_deref(), Some(text));
    assert_eq!(
        read(Err(Fault::not_found("gone"))).as_deref(),
        Some("empty response from Vault, path=\"kv/data/a/b\": gone")
    );
    assert_eq!(read(Err(Fault::denied("no"))).as_deref(), Some("no"));
    assert_eq!(read(data(200, r#"{"data":null}"#)).as_deref(), Some("the response of Vault is no map of values"));
}

#[test]
fn a_pass_without_change_changes_no_word_and_a_failure_heals() {
    let mut o = object(json!({"refreshAfter": "30s"}));
    let data: SecretMap = [("k", "v")].into_iter().collect();
    let client = |id: &str| VaultClientMeta { cache_key: Some("kubernetes-1".into()), id: Some(id.into()) };
    let facts = |is_same| Facts { data: &data, mac_key: KEY, is_same };
    let pass = |o: &VaultStaticSecret, changed, id: &str, now: &str| {
        let after = Synced { facts: facts(true), changed, restarts: Vec::new(), client: client(id) };
        synced(o, &after, at(now))
    };
    assert!(is_due(&o, &facts(false)) && !restarts(&o, true));
    let first = pass(&o, true, "one", "2026-01-01T00:00:00Z");
    assert_eq!(first.events, [Event::normal("SecretSynced", "Secret synced")]);
    assert_eq!(first.next, Next::At(at("2026-01-01T00:00:27Z")));
    let status = first.status.expect("a status").value;
    assert_eq!(status["conditions"][0]["message"], "Secret synced, horizon=27s");
    o.status = serde_json::from_value(status.clone()).expect("it reads itself");
    assert!(!is_due(&o, &facts(true)) && is_due(&o, &facts(false)) && restarts(&o, true) && !restarts(&o, false));
    // Another token after a restart is no reason to write.
    let second = pass(&o, false, "two", "2026-01-01T00:00:30.4Z");
    assert!(second.events.is_empty());
    assert_eq!(second.status.expect("a status").value, status);
    let backoff = horizon::backoff(GoDuration::from_seconds(5), GoDuration::from_seconds(60), 1.5, 0.5);
    let failure = Failure { step: Step::Vault, fault: Fault::unreachable("away") };
    let third = failed(&o, &failure, &backoff, 1, at("2026-01-01T00:01:00Z"));
    let status = third.status.expect("a status").value;
    assert_eq!(status["conditions"][0]["message"], "Failed to sync the secret, horizon=7.5s, err=away");
    assert_eq!((&status["conditions"][2]["status"], &status["secretMAC"].is_string()), (&json!("False"), &true));
    o.status = serde_json::from_value(status).expect("it reads itself");
    let fourth = pass(&o, false, "two", "2026-01-01T00:02:00Z").status.expect("a status").value;
    assert_eq!(fourth["conditions"][0]["status"], "True", "a verified pass heals, though nothing was written");
}

#[test]
fn without_digest_every_pass_writes() {
    let o = object(json!({"hmacSecretData": false}));
    let data = SecretMap::new();
    assert!(is_due(&o, &Facts { data: &data, mac_key: KEY, is_same: true }));
    assert_eq!(refresh_after(&o).expect("it is none"), None);
    let wrong = refresh_after(&object(json!({"refreshAfter": "5x"}))).map_err(|fault| fault.chain());
    assert_eq!(
        wrong.err().as_deref(),
        Some("Field validation failed, err: time: unknown unit \"x\" in duration \"5x\"")
    );
}
