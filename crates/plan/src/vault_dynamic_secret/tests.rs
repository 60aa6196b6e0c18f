use std::collections::BTreeMap;

use base::{SecretBytes, SecretMap};
use serde_json::{Value, json};

use super::*;
use crate::Present;
use crate::synced::Step as At;

fn object(spec: Value, status: Value) -> VaultDynamicSecret {
    let mut whole = json!({"vaultAuthRef": "app", "mount": "/database/", "path": "creds/app/",
        "destination": {"name": "db", "create": true}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let object = json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultDynamicSecret",
        "metadata": {"name": "db", "namespace": "t1", "generation": 1, "uid": "u"}, "spec": whole, "status": status});
    serde_json::from_value(object).expect("a test's own object")
}

/// Synced at 00:00:00 with a lease of a hundred seconds.
fn leased(spec: Value) -> VaultDynamicSecret {
    object(spec, status(json!({})))
}

fn status(extra: Value) -> Value {
    let mut status = json!({"lastGeneration": 1, "lastRenewalTime": at("00:00").as_second(),
        "secretLease": {"id": "database/creds/app/one", "duration": 100, "renewable": true, "requestID": "r1"},
        "vaultClientMeta": {"cacheKey": "kubernetes-1", "id": "one"}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        status[key] = value.clone();
    }
    status
}

fn at(minutes: &str) -> Timestamp {
    format!("2026-01-01T00:{minutes}Z").parse().expect("a test's own moment")
}

fn client(cache_key: &str, id: &str) -> VaultClientMeta {
    VaultClientMeta { cache_key: Some(cache_key.into()), id: Some(id.into()) }
}

fn step(o: &VaultDynamicSecret, facts: &Facts<'_>, now: &str) -> String {
    match decide(o, facts, at(now)) {
        Step::Wait(finish) => {
            let noted = if finish.status.is_some() { ", noted" } else { "" };
            match finish.next {
                Next::At(moment) => format!("wait until {}{noted}", moment.strftime("%M:%S%.f")),
                other => format!("wait: {other:?}{noted}"),
            }
        }
        Step::Renew(ask) => format!("renew {}", Value::Object(ask.call.body)),
        Step::Issue(reason) => format!("issue {reason:?}"),
    }
}

#[test]
fn a_lease_is_left_alone_until_its_time_and_whatever_ends_it_is_named() {
    let ours = client("kubernetes-1", "one");
    let quiet =
        Facts { client: &ours, change: Change::Unknown, token: LeaseToken::Ours, is_present: true, has_drifted: false };
    let o = leased(json!({}));
    assert_eq!(step(&o, &quiet, "00:10"), "wait until 01:17", "whoever made it, and after a restart");
    assert_eq!(step(&o, &quiet, "01:06.9"), "wait until 01:08");
    assert_eq!(step(&leased(json!({"renewalPercent": 10})), &quiet, "00:05"), "wait until 00:20");
    let renewal = r#"renew {"increment":100,"lease_id":"database/creds/app/one"}"#;
    assert_eq!(step(&o, &quiet, "01:07"), renewal);
    assert_eq!(step(&o, &quiet, "59:00"), renewal, "the server says whether it still stands");
    let foreign = Facts { token: LeaseToken::Foreign, ..quiet };
    assert_eq!(step(&o, &foreign, "00:05"), "wait until 01:05", "nobody keeps its token alive: look again");
    let lease = |lease: Value| object(json!({}), status(json!({"secretLease": lease})));
    let fixed = lease(json!({"id": "x", "duration": 100, "renewable": false, "requestID": ""}));
    assert_eq!(
        (step(&fixed, &quiet, "00:10"), step(&fixed, &quiet, "01:10")),
        ("wait until 01:17".into(), "issue Due".into())
    );
    let endless = lease(json!({"id": "", "duration": 0, "renewable": false, "requestID": ""}));
    assert_eq!(step(&endless, &quiet, "30:00"), "wait: Settled");
    let again = VaultDynamicSecret { spec: leased(json!({"refreshAfter": "5m"})).spec, ..endless };
    assert_eq!(
        (step(&again, &quiet, "03:00"), step(&again, &quiet, "03:30")),
        ("wait until 03:51".into(), "issue Due".into())
    );

    let reasons = [
        (object(json!({}), Value::Null), quiet, "InitialSync"),
        (leased(json!({})), Facts { change: Change::Touched, ..quiet }, "ForceSync"),
        (leased(json!({})), Facts { is_present: false, ..quiet }, "InexistentDestination"),
        (leased(json!({})), Facts { has_drifted: true, ..quiet }, "SecretDataDrift"),
        (leased(json!({})), Facts { client: &client("kubernetes-2", "one"), ..quiet }, "VaultClientConfigChanged"),
        (leased(json!({})), Facts { token: LeaseToken::Ended, ..quiet }, "VaultTokenRotated"),
    ];
    for (o, facts, reason) in reasons {
        assert_eq!(step(&o, &facts, "00:10"), format!("issue {reason}"));
    }
}

#[test]
fn only_an_edit_of_the_request_issues_new_credentials() {
    let ours = client("kubernetes-1", "one");
    let none = BTreeMap::new();
    let before = leased(json!({}));
    let known = basis(&before, &none);
    let edited = |spec: Value, labels: Value, transformations: &BTreeMap<String, i64>| {
        let mut o = leased(spec);
        o.metadata.generation = Some(2);
        o.metadata.labels = serde_json::from_value(labels).expect("labels");
        let annotation = ("kubectl.kubernetes.io/last-applied-configuration".to_owned(), "{}".to_owned());
        o.metadata.annotations = Some([annotation].into());
        let change = basis(&o, transformations).change(Some(&known));
        let facts = Facts { client: &ours, change, token: LeaseToken::Ours, is_present: true, has_drifted: false };
        step(&o, &facts, "00:10")
    };
    assert_eq!(edited(json!({"revoke": true, "renewalPercent": 50}), json!({}), &none), "wait until 01:00, noted");
    assert_eq!(edited(json!({"path": "creds/other"}), json!({}), &none), "issue ResourceUpdated");
    assert_eq!(edited(json!({"params": {"a": "b"}}), json!({}), &none), "issue ResourceUpdated");
    assert_eq!(edited(json!({}), json!({"a": "b"}), &none), "issue ForceSync");
    assert_eq!(edited(json!({}), json!({}), &[("t1/urls".to_owned(), 2)].into()), "issue ForceSync");
    let mut forgotten = before;
    forgotten.metadata.generation = Some(2);
    let facts =
        Facts { client: &ours, change: Change::Unknown, token: LeaseToken::Ours, is_present: true, has_drifted: false };
    assert_eq!(step(&forgotten, &facts, "00:10"), "issue ResourceUpdated");
}

#[test]
fn a_request_is_the_methods() {
    let asked = |spec| {
        let call = call(&object(spec, Value::Null));
        format!("{:?} {} {} {}", call.method, call.path, Value::Object(call.body), call.repeatable)
    };
    assert_eq!(asked(json!({})), "Get database/creds/app {} false");
    assert_eq!(asked(json!({"requestHTTPMethod": "GET"})), "Get database/creds/app {} false");
    assert_eq!(asked(json!({"requestHTTPMethod": "POST"})), "Put database/creds/app {} false");
    let written = r#"Put database/creds/app {"ttl":"1h"} false"#;
    assert_eq!(asked(json!({"params": {"ttl": "1h"}, "requestHTTPMethod": "GET"})), written);
}

fn answer(lease_id: &str, lease_duration: i64, renewable: bool) -> VaultAnswer {
    let (lease_id, request_id) = (lease_id.to_owned(), "r2".to_owned());
    VaultAnswer { lease_id, lease_duration, renewable, request_id, ..VaultAnswer::default() }
}

#[test]
fn a_renewal_keeps_the_lease_or_says_why_not() {
    let o = leased(json!({}));
    let judged_for = |maker: &str, answer: Result<VaultAnswer, Fault>| match renewed(
        &o,
        &client("kubernetes-1", maker),
        answer,
        at("01:10"),
    ) {
        Renewed::Kept(finish) => {
            let status = finish.status.expect("a status").value;
            assert_eq!(status["lastRenewalTime"], at("01:10").as_second());
            format!(
                "{} | {}",
                finish.events[0].message,
                status["conditions"][1]["message"].as_str().unwrap_or_default()
            )
        }
        Renewed::Replace(events) => events.iter().map(|event| format!("{}: {}", event.reason, event.message)).collect(),
        Renewed::Again(fault) => format!("again: {}", fault.chain()),
    };
    let judged = |answer| judged_for("one", answer);
    let id = "database/creds/app/one";
    assert_eq!(
        judged(Ok(answer(id, 100, true))),
        format!("Renewed lease, lease_id={id}, horizon=1m17s | Updated for lease renewal")
    );
    let adopted = judged_for("two", Ok(answer(id, 100, true)));
    assert!(adopted.contains("horizon=1m0s"), "nobody keeps the token alive on which it hangs: {adopted}");
    let truncated =
        "SecretLeaseRenewal: Lease renewal duration was truncated from 100s to 40s, requesting new credentials";
    assert_eq!(judged(Ok(answer(id, 40, true))), truncated);
    assert_eq!(
        judged(Ok(answer("other", 100, true))),
        format!("SecretLeaseRenewal: lease ID changed after renewal, expected={id}, actual=other")
    );
    for gone in ["lease not found", "lease expired", "invalid lease"] {
        assert_eq!(judged(Err(Fault::wrong(format!("Code: 400. Errors:\n\n* {gone}")))), "");
    }
    let denied = format!("SecretLeaseRenewalError: Could not renew lease, lease_id={id}, err=no");
    assert_eq!(judged(Err(Fault::denied("no"))), denied);
    assert_eq!(judged(Err(Fault::unreachable("away"))), "again: away", "the credentials may still work");
}

#[test]
fn what_was_issued_is_told_and_failures_leave_it() {
    let mut o = object(json!({"revoke": true}), Value::Null);
    let issued = |o: &VaultDynamicSecret, answer: &VaultAnswer, ends_in, now: &str| {
        let (client, restarts) = (client("kubernetes-1", "one"), Vec::new());
        let (reason, digest) = (SyncReason::InitialSync, "digest".to_owned());
        let after = Synced { reason, answer, ends_in, digest, restarts, client, pod_uid: "pod" };
        synced(o, &after, at(now))
    };
    assert!(!restarts(&o, true), "the first sync restarts nothing");
    let first = issued(&o, &answer("database/creds/app/one", 100, true), None, "00:00");
    let text = "Secret synced, lease_id=\"database/creds/app/one\", horizon=1m17s, sync_reason=\"InitialSync\"";
    assert_eq!(first.events, [Event::normal("SecretSynced", text)]);
    assert_eq!(first.next, Next::At(at("01:17")));
    let told = first.status.expect("a status").value;
    let lease = json!({"id": "database/creds/app/one", "duration": 100, "renewable": true, "requestID": "r2"});
    assert_eq!((&told["secretLease"], &told["lastRuntimePodUID"]), (&lease, &json!("pod")));
    assert_eq!(told["secretMAC"], "digest");
    o.status = serde_json::from_value(told.clone()).expect("it reads itself");
    assert!(restarts(&o, true) && !restarts(&o, false));
    assert_eq!(lease_to_end(&o), Some("database/creds/app/one"));
    assert_eq!(superseded(&o, &answer("two", 1, true)), Some("database/creds/app/one"));
    assert_eq!(superseded(&o, &answer("database/creds/app/one", 1, true)), None);

    let backoff = horizon::backoff(GoDuration::from_seconds(5), GoDuration::from_seconds(60), 1.5, 0.5);
    let failure = Failure { step: At::Vault, fault: Fault::unreachable("away") };
    let failed = failed(&o, &failure, &backoff, 1, at("00:30")).status.expect("a status").value;
    assert_eq!(failed["conditions"][0]["message"], "Failed to sync the secret, horizon=7.5s, err=away");
    assert_eq!(failed["secretLease"], told["secretLease"]);

    let second = issued(&o, &answer("", 0, false), Some(50), "02:00");
    assert_eq!((&second.events[0].reason, &second.next), (&"SecretRotated".to_owned(), &Next::At(at("02:38.5"))));
    let third = issued(&o, &answer("", 0, false), None, "03:00");
    assert_eq!((third.events.len(), &third.next), (2, &Next::Settled));
    assert!(
        third.events[1].message.contains("will never be refreshed")
            && third.events[1].message.contains("`refreshAfter`")
    );
    let ready = &third.status.expect("a status").value["conditions"][2];
    assert_eq!((&ready["type"], &ready["status"]), (&json!("Ready"), &json!("True")));
    assert!(ready["message"].as_str().is_some_and(|text| text.contains("never be refreshed")), "{ready}");
}

#[test]
fn what_waits_tells_no_failure_that_is_over() {
    let ours = client("kubernetes-1", "one");
    let quiet =
        Facts { client: &ours, change: Change::Nothing, token: LeaseToken::Ours, is_present: true, has_drifted: false };
    let told = |o: &VaultDynamicSecret| match decide(o, &quiet, at("00:10")) {
        Step::Wait(finish) => finish.status.map(|status| {
            let all = status.value["conditions"].as_array().cloned().unwrap_or_default();
            let one = |one: &Value| {
                format!("{}={}@{}: {}", one["type"], one["status"], one["observedGeneration"], one["message"])
            };
            all.iter().map(one).collect::<Vec<_>>().join("; ").replace('"', "")
        }),
        _ => panic!("it waits"),
    };
    let mut o = leased(json!({}));
    let failure = Failure { step: At::Client, fault: Fault::unreachable("away") };
    let backoff = horizon::backoff(GoDuration::from_seconds(5), GoDuration::from_seconds(60), 1.5, 0.5);
    assert_eq!(told(&o), None);
    let failed = failed(&o, &failure, &backoff, 1, at("00:05")).status.expect("a status").value;
    o.status = serde_json::from_value(failed).expect("it reads itself");
    let well = "SecretSynced=True@1: Secret synced; Healthy=True@1: VaultDynamicSecretHealthy; Ready=True@1: VaultDynamicSecretReady";
    assert_eq!(told(&o).as_deref(), Some(well), "Vault is back, and the lease has stood all the time");
    o.metadata.generation = Some(2);
    assert_eq!(told(&o), Some(well.replace("@1", "@2")), "an edit that asks for nothing is noted everywhere");
}

#[test]
fn a_response_may_say_when_it_ends() {
    let ends = |text: &str| ends_in(&Response::parse(text.as_bytes(), false).expect("a response"), at("00:00"));
    assert_eq!(ends(r#"{"ttl":30}"#), Some(30));
    assert_eq!(ends(r#"{"ttl":"1h"}"#), Some(3600));
    assert_eq!(ends(&format!(r#"{{"expiration":{}}}"#, at("02:00").as_second())), Some(120));
    assert_eq!(ends(r#"{"valid_before":"2026-01-01T00:03:00Z"}"#), Some(180));
    assert_eq!((ends(r#"{"ttl":0}"#), ends(r#"{"ttl":"soon"}"#), ends("{}")), (None, None, None));
}

#[test]
fn the_lease_of_an_object_that_goes_is_ended_unless_it_shall_not() {
    assert_eq!(lease_to_end(&leased(json!({}))), Some("database/creds/app/one"));
    assert_eq!(lease_to_end(&leased(json!({"revoke": false}))), None);
    let lease = json!({"id": "", "duration": 0, "renewable": false, "requestID": ""});
    assert_eq!(lease_to_end(&object(json!({}), status(json!({"secretLease": lease})))), None);
    assert_eq!(superseded(&leased(json!({})), &answer("two", 1, true)), None, "the peer leaves it, too");
    let fault = || Err(Fault::unreachable("away"));
    let again = released("x", &fault(), 1, at("00:00"));
    assert_eq!((again.failed, again.next), (true, Next::At(at("00:05"))));
    let given_up = released("x", &fault(), crate::issued::REVOCATIONS, at("00:00"));
    assert_eq!((given_up.failed, given_up.next), (false, Next::Settled));
    assert_eq!(given_up.events, [Event::warning("SecretLeaseRevoke", "Failed to revoke lease: away")]);
    let done = released("x", &Ok(()), 0, at("00:00"));
    assert_eq!(done.events, [Event::normal("SecretLeaseRevoke", "Lease revoked: x")]);
}

#[test]
fn an_answer_serves_until_a_status_tells_of_it() {
    let o = leased(json!({}));
    let issued = Issued::new(&o, answer("two", 100, true), at("00:00"));
    assert!(!issued.is_told(&o) && issued.serves(&o, at("01:00")) && !issued.serves(&o, at("01:30")));
    assert!(!issued.serves(&leased(json!({"path": "creds/other"})), at("00:10")));
    let lease = json!({"id": "two", "duration": 100, "renewable": true, "requestID": "r2"});
    let told = object(json!({}), status(json!({"secretLease": lease})));
    assert!(issued.is_told(&told) && !issued.has_lost(&told) && !issued.has_lost(&o));
    let lease = json!({"id": "three", "duration": 100, "renewable": true, "requestID": "r3"});
    assert!(issued.has_lost(&object(json!({}), status(json!({"secretLease": lease})))), "another operator was faster");
}

#[test]
fn foreign_leases_are_looked_up() {
    let o = leased(json!({}));
    assert!(lookup(&o, &client("kubernetes-1", "one")).is_none());
    let call = lookup(&o, &client("kubernetes-1", "two")).expect("another token made it");
    assert_eq!((call.path.as_str(), call.repeatable), ("sys/leases/lookup", true));
    assert_eq!(looked_up(&Err(Fault::wrong("* invalid lease"))), LeaseToken::Ended);
    for answer in [Ok(VaultAnswer::default()), Err(Fault::denied("no")), Err(Fault::unreachable("away"))] {
        assert_eq!(looked_up(&answer), LeaseToken::Foreign);
    }
}

const KEY: &[u8] = b"0123456789abcdef";

/// What Vault says of a static role with a period of ten minutes.
fn fixed(last: &str, ttl: i64) -> VaultAnswer {
    let last = format!("2026-01-01T00:{last}.123456789Z");
    let text = json!({"username": "u", "password": format!("p-{last}"), "ttl": ttl, "rotation_period": 600, "last_vault_rotation": last});
    VaultAnswer { data: Some(SecretBytes::from(text.to_string().as_str())), ..answer("", 0, false) }
}

fn parsed(answer: &VaultAnswer) -> Response {
    Response::parse(answer.data.as_ref().expect("data").expose(), false).expect("it parses")
}

fn data(last: &str, ttl: &str) -> SecretMap {
    [("password", format!("p-{last}").as_str()), ("ttl", ttl), ("username", "u")].into_iter().collect()
}

fn pass(o: &VaultDynamicSecret, (last, ttl): (&str, i64), changed: bool, now: &str) -> Finish {
    let answer = &fixed(last, ttl);
    let rotation = static_role::rotation(o, answer, &parsed(answer)).expect("a static role");
    let digest = static_role::digest(KEY, &data(last, "1"));
    let (reason, client, restarts, pod_uid) = (SyncReason::Due, client("kubernetes-1", "one"), Vec::new(), "");
    let read = static_role::Read { reason, answer, rotation, digest, changed, restarts, client, pod_uid };
    static_role::read(o, &read, at(now))
}

#[test]
fn a_static_role_is_written_and_restarted_for_only_when_it_rotates() {
    let mut o = object(json!({"allowStaticCreds": true}), Value::Null);
    let plain = object(json!({}), Value::Null);
    let first = fixed("00:00", 600);
    assert!(static_role::rotation(&plain, &first, &parsed(&first)).is_none(), "only where it is allowed");
    let done = pass(&o, ("00:00", 600), true, "00:00");
    assert_eq!(done.next, Next::At(at("10:00.5")));
    let told = done.status.expect("a status").value;
    assert_eq!(
        told["staticCredsMetaData"],
        json!({"lastVaultRotation": at("00:00").as_second(), "rotationPeriod": 600, "ttl": 600})
    );
    o.status = serde_json::from_value(told.clone()).expect("it reads itself");
    assert!(static_role::is_known(&o) && call(&o).repeatable);
    let (same, other) = (static_role::digest(KEY, &data("00:00", "9")), static_role::digest(KEY, &data("10:00", "9")));
    let present = Present { data: data("00:00", "600"), ..Present::default() };
    assert!(!static_role::is_due(&o, &same, KEY, Some(&present)) && !static_role::restarts(&o, &same, true));
    assert!(static_role::is_due(&o, &other, KEY, Some(&present)) && static_role::restarts(&o, &other, true));
    assert!(static_role::is_due(&o, &same, KEY, None), "the Secret is gone");
    // A restart, another token: the same moment of rotation, so not a word changes.
    let again = pass(&o, ("00:00", 420), false, "03:00");
    assert_eq!((again.events.len(), again.status.expect("a status").value), (0, told));
    // At its time the old credentials are still told: ask again soon.
    assert_eq!(pass(&o, ("00:00", 0), false, "10:00").next, Next::At(at("10:01")));
    assert_eq!(
        pass(&o, ("00:00", 600), false, "10:02").next,
        Next::At(at("10:03")),
        "the ttl jumped before the rotation"
    );
    let rotated = pass(&o, ("10:00", 598), true, "10:02");
    let text = "Secret synced, lease_id=\"\", horizon=9m58.5s, sync_reason=\"\"";
    assert_eq!(rotated.events, [Event::normal("SecretRotated", text)]);
    let often = VaultDynamicSecret {
        spec: object(json!({"allowStaticCreds": true, "refreshAfter": "100s"}), Value::Null).spec,
        ..o
    };
    assert_eq!(
        pass(&often, ("00:00", 420), false, "03:00").next,
        Next::At(at("04:30")),
        "to notice a rotation by hand"
    );
}
