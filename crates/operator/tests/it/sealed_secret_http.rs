//! What kubeseal asks the controller over HTTP: codes, headers, limits, and that no template runs. Specification: SS §12.

use operator::listener::{Listener, Routes};
use operator::sealed_secrets::{self, Keys, Settings};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::posted::{Told, posted};
use crate::sealed_secret::{V1, keys, sealed_secret, settings, start_with};
use crate::stage::Stage;

/// A process whose HTTP is served on a port of its own.
async fn served(stage: &mut Stage, settings: Settings) -> std::net::SocketAddr {
    start_with(stage, settings).await;
    keys(stage).await;
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.address().expect("a bound socket");
    let shared = stage.shared.as_ref().expect("a process runs");
    tokio::spawn(listener.serve(sealed_secrets::http::routes(Routes::default(), shared), std::future::pending()));
    address
}

async fn post(at: std::net::SocketAddr, path: &str, client: &str, body: &[u8]) -> Told {
    let stream = TcpStream::connect(at).await.expect("it listens");
    posted(stream, path, &format!("x-forwarded-for: {client}"), body).await
}

#[tokio::test]
async fn verify_says_whether_and_nothing_more() {
    let mut stage = Stage::new("sealed-secrets", "verify-says-whether").await;
    let settings = Settings { rate_limit: 1000, rate_limit_burst: 1000, ..settings(&stage) };
    let at = served(&mut stage, settings).await;
    let keys = keys(&stage).await;
    let mut good = sealed_secret(&keys, stage.namespace(), &[("p", "x")]);
    good["metadata"]["namespace"] = json!(stage.namespace());
    good["spec"]["template"] = json!({"data": {"t": "{{ fail .p }}"}});
    let mut moved = good.clone();
    moved["metadata"]["name"] = json!("other");
    let text = |value: &Value| value.to_string().into_bytes();
    for (body, status) in [
        (text(&good), 200),
        (
            b"apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\nspec: {encryptedData: {}}\n"
                .to_vec(),
            200,
        ),
        // The peer's types make an empty spec of none.
        (b"apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\n".to_vec(), 200),
        (br#"{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","spec":null}"#.to_vec(), 200),
        (text(&moved), 409),
        (b"{}".to_vec(), 500),
        (b"kind: Secret\napiVersion: v1\n".to_vec(), 500),
        (b"a: [".to_vec(), 500),
        (b"a: 1\n---\nb: 2\n".to_vec(), 500),
    ] {
        let told = post(at, "/v1/verify", "1.1.1.1", &body).await;
        assert_eq!((told.status, told.body.as_str()), (status, ""), "{}", String::from_utf8_lossy(&body));
    }
    let told = post(at, "/v1/verify", "1.1.1.1", &vec![b' '; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(told.status, 413);
}

#[tokio::test]
async fn rotate_seals_for_the_newest_key_and_keeps_the_template() {
    let mut stage = Stage::new("sealed-secrets", "rotate-seals-for-the-newest-key").await;
    let settings = settings(&stage);
    let at = served(&mut stage, settings).await;
    let old = keys(&stage).await;
    let mut sealed = sealed_secret(&old, stage.namespace(), &[("p", "x")]);
    sealed["metadata"]["namespace"] = json!(stage.namespace());
    sealed["spec"]["template"] = json!({"type": "example.com/x", "data": {"t": "plain"},
        "metadata": {"labels": {"a": "b"}, "annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}}});
    stage.shared.as_ref().expect("a process runs").memory::<Keys>().want_new();
    while keys(&stage).await.len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let told = post(at, "/v1/rotate", "1.1.1.1", sealed.to_string().as_bytes()).await;
    assert!(told.status == 200 && told.head.contains("content-type: application/json"), "{}", told.head);
    let mut rotated: Value = serde_json::from_str(&told.body).expect("JSON");
    assert!(rotated["kind"].is_null() && rotated["apiVersion"].is_null());
    assert_ne!(rotated["spec"]["encryptedData"]["p"], sealed["spec"]["encryptedData"]["p"]);
    let template = &rotated["spec"]["template"];
    assert_eq!((&template["type"], &template["data"]["t"]), (&json!("example.com/x"), &json!("plain")));
    assert_eq!(
        (&template["metadata"]["labels"]["a"], &template["metadata"]["annotations"]),
        (&json!("b"), &Value::Null)
    );
    (rotated["kind"], rotated["apiVersion"]) = (json!("SealedSecret"), json!(V1));
    stage.apply(rotated).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=x t=plain"));
    sealed["metadata"]["name"] = json!("other");
    assert_eq!(post(at, "/v1/rotate", "1.1.1.1", sealed.to_string().as_bytes()).await.status, 500);
}

#[tokio::test]
async fn each_client_has_three_requests_at_once() {
    let mut stage = Stage::in_memory("sealed-secrets", "each-client-has-three-requests").await;
    let settings = Settings { rate_limit: 1, ..settings(&stage) };
    let at = served(&mut stage, settings).await;
    let mut told = Vec::new();
    for _ in 0..12 {
        told.push(post(at, "/v1/verify", "9.9.9.9, 1.1.1.1", b"{}").await);
    }
    assert_eq!(told[0].status, 500);
    assert!(told[0].head.contains("x-ratelimit-limit: 3") && told[0].head.contains("x-ratelimit-remaining: 2"));
    let refused = told.iter().find(|told| told.status == 429).expect("twelve are too many");
    assert_eq!(refused.body, "limit exceeded\n");
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(post(at, "/v1/verify", "2.2.2.2", b"{}").await.status, 500, "another client has its own");
    // Whoever claims to forward for ever others is still one address.
    let mut is_refused = false;
    for claim in 0..500 {
        let client = format!("3.3.{}.{}", claim / 250, claim % 250);
        is_refused = is_refused || post(at, "/v1/verify", &client, b"{}").await.status == 429;
    }
    assert!(is_refused, "one address asked 500 times at once");
    let certificate = post(at, "/v1/cert.pem", "1.1.1.1", b"").await;
    assert!(certificate.status == 200 && certificate.body.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(certificate.head.contains("content-type: application/x-pem-file"), "{}", certificate.head);
}
