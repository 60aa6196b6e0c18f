//! VaultConnection: its settings are checked and the server is asked whether it is sealed, when it changes and every minute.
//! Specification: VSO §7.1.

use std::sync::Arc;

use api::hashicorp::{VaultConnection, names};
use base::{Fault, Timestamp};
use plan::Finish;
use plan::vault_connection::{self, Asked};
use wire::vault::Call;

use super::{BACKOFF, SECRETS, rights};
use crate::World;
use crate::cache::Selectors;
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::Enqueue;
use crate::shared::Shared;
use crate::world::vault::VaultClients;

/// The row.
pub struct Ping;

impl Controller for Ping {
    type Object = VaultConnection;

    const ROW: Row = Row {
        name: "vaultconnection",
        feature: FeatureName::VaultSecrets,
        component: "VaultConnection",
        finalizer: Some(names::CONNECTION_FINALIZER),
        manager: names::MANAGER,
        backoff: BACKOFF,
        rights: rights!("vaultconnections", SECRETS),
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        enqueue.own::<VaultConnection>(shared.caches(), super::matters);
        shared.caches().watch::<VaultConnection>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &VaultConnection) -> Result<Finish, Fault> {
        let asked = match vault_connection::check(o) {
            Err(fault) => Err(fault),
            Ok(_) => Ok(match w.open_connection(o, "").await {
                Err(fault) => Asked::NoClient(fault),
                Ok(connection) => match connection.send(&Call::read("sys/seal-status"), None).await {
                    Ok(_) => Asked::Answered,
                    Err(fault) => Asked::Silent(fault),
                },
            }),
        };
        Ok(vault_connection::told(o, asked, w.now()))
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        let clients = w.memory::<VaultClients>();
        for auth in w.auths_over(namespace, name) {
            clients.forget(&auth).await;
        }
        Ok(())
    }

    fn failed(o: &VaultConnection, fault: &Fault, now: Timestamp) -> Finish {
        vault_connection::told(o, Err(Fault::bug(fault.chain())), now)
    }

    fn wants_finalizer(_: &World, o: &VaultConnection) -> bool {
        super::is_guarded(o.conditions(), &o.metadata, names::CONNECTION_FINALIZER)
    }
}
