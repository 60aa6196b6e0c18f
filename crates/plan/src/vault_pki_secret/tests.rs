use std::collections::BTreeMap;

use base::SecretBytes;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};

use super::*;

const KEY: &[u8] = b"0123456789abcdef";

fn object(spec: Value, status: Value) -> VaultPKISecret {
    let mut whole = json!({"vaultAuthRef": "app", "mount": "/pki/", "role": "web", "commonName": "web.example.com",
        "destination": {"name": "web-tls", "create": true}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let object = json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultPKISecret",
        "metadata": {"name": "tls", "namespace": "t1", "generation": 1, "uid": "u"}, "spec": whole, "status": status});
    serde_json::from_value(object).expect("a test's own object")
}

/// Issued at the second 0 for 1000 seconds.
fn issued(spec: Value, extra: Value) -> VaultPKISecret {
    let digest = mac::mac(KEY, &data());
    let mut status = json!({"serialNumber": "aa:bb", "expiration": 11_000, "lastRotation": 10_000, "lastGeneration": 1,
        "secretMAC": digest, "valid": true, "error": ""});
    for (key, value) in extra.as_object().into_iter().flatten() {
        status[key] = value.clone();
    }
    object(spec, status)
}

fn data() -> SecretMap {
    [("certificate", "c")].into_iter().collect()
}

