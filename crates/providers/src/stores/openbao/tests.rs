//! The store of OpenBao. Specification: ESO §10.6.

use serde_json::json;
use testkit::Vault;
use testkit::vault::{Engine, ROOT};

use super::*;
use crate::resolver::tests::reach;
use crate::stand_in::{Objects, extract, read, told, value, words};

async fn opened(vault: &Vault, extra: Value) -> Result<Client, Fault> {
    let mut all = json!({"server": vault.url(), "auth": {"tokenSecretRef": {"name": "bao", "key": "token"}}});
    for (name, value) in extra.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    Objects::default().with("n/bao", "token", ROOT).open(json!({"openBao": all}), &reach(&[], &[]).0).await
}

async fn filled() -> Vault {
    let vault = Vault::start().await;
    vault.mount("kv", Engine::kv2());
    vault.mount("one", Engine::kv1());
    vault.put("kv/app", json!({"k": "v", "deep": {"a": 1}, "deep.a": "dotted"}));
    vault.put("kv/folder/db", json!({"user": "u"}));
    vault.put("kv/folder/below/it", json!({"x": "y"}));
    vault.put("one/app", json!({"k": "first"}));
    vault
}

#[tokio::test]
async fn a_property_is_a_key_and_a_search_stays_in_its_folder() {
    let vault = filled().await;
    let client = opened(&vault, json!({})).await.unwrap_or_else(|fault| panic!("{}", fault.chain()));
    assert_eq!(read(&client, "app", Some("k")).await, "v");
    assert_eq!(read(&client, "app", Some("deep.a")).await, "dotted");
    assert_eq!(read(&client, "folder/below/it", None).await, r#"{"x":"y"}"#);
    let missing = read(&client, "app", Some("deep.b")).await;
    assert_eq!(missing, "Wrong: cannot find secret data for key: \"deep.b\"");
    assert!(read(&client, "gone", None).await.starts_with("NotFound"));
    assert_eq!(extract(&client, "folder/db").await, "user=u");
    let find = |path: Option<&str>, name: &str| Find {
        path: path.map(str::to_owned),
        name: Some(name.to_owned()),
        ..Find::default()
    };
    assert_eq!(told(client.find(&find(Some("folder"), "^d")).await, words), r#"folder/db={"user":"u"}"#);
    assert_eq!(told(client.find(&Find::default()).await, words), "Wrong: unexpected find operator");
    assert_eq!(
        told(client.push(&value("x", None, "{}")).await, |_| String::new()),
        "Wrong: this provider cannot push secrets"
    );
    let one = opened(&vault, json!({"path": "one", "version": "v1"}))
        .await
        .unwrap_or_else(|fault| panic!("{}", fault.chain()));
    assert_eq!(read(&one, "app", Some("k")).await, "first");
}

#[tokio::test]
async fn validation_looks_at_the_mount() {
    let vault = filled().await;
    vault.mount("pki", Engine::transit(&["k"]));
    for (extra, expected) in [
        (json!({}), ""),
        (json!({"path": "one", "version": "v1"}), ""),
        (json!({"path": "one"}), "Wrong: the engine at `one` has another version than the store says"),
        (json!({"path": "pki"}), "Wrong: the engine at `pki` is `transit` and no key-value engine"),
    ] {
        let client = opened(&vault, extra.clone()).await.unwrap_or_else(|fault| panic!("{}", fault.chain()));
        assert_eq!(told(client.validate().await, |_| String::new()), expected, "{extra}");
    }
}

#[tokio::test]
async fn one_way_to_log_in_and_one_bundle() {
    let vault = filled().await;
    let methods = "Wrong: exactly one of the fields in [appRole tokenSecretRef userPass] must be set";
    for (extra, expected) in [
        (json!({"auth": {}}), methods),
        (
            json!({"caBundle": "eA==", "caProvider": {"type": "Secret", "name": "x"}}),
            "Wrong: at most one of the fields in [caBundle caProvider] may be set",
        ),
        (
            json!({"auth": {"kubernetes": {}}}),
            "Wrong: cannot understand the settings of provider `openBao`: unknown field `kubernetes`",
        ),
    ] {
        let refused = told(opened(&vault, extra.clone()).await, |_| "opened".to_owned());
        assert!(refused.starts_with(expected), "{extra}: {refused}");
    }
}
