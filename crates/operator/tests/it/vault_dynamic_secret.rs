//! VaultDynamicSecret from Vault to the Secret and back: leases that are kept, renewed, replaced and revoked. Vault is testkit's.
//! Specification: VSO §7.4, §11, §16.

use api::VaultStaticSecret;
use base::Kind;
use operator::World;
use operator::effects::vault::Asking;
use plan::vault_call::{Ask, VaultCall};
use serde_json::{Value, json};
use testkit::Vault;
use testkit::http::{Answer, Misbehaviour};
use testkit::vault::{Engine, Terms};
use tokio::sync::watch;

use crate::stage::{Stage, comes};
use crate::vault_static_secret::{V1, deployment, object, on, restarted_at, secret, start, with};

#[tokio::test]
async fn what_makes_something_is_done_or_told() {
    let (stage, vault) = on("vault-ask").await;
    vault.mount("database", Engine::database(&[("app", Terms::seconds(60, 600))], &[]));
    stage.apply(secret(json!({}))).await;
    let shared = stage.shared.as_ref().expect("it runs");
    let o = shared.caches().store::<VaultStaticSecret>().find(stage.namespace(), "db").expect("it stands");
    let call = VaultCall { repeatable: false, ..VaultCall::read("database/creds/app".to_owned(), None) };
    let ask = Ask { call, about: api::meta::object_ref(&*o), why: "ask Vault for credentials".to_owned() };
    let dry = World::dry(shared);
    let client = dry.vault_client(&*o).await.expect("it logs in");
    let told = dry.act(Asking { client: &client, ask: ask.clone() }).await.err();
    assert_eq!(told.map(|fault| fault.kind()), Some(Kind::Dry));
    let line = format!("VaultStaticSecret {}/db: ask Vault for credentials (`database/creds/app`)", stage.namespace());
    assert_eq!(dry.into_lines().iter().map(ToString::to_string).collect::<Vec<_>>(), [line]);
    assert!(vault.live_leases().is_empty());
    let live = World::live(shared, watch::channel(true).1);
    let answer = live.act(Asking { client: &client, ask }).await.expect("it answers");
    assert_eq!((vault.live_leases(), answer.lease_duration), (vec![answer.lease_id], 60));
    assert!(answer.renewable && answer.data.is_some());
}

const KIND: &str = "VaultDynamicSecret";

async fn issuing(name: &str, terms: Terms) -> (Stage, Vault) {
    let (stage, vault) = on(name).await;
    vault.mount("database", Engine::database(&[("app", terms)], &[("fixed", 3600)]));
    stage.apply(deployment(false)).await;
    (stage, vault)
}

fn dynamic(extra: Value) -> Value {
    let spec = json!({"vaultAuthRef": "app", "mount": "database", "path": "creds/app", "renewalPercent": 67,
        "rolloutRestartTargets": [{"kind": "Deployment", "name": "web"}],
        "destination": {"name": "creds", "create": true, "overwrite": false, "transformation": {"excludeRaw": true}}});
    object(KIND, "creds", with(spec, extra))
}

fn hour() -> Terms {
    Terms::seconds(3600, 36_000)
}

async fn told(stage: &Stage, condition: &str) -> String {
    stage.condition(V1, KIND, "creds", condition).await
}

async fn lease(stage: &Stage) -> String {
    let object = stage.object(V1, KIND, "creds").await.unwrap_or_default();
    object["status"]["secretLease"]["id"].as_str().unwrap_or_default().to_owned()
}

async fn version(stage: &Stage) -> Value {
    stage.object("v1", "Secret", "creds").await.expect("it stands")["metadata"]["resourceVersion"].clone()
}

fn issues(vault: &Vault) -> usize {
    vault.count("*", "database/creds/app")
}

