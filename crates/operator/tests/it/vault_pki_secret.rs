//! VaultPKISecret from Vault to the Secret and back: certificates that are issued, replaced in time, revoked and cleared. Vault is
//! testkit's, whose certificates are real. Specification: VSO §7.5, §11, §16, §18.

use sandbox::{Fate, Trouble};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::http::{Answer, Misbehaviour};
use testkit::vault::Engine;

use crate::stage::{Stage, comes};
use crate::vault_static_secret::{V1, deployment, object, on, restarted_at, set, start, with};

pub const KIND: &str = "VaultPKISecret";

async fn issuing(name: &str, seconds: i64) -> (Stage, Vault) {
    let (stage, vault) = on(name).await;
    vault.mount("pki", Engine::pki(&[("web", "example.com", seconds)]));
    stage.apply(deployment(false)).await;
    (stage, vault)
}

pub fn certificate(extra: Value) -> Value {
    let spec = json!({"vaultAuthRef": "app", "mount": "pki", "role": "web", "commonName": "web.example.com",
        "altNames": ["www.example.com", "api.example.com"],
        "rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}],
        "destination": {"name": "web-tls", "create": true, "overwrite": false, "type": "kubernetes.io/tls"}});
    object(KIND, "tls", with(spec, extra))
}

pub async fn told(stage: &Stage, condition: &str) -> String {
    stage.condition(V1, KIND, "tls", condition).await
}

async fn status(stage: &Stage) -> Value {
    stage.object(V1, KIND, "tls").await.unwrap_or_default()["status"].clone()
}

pub async fn serial(stage: &Stage) -> String {
    status(stage).await["serialNumber"].as_str().unwrap_or_default().to_owned()
}

async fn version(stage: &Stage) -> Value {
    stage.object("v1", "Secret", "web-tls").await.expect("it stands")["metadata"]["resourceVersion"].clone()
}

pub async fn value(stage: &Stage, key: &str) -> String {
    let secret = stage.object("v1", "Secret", "web-tls").await.unwrap_or_default();
    let encoded = secret["data"][key].as_str().unwrap_or_default().to_owned();
    let bytes = base::encoding::Base64::Standard.decode(encoded.as_bytes()).expect("the cluster holds base64");
    String::from_utf8_lossy(bytes.expose()).into_owned()
}

fn issues(vault: &Vault) -> usize {
    vault.count("PUT", "pki/issue/web")
}