fn standing(data: SecretMap) -> Present {
    Present { data, ..Present::default() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a test's own moment")
}

fn step(o: &VaultPKISecret, change: Change, present: Option<&Present>, now: i64) -> String {
    match decide(o, &Facts { change, present, mac_key: KEY }, at(now)) {
        Err(fault) => fault.chain(),
        Ok(Step::Issue(reason)) => format!("{reason:?}"),
        Ok(Step::Wait(finish)) => {
            let Next::At(moment) = finish.next else { panic!("{:?}", finish.next) };
            let noted = if finish.status.is_some() { ", noted" } else { "" };
            format!("wait until {}{noted}", moment.as_second())
        }
    }
}

#[test]
fn a_certificate_is_left_alone_until_its_time_and_whatever_replaces_it_is_named() {
    let none = || json!({});
    let offset = |text: &str| json!({ "expiryOffset": text });
    let (same, other) = (standing(data()), standing([("certificate", "d")].into_iter().collect()));
    let (here, nothing) = (Some(&same), Change::Nothing);
    let table = [
        (object(none(), Value::Null), nothing, None, 0, "InitialSync"),
        (issued(none(), none()), nothing, here, 10_100, "wait until 11000"),
        (issued(none(), none()), Change::Unknown, here, 10_100, "wait until 11000"),
        (issued(offset("100s"), none()), nothing, here, 10_100, "wait until 10900"),
        (issued(offset("100s"), none()), nothing, here, 10_898, "wait until 10900"),
        (issued(offset("100s"), none()), nothing, here, 10_900, "InRenewalWindow"),
        (issued(none(), none()), nothing, here, 11_000, "InRenewalWindow"),
        (issued(offset("1h"), none()), nothing, here, 10_100, "wait until 10666"),
        (issued(offset("1h"), none()), nothing, here, 10_666, "InRenewalWindow"),
        (issued(none(), none()), Change::Touched, here, 10_100, "ForceSync"),
        (issued(none(), json!({"lastGeneration": 4})), Change::Asked, here, 10_100, "ResourceUpdated"),
        (issued(none(), json!({"lastGeneration": 4})), Change::Unknown, here, 10_100, "ResourceUpdated"),
        (issued(none(), json!({"lastGeneration": 4})), nothing, here, 10_100, "wait until 11000, noted"),
        (issued(none(), json!({"valid": false})), nothing, here, 10_100, "wait until 11000, noted"),
        (issued(none(), none()), nothing, None, 10_100, "InexistentDestination"),
        (issued(none(), none()), nothing, Some(&other), 10_100, "SecretDataDrift"),
        (issued(none(), json!({"secretMAC": null})), nothing, here, 10_100, "SecretDataDrift"),
        // The clocks are apart: nothing is issued in a circle.
        (issued(none(), json!({"expiration": 9000})), nothing, here, 10_001, "wait until 10040"),
        (issued(offset("soon"), none()), nothing, here, 10_100, "Field validation failed, err: time: invalid duration"),
    ];
    for (o, change, present, now, wanted) in table {
        let came = step(&o, change, present, now);
        assert!(came.starts_with(wanted), "{came}, not {wanted}");
    }
}

#[test]
fn requests_are_the_peers_without_empty_fields() {
    let call_of = |spec: Value| {
        let call = call(&object(spec, Value::Null));
        assert!(!call.repeatable, "each makes a certificate");
        (call.path, Value::Object(call.body))
    };
    let (path, body) = call_of(
        json!({"altNames": ["www.example.com", "api.example.com"], "ttl": "1h", "issuerRef": "", "notAfter": ""}),
    );
    assert_eq!(path, "pki/issue/web");
    let wanted = json!({"common_name": "web.example.com", "alt_names": "www.example.com,api.example.com", "ttl": "1h",
        "exclude_cn_from_sans": false, "remove_roots_from_chain": true});
    assert_eq!(body, wanted);
    for issuer in ["int", "int/issue", "/int/"] {
        assert_eq!(call_of(json!({ "issuerRef": issuer })).0, "pki/issuer/int/issue/web", "{issuer}");
    }
    let (_, body) =
        call_of(json!({"ipSans": ["10.0.0.1", "::1"], "uriSans": ["spiffe://a"], "otherSans": ["1.2;utf8:x"],
        "userIDs": ["u"], "notAfter": "2030-01-01T00:00:00Z", "format": "der", "privateKeyFormat": "pkcs8",
        "excludeCNFromSans": true}));
    let wanted = json!({"common_name": "web.example.com", "ip_sans": "10.0.0.1,::1", "uri_sans": "spiffe://a",
        "other_sans": "1.2;utf8:x", "user_ids": "u", "not_after": "2030-01-01T00:00:00Z", "format": "der",
        "private_key_format": "pkcs8", "exclude_cn_from_sans": true, "remove_roots_from_chain": true});
    assert_eq!(body, wanted);
    let revocation = object(json!({"namespace": "team"}), Value::Null).revocation("aa:bb").call;
    assert_eq!((revocation.path.as_str(), revocation.namespace.as_deref()), ("pki/revoke", Some("team")));
    assert_eq!(Value::Object(revocation.body), json!({"serial_number": "aa:bb"}));
}

fn answer(data: &Value) -> VaultAnswer {
    VaultAnswer { status: 200, data: Some(SecretBytes::new(data.to_string().into_bytes())), ..VaultAnswer::default() }
}

fn response(extra: Value) -> VaultAnswer {
    let mut data = json!({"certificate": "LEAF", "issuing_ca": "ROOT", "private_key": "KEY", "private_key_type": "ec",
        "serial_number": "cc:dd", "expiration": 12_000, "not_before": 9000});
    for (key, value) in extra.as_object().into_iter().flatten() {
        data[key] = value.clone();
    }
    answer(&data)
}

#[test]
fn a_tls_secret_has_the_keys_of_kubernetes() {
    let fitted = |type_: &str, response_: Value, templates: Value| {
        let destination = json!({"name": "web-tls", "create": true, "type": type_,
            "transformation": {"excludeRaw": true, "templates": templates}});
        let o = object(json!({ "destination": destination }), Value::Null);
        let subject =
            crate::secret_transformation::Subject { namespace: "t1", name: "tls", labels: None, annotations: None };
        let transformation = o.destination().transformation.as_ref();
        let rules = crate::secret_transformation::gather(&subject, transformation, false, |_, _| None).expect("rules");
        let certificate = Certificate::read(&response(response_)).expect("a certificate");
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let data = crate::secret_transformation::data(&certificate.response, &rules, &subject, at(0), &mut rng);
        let data = certificate.fitted(&o, &rules, data.expect("data"));
        let shown = |name: &str| data.value(name).map(|value| String::from_utf8_lossy(value.expose()).into_owned());
        ["tls.crt", "tls.key", "ca.crt", "ca_chain", "certificate", "expiration"]
            .map(|name| shown(name).unwrap_or_default())
    };
    let (none, chain) = (|| json!({}), || json!({"ca_chain": ["INT", "INT2"]}));
    assert_eq!(fitted(TLS, none(), none()), ["LEAF\nROOT", "KEY", "ROOT", "", "LEAF", "12000"]);
    assert_eq!(fitted(TLS, chain(), none()), ["LEAF\nINT\nINT2", "KEY", "", "INT\nINT2", "LEAF", "12000"]);
    assert_eq!(fitted(TLS, json!({"issuing_ca": ""}), none()), ["LEAF", "KEY", "", "", "LEAF", "12000"]);
    assert_eq!(fitted("Opaque", chain(), none()), ["", "", "", "INT\nINT2", "LEAF", "12000"]);
    let own = json!({"tls.crt": {"text": "{{ .Secrets.certificate }}!"}, "ca_chain": {"text": "mine"}});
    assert_eq!(fitted(TLS, chain(), own), ["LEAF!", "", "", "mine", "LEAF", "12000"]);
}

#[test]
fn answers_that_hold_no_certificate_are_told() {
    let read = |answer: &VaultAnswer| Certificate::read(answer).err().map(|fault| fault.chain()).unwrap_or_default();
    assert_eq!(read(&VaultAnswer::default()), "Failed to unmarshal PKI response: the response holds no data");
    assert_eq!(
        read(&response(json!({"serial_number": ""}))),
        "Invalid Vault secret data, serial_number cannot be empty"
    );
    assert!(read(&response(json!({"expiration": "soon"}))).starts_with("Failed to unmarshal PKI response"));
    assert!(read(&answer(&json!(["x"]))).starts_with("Failed to unmarshal PKI response"));
}

#[test]
fn a_certificate_that_was_issued_serves_retries_until_its_time() {
    let o = issued(json!({"expiryOffset": "100s"}), json!({}));
    let kept = Issued::new(&o, response(json!({})), at(11_000));
    assert!(kept.serves(&o, at(11_899)) && !kept.serves(&o, at(11_900)) && !kept.is_told(&o));
    assert!(kept.is_told(&issued(json!({}), json!({"serialNumber": "cc:dd"}))));
    let other = issued(json!({"commonName": "api.example.com"}), json!({}));
    assert!(!kept.serves(&other, at(11_001)), "it was asked for something else");
}

#[test]
fn an_edit_that_asks_for_nothing_else_is_no_change() {
    let none = BTreeMap::new();
    let known = basis(&issued(json!({}), json!({})), &none);
    let change = |spec: Value| basis(&issued(spec, json!({})), &none).change(Some(&known));
    assert_eq!(change(json!({"expiryOffset": "5m", "revoke": true, "clear": true})), Change::Nothing);
    assert_eq!(change(json!({"ttl": "2h"})), Change::Asked);
    assert_eq!(change(json!({"destination": {"name": "other", "create": true}})), Change::Asked);
    let moved = BTreeMap::from([("t1/shared".to_owned(), 2)]);
    assert_eq!(basis(&issued(json!({}), json!({})), &moved).change(Some(&known)), Change::Touched);
}

fn told(finish: &Finish) -> Vec<String> {
    let line = |event: &Event| format!("{} {}: {}", event.severity.as_str(), event.reason, event.message);
    finish.events.iter().map(line).collect()
}

fn after<'a>(certificate: &'a Certificate) -> Synced<'a> {
    Synced { certificate, digest: "digest".into(), restarts: Vec::new() }
}

