//! When a refresh is due, what comes of answers, and how a pass ends. Specification: ESO §6.2, §6.3, §6.5, §6.7.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::Value;

use super::*;

const NOW: &str = "2026-01-01T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a test's own timestamp")
}

fn object(spec: Value) -> ExternalSecret {
    let mut all = json!({"refreshInterval": "1h", "secretStoreRef": {"name": "s"},
        "data": [{"secretKey": "k", "remoteRef": {"key": "r"}}]});
    for (key, value) in spec.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    let meta = json!({"name": "db", "namespace": "n", "uid": "u", "generation": 2});
    serde_json::from_value(json!({"metadata": meta, "spec": all})).expect("a test's own object")
}

fn synced_at(mut es: ExternalSecret, version: Option<&str>, refreshed: &str) -> ExternalSecret {
    let version = version.map_or_else(|| hash::version_of(&es.metadata), str::to_owned);
    let status = json!({"refreshTime": refreshed, "syncedResourceVersion": version});
    es.status = Some(serde_json::from_value(status).expect("a test's own status"));
    es
}

/// `now`, or the moment of the next look, or `settled`.
fn due_of(es: &ExternalSecret, standing: Standing, renew_at: Option<&str>) -> String {
    let renew_at = renew_at.map(at);
    let now = Now { stores: &[], standing, refreshed: None, renew_at, class: "default", now: at(NOW) };
    match due(es, &now).expect("the spec can be read") {
        Due::Now(_) => "now".to_owned(),
        Due::Not(finish) => next_of(&finish),
    }
}

fn next_of(finish: &Finish) -> String {
    match &finish.next {
        Next::At(moment) => moment.to_string(),
        Next::Settled => "settled".to_owned(),
        Next::Retry => "retry".to_owned(),
    }
}

#[test]
fn an_interval_that_cannot_be_read_is_told_before_anything_is_read() {
    for (spec, expected) in [
        (json!({"refreshInterval": "1d"}), Some("time: unknown unit \"d\" in duration \"1d\"")),
        (json!({"refreshInterval": "10"}), Some("time: missing unit in duration \"10\"")),
        (json!({"refreshInterval": "1d", "refreshPolicy": "OnChange"}), None),
    ] {
        let es = object(spec);
        let (standing, class) = (Standing::Absent, "default");
        let now = Now { stores: &[], standing, refreshed: None, renew_at: None, class, now: at(NOW) };
        let told = due(&es, &now).err().map(|fault| not_read(fault).chain());
        assert_eq!(told.is_some(), expected.is_some());
        if let (Some(told), Some(expected)) = (told, expected) {
            assert!(told.starts_with(NO_DATA) && told.ends_with(expected), "{told}");
        }
    }
}

#[test]
fn a_target_that_comes_late_is_merged_into_at_once() {
    let mut es = synced_at(object(json!({"target": {"creationPolicy": "Merge"}})), None, "2026-01-01T11:30:00Z");
    assert_eq!(due_of(&es, Standing::Whole, None), "2026-01-01T12:30:00Z");
    let missing = conditions::condition("Ready", true, "SecretMissing", "", at(NOW));
    conditions::set(&mut es.status.as_mut().expect("it is synced").conditions, missing);
    for (standing, expected) in [(Standing::Absent, "2026-01-01T12:30:00Z"), (Standing::Whole, "now")] {
        assert_eq!(due_of(&es, standing, None), expected);
    }
}

