//! ExternalSecret: look at stores and target, ask what is due, decide, write. The Secret is looked at before "due", so that
//! one that was changed or deleted is repaired at once. Specification: ESO §6.1; design §11.2.

use std::sync::Arc;

use api::external_secrets::{GeneratorRef, StoreKind, names};
use api::{ClusterSecretStore, ExternalSecret, SecretStore};
use base::fingerprint::Fingerprint;
use base::{Fault, Timestamp};
use plan::external_secret::{self as es, After, Due, Facts, Found, Make, Orphan, Standing};
use plan::{Delimiters, Event, Finish, Generate, Write, Written};
use source::Made;

use super::makers::{self, BY_GENERATOR, Makers};
use super::memory::Memory;
use super::unspent::Unspent;
use super::{BACKOFF, wake, wake_users, watch_cluster_stores};
use crate::World;
use crate::cache::{Changed, Name, Selectors};
use crate::controller::{Controller, Rights, Row};
use crate::feature::FeatureName;
use crate::heavy;
use crate::queue::Enqueue;
use crate::seen::{SeenSecret, fingerprint_of, key};
use crate::shared::Shared;
use crate::store_rules::{ClusterStores, StoreRules};
use crate::subject::Subject;
use crate::subject::spec_changed;
use crate::world::stores::Providers;

/// The row.
pub struct Reconcile;

/// What this process knows of an object.
#[derive(Default)]
struct Known {
    /// When it was refreshed.
    refreshed: Option<Timestamp>,
    /// The uid of its target, and the data that was found whole there.
    whole: Option<(String, Fingerprint)>,
    /// What was last wished for, and which version of the target came of it.
    laid: Option<Laid>,
    /// When what a generator made must be renewed.
    renew_at: Option<Timestamp>,
    /// What generators made for a refresh that then could not be written.
    unspent: Unspent,
    /// The generators that made values for it.
    makers: Makers,
}

/// A wish, and the target that fulfils it.
#[derive(PartialEq, Eq)]
struct Laid {
    wish: Fingerprint,
    uid: String,
    resource_version: String,
}

impl Known {
    /// It was refreshed, and what was made for it is in its target.
    fn refreshed(&mut self, renew_at: Option<Timestamp>, now: Timestamp) {
        (self.refreshed, self.renew_at, self.unspent) = (Some(now), renew_at, Unspent::default());
    }
}

/// The index of ExternalSecrets by the name of their target.
const BY_TARGET: &str = "target";
/// The index of ExternalSecrets by the stores that they use.
const BY_STORE: &str = "store";
/// The index of Secrets by their owner's hash.
const BY_OWNER: &str = "created-by";

/// The right to read a generator of a kind that is built.
const fn generator(resource: &'static str) -> Rights {
    Rights { group: names::GENERATORS_GROUP, resource, verbs: &["get"], is_local: false }
}

impl Controller for Reconcile {
    type Object = ExternalSecret;