#[test]
fn the_end_of_a_pass_that_issued() {
    let certificate = Certificate::read(&response(json!({}))).expect("a certificate");
    let end = |o: &VaultPKISecret| synced(o, after(&certificate), at(11_000)).expect("it ends");
    let first = end(&object(json!({}), Value::Null));
    assert_eq!(told(&first), ["Normal SecretSynced: Secret synced, horizon=16m40s"]);
    assert_eq!(first.next, Next::At(at(12_000)));
    let status = first.status.expect("a status").value;
    let numbers = json!([status["serialNumber"], status["expiration"], status["lastRotation"], status["secretMAC"]]);
    assert_eq!(numbers, json!(["cc:dd", 12_000, 11_000, "digest"]));
    assert_eq!(json!([status["valid"], status["error"], status["lastGeneration"]]), json!([true, "", 1]));
    let messages: Vec<&Value> =
        status["conditions"].as_array().expect("a list").iter().map(|one| &one["message"]).collect();
    assert_eq!(messages, ["Secret synced, horizon=16m40s", "VaultPKISecretHealthy", "VaultPKISecretReady"]);
    let again = end(&issued(json!({"revoke": true}), json!({"valid": false, "error": "K8sClientError"})));
    assert_eq!(told(&again), ["Normal SecretRotated: Secret synced, horizon=16m40s"]);
    assert_eq!(again.next, Next::At(at(11_000)), "what is superseded is revoked once the status is written");
    let short = end(&issued(json!({"expiryOffset": "1h"}), json!({})));
    assert_eq!(short.next, Next::At(at(11_666)));
    assert!(told(&short)[1].starts_with("Warning InvalidConfiguration: `expiryOffset` is not shorter than"));
    assert!(!restarts(&object(json!({}), Value::Null), true), "the first sync restarts nothing");
    assert!(restarts(&issued(json!({}), json!({})), true) && !restarts(&issued(json!({}), json!({})), false));
}

