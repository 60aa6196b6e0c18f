//! PushSecret: look at the source and the stores, take back what is no longer wanted, push the rest. A change of the source
//! is pushed at once; the peer waits for the interval (ESO §17, #6069). Specification: ESO §6.11.

use std::collections::HashMap;
use std::sync::Arc;

use api::external_secrets::push_secret::{PushSecretDataTo, PushSecretStoreRef, PushSource};
use api::external_secrets::{GeneratorRef, Store, StoreKind, names};
use api::meta::LabelSelector;
use api::{ClusterSecretStore, PushSecret, SecretStore};
use base::fingerprint::Fingerprint;
use base::{Fault, Kind, ObjectRef, Timestamp};
use plan::push_secret::{self as ps, Entry, Given, Obsolete, Outcome, Push, TakeBack};
use plan::selector::{self, selects};
use plan::{Delimiters, Finish, Rendering, schedule};
use providers::row::Client;

use super::makers::{self, BY_GENERATOR, Makers};
use super::memory::Memory;
use super::unspent::Unspent;
use super::{BACKOFF, wake, wake_users, watch_cluster_stores};
use crate::World;
use crate::cache::{Changed, Kept as _, Name, Selectors, is_newer};
use crate::clients::Providers;
use crate::controller::{Controller, Rights, Row};
use crate::effects::push::{Pushing, TakingBack};
use crate::feature::FeatureName;
use crate::heavy;
use crate::queue::Enqueue;
use crate::seen::SeenSecret;
use crate::shared::Shared;
use crate::subject::{Subject, spec_changed};

/// The row.
pub struct Reconcile;

/// What this process knows of an object.
#[derive(Default)]
struct Known {
    /// When it was pushed.
    pushed: Option<Timestamp>,
    /// What it was pushed from, and to.
    looked: Looked,
    /// When what a generator made must be renewed.
    renew_at: Option<Timestamp>,
    /// What a generator made for a push that failed.
    unspent: Unspent,
    /// The generator that made values for it.
    makers: Makers,
    /// The clients that pushed what will have to be taken back, by the store's key in the status.
    clients: HashMap<String, Client>,
}

/// The sources and stores of an object.
#[derive(Default)]
struct Looked {
    /// The sources, by name.
    sources: Vec<(String, Fingerprint)>,
    /// The stores, by uid and generation; none where one that is named is missing.
    stores: Option<Vec<(String, i64)>>,
    /// Whether a source was written after the object, or is gone: only that tells what changed while no process looked.
    is_later: bool,
}

impl Known {
    /// What the due date depends on, with what is seen now.
    fn at(&self, looked: &Looked, now: Timestamp) -> ps::Now {
        let has_new_values = match self.pushed {
            Some(_) => {
                let has_new_stores = looked.stores.is_some() && looked.stores != self.looked.stores;
                has_new_stores || looked.sources != self.looked.sources
            }
            None => looked.is_later,
        };
        ps::Now { pushed: self.pushed, has_new_values, renew_at: self.renew_at, now }
    }

    /// It was pushed from and to what was looked at.
    fn pushed(&mut self, looked: Looked, renew_at: Option<Timestamp>, now: Timestamp) {
        (self.pushed, self.looked, self.renew_at) = (Some(now), looked, renew_at);
        self.unspent = Unspent::default();
    }
}

/// The index of PushSecrets by the Secret that they push: `namespace/name`, or `namespace/*` for those that select.
const BY_SOURCE: &str = "source";
/// The index of PushSecrets by the namespace, kind and name of their stores; those that select have `*` for a name.
const BY_STORE: &str = "pushed-to";

impl Controller for Reconcile {
    type Object = PushSecret;

    const ROW: Row = Row {
        name: "pushsecret",
        feature: FeatureName::ExternalSecrets,
        component: "pushsecret",
        finalizer: Some(names::PUSH_SECRET_FINALIZER),
        manager: "external-secrets",
        backoff: BACKOFF,
        rights: &[
            super::on_own("pushsecrets"),
            super::on_status("pushsecrets/status"),
            Rights { group: "", resource: "secrets", verbs: &["get", "list", "watch"], is_local: false },
            Rights { group: "", resource: "configmaps", verbs: &["get"], is_local: false },
        ],
    };

