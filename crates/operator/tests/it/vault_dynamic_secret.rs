//! VaultDynamicSecret from Vault to the Secret and back: leases that are kept, renewed, replaced and revoked. Vault is testkit's.
//! Specification: VSO §7.4, §11, §16.

use api::VaultStaticSecret;
use base::Kind;
use operator::World;
use operator::effects::vault::Asking;
use plan::vault_call::{Ask, VaultCall};
use serde_json::json;
use testkit::vault::{Engine, Terms};
use tokio::sync::watch;

use crate::vault_static_secret::{on, secret};

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
