//! Who shares a login with whom, who does not, and who ends it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base::SecretText;

use super::*;
use crate::client::Client;
use crate::secret_source::SecretSource;
use crate::stand_in::{Asked, Reply, StandIn};
use crate::tls::Tls;
use crate::vault::call::Call;
use crate::vault::connection::Settings;

/// A server that numbers its tokens, and makes a lease where it is asked for `lease`.
async fn vault() -> StandIn {
    let logins = AtomicUsize::new(0);
    let answer = move |asked: &Asked| {
        if asked.target.contains("/login") {
            let number = logins.fetch_add(1, Ordering::SeqCst) + 1;
            let auth = serde_json::json!({"client_token": format!("t-{number}"), "accessor": format!("a-{number}"),
                "policies": [], "lease_duration": 3600, "renewable": true});
            return Reply::new(200, serde_json::json!({ "auth": auth }).to_string());
        }
        match asked.target.as_str() {
            "/v1/lease" => Reply::new(200, r#"{"lease_id":"lease/1","data":{"a":1}}"#),
            "/v1/auth/token/create" => Reply::new(200, r#"{"auth":{"client_token":"child","lease_duration":60}}"#),
            "/v1/auth/token/revoke-self" => Reply::new(204, ""),
            _ => Reply::new(200, r#"{"data":{"a":1}}"#),
        }
    };
    StandIn::start(move |asked, _| answer(asked)).await
}

fn logins(server: &StandIn) -> usize {
    server.asked().iter().filter(|asked| asked.target.contains("/login")).count()
}

fn revocations(server: &StandIn) -> Vec<String> {
    let all = server.asked();
    let all = all.iter().filter(|asked| asked.target.ends_with("revoke-self"));
    all.map(|asked| asked.header("x-vault-token").to_owned()).collect()
}

fn account(uid: &str, audiences: &[&str]) -> SecretSource {
    let audiences: Vec<String> = audiences.iter().map(|one| (*one).to_owned()).collect();
    SecretSource::of_account(uid, &audiences, || Box::pin(async { Ok(SecretText::from("jwt")) }))
}

fn kubernetes(mount: &str, role: &str, jwt: SecretSource) -> Auth {
    Auth::Kubernetes { mount: mount.to_owned(), role: role.to_owned(), jwt }
}

fn app_role(role: &str, secret: &str) -> Auth {
    Auth::AppRole { mount: "approle".to_owned(), role_id: role.into(), secret_id: Some(secret.into()) }
}

/// One way to log in.
struct Way {
    settings: Settings,
    auth: Auth,
    keeping: Keeping,
}

fn way(server: &StandIn) -> Way {
    let keeping = Keeping { renew: true, ..Keeping::default() };
    Way {
        settings: Settings::new(server.url("")),
        auth: kubernetes("kubernetes", "reader", account("u-1", &["b", "a"])),
        keeping,
    }
}

impl Way {
    fn open(self, sessions: &Sessions) -> Arc<Session> {
        let client = Client::new(crate::client::Settings::default());
        sessions.open(Connection::open(&client, self.settings).unwrap(), self.auth, self.keeping)
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// How many logins this way and the plain one are, together.
async fn together(change: impl FnOnce(&mut Way)) -> usize {
    let (server, sessions) = (vault().await, Sessions::default());
    let one = way(&server).open(&sessions);
    let other = way(&server).with(change).open(&sessions);
    for session in [&one, &other, &one] {
        session.call(&Call::read("kv/data/a")).await.unwrap();
    }
    logins(&server)
}

#[tokio::test]
async fn who_proves_the_same_to_the_same_server_logs_in_once() {
    assert_eq!(together(|_| {}).await, 1);
    assert_eq!(together(|way| way.settings.address += "/").await, 1, "the same address");
    assert_eq!(
        together(|way| way.auth = kubernetes("/kubernetes/", "reader", account("u-1", &["a", "b", "a"]))).await,
        1
    );
    let calls_elsewhere = |way: &mut Way| {
        way.settings.namespace = "team".to_owned();
        way.keeping.login_namespace = Some(String::new());
    };
    assert_eq!(together(calls_elsewhere).await, 1, "only the calls go into another namespace");
    let patience = |way: &mut Way| {
        way.settings.timeout = Duration::from_secs(5);
        way.settings.read_your_writes = true;
    };
    assert_eq!(together(patience).await, 1);
}

#[tokio::test]
async fn who_differs_in_anything_that_counts_logs_in_alone() {
    assert_eq!(together(|way| way.settings.namespace = "team".to_owned()).await, 2);
    assert_eq!(together(|way| way.settings.headers.push(("X-A".into(), "1".into()))).await, 2);
    assert_eq!(together(|way| way.keeping.login_headers.push(("X-A".into(), "1".into()))).await, 2);
    assert_eq!(together(|way| way.settings.tls = Tls::default().with_server_name("other")).await, 2);
    for (mount, role, uid, audience) in [
        ("k8s", "reader", "u-1", "a"),
        ("kubernetes", "writer", "u-1", "a"),
        ("kubernetes", "reader", "u-2", "a"),
        ("kubernetes", "reader", "u-1", "c"),
        ("kubernetes", "reader", "", "a"),
    ] {
        let auth = kubernetes(mount, role, account(uid, &[audience, "b"]));
        assert_eq!(together(|way| way.auth = auth).await, 2, "{mount} {role} {uid} {audience}");
    }
    let jwt = Auth::Jwt { mount: "kubernetes".into(), role: "reader".into(), jwt: account("u-1", &["a", "b"]) };
    assert_eq!(together(|way| way.auth = jwt).await, 2);
    let unknown = SecretSource::ask(|| Box::pin(async { Ok(SecretText::from("jwt")) }));
    assert_eq!(together(|way| way.auth = kubernetes("kubernetes", "reader", unknown)).await, 2);
}

#[tokio::test]
async fn a_secret_is_compared_by_what_it_is() {
    let (server, sessions) = (vault().await, Sessions::default());
    let mut open = Vec::new();
    for (role, secret, expected) in [("r", "s", 1), ("r", "s\n", 1), ("r", "t", 2), ("rs", "t", 3), ("r", "s", 3)] {
        let session = way(&server).with(|way| way.auth = app_role(role, secret)).open(&sessions);
        session.meta().await.unwrap();
        open.push(session);
        assert_eq!(logins(&server), expected, "{role} {secret:?}");
    }
}

#[tokio::test]
async fn the_last_one_to_leave_ends_the_token() {
    let (server, sessions) = (vault().await, Sessions::default());
    let all: Vec<_> = (0..3).map(|_| way(&server).open(&sessions)).collect();
    for session in &all {
        session.meta().await.unwrap();
    }
    all[0].close().await.unwrap();
    all[0].close().await.unwrap();
    all[1].retire();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(revocations(&server), Vec::<String>::new());
    all[2].call(&Call::read("kv/data/a")).await.unwrap();
    all[2].close().await.unwrap();
    assert_eq!((revocations(&server), logins(&server)), (vec!["t-1".to_owned()], 1));
    // Whoever comes later logs in.
    assert_eq!(way(&server).open(&sessions).meta().await.unwrap().accessor, "a-2");
}

#[tokio::test]
async fn a_successor_goes_on_with_the_token_of_a_retired_one() {
    let (server, sessions) = (vault().await, Sessions::default());
    let former = way(&server).open(&sessions);
    former.meta().await.unwrap();
    former.retire();
    let successor = way(&server).open(&sessions);
    successor.meta().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((revocations(&server), logins(&server)), (Vec::new(), 1));
    successor.retire();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(revocations(&server).len(), 1);
}

#[tokio::test]
async fn a_token_is_not_ended_while_something_hangs_on_it() {
    for (path, ended) in [("lease", 0), ("auth/token/create", 0), ("kv/data/a", 1)] {
        let (server, sessions) = (vault().await, Sessions::default());
        let (maker, reader) = (way(&server).open(&sessions), way(&server).open(&sessions));
        maker.call(&Call::read(path).once()).await.unwrap();
        drop(maker);
        reader.close().await.unwrap();
        assert_eq!(revocations(&server).len(), ended, "{path}");
    }
}

#[tokio::test]
async fn what_nobody_uses_is_swept_out() {
    let (server, sessions) = (vault().await, Sessions::default());
    let lasting = way(&server).open(&sessions);
    for number in 0..1000 {
        drop(way(&server).with(|way| way.auth = app_role(&number.to_string(), "s")).open(&sessions));
    }
    assert!(sessions.all.lock().unwrap().kept.len() <= LIMIT);
    lasting.meta().await.unwrap();
    way(&server).open(&sessions).meta().await.unwrap();
    assert_eq!(logins(&server), 1);
}