    const ROW: Row = Row {
        name: "externalsecret",
        feature: FeatureName::ExternalSecrets,
        component: "external-secrets",
        finalizer: Some(names::EXTERNAL_SECRET_FINALIZER),
        manager: "external-secrets",
        backoff: BACKOFF,
        rights: &[
            super::on_own("externalsecrets"),
            super::on_status("externalsecrets/status"),
            Rights {
                group: "",
                resource: "secrets",
                verbs: &["get", "list", "watch", "create", "update", "delete", "patch"],
                is_local: false,
            },
            Rights { group: "", resource: "configmaps", verbs: &["get"], is_local: false },
            generator("clustergenerators"),
            generator("fakes"),
            generator("passwords"),
            generator("uuids"),
            generator("vaultdynamicsecrets"),
        ],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let caches = shared.caches();
        let own = caches.store::<ExternalSecret>();
        own.index(BY_TARGET, |o| {
            vec![format!("{}/{}", o.metadata.namespace.as_deref().unwrap_or_default(), o.target_name())]
        });
        own.index(BY_STORE, |o| {
            let namespace = o.metadata.namespace.as_deref().unwrap_or_default();
            let keys = o.store_refs().into_iter().map(|(kind, name)| match kind {
                StoreKind::SecretStore => format!("{namespace}/{name}"),
                StoreKind::ClusterSecretStore => format!("/{name}"),
            });
            keys.collect()
        });
        own.index(BY_GENERATOR, |o| o.generator_refs().map(|(_, named)| makers::key(namespace(o), named)).collect());
        enqueue.own::<ExternalSecret>(caches, spec_changed);
        let secrets = caches.store::<SeenSecret>();
        secrets.index(BY_OWNER, |seen| seen.labels.get(names::CREATED_BY).cloned().into_iter().collect());
        let (users, row) = (Arc::clone(&own), enqueue.clone());
        secrets.listen(move |changed: &Changed<SeenSecret>| {
            // Foreign Secrets come and go by the thousand: only one that is somebody's target matters.
            if !changed.is_initial && is_drift(changed) {
                let target = format!("{}/{}", changed.name.0, changed.name.1);
                wake(&row, &users.by(BY_TARGET, &target));
            }
        });
        let key = |(namespace, name): &Name| vec![format!("{namespace}/{name}")];
        wake_users::<SecretStore, ExternalSecret>(shared, &enqueue, BY_STORE, key);
        wake_users::<ClusterSecretStore, ExternalSecret>(shared, &enqueue, BY_STORE, key);
        caches.watch::<SecretStore>(&Selectors::default());
        watch_cluster_stores(shared);
        caches.watch::<SeenSecret>(&Selectors::default());
        caches.watch::<ExternalSecret>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &ExternalSecret) -> Result<Finish, Fault> {
        let uses_cluster = o.store_refs().iter().any(|(kind, _)| *kind == StoreKind::ClusterSecretStore);
        if uses_cluster && w.memory::<StoreRules>().cluster_stores == ClusterStores::Left {
            return Ok(Finish::settled());
        }
        let memory = w.memory::<Memory<Known>>();
        let (standing, target) = look(w, o, &memory).await?;
        let providers = w.shared().recall::<Providers>()?;
        let at = es::Now {
            stores: &w.stores(o),
            standing,
            refreshed: memory.of(o, |known| known.refreshed).flatten(),
            renew_at: memory.of(o, |known| known.renew_at).flatten(),
            class: providers.class(),
            now: w.now(),
        };
        let asks = match es::due(o, &at).map_err(es::not_read)? {
            Due::Not(finish) => return Ok(finish),
            Due::Now(asks) => asks,
        };
        let Some(generates) = generates(w, o, &asks.makes, providers.class()).await? else {
            return Ok(Finish::settled());
        };
        let read = w.fetch(o.address().object(), asks.reads).await;
        let made = make(w, o, generates, es::assemble::is_answered(o, &read)).await?;
        let sources = w.template_sources(namespace(o), o.template()).await;
        let delimiters = (*w.memory::<Delimiters>()).clone();
        let orphans = orphans(w, o);
        let facts = Facts { target, orphans, read, made, sources, delimiters, now: w.now() };
        let mut after = decide(w, o, facts).await?;
        carry_out(w, o, &mut after, &memory).await?;
        memory.note(o, |known| known.refreshed(after.renew_at, w.now()));
        Ok(after.finish)
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        if let Some(known) = w.memory::<Memory<Known>>().forget(namespace, name) {
            known.makers.release(w, namespace).await;
        }
        Ok(())
    }

    fn failed(o: &ExternalSecret, fault: &Fault, now: Timestamp) -> Finish {
        es::failed(o, fault, now)
    }

    async fn cleanup(w: &World, o: &ExternalSecret) -> Result<Finish, Fault> {
        let target = w.secret(namespace(o), o.target_name()).await?;
        for write in es::cleanup(o, target.as_ref()) {
            w.act(write).await.map_err(|fault| fault.within("could not delete secret"))?;
        }
        Ok(Finish::settled())
    }

