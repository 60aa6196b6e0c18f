//! What the peer's chart runs before it goes (`--uninstall`): our finalizers are taken off every object of every namespace, so that
//! nothing hangs that nobody works on any more. The peer does so in its own namespace only, and knows fewer kinds. Nothing is revoked.
//! Specification: VSO §13, §15.4, §21, §22 row 15.

use api::hashicorp::names;
use base::{Fault, Kind};
use http::Method;
use plan::Address;
use plan::write::Resource;
use serde::Deserialize;

use crate::cluster::{Call, Cluster, object_path};
use crate::effects::write::body_without;

/// The kinds that carry one: kind, plural, finalizer.
const GUARDED: [(&str, &str, &str); 6] = [
    ("VaultAuth", "vaultauths", names::AUTH_FINALIZER),
    ("VaultConnection", "vaultconnections", names::CONNECTION_FINALIZER),
    ("VaultStaticSecret", "vaultstaticsecrets", names::STATIC_SECRET_FINALIZER),
    ("VaultDynamicSecret", "vaultdynamicsecrets", names::DYNAMIC_SECRET_FINALIZER),
    ("VaultPKISecret", "vaultpkisecrets", names::PKI_SECRET_FINALIZER),
    ("HCPVaultSecretsApp", "hcpvaultsecretsapps", names::HCP_APP_FINALIZER),
];

#[derive(Deserialize)]
struct Item {
    metadata: ItemMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemMeta {
    name: String,
    namespace: String,
    resource_version: String,
    #[serde(default)]
    finalizers: Vec<String>,
}

/// How often a kind is gone through: somebody may write its objects meanwhile.
const ROUNDS: usize = 5;

/// Takes the finalizers off; how many objects carried one.
///
/// # Errors
/// An object keeps its finalizer; the others have lost theirs all the same.
pub async fn uninstall(cluster: &Cluster) -> Result<usize, Fault> {
    let (mut freed, mut standing) = (0, None);
    for (kind, plural, finalizer) in GUARDED {
        let resource = Resource::new(names::GROUP, "v1beta1", kind, plural);
        let mut failed = None;
        for _ in 0..ROUNDS {
            let (done, fault) = free_all(cluster, &resource, finalizer).await?;
            freed += done;
            failed = fault;
            if failed.as_ref().is_none_or(|fault| fault.kind() != Kind::Conflict) {
                break;
            }
        }
        standing = failed.or(standing);
    }
    standing.map_or(Ok(freed), Err)
}

/// One round through a kind; how many were freed, and what stood in the way of another.
async fn free_all(cluster: &Cluster, resource: &Resource, finalizer: &str) -> Result<(usize, Option<Fault>), Fault> {
    let (mut freed, mut failed) = (0, None);
    let items: Vec<Item> = match cluster.list_as(resource, "").await {
        Ok(items) => items,
        // The definition is not there, so neither are objects.
        Err(fault) if fault.kind() == Kind::NotFound => return Ok((0, None)),
        Err(fault) => return Err(fault),
    };
    for meta in items.into_iter().map(|item| item.metadata) {
        if !meta.finalizers.iter().any(|name| name == finalizer) {
            continue;
        }
        match free(cluster, resource, &meta, finalizer).await {
            Ok(()) => freed += 1,
            Err(fault) => failed = Some(fault),
        }
    }
    Ok((freed, failed))
}

async fn free(cluster: &Cluster, resource: &Resource, meta: &ItemMeta, finalizer: &str) -> Result<(), Fault> {
    let body = body_without(&meta.resource_version, &meta.finalizers, finalizer);
    let at = Address::new(resource.clone(), meta.namespace.as_str(), meta.name.as_str());
    let path = format!("{}?fieldManager={}", object_path(&at, None), names::MANAGER);
    let media = "application/merge-patch+json";
    match cluster.call(Call { method: Method::PATCH, path, media, body: body.into_bytes() }).await {
        // Gone already is what was wanted.
        Err(fault) if fault.kind() == Kind::NotFound => Ok(()),
        done => done.map(drop).map_err(|fault| fault.about(at.object())),
    }
}
