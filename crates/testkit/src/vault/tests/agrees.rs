//! The same requests to this server and, where the lab has the program, to a real OpenBao: codes, errors and the shapes
//! of answers must agree. This keeps the stand-in honest.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::peers;
use crate::tests::ask;
use crate::vault::{Engine, ROOT, Role, Terms, Vault};

/// A real server that ends with the test.
struct Bao {
    child: Child,
    url: String,
}

impl Drop for Bao {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bao {
    async fn start(program: &std::path::Path) -> Self {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let (address, url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
        let flags = ["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root", "-dev-listen-address"];
        let mut command = Command::new(program);
        command.args(flags).arg(&address).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        let bao = Self { child: command.spawn().expect("it starts"), url };
        for _ in 0..500 {
            let up = crate::tests::client().get(format!("{}/v1/sys/health", bao.url)).send().await;
            if up.is_ok_and(|answer| answer.status() == 200) {
                return bao;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("OpenBao does not come up");
    }

    async fn set_up(&self) {
        let role = json!({ "token_ttl": "30s", "token_max_ttl": "40s", "token_policies": "reader", "role_id": "r" });
        let acl = "path \"secret/*\" { capabilities = [\"read\", \"list\"] }\npath \"pki/issue/web\" { capabilities = [\"update\"] }";
        let web = json!({ "allowed_domains": "example.com", "allow_subdomains": true, "allow_bare_domains": true, "max_ttl": "1h", "key_type": "ec", "key_bits": 256 });
        for (path, body) in [
            ("sys/mounts/kv1", json!({ "type": "kv", "options": { "version": "1" } })),
            ("sys/mounts/pki", json!({ "type": "pki" })),
            ("sys/mounts/transit", json!({ "type": "transit" })),
            ("sys/auth/approle", json!({ "type": "approle" })),
            ("sys/policy/reader", json!({ "policy": acl })),
            ("auth/approle/role/app", role),
            ("auth/approle/role/app/custom-secret-id", json!({ "secret_id": "s" })),
            ("pki/root/generate/internal", json!({ "common_name": "root", "key_type": "ec", "ttl": "10h" })),
            ("pki/roles/web", web),
            ("transit/keys/other", json!({})),
            ("secret/data/app/db", json!({ "data": { "user": "u", "port": 5432 } })),
        ] {
            let headers = [("x-vault-token", ROOT)];
            let (code, told) = ask(Method::POST, &format!("{}/v1/{path}", self.url), &headers, &body).await;
            assert!(code < 300, "{path}: {told}");
        }
    }
}

async fn stand_in() -> Vault {
    let vault = Vault::start().await;
    vault.mount("kv1", Engine::kv1());
    vault.mount("pki", Engine::pki(&[("web", "example.com", 3600)]));
    vault.mount("transit", Engine::transit(&["other"]));
    vault.enable_auth("approle", "approle");
    let terms = Terms { policies: vec!["default".to_owned(), "reader".to_owned()], ..Terms::seconds(30, 40) };
    vault.role("approle", "app", Role::app_role("r", "s").on_terms(terms));
    vault.put("secret/app/db", json!({ "user": "u", "port": 5432 }));
    vault
}

#[tokio::test]
async fn answers_agree_with_openbao() {
    let said = match peers::find("bao") {
        Some(peer) => {
            let bao = Bao::start(peer.program()).await;
            bao.set_up().await;
            script(&bao.url).await
        }
        None => script(&stand_in().await.url()).await,
    };
    insta::assert_snapshot!("answers", said);
}

/// Requests with the token of the login that the script begins with (`app`), the root's, or none.
async fn script(url: &str) -> String {
    let login = json!({ "role_id": "r", "secret_id": "s" });
    let (_, made) = ask(Method::PUT, &format!("{url}/v1/auth/approle/login"), &[], &login).await;
    let app = made["auth"]["client_token"].as_str().expect("a token").to_owned();
    let mut said = vec![format!("login {}", shape(&made))];
    for (method, path, who, body) in requests() {
        let token = if who == "app" { app.as_str() } else { who };
        let method: Method = method.parse().expect("a method");
        let headers = [("x-vault-token", token)];
        let headers = if token.is_empty() { &[][..] } else { &headers[..] };
        let (code, told) = ask(method.clone(), &format!("{url}/v1/{path}"), headers, &body).await;
        said.push(format!("{method} {path} {code} {}", shape(&told)));
    }
    settled(&said.join("\n"))
}

/// What is left of a token's 40 seconds counts down while the script runs: any of the last ten seconds is the same answer.
fn settled(said: &str) -> String {
    (31..40).fold(said.to_owned(), |said, left| {
        let said = said.replace(&format!("max_ttl of \\\"{left}s\\\""), "max_ttl of \\\"40s\\\"");
        said.replace(&format!("lease_duration: {left},"), "lease_duration: 40,")
    })
}

type Line = (&'static str, &'static str, &'static str, Value);

fn requests() -> Vec<Line> {
    let none = || Value::Null;
    let cert = |name: &str| json!({ "common_name": name, "ttl": "2h", "remove_roots_from_chain": true });
    let cas = |number: u64| json!({ "data": { "a": "b" }, "options": { "cas": number } });
    vec![
        ("PUT", "auth/approle/login", "", json!({ "role_id": "r", "secret_id": "wrong" })),
        ("PUT", "auth/approle/login", "", json!({ "role_id": "r" })),
        ("PUT", "auth/approle/login", "", json!({ "secret_id": "s" })),
        ("PUT", "auth/nowhere/login", "", json!({})),
        ("GET", "auth/token/lookup-self", "app", none()),
        ("PUT", "auth/token/renew-self", "app", json!({ "increment": "1h" })),
        ("GET", "secret/data/app/db", "", none()),
        ("GET", "secret/data/app/db", "unknown", none()),
        ("GET", "secret/data/app/db", "app", none()),
        ("GET", "secret/data/app/db?version=9", "app", none()),
        ("GET", "secret/data/none", "app", none()),
        ("GET", "secret/app/db", "app", none()),
        ("LIST", "secret/metadata/app", "app", none()),
        ("GET", "secret/metadata/app?list=true", "app", none()),
        ("LIST", "secret/metadata/none", "app", none()),
        ("GET", "secret/metadata/app/db", "app", none()),
        ("PUT", "secret/data/new", "root", cas(1)),
        ("PUT", "secret/data/new", "root", cas(0)),
        ("PATCH", "secret/data/new", "root", json!({ "data": { "a": "c" } })),
        ("DELETE", "secret/data/new", "root", none()),
        ("GET", "secret/data/new", "root", none()),
        ("PUT", "secret/undelete/new", "root", json!({ "versions": [1] })),
        ("GET", "secret/data/new", "root", none()),
        ("DELETE", "secret/metadata/new", "root", none()),
        ("PUT", "kv1/a", "root", json!({ "n": 1 })),
        ("GET", "kv1/a", "root", none()),
        ("GET", "kv1/none", "root", none()),
        ("GET", "nowhere/a", "root", none()),
        ("GET", "sys/internal/ui/mounts/secret/app", "app", none()),
        ("GET", "sys/internal/ui/mounts/nowhere", "app", none()),
        ("PUT", "pki/issue/web", "app", cert("a.example.com")),
        ("PUT", "pki/issue/web", "root", cert("evil.org")),
        ("PUT", "pki/issue/none", "root", cert("a.example.com")),
        ("PUT", "pki/issue/web", "root", json!({ "common_name": "a.example.com", "not_after": "" })),
        ("PUT", "pki/issue/web", "root", json!({})),
        ("PUT", "pki/issuer/default/web", "root", cert("a.example.com")),
        ("PUT", "pki/revoke", "root", json!({ "serial_number": "00:11:22" })),
        ("PUT", "transit/encrypt/other", "root", json!({ "plaintext": "aGk=" })),
        ("PUT", "transit/decrypt/none", "root", json!({ "ciphertext": "vault:v1:AAAA" })),
        ("PUT", "sys/leases/renew", "root", json!({ "lease_id": "none/x" })),
        ("PUT", "sys/leases/renew", "root", json!({})),
        ("PUT", "sys/leases/revoke", "root", json!({ "lease_id": "none/x" })),
        ("PUT", "sys/leases/lookup", "root", json!({ "lease_id": "none/x" })),
        ("PUT", "auth/token/revoke-self", "app", json!({})),
        ("GET", "auth/token/lookup-self", "app", none()),
    ]
}

/// What an answer has: errors and warnings by their text; of data and auth the names, and values that do not change from run to run.
fn shape(told: &Value) -> String {
    let mut parts = Vec::new();
    for key in ["errors", "warnings"] {
        if told[key].is_array() {
            parts.push(format!("{key} {}", told[key]));
        }
    }
    for key in ["data", "auth"] {
        if let Some(fields) = told[key].as_object() {
            parts.push(format!(
                "{key} {{{}}}",
                fields.iter().map(|(name, value)| field(name, value)).collect::<Vec<_>>().join(", ")
            ));
        }
    }
    for key in ["lease_duration", "renewable"] {
        if told.get(key).is_some_and(|value| *value != json!(0) && *value != json!(false)) {
            parts.push(format!("{key} {}", told[key]));
        }
    }
    parts.join("; ")
}

fn field(name: &str, value: &Value) -> String {
    match value {
        _ if matches!(name, "data" | "keys" | "policies" | "lease_duration" | "renewable" | "token_type" | "type") => {
            format!("{name}: {value}")
        }
        Value::Object(_) if name == "options" => format!("{name}: {value}"),
        _ => name.to_owned(),
    }
}
