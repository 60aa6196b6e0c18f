//! The roles that the chart grants suffice: a life of each feature under exactly the role that is read off its rows, with its lease, in
//! memory and on a real API server. All other scenarios run under the peers' roles. Specification: design §8, §10.

use api::reload::ResourceKind;
use k8s_openapi::api::rbac::v1::PolicyRule;
use operator::feature::FeatureName;
use operator::reloader::Settings;
use operator::roles::Line;
use plan::reload::{Kind, Options};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::cluster::Rights;
use testkit::scenario::Named;
use testkit::vault::{Engine, ROOT, Role, Terms};

use crate::cluster_external_secret::{by_name, everywhere};
use crate::external_secret::{V1, external_secret, ready};
use crate::sealed_secret::sealed_secret;
use crate::stage::Stage;
use crate::vault_static_secret::{restarted_at, secret as static_secret};
use crate::{
    cluster_push_secret as stamped, explain, external_secret as eso, push_secret as push, reloader,
    reloader_custom as custom, sealed_secret, vault_static_secret as vso,
};

/// A stage whose process has the rights that the chart would grant.
async fn stage(feature: FeatureName, name: &str) -> Stage {
    stage_with(feature, name, &Settings::default()).await
}

/// The same, with Reloader's settings.
async fn stage_with(feature: FeatureName, name: &str, settings: &Settings) -> Stage {
    let (_, process) = explain::stage_with(&[], settings).await;
    let role = process.role(feature).expect("the process runs every feature");
    let rules = |lines: Vec<Line>| lines.iter().map(rule).collect::<Vec<_>>();
    let mut stage = Stage::new(feature.as_str(), &format!("generated-role-{name}")).await;
    let within = vec![(stage.namespace().to_owned(), rules(role.local))];
    stage.elects = within
        .iter()
        .flat_map(|(_, rules)| rules)
        .flat_map(|rule| rule.resources.iter().flatten())
        .any(|it| it == "leases");
    stage.rights = Some(("generated", Rights { everywhere: rules(role.everywhere), within }));
    stage
}

fn rule(line: &Line) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(&[line.group])),
        resources: Some(owned(&line.resources)),
        verbs: owned(&line.verbs),
        ..PolicyRule::default()
    }
}

async fn holds_its_lease(stage: &Stage, feature: FeatureName) {
    let lease = stage.object("coordination.k8s.io/v1", "Lease", feature.lease()).await.expect("a lease was made");
    assert_eq!(lease["spec"]["holderIdentity"], "stage");
}