#[tokio::test]
async fn a_certificate_is_issued_written_and_told() {
    let (stage, vault) = issuing("pki-issued", 3600).await;
    stage.apply(certificate(json!({"expiryOffset": "10m"}))).await;
    let secret = stage.object("v1", "Secret", "web-tls").await.expect("it is written");
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let (leaf, root) = (value(&stage, "certificate").await, value(&stage, "issuing_ca").await);
    assert_eq!(value(&stage, "tls.crt").await, format!("{leaf}\n{root}"));
    assert!(value(&stage, "tls.key").await.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!((value(&stage, "ca.crt").await, value(&stage, "serial_number").await), (root, serial(&stage).await));
    let status = status(&stage).await;
    assert_eq!(json!([status["valid"], status["error"], status["lastGeneration"]]), json!([true, "", 1]));
    let life = status["expiration"].as_i64().unwrap_or_default() - status["lastRotation"].as_i64().unwrap_or_default();
    assert!((3590..=3601).contains(&life) && status["secretMAC"].is_string(), "{status}");
    assert!(told(&stage, "SecretSynced").await.starts_with("True Synced: Secret synced, horizon="));
    assert_eq!(told(&stage, "Ready").await, "True Ready: VaultPKISecretReady");
    let object = stage.object(V1, KIND, "tls").await.expect("it stands");
    assert_eq!(object["metadata"]["finalizers"], json!(["vaultpkisecrets.secrets.hashicorp.com/finalizer"]));
    let events = stage.events().await;
    assert!(events.iter().any(|event| event.starts_with("Normal SecretSynced: Secret synced, horizon=")), "{events:?}");
    assert_eq!((issues(&vault), restarted_at(&stage).await), (1, None), "the first sync restarts nothing");
    let metrics = stage.driver().expect("it runs").metrics().text().expect("it can be written");
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    let (own, end) = (stage.namespace(), &status["expiration"]);
    for line in [
        format!("controller_resource_status{{controller=\"vaultpkisecret\",name=\"tls\",namespace=\"{own}\"}} 1"),
        format!(
            "vso_secret_expiration_timestamp_seconds{{controller=\"vaultpkisecret\",name=\"tls\",namespace=\"{own}\"}} {end}"
        ),
        format!("vso_client_operations_total{{operation=\"login\",vault_connection=\"{own}/bao\"}} 1"),
        format!("vso_client_operations_total{{operation=\"write\",vault_connection=\"{own}/bao\"}} 1"),
        "vso_client_cache_misses 1".to_owned(),
        "vso_client_cache_length 1".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    stage.remove(&certificate(json!({}))).await;
    assert!(stage.object(V1, KIND, "tls").await.is_none(), "the finalizer goes");
    assert_eq!(vault.revoked_certificates(), Vec::<String>::new(), "nobody asked for it");
}

#[tokio::test]
async fn a_certificate_is_replaced_in_time_with_one_restart_and_the_old_one_is_revoked() {
    let (stage, vault) = issuing("pki-renewed", 3600).await;
    // Due some seconds after the issue; the next one lives for an hour.
    stage.apply(certificate(json!({"ttl": "1h", "expiryOffset": "3594s", "revoke": true}))).await;
    let (first, leaf) = (serial(&stage).await, value(&stage, "certificate").await);
    comes("another certificate", async || serial(&stage).await != first).await;
    stage.patch(&certificate(json!({})), json!({"spec": {"expiryOffset": "1s"}})).await;
    comes("the revocation", async || vault.revoked_certificates().contains(&first)).await;
    assert_ne!(value(&stage, "certificate").await, leaf);
    assert_eq!(value(&stage, "serial_number").await, serial(&stage).await);
    assert!(restarted_at(&stage).await.is_some());
    let events = stage.events().await;
    let restarts = events.iter().filter(|event| event.starts_with("Normal RolloutRestartTriggered")).count();
    assert!(
        events.iter().any(|event| event.starts_with("Normal SecretRotated: Secret synced, horizon=")),
        "{events:?}"
    );
    assert_eq!((restarts, issues(&vault) - 1), (1, 1), "{events:?}");
}

#[tokio::test]
async fn a_restart_issues_nothing_and_writes_nothing() {
    let (mut stage, vault) = issuing("pki-restart", 3600).await;
    stage.apply(certificate(json!({}))).await;
    let before = (serial(&stage).await, version(&stage).await);
    let standing = stage.object(V1, KIND, "tls").await.expect("it stands")["metadata"]["resourceVersion"].clone();
    stage.stop().await;
    vault.server().forget();
    start(&mut stage).await;
    assert_eq!((issues(&vault), vault.logins()), (0, 0));
    assert_eq!((serial(&stage).await, version(&stage).await), before);
    let after = stage.object(V1, KIND, "tls").await.expect("it stands");
    assert_eq!(after["metadata"]["resourceVersion"], standing);
}

#[tokio::test]
async fn what_is_deleted_is_revoked_when_asked() {
    let (stage, vault) = issuing("pki-deleted", 3600).await;
    stage.apply(certificate(json!({"revoke": true}))).await;
    let only = serial(&stage).await;
    stage.remove(&certificate(json!({}))).await;
    assert!(stage.object(V1, KIND, "tls").await.is_none(), "the finalizer goes");
    assert_eq!(vault.revoked_certificates(), [only]);
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_a_vault_that_is_away() {
    let (stage, vault) = issuing("pki-deleted-away", 3600).await;
    stage.apply(certificate(json!({"revoke": true}))).await;
    vault.deny("pki/revoke");
    stage.delete(V1, KIND, "tls").await.expect("the cluster deletes");
    comes("the deletion", async || stage.object(V1, KIND, "tls").await.is_none()).await;
    let events = stage.events().await;
    let failed = "Warning CertificateRevocationError: Failed to revoke the certificate ";
    assert!(events.iter().any(|event| event.starts_with(failed)), "{events:?}");
}

#[tokio::test]
async fn a_secret_that_is_not_ours_is_filled_and_cleared() {
    let (stage, vault) = issuing("pki-cleared", 3600).await;
    let own = json!({"clear": true, "destination": {"name": "web-tls", "create": false}});
    stage.apply(certificate(own)).await;
    assert!(told(&stage, "SecretSynced").await.contains("does not exist, and create=false"));
    let events = stage.events().await;
    let missing = "Warning K8sClientError: Kubernetes secret \"web-tls\" does not exist yet, horizon=4";
    assert!(events.iter().any(|event| event.starts_with(missing)), "{events:?}");
    assert_eq!((issues(&vault), &status(&stage).await["error"]), (0, &json!("K8sClientError")));
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "web-tls", "labels": {"mine": "yes"}}, "data": {"k": "dg=="}});
    stage.apply(secret).await;
    comes("the certificate", async || !value(&stage, "private_key").await.is_empty()).await;
    stage.settle().await;
    let written = stage.object("v1", "Secret", "web-tls").await.expect("it stands");
    assert_eq!(json!([written["data"]["k"], written["metadata"]["labels"]["mine"]]), json!([null, "yes"]));
    stage.patch(&certificate(json!({})), json!({"spec": {"expiryOffset": "1m"}})).await;
    assert_eq!(issues(&vault), 1, "the drift check reads what is not labelled as ours");
    stage.remove(&certificate(json!({}))).await;
    assert_eq!(stage.secret("web-tls").await.as_deref(), Some(""));
}