#[tokio::test]
async fn credentials_are_issued_written_told_and_revoked() {
    let (stage, vault) = issuing("dynamic-issued", hour()).await;
    stage.apply(dynamic(json!({}))).await;
    let written = stage.secret("creds").await.unwrap_or_default();
    assert!(written.starts_with("password=p-") && written.contains(" username=v-app-"), "{written}");
    assert_eq!((issues(&vault), vault.live_leases()), (1, vec![lease(&stage).await]));
    assert_eq!(told(&stage, "SecretSynced").await, "True Synced: Secret synced");
    assert_eq!(told(&stage, "Ready").await, "True Ready: VaultDynamicSecretReady");
    let object = stage.object(V1, KIND, "creds").await.expect("it stands");
    assert_eq!(object["metadata"]["finalizers"], json!(["vaultdynamicsecret.secrets.hashicorp.com/finalizer"]));
    assert_eq!(object["status"]["secretLease"]["duration"], 3600);
    let synced = format!("Normal SecretSynced: Secret synced, lease_id=\"{}\", horizon=", lease(&stage).await);
    let events = stage.events().await;
    assert!(events.iter().any(|event| event.starts_with(&synced)), "{events:?}");
    assert_eq!(restarted_at(&stage).await, None, "the first sync restarts nothing");
    stage.remove(&dynamic(json!({}))).await;
    assert!(stage.object(V1, KIND, "creds").await.is_none(), "the finalizer goes");
    assert!(vault.live_leases().is_empty());
}

#[tokio::test]
async fn a_restart_issues_nothing_and_writes_nothing() {
    let (mut stage, vault) = issuing("dynamic-restart", hour()).await;
    stage.apply(dynamic(json!({}))).await;
    let before = (lease(&stage).await, version(&stage).await);
    let object = stage.object(V1, KIND, "creds").await.expect("it stands");
    stage.stop().await;
    vault.server().forget();
    start(&mut stage).await;
    assert_eq!((issues(&vault), vault.count("PUT", "sys/leases/renew")), (0, 0));
    assert_eq!((lease(&stage).await, version(&stage).await), before);
    let after = stage.object(V1, KIND, "creds").await.expect("it stands");
    assert_eq!(after["metadata"]["resourceVersion"], object["metadata"]["resourceVersion"]);
    // Its token is gone, and the lease with it: the next process finds out and has others issued, with one restart.
    stage.stop().await;
    vault.revoke_tokens();
    start(&mut stage).await;
    assert_eq!((issues(&vault), vault.live_leases()), (1, vec![lease(&stage).await]));
    assert!(restarted_at(&stage).await.is_some());
    let events = stage.events().await;
    assert!(events.iter().any(|event| event.ends_with("sync_reason=\"VaultTokenRotated\"")), "{events:?}");
}

#[tokio::test]
async fn a_lease_is_renewed_in_time_without_a_write_of_the_secret() {
    let (stage, vault) = issuing("dynamic-renewed", Terms::seconds(30, 36_000)).await;
    stage.apply(dynamic(json!({"renewalPercent": 0}))).await;
    let before = (lease(&stage).await, version(&stage).await);
    comes("a renewal", async || vault.count("PUT", "sys/leases/renew") > 0).await;
    comes("its word", async || told(&stage, "LeaseRenewal").await.starts_with("True SecretLeaseRenewal:")).await;
    assert_eq!((issues(&vault), (lease(&stage).await, version(&stage).await)), (1, before));
    assert_eq!(told(&stage, "SecretSynced").await, "True Synced: Updated for lease renewal");
    assert_eq!(restarted_at(&stage).await, None);
}

#[tokio::test]
async fn a_renewal_that_is_denied_is_told_and_brings_other_credentials() {
    let (stage, vault) = issuing("dynamic-denied", Terms::seconds(30, 36_000)).await;
    stage.apply(dynamic(json!({"renewalPercent": 0}))).await;
    let first = lease(&stage).await;
    vault.deny("sys/leases/renew");
    comes("another lease", async || lease(&stage).await != first).await;
    let denied = format!("Warning SecretLeaseRenewalError: Could not renew lease, lease_id={first}, err=");
    comes("its word", async || stage.events().await.iter().any(|event| event.starts_with(&denied))).await;
    comes("a sync", async || told(&stage, "SecretSynced").await.starts_with("True Synced:")).await;
    assert!(issues(&vault) >= 2 && stage.secret("creds").await.is_some());
}

