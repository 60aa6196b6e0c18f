//! What users of Vault Secrets get wrong, as data: each is told on the object in the peer's words, and no Secret is made of it.
//! What the schema refuses is in `definitions`, PKI's own in `vault_pki_secret`. Specification: VSO §18.

use base::duration::GoDuration;
use operator::listener::tls::Tls;
use operator::listener::{Listener, Routes};
use serde_json::{Value, json};
use testkit::http::{Answer, Misbehaviour};
use testkit::vault::Engine;

use crate::stage::{Stage, comes};
use crate::vault_static_secret::{V1, auth, object, on, secret, set};

/// What is put in, the reason of the event, and what message and condition say.
type Row = (Value, &'static str, &'static str);

fn with_transformation(transformation: Value) -> Value {
    secret(json!({"destination": {"name": "db", "create": true, "transformation": transformation}}))
}

fn with_template(text: &str) -> Value {
    with_transformation(json!({"templates": {"url": {"text": text}}}))
}

fn secrets() -> Vec<Row> {
    let shared = |reference: Value| with_transformation(json!({ "transformationRefs": [reference] }));
    vec![
        (
            secret(json!({"path": "nothing"})),
            "VaultClientError",
            "empty response from Vault, path=\"secret/data/nothing\"",
        ),
        (secret(json!({"type": "kv-v1"})), "VaultClientError", "empty response from Vault, path=\"secret/db\""),
        (secret(json!({"mount": "old"})), "VaultClientError", "empty response from Vault, path=\"old/data/db\""),
        (secret(json!({"version": 7})), "VaultClientError", "path=\"secret/data/db\""),
        (secret(json!({"vaultAuthRef": "a/b/c"})), "VaultClientConfigError", "invalid name: a/b/c"),
        (secret(json!({"vaultAuthRef": "nobody"})), "VaultClientConfigError", "\"nobody\" not found in namespace"),
        (with_template("{{ .Secrets.user"), "SecretDataBuilderError", "/db/url:1"),
        (with_template("{{ nonsense }}"), "SecretDataBuilderError", "function \"nonsense\" not defined"),
        (with_template("{{ fail \"so\" }}"), "SecretDataBuilderError", "so"),
        (with_transformation(json!({"includes": ["("]})), "SecretDataBuilderError", "cannot compile the filter `(`"),
        (with_transformation(json!({"excludes": ["a{2,1}"]})), "SecretDataBuilderError", "cannot compile the filter"),
        (
            with_transformation(json!({"templates": {"a": {"name": "x", "text": ""}, "b": {"name": "x", "text": ""}}})),
            "TransformationError",
            "duplicate template name \"x\"",
        ),
        (shared(json!({"name": "nobody"})), "TransformationError", "\"nobody\" not found in namespace"),
        (
            shared(json!({"name": "broken"})),
            "TransformationError",
            "/broken is in an invalid state, secrets.hashicorp.com",
        ),
        (
            shared(json!({"name": "fine", "templateRefs": [{"name": "other"}]})),
            "TransformationError",
            "template \"other\" not found in object",
        ),
        (
            with_transformation(json!({"transformationRefs": [{"name": "fine"}, {"name": "fine"}]})),
            "TransformationError",
            "duplicate SecretTransformation ref",
        ),
        (
            secret(json!({"destination": {"name": "No_Name", "create": true}})),
            "SecretSyncError",
            "cannot be the name of a Secret",
        ),
        (
            secret(json!({"destination": {"name": "none", "create": false}})),
            "K8sClientError",
            "does not exist, and create=false",
        ),
    ]
}