    fn wants_finalizer(_: &World, o: &ExternalSecret) -> bool {
        es::wants_finalizer(o)
    }
}

/// Writes, and tells of the target's write what it was.
async fn carry_out(w: &World, o: &ExternalSecret, after: &mut After, memory: &Memory<Known>) -> Result<(), Fault> {
    for write in std::mem::take(&mut after.writes) {
        let wish = wish(o, &write);
        let Some(write) = unfulfilled(w, o, write, wish, memory).await? else { continue };
        let fingerprint = written_fingerprint(&write);
        let written = w.act(write).await.map_err(es::not_written)?;
        if after.tells_target && written.changed && !written.uid.is_empty() {
            let (reason, text) =
                if written.created { ("Created", "secret created") } else { ("Updated", "secret updated") };
            after.finish.events.push(Event::normal(reason, text));
        }
        memory.note(o, |known| {
            let Written { uid, resource_version, .. } = written;
            if let Some(fingerprint) = fingerprint {
                known.whole = Some((uid.clone(), fingerprint));
            }
            known.laid = wish.map(|wish| Laid { wish, uid, resource_version });
        });
    }
    Ok(())
}

/// What a write of the target wishes for; the rule by which it is laid over what stands there is the spec's.
fn wish(o: &ExternalSecret, write: &Write) -> Option<Fingerprint> {
    let (Write::CreateSecret { target, .. } | Write::ReplaceSecret { target, .. }) = write else { return None };
    let generation = o.metadata.generation.unwrap_or_default().to_le_bytes();
    Some(key().digest().with(target.fingerprint(key()).as_bytes()).with(&generation).finish())
}

/// The write, unless its target was not read, is the one that came of the same wish, and nobody has written it since.
async fn unfulfilled(
    w: &World,
    o: &ExternalSecret,
    mut write: Write,
    wish: Option<Fingerprint>,
    memory: &Memory<Known>,
) -> Result<Option<Write>, Fault> {
    let (Write::ReplaceSecret { present: present @ None, .. }, Some(wish)) = (&mut write, wish) else {
        return Ok(Some(write));
    };
    if let Some(seen) = w.seen_secret(namespace(o), o.target_name()) {
        let laid = Laid { wish, uid: seen.uid.clone(), resource_version: seen.resource_version.clone() };
        if memory.of(o, |known| known.laid.as_ref() == Some(&laid)) == Some(true) {
            return Ok(None);
        }
    }
    *present = w.secret(namespace(o), o.target_name()).await?.map(Box::new);
    Ok(Some(write))
}

/// What generators are to do, by place; none where another controller class serves one of them.
async fn generates(
    w: &World,
    o: &ExternalSecret,
    makes: &[Make],
    class: &str,
) -> Result<Option<Vec<(usize, Generate)>>, Fault> {
    let of = o.address().object();
    let named: Vec<GeneratorRef> = makes.iter().map(|make| make.generator.clone()).collect();
    let mut former = Makers::default();
    w.memory::<Memory<Known>>().note(o, |known| former = known.makers.replace(&named));
    former.release(w, &of.namespace).await;
    let mut generates = Vec::with_capacity(makes.len());
    for make in makes {
        match w.generator(&of, &make.generator, class).await {
            Ok(Some(generate)) => generates.push((make.place, generate)),
            Ok(None) => return Ok(None),
            Err(fault) => return Err(not_made(make.place, fault)),
        }
    }
    Ok(Some(generates))
}

/// Makes the values, unless the refresh fails anyway. What was made for a refresh that could not be written is not made again.
async fn make(
    w: &World,
    o: &ExternalSecret,
    generates: Vec<(usize, Generate)>,
    is_answered: bool,
) -> Result<Vec<(usize, Made)>, Fault> {
    let memory = w.memory::<Memory<Known>>();
    let mut all = Vec::with_capacity(generates.len());
    for (place, generate) in generates.into_iter().filter(|_| is_answered) {
        let made = match memory.of(o, |known| known.unspent.find(place, &generate, w.now())).flatten() {
            Some(made) => made,
            None => w.act(generate.clone()).await.map_err(|fault| not_made(place, fault))?,
        };
        memory.note(o, |known| known.unspent.keep(place, &generate, made.clone()));
        all.push((place, made));
    }
    Ok(all)
}