#[tokio::test]
async fn a_lost_lease_is_replaced_with_one_restart() {
    let (stage, vault) = issuing("dynamic-lost", Terms::seconds(30, 36_000)).await;
    stage.apply(dynamic(json!({"renewalPercent": 0}))).await;
    let (first, written) = (lease(&stage).await, stage.secret("creds").await);
    vault.revoke_tokens();
    comes("another lease", async || lease(&stage).await != first).await;
    stage.settle().await;
    assert_ne!(stage.secret("creds").await, written);
    assert_eq!(vault.live_leases(), [lease(&stage).await]);
    let events = stage.events().await;
    let restarts = events.iter().filter(|event| event.contains("RolloutRestartTriggered")).count();
    assert_eq!((issues(&vault), restarts), (2, 1), "{events:?}");
}

#[tokio::test]
async fn a_lease_at_its_longest_is_replaced_and_the_old_one_revoked() {
    let (stage, vault) = issuing("dynamic-truncated", Terms::seconds(30, 30)).await;
    stage.apply(dynamic(json!({"renewalPercent": 5, "revoke": true}))).await;
    let first = lease(&stage).await;
    comes("another lease", async || lease(&stage).await != first).await;
    let events = stage.events().await;
    assert!(
        events.iter().any(|event| event.contains("Lease renewal duration was truncated from 30s to ")),
        "{events:?}"
    );
    assert!(!vault.live_leases().contains(&first), "it was superseded");
}

#[tokio::test]
async fn a_vault_in_trouble_neither_empties_the_secret_nor_loses_the_lease() {
    let (mut stage, vault) = issuing("dynamic-trouble", hour()).await;
    stage.apply(dynamic(json!({"renewalPercent": 0}))).await;
    let before = (lease(&stage).await, version(&stage).await);
    stage.stop().await;
    vault.server().misbehave("PUT", "/v1/sys/leases/renew", 1000, Misbehaviour::Say(Answer::empty(503)));
    start(&mut stage).await;
    comes("the failure's word", async || told(&stage, "SecretSynced").await.starts_with("False Synced:")).await;
    assert_eq!(((lease(&stage).await, version(&stage).await), issues(&vault)), (before.clone(), 1));
    vault.server().behave();
    comes("recovery", async || told(&stage, "SecretSynced").await.starts_with("True Synced:")).await;
    assert_eq!(((lease(&stage).await, version(&stage).await), issues(&vault)), (before, 1));
}

#[tokio::test]
async fn a_foreign_destination_issues_nothing() {
    let (stage, vault) = issuing("dynamic-foreign", hour()).await;
    stage
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds"}, "data": {"k": "dg=="}}))
        .await;
    stage.apply(dynamic(json!({}))).await;
    assert!(told(&stage, "SecretSynced").await.contains("not the owner of the destination Secret"));
    assert_eq!((issues(&vault), stage.secret("creds").await.as_deref()), (0, Some("k=v")));
    let missing = json!({"destination": {"name": "nothing", "create": false}});
    stage.apply(dynamic(missing)).await;
    assert!(told(&stage, "SecretSynced").await.contains("does not exist, and create=false"));
    stage.apply(dynamic(json!({"destination": {"name": "Not_A_Name", "create": true}}))).await;
    assert!(told(&stage, "SecretSynced").await.contains("`Not_A_Name` cannot be the name of a Secret"));
    assert_eq!((issues(&vault), vault.live_leases().len()), (0, 0));
}

#[tokio::test]
async fn an_edit_issues_only_if_it_asks_for_something_else() {
    let (stage, vault) = issuing("dynamic-edited", hour()).await;
    stage.apply(dynamic(json!({}))).await;
    let first = lease(&stage).await;
    stage.apply(dynamic(json!({"renewalPercent": 50, "revoke": true}))).await;
    assert_eq!((issues(&vault), lease(&stage).await), (1, first.clone()));
    assert_eq!(stage.object(V1, KIND, "creds").await.expect("it stands")["status"]["lastGeneration"], 2);
    let named = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "creds"}});
    stage.remove(&named).await;
    assert_eq!(
        (issues(&vault), vault.live_leases()),
        (2, vec![lease(&stage).await]),
        "the lost Secret's lease is revoked"
    );
    assert!(stage.secret("creds").await.is_some_and(|data| data.contains("username=")));
}