#[test]
fn a_refresh_is_due_as_the_policy_says() {
    let (old, young) = ("2026-01-01T10:00:00Z", "2026-01-01T11:30:00Z");
    let whole = Standing::Whole;
    for (name, spec, version, refreshed, standing, expected) in [
        ("interval over", json!({}), None, old, whole, "now"),
        ("interval runs", json!({}), None, young, whole, "2026-01-01T12:30:00Z"),
        ("interval runs, target changed", json!({}), None, young, Standing::Changed, "now"),
        ("interval runs, target gone", json!({}), None, young, Standing::Absent, "now"),
        ("spec changed", json!({}), Some("1-abc"), young, whole, "now"),
        ("clock went back", json!({}), None, "2026-01-02T00:00:00Z", whole, "now"),
        ("no interval", json!({"refreshInterval": "0"}), None, old, whole, "settled"),
        ("no interval, spec changed", json!({"refreshInterval": "0"}), Some("1-abc"), old, whole, "settled"),
        ("created once", json!({"refreshPolicy": "CreatedOnce"}), Some("1-abc"), old, whole, "settled"),
        ("on change, same", json!({"refreshPolicy": "OnChange"}), None, old, whole, "settled"),
        ("on change, changed", json!({"refreshPolicy": "OnChange"}), Some("1-abc"), old, whole, "now"),
        (
            "merge, no target",
            json!({"target": {"creationPolicy": "Merge"}}),
            None,
            young,
            Standing::Absent,
            "2026-01-01T12:30:00Z",
        ),
        (
            "orphan, changed",
            json!({"target": {"creationPolicy": "Orphan"}}),
            None,
            young,
            Standing::Changed,
            "2026-01-01T12:30:00Z",
        ),
    ] {
        let es = synced_at(object(spec), version, refreshed);
        assert_eq!(due_of(&es, standing, None), expected, "{name}");
    }
    assert_eq!(due_of(&object(json!({})), whole, None), "now", "never synced");
    for (key, value, expected) in [
        ("force-sync", "1767264000", "now"),
        ("external-secrets.io/force-sync", "2026-01-01T11:00:00Z", "now"),
        ("force-sync", "1767250000", "settled"),
        ("force-sync", "1999999999", "settled"),
        ("force-sync", "yes", "settled"),
        ("other", "1767264000", "settled"),
    ] {
        let mut es = object(json!({"refreshInterval": "0"}));
        es.metadata.annotations = Some([(key.to_owned(), value.to_owned())].into());
        assert_eq!(due_of(&synced_at(es, Some("1-abc"), old), whole, None), expected, "{key} {value}");
    }
}

#[test]
fn what_ends_is_renewed_before_the_interval_is_over() {
    let es = synced_at(object(json!({})), None, "2026-01-01T11:30:00Z");
    for (renew_at, expected) in [
        ("2026-01-01T12:10:00Z", "2026-01-01T12:10:00Z"),
        ("2026-01-01T11:59:00Z", "now"),
        ("2026-01-01T13:00:00Z", "2026-01-01T12:30:00Z"),
    ] {
        assert_eq!(due_of(&es, Standing::Whole, Some(renew_at)), expected);
    }
}

fn facts(target: Option<Present>, answer: Result<Answer, Fault>) -> Facts {
    let what = What::Value(source::RemoteRef { key: "r".to_owned(), ..source::RemoteRef::default() });
    let read = Read {
        entry: due::Entry::Data(0),
        store: (api::external_secrets::StoreKind::SecretStore, "s".to_owned()),
        what,
    };
    Facts {
        target: Found::of(target),
        orphans: Vec::new(),
        read: vec![(read, answer)],
        made: Vec::new(),
        sources: Ok(Sources::default()),
        delimiters: Delimiters::default(),
        now: at(NOW),
    }
}

fn value(text: &str) -> Result<Answer, Fault> {
    Ok(Answer::Value(SecretValue::text(text)))
}

fn missing() -> Result<Answer, Fault> {
    Err(Fault::not_found("it is not there"))
}

fn ours() -> Present {
    let owner = crate::present::OwnerRef { uid: "u".to_owned(), controller: Some(true), ..Default::default() };
    Present {
        namespace: "n".to_owned(),
        name: "db".to_owned(),
        uid: "s".to_owned(),
        owners: vec![owner],
        ..Present::default()
    }
}