fn logins() -> Vec<Row> {
    let account = |role: &str, name: &str| {
        let kubernetes = json!({"role": role, "serviceAccount": name, "tokenExpirationSeconds": 600});
        auth(json!({ "kubernetes": kubernetes }))
    };
    vec![
        (account("nobody", "app"), "VaultClientConfigError", "invalid role name \"nobody\""),
        (account("reader", "nobody"), "VaultClientConfigError", "serviceaccounts \"nobody\" not found"),
        (account("other", "app"), "VaultClientConfigError", "403"),
        (auth(json!({"method": null})), "VaultClientConfigError", "auth method is empty"),
        (auth(json!({"mount": "nothing"})), "VaultClientConfigError", "auth/nothing/login"),
        (
            auth(json!({"vaultConnectionRef": "nobody"})),
            "VaultClientConfigError",
            "VaultConnection.secrets.hashicorp.com \"nobody\" not found",
        ),
        (auth(json!({"vaultAuthGlobalRef": {"name": "nobody"}})), "VaultClientConfigError", "nobody"),
        (
            auth(json!({"mount": null, "vaultAuthGlobalRef": {"name": "mountless"}})),
            "VaultClientConfigError",
            "invalid merge: mount is empty",
        ),
    ]
}

/// When it is tried again: what the user has to mend soon, a missing destination after five seconds, Vault with backoff.
fn is_tried_again(message: &str, reason: &str) -> bool {
    let horizon = message.split_once("horizon=").and_then(|(_, rest)| rest.split_once(',')).map(|(text, _)| text);
    let Some(horizon) = horizon.and_then(|text| GoDuration::parse(text).ok()) else { return false };
    let seconds = horizon.to_std().as_secs_f64();
    match reason {
        "VaultClientError" => (2.5..=90.0).contains(&seconds),
        _ if message.contains("create=false") => horizon == GoDuration::from_seconds(5),
        _ => (4.0..=4.5).contains(&seconds),
    }
}

async fn is_told(stage: &Stage, (put, reason, text): &Row) {
    let message = stage.condition(V1, "VaultStaticSecret", "db", "SecretSynced").await;
    assert!(message.starts_with("False Synced: Failed to sync the secret, horizon="), "{put}: {message}");
    assert!(message.contains(text), "{put}: {message}, not {text}");
    assert!(is_tried_again(&message, reason), "{put}: {message}");
    let events = stage.events().await;
    let known = |event: &String| event.starts_with(&format!("Warning {reason}: ")) && event.contains(text);
    assert!(events.iter().any(known), "{put}: {reason} with {text} is not among {events:#?}");
    assert_eq!(stage.secret("db").await, None, "{put}");
}

#[tokio::test]
async fn bad_secrets_are_told() {
    let (stage, vault) = on("bad-secrets").await;
    vault.mount("old", Engine::kv1());
    let template = |text: &str| json!({"templates": {"k": {"name": "k", "text": text}}});
    stage.apply(object("SecretTransformation", "fine", template("fine"))).await;
    stage.apply(object("SecretTransformation", "broken", template("{{ nonsense }}"))).await;
    for row in secrets() {
        stage.apply(row.0.clone()).await;
        is_told(&stage, &row).await;
    }
    let told = stage.events().await;
    for event in [
        "Warning Unrecoverable: Failed to get cacheKey from obj, err=invalid name: a/b/c",
        "Warning InvalidConfiguration: Failed to validate configured templates: ",
    ] {
        assert!(told.iter().any(|one| one.starts_with(event)), "{event}: {told:#?}");
    }
    // A key that is not there is no error, as with the peer.
    stage.apply(with_template("{{ .Secrets.nothing }}")).await;
    assert!(stage.secret("db").await.is_some_and(|data| data.ends_with("url=<no value> user=app")));
}