/// A login as a ServiceAccount, a template from a ConfigMap, a repair, a rotation, a deletion at the source.
#[tokio::test]
async fn external_secrets() {
    let mut stage = stage(FeatureName::ExternalSecrets, "synced").await;
    let vault = Vault::start().await;
    vault.put("secret/db", json!({"password": "one"}));
    vault.enable_auth("kubernetes", "kubernetes");
    vault.role("kubernetes", "app", Role::account(&["reader"], &[stage.namespace()]));
    stage.account("reader", &[]).await;
    eso::start(&mut stage).await;
    holds_its_lease(&stage, FeatureName::ExternalSecrets).await;
    let auth =
        json!({"kubernetes": {"mountPath": "kubernetes", "role": "app", "serviceAccountRef": {"name": "reader"}}});
    let provider = json!({"vault": {"server": vault.url(), "path": "secret", "auth": auth}});
    let text = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "text"}, "data": {"url": "pg://{{ .password }}"}});
    stage.apply(text).await;
    stage
        .apply(json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"}, "spec": {"provider": provider}}))
        .await;
    let from = json!([{"configMap": {"name": "text", "items": [{"key": "url"}]}}]);
    let target = json!({"creationPolicy": "Owner", "deletionPolicy": "Delete", "template": {"templateFrom": from}});
    let object = external_secret(json!({"target": target}));
    stage.apply(object.clone()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("url=pg://one"), "{}", ready(&stage).await);
    assert!(stage.events().await.contains(&"Normal Created: secret created".to_owned()));
    let standing = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    stage.patch(&standing, json!({"data": {"url": "ZXZpbA=="}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("url=pg://one"), "drift is repaired");
    vault.put("secret/db", json!({"password": "two"}));
    stage.patch(&object, json!({"metadata": {"annotations": {"force-sync": "1"}}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("url=pg://two"));
    vault.remove("secret/db");
    stage.patch(&object, json!({"metadata": {"annotations": {"force-sync": "2"}}})).await;
    assert_eq!(stage.secret("db").await, None, "{}", ready(&stage).await);
}

/// A Secret goes out and comes back again, and objects are stamped out and taken away.
#[tokio::test]
async fn pushed_and_stamped_out() {
    let mut stage = stage(FeatureName::ExternalSecrets, "pushed").await;
    let vault = Vault::start().await;
    eso::start(&mut stage).await;
    stage.apply(push::secret("vault", &[("token", ROOT)])).await;
    stage.apply(push::store("vault", &vault)).await;
    stage.apply(push::secret("src", &[("pw", "one")])).await;
    let object = push::push_secret(json!({"deletionPolicy": "Delete"}));
    stage.apply(object.clone()).await;
    assert_eq!(push::ready(&stage).await, push::SYNCED);
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": "one"})));
    stage.remove(&object).await;
    assert_eq!(vault.value("secret/app/db"), None, "it is taken back");
    let pushing = stamped::everywhere(&stage, json!({}));
    stage.apply(pushing.clone()).await;
    stamped::choose(&stage, true).await;
    assert_eq!(push::ready(&stage).await, push::SYNCED);
    stamped::choose(&stage, false).await;
    stage.vanishes(Named::new(push::ALPHA, "PushSecret", "out")).await;
    assert_eq!(vault.value("secret/app/db"), None, "it is taken back from there, too");
    stage.remove(&pushing).await;
    vault.put("secret/db", json!({"v": "one"}));
    let mut everywhere = everywhere(&stage, by_name(&stage));
    everywhere["spec"]["externalSecretSpec"]["secretStoreRef"]["name"] = json!("vault");
    stage.apply(everywhere.clone()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(r#"v={"v":"one"}"#));
    stage.remove(&everywhere).await;
    assert!(stage.object(V1, "ExternalSecret", "db").await.is_none(), "it is taken away");
}

/// A login as a ServiceAccount, a rotation that restarts its target, and the end of objects of each kind with what was made for them.
#[tokio::test]
async fn vault_secrets() {
    let (stage, vault) = vso::set(stage(FeatureName::VaultSecrets, "vault").await).await;
    holds_its_lease(&stage, FeatureName::VaultSecrets).await;
    stage.apply(vso::deployment(false)).await;
    let object = static_secret(json!({"rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}]}));
    stage.apply(object.clone()).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=one user=app"));
    vault.put("secret/db", json!({"user": "app", "password": "two"}));
    stage.patch(&object, json!({"metadata": {"annotations": {"read": "1"}}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("password=two user=app"));
    assert!(restarted_at(&stage).await.is_some(), "its target restarts");
    assert!(
        stage.events().await.contains(&"Normal SecretSynced: Secret synced".to_owned()),
        "{:?}",
        stage.events().await
    );
    stage.remove(&object).await;
    assert!(stage.object(vso::V1, "VaultStaticSecret", "db").await.is_none(), "the finalizer goes");
    vault.mount("database", Engine::database(&[("app", Terms::seconds(3600, 36_000))], &[]));
    vault.mount("pki", Engine::pki(&[("web", "example.com", 3600)]));
    let made = |kind: &str, from: Value| {
        let to = json!({"vaultAuthRef": "app", "revoke": true, "destination": {"name": kind.to_lowercase(), "create": true}});
        vso::object(kind, "made", vso::with(to, from))
    };
    for (kind, from) in [
        ("VaultDynamicSecret", json!({"mount": "database", "path": "creds/app"})),
        ("VaultPKISecret", json!({"mount": "pki", "role": "web", "commonName": "web.example.com"})),
    ] {
        stage.apply(made(kind, from.clone())).await;
        assert!(stage.secret(&kind.to_lowercase()).await.is_some(), "{kind}");
        stage.remove(&made(kind, from)).await;
        assert!(stage.object(vso::V1, kind, "made").await.is_none(), "{kind} goes");
    }
    assert_eq!((vault.live_leases().len(), vault.revoked_certificates().len()), (0, 1));
}

/// A key is made and kept, a value is opened, changed, deleted and opened again.
#[tokio::test]
async fn sealed_secrets() {
    let mut stage = stage(FeatureName::SealedSecrets, "sealed").await;
    sealed_secret::start(&mut stage).await;
    let keys = sealed_secret::keys(&stage).await;
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "one")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=one"));
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("p", "two")])).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=two"));
    stage.remove(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some("p=two"));
    assert_eq!(sealed_secret::synced(&stage).await, "True : ");
    stage.stop().await;
    sealed_secret::start(&mut stage).await;
    assert_eq!(sealed_secret::keys(&stage).await.len(), 1, "the key was kept");
}

/// A Deployment rolls, and a CronJob's Job runs anew.
#[tokio::test]
async fn restarts() {
    let mut stage = stage(FeatureName::Reloader, "reloaded").await;
    reloader::start(&mut stage, Settings::default()).await;
    holds_its_lease(&stage, FeatureName::Reloader).await;
    stage.apply(reloader::config_map("1")).await;
    stage.apply(reloader::deployment("web", reloader::auto())).await;
    let pod = json!({"spec": {"restartPolicy": "Never",
        "containers": [{"name": "app", "image": "x", "envFrom": [{"configMapRef": {"name": "conf"}}]}]}});
    stage
        .apply(json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly", "annotations": reloader::auto()},
            "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": pod}}}}))
        .await;
    stage.apply(reloader::config_map("2")).await;
    assert!(reloader::mark(&stage, "web").await.is_some());
    assert_eq!(stage.list("batch/v1", "Job").await.expect("the cluster answers").len(), 1);
    assert_eq!(stage.events().await.len(), 2, "{:?}", stage.events().await);
}

/// Whatever Reloader's settings turn on brings its rights, and what they turn off takes its rights along.
#[tokio::test]
async fn restarts_of_what_settings_turn_on() {
    let settings = Settings {
        has_rollouts: true,
        has_provider_classes: true,
        options: Options { ignored: [Kind::Job, Kind::CronJob].into(), ..Options::default() },
        ignored_resources: [ResourceKind::Secret].into(),
        ..Settings::default()
    };
    let mut stage = stage_with(FeatureName::Reloader, "reloaded-more", &settings).await;
    let (_, Rights { everywhere, .. }) = stage.rights.clone().expect("the stage was given rights");
    let named = |word: &str| everywhere.iter().flat_map(|rule| rule.resources.iter().flatten()).any(|it| it == word);
    assert!(named("rollouts") && named("configmaps") && !named("secrets") && !named("jobs") && !named("namespaces"));
    custom::install_all(&stage).await;
    reloader::start(&mut stage, settings).await;
    stage.apply(reloader::config_map("1")).await;
    stage.apply(custom::rollout("canary", reloader::auto())).await;
    stage.apply(custom::class("vault-db", json!({}))).await;
    stage.apply(custom::mounting("Deployment", "web", reloader::auto(), &["vault-db"])).await;
    stage.apply(custom::status("a", "vault-db", Some("v1"))).await;
    stage.apply(custom::status("a", "vault-db", Some("v2"))).await;
    stage.apply(reloader::config_map("2")).await;
    reloader::told(&stage, "Updated 'web'").await;
    reloader::told(&stage, "Updated 'canary' of type 'Rollout'").await;
}