#[test]
fn failures_keep_the_certificate_and_use_the_peers_words() {
    let backoff = horizon::backoff(GoDuration::from_seconds(5), GoDuration::from_seconds(60), 1.5, 0.5);
    let table = [
        (
            At::Client,
            "Warning VaultClientConfigError: Failed to get Vault client: no",
            "Failed to sync the secret, horizon=4.5s, err=no",
        ),
        (
            At::Missing,
            "Warning K8sClientError: Kubernetes secret \"web-tls\" does not exist yet, horizon=4.5s",
            "Failed to sync the secret, horizon=4.5s, err=no",
        ),
        (At::Fields, "Warning InvalidConfiguration: no", "Failed to sync the secret, horizon=4.5s, err=no"),
        (
            At::Transformation,
            "Warning TransformationError: Failed setting up SecretTransformationOption: no",
            "Failed to sync the secret, horizon=4.5s, err=no",
        ),
        (
            At::Vault,
            "Warning K8sClientError: Failed to issue certificate from Vault: no",
            "Failed to sync the secret, horizon=7.5s, err=no",
        ),
        (At::Data, "Warning K8sClientError: no", "Failed to sync the secret, horizon=4.5s, err=no"),
        (
            At::Write,
            "Warning SecretSyncError: Failed to update k8s secret: no",
            "Secret sync error, horizon=4.5s, err=no",
        ),
    ];
    for (step, event, message) in table {
        let failure = Failure { step, fault: Fault::wrong("no") };
        let finish = failed(&issued(json!({}), json!({})), &failure, &backoff, 1, at(0));
        assert_eq!(told(&finish), [event]);
        let status = finish.status.expect("a status").value;
        assert_eq!(status["conditions"][0]["message"], message);
        assert_eq!(
            json!([status["valid"], status["serialNumber"], status["expiration"]]),
            json!([false, "aa:bb", 11_000])
        );
        assert_eq!(event.split([' ', ':']).nth(1), status["error"].as_str());
    }
}

#[test]
fn what_goes_is_revoked_and_cleared_when_asked_and_is_let_go_in_the_end() {
    let revoking = issued(json!({"revoke": true}), json!({}));
    assert_eq!((to_revoke(&revoking), to_revoke(&issued(json!({}), json!({})))), (Some("aa:bb"), None));
    let unknown = Err(Fault::wrong("certificate with serial aa:bb not found."));
    assert!(
        VaultPKISecret::revoked("aa:bb", unknown).is_ok()
            && VaultPKISecret::revoked("aa:bb", Ok(VaultAnswer::default())).is_ok()
    );
    let denied =
        VaultPKISecret::revoked("aa:bb", Err(Fault::denied("permission denied"))).expect_err("it is not revoked");
    let ends = |failures| released(std::slice::from_ref(&denied), failures, at(0));
    assert_eq!(
        told(&ends(1)),
        ["Warning CertificateRevocationError: Failed to revoke the certificate aa:bb: permission denied"]
    );
    assert_eq!((ends(1).next, ends(3).next, ends(3).failed), (Next::At(at(5)), Next::Settled, false));
    assert_eq!(released(&[], 0, at(0)).next, Next::Settled);
    let clearing = |create: bool, status: Value| {
        object(json!({"clear": true, "destination": {"name": "web-tls", "create": create}}), status)
    };
    let known = json!({"serialNumber": "aa:bb"});
    let (tls, opaque) = (Present { kind: TLS.into(), ..standing(data()) }, standing(data()));
    let names = |data: Option<SecretMap>| data.map(|data| data.names().cloned().collect::<Vec<_>>());
    assert_eq!(names(cleared(&clearing(false, known.clone()), Some(&opaque))), Some(Vec::new()));
    assert_eq!(
        names(cleared(&clearing(false, known.clone()), Some(&tls))),
        Some(vec!["tls.crt".into(), "tls.key".into()])
    );
    assert_eq!(names(cleared(&clearing(true, known.clone()), Some(&opaque))), None, "garbage collection takes it");
    assert_eq!(names(cleared(&clearing(false, Value::Null), Some(&opaque))), None, "it was never ours");
    assert_eq!(names(cleared(&clearing(false, known.clone()), Some(&standing(SecretMap::new())))), None);
    assert_eq!(names(cleared(&clearing(false, known), None)), None);
}