#[tokio::test]
async fn a_vault_in_trouble_never_empties_the_secret() {
    let (stage, vault) = issuing("pki-trouble", 3600).await;
    stage.apply(certificate(json!({}))).await;
    let before = (serial(&stage).await, version(&stage).await);
    vault.server().misbehave("PUT", "/v1/pki/issue/web", 1000, Misbehaviour::Say(Answer::empty(503)));
    stage.patch(&certificate(json!({})), json!({"metadata": {"annotations": {"again": "1"}}})).await;
    comes("the failure's word", async || told(&stage, "SecretSynced").await.starts_with("False Synced:")).await;
    assert_eq!((serial(&stage).await, version(&stage).await), before);
    let status_ = status(&stage).await;
    assert_eq!(json!([status_["valid"], status_["error"]]), json!([false, "K8sClientError"]));
    vault.server().behave();
    comes("recovery", async || told(&stage, "SecretSynced").await.starts_with("True Synced:")).await;
    assert_ne!(serial(&stage).await, before.0, "the annotation asked for another one");
    assert_eq!(status(&stage).await["valid"], true);
}

#[tokio::test]
async fn a_foreign_destination_issues_nothing() {
    let (stage, vault) = issuing("pki-foreign", 3600).await;
    stage
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-tls"}, "data": {"k": "dg=="}}))
        .await;
    stage.apply(certificate(json!({}))).await;
    assert!(told(&stage, "SecretSynced").await.starts_with("False Synced: Secret sync error, horizon="));
    assert!(told(&stage, "SecretSynced").await.contains("not the owner of the destination Secret"));
    assert_eq!(status(&stage).await["error"], "SecretSyncError");
    assert_eq!((issues(&vault), stage.secret("web-tls").await.as_deref()), (0, Some("k=v")));
    stage.apply(certificate(json!({"destination": {"name": "Not_A_Name", "create": true}}))).await;
    assert!(told(&stage, "SecretSynced").await.contains("`Not_A_Name` cannot be the name of a Secret"));
    assert_eq!((issues(&vault), vault.logins()), (0, 0));
}

