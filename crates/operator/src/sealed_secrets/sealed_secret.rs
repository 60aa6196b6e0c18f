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
use plan::{Finish, Rendering, Write};
use seal::KeyFingerprint;

use super::{Keys, Settings};
use crate::World;
use crate::cache::{Changed, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::heavy;
use crate::queue::{Enqueue, Lane};
use crate::seen::SeenSecret;
use crate::shared::Shared;

/// The row.
pub struct Unseal;

/// Which key opened which object, by uid. Lost with the process; it only saves tries.
#[derive(Default)]
struct Opened(Mutex<HashMap<String, KeyFingerprint>>);

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
        let own = caches.store::<SealedSecret>();
        let recreates = shared.recall::<Settings>().is_ok_and(|settings| settings.recreates);
        caches.store::<SeenSecret>().listen(move |changed: &Changed<SeenSecret>| {
            // A Secret that goes may have been ours, or have stood in our way.
            let (namespace, name) = &changed.name;
            if recreates && changed.after.is_none() && own.find(namespace, name).is_some() {
                enqueue.add(changed.name.clone(), Lane::Changed);
            }
        });
        caches.watch::<SeenSecret>(&Selectors::default());
        caches.watch::<SealedSecret>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &SealedSecret) -> Result<Finish, Fault> {
        let keys = w.memory::<Keys>().loaded().await;
        let opened = w.memory::<Opened>();
        let uid = o.metadata.uid.clone().unwrap_or_default();
        let remembered = opened.key(&uid);
        let object = o.clone();
        let (now, mut rng) = (w.now(), w.rng());
        let unsealed = heavy::compute(move || {
            let opener = Opener { remembered: remembered.as_ref(), ..Opener::new(&keys) };
            unseal(&object, &opener, &mut Rendering::new(now, &mut rng))
        });
        let unsealed = unsealed.await?;
        let unsealed = unsealed.map_err(|fault| fault.within(NOT_UNSEALED))?;
        opened.remember(&uid, unsealed.key);
        let target = unsealed.target;
        let present = w.secret(&target.namespace, &target.name).await?;
        let manager = Self::ROW.manager.to_owned();
        let write = match present {
            None => Write::CreateSecret { target, manager },
            Some(present) => Write::ReplaceSecret {
                target,
                rule: Arc::new(SealedRule { uid }),
                present: Some(Box::new(present)),
                manager,
            },
        };
        let written = w.act(write).await?;
        Ok(sealed::synced(o, written.changed, w.now()))
    }

    fn failed(o: &SealedSecret, fault: &Fault, now: Timestamp) -> Finish {
        sealed::failed(o, fault, now)
    }
}

impl Opened {
    fn key(&self, uid: &str) -> Option<KeyFingerprint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    fn remember(&self, uid: &str, key: Option<KeyFingerprint>) {
        if let Some(key) = key {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), key);
        }
    }
}