#[tokio::test]
async fn a_broken_template_issues_once() {
    let (stage, vault) = issuing("dynamic-template", hour()).await;
    let destination = |text: &str| {
        json!({"destination": {"name": "creds", "create": true, "transformation": {"excludeRaw": true, "includes": ["^username$"],
            "templates": {"url": {"text": text}}}}})
    };
    stage.apply(dynamic(destination("{{ fail \"no\" }}"))).await;
    assert!(told(&stage, "SecretSynced").await.starts_with("False Synced:"), "{}", told(&stage, "SecretSynced").await);
    assert_eq!((issues(&vault), stage.secret("creds").await), (1, None));
    stage.apply(dynamic(destination("db://{{ .Secrets.username }}"))).await;
    assert!(stage.secret("creds").await.is_some_and(|data| data.starts_with("url=db://v-app-")));
    assert_eq!((issues(&vault), vault.live_leases()), (1, vec![lease(&stage).await]), "the retry took what was issued");
}

#[tokio::test]
async fn a_deleted_version_never_empties_the_secret() {
    let (stage, vault) = issuing("dynamic-deleted-version", hour()).await;
    let dynamic = dynamic(json!({"mount": "secret", "path": "data/db", "refreshAfter": "2s"}));
    stage.apply(dynamic).await;
    let before = stage.secret("creds").await;
    assert!(before.as_ref().is_some_and(|data| data.contains("\"password\":\"one\"")), "{before:?}");
    vault.remove("secret/db");
    comes("its word", async || told(&stage, "SecretSynced").await.starts_with("False Synced:")).await;
    assert!(told(&stage, "SecretSynced").await.contains("empty response from Vault, path=\"secret/data/db\""));
    assert_eq!(stage.secret("creds").await, before);
}

#[tokio::test]
async fn a_static_role_is_read_again_and_written_only_if_rotated() {
    let (mut stage, vault) = issuing("dynamic-static", hour()).await;
    stage.apply(dynamic(json!({"path": "static-creds/fixed", "allowStaticCreds": true, "refreshAfter": "1s"}))).await;
    let first = stage.secret("creds").await.unwrap_or_default();
    assert!(first.contains("password=static-0") && first.contains("username=static-fixed"), "{first}");
    let object = stage.object(V1, KIND, "creds").await.expect("it stands");
    assert_eq!(object["status"]["staticCredsMetaData"]["rotationPeriod"], 3600);
    assert!(object["status"]["secretMAC"].is_string() && object["status"]["secretLease"]["id"] == "");
    let standing = (version(&stage).await, object["metadata"]["resourceVersion"].clone());
    stage.stop().await;
    start(&mut stage).await;
    comes("another read", async || vault.count("GET", "database/static-creds/fixed") > 3).await;
    let object = stage.object(V1, KIND, "creds").await.expect("it stands");
    assert_eq!((version(&stage).await, object["metadata"]["resourceVersion"].clone()), standing, "nothing is written");
    assert_eq!(restarted_at(&stage).await, None);
    vault.rotate("database", "fixed");
    comes("the new password", async || {
        stage.secret("creds").await.is_some_and(|data| data.contains("password=static-1"))
    })
    .await;
    comes("the restart", async || restarted_at(&stage).await.is_some()).await;
    stage.remove(&dynamic(json!({}))).await;
    assert!(stage.object(V1, KIND, "creds").await.is_none());
    assert_eq!(vault.count("PUT", "sys/leases/revoke"), 0, "there is no lease to revoke");
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_a_vault_that_is_away() {
    let (stage, vault) = issuing("dynamic-deleted-away", hour()).await;
    stage.apply(dynamic(json!({}))).await;
    vault.deny("sys/leases/revoke");
    stage.delete(V1, KIND, "creds").await.expect("the cluster deletes");
    comes("the deletion", async || stage.object(V1, KIND, "creds").await.is_none()).await;
    let events = stage.events().await;
    assert!(
        events.iter().any(|event| event.starts_with("Warning SecretLeaseRevoke: Failed to revoke lease: ")),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_explanation_issues_nothing() {
    let (stage, vault) = issuing("dynamic-explained", hour()).await;
    vault.deny("database/creds");
    stage.apply(dynamic(json!({}))).await;
    vault.allow_all();
    vault.server().forget();
    let driver = stage.driver().expect("it runs");
    let lines = driver.explain(KIND, stage.namespace(), "creds").await.expect("the object is known");
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("ask Vault for credentials (`database/creds/app`)")), "{lines:?}");
    assert_eq!(issues(&vault), 0);
}