#[tokio::test]
async fn a_secret_that_is_edited_or_deleted_gets_another_certificate() {
    let (stage, vault) = issuing("pki-drift", 3600).await;
    stage.apply(certificate(json!({}))).await;
    let first = serial(&stage).await;
    let named = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web-tls"}});
    stage.patch(&named, json!({"data": {"tls.key": "bm8="}})).await;
    comes("another certificate", async || serial(&stage).await != first).await;
    stage.settle().await;
    assert!(value(&stage, "tls.key").await.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(issues(&vault), 2);
    stage.remove(&named).await;
    comes("the Secret", async || value(&stage, "serial_number").await == serial(&stage).await).await;
    stage.settle().await;
    assert_eq!(issues(&vault), 3);
}

#[tokio::test]
async fn an_edit_issues_only_if_it_asks_for_something_else() {
    let (stage, vault) = issuing("pki-edited", 3600).await;
    stage.apply(certificate(json!({}))).await;
    let first = serial(&stage).await;
    stage.patch(&certificate(json!({})), json!({"spec": {"revoke": true, "expiryOffset": "5m"}})).await;
    assert_eq!(
        (issues(&vault), serial(&stage).await, &status(&stage).await["lastGeneration"]),
        (1, first.clone(), &json!(2))
    );
    stage.patch(&certificate(json!({})), json!({"spec": {"altNames": ["www.example.com"]}})).await;
    assert_eq!(issues(&vault), 2);
    comes("the revocation", async || vault.revoked_certificates() == [first.clone()]).await;
    stage.patch(&certificate(json!({})), json!({"metadata": {"annotations": {"again": "1"}}})).await;
    assert_eq!(issues(&vault), 3, "touching an annotation asks for another one");
}

#[tokio::test]
async fn a_status_that_is_lost_is_told_and_issues_nothing_twice() {
    let (stage, vault) = set(Stage::in_memory("vault-secrets", "pki-status-lost").await).await;
    vault.mount("pki", Engine::pki(&[("web", "example.com", 3600)]));
    let sandbox = stage.sandbox().expect("it runs in memory").clone();
    sandbox.trouble(Trouble::on("update", "vaultpkisecrets/status", Fate::Broken).times(1));
    stage.apply(certificate(json!({"rolloutRestartTargets": []}))).await;
    comes("the status", async || !serial(&stage).await.is_empty()).await;
    assert_eq!((issues(&vault), value(&stage, "serial_number").await), (1, serial(&stage).await));
    stage.settle().await;
    let events = stage.events().await;
    let lost = "Warning StatusUpdateError: Failed to update the resource's status, err=";
    assert!(events.iter().any(|event| event.starts_with(lost)), "{events:?}");
}

#[tokio::test]
async fn a_broken_template_issues_once() {
    let (stage, vault) = issuing("pki-template", 3600).await;
    let destination = |text: &str| {
        json!({"destination": {"name": "web-tls", "create": true, "transformation": {"excludeRaw": true, "excludes": [".*"],
            "templates": {"bundle": {"text": text}}}}})
    };
    stage.apply(certificate(destination("{{ fail \"no\" }}"))).await;
    assert!(told(&stage, "SecretSynced").await.contains("Failed to marshal Vault secret data"));
    stage.apply(certificate(destination("{{ .Secrets.serial_number }}"))).await;
    let written = format!("bundle={}", serial(&stage).await);
    assert_eq!((issues(&vault), stage.secret("web-tls").await), (1, Some(written)), "the retry took what was issued");
}

#[tokio::test]
async fn bad_input_is_told_on_the_object() {
    let (stage, vault) = issuing("pki-bad", 3600).await;
    let rows = [
        (json!({"commonName": "web.example.net"}), "K8sClientError", "not allowed by this role"),
        (json!({"role": "nobody"}), "K8sClientError", "unknown role: nobody"),
        (json!({"issuerRef": "nobody"}), "K8sClientError", "unable to find PKI issuer for reference: nobody"),
        (json!({"mount": "nothing"}), "K8sClientError", "nothing/issue/web"),
        (json!({"vaultAuthRef": "a/b/c"}), "VaultClientConfigError", "invalid name: a/b/c"),
        (json!({"vaultAuthRef": "nobody"}), "VaultClientConfigError", "nobody"),
    ];
    for (extra, reason, text) in rows {
        stage.apply(certificate(extra)).await;
        let message = told(&stage, "SecretSynced").await;
        assert!(message.starts_with("False Synced: Failed to sync the secret, horizon="), "{message}");
        assert!(message.contains(text), "{message}, not {text}");
        assert_eq!(json!([status(&stage).await["valid"], status(&stage).await["error"]]), json!([false, reason]));
        let events = stage.events().await;
        let is_told = |event: &String| event.starts_with(&format!("Warning {reason}: ")) && event.contains(text);
        assert!(events.iter().any(is_told), "{text}: {events:?}");
    }
    let factory = "Warning Unrecoverable: Failed to get cacheKey from obj, err=invalid name: a/b/c".to_owned();
    assert!(stage.events().await.contains(&factory));
    assert_eq!(stage.secret("web-tls").await, None);
    stage.apply(certificate(json!({"issuerRef": "default"}))).await;
    assert_eq!(vault.count("PUT", "pki/issuer/default/issue/web"), 1);
    assert!(told(&stage, "SecretSynced").await.starts_with("True Synced:"), "{}", told(&stage, "SecretSynced").await);
}

#[tokio::test]
async fn an_explanation_issues_nothing() {
    let (stage, vault) = issuing("pki-explained", 3600).await;
    vault.deny("pki/issue");
    stage.apply(certificate(json!({}))).await;
    vault.allow_all();
    vault.server().forget();
    let driver = stage.driver().expect("it runs");
    let lines = driver.explain(KIND, stage.namespace(), "tls").await.expect("the object is known");
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("have Vault issue a certificate (`pki/issue/web`)")), "{lines:?}");
    assert_eq!(issues(&vault), 0);
}
