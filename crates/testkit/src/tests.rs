//! What the tests of this crate share: a client that asks over loopback.

use reqwest::{Client, Method};
use serde_json::Value;

pub fn client() -> Client {
    // A second test of the same process finds it installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client without TLS")
}

/// Code and JSON (null if there is none) of a GET.
pub async fn get(url: &str) -> (u16, Value) {
    ask(Method::GET, url, &[], &Value::Null).await
}

/// Code and JSON (null if there is none) of a request with headers and a JSON body (null: none).
pub async fn ask(method: Method, url: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let mut request = client().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let answer = request.send().await.expect("an answer");
    let code = answer.status().as_u16();
    let bytes = answer.bytes().await.expect("a body");
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}
