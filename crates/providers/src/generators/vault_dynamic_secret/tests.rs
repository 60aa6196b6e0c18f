//! The generator against a Vault that leases. Specification: ESO §11.

use base::ObjectRef;
use serde_json::json;
use testkit::vault::{Engine, ROOT, Terms};
use testkit::{Vault, entropy};

use super::*;
use crate::resolver::tests::reach;
use crate::stand_in::{Objects, told, words};

async fn vault() -> Vault {
    let vault = Vault::start().await;
    vault.mount("database", Engine::database(&[("app", Terms { ttl_seconds: 600, ..Terms::default() })], &[]));
    vault.put("secret/app", json!({"user": "u", "n": 5}));
    vault
}

/// What a generator of the namespace `n` makes: keys, and the seconds until the values end.
async fn made(vault: &Vault, extra: Value) -> String {
    let token = json!({"tokenSecretRef": {"name": "vault", "namespace": "elsewhere", "key": "token"}});
    let mut spec = json!({"provider": {"server": vault.url(), "auth": token}});
    for (name, value) in extra.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    let objects = Objects::default().with("n/vault", "token", ROOT);
    let tenant = base::Tenant::confined(ObjectRef::new("VaultDynamicSecret", "n", "db"), "n");
    let credentials = Credentials::new(tenant, Arc::new(objects));
    let made = async {
        let generator = (ROW.open)(&spec, &reach(&[], &[]).0, credentials).await?;
        generator.make(Timestamp::UNIX_EPOCH, &mut entropy::fixed(1)).await
    };
    told(made.await, |made| {
        let end = made.expires.map_or_else(|| "never".to_owned(), |end| end.as_second().to_string());
        let keys: Vec<&str> = made.values.iter().map(|(key, _)| &**key).collect();
        format!("{} until {end}", keys.join(" "))
    })
}

#[tokio::test]
async fn each_answer_is_a_new_one_with_its_end() {
    let vault = vault().await;
    let spec = json!({"method": "GET", "path": "/database/creds/app"});
    assert_eq!(made(&vault, spec.clone()).await, "password username until 600");
    assert_eq!(made(&vault, spec).await, "password username until 600");
    assert_eq!(vault.live_leases().len(), 2);
}

#[tokio::test]
async fn parts_and_methods() {
    let vault = vault().await;
    let read = json!({"method": "GET", "path": "secret/data/app"});
    let with = |name: &str, value: &str| {
        let mut spec = read.clone();
        spec[name] = json!(value);
        spec
    };
    assert_eq!(made(&vault, read.clone()).await, "data metadata until never");
    assert!(made(&vault, with("resultType", "Raw")).await.contains("request_id"));
    assert_eq!(made(&vault, with("resultType", "Auth")).await, "Wrong: empty response from Vault");
    let listed = json!({"method": "LIST", "path": "secret/metadata"});
    assert_eq!(made(&vault, listed).await, "keys until never");
    let written = json!({"path": "secret/data/new", "parameters": {"data": {"a": "b"}}});
    assert!(made(&vault, written).await.contains("version"));
    assert_eq!(vault.value("secret/new"), Some(json!({"a": "b"})));
}

#[tokio::test]
async fn what_fails_is_told() {
    let vault = vault().await;
    let of = async |extra: Value| made(&vault, extra).await;
    assert!(of(json!({"method": "GET", "path": "database/creds/nobody"})).await.contains("unknown role"));
    assert!(of(json!({})).await.contains("missing field `path`"));
    let retry = json!({"path": "x", "retrySettings": {"retryInterval": "1d"}});
    assert!(of(retry).await.contains("cannot read `retrySettings.retryInterval`"));
    let gone = json!({"method": "DELETE", "path": "secret/data/app"});
    assert_eq!(of(gone.clone()).await, "Wrong: empty response from Vault");
    let mut allowed = gone;
    allowed["allowEmptyResponse"] = json!(true);
    assert_eq!(of(allowed).await, " until never");
}

#[test]
fn values_are_texts_or_json() {
    let values = select::fields(br#"{"user":"u","n":5,"deep":{"a":1},"none":null}"#).unwrap();
    assert_eq!(words(values), r#"deep={"a":1} n=5 none= user=u"#);
}
