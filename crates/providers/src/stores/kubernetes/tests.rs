//! Secrets of a cluster as a store, against an API server that takes tokens. Specification: ESO §10.9, §15.

use base::encoding::Base64;
use base::{Fault, ObjectRef, Tenant, limit};
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};
use source::{Find, Locator, MetadataPolicy, PushEntry, Validity};
use testkit::cluster::Address;
use testkit::http::{Answer, Misbehaviour, Server};
use testkit::{Cluster, Sandbox};

use super::ROW;
use crate::reach::{OwnCluster, Reach};
use crate::resolver::tests::reach;
use crate::row::Client;
use crate::stand_in::{Objects, extract, place, read, told, value, whole, words};

struct Place {
    cluster: Cluster,
    address: Address,
    token: String,
}

fn rule(verbs: &[&str]) -> PolicyRule {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    PolicyRule {
        verbs: owned(verbs),
        api_groups: Some(owned(&[""])),
        resources: Some(owned(&["secrets"])),
        ..PolicyRule::default()
    }
}

impl Place {
    async fn new(verbs: &[&str]) -> Self {
        let cluster = Cluster::memory("kubernetes-store", Sandbox::new()).await;
        cluster.account("reader", &[rule(verbs)]).await;
        let (address, token) = (cluster.address().await, cluster.token("reader", &[]).await);
        let place = Self { cluster, address, token };
        place.put("db", json!({"user": "dQ==", "conf": "eyJhIjp7ImIiOjF9fQ==", "tls.crt": "Y2VydA=="})).await;
        place
    }

    async fn put(&self, name: &str, data: Value) {
        let meta = json!({"name": name, "labels": {"app.io/team": "a"}, "annotations": {"note": "{\"x\":1}"}});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data, "type": "Opaque"});
        self.cluster.create(&secret).await.expect("the sandbox takes it");
    }

    fn settings(&self, auth: Value) -> Value {
        let server = json!({"url": self.address.url, "caBundle": self.address.ca_bundle});
        json!({"kubernetes": {"server": server, "auth": auth, "remoteNamespace": self.cluster.namespace()}})
    }

    fn objects(&self) -> Objects {
        Objects::default().with("n/remote", "token", &self.token).with_account("n/reader", &[])
    }

    async fn open(&self) -> Client {
        let auth = json!({"token": {"bearerToken": {"name": "remote", "key": "token"}}});
        self.try_open(self.settings(auth)).await.unwrap_or_else(|fault| panic!("{}", fault.chain()))
    }

    async fn try_open(&self, settings: Value) -> Result<Client, Fault> {
        self.objects().open(settings, &reach(&[], &[]).0).await
    }

    async fn secret(&self, name: &str) -> Value {
        self.cluster.find("v1", "Secret", name).await.expect("the sandbox answers").unwrap_or_default()
    }
}

