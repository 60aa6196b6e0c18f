//! Calls and answers against a stand-in server: paths, headers, envelopes, refusals, nonsense.

use std::time::Duration;

use base::{Fault, Kind, SecretBytes, SecretText};

use crate::client::Client;
use crate::retry::{Retry, Wait};
use crate::stand_in::{Asked, Reply, StandIn, everything};
use crate::vault::call::Call;
use crate::vault::connection::{Connection, Settings};
use crate::vault::refusal::Refusal;
use crate::vault::response::{Response, members};

fn settings(server: &StandIn) -> Settings {
    let retry = Retry { wait: Wait::Fixed(Duration::ZERO), ..Retry::vault() };
    Settings { retry, ..Settings::new(server.url("/")) }
}

fn connect(settings: Settings) -> Connection {
    Connection::open(&Client::new(crate::client::Settings::default()), settings).unwrap()
}

async fn answered(status: u16, body: &'static str) -> (Result<Response, Fault>, usize) {
    let server = StandIn::start(move |_, _| Reply::new(status, body)).await;
    let response = connect(settings(&server)).send(&Call::read("kv/data/a"), None).await;
    (response, server.count())
}

async fn asked(change: impl FnOnce(&mut Settings), call: Call) -> Asked {
    let server = StandIn::start(|_, _| Reply::new(204, "")).await;
    let mut settings = settings(&server);
    change(&mut settings);
    connect(settings).send(&call, Some(&SecretText::from("t"))).await.unwrap();
    server.asked()[0].clone()
}

#[tokio::test]
async fn every_call_has_its_path_and_method() {
    let body = || SecretBytes::from("{}");
    let cases = [
        (Call::read("kv/data/a b/c%2F?#"), "GET /v1/kv/data/a%20b/c%252F%3F%23"),
        (Call::read("/kv//data/a/").query("version", "3"), "GET /v1/kv/data/a?version=3"),
        (Call::list("kv/metadata/a/"), "GET /v1/kv/metadata/a?list=true"),
        (Call::write("kv/a", body()), "PUT /v1/kv/a"),
        (Call::write_nothing("auth/token/revoke-self"), "PUT /v1/auth/token/revoke-self"),
        (Call::patch("kv/data/a", body()), "PATCH /v1/kv/data/a"),
        (Call::delete("kv/a"), "DELETE /v1/kv/a"),
        (Call::write("auth/ldap/login", body()).segment("a/b c"), "PUT /v1/auth/ldap/login/a%2Fb%20c"),
    ];
    for (call, expected) in cases {
        assert_eq!(asked(|_| (), call).await.line(), expected);
    }
    let patched = asked(|_| (), Call::patch("kv/data/a", body())).await;
    assert_eq!(patched.header("content-type"), "application/merge-patch+json");
    let below = asked(|settings| settings.address.push_str("proxy/?x=y#z"), Call::read("a")).await;
    assert_eq!(below.target, "/proxy/v1/a");
}

