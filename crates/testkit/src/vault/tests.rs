//! Vault through a real client: shapes, texts and lives of VSO §17.

mod agrees;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Engine, ROOT, Role, Terms, Vault};
use crate::clock;
use crate::http::{Answer, Misbehaviour};
use crate::tests::ask;

async fn call(vault: &Vault, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
    let method: Method = method.parse().expect("a method");
    ask(method, &format!("{}/v1/{path}", vault.url()), &[("x-vault-token", token)], &body).await
}

async fn root(vault: &Vault, method: &str, path: &str, body: Value) -> (u16, Value) {
    call(vault, method, path, ROOT, body).await
}

fn errors(answer: &(u16, Value)) -> (u16, String) {
    (answer.0, answer.1["errors"][0].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn kv_2_has_versions_metadata_and_check_and_set() {
    let vault = Vault::with_clock(clock::frozen("2026-01-02T03:04:05Z")).await;
    vault.put("secret/app/db", json!({ "user": "u", "port": 5432 }));
    let (code, read) = root(&vault, "GET", "secret/data/app/db", Value::Null).await;
    assert_eq!((code, &read["data"]["data"]), (200, &json!({ "user": "u", "port": 5432 })));
    assert_eq!(read["data"]["metadata"]["version"], 1);
    assert_eq!((&read["lease_id"], &read["auth"]), (&json!(""), &Value::Null));
    let write = |cas: u64| json!({ "data": { "user": "v" }, "options": { "cas": cas } });
    let stale = root(&vault, "PUT", "secret/data/app/db", write(0)).await;
    assert_eq!(errors(&stale), (400, "check-and-set parameter did not match the current version".to_owned()));
    assert_eq!(root(&vault, "POST", "secret/data/app/db", write(1)).await.1["data"]["version"], 2);
    let (_, old) = root(&vault, "GET", "secret/data/app/db?version=1", Value::Null).await;
    assert_eq!(old["data"]["data"]["user"], "u");
    vault.remove("secret/app/db");
    let (code, deleted) = root(&vault, "GET", "secret/data/app/db", Value::Null).await;
    assert_eq!((code, &deleted["data"]["data"]), (404, &Value::Null));
    assert_ne!(deleted["data"]["metadata"]["deletion_time"], "");
    assert_eq!(root(&vault, "GET", "secret/data/none", Value::Null).await, (404, json!({ "errors": [] })));
    let (_, wrong) = root(&vault, "GET", "secret/app/db", Value::Null).await;
    assert!(wrong["warnings"][0].as_str().is_some_and(|text| text.starts_with("Invalid path for a versioned")));
    vault.put("secret/app/deep/er", json!({}));
    let (_, list) = root(&vault, "LIST", "secret/metadata/app", Value::Null).await;
    assert_eq!(list["data"]["keys"], json!(["db", "deep/"]));
    let (_, list) = root(&vault, "GET", "secret/metadata/?list=true", Value::Null).await;
    assert_eq!(list["data"]["keys"], json!(["app/"]));
    root(&vault, "PUT", "secret/metadata/app/db", json!({ "custom_metadata": { "managed-by": "external-secrets" } }))
        .await;
    let (_, told) = root(&vault, "GET", "secret/metadata/app/db", Value::Null).await;
    assert_eq!(told["data"]["custom_metadata"]["managed-by"], "external-secrets");
    assert_eq!(
        (&told["data"]["current_version"], told["data"]["versions"].as_object().map(serde_json::Map::len)),
        (&json!(2), Some(2))
    );
    assert_eq!(vault.count("GET", "secret/data/app/db"), 3);
}

#[tokio::test]
async fn kv_1_and_mounts_are_told_apart() {
    let vault = Vault::start().await;
    vault.mount("old/kv", Engine::kv1());
    root(&vault, "PUT", "old/kv/a", json!({ "n": 1.50 })).await;
    let (_, read) = root(&vault, "GET", "old/kv/a", Value::Null).await;
    assert_eq!((&read["data"], &read["lease_duration"]), (&json!({ "n": 1.5 }), &json!(2_764_800)));
    assert_eq!(vault.value("old/kv/a"), Some(json!({ "n": 1.5 })));
    for (mount, version) in [("secret/any/path", "2"), ("old/kv/x", "1")] {
        let (_, told) = root(&vault, "GET", &format!("sys/internal/ui/mounts/{mount}"), Value::Null).await;
        assert_eq!((&told["data"]["type"], &told["data"]["options"]["version"]), (&json!("kv"), &json!(version)));
    }
    assert_eq!(root(&vault, "GET", "sys/internal/ui/mounts/none", Value::Null).await.0, 403);
    let nowhere = root(&vault, "GET", "none/x", Value::Null).await;
    assert_eq!(errors(&nowhere), (404, "no handler for route \"none/x\". route entry not found.".to_owned()));
}

#[tokio::test]
async fn tokens_live_are_renewed_to_their_maximum_and_die() {
    let clock = clock::frozen("2026-01-02T03:04:05Z");
    let vault = Vault::with_clock(clock.clone()).await;
    vault.enable_auth("approle", "approle");
    vault.role("approle", "app", Role::app_role("r", "s").on_terms(Terms::seconds(30, 40)));
    let login = |secret: &str| json!({ "role_id": "r", "secret_id": secret });
    let wrong = call(&vault, "PUT", "auth/approle/login", "", login("x")).await;
    assert_eq!(errors(&wrong), (400, "invalid role or secret ID".to_owned()));
    let nowhere = call(&vault, "PUT", "auth/none/login", "", login("s")).await;
    assert_eq!(errors(&nowhere), (403, "permission denied".to_owned()));
    let (_, made) = call(&vault, "PUT", "auth/approle/login", "", login("s")).await;
    let auth = &made["auth"];
    assert_eq!(
        (&auth["lease_duration"], &auth["renewable"], &auth["token_type"]),
        (&json!(30), &json!(true), &json!("service"))
    );
    let token = auth["client_token"].as_str().expect("a token");
    clock.advance(SignedDuration::from_secs(20));
    let (_, looked) = call(&vault, "GET", "auth/token/lookup-self", token, Value::Null).await;
    assert_eq!((&looked["data"]["ttl"], &looked["data"]["accessor"]), (&json!(10), &auth["accessor"]));
    let (_, renewed) = call(&vault, "PUT", "auth/token/renew-self", token, json!({ "increment": "1h" })).await;
    assert_eq!(renewed["auth"]["lease_duration"], 20);
    let warning = "TTL of \"1h\" exceeded the effective max_ttl of \"40s\"; TTL value is capped accordingly";
    assert_eq!(renewed["warnings"], json!([warning]));
    clock.advance(SignedDuration::from_secs(21));
    let dead = call(&vault, "GET", "secret/data/x", token, Value::Null).await;
    assert_eq!(errors(&dead), (403, "permission denied".to_owned()));
    let (_, made) = call(&vault, "PUT", "auth/approle/login", "", login("s")).await;
    let token = made["auth"]["client_token"].as_str().expect("a token");
    assert_eq!((vault.live_tokens(), vault.logins()), (1, 4));
    assert_eq!(call(&vault, "PUT", "auth/token/revoke-self", token, json!({})).await.0, 204);
    assert_eq!(vault.live_tokens(), 0);
}

#[tokio::test]
async fn accounts_log_in_by_the_claims_of_their_tokens() {
    let vault = Vault::start().await;
    let sandbox = sandbox::Sandbox::new();
    let cluster = crate::Cluster::memory("accounts", sandbox).await;
    cluster
        .create(&json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "app" } }))
        .await
        .expect("it is made");
    vault.enable_auth("k8s", "kubernetes");
    vault.role("k8s", "app", Role::account(&["app"], &[cluster.namespace()]).for_audience("vault"));
    vault.role("k8s", "other", Role::account(&["other"], &["*"]));
    let login = |role: &str, jwt: &str| json!({ "role": role, "jwt": jwt });
    let good = cluster.token("app", &["vault"]).await;
    let (code, made) = call(&vault, "PUT", "auth/k8s/login", "", login("app", &good)).await;
    assert_eq!((code, &made["auth"]["metadata"]["service_account_name"]), (200, &json!("app")));
    let foreign = cluster.token("app", &["else"]).await;
    for (role, jwt, expected) in [
        ("app", foreign.as_str(), (403, "permission denied")),
        ("other", &good, (403, "permission denied")),
        ("none", &good, (400, "invalid role name \"none\"")),
        ("", &good, (400, "missing role")),
        ("app", "", (400, "missing jwt")),
        ("app", "nonsense", (403, "permission denied")),
    ] {
        let refused = errors(&call(&vault, "PUT", "auth/k8s/login", "", login(role, jwt)).await);
        assert_eq!((refused.0, refused.1.as_str()), expected, "{role}");
    }
    vault.enable_auth("people", "userpass");
    vault.role("people", "anna", Role::password("p"));
    assert_eq!(call(&vault, "PUT", "auth/people/login/anna", "", json!({ "password": "p" })).await.0, 200);
    assert_eq!(call(&vault, "PUT", "auth/people/login/anna", "", json!({ "password": "q" })).await.0, 400);
}

