//! References resolved: one client for all references with the same scheme and options, one read for all that point at one
//! place, one parse for all fragments of it – for as long as the resolver lives, which is one run of a command. It calls no
//! more places at once than [`AT_ONCE`], and of several failures it tells the first in the order of the documents.
//! What is asked for is `source::expand`'s; what a scheme means is its door's (`row::TextDoor`).
//! Specification: VALS §5.6, §5.7, §14, §17.3–17.4.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use base::encoding::Base64;
use base::{Fault, Kind, truth};
use document::{Node, Scalar};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use source::expand::{self, Answers, Body, Options, Wanted};
use source::{Locator, Payload, Reference, select};

use crate::reach::Reach;
use crate::registry;
use crate::row::{Asked, Client, TextDoor};

/// How many places are asked at the same time.
const AT_ONCE: usize = 16;

/// Options that every scheme has. They are about what is done with a value, so they do not make another client.
const COMMON: [&str; 4] = ["optional", "fallback_value", "trim_nl", "decode"];

/// What becomes of a key that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// It is an error.
    #[default]
    Refuse,
    /// It is null.
    Null,
}

/// Which schemes a text may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schemes {
    /// All that there are.
    #[default]
    All,
    /// These.
    Only(BTreeSet<String>),
}

/// Resolves references.
#[derive(Clone)]
pub struct Resolver {
    inner: Arc<Inner>,
    missing_key: MissingKey,
}

struct Inner {
    reach: Reach,
    schemes: Schemes,
    clients: Once<ClientKey, Client>,
    payloads: Once<Place, Arc<Payload>>,
    trees: Once<Place, Arc<Node>>,
    warnings: Mutex<BTreeSet<String>>,
}

/// Whose client: scheme and sorted options.
type ClientKey = (&'static str, Vec<(String, String)>);
/// Whose read.
type Place = (ClientKey, Locator);

impl Resolver {
    /// A resolver that may use what `reach` says.
    #[must_use]
    pub fn new(reach: Reach, schemes: Schemes, missing_key: MissingKey) -> Self {
        let inner = Inner {
            reach,
            schemes,
            clients: Once::default(),
            payloads: Once::default(),
            trees: Once::default(),
            warnings: Mutex::default(),
        };
        Self { inner: Arc::new(inner), missing_key }
    }

    /// One that shares its clients and what they have read.
    #[must_use]
    pub fn sharing(&self, missing_key: MissingKey) -> Self {
        Self { missing_key, ..self.clone() }
    }

    /// Whether references with these schemes are resolved without waiting for anybody, so that no runtime is needed.
    #[must_use]
    pub fn is_local<'a>(schemes: impl IntoIterator<Item = &'a str>) -> bool {
        let is_local = |scheme: &str| registry::scheme(&scheme.to_ascii_lowercase()).is_none_or(|door| door.is_local);
        schemes.into_iter().all(is_local)
    }

    /// Puts the values into documents.
    ///
    /// # Errors
    /// A reference cannot be resolved: the first in the order of the documents.
    pub async fn fill(&self, nodes: &mut [Node], options: &Options) -> Result<(), Fault> {
        let answers = self
            .answers(|wanted, answers| nodes.iter().try_for_each(|node| wanted.add_node(node, answers, options)))
            .await?;
        nodes.iter_mut().try_for_each(|node| expand::fill(node, &answers, options))
    }

    /// Puts the values into a text.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub async fn fill_text(&self, text: &str, options: &Options) -> Result<Vec<u8>, Fault> {
        let answers = self.answers(|wanted, answers| wanted.add_text(text, answers, options)).await?;
        expand::fill_text(text, &answers, options)
    }

    /// What the user should know, once each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.inner.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *warnings).into_iter().collect()
    }

    async fn value(&self, body: &Body) -> Result<Node, Fault> {
        let resolved = async {
            let reference = Reference::parse(body.text())?;
            let door = self.door(&reference.scheme)?;
            if !body.is_composed() {
                self.warn_of_unknown(door, &reference);
            }
            self.resolve(door, &reference).await
        };
        resolved.await.map_err(|fault| body.failed(fault))
    }

    /// Asks for what is wanted until nothing is.
    async fn answers(&self, want: impl Fn(&mut Wanted, &Answers) -> Result<(), Fault>) -> Result<Answers, Fault> {
        let mut answers = Answers::new();
        loop {
            let mut wanted = Wanted::default();
            want(&mut wanted, &answers)?;
            let bodies = wanted.into_bodies();
            if bodies.is_empty() {
                return Ok(answers);
            }
            let values = futures::stream::iter(bodies.iter().map(|body| self.value(body))).buffered(AT_ONCE);
            let values: Vec<Node> = values.try_collect().await?;
            answers.extend(bodies.iter().map(|body| body.text().to_owned()).zip(values));
        }
    }

    async fn resolve(&self, door: &'static TextDoor, reference: &Reference) -> Result<Node, Fault> {
        let environment = &self.inner.reach.surroundings.environment;
        let asked = Asked { reference, environment };
        match self.read(door, &asked).await {
            Err(fault) if fault.kind() == Kind::NotFound => fallback(&Common { door, asked: &asked }, fault),
            read => decoded(&Common { door, asked: &asked }, read?),
        }
    }

    fn door(&self, scheme: &str) -> Result<&'static TextDoor, Fault> {
        let door = registry::scheme(scheme);
        let door = door.ok_or_else(|| Fault::wrong(format!("no provider registered for scheme {scheme:?}")))?;
        match &self.inner.schemes {
            Schemes::Only(schemes) if !schemes.contains(scheme) => {
                Err(Fault::denied(format!("references with the scheme {scheme:?} are not allowed here")))
            }
            _ => Ok(door),
        }
    }

    async fn read(&self, door: &'static TextDoor, asked: &Asked<'_>) -> Result<Node, Fault> {
        let at = (client_key(door, asked.reference), (door.locate)(asked)?);
        if asked.reference.fragment.is_empty() {
            return (door.text)(asked, &*self.payload(door, asked, at).await?);
        }
        let tree = self.tree(door, asked, at).await?;
        let found = select::fragment(&tree, &asked.reference.fragment)?;
        match (found, self.missing_key) {
            (Some(node), _) => Ok(node.clone()),
            (None, MissingKey::Null) if !asked.has("fallback_value") => Ok(Node::Leaf(Scalar::Null)),
            (None, _) => Err(Fault::not_found(format!("no value found for key {}", asked.reference.key()))),
        }
    }

    async fn tree(&self, door: &'static TextDoor, asked: &Asked<'_>, at: Place) -> Result<Arc<Node>, Fault> {
        let (inner, reference) = (self.clone(), asked.reference.clone());
        let parse = async move {
            let asked = Asked { reference: &reference, environment: &inner.inner.reach.surroundings.environment };
            let payload = inner.payload(door, &asked, at.clone()).await?;
            (door.tree)(&asked, &payload).map(Arc::new)
        };
        let key = (client_key(door, asked.reference), (door.locate)(asked)?);
        self.inner.trees.of(key, parse).await
    }

    async fn payload(&self, door: &'static TextDoor, asked: &Asked<'_>, at: Place) -> Result<Arc<Payload>, Fault> {
        let (inner, reference, key) = (self.clone(), asked.reference.clone(), at.clone());
        let fetch = async move {
            let (client_key, locator) = at;
            let client = inner.client(door, client_key, reference).await?;
            client.fetch(&locator).await.map(Arc::new)
        };
        self.inner.payloads.of(key, fetch).await
    }

    async fn client(&self, door: &'static TextDoor, key: ClientKey, reference: Reference) -> Result<Client, Fault> {
        let inner = self.clone();
        let open = async move {
            let reach = &inner.inner.reach;
            (door.open)(&Asked { reference: &reference, environment: &reach.surroundings.environment }, reach).await
        };
        self.inner.clients.of(key, open).await
    }

    fn warn_of_unknown(&self, door: &TextDoor, reference: &Reference) {
        let is_known = |name: &str| {
            let is_prefix = |option: &&str| option.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix));
            COMMON.contains(&name) || door.options.contains(&name) || door.options.iter().any(is_prefix)
        };
        for (name, _) in reference.options.iter().filter(|(name, _)| !is_known(name)) {
            let warning = format!("the scheme `{}` knows no option `{name}`", door.scheme);
            self.inner.warnings.lock().unwrap_or_else(PoisonError::into_inner).insert(warning);
        }
    }
}