/// The writes in a word each, and the condition; or the fault.
fn decided(spec: Value, facts: Facts) -> String {
    let after = match decide(&object(spec), facts, &mut ChaCha20Rng::from_seed([7; 32])) {
        Ok(after) => after,
        Err(fault) => return fault.chain(),
    };
    let word = |write: &Write| match write {
        Write::CreateSecret { .. } => "create",
        Write::ReplaceSecret { .. } => "replace",
        Write::Delete { .. } => "delete",
        _ => "other",
    };
    let writes: Vec<&str> = after.writes.iter().map(word).collect();
    let condition = &after.finish.status.expect("a pass says how it ended").value["conditions"][0];
    let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    format!("[{}] {} {}: {}", writes.join(" "), text("status"), text("reason"), text("message"))
}

/// What a provider answers, to be asked more than once.
type AnswerOf = fn() -> Result<Answer, Fault>;

#[test]
fn the_policies_say_what_is_written() {
    let policies =
        |creation: &str, deletion: &str| json!({"target": {"creationPolicy": creation, "deletionPolicy": deletion}});
    let synced = "True SecretSynced: secret synced";
    let kept = "[] True SecretSynced: secret retained due to DeletionPolicy=Retain";
    let gone = "True SecretDeleted: secret deleted due to DeletionPolicy=Delete";
    let not_read =
        "could not get secret data from provider: error processing spec.data[0] (key: r), err: it is not there";
    let (there, missing): (AnswerOf, AnswerOf) = (|| value("v"), missing);
    for (creation, deletion, target, answer, expected) in [
        ("Owner", "Retain", None, there, format!("[create] {synced}")),
        ("Owner", "Retain", Some(ours()), there, format!("[replace] {synced}")),
        ("Orphan", "Retain", None, there, format!("[create] {synced}")),
        ("CreateOrMerge", "Retain", Some(ours()), there, format!("[replace] {synced}")),
        ("Merge", "Retain", Some(ours()), there, format!("[replace] {synced}")),
        (
            "Merge",
            "Retain",
            None,
            there,
            "[] True SecretMissing: secret will not be created due to CreationPolicy=Merge".to_owned(),
        ),
        ("None", "Retain", None, there, format!("[] {synced}")),
        ("Owner", "Retain", Some(ours()), missing, not_read.to_owned()),
        ("Owner", "Delete", Some(ours()), missing, format!("[delete] {gone}")),
        ("Owner", "Delete", None, missing, format!("[] {gone}")),
        (
            "Owner",
            "Delete",
            Some(Present::default()),
            missing,
            "[] False SecretSyncedError: could not delete secret".to_owned(),
        ),
        ("Orphan", "Delete", Some(ours()), missing, "[] False SecretSyncedError: could not delete secret".to_owned()),
        ("Owner", "Merge", Some(ours()), missing, format!("[replace] {synced}")),
    ] {
        // A target that need not be read is decided on in the same way.
        if let Some(Present { uid, resource_version, owners, .. }) = target.clone() {
            let mut unread = facts(None, answer());
            unread.target = Found::Unread { uid, resource_version, owners };
            assert_eq!(decided(policies(creation, deletion), unread), expected, "{creation} {deletion} unread");
        }
        let said = decided(policies(creation, deletion), facts(target, answer()));
        assert_eq!(said, expected, "{creation} {deletion}");
    }
    let mut nothing = facts(None, value("v"));
    nothing.read.clear();
    assert_eq!(decided(json!({"data": []}), nothing), kept);
}

