//! What every store's row must keep, whatever its service: it takes its own example, refuses what it does not know, says what it
//! can do in its schema, and never takes a refusal or an absence for a missing secret. Specification: design §9 "contract".

use base::{Kind, ObjectRef, Tenant};
use serde_json::json;
use source::Locator;
use testkit::Server;
use testkit::http::Answer;

use super::*;
use crate::reach::{Reach, Retrying};
use crate::resolver::tests::reach;
use crate::row::Row;
use crate::stand_in::Objects;

/// Settings of a store that speaks to this address; none for one that speaks to nobody.
fn example(key: &str, url: &str) -> Option<Value> {
    let at = |key: &str| json!({"name": "credentials", "key": key});
    let token = json!({"tokenSecretRef": at("token")});
    Some(match key {
        "vault" => json!({"server": url, "path": "secret", "auth": token}),
        "openBao" => json!({"server": url, "auth": token}),
        "aws" => json!({"service": "SecretsManager", "region": "eu-central-1", "auth": {"secretRef": {
            "accessKeyIDSecretRef": at("token"), "secretAccessKeySecretRef": at("token")}}}),
        "kubernetes" => {
            json!({"server": {"url": url, "caBundle": certificate()}, "auth": {"token": {"bearerToken": at("token")}}})
        }
        "fake" => return None,
        other => panic!("the contract knows no example of `{other}`"),
    })
}

/// Any certificate: before a server without TLS nobody looks at it.
fn certificate() -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    base::encoding::Base64::Standard.encode(made.cert.pem().as_bytes())
}

fn keys() -> impl Iterator<Item = (&'static Row, &'static str)> {
    let opens = STORES.iter().filter(|row| row.open.is_some());
    opens.flat_map(|row| row.keys.iter().map(move |key| (*row, *key)))
}

#[test]
fn settings_are_taken_as_the_schema_says_and_no_further() {
    let tenant = Tenant::new(ObjectRef::new("SecretStore", "n", "s"), "n");
    for (row, key) in keys() {
        let Some(mut settings) = example(key, "https://127.0.0.1:1") else { continue };
        assert!((row.check)(&settings, &tenant).is_empty(), "{key}");
        let schema = Value::from((row.schema)());
        for name in settings.as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(schema["properties"].get(name).is_some(), "the schema of `{key}` has no `{name}`");
        }
        settings["unheardOf"] = json!(1);
        let told: Vec<String> = (row.check)(&settings, &tenant).iter().map(Fault::chain).collect();
        assert!(told.iter().any(|text| text.contains("unknown field `unheardOf`")), "{key}: {told:?}");
    }
}

#[tokio::test]
async fn a_refusal_and_an_absence_are_no_missing_secret() {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "message": "no",
        "reason": "Forbidden", "errors": ["permission denied"]});
    let refusing = Server::start(move |_| Answer::json(403, &status)).await;
    let gone = Server::start(|_| Answer::empty(200)).await.url();
    let variables =
        |url: &str| [("AWS_ENDPOINT_URL", url.to_owned()), ("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
    let objects = Objects::default().with("n/credentials", "token", "a-token-nobody-may-see");
    for (_, key) in keys() {
        for (url, expected) in [(refusing.url(), Kind::Denied), (gone.clone(), Kind::Unreachable)] {
            let Some(settings) = example(key, &url) else { continue };
            let variables = variables(&url);
            let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let reach = Reach { retrying: Some(Retrying { retries: Some(0), wait: None }), ..reach(&[], &variables).0 };
            let client = objects.open(json!({ key: settings }), &reach).await;
            let client = client.unwrap_or_else(|fault| panic!("{key}: {}", fault.chain()));
            let fault = client.fetch(&Locator::of("some-secret")).await.err().expect("nobody answers with it");
            assert_eq!(fault.kind(), expected, "{key}: {}", fault.chain());
            assert!(!fault.chain().contains("a-token-nobody-may-see"), "{key}");
        }
    }
}