    fn watch(shared: &Arc<Shared>, enqueue: Enqueue) {
        let caches = shared.caches();
        let own = caches.store::<PushSecret>();
        own.index(BY_SOURCE, |o| match o.source() {
            Some(PushSource::Secret(name)) => vec![format!("{}/{name}", namespace(o))],
            Some(PushSource::Selector(_)) => vec![format!("{}/*", namespace(o))],
            Some(PushSource::Generator(_)) | None => Vec::new(),
        });
        own.index(BY_STORE, |o| {
            let key = |store: &PushSecretStoreRef| ps::guard_key(store.kind, namespace(o), store.name().unwrap_or("*"));
            o.store_refs().iter().map(key).collect()
        });
        own.index(BY_GENERATOR, |o| {
            generator_of(o).map(|named| makers::key(namespace(o), named)).into_iter().collect()
        });
        enqueue.own::<PushSecret>(caches, spec_changed);
        let (users, row) = (Arc::clone(&own), enqueue.clone());
        caches.store::<SeenSecret>().listen(move |changed: &Changed<SeenSecret>| {
            let of = |seen: &Arc<SeenSecret>| (seen.data, seen.labels.clone());
            if !changed.is_initial && changed.before.as_ref().map(of) != changed.after.as_ref().map(of) {
                let (namespace, name) = (&changed.name.0, &changed.name.1);
                for user in [format!("{namespace}/{name}"), format!("{namespace}/*")] {
                    wake(&row, &users.by(BY_SOURCE, &user));
                }
            }
        });
        let keys = |kind: StoreKind| {
            move |(namespace, name): &Name| [name, "*"].map(|name| ps::guard_key(kind, namespace, name)).to_vec()
        };
        wake_users::<SecretStore, PushSecret>(shared, &enqueue, BY_STORE, keys(StoreKind::SecretStore));
        wake_users::<ClusterSecretStore, PushSecret>(shared, &enqueue, BY_STORE, keys(StoreKind::ClusterSecretStore));
        caches.watch::<SecretStore>(&Selectors::default());
        watch_cluster_stores(shared);
        caches.watch::<SeenSecret>(&Selectors::default());
        caches.watch::<PushSecret>(&Selectors::default());
    }

    async fn reconcile(w: &World, o: &PushSecret) -> Result<Finish, Fault> {
        let (memory, providers) = (w.memory::<Memory<Known>>(), w.shared().recall::<Providers>()?);
        let stores = stores(w, &providers, o);
        let looked = look(w, o, stores.as_deref().ok());
        let at = memory.of(o, |known| known.at(&looked, w.now()));
        let at = at.unwrap_or_else(|| Known::default().at(&looked, w.now()));
        if let Some(next) = ps::due(o, &at)? {
            return Ok(Finish { next, ..Finish::default() });
        }
        let stores = stores?;
        if stores.is_empty() {
            return Ok(Finish::settled());
        }
        let mut former = Makers::default();
        let named: Vec<GeneratorRef> = generator_of(o).cloned().into_iter().collect();
        note(w, o, |known| former = known.makers.replace(&named));
        former.release(w, namespace(o)).await;
        let (given, ends) = match sources(w, &providers, o).await? {
            Sources::Given(given, ends) => (given, ends),
            Sources::Gone => return without_source(w, &providers, o).await,
            Sources::Foreign => return Ok(Finish::settled()),
        };
        let entries = decide(w, o, given, &stores)
            .await
            .inspect_err(|_| note(w, o, |known| known.unspent = Unspent::default()))?;
        let mut outcome = Outcome::of(o);
        carry_out(w, &providers, o, &stores, &entries, &mut outcome).await;
        if let Some(fault) = outcome.fault.take() {
            return Ok(ps::half_done(o, outcome, &fault, w.now()));
        }
        let renew_at = ends.map(|end| schedule::renewal(end, w.now()));
        note(w, o, |known| known.pushed(looked, renew_at, w.now()));
        ps::synced(o, outcome, ends, w.now())
    }

    async fn gone(w: &World, namespace: &str, name: &str) -> Result<(), Fault> {
        if let Some(known) = w.memory::<Memory<Known>>().forget(namespace, name) {
            known.makers.release(w, namespace).await;
        }
        Ok(())
    }

    fn failed(o: &PushSecret, fault: &Fault, now: Timestamp) -> Finish {
        ps::failed(o, fault, now)
    }

