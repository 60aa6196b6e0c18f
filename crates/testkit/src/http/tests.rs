//! The server through a real client.

use std::time::Duration;

use serde_json::json;

use super::{Answer, Misbehaviour, Recorded, Server};
use crate::tests::{client, get};

#[tokio::test]
async fn it_answers_counts_and_ends_when_dropped() {
    let server = Server::start(|asked| Answer::json(200, &json!({ "path": asked.path, "q": asked.query["q"] }))).await;
    let url = server.url();
    assert_eq!(get(&format!("{url}/a?q=b%20c")).await, (200, json!({ "path": "/a", "q": "b c" })));
    assert_eq!((server.count("GET", "/a"), server.count("*", "/a"), server.count("PUT", "/a")), (1, 1, 0));
    server.forget();
    assert!(server.counts().is_empty());
    drop(server);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(client().get(format!("{url}/a?q=b")).send().await.is_err());
}

#[tokio::test]
async fn it_misbehaves_as_often_as_told() {
    let server = Server::start(|_| Answer::json(200, &json!(true))).await;
    let url = format!("{}/v1/x", server.url());
    server.misbehave("GET", "/v1/", 1, Misbehaviour::Say(Answer::json(503, &json!("sealed"))));
    assert_eq!(get(&url).await, (503, json!("sealed")));
    assert_eq!(get(&url).await, (200, json!(true)));
    server.misbehave("*", "/v1/x", 1, Misbehaviour::Nonsense);
    let answer = client().get(&url).send().await.expect("an answer");
    assert!(answer.json::<serde_json::Value>().await.is_err());
    for how in [Misbehaviour::HangUp, Misbehaviour::LoseAnswer] {
        server.misbehave("*", "/", 1, how);
        assert!(client().get(&url).send().await.is_err());
    }
    server.misbehave("*", "/", 1, Misbehaviour::Hang);
    assert!(tokio::time::timeout(Duration::from_millis(50), client().get(&url).send()).await.is_err());
    server.misbehave("*", "/", 9, Misbehaviour::Hang);
    server.behave();
    assert_eq!(get(&url).await.0, 200);
}

#[tokio::test]
async fn recorded_answers_are_given_in_order_and_surprises_are_told() {
    let recorded = Recorded::start(
        "- {request: GET /a?x=1, answer: {n: 1}}\n\
         - {request: GET /a, answer: {n: 2}}\n\
         - {request: GET /late, code: 204}\n",
    )
    .await;
    let url = recorded.server().url();
    assert_eq!(get(&format!("{url}/a?x=1")).await, (200, json!({ "n": 1 })));
    assert_eq!(get(&format!("{url}/a?x=1")).await, (200, json!({ "n": 2 })));
    assert_eq!(get(&format!("{url}/a")).await.0, 501);
    assert_eq!(recorded.surprises(), ["not expected: GET /a", "not asked: GET /late"]);
}
