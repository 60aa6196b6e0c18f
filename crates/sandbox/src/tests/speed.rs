//! Ten thousand Secrets, pages, and a watch that reads thousands of events: nothing may cost the square of it.

use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use kube::api::{ListParams, WatchParams};
use serde_json::json;

use super::{create, sandbox, secret, secrets};

const SECRETS: usize = 10_000;
/// Linear work takes a second or two without optimisation on a busy machine; a quadratic walk takes minutes.
const BOUND: Duration = Duration::from_secs(40);

#[tokio::test]
async fn ten_thousand_objects_are_loaded_listed_and_watched_in_linear_time() {
    let sandbox = sandbox();
    let start = Instant::now();
    for number in 0..SECRETS {
        let (namespace, name) = (format!("n{}", number % 20), format!("s{number}"));
        let meta = json!({ "name": name, "namespace": namespace });
        let one = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": { "k": "eA==" } });
        sandbox.load(&one, "files").expect("it can be loaded");
    }
    let client = sandbox.client();
    let everywhere: kube::Api<k8s_openapi::api::core::v1::Secret> = kube::Api::all(client.clone());
    let (mut seen, mut token) = (0, None);
    loop {
        let mut params = ListParams::default().limit(250);
        params.continue_token = token;
        let page = everywhere.list(&params).await.expect("a page");
        seen += page.items.len();
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, SECRETS);
    let from = create(&secrets(&client), &secret("first", "x")).await.metadata.resource_version.expect("a version");
    for number in 0..5_000 {
        create(&secrets(&client), &secret(&format!("w{number}"), "x")).await;
    }
    let watch = everywhere.watch(&WatchParams::default(), &from).await.expect("a watch");
    let mut watch = std::pin::pin!(watch);
    for _ in 0..5_000 {
        watch.try_next().await.expect("no error").expect("an event");
    }
    assert!(start.elapsed() < BOUND, "it took {:?}", start.elapsed());
}
