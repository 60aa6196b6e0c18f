//! What is known of the cluster: one watch per kind and scope for all features of the process, reduced to what is needed
//! before it is kept. Every change – apply, delete, what a new list shows – goes to the listeners with the state before and
//! after, so that nobody loses the last state of a deleted object. A broken object is told and skipped.
//! Why not kube's reflector: it drops deletions and keeps one copy per controller (design §11.4).

mod follow;
mod unreadable;

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

/// How an object comes over the wire, and what is kept of it.
pub trait Kept: Send + Sync + Sized + 'static {
    /// The type that is decoded.
    type Wire: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + 'static;

    /// What is kept.
    ///
    /// # Errors
    /// The object could not be decoded: its sentence, to be told on the object itself.
    fn keep(wire: Self::Wire) -> Result<Self, String>;

    /// Its version, to tell old from new.
    fn resource_version(&self) -> &str;
}

/// Custom resources are kept whole, but for what no decision reads.
impl<K> Kept for K
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    type Wire = DeserializeGuard<K>;

    fn keep(wire: Self::Wire) -> Result<Self, String> {
        let mut object = wire.0.map_err(|broken| unreadable::told(&broken.error))?;
        let meta = object.meta_mut();
        meta.managed_fields = None;
        Ok(object)
    }

    fn resource_version(&self) -> &str {
        self.meta().resource_version.as_deref().unwrap_or_default()
    }
}

/// Namespace and name.
pub type Name = (Arc<str>, Arc<str>);

/// A change of one object.
pub struct Changed<T> {
    /// Which object.
    pub name: Name,
    /// As it stood; none for a new one.
    pub before: Option<Arc<T>>,
    /// As it stands; none for a deleted one.
    pub after: Option<Arc<T>>,
    /// Whether it came with the first list of a watch: everything is "new" then.
    pub is_initial: bool,
}

/// An object that could not be decoded.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which object.
    pub name: Name,
    /// Its uid, for the event on it.
    pub uid: String,
    /// Why; never holds a value.
    pub error: String,
}

type Listener<T> = Box<dyn Fn(&Changed<T>) + Send + Sync>;
type BrokenListener = Box<dyn Fn(&Broken) + Send + Sync>;
type IndexOf<T> = fn(&T) -> Vec<String>;

/// All objects of one kind.
pub struct Store<T> {
    objects: RwLock<BTreeMap<Name, Arc<T>>>,
    indexes: RwLock<HashMap<&'static str, Index<T>>>,
    listeners: RwLock<Vec<Listener<T>>>,
    broken: RwLock<Vec<BrokenListener>>,
    begun: AtomicBool,
    pending: AtomicUsize,
    denied: AtomicUsize,
    listed: Mutex<Option<std::time::Instant>>,
    sight: watch::Sender<Sight>,
}

/// How much of its kind a store sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The first lists are not here yet.
    Waiting,
    /// The first lists are here; whether the watches after them are granted is not known yet. Some roles give `list` alone.
    Listed,
    /// Everything.
    Clear,
    /// The role or the server denies the watch (403, 404): the store may be old or empty.
    Denied,
}

struct Index<T> {
    of: IndexOf<T>,
    entries: HashMap<String, BTreeSet<Name>>,
}

impl<T: Kept> Default for Store<T> {
    fn default() -> Self {
        Self {
            objects: RwLock::default(),
            indexes: RwLock::default(),
            listeners: RwLock::default(),
            broken: RwLock::default(),
            begun: AtomicBool::new(false),
            pending: AtomicUsize::new(0),
            denied: AtomicUsize::new(0),
            listed: Mutex::default(),
            sight: watch::Sender::new(Sight::Waiting),
        }
    }
}

