//! Manifests as people write them (VSO §24, §26), references (§5.1), and objects of earlier releases (§20).

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// The one fixture of that kind.
fn fixture<K: DeserializeOwned>(kind: &str) -> K {
    let all: Vec<Value> =
        serde_saphyr::from_multiple(include_str!("../fixtures/hashicorp.yaml")).expect("the fixtures are YAML");
    let found = all.into_iter().find(|object| object["kind"] == kind).expect("the kind has a fixture");
    serde_json::from_value(found).expect("it can be read")
}

#[test]
fn connections_and_logins() {
    let connection: VaultConnection = fixture("VaultConnection");
    assert_eq!(connection.spec.address, "http://127.0.0.1:8200");
    assert_eq!(connection.spec.timeout.as_deref(), Some("20s"));
    assert_eq!(connection.spec.headers["X-Team"], "blue");
    let global: VaultAuthGlobal = fixture("VaultAuthGlobal");
    assert_eq!(global.allowed_namespaces(), ["t1", "t2"]);
    let method = global.spec.kubernetes.expect("kubernetes is set");
    assert_eq!(method.mount.as_deref(), Some("k8s-prod"));
    assert_eq!(method.block.role.as_deref(), Some("reader"));
    assert_eq!(method.block.token_expiration_seconds, 600);
    let auth: VaultAuth = fixture("VaultAuth");
    let strategy = auth.global_ref().and_then(|global| global.merge_strategy).expect("a strategy");
    assert_eq!((strategy.headers, strategy.params), (Some(vault_auth::MergeMode::Union), None));
}

#[test]
fn syncable_kinds() {
    let secret: VaultStaticSecret = fixture("VaultStaticSecret");
    assert_eq!(secret.auth_ref().expect("a name"), Reference::Named { namespace: "t1", name: "app" });
    assert!(secret.spec.hmac_secret_data && secret.destination().overwrite);
    assert_eq!(secret.rollout_targets()[0].kind, RolloutTargetKind::Deployment);
    let transformation = secret.destination().transformation.as_ref().expect("a transformation");
    assert_eq!(transformation.exclude_raw, Some(true));
    assert_eq!(transformation.transformation_refs[0].template_refs[0].key_override.as_deref(), Some("url"));
    let shared: SecretTransformation = fixture("SecretTransformation");
    assert_eq!(shared.spec.templates["DB_URL"].name.as_deref(), Some("dburl"));
    assert!(!shared.is_invalid());
    let dynamic: VaultDynamicSecret = fixture("VaultDynamicSecret");
    assert_eq!((dynamic.spec.renewal_percent, dynamic.spec.revoke), (50, Some(true)));
    let pki: VaultPKISecret = fixture("VaultPKISecret");
    assert_eq!(pki.spec.alt_names, ["www.example.com", "api.example.com"]);
    assert_eq!(pki.destination().type_.as_deref(), Some("kubernetes.io/tls"));
}

#[test]
fn a_reference_is_a_name_or_namespace_and_name() {
    use Reference::{Default, Named};
    for (text, expected) in [
        (None, Default),
        (Some(""), Default),
        (Some("app"), Named { namespace: "t1", name: "app" }),
        (Some("other/app"), Named { namespace: "other", name: "app" }),
    ] {
        assert_eq!(Reference::parse(text, "t1").expect("it is one"), expected, "{text:?}");
    }
    for text in ["a/b/c", "/b", "a/", "/"] {
        let fault = Reference::parse(Some(text), "t1").expect_err("it is none");
        assert_eq!(fault.to_string(), format!("invalid name: {text}"));
    }
    assert_eq!(Default.resolve("vso"), ("vso", "default"));
}

#[test]
fn statuses_of_old_releases_are_read_and_written_back_whole() {
    let object = |status: Value| {
        let spec = json!({ "mount": "db", "path": "creds/app", "destination": { "name": "db" } });
        json!({ "metadata": { "name": "db" }, "spec": spec, "status": status })
    };
    let dynamic: VaultDynamicSecret =
        serde_json::from_value(object(json!({ "secretLease": { "id": "x" } }))).expect("it can be read");
    let written = serde_json::to_value(&dynamic.status).expect("it can be written");
    let lease = json!({ "id": "x", "duration": 0, "renewable": false, "requestID": "" });
    assert_eq!(written, json!({ "lastGeneration": 0, "lastRenewalTime": 0, "secretLease": lease }));
    assert_eq!(dynamic.spec.renewal_percent, 67);
}

#[test]
fn app_role_files_of_old_releases_are_seen() {
    let auth = json!({ "metadata": { "name": "app" }, "spec": { "method": "appRole", "appRole": { "roleId": "r", "secretIDPath": "/x" } } });
    let auth: VaultAuth = serde_json::from_value(auth).expect("it can be read");
    assert_eq!(auth.spec.app_role.and_then(|role| role.secret_id_path).as_deref(), Some("/x"));
}

#[test]
fn kinds_that_nobody_acts_on_are_parsed() {
    let auth = json!({ "metadata": {}, "spec": { "organizationID": "o", "projectID": "p", "servicePrincipal": { "secretRef": "s" } } });
    let auth: HCPAuth = serde_json::from_value(auth).expect("it can be read");
    assert_eq!(auth.spec.project_id, "p");
    let app = json!({ "metadata": {}, "spec": { "appName": "web", "destination": { "name": "web" }, "syncConfig": { "dynamic": {} } } });
    let app: HCPVaultSecretsApp = serde_json::from_value(app).expect("it can be read");
    assert_eq!(app.spec.refresh_after, "600s");
    assert_eq!(app.spec.sync_config.and_then(|config| config.dynamic).map(|dynamic| dynamic.renewal_percent), Some(67));
    let csi = json!({ "metadata": {}, "spec": {
        "accessControl": { "serviceAccountPattern": "app-.*" },
        "secrets": { "vaultAppRoleSecretIDs": [{ "mount": "approle", "role": "r", "tokenBoundCIDRs": ["10.0.0.0/8"] }] } } });
    let csi: CSISecrets = serde_json::from_value(csi).expect("it can be read");
    assert_eq!(csi.spec.secrets.vault_app_role_secret_ids[0].token_bound_cidrs, ["10.0.0.0/8"]);
}