    async fn cleanup(w: &World, o: &PushSecret) -> Result<Finish, Fault> {
        let providers = w.shared().recall::<Providers>()?;
        let mut outcome = Outcome::of(o);
        take_back(w, &providers, o, &ps::everything(o), &mut outcome).await;
        Ok(match outcome.fault.take() {
            Some(fault) => ps::half_done(o, outcome, &fault, w.now()),
            None => Finish::settled(),
        })
    }

    fn wants_finalizer(_: &World, o: &PushSecret) -> bool {
        o.deletes()
    }
}

/// Learns something of an object; telling what would be done teaches nothing.
fn note(w: &World, o: &PushSecret, learn: impl FnOnce(&mut Known)) {
    if !w.is_dry() {
        w.memory::<Memory<Known>>().note(o, learn);
    }
}

/// What is pushed where; a template may make keys and certificates, so it is run where it may take its time.
async fn decide(w: &World, o: &PushSecret, given: Vec<Given>, stores: &[Chosen]) -> Result<Vec<Entry>, Fault> {
    let sources = w.template_sources(namespace(o), o.template()).await?;
    let (mut rng, now, delimiters) = (w.rng(), w.now(), (*w.memory::<Delimiters>()).clone());
    let (object, stores) = (o.clone(), stores.to_vec());
    let run = move || {
        let mut rendering = Rendering::new(now, &mut rng).delimited(delimiters);
        ps::entries(&object, given, &stores, &sources, &mut rendering)
    };
    if o.template().is_none() { run() } else { heavy::compute(run).await? }
}

/// Takes back and pushes. What one store refuses does not keep another from its values; what was done stands in the outcome.
async fn carry_out(
    w: &World,
    providers: &Providers,
    o: &PushSecret,
    stores: &[Chosen],
    entries: &[Entry],
    outcome: &mut Outcome,
) {
    let today: Vec<Store> = stores.iter().map(|(store, _)| store.clone()).collect();
    let mut known = today.clone();
    known.extend(o.synced().filter_map(|(key, _, _)| store_of(w, o, key)));
    take_back(w, providers, o, &ps::obsolete(o, entries, &today, &known), outcome).await;
    outcome.forget_unwanted(entries);
    for entry in entries {
        if !outcome.is_down(&entry.store) {
            push(w, providers, o, entry, outcome).await;
        }
    }
}

/// Pushes one entry.
async fn push(w: &World, providers: &Providers, o: &PushSecret, entry: &Entry, outcome: &mut Outcome) {
    let client = match opened(w, providers, o, &entry.store).await {
        Ok(client) => client,
        Err(fault) => return outcome.cannot_use(&entry.store, ps::not_pushed(entry, fault)),
    };
    if o.keeps_existing() {
        let exists = client.exists(&entry.push.at).await;
        match exists.map_err(|fault| fault.within("could not verify if secret exists in store")) {
            Ok(false) => {}
            Ok(true) => return,
            Err(fault) => return outcome.failed(&entry.store, ps::not_pushed(entry, fault)),
        }
    }
    if o.deletes() {
        note(w, o, |known| drop(known.clients.insert(entry.store.clone(), Arc::clone(&client))));
    }
    let push = Push { store: object_of(o, &entry.store), entry: entry.push.clone() };
    match w.act(Pushing { client, push }).await {
        Ok(pushed) => outcome.stored(entry, pushed),
        Err(fault) => outcome.failed(&entry.store, ps::not_pushed(entry, fault)),
    }
}

/// Takes back what can be; what cannot stays in the outcome.
async fn take_back(w: &World, providers: &Providers, o: &PushSecret, all: &[Obsolete], outcome: &mut Outcome) {
    for obsolete in all {
        if outcome.is_down(&obsolete.store) {
            outcome.keeps(obsolete);
            continue;
        }
        let client = match opened(w, providers, o, &obsolete.store).await {
            Ok(client) => client,
            Err(fault) => {
                outcome.cannot_use(&obsolete.store, ps::not_taken_back(obsolete, fault));
                outcome.keeps(obsolete);
                continue;
            }
        };
        let what = TakeBack { store: object_of(o, &obsolete.store), at: obsolete.at.clone() };
        match w.act(TakingBack { client, what }).await {
            Err(fault) if fault.kind() != Kind::NotFound => {
                outcome.failed(&obsolete.store, ps::not_taken_back(obsolete, fault));
                outcome.keeps(obsolete);
            }
            _ => outcome.taken_back(obsolete),
        }
    }
}