impl<T: Kept> Store<T> {
    /// The object of that name.
    #[must_use]
    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        read(&self.objects).get(&(namespace.into(), name.into())).cloned()
    }

    /// The objects of a namespace, by name; those of other namespaces are not looked at.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Vec<Arc<T>> {
        let objects = read(&self.objects);
        let first: Name = (namespace.into(), "".into());
        objects
            .range(first..)
            .take_while(|(name, _)| *name.0 == *namespace)
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// All objects, by namespace and name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<T>> {
        read(&self.objects).values().cloned().collect()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        read(&self.objects).len()
    }

    /// Whether there is no object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps an index from now on; `of` gives the values under which an object is found.
    pub fn index(&self, name: &'static str, of: IndexOf<T>) {
        let mut index = Index { of, entries: HashMap::new() };
        for (name, object) in read(&self.objects).iter() {
            index.add(name, object);
        }
        write(&self.indexes).insert(name, index);
    }

    /// The objects under a value of an index, by name.
    #[must_use]
    pub fn by(&self, index: &str, value: &str) -> Vec<Arc<T>> {
        let indexes = read(&self.indexes);
        let names = indexes.get(index).and_then(|index| index.entries.get(value));
        let objects = read(&self.objects);
        names.into_iter().flatten().filter_map(|name| objects.get(name).cloned()).collect()
    }

    /// Calls back on every change; objects that are there already are not told.
    pub fn listen(&self, listener: impl Fn(&Changed<T>) + Send + Sync + 'static) {
        write(&self.listeners).push(Box::new(listener));
    }

    /// Calls back on every object that cannot be decoded.
    pub fn listen_broken(&self, listener: impl Fn(&Broken) + Send + Sync + 'static) {
        write(&self.broken).push(Box::new(listener));
    }

    /// Waits until the first list of every watch of this kind is here, or is denied.
    pub async fn ready(&self) {
        let mut sight = self.sight.subscribe();
        // The sender lives as long as the store; an error cannot happen while we hold it.
        let _ = sight.wait_for(|sight| *sight != Sight::Waiting).await;
    }

    /// Whether the store holds everything of its kind, as far as nothing says otherwise.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(*self.sight.borrow(), Sight::Listed | Sight::Clear)
    }

    /// Whether watches that have proven themselves keep the store new. Until then a role without `watch` may stand behind it.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        *self.sight.borrow() == Sight::Clear
    }

    /// Whether the last list of the whole kind came within this time.
    #[must_use]
    pub fn is_listed_within(&self, age: Duration) -> bool {
        let listed = *self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.is_some_and(|listed| listed.elapsed() < age)
    }

    /// How much the store sees, now and whenever that changes.
    #[must_use]
    pub fn sight(&self) -> watch::Receiver<Sight> {
        self.sight.subscribe()
    }

    /// Takes an object that a write of ours answered, so that the next pass does not decide on an older state. It is told as a
    /// watch would: the answer may hold what somebody else changed meanwhile, and other rows may look at what we wrote.
    pub fn learn(&self, name: Name, object: T) {
        self.apply(name, Arc::new(object), false, true);
    }

    /// Takes what a LIST of one namespace showed in the place of what was known of it: for kinds whose watch is denied.
    /// Nobody is told.
    pub fn relist(&self, namespace: &str, objects: Vec<(Name, T)>) {
        let listed: HashSet<Name> = objects.iter().map(|(name, _)| name.clone()).collect();
        let is_gone = |name: &&Name| *name.0 == *namespace && !listed.contains(*name);
        let gone: Vec<Name> = read(&self.objects).keys().filter(is_gone).cloned().collect();
        for name in gone {
            let before = write(&self.objects).remove(&name);
            self.reindex(&name, before.as_deref(), None);
        }
        objects.into_iter().for_each(|(name, object)| self.apply(name, Arc::new(object), false, false));
    }

    /// A store without a watch, filled by hand: it is ready at once.
    pub fn set_ready(&self) {
        self.sight.send_replace(Sight::Clear);
    }

    fn apply(&self, name: Name, object: Arc<T>, is_initial: bool, tell: bool) {
        let before = {
            let mut objects = write(&self.objects);
            let before = objects.get(&name).cloned();
            if before.as_deref().is_some_and(|before| !is_newer(before.resource_version(), object.resource_version())) {
                return;
            }
            objects.insert(name.clone(), Arc::clone(&object));
            before
        };
        self.reindex(&name, before.as_deref(), Some(&object));
        if tell {
            self.tell(&Changed { name, before, after: Some(object), is_initial });
        }
    }

    fn delete(&self, name: Name) {
        let before = write(&self.objects).remove(&name);
        if before.is_none() {
            return;
        }
        self.reindex(&name, before.as_deref(), None);
        self.tell(&Changed { name, before, after: None, is_initial: false });
    }

    fn reindex(&self, name: &Name, before: Option<&T>, after: Option<&T>) {
        for index in write(&self.indexes).values_mut() {
            if let Some(before) = before {
                index.remove(name, before);
            }
            if let Some(after) = after {
                index.add(name, after);
            }
        }
    }

    fn tell(&self, changed: &Changed<T>) {
        for listener in read(&self.listeners).iter() {
            listener(changed);
        }
    }

    fn tell_broken(&self, meta: &ObjectMeta, error: String) {
        let name = name_of(meta);
        let uid = meta.uid.clone().unwrap_or_default();
        let broken = Broken { name, uid, error };
        for listener in read(&self.broken).iter() {
            listener(&broken);
        }
    }
}