fn client_key(door: &TextDoor, reference: &Reference) -> ClientKey {
    let mut options = reference.options.clone();
    options.retain(|(name, _)| !COMMON.contains(&name.as_str()));
    options.sort();
    (door.scheme, options)
}

/// The options of a reference that every scheme has.
struct Common<'a> {
    door: &'a TextDoor,
    asked: &'a Asked<'a>,
}

impl Common<'_> {
    /// The variables of the peer count where it has the option, too: `VALS_DECODE` is about Vault.
    fn option(&self, name: &str) -> Option<&str> {
        if self.door.options.contains(&name) { self.asked.option(name) } else { self.asked.given(name) }
    }

    fn is_true(&self, name: &str) -> bool {
        self.option(name).is_some_and(truth::is_yes)
    }
}

/// What stands in for a secret or key that is not there. Anything but "not found" stays a failure.
fn fallback(common: &Common<'_>, fault: Fault) -> Result<Node, Fault> {
    match common.asked.reference.option("fallback_value") {
        Some(text) => Ok(Node::text(text)),
        None if common.is_true("optional") => Ok(Node::text("")),
        None => Err(fault),
    }
}

fn decoded(common: &Common<'_>, node: Node) -> Result<Node, Fault> {
    let node = match (common.option("decode"), &node) {
        (None | Some("raw"), _) => node,
        (Some("base64"), Node::Leaf(Scalar::Text(text))) => {
            let decoded = Base64::Standard.decode_or_place(text.expose());
            Node::text(decoded.map_err(|illegal| Fault::wrong("cannot decode the value").because(illegal))?)
        }
        (Some("base64"), _) => node,
        (Some(other), _) => return Err(Fault::wrong(format!("unsupported decode parameter: {other:?}"))),
    };
    match &node {
        Node::Leaf(Scalar::Text(text)) if common.is_true("trim_nl") => {
            let text = text.expose();
            Ok(Node::text(text.strip_suffix(b"\n").unwrap_or(text)))
        }
        _ => Ok(node),
    }
}

/// What is made once, however many ask for it, at the same time or later. A failure is made once, too.
struct Once<K, V>(Mutex<HashMap<K, Making<V>>>);

type Making<V> = Shared<BoxFuture<'static, Result<V, Arc<Fault>>>>;

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V: Clone + Send + Sync + 'static> Once<K, V> {
    async fn of(&self, key: K, make: impl Future<Output = Result<V, Fault>> + Send + 'static) -> Result<V, Fault> {
        let making = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(key).or_insert_with(|| make.map(|made| made.map_err(Arc::new)).boxed().shared()).clone()
        };
        making.await.map_err(|fault| Fault::shared(&fault))
    }
}

#[cfg(test)]
pub(crate) mod tests;
