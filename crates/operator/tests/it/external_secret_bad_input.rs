//! What users of External Secrets get wrong, as data: each is told on the object in the peer's words, and the Secret that stands
//! stays as it is. What the schema refuses is in `definitions`, what the webhook refuses in `admission`. Specification: ESO §9, §15.

use serde_json::{Value, json};
use testkit::Vault;
use testkit::vault::{Engine, ROOT};

use crate::external_secret::{V1, external_secret, ready, stage};
use crate::push_secret::{self, data, push_secret};
use crate::stage::Stage;

const GENERATORS: &str = "generators.external-secrets.io/v1alpha1";
const NO_DATA: &str = "could not get secret data from provider: ";
const NOT_WRITTEN: &str = "could not update secret: ";

fn store(name: &str, provider: Value) -> Value {
    json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": name}, "spec": {"provider": provider}})
}

/// One entry of `dataFrom` in the place of `data`.
fn all(store: &str, entry: Value) -> Value {
    json!({"secretStoreRef": {"name": store}, "data": [], "dataFrom": [entry]})
}

fn template(template: Value) -> Value {
    json!({"target": {"creationPolicy": "Owner", "deletionPolicy": "Retain", "template": template}})
}

/// What is put in, how the condition's message begins, and what it says; the event says it, too.
fn rows(cluster_generator: &str) -> Vec<(Value, &'static str, &'static str)> {
    let one = |store: &str, remote: Value| json!({"secretStoreRef": {"name": store}, "data": [{"secretKey": "password", "remoteRef": remote}]});
    let generator = json!({"apiVersion": GENERATORS, "kind": "ClusterGenerator", "name": cluster_generator});
    let account = json!({"annotations": {"kubernetes.io/service-account.name": "app"}});
    vec![
        (json!({"refreshInterval": "1d"}), NO_DATA, "time: unknown unit \"d\" in duration \"1d\""),
        (json!({"refreshInterval": "10"}), NO_DATA, "time: missing unit in duration \"10\""),
        (all("fake", json!({"extract": {"key": "text"}})), NO_DATA, "unable to unmarshal secret text"),
        (one("fake", json!({"key": "db", "property": "nope"})), NO_DATA, "key nope does not exist in secret db"),
        (one("vault", json!({"key": "db", "property": "nope"})), NO_DATA, "cannot find secret data for key: \"nope\""),
        (one("vault", json!({"key": "nothing"})), NO_DATA, "`nothing`"),
        (one("nobody", json!({"key": "db"})), NO_DATA, "SecretStore \"nobody\" not found"),
        (all("fake", json!({"find": {"path": "a"}})), NO_DATA, "unexpected find operator"),
        (
            all("one", json!({"find": {"tags": {"team": "a"}}})),
            NO_DATA,
            "cannot perform find by tag operations with kv version v1",
        ),
        (all("fake", json!({"find": {"name": {"regexp": "("}}})), NO_DATA, "cannot compile the expression `(`"),
        (
            all("fake", json!({"extract": {"key": "twins", "conversionStrategy": "Default"}})),
            NO_DATA,
            "secret name collision during conversion: a_b",
        ),
        (
            all("fake", json!({"sourceRef": {"generatorRef": generator}})),
            NO_DATA,
            "kind Password needs the field passwordSpec",
        ),
        (
            template(json!({"data": {"p": "{{ .x }}"}})),
            NOT_WRITTEN,
            "executing \"p\" at <.x>: map has no entry for key \"x\"",
        ),
        (
            template(json!({"type": "bootstrap.kubernetes.io/token"})),
            NOT_WRITTEN,
            "template.type=\"bootstrap.kubernetes.io/token\" is not allowed",
        ),
        (
            template(json!({"type": "kubernetes.io/service-account-token", "metadata": account})),
            NOT_WRITTEN,
            "with annotation \"kubernetes.io/service-account.name\" is not allowed",
        ),
        (
            template(json!({"templateFrom": [{"literal": "a: b", "target": "spec.x"}]})),
            NOT_WRITTEN,
            "templateFrom target=\"spec.x\" is not allowed when targeting a Secret",
        ),
        (
            json!({"target": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}}),
            "invalid generic target",
            "invalid generic target",
        ),
    ]
}