impl<T> Index<T> {
    fn add(&mut self, name: &Name, object: &T) {
        for value in (self.of)(object) {
            self.entries.entry(value).or_default().insert(name.clone());
        }
    }

    fn remove(&mut self, name: &Name, object: &T) {
        for value in (self.of)(object) {
            if let Some(names) = self.entries.get_mut(&value) {
                names.remove(name);
                if names.is_empty() {
                    self.entries.remove(&value);
                }
            }
        }
    }
}

/// Where a watch looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The whole cluster.
    #[default]
    Cluster,
    /// One namespace.
    Namespace(String),
}

impl Scope {
    fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespace(own) => own == namespace,
        }
    }
}

/// What a watch asks for beside the kind.
#[derive(Clone, Debug, Default)]
pub struct Selectors {
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
}

/// The stores of a process, one per type.
pub struct Caches {
    client: kube::Client,
    scopes: Vec<Scope>,
    stores: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    tasks: Mutex<tokio::task::JoinSet<()>>,
    sights: Mutex<Vec<watch::Receiver<Sight>>>,
}

impl Caches {
    /// Stores fed by this client; namespaced kinds are watched in these scopes.
    #[must_use]
    pub fn new(client: kube::Client, scopes: Vec<Scope>) -> Self {
        Self { client, scopes, stores: Mutex::default(), tasks: Mutex::default(), sights: Mutex::default() }
    }

    /// Where namespaced kinds are watched.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Whether namespaced kinds are seen in every namespace.
    #[must_use]
    pub fn sees_all_namespaces(&self) -> bool {
        self.scopes.contains(&Scope::Cluster)
    }

    /// The store of a kind. Without [`Self::watch`] it stays empty.
    pub fn store<T: Kept>(&self) -> Arc<Store<T>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let any = stores.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(Store::<T>::default()));
        Arc::downcast(Arc::clone(any)).expect("a store lies under its own type")
    }

    /// Waits until the first lists of all watches are here, or denied: no pass decides on half of the picture.
    pub async fn ready(&self) {
        let sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for mut sight in sights {
            // The stores live as long as the caches.
            let _ = sight.wait_for(|sight| *sight != Sight::Waiting).await;
        }
    }

    /// Starts the watches of a namespaced kind, once; listeners and indexes must be there before.
    pub fn watch<T: Kept>(&self, selectors: &Selectors)
    where
        T::Wire: Resource<Scope = kube::core::NamespaceResourceScope>,
    {
        let apis = self.scopes.iter().map(|scope| {
            let api = match scope {
                Scope::Cluster => Api::all(self.client.clone()),
                Scope::Namespace(namespace) => Api::namespaced(self.client.clone(), namespace),
            };
            (api, scope.clone())
        });
        self.follow::<T>(apis.collect(), selectors);
    }

    /// Starts the watch of a cluster-scoped kind, once.
    pub fn watch_cluster<T: Kept>(&self, selectors: &Selectors) {
        self.follow::<T>(vec![(Api::all(self.client.clone()), Scope::Cluster)], selectors);
    }

    fn follow<T: Kept>(&self, apis: Vec<(Api<T::Wire>, Scope)>, selectors: &Selectors) {
        let store = self.store::<T>();
        if store.is_ready() || store.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        store.pending.store(apis.len(), Ordering::Release);
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).push(store.sight());
        let mut config = watcher::Config::default().page_size(PAGE);
        config.label_selector.clone_from(&selectors.labels);
        config.field_selector.clone_from(&selectors.fields);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for (api, scope) in apis {
            tasks.spawn(Arc::clone(&store).follow(api, config.clone(), scope));
        }
    }
}

/// Objects per page of a list: 250 Secrets of 1 MiB are the most that stands in memory while it is read.
const PAGE: u32 = 250;

/// Namespace and name out of metadata.
#[must_use]
pub fn name_of(meta: &ObjectMeta) -> Name {
    (meta.namespace.as_deref().unwrap_or_default().into(), meta.name.as_deref().unwrap_or_default().into())
}

/// Versions are comparable numbers (Kubernetes ≥ 1.35 says so, etcd always made them so); whatever is not a number is taken.
pub(crate) fn is_newer(old: &str, new: &str) -> bool {
    match (old.parse::<u64>(), new.parse::<u64>()) {
        (Ok(old), Ok(new)) => new > old,
        _ => old != new,
    }
}

fn read<V>(lock: &RwLock<V>) -> std::sync::RwLockReadGuard<'_, V> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<V>(lock: &RwLock<V>) -> std::sync::RwLockWriteGuard<'_, V> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
