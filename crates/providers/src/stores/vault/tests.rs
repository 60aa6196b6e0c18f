//! The store of Vault against a Vault that counts what it is asked. Specification: ESO §10.5, §15.

use base::Tenant;
use serde_json::{Value, json};
use source::{Find, Locator, MetadataPolicy};
use testkit::Vault;
use testkit::http::{Answer, Misbehaviour};
use testkit::vault::{Engine, ROOT, Role, Terms};

use super::*;
use crate::resolver::tests::reach;
use crate::stand_in::{Objects, extract, place, read, told, value, whole, words};

fn settings(vault: &Vault, auth: Value, extra: Value) -> Value {
    let mut all = json!({"server": vault.url(), "path": "secret", "auth": auth});
    for (name, value) in extra.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    json!({"vault": all})
}

fn by_token() -> Value {
    json!({"tokenSecretRef": {"name": "vault", "key": "token"}})
}

fn objects() -> Objects {
    Objects::default().with("n/vault", "token", ROOT).with("n/vault", "password", "pw").with(
        "n/vault",
        "id",
        "secret-id",
    )
}

async fn opened(vault: &Vault, extra: Value) -> Client {
    let client = objects().open(settings(vault, by_token(), extra), &reach(&[], &[]).0).await;
    client.unwrap_or_else(|fault| panic!("{}", fault.chain()))
}

async fn filled() -> Vault {
    let vault = Vault::start().await;
    vault.put("secret/app/db", json!({"user": "u", "deep": {"a": [1, 2]}, "a.b": "dotted", "price": 1.50}));
    vault.put("secret/app/cache", json!({"url": "redis"}));
    vault.put("secret/other", json!({"x": "y"}));
    vault.mount("one", Engine::kv1());
    vault.put("one/app", json!({"k": "v"}));
    vault
}