/// The client behind a store's key in the status. With a namespace its credentials may go before what was pushed with them: the
/// client that pushed may still do, or the namespace would hang.
async fn opened(w: &World, providers: &Providers, o: &PushSecret, key: &str) -> Result<Client, Fault> {
    let (kind, name) = ps::split_key(key)?;
    let opened = w.writing_client(providers, kind, namespace(o), name).await;
    let pushed = || w.memory::<Memory<Known>>().of(o, |known| known.clients.get(key).cloned()).flatten();
    match opened {
        Err(fault) if o.is_deleting() => pushed().ok_or(fault),
        opened => opened,
    }
}

/// The source is gone: what was pushed is taken back if that is wanted, and else the fault is told.
async fn without_source(w: &World, providers: &Providers, o: &PushSecret) -> Result<Finish, Fault> {
    if ps::is_source_deleted(o) {
        return Ok(Finish::settled());
    }
    let pushed = ps::everything(o);
    if !o.deletes() || pushed.is_empty() {
        return Err(Fault::wrong("could not get source secret").because("it does not exist"));
    }
    let mut outcome = Outcome::of(o);
    take_back(w, providers, o, &pushed, &mut outcome).await;
    Ok(match outcome.fault.take() {
        Some(fault) => ps::half_done(o, outcome, &fault, w.now()),
        None => ps::source_deleted(o, w.now()),
    })
}

fn generator_of(o: &PushSecret) -> Option<&GeneratorRef> {
    match o.source() {
        Some(PushSource::Generator(generator)) => Some(generator),
        _ => None,
    }
}

/// Where values come from.
enum Sources {
    /// Secrets, or a generator with the end of its values.
    Given(Vec<Given>, Option<Timestamp>),
    /// The named Secret does not exist.
    Gone,
    /// The generator is another controller class's.
    Foreign,
}

/// The Secrets whose values are pushed, or what a generator makes.
async fn sources(w: &World, providers: &Providers, o: &PushSecret) -> Result<Sources, Fault> {
    let read = async |name: &str| -> Result<Option<Given>, Fault> {
        let present =
            w.secret(namespace(o), name).await.map_err(|fault| fault.within("could not get source secret"))?;
        Ok(present.map(|present| Given { kind: present.kind, data: present.data }))
    };
    match o.source() {
        None => Err(Fault::wrong("could not get source secret").because("`spec.selector` names none")),
        Some(PushSource::Secret(name)) => {
            Ok(read(name).await?.map_or(Sources::Gone, |given| Sources::Given(vec![given], None)))
        }
        Some(PushSource::Selector(selector)) => {
            selector::check(selector).map_err(|fault| fault.within("could not get source secret"))?;
            let mut given = Vec::new();
            for seen in selected(w, namespace(o), selector) {
                given.extend(read(&seen.name).await?);
            }
            Ok(Sources::Given(given, None))
        }
        Some(PushSource::Generator(generator)) => {
            made(w, providers, o, generator).await.map_err(|fault| fault.within("error using generator"))
        }
    }
}

/// What a generator makes, or made for a push that failed.
async fn made(w: &World, providers: &Providers, o: &PushSecret, generator: &GeneratorRef) -> Result<Sources, Fault> {
    let generate = w.generator(&o.address().object(), generator, providers.class()).await?;
    let Some(generate) = generate else { return Ok(Sources::Foreign) };
    let unspent = w.memory::<Memory<Known>>().of(o, |known| known.unspent.find(0, &generate, w.now())).flatten();
    let made = match unspent {
        Some(made) => made,
        None => w.act(generate.clone()).await?,
    };
    note(w, o, |known| known.unspent.keep(0, &generate, made.clone()));
    Ok(Sources::Given(vec![Given { kind: "Opaque".to_owned(), data: made.values }], made.expires))
}

/// The Secrets that a selector chooses, by name.
fn selected(w: &World, namespace: &str, selector: &LabelSelector) -> Vec<Arc<SeenSecret>> {
    let mut all = w.cache::<SeenSecret>().within(namespace);
    all.retain(|seen| selects(selector, &seen.labels));
    all
}