#[tokio::test]
async fn secrets_are_read_by_key_path_and_metadata() {
    let place = Place::new(&["get", "list"]).await;
    let client = place.open().await;
    for (property, expected) in [
        (Some("user"), "u"),
        (Some("tls.crt"), "cert"),
        (Some("conf.a.b"), "1"),
        (None, r#"{"conf":"{\"a\":{\"b\":1}}","tls.crt":"cert","user":"u"}"#),
        (Some("nope"), "Wrong: property nope does not exist in data of secret \"db\""),
    ] {
        assert_eq!(read(&client, "db", property).await, expected, "{property:?}");
    }
    assert_eq!(extract(&client, "db").await, r#"conf={"a":{"b":1}} tls.crt=cert user=u"#);
    assert!(read(&client, "gone", Some("user")).await.starts_with("NotFound"), "as well as for extract");
    for name in ["../configmaps/x", "a/b", "x?y", ".."] {
        assert!(read(&client, name, None).await.starts_with("Wrong"), "{name}");
    }
    let at = Locator { metadata: MetadataPolicy::Fetch, ..Locator::of("db") };
    let payload = client.fetch(&at).await.expect("metadata are read");
    for (property, expected) in [
        (Some("labels.app.io/team"), "a"),
        (Some("annotations.note.x"), "1"),
        (Some("labels"), r#"{"app.io/team":"a"}"#),
        (Some("labels.gone"), "Wrong: property labels.gone does not exist in metadata of secret \"db\""),
    ] {
        let selected = client.select(&at, &payload, property);
        let text = told(selected, |value| String::from_utf8_lossy(source::select::bytes(&value).expose()).into_owned());
        assert_eq!(text, expected, "{property:?}");
    }
}

#[tokio::test]
async fn searches_go_by_name_and_labels() {
    let place = Place::new(&["get", "list"]).await;
    place.put("other", json!({"k": "dg=="})).await;
    let client = place.open().await;
    let named = |name: &str| Find { name: Some(name.to_owned()), ..Find::default() };
    assert_eq!(told(client.find(&named("^oth")).await, words), r#"other={"k":"v"}"#);
    let tags = Find { tags: [("app.io/team".to_owned(), "b".to_owned())].into(), ..Find::default() };
    assert_eq!(told(client.find(&tags).await, words), "");
    assert_eq!(told(client.find(&Find::default()).await, words), "Wrong: unexpected find operator");
}

#[tokio::test]
async fn every_login_opens_the_door_it_may() {
    let place = Place::new(&["get", "list"]).await;
    let account = json!({"serviceAccount": {"name": "reader"}});
    let client = place.try_open(place.settings(account)).await.unwrap_or_else(|fault| panic!("{}", fault.chain()));
    assert_eq!(read(&client, "db", Some("user")).await, "u");
    assert!(matches!(client.validate().await, Ok(Validity::Ready)));
    let kubeconfig = |user: Value| {
        json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": place.address.url}}],
            "users": [{"name": "u", "user": user}]})
        .to_string()
    };
    let by_config = json!({"kubernetes": {"authRef": {"name": "kubeconfig", "key": "config"},
        "remoteNamespace": place.cluster.namespace()}});
    for (user, expected) in [
        (json!({"token": place.token}), "u"),
        (json!({"tokenFile": "/etc/hostname"}), "Denied: a store's kubeconfig may not name programs or files"),
        (
            json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "true"}}),
            "Denied: a store's kubeconfig may not name programs or files",
        ),
    ] {
        let objects = place.objects().with("n/kubeconfig", "config", &kubeconfig(user));
        match objects.open(by_config.clone(), &reach(&[], &[]).0).await {
            Ok(client) => assert_eq!(read(&client, "db", Some("user")).await, expected),
            Err(fault) => assert_eq!(format!("{:?}: {}", fault.kind(), fault.chain()), expected),
        }
    }
    let blind = Place::new(&["list"]).await;
    let client = blind.open().await;
    assert_eq!(told(client.validate().await, |_| String::new()), "Denied: client is not allowed to get secrets");
    assert!(read(&client, "db", None).await.starts_with("Denied"), "a refusal is no missing secret");
    let stranger = blind.objects().with("n/remote", "token", "no token");
    let auth = json!({"token": {"bearerToken": {"name": "remote", "key": "token"}}});
    let client = stranger.open(blind.settings(auth), &reach(&[], &[]).0).await.unwrap_or_else(|_| panic!());
    assert!(told(client.validate().await, |_| String::new()).starts_with("Denied: cannot review what we may do"));
}

