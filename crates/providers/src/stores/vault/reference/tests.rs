//! References against a Vault that counts what it is asked. What values become was checked against the real program.

use serde_json::json;
use source::expand::Options;
use testkit::Vault;
use testkit::vault::{Engine, ROOT, Role};

use crate::resolver::tests::reach;
use crate::resolver::{MissingKey, Resolver, Schemes};

async fn text_with(vault: &Vault, files: &[(&str, &str)], variables: &[(&str, &str)], text: &str) -> String {
    let url = vault.url();
    let mut all = vec![("VAULT_ADDR", url.as_str())];
    all.extend(variables);
    let resolver = Resolver::new(reach(files, &all).0, Schemes::All, MissingKey::Refuse);
    let filled = resolver.fill_text(text, &Options::default()).await;
    filled.map_or_else(|fault| fault.chain(), |bytes| String::from_utf8(bytes).expect("the values are text"))
}

async fn text(vault: &Vault, text: &str) -> String {
    text_with(vault, &[], &[("VAULT_TOKEN", ROOT)], text).await
}

async fn vault() -> Vault {
    let vault = Vault::start().await;
    vault.put("secret/app", json!({
        "pw": "s3", "n": 12345678901234567890u64, "f": 1.5, "b": true, "z": null, "m": {"x": 1, "l": ["a"]}, "b64": "Zm9v"
    }));
    vault.put("secret/app/db", json!({"user": "u", "password": "p"}));
    vault.mount("old", Engine::kv1());
    vault.put("old/app", json!({"pw": "first"}));
    vault
}

#[tokio::test]
async fn values_are_what_the_peer_makes_of_them() {
    let vault = vault().await;
    for (reference, expected) in [
        ("ref+vault://secret/app/pw", "s3"),
        ("ref+vault://secret/app#/pw", "s3"),
        ("ref+vault://secret/app/n", "12345678901234567890"),
        ("ref+vault://secret/app/f", "1.5"),
        ("ref+vault://secret/app/b", "true"),
        ("ref+vault://secret/app/z", "<nil>"),
        ("ref+vault://secret/app/m", "map[l:[a] x:1]"),
        ("ref+vault://secret/app#/m/x", "1"),
        ("ref+vault://secret/app#/m/l/0", "a"),
        ("ref+vault://secret/app/db#/user", "u"),
        ("ref+vault://secret/app/b64?decode=base64", "foo"),
        ("ref+vault://old/app/pw", "first"),
        ("ref+vault://old/app#/pw", "first"),
        ("ref+vault://secret/ref+echo://app+/db/password", "p"),
        ("ref+openbao://secret/app/pw", "s3"),
    ] {
        assert_eq!(text(&vault, reference).await, expected, "{reference}");
    }
}

#[tokio::test]
async fn failures_have_the_peers_words() {
    let vault = vault().await;
    for (reference, expected) in [
        (
            "ref+vault://secret/app/zz",
            "expand vault://secret/app/zz: vault: get string: key \"zz\" does not exist in \"secret/app\"",
        ),
        (
            "ref+openbao://secret/app/zz",
            "expand openbao://secret/app/zz: openbao: get string: key \"zz\" does not exist in \"secret/app\"",
        ),
        ("ref+vault://app", "expand vault://app: no secret found for path \"\""),
        ("ref+vault://secret/app#/zz", "expand vault://secret/app#/zz: no value found for key zz"),
        (
            "ref+vault://secret/app/pw?decode=zz",
            "expand vault://secret/app/pw?decode=zz: unsupported decode parameter: \"zz\"",
        ),
        (
            "ref+vault://secret/app/pw?token_env=NOPE",
            "expand vault://secret/app/pw?token_env=NOPE: Cannot create Vault Client: token_env configured to read vault token from envvar \"NOPE\", but it isn't set",
        ),
        (
            "ref+vault://secret/app/pw?token_file=/none",
            "expand vault://secret/app/pw?token_file=/none: Cannot create Vault Client: open /none: no such file or directory",
        ),
        (
            "ref+vault://secret/app/pw?auth_method=magic",
            "expand vault://secret/app/pw?auth_method=magic: cannot log in to Vault with the method \"magic\"",
        ),
        (
            "ref+vault://secret/app/pw?kv_version=3",
            "expand vault://secret/app/pw?kv_version=3: kv_version is 1 or 2, and not \"3\"",
        ),
    ] {
        assert_eq!(text(&vault, reference).await, expected, "{reference}");
    }
    let missing = text(&vault, "ref+vault://secret/none/pw").await;
    assert!(
        missing.starts_with("expand vault://secret/none/pw: no secret found for path \"secret/none\""),
        "{missing}"
    );
    let nobody = text_with(&vault, &[], &[], "ref+vault://secret/app/pw").await;
    assert_eq!(nobody, "expand vault://secret/app/pw: cannot log in to Vault: there is no token");
    let refused = text_with(&vault, &[], &[("VAULT_TOKEN", "wrong-token")], "ref+vault://secret/app/pw").await;
    assert!(refused.contains("Code: 403") && !refused.contains("wrong-token"), "{refused}");
}