#[tokio::test]
async fn leases_are_renewed_revoked_and_die_with_their_token() {
    let clock = clock::frozen("2026-01-02T03:04:05Z");
    let vault = Vault::with_clock(clock.clone()).await;
    vault.mount("database", Engine::database(&[("app", Terms::seconds(9, 25))], &[("fixed", 60)]));
    let token = vault.token(&Terms::default());
    let (_, issued) = call(&vault, "GET", "database/creds/app", &token, Value::Null).await;
    let lease = issued["lease_id"].as_str().expect("a lease");
    assert!(lease.starts_with("database/creds/app/"));
    assert_eq!((&issued["lease_duration"], &issued["renewable"]), (&json!(9), &json!(true)));
    clock.advance(SignedDuration::from_secs(6));
    let renew = json!({ "lease_id": lease, "increment": 20 });
    let (_, renewed) = call(&vault, "PUT", "sys/leases/renew", &token, renew.clone()).await;
    assert_eq!(renewed["lease_duration"], 19, "the maximum since the start cuts it");
    clock.advance(SignedDuration::from_secs(20));
    assert_eq!(
        errors(&call(&vault, "PUT", "sys/leases/renew", &token, renew).await),
        (400, "lease not found".to_owned())
    );
    let (_, again) = call(&vault, "GET", "database/creds/app", &token, Value::Null).await;
    assert_ne!(again["data"]["username"], issued["data"]["username"]);
    assert_eq!(vault.live_leases().len(), 1);
    vault.revoke_tokens();
    assert!(vault.live_leases().is_empty());
    let (_, first) = root(&vault, "GET", "database/static-creds/fixed", Value::Null).await;
    assert_eq!((&first["data"]["ttl"], &first["lease_id"]), (&json!(60), &json!("")));
    vault.rotate("database", "fixed");
    let (_, second) = root(&vault, "GET", "database/static-creds/fixed", Value::Null).await;
    assert_ne!(first["data"]["password"], second["data"]["password"]);
    clock.advance(SignedDuration::from_secs(61));
    let (_, third) = root(&vault, "GET", "database/static-creds/fixed", Value::Null).await;
    assert_ne!(second["data"]["password"], third["data"]["password"]);
    assert_eq!(errors(&root(&vault, "GET", "database/creds/none", Value::Null).await).0, 400);
}