#[tokio::test]
async fn what_is_pushed_joins_what_stands() {
    let all = Place::new(&["get", "list", "create", "update", "delete"]).await;
    let client = all.open().await;
    let push = async |entry: &PushEntry| told(client.push(entry).await, |pushed| format!("{pushed:?}"));
    let needs = "Wrong: requires property in RemoteRef to push secret value if secret key is defined";
    assert_eq!(push(&value("new", None, "v")).await, needs);
    let mut entry = value("new", Some("a"), "1");
    entry.metadata =
        Some(json!({"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata",
        "spec": {"labels": {"made": "here"}}}));
    assert_eq!(push(&entry).await, "Stored");
    assert_eq!(push(&entry).await, "Unchanged");
    assert_eq!(push(&value("new", Some("b"), "2")).await, "Stored");
    assert_eq!(extract(&client, "new").await, "a=1 b=2");
    assert_eq!(all.secret("new").await["metadata"]["labels"]["made"], "here");
    assert_eq!(push(&whole("new", &[("w", "whole")])).await, "Stored");
    assert_eq!(extract(&client, "new").await, "w=whole", "a whole Secret takes the place of what stood");
    assert_eq!(push(&value("new", Some("c"), "3")).await, "Stored");
    assert!(client.exists(&place("new", Some("c"))).await.unwrap());
    assert!(!client.exists(&place("new", Some("z"))).await.unwrap());
    client.delete(&place("new", Some("w"))).await.unwrap();
    assert_eq!(extract(&client, "new").await, "c=3");
    client.delete(&place("new", Some("c"))).await.unwrap();
    assert!(!client.exists(&place("new", None)).await.unwrap(), "it goes with its last key");
    client.delete(&place("new", None)).await.expect("twice is once");
    let mut away = value("new", Some("a"), "1");
    away.metadata = Some(json!({"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata",
        "spec": {"remoteNamespace": "kube-system"}}));
    let mut unknown = away.clone();
    unknown.metadata.as_mut().expect("it was set")["spec"] = json!({"label": {}});
    let told_so = push(&unknown).await;
    assert!(told_so.starts_with("Wrong: failed to parse PushSecret metadata: unknown field `label`"), "{told_so}");
    assert_eq!(push(&away).await, "Denied: remoteNamespace is only for a ClusterSecretStore");
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let tenant = |kind: &str, namespace: &str| Tenant::new(ObjectRef::new(kind, namespace, "s"), "");
    let token = json!({"token": {"bearerToken": {"name": "t", "key": "k"}}});
    let methods = "exactly one of cert, serviceAccount and token must be set in auth, or authRef";
    for (settings, kind, expected) in [
        (json!({"auth": token}), "SecretStore", "a CABundle or CAProvider is required"),
        (json!({"server": {"caBundle": "eA=="}}), "SecretStore", methods),
        (json!({"authRef": {"name": "k"}}), "SecretStore", ""),
        (
            json!({"server": {"caProvider": {"type": "ConfigMap", "name": "c"}}, "auth": token}),
            "ClusterSecretStore",
            "missing namespace on caProvider secret",
        ),
    ] {
        let namespace = if kind == "SecretStore" { "n" } else { "" };
        let faults = (ROW.check)(&settings, &tenant(kind, namespace));
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.join("; "), expected, "{settings}");
    }
}

/// Without an address the store means the cluster that Keywright works for, and appears there as its own auth says.
#[tokio::test]
async fn the_own_cluster_is_asked_as_the_tenant() {
    let place = Place::new(&["get", "list"]).await;
    let away = Place::new(&[]).await;
    let uri: http::Uri = place.address.url.parse().expect("the testkit's own address");
    let own = kube::Config::new(uri);
    let served = Reach { cluster: Some(OwnCluster::at(place.cluster.client(), &own)), ..reach(&[], &[]).0 };
    let (namespace, bundle) = (place.cluster.namespace().to_owned(), place.address.ca_bundle.clone());
    let settings = |server: Value, token: &str| {
        let auth = json!({"token": {"bearerToken": {"name": token, "key": "token"}}});
        json!({"kubernetes": {"server": server, "auth": auth, "remoteNamespace": namespace}})
    };
    let objects = place.objects().with("n/nobody", "token", "no token").with("n/away", "token", &away.token);
    for url in [json!(null), json!(""), json!("kubernetes.default"), json!("https://kubernetes.default.svc:443")] {
        let server = json!({"url": url, "caBundle": bundle});
        let client = objects.open(settings(server.clone(), "remote"), &served).await;
        let client = client.unwrap_or_else(|fault| panic!("{}", fault.chain()));
        assert_eq!(read(&client, "db", Some("user")).await, "u", "{url}");
        let client = objects.open(settings(server, "nobody"), &served).await.unwrap_or_else(|_| panic!());
        assert!(read(&client, "db", None).await.starts_with("Denied"), "what we may does not count");
    }
    let server = json!({"url": "kubernetes.default", "caBundle": bundle});
    let none = objects.open(settings(server.clone(), "remote"), &reach(&[], &[]).0).await;
    let none = none.err().map(|fault| fault.chain());
    assert_eq!(none.as_deref(), Some("the store means the cluster that Keywright runs in, and it runs in none"));
    // In memory nobody logs in.
    let memory = Reach { cluster: Some(OwnCluster::in_memory(place.cluster.client())), ..reach(&[], &[]).0 };
    let client = objects.open(settings(server, "nobody"), &memory).await.unwrap_or_else(|_| panic!());
    assert_eq!(read(&client, "db", Some("user")).await, "u");
}