#[tokio::test]
async fn a_path_cannot_leave_its_mount() {
    let server = StandIn::start(|_, _| Reply::new(200, "{}")).await;
    for path in ["kv/../sys/raw/x", "kv/./a", ".."] {
        let fault = connect(settings(&server)).send(&Call::read(path), None).await.err().unwrap();
        assert_eq!(fault.kind(), Kind::Wrong);
        assert!(fault.to_string().ends_with("a path must not hold `.` or `..`"), "{fault}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn headers_are_those_of_the_settings_and_the_call() {
    let plain = asked(|_| (), Call::read("a")).await;
    assert_eq!((plain.header("x-vault-request"), plain.header("x-vault-token")), ("true", "t"));
    assert!(!plain.headers.contains_key("x-vault-namespace"));
    assert!(plain.header("user-agent").starts_with("keywright/"));
    let change = |settings: &mut Settings| {
        settings.namespace = "/team/".to_owned();
        settings.forward_inconsistent = true;
        settings.headers =
            vec![("X-Team".to_owned(), "blue".to_owned()), ("User-Agent".to_owned(), "vso/1".to_owned())];
    };
    let full = asked(change, Call::read("a").wrap("60s")).await;
    assert_eq!(full.header("x-vault-namespace"), "team");
    assert_eq!(full.header("x-vault-inconsistent"), "forward-active-node");
    assert_eq!((full.header("x-team"), full.header("user-agent")), ("blue", "vso/1"));
    assert_eq!(full.header("x-vault-wrap-ttl"), "60s");
    assert_eq!(asked(change, Call::read("a").namespace("other")).await.header("x-vault-namespace"), "other");
    assert!(!asked(change, Call::read("a").namespace("")).await.headers.contains_key("x-vault-namespace"));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let client = Client::new(crate::client::Settings::default());
    let cases = [
        ("", "cannot connect to Vault: its address is empty"),
        ("vault:8200", "only http:// and https:// addresses can be called"),
        ("unix:///run/vault.sock", "only http:// and https:// addresses can be called"),
        ("http://user:canary@[", "cannot use `…@[` as the address of Vault"),
    ];
    for (address, expected) in cases {
        let fault = Connection::open(&client, Settings::new(address)).err().unwrap();
        assert_eq!(fault.kind(), Kind::Wrong);
        assert!(fault.chain().contains(expected), "{}", fault.chain());
        assert!(!everything(&fault).contains("canary"));
    }
    let headers = vec![("x-vault-namespace".to_owned(), "other".to_owned())];
    let fault = Connection::open(&client, Settings { headers, ..Settings::new("http://v") }).err().unwrap();
    assert_eq!(fault.to_string(), "setting header \"x-vault-namespace\" on VaultConnection is not permitted");
}

#[tokio::test]
async fn own_writes_are_read_by_telling_replicas() {
    let state = |text: &str| base::encoding::Base64::Standard.encode(text.as_bytes());
    let (first, second) = (state("v1:a:1:1:m"), state("v1:a:2:2:m"));
    let sent = [first.clone(), second.clone()];
    let server =
        StandIn::start(move |_, number| Reply::new(204, "").header("x-vault-index", sent[number.min(1)].clone())).await;
    let connection = connect(Settings { read_your_writes: true, ..settings(&server) });
    for _ in 0..3 {
        connection.send(&Call::read("a"), None).await.unwrap();
    }
    let told: Vec<_> = server.asked().iter().map(|asked| asked.header("x-vault-index").to_owned()).collect();
    assert_eq!(told, ["", first.as_str(), second.as_str()]);
}

#[tokio::test]
async fn json_stays_as_it_was_written() {
    let body = r#"{"request_id":"r","lease_id":"l/1","renewable":true,"lease_duration":60,"warnings":["w"],"wrap_info":null,
        "data":{"data":{"n":12345678901234567890.50,"z":1,"a":"<&>"},"metadata":{"version":3},"gone":null}}"#;
    let response = answered(200, body).await.0.unwrap();
    assert_eq!((response.request_id.as_str(), response.lease_id.as_str()), ("r", "l/1"));
    assert_eq!((response.renewable, response.lease_duration, response.status), (true, 60, 200));
    assert_eq!(response.warnings, ["w"]);
    assert_eq!(response.body().expose(), body.as_bytes());
    let inner = response.member("data").unwrap();
    assert_eq!(inner, br#"{"n":12345678901234567890.50,"z":1,"a":"<&>"}"#);
    let names: Vec<_> = members(inner)
        .unwrap()
        .into_iter()
        .map(|(name, json)| (name, String::from_utf8_lossy(json).into_owned()))
        .collect();
    assert_eq!(names[0], ("n".to_owned(), "12345678901234567890.50".to_owned()));
    assert_eq!(names[1].0, "z");
    assert!(response.member("gone").is_none() && response.member("none").is_none());
    assert!(response.wrap_info().is_none() && response.auth().is_none());
    assert!(members(b"[1]").is_none() && members(b"").is_none());
    #[derive(serde::Deserialize)]
    struct Wanted {
        #[expect(dead_code, reason = "only that it cannot be read matters")]
        metadata: String,
    }
    let fault = response.data_as::<Wanted>("cannot read `a`").err().unwrap();
    assert_eq!(fault.chain(), "cannot read `a`: the data in the answer of Vault are not what was expected");
}

#[tokio::test]
async fn an_answer_may_be_empty_or_without_an_envelope() {
    assert!(answered(204, "").await.0.unwrap().data().is_none());
    let health = answered(200, r#"{"initialized":true,"sealed":false,"version":"2.0"}"#).await.0.unwrap();
    assert!(health.body().expose().starts_with(b"{\"initialized\""));
}

#[tokio::test]
async fn a_deleted_version_is_an_answer_and_an_absent_secret_is_not() {
    let deleted = r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z","destroyed":false}}}"#;
    let response = answered(404, deleted).await.0.unwrap();
    assert_eq!(response.status, 404);
    assert!(response.member("data").is_none() && response.member("metadata").is_some());
    assert_eq!(
        answered(404, r#"{"warnings":["Invalid path for a versioned K/V secrets engine"]}"#)
            .await
            .0
            .unwrap()
            .warnings
            .len(),
        1
    );
    let fault = answered(404, r#"{"errors":[]}"#).await.0.err().unwrap();
    assert_eq!(fault.kind(), Kind::NotFound);
    assert_eq!(fault.cause::<Refusal>().map(|refusal| refusal.status), Some(404));
}

#[tokio::test]
async fn refusals_have_their_kind_and_their_number_of_tries() {
    let cases = [
        (400, r#"{"errors":["invalid role name \"r\""]}"#, Kind::Wrong, 1),
        (400, r#"{"errors":["check-and-set parameter did not match the current version"]}"#, Kind::Conflict, 1),
        (403, r#"{"errors":["permission denied"]}"#, Kind::Denied, 1),
        (404, r#"{"errors":["no handler for route \"kv/a\". route entry not found."]}"#, Kind::Wrong, 1),
        (404, "<html>no such host here</html>", Kind::Unreachable, 1),
        (404, "", Kind::Unreachable, 1),
        (405, r#"{"errors":["unsupported operation"]}"#, Kind::Wrong, 1),
        (412, r#"{"errors":["required index state not present"]}"#, Kind::Busy, 3),
        (429, r#"{"errors":["rate limit quota exceeded"]}"#, Kind::Busy, 3),
        (473, "", Kind::Busy, 1),
        (500, r#"{"errors":["internal error"]}"#, Kind::Unreachable, 3),
        (501, r#"{"errors":["not initialised"]}"#, Kind::Unreachable, 1),
        (502, "bad gateway", Kind::Unreachable, 3),
        (503, r#"{"errors":["Vault is sealed"]}"#, Kind::Busy, 3),
        (200, "<html>hello</html>", Kind::Unreachable, 1),
        (200, r#"{"data":{"a":"canary"#, Kind::Unreachable, 1),
        (200, r#"{"lease_duration":"canary"}"#, Kind::Unreachable, 1),
        (302, "", Kind::Wrong, 1),
    ];
    for (status, body, kind, tries) in cases {
        let (response, count) = answered(status, body).await;
        let fault = response.err().unwrap();
        assert_eq!((fault.kind(), count), (kind, tries), "{status} {body}: {}", fault.chain());
        assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
        assert_eq!(fault.to_string(), "cannot ask Vault for `kv/data/a`");
    }
    let sealed = answered(503, r#"{"errors":["Vault is sealed"]}"#).await.0.err().unwrap();
    assert_eq!(sealed.advice(), Some("unseal the server"));
}

#[tokio::test]
async fn a_write_is_not_repeated_after_it_may_have_been_carried_out() {
    let server = StandIn::start(|_, _| Reply::new(500, r#"{"errors":["x"]}"#)).await;
    let connection = connect(settings(&server));
    let write = || Call::write("pki/issue/web", SecretBytes::from("{}"));
    for (call, tries) in [(write(), 1), (write().idempotent(), 3), (Call::read("database/creds/r").once(), 1)] {
        let before = server.count();
        assert!(connection.send(&call, None).await.is_err());
        assert_eq!(server.count() - before, tries);
    }
}

#[tokio::test]
async fn the_text_of_a_refusal_is_the_one_that_people_search_for() {
    let server = StandIn::start(|asked, _| {
        let text = format!("1 error occurred:\n\t* bad {} in {}\n\n", asked.header("x-vault-token"), asked.body);
        Reply::new(403, serde_json::json!({"errors": ["permission denied", text]}).to_string())
    })
    .await;
    let connection = connect(Settings { namespace: "team".to_owned(), ..settings(&server) });
    let call = Call::write("kv/data/a", SecretBytes::from("{\"p\":\"canary-password\"}"));
    let fault = connection.send(&call, Some(&SecretText::from("canary-token"))).await.err().unwrap();
    let said = fault.cause::<Refusal>().unwrap();
    assert!(said.says("permission denied"));
    let expected = format!(
        "Error making API request.\n\nURL: PUT {}\nNamespace: team\nCode: 403. Errors:\n\n* permission denied\n* 1 error \
         occurred:\n\t* bad **** in {{\"p\":\"****\"}}\n\n",
        server.url("/v1/kv/data/a")
    );
    assert_eq!(said.to_string(), expected);
    assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
}

#[tokio::test]
async fn what_is_secret_in_a_body_is_not_quoted() {
    let server = StandIn::start(|asked, _| {
        Reply::new(400, serde_json::json!({"errors": [format!("cannot use {}", asked.body)]}).to_string())
    })
    .await;
    let connection = connect(settings(&server));
    let json = serde_json::json!({"a": ["canary", "canary-longer"], "n": 123456, "role": "reader"});
    let body = || SecretBytes::from(json.to_string());
    let hidden = r#"cannot use {"a":["****","****"],"n":****,"role":"****"}"#;
    let cases = [
        (Call::write("kv/a", body()), hidden),
        (Call::patch("kv/a", body()), hidden),
        (
            Call::write_json("pki/issue/r", &json).unwrap().hide(&"canary-longer".into()).hide(&"canary".into()),
            r#"cannot use {"a":["****","****"],"n":123456,"role":"reader"}"#,
        ),
    ];
    for (call, expected) in cases {
        let fault = connection.send(&call, None).await.err().unwrap();
        assert_eq!(fault.cause::<Refusal>().unwrap().errors, [expected]);
        assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
    }
}

#[tokio::test]
async fn plain_http_at_a_tls_port_is_told_in_the_servers_words() {
    let server = StandIn::start(|_, _| {
        Reply::new(400, "Client sent an HTTP request to an HTTPS server.\n")
            .header("content-type", "text/plain; charset=utf-8")
    })
    .await;
    let fault = connect(settings(&server)).send(&Call::read("a"), None).await.err().unwrap();
    assert!(fault.chain().ends_with("* Client sent an HTTP request to an HTTPS server."), "{}", fault.chain());
}