#[tokio::test]
async fn certificates_are_real_and_can_be_revoked() {
    let vault = Vault::with_clock(clock::frozen("2026-01-02T03:04:05Z")).await;
    vault.mount("pki", Engine::pki(&[("web", "example.com", 3600)]));
    let wish = json!({ "common_name": "web.example.com", "alt_names": "www.example.com", "ttl": "2h", "remove_roots_from_chain": true });
    let (_, made) = root(&vault, "PUT", "pki/issue/web", wish.clone()).await;
    let data = &made["data"];
    assert_eq!(data["expiration"], 1_767_326_645, "the role's longest life");
    assert!(
        data.get("ca_chain").is_none()
            && data["certificate"].as_str().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----"))
    );
    let key = data["private_key"].as_str().expect("a key");
    assert!(rcgen::KeyPair::from_pem(key).is_ok());
    let (_, by_issuer) = root(&vault, "PUT", "pki/issuer/default/issue/web", wish).await;
    assert_ne!(by_issuer["data"]["serial_number"], data["serial_number"]);
    for (body, path, expected) in [
        (json!({ "common_name": "evil.org" }), "pki/issue/web", (400, "common name evil.org not allowed by this role")),
        (
            json!({ "common_name": "a.example.com", "not_after": "" }),
            "pki/issue/web",
            (400, "parsing time \"\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"2006\""),
        ),
        (json!({ "common_name": "a.example.com" }), "pki/issue/none", (400, "unknown role: none")),
        (
            json!({ "common_name": "a.example.com" }),
            "pki/issuer/x/web",
            (404, "1 error occurred:\n\t* unsupported path\n\n"),
        ),
    ] {
        let refused = errors(&root(&vault, "PUT", path, body).await);
        assert_eq!((refused.0, refused.1.as_str()), expected);
    }
    let serial = data["serial_number"].as_str().expect("a serial");
    let (code, told) = root(&vault, "PUT", "pki/revoke", json!({ "serial_number": serial })).await;
    assert_eq!((code, &told["data"]["state"]), (200, &json!("revoked")));
    assert_eq!(vault.revoked_certificates(), [serial]);
    assert_eq!(root(&vault, "PUT", "pki/revoke", json!({ "serial_number": "00:11" })).await.0, 400);
}