async fn filled(name: &str) -> (Stage, Vault) {
    let vault = Vault::start().await;
    vault.mount("one", Engine::kv1());
    vault.put("secret/db", json!({"password": "one"}));
    let stage = stage(name).await;
    stage.apply(push_secret::secret("vault", &[("token", ROOT)])).await;
    let of_vault = |path: &str, version: &str| {
        json!({"vault": {"server": vault.url(), "path": path, "version": version,
            "auth": {"tokenSecretRef": {"name": "vault", "key": "token"}}}})
    };
    let values = json!([{"key": "db", "value": r#"{"password":"one"}"#}, {"key": "text", "value": "no object"},
        {"key": "twins", "value": r#"{"a/b":"1","a_b":"2"}"#}]);
    stage.apply(store("fake", json!({"fake": {"data": values}}))).await;
    stage.apply(store("vault", of_vault("secret", "v2"))).await;
    stage.apply(store("one", of_vault("one", "v1"))).await;
    (stage, vault)
}

#[tokio::test]
async fn bad_secrets_are_told_and_change_nothing() {
    let (stage, _vault) = filled("bad-external-secrets").await;
    let spec = json!({"kind": "Password", "generator": {"uuidSpec": {}}});
    let meta = json!({"name": stage.namespace()});
    stage.apply(json!({"apiVersion": GENERATORS, "kind": "ClusterGenerator", "metadata": meta, "spec": spec})).await;
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"));
    for (extra, start, text) in rows(stage.namespace()) {
        stage.apply(external_secret(extra.clone())).await;
        let told = ready(&stage).await;
        assert!(told.starts_with(&format!("False SecretSyncedError: {start}")), "{extra}: {told}");
        assert!(told.contains(text), "{extra}: {told}, not {text}");
        let events = stage.events().await;
        let known = |event: &String| event.starts_with("Warning UpdateFailed: ") && event.contains(text);
        assert!(events.iter().any(known), "{extra}: {text} is not among {events:#?}");
        assert_eq!(stage.secret("db").await.as_deref(), Some("password=one"), "{extra}");
    }
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(ready(&stage).await, "True SecretSynced: secret synced");
}

/// What the API server refuses is told in its words, and tried again.
#[tokio::test]
async fn a_type_without_its_keys_is_told() {
    let (stage, _vault) = filled("a-type-without-its-keys").await;
    let object = external_secret(template(json!({"type": "kubernetes.io/tls"})));
    stage.apply(object.clone()).await;
    let told = ready(&stage).await;
    assert!(told.starts_with("False SecretSyncedError: could not update secret: "), "{told}");
    assert!(told.contains("data[tls.crt]: Required value"), "{told}");
    assert_eq!(stage.secret("db").await, None);
    let events = stage.events().await;
    let known = |event: &String| event.starts_with("Warning UpdateFailed: ") && event.contains("data[tls.crt]");
    assert!(events.iter().any(known), "{events:#?}");
    let whole = json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "{{ .password }}", "tls.key": ""}});
    stage.apply(external_secret(template(whole))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("tls.crt=one tls.key="));
}

#[tokio::test]
async fn bad_credentials_of_a_store_are_told_on_it() {
    let (stage, vault) = filled("bad-store-credentials").await;
    let by = |auth: Value| store("bad", json!({"vault": {"server": vault.url(), "path": "secret", "auth": auth}}));
    let account = json!({"mountPath": "kubernetes", "role": "app", "serviceAccountRef": {"name": "nobody"}});
    let own = stage.namespace();
    for (auth, text) in [
        (
            json!({"tokenSecretRef": {"name": "nobody", "key": "token"}}),
            format!("cannot get Kubernetes secret \"nobody\" from namespace \"{own}\": secrets \"nobody\" not found"),
        ),
        (
            json!({"tokenSecretRef": {"name": "vault", "key": "nope"}}),
            "cannot find secret data for key: \"nope\"".to_owned(),
        ),
        (json!({"kubernetes": account}), "serviceaccounts \"nobody\" not found".to_owned()),
    ] {
        stage.apply(by(auth.clone())).await;
        let told = stage.condition(V1, "SecretStore", "bad", "Ready").await;
        assert!(
            told.starts_with("False InvalidProviderConfig: unable to ") && told.contains(&text),
            "{told}, not {text}"
        );
        let events = stage.events().await;
        let known = |event: &String| event.starts_with("Warning InvalidProviderConfig: ") && event.contains(&text);
        assert!(events.iter().any(known), "{text} is not among {events:#?}");
        // Another cause of the same outcome is told by the condition alone.
        stage.remove(&by(auth)).await;
    }
}

#[tokio::test]
async fn bad_pushes_are_told_and_store_nothing() {
    let (stage, vault) = push_secret::stage("bad-pushes").await;
    stage.apply(push_secret::secret("src", &[("pw", "one")])).await;
    let address = stage.address().await;
    let server = json!({"url": address.url, "caBundle": address.ca_bundle});
    let auth = json!({"token": {"bearerToken": {"name": "vault", "key": "token"}}});
    stage.apply(store("cluster", json!({"kubernetes": {"server": server, "auth": auth}}))).await;
    let with_metadata = |spec: Value| {
        let mut entry = data("pw", "app/db", "password");
        entry["metadata"] = json!({"apiVersion": "kubernetes.external-secrets.io/v1alpha1",
            "kind": "PushSecretMetadata", "spec": spec});
        json!({"data": [entry]})
    };
    let to_vault = "could not write remote ref app/db to target secretstore vault: ";
    let to_cluster = "could not write remote ref out to target secretstore cluster: ";
    let whole = json!({"match": {"secretKey": "pw", "remoteRef": {"remoteKey": "out"}}});
    for (extra, told) in [
        (json!({"data": [data("no", "app/db", "password")]}), "secret key no does not exist".to_owned()),
        (
            with_metadata(json!({"tagz": {"a": "b"}})),
            format!("{to_vault}failed to parse PushSecret metadata: unknown field `tagz`"),
        ),
        (
            json!({"data": [whole], "secretStoreRefs": [{"name": "cluster", "kind": "SecretStore"}]}),
            format!("{to_cluster}requires property in RemoteRef to push secret value if secret key is defined"),
        ),
    ] {
        stage.apply(push_secret(extra.clone())).await;
        let said = push_secret::ready(&stage).await;
        assert!(said.starts_with(&format!("False Errored: set secret failed: {told}")), "{extra}: {said}, not {told}");
        let events = stage.events().await;
        let known = |event: &String| event.starts_with(&format!("Warning Errored: set secret failed: {told}"));
        assert!(events.iter().any(known), "{told} is not among {events:#?}");
        assert_eq!(vault.value("secret/app/db"), None, "{extra}");
    }
    stage.apply(push_secret(with_metadata(json!({})))).await;
    assert_eq!(push_secret::ready(&stage).await, push_secret::SYNCED);
}