/// The sources and stores as the caches have them: whether they changed is seen without a request.
fn look(w: &World, o: &PushSecret, stores: Option<&[Chosen]>) -> Looked {
    let all = match o.source() {
        Some(PushSource::Secret(name)) => w.seen_secret(namespace(o), name).into_iter().collect(),
        Some(PushSource::Selector(selector)) => selected(w, namespace(o), selector),
        Some(PushSource::Generator(_)) | None => Vec::new(),
    };
    let is_gone = all.is_empty() && matches!(o.source(), Some(PushSource::Secret(_)));
    let is_later = |seen: &Arc<SeenSecret>| is_newer(o.resource_version(), &seen.resource_version);
    Looked {
        is_later: is_gone || all.iter().any(is_later),
        sources: all.into_iter().map(|seen| (seen.name.to_string(), seen.data)).collect(),
        stores: stores.map(|all| all.iter().map(|(store, _)| (store.uid.clone(), store.generation)).collect()),
    }
}

/// A store, and the rules of `dataTo` that mean it.
type Chosen = (Store, Vec<PushSecretDataTo>);

/// The stores that the object names or selects. Those that are going, and those of another class, are left out (ESO §6.11).
fn stores(w: &World, providers: &Providers, o: &PushSecret) -> Result<Vec<Chosen>, Fault> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for reference in o.store_refs() {
        for store in chosen_by(w, o, reference)? {
            let is_known = chosen.iter().any(|(known, _)| known.object() == store.object());
            let is_foreign = store.class().is_some_and(|class| class != providers.class());
            if !is_known && !store.is_deleting && !is_foreign {
                chosen.push((store, Vec::new()));
            }
        }
    }
    for (place, rule) in o.data_to().iter().enumerate() {
        let wrong =
            || Fault::wrong(format!("could not expand dataTo[{place}]: storeRef matches none of secretStoreRefs"));
        let meant = chosen_by(w, o, rule.store_ref.as_ref().ok_or_else(wrong)?)?;
        let mut is_meant = false;
        for (_, rules) in chosen.iter_mut().filter(|(store, _)| meant.iter().any(|one| one.object() == store.object()))
        {
            rules.push(rule.clone());
            is_meant = true;
        }
        if !is_meant && !chosen.is_empty() {
            return Err(wrong());
        }
    }
    Ok(chosen)
}

fn chosen_by(w: &World, o: &PushSecret, reference: &PushSecretStoreRef) -> Result<Vec<Store>, Fault> {
    let (kind, namespace) = (reference.kind, namespace(o));
    if let Some(name) = reference.name() {
        let store = w.store(kind, namespace, name);
        let missing =
            || Fault::wrong(format!("could not get {} \"{name}\"", kind.as_str())).because("it does not exist");
        return Ok(vec![store.ok_or_else(missing)?]);
    }
    let Some(selector) = &reference.label_selector else {
        return Err(Fault::wrong("`spec.secretStoreRefs` needs a name or a labelSelector"));
    };
    selector::check(selector)?;
    // Only the own namespace's: a selector must not reach foreign stores (GHSA-fcxq-v2r3-cc8h).
    let is_chosen = |meta: &api::meta::ObjectMeta| selects(selector, &meta.labels.clone().unwrap_or_default());
    Ok(match kind {
        StoreKind::SecretStore => {
            let own = w.cache::<SecretStore>().within(namespace);
            own.iter().filter(|store| is_chosen(&store.metadata)).map(|store| Store::from(&**store)).collect()
        }
        StoreKind::ClusterSecretStore => {
            let all = w.cache::<ClusterSecretStore>().all();
            all.iter().filter(|store| is_chosen(&store.metadata)).map(|store| Store::from(&**store)).collect()
        }
    })
}

/// The store behind a key of the status, if it still exists.
fn store_of(w: &World, o: &PushSecret, key: &str) -> Option<Store> {
    let (kind, name) = ps::split_key(key).ok()?;
    w.store(kind, namespace(o), name)
}

fn object_of(o: &PushSecret, key: &str) -> ObjectRef {
    let (kind, name) = ps::split_key(key).unwrap_or((StoreKind::SecretStore, key));
    let home = if kind == StoreKind::SecretStore { namespace(o) } else { "" };
    ObjectRef::new(kind.as_str(), home, name)
}

fn namespace(o: &PushSecret) -> &str {
    o.metadata.namespace.as_deref().unwrap_or_default()
}
