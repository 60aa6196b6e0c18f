//! SealedSecret: unseal with the keys, lay the Secret over what stands there, tell. Opening runs off the runtime's threads, and
//! the key that opened an object is tried first the next time. Specification: SS §11.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::SealedSecret;
use api::sealed_secret::names;
use base::duration::GoDuration;
use base::{Fault, Timestamp};
use plan::backoff::Backoff;
use plan::sealed_secret::{self as sealed, NOT_UNSEALED, Opener, SealedRule, unseal};
use plan::{Finish, Next, Rendering, Write};
use seal::KeyFingerprint;

use super::counts::Counts;
use super::{Keys, Settings, Unopened};
use crate::World;
use crate::cache::{Changed, Name, Selectors, name_of};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::heavy;
use crate::queue::{Enqueue, Lane};
use crate::seen::SeenSecret;
use crate::shared::Shared;

/// The row.
pub struct Unseal;

/// Which key opened which object. Lost with the process; it only saves tries.
#[derive(Default)]
struct Opened(Mutex<HashMap<Name, KeyFingerprint>>);

impl Controller for Unseal {
    type Object = SealedSecret;

    const ROW: Row = Row {
        name: "sealedsecret",
        feature: FeatureName::SealedSecrets,
        component: names::COMPONENT,
        finalizer: None,
        manager: "controller",
        backoff: Backoff {
            first: GoDuration::from_nanoseconds(500_000_000),
            factor: 2.0,
            cap: GoDuration::from_seconds(300),
            jitter: 0.1,
        },
        rights: &[
            Rights {
                group: names::GROUP,
                resource: "sealedsecrets",
                verbs: &["get", "list", "watch"],
                is_local: false,
            },
            Rights { group: names::GROUP, resource: "sealedsecrets/status", verbs: &["update"], is_local: false },
            Rights {
                group: "",
                resource: "secrets",
                verbs: &["get", "list", "create", "update", "delete", "watch"],
                is_local: false,
            },
        ],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let caches = shared.caches();
        enqueue.own::<SealedSecret>(caches, sealed::matters);
        shared.memory::<Unopened>().wake_by(enqueue.clone());
        let own = caches.store::<SealedSecret>();
        let recreates = shared.recall::<Settings>().is_ok_and(|settings| settings.recreates);
        caches.store::<SeenSecret>().listen(move |changed: &Changed<SeenSecret>| {
            // A Secret that goes may have been ours, or have stood in our way; one that stood in our way may be opened to us.
            let (namespace, name) = &changed.name;
            let is_gone = recreates && changed.after.is_none();
            let opens = changed.before.as_ref().is_some_and(|before| !is_open(before))
                && changed.after.as_ref().is_some_and(|after| is_open(after));
            if (is_gone || opens) && own.find(namespace, name).is_some() {
                enqueue.add(changed.name.clone(), Lane::Changed);
            }
        });
        caches.watch::<SeenSecret>(&Selectors::default());
        let labels = shared.recall::<Settings>().ok().and_then(|settings| settings.selector.clone());
        caches.watch::<SealedSecret>(&Selectors { labels, fields: None });
    }

    async fn reconcile(w: &World, o: &SealedSecret) -> Result<Finish, Fault> {
        if w.is_dry() {
            return explained(w, o).await;
        }
        let settings = w.shared().recall::<Settings>()?;
        let mut finish = match pass(w, o, &settings).await {
            Ok(finish) => finish,
            Err(fault) => {
                let finish = sealed::failed(o, &fault, w.now());
                count(w, o, &fault, finish.next == Next::Settled);
                finish
            }
        };
        if !settings.writes_status {
            finish.status = None;
        }
        Ok(finish)
    }

    fn failed(o: &SealedSecret, fault: &Fault, now: Timestamp) -> Finish {
        sealed::failed(o, fault, now)
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        let place: Name = (namespace.into(), name.into());
        w.memory::<Opened>().forget(&place);
        w.memory::<Unopened>().remove(&place);
        if !w.shared().recall::<Settings>()?.collects {
            return Ok(());
        }
        // Only a Secret that this SealedSecret owned; the peer deletes any of that name (SS §17.7).
        let standing = w.secret(namespace, name).await?;
        let Some(delete) = standing.and_then(|present| sealed::collect(&present)) else { return Ok(()) };
        tracing::info!("sealed-secret" = format!("{namespace}/{name}"), "SealedSecret has gone, deleting Secret");
        w.act(delete).await.map(drop)
    }
}

/// Whether the Secret's owner lets a SealedSecret of its name write it.
fn is_open(seen: &SeenSecret) -> bool {
    [names::MANAGED, names::PATCH].iter().any(|mark| seen.annotations.get(*mark).is_some_and(|value| value == "true"))
}

/// A process that only explains holds no keys: whether they open the values is not its to tell.
async fn explained(w: &World, o: &SealedSecret) -> Result<Finish, Fault> {
    let (namespace, name) = name_of(&o.metadata);
    let present = w.secret(&namespace, &name).await?;
    for line in sealed::explain(o, present.as_ref())? {
        w.note(|| line);
    }
    Err(Fault::dry("whether the values open, only the controller knows, which holds the keys"))
}

async fn pass(w: &World, o: &SealedSecret, settings: &Settings) -> Result<Finish, Fault> {
    let keys = w.memory::<Keys>().loaded().await;
    let (opened, unopened) = (w.memory::<Opened>(), w.memory::<Unopened>());
    let place = name_of(&o.metadata);
    tracing::info!(key = format!("{}/{}", place.0, place.1), "Updating");
    // Noted before it is tried, so that a key that appears meanwhile brings it back.
    unopened.add(place.clone());
    let (remembered, accepts_legacy) = (opened.key(&place), settings.accepts_legacy);
    let object = o.clone();
    let (now, mut rng) = (w.now(), w.rng());
    let unsealed = heavy::compute(move || {
        let opener = Opener { keys: &keys, remembered: remembered.as_ref(), accepts_legacy };
        unseal(&object, &opener, &mut Rendering::new(now, &mut rng))
    });
    let unsealed = unsealed.await?.map_err(|fault| fault.within(NOT_UNSEALED))?;
    unopened.remove(&place);
    opened.remember(place, unsealed.key);
    let target = unsealed.target;
    let present = w.secret(&target.namespace, &target.name).await?;
    let manager = Unseal::ROW.manager.to_owned();
    let write = match present {
        None => Write::CreateSecret { target, manager },
        Some(present) => Write::ReplaceSecret {
            target,
            rule: Arc::new(SealedRule { uid: o.metadata.uid.clone().unwrap_or_default() }),
            present: Some(Box::new(present)),
            manager,
        },
    };
    let written = w.act(write).await?;
    Ok(sealed::synced(o, written.changed, w.now()))
}

fn count(w: &World, o: &SealedSecret, fault: &Fault, is_settled: bool) {
    let key = name_of(&o.metadata);
    let told = if is_settled { "Error updating, giving up" } else { "Error updating, will retry" };
    tracing::error!(key = format!("{}/{}", key.0, key.1), error = fault.chain(), "{told}");
    if let Ok(counts) = w.shared().recall::<Counts>() {
        counts.failed(sealed::error_reason(fault), &key.0);
    }
}

impl Opened {
    fn key(&self, place: &Name) -> Option<KeyFingerprint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    fn remember(&self, place: Name, key: Option<KeyFingerprint>) {
        if let Some(key) = key {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, key);
        }
    }

    fn forget(&self, place: &Name) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }
}
