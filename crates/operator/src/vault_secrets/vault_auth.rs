//! VaultAuth: merged, checked and told. Nothing is logged in for it: bad credentials are told on those who use them.
//! Specification: VSO §7.2.

use std::sync::Arc;

use api::hashicorp::{VaultAuth, VaultAuthGlobal, VaultConnection, names};
use base::{Fault, ObjectRef, Timestamp};
use plan::{Finish, vault_auth};

use super::{BACKOFF, Settings, on_change, on_end, rights, stored_clients};
use crate::World;
use crate::cache::{Selectors, name_of};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::queue::{Enqueue, Lane};
use crate::shared::Shared;
use crate::world::vault::VaultClients;

/// The row.
pub struct Check;

impl Controller for Check {
    type Object = VaultAuth;

    const ROW: Row = Row {
        name: "vaultauth",
        feature: FeatureName::VaultSecrets,
        component: "VaultAuth",
        finalizer: Some(names::AUTH_FINALIZER),
        manager: names::MANAGER,
        backoff: BACKOFF,
        rights: rights!("vaultauths",),
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let caches = shared.caches();
        stored_clients::watch(shared);
        enqueue.own::<VaultAuth>(caches, super::matters);
        let all = caches.store::<VaultAuth>();
        let wake = move || all.all().iter().for_each(|auth| enqueue.add(name_of(&auth.metadata), Lane::Changed));
        let [changed, lost, gone] = [wake.clone(), wake.clone(), wake.clone()];
        on_change::<VaultAuthGlobal>(shared, move |_| wake());
        on_change::<VaultConnection>(shared, move |_| changed());
        on_end::<VaultAuthGlobal>(shared, lost);
        on_end::<VaultConnection>(shared, gone);
        caches.watch::<VaultAuthGlobal>(&Selectors::default());
        caches.watch::<VaultConnection>(&Selectors::default());
        caches.watch::<VaultAuth>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &VaultAuth) -> Result<Finish, Fault> {
        let checked = w.checked_auth(o).and_then(|checked| w.connection_of(o, &checked).map(|_| checked));
        Ok(vault_auth::told(o, checked, w.now()))
    }

    fn failed(o: &VaultAuth, fault: &Fault, now: Timestamp) -> Finish {
        vault_auth::told(o, Err(Fault::bug(fault.chain())), now)
    }

    async fn cleanup(w: &World, o: &VaultAuth) -> Result<Finish, Fault> {
        let home = w.shared().recall::<Settings>()?;
        stored_clients::prune(w, &home.namespace, o.metadata.uid.as_deref().unwrap_or_default()).await?;
        Ok(Finish::settled())
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        w.memory::<VaultClients>().forget(&ObjectRef::new("VaultAuth", namespace, name)).await;
        Ok(())
    }

    fn wants_finalizer(_: &World, o: &VaultAuth) -> bool {
        super::is_guarded(o.conditions(), &o.metadata, names::AUTH_FINALIZER)
    }
}