/// Whatever is no answer about the Secret says nothing about it: only the API's own "not found" of this very name does.
#[tokio::test]
async fn nonsense_is_never_a_missing_secret() {
    let status = |reason: &str, details: Value| {
        json!({"kind": "Status", "reason": reason, "message": "m", "details": details, "code": 404}).to_string()
    };
    let named = |name: &str| json!({"name": name, "kind": "secrets"});
    for (code, body, expected) in [
        (404, status("NotFound", named("db")), "NotFound"),
        (404, status("NotFound", named("other")), "Unreachable"),
        (404, status("NotFound", json!({})), "Unreachable"),
        (404, "<html>no such host</html>".to_owned(), "Unreachable"),
        (404, String::new(), "Unreachable"),
        (200, String::new(), "Unreachable"),
        (200, "<html></html>".to_owned(), "Unreachable"),
        (200, "{}".to_owned(), "Unreachable"),
        (200, r#"{"metadata":{}}"#.to_owned(), "Unreachable"),
        (200, r#"{"metadata":{"name":"db"},"data":{"k":5}}"#.to_owned(), "Unreachable"),
        (200, r#"{"metadata":{"name":"db"},"data":{"k":"%%"}}"#.to_owned(), "Unreachable"),
        (200, r#"{"metadata":{"name":"db"},"data":{"#.to_owned(), "Unreachable"),
        (200, " ".repeat(limit::ANSWER_BYTES + 1), "Unreachable"),
        (503, "{}".to_owned(), "Unreachable"),
        (429, "{}".to_owned(), "Busy"),
        (403, "<html></html>".to_owned(), "Denied"),
    ] {
        let answer = Answer::new(code, "application/json", body.clone());
        let server = Server::start(move |_| answer.clone()).await;
        let client = at_server(&server).await;
        let shown: String = body.chars().take(60).collect();
        for told in [read(&client, "db", None).await, extract(&client, "db").await] {
            assert!(told.starts_with(expected), "{code} {shown}: {told}");
        }
        let found = client.find(&Find { name: Some(".".to_owned()), ..Find::default() }).await;
        assert!(!told(found, words).starts_with("NotFound"), "{code} {shown}");
    }
}

async fn at_server(server: &Server) -> Client {
    // A server that speaks HTTP shows no certificate, but the settings want an authority.
    let pem = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate").cert.pem();
    let auth = json!({"token": {"bearerToken": {"name": "remote", "key": "token"}}});
    let bundle = Base64::Standard.encode(pem.as_bytes());
    let settings = json!({"kubernetes": {"server": {"url": server.url(), "caBundle": bundle}, "auth": auth}});
    let objects = Objects::default().with("n/remote", "token", "t");
    objects.open(settings, &reach(&[], &[]).0).await.unwrap_or_else(|fault| panic!("{}", fault.chain()))
}

/// A server that takes connections and says nothing must not hold a worker for ever.
#[tokio::test(start_paused = true)]
async fn silence_ends() {
    let server = Server::start(|_| Answer::empty(200)).await;
    server.misbehave("*", "/", 10, Misbehaviour::Hang);
    let told = read(&at_server(&server).await, "db", None).await;
    assert!(told.starts_with("Unreachable"), "{told}");
}
