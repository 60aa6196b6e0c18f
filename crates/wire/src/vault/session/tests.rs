//! Sessions against a stand-in Vault: who logs in, how often, with what; what happens to tokens that die.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{Fault, Kind, SecretBytes, SecretText, Timestamp};

use super::*;
use crate::aws;
use crate::client::Client;
use crate::environment::Surroundings;
use crate::retry::{Retry, Wait};
use crate::secret_source::SecretSource;
use crate::stand_in::{Asked, Reply, StandIn, everything};
use crate::vault::auth::AwsIam;
use crate::vault::connection::Settings;

const LOGIN: &str = "PUT /v1/auth/kubernetes/login";

fn connection(server: &StandIn) -> Connection {
    let retry = Retry { wait: Wait::Fixed(Duration::ZERO), ..Retry::vault() };
    let settings = Settings { retry, namespace: "team".to_owned(), ..Settings::new(server.url("")) };
    Connection::open(&Client::new(crate::client::Settings::default()), settings).unwrap()
}

fn kubernetes() -> Auth {
    Auth::Kubernetes { mount: "kubernetes".to_owned(), role: "reader".to_owned(), jwt: "canary-jwt".into() }
}

fn token(number: usize, lease: u64, renewable: bool) -> String {
    let auth = serde_json::json!({
        "client_token": format!("canary-{number}"), "accessor": format!("a-{number}"), "policies": ["default"],
        "token_policies": null, "metadata": {"role": "reader", "nothing": null}, "lease_duration": lease,
        "renewable": renewable, "token_type": "service", "mfa_requirement": null
    });
    serde_json::json!({"request_id": "r", "auth": auth}).to_string()
}