#[tokio::test]
async fn bad_logins_are_told_on_whoever_uses_them() {
    let (stage, vault) = on("bad-logins").await;
    vault.role("kubernetes", "other", testkit::vault::Role::account(&["somebody"], &["*"]));
    let method = json!({"role": "reader", "serviceAccount": "app", "tokenExpirationSeconds": 600});
    let mountless = json!({"defaultAuthMethod": "kubernetes", "kubernetes": method});
    stage.apply(object("VaultAuthGlobal", "mountless", mountless)).await;
    for row in logins() {
        stage.apply(row.0.clone()).await;
        // A changed VaultAuth reaches its users, and so does what they have asked for in vain.
        stage.apply(secret(json!({}))).await;
        is_told(&stage, &row).await;
        stage.remove(&secret(json!({}))).await;
    }
    stage.apply(auth(json!({}))).await;
    stage.apply(secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one user=app"));
}

#[tokio::test]
async fn an_auth_of_another_namespace_must_allow_it() {
    let mut stage = Stage::new("vault-secrets", "auth-elsewhere").await;
    let other = format!("{}-other", stage.namespace());
    stage.make_namespace(&other).await;
    stage.beside.push(other.clone());
    let (stage, vault) = set(stage).await;
    let mut elsewhere = auth(json!({"vaultConnectionRef": format!("{}/bao", stage.namespace())}));
    elsewhere["metadata"]["namespace"] = json!(other);
    stage.create(&elsewhere).await.expect("the cluster takes it");
    let asking = secret(json!({"vaultAuthRef": format!("{other}/app")}));
    stage.apply(asking.clone()).await;
    let refused = format!(
        "target namespace \"{}\" is not allowed by kind=VaultAuth obj={other}/app, allowedNamespaces=[]",
        stage.namespace()
    );
    let condition = async || stage.condition(V1, "VaultStaticSecret", "db", "SecretSynced").await;
    comes("a refusal", async || condition().await.contains(&refused)).await;
    let message = condition().await;
    assert!(message.starts_with("False Synced: Failed to sync the secret, horizon="), "{message}");
    assert!(is_tried_again(&message, "VaultClientConfigError"), "{message}");
    let told = format!("Warning VaultClientConfigError: Failed to get Vault auth login: {refused}");
    comes("its event", async || stage.events().await.contains(&told)).await;
    assert_eq!((stage.secret("db").await, vault.logins()), (None, 0));
}

#[tokio::test]
async fn bad_connections_are_told() {
    let (stage, vault) = on("bad-connections").await;
    let of = |kind: &str, name: &str, data: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data});
    stage.apply(of("Secret", "empty", json!({}))).await;
    stage.apply(of("Secret", "garbage", json!({"ca.crt": "bm8="}))).await;
    let connection = |extra: Value| {
        let spec = json!({"address": vault.url(), "skipTLSVerify": false});
        object("VaultConnection", "bao", crate::vault_static_secret::with(spec, extra))
    };
    let own = stage.namespace();
    let listener = Listener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
    let unknown = listener.address().expect("it is bound").to_string();
    let tls = Tls::unverifiable().expect("a certificate");
    let serving = tokio::spawn(listener.secured(Some(tls)).serve(Routes::default(), std::future::pending()));
    let rows = [
        (json!({"caCertSecretRef": "empty"}), format!("\"ca.crt\" not present in the CA secret \"{own}/empty\"")),
        (json!({"caCertSecretRef": "garbage"}), format!("invalid CA cert in secret \"{own}/garbage\"")),
        (json!({"caCertSecretRef": "nobody"}), "secrets \"nobody\" not found".to_owned()),
        (json!({"caCertPath": "/a/../b"}), "path contains traversal sequence: \"/a/../b\"".to_owned()),
        (json!({"caCertPath": "/a", "caCertSecretRef": "b"}), "mutually exclusive".to_owned()),
        (json!({"headers": {"x-vault-namespace": "n"}}), "setting header \"X-Vault-Namespace\"".to_owned()),
        (json!({"address": "http://127.0.0.1:1"}), "127.0.0.1:1".to_owned()),
        (
            json!({"address": format!("https://{unknown}")}),
            format!("Vault ping failed, address=https://{unknown}, errs="),
        ),
        (json!({"address": format!("https://{unknown}")}), "invalid peer certificate: UnknownIssuer".to_owned()),
    ];
    for (extra, text) in rows {
        stage.apply(connection(extra.clone())).await;
        let object = stage.object(V1, "VaultConnection", "bao").await.expect("it stands");
        assert_eq!(object["status"]["valid"], false, "{extra}");
        let messages = object["status"]["conditions"].to_string().replace("\\\"", "\"");
        assert!(messages.contains(&text), "{extra}: {messages}, not {text}");
        assert!(stage.events().await.contains(&"Warning InvalidConfiguration: VaultConnection invalid".to_owned()));
    }
    let told = stage.events().await;
    let untrusted = |event: &String| {
        event.starts_with("Warning VaultClientError: Failed to check Vault seal status: ")
            && event.contains(&unknown)
            && event.contains("certificate")
    };
    assert!(told.iter().any(untrusted), "{told:#?}");
    serving.abort();
    stage.apply(connection(json!({}))).await;
    assert_eq!(stage.object(V1, "VaultConnection", "bao").await.expect("it stands")["status"]["valid"], true);
}