/// A generator's values in `dataFrom[0]`, whose end is so many seconds ahead.
fn renewal(spec: Value, life: i64) -> (String, Vec<String>) {
    let mut spec = spec;
    spec["data"] = json!([]);
    spec["dataFrom"] = json!([{"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}}]);
    let values = [("k".to_owned(), SecretBytes::from("v"))].into_iter().collect();
    let expires = at(NOW).checked_add(jiff::SignedDuration::from_secs(life)).ok();
    let mut facts = facts(None, value("v"));
    facts.read.clear();
    facts.made = vec![(0, Made { values, state: None, expires })];
    let after = decide(&object(spec), facts, &mut ChaCha20Rng::from_seed([7; 32])).expect("it can be decided");
    let told = after.finish.events.iter().map(|event| format!("{}: {}", event.reason, event.message)).collect();
    (next_of(&after.finish), told)
}

#[test]
fn the_margin_is_a_minute_or_a_tenth_and_never_more_than_half() {
    for (life, expected) in [
        (600, "2026-01-01T12:09:00Z"),
        (1800, "2026-01-01T12:27:00Z"),
        (60, "2026-01-01T12:00:30Z"),
        (86_400, "2026-01-01T13:00:00Z"),
    ] {
        assert_eq!(renewal(json!({}), life), (expected.to_owned(), Vec::new()), "{life}");
    }
    let told = "ValueExpires: a generated value ends at 2026-01-01T12:10:00Z, and nothing refreshes it".to_owned();
    for spec in [json!({"refreshInterval": "0"}), json!({"refreshPolicy": "CreatedOnce"})] {
        assert_eq!(renewal(spec, 600), ("settled".to_owned(), vec![told.clone()]));
    }
}

/// What the API server would refuse for its size is told and not tried again before the next refresh.
#[test]
fn a_secret_of_more_than_a_mebibyte_is_not_sent() {
    let large = "x".repeat(base::limit::SECRET_BYTES);
    assert_eq!(decided(json!({}), facts(None, value(&large))), "[create] True SecretSynced: secret synced");
    let told = decided(json!({}), facts(None, value(&format!("{large}x"))));
    let expected = "could not update secret: the Secret would be larger than the API server takes: its values have 1048577 bytes, and 1048576 is the most";
    assert_eq!(told, expected);
    let rule = TargetRule { name: "db".to_owned(), policy: CreationPolicy::Merge, is_immutable: false };
    let standing = Present { data: [("foreign", large.as_str())].into_iter().collect(), ..ours() };
    let mut target = Target::new("n", "db");
    target.data.insert("k", "v");
    let fault = crate::Rule::over(&rule, &target, &standing).err().map(not_written).expect("together it is too much");
    let finish = failed(&object(json!({})), &fault, at(NOW));
    assert_eq!(next_of(&finish), "2026-01-01T13:00:00Z");
}

#[test]
fn a_failed_pass_tells_the_peers_sentence_and_is_tried_again_unless_it_is_final() {
    let es = synced_at(object(json!({})), None, "2026-01-01T11:30:00Z");
    for (fault, message, event, next) in [
        (
            Fault::unreachable("it is away").within(NO_DATA),
            "could not get secret data from provider: it is away",
            "it is away",
            "retry",
        ),
        (Fault::wrong("odd"), "could not update secret: odd", "odd", "retry"),
        (Fault::wrong(GENERIC_TARGET), GENERIC_TARGET, GENERIC_TARGET, "settled"),
        (Fault::wrong("bad").within(NO_DATA), "could not get secret data from provider: bad", "bad", "retry"),
        (Fault::wrong(rule::IMMUTABLE), rule::IMMUTABLE, "secret is immutable", "settled"),
        (Fault::dry("who knows"), "could not update secret: who knows", "who knows", "settled"),
    ] {
        let finish = failed(&es, &fault, at(NOW));
        let status = finish.status.as_ref().expect("a failure is told").value.clone();
        assert_eq!((status["conditions"][0]["message"].as_str(), &*finish.events[0].message), (Some(message), event));
        assert_eq!(status["refreshTime"], "2026-01-01T11:30:00Z", "the next pass tries again");
        assert_eq!(next_of(&finish), next, "{message}");
    }
}