#[tokio::test]
async fn namespaces_denials_seals_and_misbehaviour() {
    let vault = Vault::start().await;
    vault.namespace("team1");
    vault.mount("team1/kv", Engine::kv2());
    vault.put("team1/kv/a", json!({ "k": "v" }));
    let url = format!("{}/v1/kv/data/a", vault.url());
    let within = |namespace: &'static str| [("x-vault-token", ROOT), ("x-vault-namespace", namespace)];
    assert_eq!(ask(Method::GET, &url, &within("team1/"), &Value::Null).await.1["data"]["data"]["k"], "v");
    let unknown = ask(Method::GET, &url, &within("team2"), &Value::Null).await;
    assert_eq!(errors(&unknown), (404, "namespace not found".to_owned()));
    vault.deny("secret/data/x");
    let denied = root(&vault, "GET", "secret/data/x/y", Value::Null).await;
    assert_eq!(errors(&denied), (403, "1 error occurred:\n\t* permission denied\n\n".to_owned()));
    vault.allow_all();
    assert_eq!(root(&vault, "GET", "secret/data/x/y", Value::Null).await.0, 404);
    vault.seal(true);
    assert_eq!(errors(&root(&vault, "GET", "secret/data/x", Value::Null).await), (503, "Vault is sealed".to_owned()));
    assert_eq!(call(&vault, "GET", "sys/seal-status", "", Value::Null).await.1["sealed"], true);
    assert_eq!(call(&vault, "GET", "sys/health", "", Value::Null).await.0, 503);
    vault.seal(false);
    let busy = Answer::json(429, &json!({ "errors": ["slow down"] })).with_header("retry-after", "1");
    vault.server().misbehave("GET", "/v1/secret/", 1, Misbehaviour::Say(busy));
    assert_eq!(root(&vault, "GET", "secret/data/x", Value::Null).await.0, 429);
    assert_eq!(call(&vault, "GET", "secret/data/x", "none", Value::Null).await.0, 403);
}

#[tokio::test]
async fn transit_gives_back_what_the_same_key_took() {
    let vault = Vault::start().await;
    vault.mount("transit", Engine::transit(&["other"]));
    let (_, hidden) = root(&vault, "PUT", "transit/encrypt/k", json!({ "plaintext": "aGk=" })).await;
    let open = json!({ "ciphertext": hidden["data"]["ciphertext"] });
    assert_eq!(root(&vault, "PUT", "transit/decrypt/k", open.clone()).await.1["data"]["plaintext"], "aGk=");
    assert_eq!(root(&vault, "PUT", "transit/decrypt/other", open.clone()).await.0, 400);
    let none = errors(&root(&vault, "PUT", "transit/decrypt/none", open).await);
    assert_eq!(none, (400, "encryption key not found".to_owned()));
}