#[tokio::test]
async fn tokens_are_found_where_the_client_looks() {
    let vault = vault().await;
    let reference = "ref+vault://secret/app/pw";
    let with_newline = format!("{ROOT}\n");
    let files = [("/t", with_newline.as_str()), ("/h/x/.vault-token", ROOT), ("/bad", "wrong")];
    for (variables, reference, works) in [
        (vec![("HOME", "/h/x")], reference.to_owned(), true),
        (vec![("VAULT_TOKEN_FILE", "/t")], reference.to_owned(), true),
        (vec![("VAULT_TOKEN", "wrong"), ("HOME", "/h/x")], reference.to_owned(), false),
        (vec![("T", ROOT), ("VAULT_TOKEN", "wrong")], format!("{reference}?token_env=T"), true),
        (vec![("T", "wrong")], format!("{reference}?token_env=T&token_file=/t"), true),
        (vec![("VALS_TOKEN_FILE", "/t")], reference.to_owned(), true),
        (vec![("HOME", "/h/x"), ("VAULT_TOKEN_FILE", "/bad")], reference.to_owned(), false),
    ] {
        let told = text_with(&vault, &files, &variables, &reference).await;
        assert_eq!(told == "s3", works, "{variables:?} {reference}: {told}");
    }
}

#[tokio::test]
async fn many_references_log_in_once_and_read_each_secret_once() {
    let vault = vault().await;
    vault.enable_auth("approle", "approle");
    vault.role("approle", "reader", Role::app_role("reader", "hush"));
    let variables = [("VAULT_AUTH_METHOD", "approle"), ("VAULT_ROLE_ID", "reader"), ("VAULT_SECRET_ID", "hush")];
    let mut all = String::new();
    for number in 0..100 {
        let reference = ["secret/app/pw", "secret/app#/n", "secret/app/db/user", "old/app/pw"][number % 4];
        all.push_str(&format!("ref+vault://{reference} "));
    }
    let told = text_with(&vault, &[], &variables, &all).await;
    assert!(told.starts_with("s3 12345678901234567890 u first s3 "), "{told}");
    assert_eq!(vault.logins(), 1);
    assert_eq!(vault.count("GET", "secret/data/app"), 1);
    assert_eq!(vault.count("GET", "secret/data/app/db"), 1);
    assert_eq!(vault.count("GET", "old/app"), 1);
    let asked: usize = vault
        .server()
        .counts()
        .iter()
        .filter(|(line, _)| line.contains("sys/internal/ui/mounts"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(asked, 2, "{:?}", vault.server().counts());
}

#[tokio::test]
async fn whoever_may_not_ask_for_the_mount_gets_both_versions_tried() {
    let vault = vault().await;
    vault.deny("sys/internal/ui/mounts");
    assert_eq!(text(&vault, "ref+vault://secret/app/pw").await, "s3");
    assert_eq!(text(&vault, "ref+vault://old/app/pw").await, "first");
    let missing = text(&vault, "ref+vault://secret/none/pw").await;
    assert!(missing.contains("no secret found for path \"secret/none\""), "{missing}");
    vault.server().forget();
    assert_eq!(text(&vault, "ref+vault://secret/app/pw?kv_version=2").await, "s3");
    assert_eq!(text(&vault, "ref+vault://old/app/pw?kv_version=1").await, "first");
    assert_eq!(vault.server().requests().len(), 2);
}

#[tokio::test]
async fn a_version_can_be_asked_for() {
    let vault = vault().await;
    vault.put("secret/app", json!({"pw": "second"}));
    assert_eq!(text(&vault, "ref+vault://secret/app/pw").await, "second");
    assert_eq!(text(&vault, "ref+vault://secret/app/pw?version=1").await, "s3");
    // The variable counts only if it can be a version of a secret.
    let token = ("VAULT_TOKEN", ROOT);
    assert_eq!(text_with(&vault, &[], &[token, ("VALS_VERSION", "1")], "ref+vault://secret/app/pw").await, "s3");
    assert_eq!(
        text_with(&vault, &[], &[token, ("VALS_VERSION", "v0.46")], "ref+vault://secret/app/pw").await,
        "second"
    );
}