fn denied() -> Reply {
    Reply::new(403, r#"{"errors":["permission denied"]}"#)
}

/// A server that gives tokens with this lease and answers everything else with what `answer` says.
async fn vault(lease: u64, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> StandIn {
    let logins = AtomicUsize::new(0);
    StandIn::start(move |asked, _| match asked.target.ends_with("/login") {
        true => Reply::new(200, token(logins.fetch_add(1, Ordering::SeqCst) + 1, lease, lease > 0)),
        false => answer(asked),
    })
    .await
}

fn fine(_: &Asked) -> Reply {
    Reply::new(200, r#"{"data":{"a":1}}"#)
}

#[tokio::test]
async fn two_hundred_reads_at_once_log_in_once() {
    let server = vault(3600, fine).await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    let reads = (0..200).map(|number| {
        let session = Arc::clone(&session);
        tokio::spawn(async move { session.call(&Call::read(&format!("kv/data/{number}"))).await.map(|_| ()) })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await.unwrap().unwrap();
    }
    assert_eq!((server.count_of(LOGIN), server.count()), (1, 201));
    let asked = server.asked();
    assert_eq!(asked[0].body, r#"{"jwt":"canary-jwt","role":"reader"}"#);
    assert!(!asked[0].headers.contains_key("x-vault-token"));
    assert!(asked[1..].iter().all(|asked| asked.header("x-vault-token") == "canary-1"));
}

#[tokio::test]
async fn two_hundred_reads_share_a_failed_login_and_the_next_one_tries_again() {
    let server = StandIn::start(|_, _| {
        Reply::new(400, r#"{"errors":["invalid role name \"reader\" for canary-jwt"]}"#)
            .after(Duration::from_millis(200))
    })
    .await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    let reads = (0..200).map(|_| session.call(&CALL)).collect::<Vec<_>>();
    static CALL: std::sync::LazyLock<Call> = std::sync::LazyLock::new(|| Call::read("kv/data/a"));
    for read in futures::future::join_all(reads).await {
        let fault = read.err().unwrap();
        assert_eq!(fault.kind(), Kind::Wrong);
        assert!(fault.to_string().starts_with("cannot log in to Vault at `http://127.0.0.1:"), "{fault}");
        assert!(fault.cause::<Refusal>().is_some_and(|refusal| refusal.says("invalid role name \"reader\" for ****")));
        assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
    }
    assert_eq!(server.count(), 1);
    assert!(session.call(&CALL).await.is_err());
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn each_method_sends_what_its_login_wants() {
    let s = |text: &str| text.to_owned();
    let app_role = |secret_id: Option<&str>| Auth::AppRole {
        mount: s("/approle/"),
        role_id: "ri".into(),
        secret_id: secret_id.map(SecretSource::from),
    };
    let cases = [
        (app_role(Some("si\n")), "auth/approle/login", r#"{"role_id":"ri","secret_id":"si"}"#),
        (app_role(None), "auth/approle/login", r#"{"role_id":"ri"}"#),
        (
            Auth::Jwt { mount: s("jwt/a"), role: s("r"), jwt: "j".into() },
            "auth/jwt/a/login",
            r#"{"jwt":"j","role":"r"}"#,
        ),
        (Auth::Jwt { mount: s("jwt"), role: s(""), jwt: "j".into() }, "auth/jwt/login", r#"{"jwt":"j"}"#),
        (
            Auth::UserPass { mount: s("userpass"), username: s("a b"), password: "p".into() },
            "auth/userpass/login/a%20b",
            r#"{"password":"p"}"#,
        ),
        (
            Auth::Ldap { mount: s("ldap"), username: s("u"), password: "p".into() },
            "auth/ldap/login/u",
            r#"{"password":"p"}"#,
        ),
        (Auth::Cert { mount: s("cert"), role: s("") }, "auth/cert/login", "{}"),
        (Auth::Cert { mount: s("cert"), role: s("web") }, "auth/cert/login", r#"{"name":"web"}"#),
    ];
    for (auth, path, body) in cases {
        let server = StandIn::start(|_, _| Reply::new(200, token(1, 0, false))).await;
        let keeping =
            Keeping { login_namespace: Some(s("admin")), login_headers: vec![(s("X-A"), s("method"))], renew: false };
        Session::open(connection(&server), auth, keeping).meta().await.unwrap();
        let asked = server.asked()[0].clone();
        assert_eq!((asked.line(), asked.body.as_str()), (format!("PUT /v1/{path}"), body));
        assert_eq!((asked.header("x-vault-namespace"), asked.header("x-a")), ("admin", "method"));
    }
}

#[tokio::test]
async fn an_aws_login_sends_a_signed_question() {
    let server = StandIn::start(|_, _| Reply::new(403, r#"{"errors":["permission denied"]}"#)).await;
    let identity = aws::Identity::Keys {
        access_key_id: "AK".into(),
        secret_access_key: "canary-key".into(),
        session_token: Some("canary-session".into()),
    };
    let settings = aws::Settings { region: Some("eu-west-1".to_owned()), identity, ..aws::Settings::new() };
    let keys =
        aws::Session::open(&Client::new(crate::client::Settings::default()), settings, Surroundings::none()).unwrap();
    let iam = AwsIam {
        mount: "aws".to_owned(),
        role: "web".to_owned(),
        server_id: "vault.example.com".to_owned(),
        session: keys,
    };
    let session = Session::open(connection(&server), Auth::AwsIam(Box::new(iam)), Keeping::default());
    let fault = session.meta().await.err().unwrap();
    assert_eq!(fault.kind(), Kind::Denied);
    let asked = server.asked()[0].clone();
    assert_eq!(asked.line(), "PUT /v1/auth/aws/login");
    let body: std::collections::BTreeMap<String, String> = serde_json::from_str(&asked.body).unwrap();
    let decoded = |name: &str| {
        let bytes = base::encoding::Base64::Standard.decode(body[name].as_bytes()).unwrap();
        String::from_utf8(bytes.into_exposed()).unwrap()
    };
    assert_eq!((body["role"].as_str(), body["iam_http_request_method"].as_str()), ("web", "POST"));
    assert_eq!(decoded("iam_request_url"), "https://sts.eu-west-1.amazonaws.com/");
    assert_eq!(decoded("iam_request_body"), "Action=GetCallerIdentity&Version=2011-06-15");
    let headers: std::collections::BTreeMap<String, Vec<String>> =
        serde_json::from_str(&decoded("iam_request_headers")).unwrap();
    assert_eq!(headers["x-vault-aws-iam-server-id"], ["vault.example.com"]);
    assert!(headers["authorization"][0].starts_with("AWS4-HMAC-SHA256 Credential=AK/"));
}

#[tokio::test]
async fn a_login_without_its_secret_is_not_tried() {
    let server = vault(0, fine).await;
    let nowhere = SecretSource::ask(|| Box::pin(async { Err(Fault::wrong("no key \"id\" found in secret")) }));
    let approle = |secret: SecretSource| Auth::AppRole {
        mount: "approle".to_owned(),
        role_id: "r".into(),
        secret_id: Some(secret),
    };
    let cases = [
        (approle(" \n".into()), "cannot log in to Vault: the secret id is empty"),
        (approle(nowhere), "no key \"id\" found in secret"),
        (Auth::Cert { mount: String::new(), role: String::new() }, "the mount of the auth method is empty"),
        (Auth::Token("".into()), "the token is empty"),
    ];
    for (auth, expected) in cases {
        let fault = Session::open(connection(&server), auth, Keeping::default()).meta().await.err().unwrap();
        assert!(fault.chain().contains(expected), "{}", fault.chain());
        assert!(fault.to_string().starts_with("cannot log in to Vault at"), "{fault}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn an_answer_without_a_token_is_no_login() {
    let cases = [
        (r#"{"auth":null}"#, "the answer of Vault holds no token"),
        (r#"{"auth":{"client_token":["canary"]}}"#, "the answer of Vault holds no token"),
        (r#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"x"}}}"#, "the login wants a second factor"),
        ("", "the answer of Vault holds no token"),
    ];
    for (body, expected) in cases {
        let server = StandIn::start(move |_, _| Reply::new(200, body)).await;
        let fault = Session::open(connection(&server), kubernetes(), Keeping::default()).meta().await.err().unwrap();
        assert!(fault.chain().ends_with(expected), "{}", fault.chain());
        assert!(!everything(&fault).contains("canary"));
    }
}

#[tokio::test]
async fn what_is_known_of_a_token() {
    let server = vault(3600, fine).await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    assert!(session.current().is_none());
    let meta = session.meta().await.unwrap();
    assert_eq!((meta.accessor.as_str(), meta.renewable), ("a-1", true));
    assert_eq!(meta.metadata.get("nothing").map(String::as_str), Some(""));
    let rest = meta.expires_at.unwrap().duration_since(Timestamp::now()).as_secs();
    assert!((3590..=3600).contains(&rest), "{rest}");
    assert_eq!(meta.login.expose(), token(1, 3600, true).as_bytes());
    let given = Session::open(connection(&server), Auth::Token("root\n".into()), Keeping::default());
    assert!(given.meta().await.unwrap().expires_at.is_none());
    given.lookup_self().await.unwrap();
    assert_eq!(server.asked()[1].header("x-vault-token"), "root");
    assert_eq!(server.asked()[1].line(), "GET /v1/auth/token/lookup-self");
}

#[test]
fn what_a_denial_leads_to() {
    let s = Duration::from_secs;
    let cases = [
        (false, s(0), None, Reaction::Check),
        (true, s(59), None, Reaction::Check),
        (true, s(59), Some(s(3)), Reaction::Believe),
        (false, s(59), Some(s(3)), Reaction::Check),
        (false, s(59), Some(s(0)), Reaction::Believe),
        (true, s(59), Some(s(10)), Reaction::Check),
        (true, s(60), Some(s(3)), Reaction::LogIn),
        (false, s(3600), None, Reaction::LogIn),
    ];
    for (by_policy, age, checked, expected) in cases {
        assert_eq!(reaction(by_policy, age, checked), expected, "{by_policy} {age:?} {checked:?}");
    }
}

#[tokio::test]
async fn a_dead_token_is_replaced_whoever_meets_it_first() {
    // The server has forgotten the first token; every later one works.
    let server =
        vault(3600, |asked| if asked.header("x-vault-token") == "canary-1" { denied() } else { fine(asked) }).await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    let changes = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&changes);
    session.on_change(move |change, _| noted.lock().unwrap().push(change));
    session.meta().await.unwrap();
    let call = Call::read("kv/data/a");
    let reads = futures::future::join_all((0..50).map(|_| session.call(&call))).await;
    assert!(reads.iter().all(Result::is_ok));
    assert_eq!(server.count_of(LOGIN), 2);
    assert_eq!(server.count_of("GET /v1/auth/token/lookup-self"), 1);
    assert_eq!(*changes.lock().unwrap(), [Change::Expired]);
}

#[tokio::test]
async fn a_living_token_without_the_right_is_believed() {
    let server = vault(3600, |asked| if asked.target.ends_with("lookup-self") { fine(asked) } else { denied() }).await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    let call = Call::read("kv/data/a");
    let reads = futures::future::join_all((0..50).map(|_| session.call(&call))).await;
    assert!(reads.iter().all(|read| read.as_ref().is_err_and(|fault| fault.kind() == Kind::Denied)));
    assert_eq!((server.count_of(LOGIN), server.count_of("GET /v1/auth/token/lookup-self")), (1, 1));
    assert_eq!(server.count(), 52, "each read was asked once");
}

#[tokio::test]
async fn an_old_token_is_replaced_because_its_role_may_have_got_rights() {
    let server =
        vault(3600, |asked| if asked.header("x-vault-token") == "canary-1" { denied() } else { fine(asked) }).await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    let changes = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&changes);
    session.on_change(move |change, _| noted.lock().unwrap().push(change));
    session.meta().await.unwrap();
    grow_old(&session);
    session.call(&Call::read("kv/data/a")).await.unwrap();
    assert_eq!((server.count_of(LOGIN), server.count_of("GET /v1/auth/token/lookup-self")), (2, 0));
    assert_eq!(*changes.lock().unwrap(), [Change::Replaced]);
}

#[tokio::test]
async fn a_replacement_that_fails_is_not_tried_for_every_refusal() {
    let logins = AtomicUsize::new(0);
    let server = StandIn::start(move |asked, _| match asked.target.as_str() {
        "/v1/auth/kubernetes/login" if logins.fetch_add(1, Ordering::SeqCst) > 0 => {
            Reply::new(400, r#"{"errors":["gone"]}"#)
        }
        "/v1/auth/kubernetes/login" => Reply::new(200, token(1, 3600, true)),
        "/v1/auth/token/lookup-self" => fine(asked),
        _ => denied(),
    })
    .await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    session.meta().await.unwrap();
    grow_old(&session);
    let call = Call::read("kv/data/a");
    for _ in 0..2 {
        let reads = futures::future::join_all((0..50).map(|_| session.call(&call))).await;
        assert!(reads.iter().all(Result::is_err));
    }
    assert_eq!((server.count_of(LOGIN), server.count_of("GET /v1/auth/token/lookup-self")), (2, 1));
    assert_eq!(session.current().unwrap().accessor, "a-1", "a token that lives is kept");
}

#[tokio::test]
async fn a_given_token_is_asked_for_again_when_it_is_refused() {
    let server =
        vault(0, |asked| if asked.header("x-vault-token") == "old-canary" { denied() } else { fine(asked) }).await;
    let (times, count) = (Arc::new(AtomicUsize::new(0)), 2);
    let source = SecretSource::ask(move || {
        let text = if times.fetch_add(1, Ordering::SeqCst) < count { "old-canary" } else { "new-canary" };
        Box::pin(async move { Ok(SecretText::from(text)) })
    });
    let session = Session::open(connection(&server), Auth::Token(source), Keeping::default());
    let fault = session.call(&Call::read("a")).await.err().unwrap();
    assert_eq!((fault.kind(), server.count()), (Kind::Denied, 1), "the same token again is not tried");
    tokio::time::sleep(CHECK_INTERVAL / 10).await;
    session.call(&Call::read("a")).await.unwrap();
    assert_eq!(server.count(), 3);
    session.close().await.unwrap();
    assert_eq!(server.count(), 3, "a given token is not revoked");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_until_it_ends() {
    let logins = AtomicUsize::new(0);
    let server = StandIn::start(move |asked, _| match asked.target.ends_with("/login") {
        true => Reply::new(200, token(logins.fetch_add(1, Ordering::SeqCst) + 1, 1, false)),
        false => fine(asked),
    })
    .await;
    let session = Session::open(connection(&server), kubernetes(), Keeping { renew: true, ..Keeping::default() });
    for _ in 0..3 {
        session.call(&Call::read("a")).await.unwrap();
    }
    assert_eq!(server.count_of(LOGIN), 1);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    session.call(&Call::read("a")).await.unwrap();
    assert_eq!(server.count_of(LOGIN), 2);
}

#[test]
fn renewals_come_at_two_thirds_and_end_in_the_grace() {
    let s = Duration::from_secs_f64;
    let cases = [
        ("a fresh hour", s(3600.0), s(540.0), 0, Some(s(2580.0))),
        ("most of it is gone", s(600.0), s(540.0), 0, Some(s(580.0))),
        ("in the grace", s(540.0), s(540.0), 0, None),
        ("after a failure", s(3600.0), s(540.0), 1, Some(s(1.0))),
        ("after three", s(3600.0), s(540.0), 3, Some(s(4.0))),
        ("after many", s(3600.0), s(540.0), 40, Some(s(2580.0))),
        ("no longer than it lives", s(1.0), s(0.9), 0, Some(s(1.0).mul_f64(2.0 / 3.0) + s(0.9) / 3)),
    ];
    for (name, rest, grace, failures, expected) in cases {
        assert_eq!(before_renewal(rest, grace, failures), expected, "{name}");
    }
}

#[tokio::test]
async fn a_renewable_token_is_kept_alive_until_it_has_reached_its_end() {
    let renewals = AtomicUsize::new(0);
    let server = vault(1, move |asked| match asked.target.ends_with("renew-self") {
        // The second renewal is given almost nothing: the maximum is reached.
        true if renewals.fetch_add(1, Ordering::SeqCst) == 0 => Reply::new(200, token(1, 1, true)),
        true => Reply::new(200, token(1, 0, true).replace("\"lease_duration\":0", "\"lease_duration\":1")),
        false => fine(asked),
    })
    .await;
    let session = Session::open(connection(&server), kubernetes(), Keeping { renew: true, ..Keeping::default() });
    session.call(&Call::read("a")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1250)).await;
    session.call(&Call::read("a")).await.unwrap();
    assert_eq!(server.count_of(LOGIN), 1, "it has lived longer than its first lease");
    assert!(server.count_of("PUT /v1/auth/token/renew-self") >= 1);
    assert_eq!(
        server.asked().iter().find(|asked| asked.target.ends_with("renew-self")).unwrap().body,
        r#"{"increment":1}"#
    );
    let (weak, count) = (Arc::downgrade(&session), server.count());
    drop(session);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(weak.upgrade().is_none(), "the renewal keeps no session alive");
    assert_eq!(server.count(), count);
}

#[tokio::test]
async fn a_token_that_is_renewed_no_more_is_told_and_replaced() {
    let server = vault(1, |asked| if asked.target.ends_with("renew-self") { denied() } else { fine(asked) }).await;
    let session = Session::open(connection(&server), kubernetes(), Keeping { renew: true, ..Keeping::default() });
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    session.on_change(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    session.meta().await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert!(session.current().is_none());
    assert_eq!(session.meta().await.unwrap().accessor, "a-2");
}

#[tokio::test]
async fn closing_revokes_what_was_logged_in_for() {
    let server =
        vault(3600, |asked| if asked.target.ends_with("revoke-self") { Reply::new(204, "") } else { fine(asked) })
            .await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    session.close().await.unwrap();
    assert_eq!(server.count(), 0, "nothing was logged in for");
    session.meta().await.unwrap();
    session.close().await.unwrap();
    assert_eq!(server.count_of("PUT /v1/auth/token/revoke-self"), 1);
    session.meta().await.unwrap();
    assert_eq!(server.count_of(LOGIN), 2);
    let forgetful = vault(3600, |_| denied()).await;
    let session = Session::open(connection(&forgetful), kubernetes(), Keeping::default());
    session.meta().await.unwrap();
    session.close().await.unwrap();
    assert_eq!(forgetful.count(), 2, "a token that the server does not know is revoked already");
}

#[tokio::test]
async fn a_stored_token_is_taken_up_if_it_can_be_renewed() {
    let works = |asked: &Asked| match asked.header("x-vault-token") {
        "canary-7" if asked.target.ends_with("renew-self") => Reply::new(200, token(7, 60, true)),
        "canary-7" => fine(asked),
        _ => denied(),
    };
    let server = vault(3600, works).await;
    let session = Session::open(connection(&server), kubernetes(), Keeping::default());
    session.restore(SecretBytes::from(token(7, 3600, true))).await.unwrap();
    session.call(&Call::read("a")).await.unwrap();
    assert_eq!(server.count_of(LOGIN), 0);
    let meta = session.meta().await.unwrap();
    let rest = meta.expires_at.unwrap().duration_since(Timestamp::now()).as_secs();
    assert!(meta.accessor == "a-7" && rest <= 60, "{rest}");
    let other = Session::open(connection(&server), kubernetes(), Keeping::default());
    for stored in [token(8, 3600, true), "canary".to_owned(), r#"{"auth":null}"#.to_owned()] {
        let fault = other.restore(SecretBytes::from(stored)).await.err().unwrap();
        assert_eq!(fault.to_string(), "cannot take up a stored Vault token");
        assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
    }
    assert_eq!(other.meta().await.unwrap().accessor, "a-1");
}

#[tokio::test]
async fn a_superseded_token_is_revoked_unless_leases_hang_on_it() {
    for (lease, revoked) in [("", 1), ("database/creds/r/1", 0)] {
        let server = vault(3600, move |asked| match asked.target.ends_with("revoke-self") {
            true => Reply::new(204, ""),
            false if asked.target.ends_with("denied") => denied(),
            false => Reply::new(200, format!("{{\"lease_id\":\"{lease}\",\"data\":{{}}}}")),
        })
        .await;
        let session = Session::open(connection(&server), kubernetes(), Keeping::default());
        session.call(&Call::read("database/creds/r").once()).await.unwrap();
        grow_old(&session);
        assert!(session.call(&Call::read("denied")).await.is_err());
        assert_eq!(server.count_of(LOGIN), 2);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let revocations: Vec<_> =
            server.asked().into_iter().filter(|asked| asked.target.ends_with("revoke-self")).collect();
        assert_eq!(revocations.len(), revoked, "{lease:?}");
        assert!(revocations.iter().all(|asked| asked.header("x-vault-token") == "canary-1"));
    }
}

#[tokio::test]
async fn a_retired_session_revokes_its_token_unless_leases_hang_on_it() {
    for (lease, revoked) in [("", 1), ("database/creds/r/1", 0)] {
        let server = vault(3600, move |asked| match asked.target.ends_with("revoke-self") {
            true => Reply::new(204, ""),
            false => Reply::new(200, format!("{{\"lease_id\":\"{lease}\",\"data\":{{}}}}")),
        })
        .await;
        let session = Session::open(connection(&server), kubernetes(), Keeping::default());
        session.retire();
        session.call(&Call::read("database/creds/r").once()).await.unwrap();
        session.retire();
        drop(session);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let count = server.asked().iter().filter(|asked| asked.target.ends_with("revoke-self")).count();
        assert_eq!(count, revoked, "{lease:?}");
    }
}

/// Makes the token two minutes old.
fn grow_old(session: &Session) {
    let mut place = session.kept.place();
    let held = Arc::into_inner(place.take().unwrap()).unwrap();
    *place = Some(Arc::new(held.aged(Duration::from_secs(120))));
}