/// A port that speaks TLS answers plain HTTP with a sentence, which reaches whoever has to mend the address.
#[tokio::test]
async fn plain_http_at_a_port_of_tls_is_told() {
    let (stage, vault) = on("plain-at-tls").await;
    let sentence = "Client sent an HTTP request to an HTTPS server.";
    let answer = Answer::new(400, "text/plain; charset=utf-8", format!("{sentence}\n"));
    vault.server().misbehave("*", "/v1/", 1000, Misbehaviour::Say(answer));
    let bao = object("VaultConnection", "bao", json!({}));
    stage.patch(&bao, json!({"spec": {"timeout": "10s"}})).await;
    let told = stage.condition(V1, "VaultConnection", "bao", "VaultPing").await;
    assert!(told.starts_with("False InvalidConfiguration: Vault ping failed") && told.contains(sentence), "{told}");
    let row = (secret(json!({})), "VaultClientConfigError", sentence);
    stage.apply(row.0.clone()).await;
    is_told(&stage, &row).await;
}

#[tokio::test]
async fn what_is_not_built_is_told_once_and_stops_nothing() {
    let (stage, _vault) = on("not-built").await;
    let wanting = secret(json!({"syncConfig": {"instantUpdates": true}}));
    stage.apply(wanting.clone()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one user=app"));
    let ready = async || stage.condition(V1, "VaultStaticSecret", "db", "Ready").await;
    let text = "instant updates are not built yet: Vault is asked by the interval alone";
    assert_eq!(ready().await, format!("True Ready: VaultStaticSecretReady, but {text}"));
    stage.patch(&wanting, json!({"metadata": {"annotations": {"again": "1"}}})).await;
    let told = stage.events().await;
    let warning = format!("Warning EventWatcherError: Failed to watch events: {text}");
    assert_eq!(told.iter().filter(|event| **event == warning).count(), 1, "{told:?}");
    stage.apply(secret(json!({}))).await;
    assert_eq!(ready().await, "True Ready: VaultStaticSecretReady");
    for method in ["aws", "gcp"] {
        stage.apply(auth(json!({ "method": method }))).await;
        let text = format!("logging in to Vault with `{method}` is not built yet");
        let object = stage.object(V1, "VaultAuth", "app").await.expect("it stands");
        assert_eq!((&object["status"]["valid"], &object["status"]["error"]), (&json!(false), &json!(text)));
    }
}

#[tokio::test]
async fn a_connection_that_goes_is_told_on_those_that_name_it() {
    let (stage, vault) = on("connection-gone").await;
    let valid = async || stage.object(V1, "VaultAuth", "app").await.expect("it stands")["status"]["valid"].clone();
    assert_eq!(valid().await, true);
    let connection = object("VaultConnection", "bao", json!({"address": vault.url(), "skipTLSVerify": false}));
    stage.remove(&connection).await;
    assert_eq!(valid().await, false);
    stage.apply(connection).await;
    assert_eq!(valid().await, true);
}