fn not_made(place: usize, fault: Fault) -> Fault {
    es::assemble::at_generator(place, fault.within("error using generator")).within(es::NO_DATA)
}

/// A template may make keys and certificates; it is run where it may take its time.
async fn decide(w: &World, o: &ExternalSecret, facts: Facts) -> Result<After, Fault> {
    let mut rng = w.rng();
    let decided = if o.template().is_none() {
        es::decide(o, facts, &mut rng)
    } else {
        let object = o.clone();
        heavy::compute(move || es::decide(&object, facts, &mut rng)).await?
    };
    decided.inspect_err(|_| w.memory::<Memory<Known>>().note(o, |known| known.unspent = Unspent::default()))
}

fn namespace(o: &ExternalSecret) -> &str {
    o.metadata.namespace.as_deref().unwrap_or_default()
}

/// Whether a Secret's change may have spoiled a target: its data, the managed label or the stored hash.
fn is_drift(changed: &Changed<SeenSecret>) -> bool {
    let of = |seen: &SeenSecret| {
        (seen.data, seen.labels.get(names::MANAGED).cloned(), seen.annotations.get(names::DATA_HASH).cloned())
    };
    match (&changed.before, &changed.after) {
        (Some(before), Some(after)) => of(before) != of(after),
        _ => true,
    }
}

/// How the target stands. The cache answers without a request where there is none, or where its data is what this process
/// found whole before; otherwise the Secret is read once and judged by its own hash.
async fn look(w: &World, o: &ExternalSecret, memory: &Memory<Known>) -> Result<(Standing, Found), Fault> {
    let Some(seen) = w.seen_secret(namespace(o), o.target_name()) else {
        return Ok((Standing::Absent, Found::Nothing));
    };
    let is_managed = seen.labels.get(names::MANAGED).is_some_and(|value| value == "true");
    let was_whole =
        |known: &Known| known.whole.as_ref().is_some_and(|(uid, data)| *uid == *seen.uid && *data == seen.data);
    if is_managed && memory.of(o, was_whole) == Some(true) {
        let (uid, resource_version) = (seen.uid.clone(), seen.resource_version.clone());
        return Ok((Standing::Whole, Found::Unread { uid, resource_version, owners: seen.owners.clone() }));
    }
    let present = w.secret(namespace(o), o.target_name()).await?;
    let standing = es::standing(present.as_ref());
    if let (Standing::Whole, Some(present)) = (standing, &present) {
        let whole = (present.uid.clone(), fingerprint_of(&present.data));
        memory.note(o, |known| known.whole = Some(whole));
    }
    Ok((standing, Found::of(present)))
}

/// Secrets that carry our owner hash under another name.
fn orphans(w: &World, o: &ExternalSecret) -> Vec<Orphan> {
    let all = w.cache::<SeenSecret>().by(BY_OWNER, &es::render::created_by(o));
    let others = all.into_iter().filter(|seen| *seen.namespace == *namespace(o) && *seen.name != *o.target_name());
    others
        .map(|seen| Orphan {
            name: seen.name.to_string(),
            uid: seen.uid.clone(),
            resource_version: seen.resource_version.clone(),
        })
        .collect()
}

/// The fingerprint of the data that a write leaves, where that is known before.
fn written_fingerprint(write: &Write) -> Option<Fingerprint> {
    match write {
        Write::CreateSecret { target, .. } => Some(fingerprint_of(&target.data)),
        Write::ReplaceSecret { target, rule, present: Some(present), .. } => match target.over(rule, present).ok()? {
            plan::Laid::Same => Some(fingerprint_of(&present.data)),
            plan::Laid::Update(laid) | plan::Laid::Again(laid) => Some(fingerprint_of(&laid.data)),
        },
        _ => None,
    }
}