#[tokio::test]
async fn values_are_read_as_the_peer_reads_them() {
    let vault = filled().await;
    let client = opened(&vault, json!({})).await;
    for (key, property, expected) in [
        ("app/db", Some("user"), "u"),
        ("secret/data/app/db", Some("deep.a.1"), "2"),
        ("app/db", Some("a.b"), "dotted"),
        ("app/db", Some("price"), "1.5"),
        ("other", None, r#"{"x":"y"}"#),
        ("other", Some(""), r#"{"x":"y"}"#),
        ("other", Some("nope"), "Wrong: cannot find secret data for key: \"nope\""),
    ] {
        assert_eq!(read(&client, key, property).await, expected, "{key} {property:?}");
    }
    assert!(read(&client, "nope", None).await.starts_with("NotFound: cannot find secret `nope` in Vault"));
    assert_eq!(extract(&client, "app/cache").await, "url=redis");
    vault.remove("secret/other");
    assert!(read(&client, "other", None).await.starts_with("NotFound"), "a deleted version is no secret");
    let one = opened(&vault, json!({"path": "one", "version": "v1"})).await;
    assert_eq!(read(&one, "app", Some("k")).await, "v");
    vault.deny("secret/");
    assert!(read(&client, "app/db", None).await.starts_with("Denied"), "a refusal is no missing secret");
}

#[tokio::test]
async fn every_login_of_the_settings_logs_in() {
    let vault = filled().await;
    let account = Role::account(&["reader"], &["n"]);
    for (path, method) in [("approle", "approle"), ("k8s", "kubernetes"), ("jwt", "jwt"), ("userpass", "userpass")] {
        vault.enable_auth(path, method);
    }
    vault.role("approle", "app", Role::app_role("role-id", "secret-id"));
    vault.role("k8s", "app", account.clone());
    vault.role("jwt", "app", account.for_audience("vault"));
    vault.role("userpass", "alice", Role::password("pw"));
    let objects = objects()
        .with_account("n/reader", &[])
        .with("n/vault", "role", "role-id")
        .with("n/vault", "jwt", "a.eyJrdWJlcm5ldGVzLmlvIjp7Im5hbWVzcGFjZSI6Im4iLCJzZXJ2aWNlYWNjb3VudCI6eyJuYW1lIjoicmVhZGVyIn19LCJhdWQiOlsidmF1bHQiXX0.b");
    let secret = |key: &str| json!({"name": "vault", "key": key});
    for auth in [
        json!({"appRole": {"path": "approle", "roleId": "role-id", "secretRef": secret("id")}}),
        json!({"appRole": {"path": "approle", "roleRef": secret("role"), "secretRef": secret("id")}}),
        json!({"kubernetes": {"mountPath": "k8s", "role": "app", "serviceAccountRef": {"name": "reader"}}}),
        json!({"kubernetes": {"mountPath": "k8s", "role": "app", "secretRef": secret("jwt")}}),
        json!({"jwt": {"path": "jwt", "role": "app", "kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "reader"}}}}),
        json!({"jwt": {"path": "jwt", "role": "app", "secretRef": {"name": "vault"}}}),
        json!({"userPass": {"path": "userpass", "username": "alice", "secretRef": {"name": "vault"}}}),
    ] {
        let client = objects.open(settings(&vault, auth.clone(), json!({})), &reach(&[], &[]).0).await;
        let client = client.unwrap_or_else(|fault| panic!("{auth}: {}", fault.chain()));
        assert_eq!(read(&client, "app/db", Some("user")).await, "u", "{auth}");
        assert!(matches!(client.validate().await, Ok(Validity::Ready)), "{auth}");
        client.close().await.expect("the token is given back");
    }
    assert_eq!(vault.logins(), 7, "a login each");
    assert_eq!(vault.live_tokens(), 0, "all were given back");
}

#[tokio::test]
async fn searches_go_by_name_path_and_tags() {
    let vault = filled().await;
    let client = opened(&vault, json!({})).await;
    let find = |path: Option<&str>, name: Option<&str>| Find {
        path: path.map(str::to_owned),
        name: name.map(str::to_owned),
        ..Find::default()
    };
    let found = async |query: &Find| {
        told(client.find(query).await, |found| found.names().cloned().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(found(&find(None, Some("app"))).await, "app/cache app/db");
    assert_eq!(found(&find(Some("app"), Some("^app/d"))).await, "app/db", "the name is the path below the mount");
    assert!(found(&find(Some("gone"), Some("."))).await.starts_with("NotFound"));
    assert_eq!(
        found(&find(None, Some("("))).await,
        "Wrong: cannot compile the expression `(`: error parsing regexp: the pattern is not in RE2's syntax"
    );
    assert_eq!(found(&find(Some("app"), None)).await, "app/cache app/db", "a path alone is a search");
    assert_eq!(found(&find(None, None)).await, "app/cache app/db other");
    client.push(&whole("tagged", &[("k", "v")])).await.expect("it is stored");
    let tags = Find { tags: [("managed-by".to_owned(), "external-secrets".to_owned())].into(), ..Find::default() };
    assert_eq!(told(client.find(&tags).await, words), r#"tagged={"k":"v"}"#);
    let one = opened(&vault, json!({"path": "one", "version": "v1"})).await;
    let refused = told(one.find(&tags).await, words);
    assert_eq!(refused, "Wrong: cannot perform find by tag operations with kv version v1");
}

#[tokio::test]
async fn what_is_pushed_is_ours_and_nothing_else_is_touched() {
    let vault = filled().await;
    for (extra, key) in [
        (json!({}), "secret/pushed"),
        (json!({"path": "one", "version": "v1"}), "one/pushed"),
        (json!({"checkAndSet": {"required": true}}), "secret/checked"),
    ] {
        let client = opened(&vault, extra.clone()).await;
        let name = key.split_once('/').expect("a mount and a name").1;
        let push = async |entry: &PushEntry| told(client.push(entry).await, |pushed| format!("{pushed:?}"));
        assert!(!client.exists(&place(name, None)).await.unwrap());
        assert_eq!(push(&value(name, Some("a"), "1")).await, "Stored", "{key}");
        assert_eq!(push(&value(name, Some("b"), "2")).await, "Stored");
        let writes = vault.count("PUT", "*") + vault.count("POST", "*");
        assert_eq!(push(&value(name, Some("b"), "2")).await, "Unchanged");
        assert_eq!(vault.count("PUT", "*") + vault.count("POST", "*"), writes, "what is equal is not written");
        assert!(client.exists(&place(name, Some("a"))).await.unwrap());
        assert!(!client.exists(&place(name, Some("c"))).await.unwrap());
        client.delete(&place(name, Some("a"))).await.unwrap();
        assert_eq!(read(&client, name, Some("b")).await, "2");
        assert_eq!(push(&whole(name, &[("w", "whole")])).await, "Stored");
        assert_eq!(read(&client, name, Some("w")).await, "whole");
        client.delete(&place(name, None)).await.unwrap();
        assert_eq!(vault.value(key), None, "{key}");
        client.delete(&place(name, None)).await.expect("what is gone is gone");
    }
    let client = opened(&vault, json!({})).await;
    let foreign = told(client.push(&value("app/db", Some("user"), "evil")).await, |_| String::new());
    assert_eq!(foreign, "Conflict: cannot push to `app/db`: secret not managed by external-secrets");
    client.delete(&place("app/db", None)).await.expect("a foreign secret is left alone");
    assert_eq!(read(&client, "app/db", Some("user")).await, "u");
    let mut more = value("more", Some("a"), "1");
    more.metadata = Some(json!({"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata",
        "spec": {"tagz": {"a": "b"}}}));
    let unknown = told(client.push(&more).await, |_| String::new());
    assert!(unknown.starts_with("Wrong: failed to parse PushSecret metadata: unknown field `tagz`"), "{unknown}");
    assert_eq!(vault.value("secret/more"), None);
    let refused = told(client.push(&value("text", None, "no object")).await, |_| String::new());
    assert_eq!(refused, "Wrong: error unmarshalling vault secret: the value is no JSON object");
}

#[tokio::test]
async fn metadata_is_what_users_said_and_three_fields() {
    let vault = filled().await;
    let client = opened(&vault, json!({})).await;
    client.push(&whole("m", &[("k", "v")])).await.unwrap();
    let at = Locator { metadata: MetadataPolicy::Fetch, ..Locator::of("m") };
    let payload = client.fetch(&at).await.expect("metadata are read");
    let told_of = |name: &str| {
        told(client.select(&at, &payload, Some(name)), |value| {
            String::from_utf8_lossy(rules::bytes(&value).expose()).into_owned()
        })
    };
    assert_eq!(told_of("managed-by"), "external-secrets");
    assert_eq!(told_of("current_version"), "1");
    let one = opened(&vault, json!({"path": "one", "version": "v1"})).await;
    let refused = told(one.fetch(&at).await, |_| String::new());
    assert_eq!(refused, "Wrong: cannot perform metadata fetch operations with kv version v1");
}

#[tokio::test]
async fn namespaces_and_users_credentials() {
    let vault = filled().await;
    vault.namespace("team");
    vault.mount("team/secret", Engine::kv2());
    vault.put("team/secret/app", json!({"k": "of the team"}));
    let client = opened(&vault, json!({"namespace": "team"})).await;
    assert_eq!(read(&client, "app", Some("k")).await, "of the team");
    // A cluster store whose token lies with its users is judged for nobody, and opened for each.
    let reach = reach(&[], &[]).0;
    let nobody = objects().open_cluster("", settings(&vault, by_token(), json!({})), &reach).await;
    let nobody = nobody.unwrap_or_else(|fault| panic!("{}", fault.chain()));
    assert!(matches!(nobody.validate().await, Ok(Validity::Unknown)));
    let used =
        objects().open_cluster("n", settings(&vault, by_token(), json!({})), &reach).await.unwrap_or_else(|_| panic!());
    assert_eq!(read(&used, "other", Some("x")).await, "y");
    assert!(
        objects().open_cluster("m", settings(&vault, by_token(), json!({})), &reach).await.is_err(),
        "another's token"
    );
    let token = vault.token(&Terms::default());
    vault.revoke_tokens();
    let dead =
        Objects::default().with("n/vault", "token", &token).open(settings(&vault, by_token(), json!({})), &reach).await;
    let dead = dead.unwrap_or_else(|_| panic!());
    assert!(told(dead.validate().await, |_| String::new()).starts_with("Denied: invalid vault credentials"));
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let tenant = |kind: &str, namespace: &str| Tenant::new(base::ObjectRef::new(kind, namespace, "s"), "");
    let own = "namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore";
    for (settings, kind, namespace, expected) in [
        (json!({"server": "x"}), "SecretStore", "n", ""),
        (json!({"server": "x", "auth": {"tokenSecretRef": {"name": "t", "namespace": "m"}}}), "SecretStore", "n", own),
        (
            json!({"server": "x", "auth": {"tokenSecretRef": {"name": "t", "namespace": "m"}}}),
            "ClusterSecretStore",
            "",
            "",
        ),
        (
            json!({"server": "x", "caProvider": {"type": "ConfigMap", "name": "c"}}),
            "ClusterSecretStore",
            "",
            "missing namespace on caProvider secret",
        ),
        (
            json!({"server": "x", "caProvider": {"type": "ConfigMap", "name": "c", "namespace": "m"}}),
            "SecretStore",
            "n",
            own,
        ),
        (
            json!({"server": "x", "auth": {"appRole": {"path": "a", "secretRef": {"name": "s"}}}}),
            "SecretStore",
            "n",
            "exactly one of roleId and roleRef must be set for appRole",
        ),
        (
            json!({"server": "x", "sever": "y"}),
            "SecretStore",
            "n",
            "cannot understand the settings of provider `vault`",
        ),
    ] {
        let faults = (ROW.check)(&settings, &tenant(kind, namespace));
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.join("; "), expected, "{settings}");
    }
}

/// Whatever is no answer about the secret says nothing about it: only the server's own "it is not there" may count as that.
#[tokio::test]
async fn nonsense_is_never_a_missing_secret() {
    let vault = filled().await;
    let two = opened(&vault, json!({})).await;
    let one = opened(&vault, json!({"path": "one", "version": "v1"})).await;
    let json_of = |code: u16, text: &str| Answer::new(code, "application/json", text.to_owned());
    let html = |code: u16| Answer::new(code, "text/html", "<html>not found</html>");
    for answer in [
        html(200),
        html(404),
        html(502),
        json_of(200, ""),
        json_of(200, "{}"),
        json_of(200, "[]"),
        json_of(200, r#"{"data":null}"#),
        json_of(200, r#"{"data":[1]}"#),
        json_of(200, r#"{"data":"text"}"#),
        json_of(200, r#"{"data":{"data":"#),
        json_of(404, r#"{"errors":["no handler for route \"secret/data/app/db\". route entry not found."]}"#),
        json_of(404, r#"{"warnings":["Invalid path for a versioned K/V secrets engine."]}"#),
        json_of(404, "{}"),
        json_of(400, r#"{"errors":["missing client token"]}"#),
        json_of(403, r#"{"errors":["permission denied"]}"#),
    ] {
        let (code, body) = (answer.code, String::from_utf8_lossy(&answer.body).into_owned());
        vault.server().misbehave("*", "/v1/", 1000, Misbehaviour::Say(answer));
        let (whole, part) = (read(&two, "app/db", None).await, read(&one, "app", Some("k")).await);
        let entries = extract(&two, "app/db").await;
        let found = told(two.find(&Find { name: Some(".".to_owned()), ..Find::default() }).await, words);
        for told in [whole, part, entries, found] {
            let kind = told.split(": ").next().unwrap_or_default();
            assert!(matches!(kind, "Unreachable" | "Wrong" | "Denied" | "Busy"), "{code} {body}: {told}");
        }
        vault.server().behave();
    }
    for told in [r#"{"data":{}}"#, r#"{"data":{"data":"text"}}"#, r#"{"data":{"data":null}}"#] {
        vault.server().misbehave("*", "/v1/", 1, Misbehaviour::Say(json_of(200, told)));
        assert!(read(&two, "app/db", None).await.starts_with("Unreachable"), "{told}");
    }
    assert_eq!(read(&two, "app/db", Some("user")).await, "u");
}
