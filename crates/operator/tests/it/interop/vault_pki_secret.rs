//! VaultPKISecret on a real `pki` engine. Specification: VSO §7.5, §17.

use serde_json::{Value, json};
use wire::vault::Call;

use super::openbao::OpenBao;
use crate::stage::{Stage, comes};
use crate::vault_pki_secret::{KIND, certificate, serial, told, value};
use crate::vault_static_secret::{V1, deployment, restarted_at, start};

/// By a policy that users have today.
#[tokio::test]
async fn a_real_openbao_issues_and_revokes() {
    let Some(bao) = OpenBao::find() else { return };
    let mut stage = Stage::new("vault-secrets", "pki-openbao").await;
    let own = stage.namespace().to_owned();
    let mount = format!("pki-{own}");
    bao.put(&format!("sys/mounts/{mount}"), json!({"type": "pki"})).await;
    bao.put(&format!("{mount}/root/generate/internal"), json!({"common_name": "lab root", "ttl": "24h"})).await;
    let role = json!({"allowed_domains": ["example.com"], "allow_subdomains": true, "max_ttl": "1h", "key_type": "ec"});
    bao.put(&format!("{mount}/roles/web"), role).await;
    start(&mut stage).await;
    stage.apply(deployment(false)).await;
    let policy = format!(
        "path \"{mount}/issue/web\" {{ capabilities = [\"create\", \"update\"] }}\n\
         path \"{mount}/issuer/default/issue/web\" {{ capabilities = [\"create\", \"update\"] }}\n\
         path \"{mount}/revoke\" {{ capabilities = [\"update\"] }}"
    );
    bao.let_in(&stage, &policy).await;
    stage.apply(certificate(json!({"mount": mount, "ttl": "30m", "expiryOffset": "10m", "revoke": true}))).await;
    assert!(told(&stage, "SecretSynced").await.starts_with("True Synced:"), "{}", told(&stage, "SecretSynced").await);
    let (first, leaf) = (serial(&stage).await, value(&stage, "tls.crt").await);
    assert_eq!(leaf, format!("{}\n{}", value(&stage, "certificate").await, value(&stage, "ca.crt").await));
    // By the issuer's own path, and another certificate takes its place.
    stage.patch(&certificate(json!({})), json!({"spec": {"issuerRef": "default"}})).await;
    let second = serial(&stage).await;
    assert!(second != first && !second.is_empty(), "{}", told(&stage, "SecretSynced").await);
    assert!(restarted_at(&stage).await.is_some());
    let revoked_at = async |serial: &str| {
        let read = Call::read(&format!("{mount}/cert/{serial}"));
        let answer = bao.root.call(&read).await.expect("it knows its certificates");
        let data: Value = serde_json::from_slice(answer.data().unwrap_or_default()).expect("JSON");
        data["revocation_time"].as_i64().unwrap_or_default()
    };
    comes("the revocation", async || revoked_at(&first).await > 0).await;
    assert_eq!(revoked_at(&second).await, 0);
    stage.remove(&certificate(json!({}))).await;
    assert!(stage.object(V1, KIND, "tls").await.is_none() && revoked_at(&second).await > 0);
}
